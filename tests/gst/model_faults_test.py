# SPDX-License-Identifier: LGPL-2.1-or-later
"""What happens to the file of the model while it runs: nothing of it may reach the masks.

Arguments: the clip, and nothing else; the model that ships is found by LIGHTAVSEG_MODEL_PATH and
copied before it is harmed.
"""
import hashlib
import os
import shutil
import sys
import tempfile
import unittest
from pathlib import Path

from gst_python import Gst, tap_runner

CLIP = sys.argv[1]
MODEL = Path(os.environ["LIGHTAVSEG_MODEL_PATH"]) / "lightavseg.safetensors"
QUEUE = "queue max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0"
BEFORE, AFTER = 3, 6  # frames


class Playing:
    """The clip through a lightavseg with that model, frame by frame."""

    def __init__(self, model):
        self.pipeline = Gst.parse_launch(
            f'filesrc location="{CLIP}" ! decodebin name=d  d. ! {QUEUE} ! l.video_sink '
            f"d. ! {QUEUE} ! l.audio_sink  lightavseg name=l output=metadata smoothing=0 "
            f'model="{model}" ! appsink name=out sync=false max-buffers=1')
        self.element = self.pipeline.get_by_name("l")
        self.sink = self.pipeline.get_by_name("out")
        self.bus = self.pipeline.get_bus()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.pipeline.set_state(Gst.State.NULL)

    def start(self):
        self.pipeline.set_state(Gst.State.PLAYING)

    def masks(self, count):
        """Digests of the masks of the next frames."""
        digests = []
        for _ in range(count):
            sample = self.sink.try_pull_sample(60 * Gst.SECOND)
            if sample is None:
                raise AssertionError(f"no frame; {self.errors()}")
            fields = sample.get_buffer().get_custom_meta("LightAVSegMask").get_structure()
            buffer = fields.get_value("mask").get_buffer()
            digests.append(hashlib.md5(buffer.extract_dup(0, buffer.get_size())).hexdigest())
        return digests

    def errors(self):
        """(domain, code, text) of every error that was told."""
        found = []
        while message := self.bus.pop_filtered(Gst.MessageType.ERROR):
            if message.src == self.element:
                error, details = message.parse_error()
                found.append((error.domain, error.code, f"{error.message} {details}"))
        return found

    def told(self, name):
        """The next element message of that name."""
        while message := self.bus.timed_pop_filtered(60 * Gst.SECOND, Gst.MessageType.ELEMENT):
            structure = message.get_structure()
            if structure.get_name() == name:
                return structure
        raise AssertionError(f"{name} was not told")


def delete(path):
    path.unlink()


def truncate(path):
    os.truncate(path, 5000)


def empty(path):
    os.truncate(path, 0)


def overwrite(path):
    size = path.stat().st_size
    with open(path, "r+b") as file:
        file.write(b"\xff" * size)


def replace(path):
    other = path.with_suffix(".new")
    other.write_bytes(b"no model")
    os.replace(other, path)


RESOURCE, STREAM = "gst-resource-error-quark", "gst-stream-error-quark"
# What is done to the file, and the domains of the error when it is to be loaded after that.
FAULTS = {delete: {RESOURCE}, truncate: {STREAM, RESOURCE}, empty: {STREAM, RESOURCE},
          overwrite: {STREAM, RESOURCE}, replace: {STREAM, RESOURCE}}


class ModelFaults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        with Playing(MODEL) as playing:
            playing.start()
            cls.wanted = playing.masks(BEFORE + AFTER)

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory(prefix="lightavseg-model-")
        self.addCleanup(self.folder.cleanup)
        self.model = Path(self.folder.name) / "model.safetensors"
        shutil.copyfile(MODEL, self.model)

    def harm(self, fault):
        with Playing(self.model) as playing:
            playing.start()
            self.assertEqual(playing.masks(BEFORE), self.wanted[:BEFORE])
            fault(self.model)
            # It runs from memory, and stays when the file is asked for again.
            playing.element.set_property("model", str(self.model))
            self.assertIn(self.model.name, playing.told("lightavseg-model-failed").get_value("problem"))
            self.assertEqual(playing.masks(AFTER), self.wanted[BEFORE:])
            self.assertEqual(playing.errors(), [])

            # A new start needs the file: one error that names it.
            playing.pipeline.set_state(Gst.State.READY)
            self.assertEqual(playing.pipeline.set_state(Gst.State.PLAYING),
                             Gst.StateChangeReturn.FAILURE)
            errors = playing.errors()
            self.assertEqual(len(errors), 1, errors)
            domain, _, text = errors[0]
            self.assertIn(domain, FAULTS[fault])
            self.assertIn(str(self.model), text)

        # And with the file back, everything is as it was.
        shutil.copyfile(MODEL, self.model)
        with Playing(self.model) as playing:
            playing.start()
            self.assertEqual(playing.masks(BEFORE), self.wanted[:BEFORE])

    def test_replaced_by_a_good_model(self):
        """As an update does it: the new file is taken when the property is set again."""
        with Playing(self.model) as playing:
            playing.start()
            playing.masks(BEFORE)
            other = self.model.with_suffix(".new")
            shutil.copyfile(MODEL, other)
            os.replace(other, self.model)
            playing.element.set_property("model", str(self.model))
            self.assertEqual(playing.told("lightavseg-model-changed").get_value("path"), str(self.model))
            self.assertEqual(playing.masks(AFTER), self.wanted[BEFORE:])
            self.assertEqual(playing.errors(), [])


def add_case(fault):
    setattr(ModelFaults, f"test_{fault.__name__}", lambda self: self.harm(fault))


if __name__ == "__main__":
    Gst.init(None)
    for one in FAULTS:
        add_case(one)
    sys.argv = sys.argv[:1]
    tap_runner.main()
