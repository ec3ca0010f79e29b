# SPDX-License-Identifier: LGPL-2.1-or-later
"""lightavseg as an effect of GStreamer Editing Services, with the sound of lightavsegaudio.

The plugin is found by GST_PLUGIN_PATH, the model by LIGHTAVSEG_MODEL_PATH. Argument: a clip with
sound.
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

from gst_python import Gst, content, samples, tap_runner

if not shutil.which("ges-launch-1.0"):
    tap_runner.skip_all("ges-launch-1.0 is missing (ges1.0-tools)")

CLIP = pathlib.Path(sys.argv[1]).resolve()
WIDTH, HEIGHT, FRAMES = 160, 90, 30
VIDEO = ("lightavseg", "set-output", "alpha", "set-audio-probe", "sound",
         "set-inference-interval", "5")
AUDIO = ("lightavsegaudio", "set-probe-name", "sound")


def rendered(*effects):
    """Share of green in each frame of two seconds of the clip, with effects, over a green layer."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / "out.mkv"
        arguments = ["ges-launch-1.0", "--track-types", "video+audio", "--video-caps",
                     f"video/x-raw,width={WIDTH},height={HEIGHT},framerate=15/1",
                     "+clip", str(CLIP), "duration=2.0", "layer=0"]
        for effect in effects:
            arguments += ["+effect", *effect]
        arguments += ["+test-clip", "green", "duration=2.0", "layer=1", "start=0",
                      "-o", path.as_uri(), "-f", "video/x-matroska:image/jpeg:audio/x-vorbis"]
        done = subprocess.run(arguments, capture_output=True, text=True, timeout=120)
        if done.returncode != 0:
            raise AssertionError(done.stdout[-2000:] + done.stderr[-2000:])
        shares = []
        for sample in samples(
                f'filesrc location="{path}" ! matroskademux name=d  d.video_0 ! jpegdec ! '
                "videoconvert ! video/x-raw,format=RGB ! appsink name=out sync=false"):
            pixels = content(sample)
            green = sum(r < 60 and g > 200 and b < 60
                        for r, g, b in zip(pixels[::3], pixels[1::3], pixels[2::3]))
            shares.append(green / (WIDTH * HEIGHT))
        return shares


class GesEffect(unittest.TestCase):
    def test_lower_layer_shows_where_nothing_sounds(self):
        shares = rendered(VIDEO, AUDIO)
        self.assertEqual(len(shares), FRAMES)
        # Something sounds in the second half, and something else does not.
        for share in shares[15:]:
            self.assertGreater(share, 0.02, shares)
            self.assertLess(share, 0.98, shares)

    def test_without_the_effect_nothing_of_the_lower_layer_shows(self):
        self.assertLess(max(rendered()), 0.01)

    def test_without_its_sound_nothing_is_cut_out(self):
        shares = rendered(VIDEO)
        self.assertEqual(len(shares), FRAMES)
        self.assertGreater(min(shares), 0.99)


if __name__ == "__main__":
    sys.argv = sys.argv[:1]
    Gst.init(None)
    tap_runner.main()
