# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every script of pipelines/recipes: what it writes is read back.

Arguments: the build folder, the clip that ships.
"""
import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "gst"))
from gst_python import Gst, content, samples, tap_runner  # noqa: E402
from short_clip import FRAMES, HEIGHT, WIDTH, cut  # noqa: E402

BUILD = pathlib.Path(sys.argv[1]).resolve()
CLIP = pathlib.Path(sys.argv[2]).resolve()
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
RECIPES = ROOT / "pipelines" / "recipes"
# Every tenth frame has a mask of its own: the network is tested elsewhere.
FAST = "inference-interval=10"


def scripts():
    """The names of all recipes."""
    return sorted(p.name for p in RECIPES.iterdir() if os.access(p, os.X_OK))


def command(name, *arguments):
    return [str(RECIPES / name), "--build", str(BUILD), *map(str, arguments)]


def run(name, *arguments):
    done = subprocess.run(command(name, *arguments), capture_output=True, text=True, check=False,
                          timeout=150)
    done.text = done.stdout + done.stderr
    return done


def decoded(path, pixel_format):
    """The bytes of every frame of a file."""
    source = f'multifilesrc location="{path}" ! pngdec' if path.suffix == ".png" else \
        f'filesrc location="{path}" ! decodebin'
    return [content(sample) for sample in samples(
        f"{source} ! videoconvert ! video/x-raw,format={pixel_format} ! "
        "appsink name=out sync=false")]


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="lightavseg-recipes-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def good(self, done):
        self.assertEqual(done.returncode, 0, done.text)
        self.assertNotIn("ERROR", done.text)
        return done.stdout


class Live(Case):
    """Camera and microphone, or the test sources in their place."""

    def test_overlay(self):
        self.good(run("live-overlay", "--seconds", 5, "--sink", "fakesink"))

    def test_matte_beside_the_overlay(self):
        self.good(run("live-matte", "--seconds", 5, "--sink", "fakesink"))

    def test_rtp_arrives(self):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        arguments = command("live-rtp", "--out", self.folder, "127.0.0.1", port, FAST)
        with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              start_new_session=True) as sender:
            try:
                frames = samples(
                    f"udpsrc port={port} caps=application/x-rtp,media=video,clock-rate=90000,"
                    "encoding-name=H264,payload=96 ! rtpjitterbuffer ! rtph264depay ! h264parse ! "
                    "avdec_h264 ! appsink name=out sync=false", seconds=60)
                caps = next(frames).get_caps().get_structure(0)
                frames.close()
            finally:
                os.killpg(sender.pid, 15)
        self.assertEqual(caps.get_int("width"), (True, 1280))
        text = (self.folder / "live.sdp").read_text()
        self.assertIn(f"m=video {port} RTP/AVP 96", text)


class Recorded(Case):
    def setUp(self):
        super().setUp()
        self.clip = self.folder / "the cow.mkv"
        cut(CLIP, self.clip)
        self.out = self.folder / "out"

    def export(self, form, *arguments):
        return self.good(run("export-file", "--out", self.out, form, self.clip, FAST, *arguments))

    def check_alpha(self, frames):
        """Alpha is 0 where nothing sounds, and not everywhere."""
        self.assertEqual(len(frames), FRAMES)
        alpha = [frame[3::4] for frame in frames]
        self.assertEqual(len(alpha[-1]), WIDTH * HEIGHT)
        self.assertLess(min(alpha[-1]), 5)
        self.assertGreater(max(alpha[-1]), 250)

    def test_export_prores(self):
        self.assertIn(str(self.out / "the cow.mov"), self.export("prores"))
        self.check_alpha(decoded(self.out / "the cow.mov", "RGBA"))

    def test_export_ffv1(self):
        self.export("ffv1")
        self.check_alpha(decoded(self.out / "the cow.mkv", "RGBA"))

    def test_export_png(self):
        self.export("png")
        self.assertEqual(len(list(self.out.iterdir())), FRAMES)
        self.check_alpha(decoded(self.out / "the cow-%05d.png", "RGBA"))

    def test_export_matte(self):
        self.export("matte")
        frames = decoded(self.out / "the cow-matte.mkv", "GRAY8")
        self.assertEqual(len(frames), FRAMES)
        self.assertEqual((min(frames[-1]), max(frames[-1])), (0, 255))

    def test_export_never_overwrites_its_input(self):
        before = self.clip.read_bytes()
        done = run("export-file", "--out", self.folder, "ffv1", self.clip)
        self.assertEqual(done.returncode, 1, done.text)
        self.assertIn("is the input", done.text)
        self.assertEqual(self.clip.read_bytes(), before)

    def test_select_classes(self):
        self.good(run("select-classes", "cow,bird", self.clip, FAST, "--sink", "fakesink"))

    def test_split_screen_shows_the_cow_on_its_side_only(self):
        self.good(run("split-screen", "--out", self.out, "cow", "bird", self.clip, FAST))
        last = decoded(self.out / "the cow-split.webm", "GRAY8")[-1]
        rows = [last[i:i + 1280] for i in range(0, len(last), 1280)]
        self.assertEqual(len(rows), 360)
        lit = [sum(value > 20 for row in rows for value in row[side]) / (640 * 360)
               for side in (slice(0, 640), slice(640, 1280))]
        self.assertGreater(lit[0], 0.02, lit)
        self.assertGreater(lit[0], 2 * lit[1], lit)

    def test_ges_effect(self):
        self.good(run("ges-effect", "--out", self.out, CLIP, FAST))
        frames = decoded(self.out / f"{CLIP.stem}-over-green.mkv", "RGB")
        self.assertEqual(len(frames), 100)
        last = frames[60]
        green = sum(r < 60 and g > 200 and b < 60
                    for r, g, b in zip(last[::3], last[1::3], last[2::3])) / (640 * 360)
        self.assertTrue(0.02 < green < 0.98, green)

    def test_metadata_json(self):
        lines = self.good(run("metadata-json", self.clip, FAST)).splitlines()
        self.assertEqual(len(lines), FRAMES)
        last = json.loads(lines[-1])
        self.assertEqual(last["time"], (FRAMES - 1) / 20)
        self.assertGreater(last["area"], 0.02)
        self.assertEqual(max(last["labels"], key=last["labels"].get), "cow")
        self.assertEqual(len(last["box"]), 4)


class Use(Case):
    def test_every_recipe_has_help_and_a_dry_run(self):
        words = {"export-file": ["ffv1"], "select-classes": ["cow"], "split-screen": ["a", "b"]}
        self.assertEqual(len(scripts()), 8)
        for name in scripts():
            done = run(name, "--help")
            self.assertIn(f"Usage: {name}", self.good(done))
            self.assertIn("--dry-run", done.stdout)
            # Properties must reach lightavseg in every recipe.
            shown = self.good(run(name, "--dry-run", *words.get(name, []), "feather=7"))
            self.assertRegex(shown, "lightavseg|masks_to_json", name)
            self.assertRegex(shown, "feather[= ]7", name)

    def test_wrong_use_is_named(self):
        for name, arguments in [("live-overlay", ["--nonsense"]), ("live-rtp", ["host", "door"]),
                                ("export-file", ["avi"]), ("export-file", []),
                                ("select-classes", []), ("split-screen", ["cow"]),
                                ("live-matte", ["--seconds", "many"]), ("ges-effect", ["--out"])]:
            done = run(name, *arguments)
            self.assertEqual(done.returncode, 2, (name, arguments, done.text))
            self.assertIn("--help", done.stderr)

    def test_missing_file_is_named(self):
        for name, words in [("export-file", ["ffv1"]), ("select-classes", ["cow"]),
                            ("split-screen", ["a", "b"]), ("ges-effect", []),
                            ("metadata-json", [])]:
            done = run(name, *words, self.folder / "none.mkv")
            self.assertEqual(done.returncode, 1, done.text)
            self.assertIn("none.mkv: no such file", done.stderr)


if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    Gst.init(None)
    tap_runner.main()
