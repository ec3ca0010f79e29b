# SPDX-License-Identifier: LGPL-2.1-or-later
"""`lightavseg import` on files that PyTorch itself writes, in the layouts of their publishers.

Each is written in both formats of torch.save(); what comes out is opened by the tool and gives the
logits of the PyTorch twin with the same weights.
"""
import argparse
import os

import torch_twin  # noqa: F401  first: it finds the modules below or skips all cases
import numpy as np
import safetensors_io
import tap_runner
import tool
import torch
from backbones_torch import SeaFormer
from golden_fill import fill_by_name, hash_values
from lightavseg_torch import Config, LightAVSeg, load_model, save_model
from other_backbones_torch import ResNet50, Vggish, Yamnet

TOLERANCE = 1e-4  # max |difference| / max |expected|
FORMATS = {"archive": True, "legacy": False}  # _use_new_zipfile_serialization


def filled(network):
    """The state of a network whose weights follow from their names."""
    fill_by_name(network)
    return dict(network.state_dict())


def mmseg_seaformer(variant):
    """fudan-zvg/SeaFormer, seaformer-seg: the runner of mmcv saves it."""
    weights = filled(SeaFormer(variant))
    state = {"backbone." + name: tensor for name, tensor in weights.items()}
    state["decode_head.conv_seg.weight"] = torch.ones(150, 96, 1, 1)
    state["decode_head.conv_seg.bias"] = torch.ones(150)
    state["decode_head.linear_fuse.bn.num_batches_tracked"] = torch.tensor(160000)
    checkpoint = {"meta": {"iter": 160000, "CLASSES": ("wall", "building"), "lr": 0.0005},
                  "state_dict": state,
                  "optimizer": {"state": {0: {"step": 5, "exp_avg": torch.ones(3)}},
                                "param_groups": [{"lr": 5e-4, "betas": (0.9, 0.999)}]}}
    return checkpoint, weights


def timm_seaformer(variant):
    """fudan-zvg/SeaFormer, seaformer-cls: timm saves the plain and the averaged weights."""
    weights = filled(SeaFormer(variant))
    averaged, plain = dict(weights), {name: tensor * 3 for name, tensor in weights.items()}
    for state in (averaged, plain):
        state["linear.weight"], state["linear.bias"] = torch.ones(1000, 160), torch.ones(1000)
    checkpoint = {"epoch": 300, "arch": "SeaFormer_T", "state_dict": plain,
                  "optimizer": {"state": {}, "param_groups": []}, "version": 2,
                  "args": argparse.Namespace(lr=0.5, model="SeaFormer_T"),
                  "amp_scaler": {"scale": 65536.0}, "state_dict_ema": averaged, "metric": 76.1}
    return checkpoint, weights


def panns():
    """qiuqiangkong/audioset_tagging_cnn: the weights with the front end and tags in them."""
    network = LightAVSeg(Config(variant="tiny")).audio
    weights = filled(network)
    model = {"spectrogram_extractor.stft.conv_real.weight": torch.ones(513, 1, 1024),
             "spectrogram_extractor.stft.conv_imag.weight": torch.ones(513, 1, 1024),
             "logmel_extractor.melW": torch.ones(513, 64),
             "fc_audioset.weight": torch.ones(527, 1024), "fc_audioset.bias": torch.ones(527)}
    model.update(weights)
    sampler = {"indexes": np.arange(6), "pointer": 3, "rng": np.random.RandomState(1).get_state()}
    return {"iteration": 600000, "model": model, "sampler": sampler}, weights


def vision_resnet():
    """pytorch/vision: a flat dictionary."""
    weights = filled(ResNet50())
    return {**weights, "fc.weight": torch.ones(1000, 2048), "fc.bias": torch.ones(1000)}, weights


def audioset_yamnet():
    """w-hc/torch_audioset: a flat dictionary."""
    weights = filled(Yamnet())
    return {**weights, "classifier.weight": torch.ones(521, 1024),
            "classifier.bias": torch.ones(521)}, weights


def without_counters(weights):
    return {name: t.numpy() for name, t in weights.items() if "num_batches_tracked" not in name}


