# SPDX-License-Identifier: LGPL-2.1-or-later
"""`lightavseg forward` with inputs and models that it must refuse, and some that it must take."""
import struct

import torch_twin  # noqa: F401  first: it finds the modules below or skips all cases
import numpy as np
import safetensors_io
import tap_runner
import tool
import torch
from golden_fill import fill_by_name
from lightavseg_torch import Config, LightAVSeg, load_model, save_model


def zeros(*shape, dtype=np.float32):
    return np.zeros(shape, dtype)


GOOD = {"frames": zeros(1, 3, 64, 64), "logmel": zeros(1, 1, 96, 64)}


class ForwardTestCase(tool.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.network = LightAVSeg(Config(variant="tiny"))
        fill_by_name(cls.network)

    def setUp(self):
        super().setUp()
        self.model = self.folder / "model.safetensors"
        self.input = self.folder / "in.safetensors"
        self.output = self.folder / "out.safetensors"
        save_model(self.model, self.network)

    def forward(self, code, *more, says=()):
        options = ("--model", self.model, "--input", self.input, "--output", self.output)
        return self.check(code, "forward", *options, *more, says=says)


class Use(ForwardTestCase):
    def test_result_is_told_and_written(self):
        safetensors_io.save(self.input, GOOD)
        self.forward(tool.DONE, says=("logits [1, 1, 64, 64]", str(self.output)))
        tensors, metadata = safetensors_io.load(self.output)
        self.assertEqual(list(tensors), ["logits"])
        self.assertIn("lightavseg.config", metadata)

    def test_threads_do_not_change_the_result(self):
        safetensors_io.save(self.input, GOOD)
        self.forward(tool.DONE)
        one = safetensors_io.load(self.output)[0]["logits"]
        self.forward(tool.DONE, "--threads", 2)
        two = safetensors_io.load(self.output)[0]["logits"]
        self.assertLess(np.abs(one - two).max(), 1e-4 * np.abs(one).max())

    def test_half_precision_frames_are_taken(self):
        safetensors_io.save(self.input, {**GOOD, "frames": zeros(1, 3, 64, 64, dtype=np.float16)})
        self.forward(tool.DONE)

    def test_options_are_required(self):
        for missing in ("--model", "--input", "--output"):
            options = {"--model": "a", "--input": "b", "--output": "c"}
            del options[missing]
            words = [word for pair in options.items() for word in pair]
            self.check(tool.WRONG_USE, "forward", *words, says=(missing, "required"))

    def test_thread_count_out_of_range(self):
        self.forward(tool.WRONG_USE, "--threads", 0, says=("--threads", "1"))


class Inputs(ForwardTestCase):
    def refused(self, tensors, *says):
        safetensors_io.save(self.input, tensors)
        self.forward(tool.FAILED, says=(str(self.input), *says))
        self.assertFalse(self.output.exists())

    def without(self, name, **others):
        return {**{n: a for n, a in GOOD.items() if n != name}, **others}

    def test_input_file_missing(self):
        self.forward(tool.FAILED, says=(str(self.input), "no such file"))

    def test_frames_missing(self):
        self.refused(self.without("frames"), "frames", "missing", "[B, 3, H, W]")

    def test_frames_without_batch(self):
        self.refused({**GOOD, "frames": zeros(3, 64, 64)}, "frames", "[B, 3, H, W]", "[3, 64, 64]")

    def test_frames_with_four_channels(self):
        self.refused({**GOOD, "frames": zeros(1, 4, 64, 64)}, "frames", "[1, 4, 64, 64]")

    def test_bytes_with_channels_first(self):
        frames = zeros(1, 3, 64, 64, dtype=np.uint8)
        self.refused({**GOOD, "frames": frames}, "frames", "[B, H, W, 3]", "[1, 3, 64, 64]")

    def test_frames_as_integers(self):
        self.refused({**GOOD, "frames": zeros(1, 3, 64, 64, dtype=np.int32)}, "frames", "floats")

    def test_no_sound(self):
        self.refused(self.without("logmel"), "logmel", "waveform")

    def test_both_kinds_of_sound(self):
        self.refused({**GOOD, "waveform": zeros(1, 16000)}, "either logmel", "waveform")

    def test_log_mel_with_other_bands(self):
        self.refused({**GOOD, "logmel": zeros(1, 1, 96, 80)}, "logmel", "[B, 1, T, 64]", "80")

    def test_log_mel_without_channel(self):
        self.refused({**GOOD, "logmel": zeros(1, 96, 64)}, "logmel", "[1, 96, 64]")

    def test_waveform_without_batch(self):
        self.refused(self.without("logmel", waveform=zeros(16000)), "waveform", "[B, samples]")

    def test_waveform_as_integers(self):
        sound = zeros(1, 16000, dtype=np.int16)
        self.refused(self.without("logmel", waveform=sound), "waveform", "floats")


class Refusals(ForwardTestCase):
    """Inputs whose tensors are fine alone but not for the network."""

    def refused(self, *says, **tensors):
        safetensors_io.save(self.input, {**GOOD, **tensors})
        self.forward(tool.FAILED, says=says)
        self.assertFalse(self.output.exists())

    def test_frames_smaller_than_the_deepest_stride(self):
        self.refused("32 x 32", frames=zeros(1, 3, 64, 31))

    def test_log_mel_too_short(self):
        self.refused("32 frames", "31", logmel=zeros(1, 1, 31, 64))

    def test_batches_that_differ(self):
        self.refused("audio state", frames=zeros(3, 3, 64, 64), logmel=zeros(2, 1, 96, 64))

    def test_output_folder_missing(self):
        safetensors_io.save(self.input, GOOD)
        self.output = self.folder / "nowhere" / "out.safetensors"
        self.forward(tool.FAILED, says=(str(self.folder / "nowhere"),))


class Weights(ForwardTestCase):
    """Models that open but whose weights do not fit."""

    def refused(self, change, *says):
        tensors, metadata = safetensors_io.load(self.model)
        change(tensors)
        safetensors_io.save(self.model, tensors, metadata)
        safetensors_io.save(self.input, GOOD)
        self.forward(tool.FAILED, says=(str(self.model), *says))

    def test_one_missing(self):
        self.refused(lambda t: t.pop("head.3.bias"), "head.3.bias", "needs 1 tensor")

    def test_one_too_many(self):
        self.refused(lambda t: t.update(extra=zeros(2)), "extra", "does not have")

    def test_another_shape(self):
        change = lambda t: t.update({"head.3.bias": zeros(2)})
        self.refused(change, "head.3.bias", "[2]", "needs [1]")

    def test_integers(self):
        change = lambda t: t.update({"head.3.bias": zeros(1, dtype=np.int32)})
        self.refused(change, "head.3.bias", "integers")

    def test_not_a_number(self):
        change = lambda t: t.update({"head.3.bias": np.float32([np.nan])})
        self.refused(change, "head.3.bias", "NaN")

    def test_negative_variance(self):
        name = "audio.bn0.running_var"
        self.refused(lambda t: t.update({name: t[name] - 9}), name, "negative variance")

    def test_cut_in_the_middle(self):
        content = self.model.read_bytes()
        self.model.write_bytes(content[: len(content) // 2])
        safetensors_io.save(self.input, GOOD)
        self.forward(tool.FAILED, says=(str(self.model), "data"))

    def test_half_precision_is_read(self):
        tensors, metadata = safetensors_io.load(self.model)
        halves = {name: values.astype(np.float16) for name, values in tensors.items()}
        safetensors_io.save(self.model, halves, metadata)
        safetensors_io.save(self.input, GOOD)
        self.forward(tool.DONE)
        found = safetensors_io.load(self.output)[0]["logits"]
        with torch.no_grad():
            twin = load_model(self.model)
            wanted = twin(*(torch.from_numpy(GOOD[n]) for n in ("frames", "logmel")))[0].numpy()
        self.assertLess(np.abs(found - wanted).max(), 1e-4 * np.abs(wanted).max())

    def test_header_of_a_picture(self):
        self.model.write_bytes(struct.pack("<Q", 1 << 62) + bytes(64))
        safetensors_io.save(self.input, GOOD)
        self.forward(tool.FAILED, says=(str(self.model), "header length"))


if __name__ == "__main__":
    tap_runner.main()
