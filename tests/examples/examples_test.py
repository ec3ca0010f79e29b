# SPDX-License-Identifier: LGPL-2.1-or-later
"""The programs of pipelines/examples.

Arguments: frames_in_memory, preview_gtk (or "none"), the clip that ships.
"""
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "pipelines"))
import tap_runner  # noqa: E402
import virtual_screen  # noqa: E402

FRAMES_IN_MEMORY, PREVIEW, CLIP = sys.argv[1:4]
PYTHON = str(ROOT / "pipelines" / "examples" / "masks_to_json.py")


def run(*command, **changes):
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False,
                          env={**os.environ, **changes}, timeout=120)


class FramesInMemory(unittest.TestCase):
    def test_every_frame_comes_back_with_its_sound(self):
        done = run(FRAMES_IN_MEMORY, 55)
        self.assertEqual(done.returncode, 0, done.stderr)
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 55)
        self.assertTrue(lines[0].startswith("0.00 s: area 0.000, sound -100 dB"), lines[0])
        # A sine of 0.3 has 0.3 / sqrt(2) as RMS: -13.5 dB.
        self.assertRegex(lines[-1], r"^2\.16 s: area \d\.\d+, sound -1[34] dB$")

    def test_missing_model_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "lightavseg.safetensors").write_bytes(b"no model")
            done = run(FRAMES_IN_MEMORY, LIGHTAVSEG_MODEL_PATH=folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("The model file is not valid.", done.stderr)

    def test_wrong_use(self):
        self.assertEqual(run(FRAMES_IN_MEMORY, "many").returncode, 2)


class MasksToJson(unittest.TestCase):
    @staticmethod
    def records(*properties):
        done = run("/usr/bin/python3", PYTHON, CLIP, "inference-interval=25", *properties)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    def test_every_frame_of_the_clip_and_none_while_it_is_silent(self):
        records = self.records()
        self.assertEqual(len(records), 350)
        self.assertGreater(max(r["area"] for r in records[25:80]), 0.02)
        # A second after the last sound, until the next one; the clip is silent from 7 to 10.5 s.
        self.assertEqual({r["area"] for r in records[226:250]}, {0})

    def test_a_class_that_is_not_there(self):
        self.assertEqual({r["area"] for r in self.records("classes=piano")}, {0})

    def test_missing_model_is_told(self):
        with tempfile.TemporaryDirectory() as folder:
            pathlib.Path(folder, "lightavseg.safetensors").write_bytes(b"no model")
            done = run("/usr/bin/python3", PYTHON, CLIP, LIGHTAVSEG_MODEL_PATH=folder)
        self.assertEqual(done.returncode, 1)
        self.assertIn("The model file is not valid.", done.stderr)

    def test_unknown_property_and_wrong_use(self):
        done = run("/usr/bin/python3", PYTHON, CLIP, "colour=red")
        self.assertEqual(done.returncode, 1)
        self.assertIn("no property 'colour'", done.stderr)
        self.assertIn("Usage", run("/usr/bin/python3", PYTHON).stderr)


@unittest.skipIf(PREVIEW == "none", "GTK 3 was missing at build time (libgtk-3-dev)")
@unittest.skipIf(virtual_screen.MISSING, virtual_screen.MISSING)
class PreviewGtk(unittest.TestCase):
    def setUp(self):
        if run("gst-inspect-1.0", "--exists", "gtksink").returncode:
            self.skipTest("gtksink is missing (gstreamer1.0-gtk3)")
        folder = tempfile.TemporaryDirectory(prefix="lightavseg-preview-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.display = virtual_screen.start(self, "800x600")

    @staticmethod
    def end(process):
        process.terminate()
        process.wait(timeout=30)

    def screenshot(self):
        """The bytes of the screen, RGB."""
        done = subprocess.run(
            ["gst-launch-1.0", "-q", "ximagesrc", f"display-name={self.display}", "num-buffers=1",
             "!", "videoconvert", "!", "video/x-raw,format=RGB", "!", "fdsink"],
            capture_output=True, check=True, timeout=60)
        self.assertEqual(len(done.stdout), 800 * 600 * 3, done.stderr)
        return done.stdout

    def test_window_shows_the_clip(self):
        program = subprocess.Popen(
            [PREVIEW, CLIP], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            env={**os.environ, "DISPLAY": self.display, "GDK_BACKEND": "x11"})
        self.addCleanup(self.end, program)
        colours = 0
        for _ in range(60):
            shot = self.screenshot()
            colours = len(set(zip(shot[::3], shot[1::3], shot[2::3])))
            # An empty window with a slider has some shades of grey, a photograph thousands.
            if colours > 2000 or program.poll() is not None:
                break
            time.sleep(0.5)
        self.assertIsNone(program.poll(), program.stdout.read() if program.poll() else "")
        self.assertGreater(colours, 2000)

    def test_missing_file_is_told(self):
        done = run(PREVIEW, self.folder / "none.mkv", DISPLAY=self.display, GDK_BACKEND="x11")
        self.assertEqual(done.returncode, 1)
        self.assertIn("none.mkv", done.stderr)


if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    tap_runner.main()