class ImportTestCase(tool.TestCase):
    def written(self, checkpoint, archive=True):
        path = self.folder / "published.pth"
        torch.save(checkpoint, path, _use_new_zipfile_serialization=archive)
        self.assertEqual(path.read_bytes()[:2] == b"PK", archive)
        return path

    def model(self, **fields):
        """A model of ours whose backbones are to be replaced."""
        network = LightAVSeg(Config(**{"variant": "tiny", **fields}))
        fill_by_name(network)
        path = self.folder / "model.safetensors"
        save_model(path, network)
        return path

    def assert_weights(self, path, prefix, weights):
        tensors = safetensors_io.load(path)[0]
        found = {name: a for name, a in tensors.items() if name.startswith(prefix)}
        wanted = {prefix + name: a for name, a in without_counters(weights).items()}
        self.assertEqual(sorted(found), sorted(wanted))
        for name, values in wanted.items():
            np.testing.assert_array_equal(found[name], values, name)
        return tensors

    def assert_runs(self, path):
        """The tool opens it, and its logits are the twin's."""
        self.check(tool.DONE, "info", path, says="LightAVSeg")
        frames = hash_values("frames", (1, 3, 64, 96)).astype(np.float32)
        log_mel = (2 * hash_values("logmel", (1, 1, 96, 64))).astype(np.float32)
        given, logits = self.folder / "in.safetensors", self.folder / "out.safetensors"
        safetensors_io.save(given, {"frames": frames, "logmel": log_mel})
        self.check(tool.DONE, "forward", "--model", path, "--input", given, "--output", logits)
        with torch.no_grad():
            network = load_model(path).double()
            wanted = network(torch.from_numpy(frames).double(),
                             torch.from_numpy(log_mel).double())[0].numpy()
        found = safetensors_io.load(logits)[0]["logits"]
        self.assertLess(np.abs(found - wanted).max() / np.abs(wanted).max(), TOLERANCE)

    def check_import(self, layout, kind, prefix, archive, says, **fields):
        """Both alone and into a model."""
        checkpoint, weights = layout
        published, alone = self.written(checkpoint, archive), self.folder / "alone.safetensors"
        self.check(tool.DONE, "import", "--as", kind, published, "-o", alone, says=says)
        self.assertEqual(len(self.assert_weights(alone, prefix, weights)),
                         len(without_counters(weights)))
        model, whole = self.model(**fields), self.folder / "whole.safetensors"
        self.check(tool.DONE, "import", "--as", kind, published, "-o", whole, "--into", model,
                   says=says)
        tensors = self.assert_weights(whole, prefix, weights)
        for name, values in safetensors_io.load(model)[0].items():
            if not name.startswith(prefix):
                np.testing.assert_array_equal(tensors[name], values, name)
        self.assert_runs(whole)


class Layouts(ImportTestCase):
    """Every layout in both formats."""

    def mmseg(self, archive):
        self.check_import(mmseg_seaformer("tiny"), "seaformer", "visual.", archive,
                          ("seaformer tiny: ", "state_dict used", "0 missing",
                           "ignored 2: segmentation head", "counter of training steps"))

    def timm(self, archive):
        self.check_import(timm_seaformer("tiny"), "seaformer", "visual.", archive,
                          ("state_dict_ema used", "ignored 2: classifier of ImageNet"))

    def panns(self, archive):
        self.check_import(panns(), "panns-mobilenetv2", "audio.", archive,
                          ("of model used", "ignored 3: front end", "ignored 2: tags of AudioSet"))

    def resnet50(self, archive):
        self.check_import(vision_resnet(), "resnet50", "visual.", archive,
                          ("265 entries of the file used", "ignored 2: classifier of ImageNet"),
                          variant="large", visual_net="resnet50", stages=(1, 2, 3, 4))

    def yamnet(self, archive):
        self.check_import(audioset_yamnet(), "yamnet", "audio.", archive,
                          ("135 entries of the file used", "ignored 2: tags of AudioSet"),
                          audio_net="yamnet", front_end="yamnet")

    def test_vggish(self):
        weights = filled(Vggish())
        path, out = self.written(weights, archive=False), self.folder / "out.safetensors"
        self.check(tool.DONE, "import", "--as", "vggish", path, "-o", out,
                   says="18 entries of the file used, 0 missing, 0 ignored")
        self.assert_weights(out, "audio.", weights)

    def flat(self, archive):
        weights = filled(SeaFormer("tiny"))
        state = {"module." + name: tensor for name, tensor in weights.items()}
        self.check_import((state, weights), "seaformer", "visual.", archive, "of the file used")


