# SPDX-License-Identifier: LGPL-2.1-or-later
"""lightavseg run, pipelines/live and pipelines/demo, with the model and the clip that ship.

Arguments: the tool, the clip.
"""
import os
import pathlib
import struct
import subprocess
import sys

CLIP = pathlib.Path(sys.argv.pop(2)).resolve()
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

import tap_runner  # noqa: E402
import tool  # noqa: E402

BUILD = pathlib.Path(tool.PATH).parent.parent
FAST = ("--set", "inference-interval=25")


def script(name, *arguments):
    return subprocess.run([str(ROOT / "pipelines" / name), *map(str, arguments)],
                          capture_output=True, text=True, check=False, timeout=120)


def streams(path):
    """What gst-discoverer finds in a file, as text."""
    done = subprocess.run(["gst-discoverer-1.0", str(path)], capture_output=True, text=True,
                          check=True)
    return done.stdout


def png_size(path):
    data = path.read_bytes()
    assert data[:8] == b"\x89PNG\r\n\x1a\n", path
    return struct.unpack(">II", data[16:24])


class Run(tool.TestCase):
    def test_side_by_side_with_sound_and_contact_sheet(self):
        out, sheet = self.folder / "out.webm", self.folder / "sheet.png"
        says = self.check(tool.DONE, "run", CLIP, "-o", out, "--side-by-side", "--contact-sheet",
                          sheet, *FAST, says=("350 frames", "14.0 s"))
        self.assertIn(str(out), says)
        found = streams(out)
        self.assertIn("VP8", found)
        self.assertIn("Vorbis", found)
        width, height = png_size(sheet)
        self.assertGreater(width, 900)
        self.assertGreater(height, 400)
        self.assertFalse(os.path.exists(f"{out}.part"))

    def test_result_lies_beside_the_input_by_default(self):
        clip = self.folder / "a b.mkv"
        clip.write_bytes(CLIP.read_bytes())
        self.check(tool.DONE, "run", clip, "--quiet", *FAST)
        self.assertGreater((self.folder / "a b-sounding.webm").stat().st_size, 10000)

    def test_what_is_not_there_is_named(self):
        self.check(tool.FAILED, "run", self.folder / "none.mp4", says="none.mp4")

    def test_what_is_no_video_is_named(self):
        path = self.folder / "text.mp4"
        path.write_text("no video" * 1000, encoding="utf-8")
        self.check(tool.FAILED, "run", path, says="text.mp4")

    def test_broken_model_names_the_field(self):
        model = self.folder / "m.safetensors"
        model.write_bytes(b"\xff" * 64)
        out = self.folder / "out.webm"
        self.check(tool.FAILED, "run", CLIP, "-o", out, "--model", model, says="m.safetensors")
        self.assertEqual(sorted(p.name for p in self.folder.iterdir()), ["m.safetensors"])

    def test_unknown_property_is_named(self):
        self.check(tool.FAILED, "run", CLIP, "-o", self.folder / "o.webm", "--set", "colour=red",
                   says=("colour=red", "gst-inspect-1.0"))

    def test_other_endings_are_refused(self):
        self.check(tool.WRONG_USE, "run", CLIP, "-o", self.folder / "o.avi", says=".webm")

    def test_input_is_never_overwritten(self):
        clip = self.folder / "clip.webm"
        clip.write_bytes(CLIP.read_bytes())
        self.check(tool.WRONG_USE, "run", clip, "-o", clip, says="is the input")
        self.assertEqual(clip.read_bytes(), CLIP.read_bytes())


class Scripts(tool.TestCase):
    def test_live_runs_on_test_sources(self):
        done = script("live", "--build", BUILD, "--seconds", 4, "--sink", "fakesink")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertNotIn("ERROR", done.stdout + done.stderr)

    def test_live_prints_its_pipeline(self):
        done = script("live", "--build", BUILD, "--dry-run", "output=matte")
        self.assertEqual(done.returncode, 0, done.stderr)
        for words in ("gst-launch-1.0", "lightavseg name=l output=matte", "l.audio_sink"):
            self.assertIn(words, done.stdout)

    def test_wrong_use(self):
        self.assertEqual(script("live", "--nonsense").returncode, 2)
        self.assertEqual(script("demo", "--nonsense").returncode, 2)
        self.assertEqual(script("demo", "--live", "file.mp4").returncode, 2)
        self.assertEqual(script("demo", "--seconds", "many").returncode, 2)

    def test_help(self):
        for name in ("demo", "live"):
            done = script(name, "--help")
            self.assertEqual(done.returncode, 0)
            self.assertIn("Usage", done.stdout)


if __name__ == "__main__":
    tap_runner.main()
