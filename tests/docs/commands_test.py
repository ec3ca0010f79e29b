# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs every block of commands (```sh) of the manual, each as one case.

Blocks with words in capitals (FOLDER, MODEL) need what only the reader has, and are left out, as are
those below a line <!-- not run: REASON -->.

Arguments: the build folder, the clip that ships.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "pipelines"))
import short_clip  # noqa: E402
import tap_runner  # noqa: E402

BUILD = pathlib.Path(sys.argv[1]).resolve()
CLIP = pathlib.Path(sys.argv[2]).resolve()
# Their commands need files of their own; tests/pipelines/media_docs_test.py runs them.
ELSEWHERE = ("batch.md", "export.md")
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md",
         *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in ELSEWHERE)]
BLOCK = re.compile(r"((?:<!-- not run: (.+?) -->\n)?)^```sh\n(.*?)^```$", re.M | re.S)
PLACEHOLDER = re.compile(r"(?<![\w$.{-])(?:FOLDER|MODEL|AVSS|FILE|HOST|NAME)\b(?![=_])")
# Names of videos that the manual uses.
VIDEOS = ("in.webm", "in.mp4", "in.mkv", "clip.mp4")


def blocks():
    """(page, line, commands, reason not to run them or None)"""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for found in BLOCK.finditer(text):
            line = text[:found.start(3)].count("\n") + 1
            reason = found.group(2)
            if not reason and (word := PLACEHOLDER.search(found.group(3))):
                reason = f"{word.group()} is the reader's"
            yield page, line, found.group(3), reason


def environment(home):
    """What `meson devenv` gives, a home of its own, and sinks that need no screen."""
    kept = {name: value for name, value in os.environ.items()
            if name not in ("DISPLAY", "WAYLAND_DISPLAY", "GST_DEBUG", "GTEST_FILTER")}
    return {
        **kept,
        "PATH": f"{BUILD / 'pipelines'}:{kept['PATH']}",
        "HOME": str(home),
        "GST_PLUGIN_PATH": str(BUILD / "gst"),
        "GST_REGISTRY": str(home / "registry.bin"),
        "GST_PLUGIN_FEATURE_RANK": "fakevideosink:MAX,fakeaudiosink:MAX",
        "LIGHTAVSEG_MODEL_PATH": str(ROOT / "model" / "pretrained"),
    }


class Commands(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="lightavseg-docs-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        for name in ("pipelines", "model", "tests", "docs", "gst", "dsp"):
            (cls.folder / name).symlink_to(ROOT / name)
        (cls.folder / "build").symlink_to(BUILD)
        short_clip.cut(CLIP, cls.folder / VIDEOS[0])
        for name in VIDEOS[1:]:
            shutil.copy(cls.folder / VIDEOS[0], cls.folder / name)
        shutil.copy(CLIP, cls.folder / "clip.mkv")

    def run_block(self, commands):
        before = set(self.folder.iterdir())
        done = subprocess.run(["bash", "-e", "-o", "pipefail", "-c", commands], cwd=self.folder,
                              env=environment(self.folder), stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, check=False, timeout=200)
        said = f"{commands}\n{done.stdout[-1500:]}\n{done.stderr[-1500:]}"
        # 141: a reader such as head had enough.
        self.assertIn(done.returncode, (0, 141), said)
        self.assertNotIn("ERROR:", done.stdout + done.stderr, said)
        for path in set(self.folder.iterdir()) - before:
            if path.is_file() and path.suffix != ".bin":
                self.assertGreater(path.stat().st_size, 0, f"{path.name} is empty; {commands}")


class Blocks(unittest.TestCase):
    def test_few_blocks_are_left_out(self):
        left_out = [(page.name, line) for page, line, _, reason in blocks() if reason]
        everything = len(list(blocks()))
        self.assertGreater(everything, 15)
        self.assertLess(len(left_out), everything * 2 / 3, left_out)

    def test_every_fence_is_seen(self):
        fences = sum(len(re.findall(r"^```sh$", page.read_text(encoding="utf-8"), re.M))
                     for page in PAGES)
        self.assertEqual(len(list(blocks())), fences)


def add_cases():
    for page, line, commands, reason in blocks():
        name = f"test_{page.stem.lower().replace('-', '_')}_line_{line}"

        def case(self, commands=commands, reason=reason):
            if reason:
                self.skipTest(reason)
            self.run_block(commands)
        setattr(Commands, name, case)


if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    add_cases()
    tap_runner.main()
