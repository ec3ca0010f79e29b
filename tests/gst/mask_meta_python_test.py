# SPDX-License-Identifier: LGPL-2.1-or-later
"""Whether a Python program gets everything out of the mask metadata, with plain PyGObject.

The plugin is found by GST_PLUGIN_PATH, the model by LIGHTAVSEG_TEST_MODEL.
"""
import os
import pathlib
import sys
import unittest
import warnings

from gst_python import Gst, GstController, GstVideo, content, samples, tap_runner

WIDTH, HEIGHT, FRAMES = 320, 180, 5


def frames(after):
    model = os.environ["LIGHTAVSEG_TEST_MODEL"]
    return list(samples(
        f"videotestsrc pattern=ball num-buffers={FRAMES} ! "
        f"video/x-raw,format=I420,width={WIDTH},height={HEIGHT},framerate=25/1 ! "
        f'lightavseg model="{model}" output=metadata ! {after} '
        "appsink name=out sync=false"))


def read(sample):
    """The structure of a frame, as the manual shows how to get it."""
    return sample.get_buffer().get_custom_meta("LightAVSegMask").get_structure()


def picture(sample):
    """Rows of bytes of a GRAY8 sample."""
    info = GstVideo.VideoInfo.new_from_caps(sample.get_caps())
    data = content(sample)
    return [data[y * info.stride[0]:y * info.stride[0] + info.width] for y in range(info.height)]


def number(structure, name):
    found, value = structure.get_double(name)
    if not found:
        raise AssertionError(f"no double {name} in {structure.to_string()}")
    return value


def box(structure):
    """x, y, width, height"""
    # GObject calls the type of arrays deprecated; there is no other one for plain PyGObject.
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        found, array = structure.get_array("bbox")
        if not found:
            raise AssertionError(f"no array bbox in {structure.to_string()}")
        return [array.get_nth(i) for i in range(array.n_values)]


