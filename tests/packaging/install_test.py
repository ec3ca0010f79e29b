# SPDX-License-Identifier: LGPL-2.1-or-later
"""What `meson install` puts where, and whether it works there.

Arguments: meson (words separated by blanks), the build folder, the prefix, and the folders of
programs, libraries, data and manual pages below it.
"""
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pipelines"))
import tap_runner  # noqa: E402

MESON, BUILD = sys.argv[1].split(), pathlib.Path(sys.argv[2])
BIN, LIB, DATA, MAN = (pathlib.PurePath(sys.argv[3], name) for name in sys.argv[4:8])
METAINFO = "io.github.lightavseg.lightavseg.metainfo.xml"


class Installed(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="lightavseg-install-")
        cls.addClassCleanup(folder.cleanup)
        cls.root = pathlib.Path(folder.name)
        subprocess.run([*MESON, "install", "-C", str(BUILD), "--no-rebuild", "--destdir",
                        str(cls.root)], check=True, capture_output=True, text=True, timeout=300)

    def path(self, folder, *names):
        """Where a file of the system lies below the folder that stands for its root."""
        return self.root.joinpath(*folder.parts[1:], *names)

    def run_there(self, *command):
        environment = {
            **os.environ,
            "GST_PLUGIN_PATH": str(self.path(LIB, "gstreamer-1.0")),
            "GST_REGISTRY": str(self.root / "registry.bin"),
            # The real system would find it in its prefix.
            "LIGHTAVSEG_MODEL_PATH": str(self.path(DATA, "lightavseg")),
        }
        done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False,
                              env=environment, timeout=120)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout

    def test_nothing_else_is_installed(self):
        found = {"/" + str(p.relative_to(self.root)) for p in self.root.rglob("*")
                 if p.is_file() and p.name != "registry.bin"}
        self.assertEqual(found, {
            str(BIN / "lightavseg"),
            str(LIB / "gstreamer-1.0" / "libgstlightavseg.so"),
            str(LIB / "lightavseg" / "lightavseg-reference.so"),
            str(DATA / "lightavseg" / "lightavseg.safetensors"),
            str(DATA / "lightavseg" / "taxonomy.json"),
            str(DATA / "metainfo" / METAINFO),
            str(MAN / "man1" / "lightavseg.1"),
        })

    def test_tool_finds_its_model(self):
        text = self.run_there(self.path(BIN, "lightavseg"), "info",
                              self.path(DATA, "lightavseg", "lightavseg.safetensors"))
        self.assertIn("base", text)

    def test_tool_looks_for_the_model_where_it_is_installed(self):
        folder = str(DATA / "lightavseg").encode()
        for path in (self.path(BIN, "lightavseg"),
                     self.path(LIB, "gstreamer-1.0", "libgstlightavseg.so")):
            self.assertIn(folder, path.read_bytes())

    def test_plugin_runs(self):
        text = self.run_there("gst-launch-1.0", "videotestsrc", "num-buffers=3", "!",
                              "m.video_sink", "audiotestsrc", "num-buffers=20", "!",
                              "m.audio_sink", "lightavseg", "name=m", "!", "fakesink")
        self.assertNotIn("ERROR", text)

    def test_manual_page_tells_every_subcommand(self):
        page = self.path(MAN, "man1", "lightavseg.1")
        text = page.read_text(encoding="utf-8")
        shown = self.run_there(self.path(BIN, "lightavseg"), "--help")
        names = [line.split()[0] for line in shown.split("Subcommands:")[1].splitlines()
                 if line.startswith("  ")]
        self.assertIn("run", names)
        for name in names:
            self.assertIn(f"lightavseg {name}", text)
        for heading in ("NAME", "SYNOPSIS", "OPTIONS", "EXIT STATUS", "ENVIRONMENT"):
            self.assertIn(f".SH {heading}\n", text)

    @unittest.skipUnless(shutil.which("man"), "man is missing (man-db)")
    def test_manual_page_is_drawn_without_warnings(self):
        done = subprocess.run(["man", "--warnings", "-l",
                               str(self.path(MAN, "man1", "lightavseg.1"))],
                              capture_output=True, text=True, check=True,
                              env={**os.environ, "MANWIDTH": "100", "MANPAGER": "cat",
                                   "LC_ALL": "C.UTF-8"})
        self.assertEqual(done.stderr, "")
        self.assertIn("LIGHTAVSEG(1)", done.stdout)

    @unittest.skipUnless(shutil.which("appstreamcli"), "appstreamcli is missing (appstream)")
    def test_metainfo_is_valid(self):
        self.run_there("appstreamcli", "validate", "--no-net", self.path(DATA, "metainfo", METAINFO))


if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    tap_runner.main()