class Storage(ImportTestCase):
    """How PyTorch may keep the values of a tensor."""

    def seaformer(self, change):
        weights = filled(SeaFormer("tiny"))
        changed = change(weights)
        for archive in FORMATS.values():
            path, out = self.written(changed, archive), self.folder / "out.safetensors"
            self.check(tool.DONE, "import", "--as", "seaformer", path, "-o", out)
            self.assert_weights(out, "visual.", weights)

    def test_parameters(self):
        self.seaformer(lambda weights: {
            name: torch.nn.Parameter(t) if t.is_floating_point() else t
            for name, t in weights.items()})

    def test_channels_last(self):
        self.seaformer(lambda weights: {
            name: t.to(memory_format=torch.channels_last) if t.dim() == 4 else t
            for name, t in weights.items()})

    def test_parts_of_one_storage(self):
        def packed(weights):
            floats = {name: t for name, t in weights.items() if t.is_floating_point()}
            everything = torch.cat([t.flatten() for t in floats.values()])
            views, at = {}, 0
            for name, t in floats.items():
                views[name] = everything[at:at + t.numel()].view(t.shape)
                at += t.numel()
            return views
        self.seaformer(packed)

    def test_double(self):
        self.seaformer(lambda weights: {
            name: t.double() if t.is_floating_point() else t for name, t in weights.items()})

    def test_half(self):
        def rounded(weights):
            for name, t in weights.items():
                weights[name] = t.half().float() if t.is_floating_point() else t
            return {name: t.half() if t.is_floating_point() else t for name, t in weights.items()}
        self.seaformer(rounded)


class Report(ImportTestCase):
    def test_list_tells_of_every_entry(self):
        checkpoint, weights = mmseg_seaformer("tiny")
        path = self.written(checkpoint)
        said = self.check(tool.DONE, "import", "--list", "--as", "seaformer", path, "-o",
                          self.folder / "out.safetensors")
        used = {line for line in said.splitlines() if " -> " in line}
        wanted = {f"backbone.{name} -> visual.{name}" for name in without_counters(weights)}
        self.assertEqual(used, wanted)
        ignored = [line for line in said.splitlines() if " ignored: " in line]
        self.assertEqual(len(used) + len(ignored), len(checkpoint["state_dict"]))
        self.assertIn("decode_head.conv_seg.bias ignored: segmentation head", ignored)
        self.assertIn(f"{len(used)} entries of state_dict used, 0 missing, {len(ignored)} ignored",
                      said)

    def refused(self, checkpoint, *says, options=()):
        out = self.folder / "out.safetensors"
        self.check(tool.FAILED, "import", "--as", "seaformer", self.written(checkpoint), "-o", out,
                   *options, says=says)
        self.assertFalse(out.exists())

    def test_what_is_missing(self):
        weights = filled(SeaFormer("tiny"))
        del weights["trans1.transformer_blocks.0.mlp.dwconv.bias"]
        self.refused(weights, '"trans1.transformer_blocks.0.mlp.dwconv.bias"', "is missing",
                     "0 more of 359 entries")

    def test_another_size(self):
        self.refused(filled(SeaFormer("tiny")), "--variant", "missing",
                     options=("--variant", "small"))

    def test_another_network(self):
        self.refused(panns()[0], "this is no SeaFormer", "--as")


class Marker:
    """Whose pickle makes a folder when Python loads it."""

    def __init__(self, path):
        self.path = str(path)

    def __reduce__(self):
        return os.mkdir, (self.path,)


class Malicious(ImportTestCase):
    """Files that run something when Python loads them."""

    def refused(self, checkpoint, archive, says):
        out = self.folder / "out.safetensors"
        self.check(tool.FAILED, "import", "--as", "seaformer", self.written(checkpoint, archive),
                   "-o", out, says=(says, "Nothing of it was run"))
        self.assertFalse(out.exists())

    def reduce(self, archive):
        owned = self.folder / "owned"
        self.refused({"state_dict": filled(SeaFormer("tiny")), "hook": Marker(owned)}, archive,
                     f'"{os.mkdir.__module__}.mkdir"')
        self.assertFalse(owned.exists())
        torch.load(self.folder / "published.pth", weights_only=False)
        self.assertTrue(owned.exists(), "the file was harmless, so nothing was tested")

    def module(self, archive):
        self.refused({"state_dict": {"w": torch.nn.Linear(2, 2)}}, archive,
                     '"torch.nn.modules.linear.Linear"')

    def function(self, archive):
        self.refused({"state_dict": {"w": eval}}, archive, '"__builtin__.eval"')

    def test_torchscript(self):
        path, out = self.folder / "script.pt", self.folder / "out.safetensors"
        torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), path)
        self.check(tool.FAILED, "import", "--as", "seaformer", path, "-o", out,
                   says=("TorchScript", "state_dict"))


def add_case(owner, name, archive):
    check = getattr(owner, name)
    setattr(owner, f"test_{name}_{'archive' if archive else 'legacy'}",
            lambda self: check(self, archive))


for written in FORMATS.values():
    for layout_name in ("mmseg", "timm", "panns", "resnet50", "yamnet", "flat"):
        add_case(Layouts, layout_name, written)
    for attack in ("reduce", "module", "function"):
        add_case(Malicious, attack, written)

if __name__ == "__main__":
    tap_runner.main()