class MaskMeta(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.samples = frames("")
        cls.structure = read(cls.samples[0])

    def test_every_frame_has_it(self):
        self.assertEqual(len(self.samples), FRAMES)
        for sample in self.samples:
            self.assertEqual(read(sample).get_name(), "LightAVSegMask")

    def test_fields(self):
        names = [self.structure.nth_field_name(i) for i in range(self.structure.n_fields())]
        self.assertEqual(sorted(names), [
            "age", "area", "audio-fill", "audio-level", "bbox", "labels", "mask", "mask-pts",
            "model", "score", "version"])

    def test_times(self):
        for sample in self.samples:
            structure = read(sample)
            found, pts = structure.get_uint64("mask-pts")
            self.assertTrue(found)
            found, age = structure.get_uint64("age")
            self.assertTrue(found)
            # Not live: each frame has its own mask.
            self.assertEqual(pts, sample.get_buffer().pts)
            self.assertEqual(age, 0)

    def test_shares(self):
        for name in ("score", "area", "audio-fill"):
            self.assertGreaterEqual(number(self.structure, name), 0)
            self.assertLessEqual(number(self.structure, name), 1)

    def test_without_audio_the_level_is_that_of_silence(self):
        self.assertEqual(number(self.structure, "audio-level"), -100)
        self.assertEqual(number(self.structure, "audio-fill"), 0)

    def test_version_and_model(self):
        self.assertEqual(self.structure.get_int("version"), (True, 1))
        model = pathlib.Path(os.environ["LIGHTAVSEG_TEST_MODEL"])
        self.assertEqual(self.structure.get_string("model"), model.stem)

    def test_box_lies_in_the_frame(self):
        x, y, width, height = box(self.structure)
        self.assertGreaterEqual(min(x, y, width, height), 0)
        self.assertLessEqual(x + width, WIDTH)
        self.assertLessEqual(y + height, HEIGHT)
        self.assertEqual(width > 0, number(self.structure, "area") > 0)

    def test_labels(self):
        labels = self.structure.get_value("labels")
        self.assertIsInstance(labels, Gst.Structure)
        for i in range(labels.n_fields()):
            share = number(labels, labels.nth_field_name(i))
            self.assertGreater(share, 0)
            self.assertLessEqual(share, 1)

    def test_mask_picture(self):
        sample = self.structure.get_value("mask")
        self.assertIsInstance(sample, Gst.Sample)
        caps = sample.get_caps().get_structure(0)
        self.assertEqual(caps.get_string("format"), "GRAY8")
        self.assertEqual(caps.get_string("colorimetry"), "1:4:0:0")
        rows = picture(sample)
        self.assertGreaterEqual(len(rows), 32)
        # The area counts the pixels of at least one half.
        inside = sum(value >= 128 for row in rows for value in row)
        area = inside / sum(len(row) for row in rows)
        self.assertAlmostEqual(area, number(self.structure, "area"), places=2)

    def test_regions_of_interest(self):
        buffer = self.samples[0].get_buffer()
        region = GstVideo.buffer_get_video_region_of_interest_meta_id(buffer, 0)
        if region:
            self.assertGreater(number(self.structure, "area"), 0)
            self.assertLessEqual(region.x + region.w, WIDTH)
            self.assertGreater(number(region.get_param("lightavseg"), "score"), 0)


class AfterOtherElements(unittest.TestCase):
    def test_videoscale_keeps_mask_and_scales_the_box(self):
        sample = frames("videoscale ! video/x-raw,width=160,height=90 !")[0]
        x, y, width, height = box(read(sample))
        self.assertLessEqual(x + width, 160)
        self.assertLessEqual(y + height, 90)
        self.assertIsInstance(read(sample).get_value("mask"), Gst.Sample)

    def test_videocrop_drops_it(self):
        sample = frames("videocrop left=32 !")[0]
        self.assertIsNone(sample.get_buffer().get_custom_meta("LightAVSegMask"))

    def test_lightavsegmask_makes_a_matte(self):
        sample = frames("lightavsegmask !")[0]
        rows = picture(sample)
        self.assertEqual((len(rows), len(rows[0])), (HEIGHT, WIDTH))
        self.assertIsInstance(read(sample).get_value("mask"), Gst.Sample)

    def follow_a_controller(self, element):
        def invert_from_frame_2(pipeline):
            curve = GstController.InterpolationControlSource(
                mode=GstController.InterpolationMode.NONE)
            curve.set(0, 0)
            curve.set(2 * Gst.SECOND // 25, 1)
            matte = pipeline.get_by_name("matte")
            matte.add_control_binding(
                GstController.DirectControlBinding.new(matte, "invert", curve))

        # Without sound, and without masks, the mattes are black, and white when inverted.
        mattes = samples(
            f"videotestsrc num-buffers={FRAMES} ! "
            f"video/x-raw,format=I420,width=32,height=32,framerate=25/1 ! {element} name=matte ! "
            "appsink name=out sync=false", invert_from_frame_2)
        self.assertEqual([picture(sample)[0][0] for sample in mattes], [0, 0, 255, 255, 255])

    def test_lightavsegmask_follows_a_controller(self):
        self.follow_a_controller("lightavsegmask")

    def test_lightavseg_follows_a_controller_with_any_number_of_threads(self):
        model = os.environ["LIGHTAVSEG_TEST_MODEL"]
        for threads in (1, 4):
            self.follow_a_controller(
                f'lightavseg output=matte threads={threads} model="{model}"')


if __name__ == "__main__":
    Gst.init(None)
    for element in ("lightavseg", "lightavsegmask"):
        if not Gst.ElementFactory.find(element):
            sys.exit(f"no element {element}: is GST_PLUGIN_PATH the folder of the built plugin?")
    if not os.path.isfile(os.environ.get("LIGHTAVSEG_TEST_MODEL", "")):
        sys.exit("LIGHTAVSEG_TEST_MODEL must be the path of a model file")
    tap_runner.main()
