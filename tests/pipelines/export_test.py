# SPDX-License-Identifier: LGPL-2.1-or-later
"""`lightavseg export`: the ONNX graph gives the logits of `lightavseg forward`, for every switch.

The graph is run by tests/reference/onnx_torch.py, and by ONNX Runtime where it is installed.
"""
import torch_twin  # noqa: F401  first: it finds the modules below or skips all cases
import numpy as np
import onnx_torch
import safetensors_io
import tap_runner
import tool
import torch
from golden_fill import fill_by_name, hash_values
from lightavseg_torch import Config, LightAVSeg, save_model

try:
    import onnxruntime
except ImportError:
    onnxruntime = None

TOLERANCE = 1e-4  # max |difference| / max |expected|
AUDIO_FRAMES = 48
CLASSES = ("background", "dog", "guitar", "siren")
SWITCHES = {
    "without_har": dict(har=False),
    "without_agve": dict(agve=False),
    "without_cmfd": dict(cmfd=False),
    "concatenation_baseline": dict(har=False, agve=False, cmfd=False),
    "average_pooling": dict(pooling="average"),
    "pooled_audio_state": dict(audio_state="pooled"),
    "two_distant_stages": dict(stages=(2, 5)),
    "all_refinements": dict(refine=4),
    "head_similarity": dict(head_similarity=True),
    "semantic_head": dict(head="semantic", class_names=CLASSES),
    "mask_and_classes_head": dict(head="mask+classes", class_names=CLASSES),
}


class ExportTestCase(tool.TestCase):
    def model(self, **fields):
        network = LightAVSeg(Config(**fields))
        fill_by_name(network)
        path = self.folder / "model.safetensors"
        save_model(path, network)
        return path

    def export(self, model, height, width):
        path = self.folder / "model.onnx"
        size = ("--size", f"{height}x{width}", "--audio-frames", AUDIO_FRAMES)
        self.check(tool.DONE, "export", "--onnx", path, "--model", model, *size, says="logits")
        return path

    def inputs(self, height, width):
        frames = hash_values("frames", (1, 3, height, width)).astype(np.float32)
        log_mel = (2 * hash_values("logmel", (1, 1, AUDIO_FRAMES, 64))).astype(np.float32)
        return frames, log_mel

    def forward(self, model, frames, log_mel):
        given, written = self.folder / "in.safetensors", self.folder / "out.safetensors"
        safetensors_io.save(given, {"frames": frames, "logmel": log_mel})
        self.check(tool.DONE, "forward", "--model", model, "--input", given, "--output", written)
        return safetensors_io.load(written)[0]["logits"]

    def assert_close(self, found, wanted):
        self.assertEqual(found.shape, wanted.shape)
        self.assertLess(np.abs(found - wanted).max() / np.abs(wanted).max(), TOLERANCE)

    def compare(self, model, height, width):
        path = self.export(model, height, width)
        frames, log_mel = self.inputs(height, width)
        wanted = self.forward(model, frames, log_mel)
        tensors = dict(frames=torch.from_numpy(frames), log_mel=torch.from_numpy(log_mel))
        self.assert_close(onnx_torch.Model(path).run(**tensors)["logits"].numpy(), wanted)
        if onnxruntime:
            session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
            found = session.run(["logits"], {"frames": frames, "log_mel": log_mel})[0]
            self.assert_close(found, wanted)


class Variants(ExportTestCase):
    """Every variant."""


class Switches(ExportTestCase):
    """Every field of the configuration that changes the structure, on the smallest variant."""

    def test_class_gate_and_class_pyramid(self):
        # The twin's class levels would be zero and its gate 1; these are not.
        network = LightAVSeg(Config(variant="tiny", head="mask+classes", class_names=CLASSES))
        fill_by_name(network)
        state = network.state_dict().items()
        tensors = {n: t.numpy() for n, t in state if not n.endswith("num_batches_tracked")}
        shapes = {"head.gate": (2,), "head.sounds.weight": (4, 1024), "head.sounds.bias": (4,)}
        for level, channels in ((2, 64), (3, 128), (4, 160)):
            shapes[f"head.levels.{level}.weight"] = (4, channels, 1, 1)
            shapes[f"head.levels.{level}.bias"] = (4,)
        for name, shape in shapes.items():
            tensors[name] = (0.1 * hash_values(name, shape)).astype(np.float32)
        fields = network.config.to_json()[:-1] + ', "class_gate": true, "class_pyramid": true}'
        path = self.folder / "model.safetensors"
        safetensors_io.save(path, tensors, {"lightavseg.config": fields})
        self.compare(path, 65, 98)


class Command(ExportTestCase):
    def test_variant_without_a_model(self):
        path = self.folder / "tiny.onnx"
        says = ("frames [1, 3, 64, 64]", "log_mel [1, 1, 101, 64]", "logits [1, 1, 64, 64]")
        options = ("--variant", "tiny", "--size", "64")
        self.check(tool.DONE, "export", "--onnx", path, *options, says=says)
        model = onnx_torch.Model(path)
        self.assertEqual(model.inputs, {"frames": [1, 3, 64, 64], "log_mel": [1, 1, 101, 64]})
        self.assertEqual(model.opset, 13)
        self.assertIn('"variant":"tiny"', model.metadata["lightavseg.config"])

    def test_model_and_variant(self):
        options = ("--model", "a", "--variant", "tiny", "--onnx", "b")
        self.check(tool.WRONG_USE, "export", *options, says="either --model or --variant")

    def test_unknown_variant(self):
        options = ("--variant", "huge", "--onnx", "b")
        self.check(tool.WRONG_USE, "export", *options, says=("--variant", "'huge'", "large"))

    def test_no_output(self):
        self.check(tool.WRONG_USE, "export", "--variant", "tiny", says="--onnx")

    def test_wrong_size(self):
        options = ("--variant", "tiny", "--size", "31", "--onnx", self.folder / "b")
        self.check(tool.WRONG_USE, "export", *options, says="32..8192")

    def test_missing_model(self):
        options = ("--model", "/nonexistent.safetensors", "--onnx", self.folder / "b")
        self.check(tool.FAILED, "export", *options, says="/nonexistent.safetensors")

    def test_missing_folder(self):
        options = ("--variant", "tiny", "--size", "64", "--onnx", "/nonexistent/b.onnx")
        self.check(tool.FAILED, "export", *options, says="/nonexistent")


def add_case(owner, name, height, width, **fields):
    case = lambda self: self.compare(self.model(**fields), height, width)
    setattr(owner, f"test_{name}", case)


for variant in ("tiny", "small", "base", "large"):
    add_case(Variants, variant, 96, 131, variant=variant)
for switch, values in SWITCHES.items():
    add_case(Switches, switch, 65, 98, **{"variant": "tiny", **values})

if __name__ == "__main__":
    tap_runner.main()
