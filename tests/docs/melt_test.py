# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/editors.md: MLT, the engine of Kdenlive and Shotcut, composites what pipelines/recipes/export-file writes.

Arguments: the build folder, the clip that ships.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

for folder in ("gst", "pipelines"):
    sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / folder))
from gst_python import Gst, content, samples, tap_runner  # noqa: E402
import short_clip  # noqa: E402

if not shutil.which("melt"):
    tap_runner.skip_all("melt is missing (melt)")

BUILD = pathlib.Path(sys.argv[1]).resolve()
CLIP = pathlib.Path(sys.argv[2]).resolve()
EXPORT = pathlib.Path(__file__).resolve().parent.parent.parent / "pipelines/recipes/export-file"
FRAMES = 36  # of the 40; the last one shows the cow
PROFILE = f"""description=test
frame_rate_num=20
frame_rate_den=1
width={short_clip.WIDTH}
height={short_clip.HEIGHT}
progressive=1
sample_aspect_num=1
sample_aspect_den=1
display_aspect_num=16
display_aspect_den=9
colorspace=709
"""


class Melt(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="lightavseg-melt-")
        cls.addClassCleanup(folder.cleanup)
        cls.folder = pathlib.Path(folder.name)
        cls.source = cls.folder / "source.mkv"
        short_clip.cut(CLIP, cls.source)
        (cls.folder / "profile").write_text(PROFILE, encoding="utf-8")

    def exported(self, form, name):
        out = self.folder / form
        if not out.exists():
            subprocess.run([str(EXPORT), "--build", str(BUILD), "--out", str(out), form,
                            str(self.source), "inference-interval=10"], check=True,
                           capture_output=True, timeout=120)
        return out / name

    def green(self, path, transition, *options, screen=False):
        """The share of a green track that shines through in the last frame."""
        result = self.folder / "composited.mkv"
        result.unlink(missing_ok=True)
        last = str(FRAMES - 1)
        command = ["melt", "-silent", "-profile", str(self.folder / "profile"),
                   "color:0x00ff00ff", f"out={last}", "-track", str(path), f"out={last}",
                   "-transition", transition, "in=0", f"out={last}", "a_track=0", "b_track=1",
                   *options, "-consumer", f"avformat:{result}", "vcodec=mjpeg", "an=1"]
        if screen:
            command = ["xvfb-run", "-a", *command]
        done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=120)
        self.assertTrue(result.exists(), done.stdout + done.stderr)
        frames = [content(sample) for sample in samples(
            f'filesrc location="{result}" ! matroskademux ! jpegdec ! videoconvert ! '
            "video/x-raw,format=RGB ! appsink name=out sync=false")]
        self.assertEqual(len(frames), FRAMES)
        pixels = frames[-1]
        return sum(r < 60 and g > 200 and b < 60 for r, g, b in
                   zip(pixels[::3], pixels[1::3], pixels[2::3])) / (len(pixels) / 3)

    def composited(self, *arguments, **options):
        share = self.green(*arguments, **options)
        self.assertTrue(0.3 < share < 0.95, share)

    def test_composite_takes_ffv1(self):
        self.composited(self.exported("ffv1", "source.mkv"), "composite")

    def test_affine_takes_ffv1(self):
        self.composited(self.exported("ffv1", "source.mkv"), "affine")

    def test_affine_takes_prores(self):
        self.composited(self.exported("prores", "source.mov"), "affine")

    @unittest.skipUnless(shutil.which("xvfb-run"), "qtblend needs a screen (xvfb)")
    def test_qtblend_takes_ffv1(self):
        self.composited(self.exported("ffv1", "source.mkv"), "qtblend", screen=True)

    @unittest.skipUnless(shutil.which("xvfb-run"), "qtblend needs a screen (xvfb)")
    def test_qtblend_takes_prores_that_is_not_quite_opaque(self):
        self.composited(self.exported("prores", "source.mov"), "qtblend",
                        f"rect=0 0 {short_clip.WIDTH} {short_clip.HEIGHT} 0.999", screen=True)

    def test_what_has_no_alpha_lets_nothing_through(self):
        self.assertEqual(self.green(self.source, "affine"), 0)


if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    Gst.init(None)
    tap_runner.main()
