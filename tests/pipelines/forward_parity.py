# SPDX-License-Identifier: LGPL-2.1-or-later
"""`lightavseg forward` against the PyTorch twin: logits and every map on the way.

The twin runs in float64, so that it shares neither code nor kernels with what it judges.
"""
import os

import torch_twin  # noqa: F401  first: it finds the modules below or skips all cases
import numpy as np
import safetensors_io
import tap_runner
import tool
import torch
from golden_fill import fill_by_name, hash_values
from lightavseg_torch import Config, LightAVSeg, normalise, save_model
from log_mel_numpy import log_mel_32k_from_16k

TOLERANCE = 1e-4  # max |difference| / max |expected|, per tensor
VARIANTS = ("tiny", "small", "base", "large")
SIZES = ((224, 224), (180, 320), (161, 227))
CLASSES = ("background",) + tuple(f"class {i}" for i in range(1, 71))
SWITCHES = {
    "without_har": dict(har=False),
    "without_agve": dict(agve=False),
    "without_cmfd": dict(cmfd=False),
    "har_only": dict(agve=False, cmfd=False),
    "concatenation_baseline": dict(har=False, agve=False, cmfd=False),
    "average_pooling": dict(pooling="average"),
    "pooled_audio_state": dict(audio_state="pooled"),
    "four_stages": dict(stages=(1, 2, 3, 4)),
    "two_distant_stages": dict(stages=(2, 5)),
    "narrow_embedding": dict(embed_width=48),
    "no_refinement": dict(refine=0),
    "all_refinements": dict(refine=4),
    "head_similarity": dict(head_similarity=True),
    "head_similarity_without_cmfd": dict(head_similarity=True, cmfd=False),
    "semantic_head": dict(head="semantic", class_names=CLASSES),
    "mask_and_classes_head": dict(head="mask+classes", class_names=CLASSES[:5]),
    "vggish": dict(audio_net="vggish", front_end="vggish"),
    "yamnet": dict(audio_net="yamnet", front_end="yamnet"),
    "resnet50": dict(visual_net="resnet50", variant="large", stages=(1, 2, 3, 4)),
    "tpavi": dict(interaction="tpavi", stages=(1, 2, 3, 4)),
    "tpavi_vggish_classes": dict(interaction="tpavi", stages=(1, 2, 3, 4), audio_net="vggish",
                                 front_end="vggish", head="mask+classes", class_names=CLASSES[:3]),
    "avsegformer": dict(interaction="avsegformer", stages=(1, 2, 3, 4)),
    "avsegformer_resnet50": dict(interaction="avsegformer", stages=(1, 2, 3, 4),
                                 visual_net="resnet50", variant="large"),
    "resnet50_deep_stages": dict(visual_net="resnet50", variant="large", stages=(3, 4)),
}


def hash_input(height, width, batch=1):
    return {
        "frames": hash_values("frames", (batch, 3, height, width)).astype(np.float32),
        "logmel": (2 * hash_values("logmel", (batch, 1, 96, 64))).astype(np.float32),
    }


def hash_pictures(batch, height, width):
    values = hash_values("pictures", (batch, height, width, 3))
    return ((values + 1) * 128).astype(np.uint8)


def two_tones(batch, samples):
    """16 kHz: 440 Hz and a quieter tone that differs per row, and a little noise."""
    t = np.arange(samples) / 16000
    rows = [np.sin(880 * np.pi * t) / 2 + np.sin(6000 * np.pi * t * b) / 4 for b in range(batch)]
    return (np.stack(rows) + 0.01 * hash_values("noise", (batch, samples))).astype(np.float32)


def expected(network, frames, log_mel):
    """The tensors that `forward --maps` writes, from the twin."""
    with torch.no_grad():
        logits, maps = network(frames.double(), log_mel.double())
    tensors = {"logits": logits, "logmel": log_mel}
    for name, values in maps.items():
        tensors.update({f"{name}.{s}": v for s, v in zip(network.config.stages, values)})
    return {name: t.numpy() for name, t in tensors.items()}


class ParityTestCase(tool.TestCase):
    def model(self, **fields):
        network = LightAVSeg(Config(**fields))
        fill_by_name(network)
        path = self.folder / "model.safetensors"
        save_model(path, network)
        return network.double().eval(), path

    def forward(self, model, tensors):
        given, written = self.folder / "in.safetensors", self.folder / "out.safetensors"
        safetensors_io.save(given, tensors)
        options = ("--model", model, "--input", given, "--output", written, "--maps")
        self.check(tool.DONE, "forward", *options)
        return safetensors_io.load(written)[0]

    def assert_close(self, found, wanted):
        self.assertEqual(sorted(found), sorted(wanted))
        for name, reference in wanted.items():
            self.assertEqual(found[name].shape, reference.shape, name)
            difference = np.abs(found[name] - reference).max()
            relative = difference / np.abs(reference).max()
            if os.environ.get("LIGHTAVSEG_PARITY_VERBOSE"):
                print(f"# {self.id().split('.')[-1]} {name} {relative:.1e}")
            self.assertLess(relative, TOLERANCE, name)

    def compare(self, height, width, batch=1, **fields):
        network, path = self.model(**fields)
        tensors = hash_input(height, width, batch)
        found = self.forward(path, tensors)
        wanted = expected(network, *(torch.from_numpy(tensors[n]) for n in ("frames", "logmel")))
        self.assert_close(found, wanted)


class Variants(ParityTestCase):
    """Every variant at every size."""


class Switches(ParityTestCase):
    """Every field of the configuration that changes the structure, on the smallest variant."""


class Inputs(ParityTestCase):
    """What `forward` computes itself: the normalisation of bytes and the log-mel of samples."""

    def check_input(self, tensors, frames, log_mel):
        network, path = self.model(variant="tiny")
        self.assert_close(self.forward(path, tensors), expected(network, frames, log_mel))

    def test_batch_of_frames(self):
        self.compare(96, 128, batch=3, variant="tiny")

    def test_bytes_are_normalised(self):
        pictures = hash_pictures(2, 120, 161)
        tensors = {"frames": pictures, "logmel": hash_input(1, 1, 2)["logmel"]}
        self.check_input(tensors, normalise(pictures), torch.from_numpy(tensors["logmel"]))

    def check_waveform(self, samples):
        pictures, sound = hash_pictures(2, 96, 96), two_tones(2, samples)
        log_mel = np.stack([log_mel_32k_from_16k(row) for row in sound])[:, None]
        tensors = {"frames": pictures, "waveform": sound}
        self.check_input(tensors, normalise(pictures), torch.from_numpy(log_mel))

    def test_one_second_of_samples(self):
        self.check_waveform(16000)

    def test_samples_that_end_within_a_hop(self):
        self.check_waveform(12345)


def add_case(owner, name, *sizes, **fields):
    setattr(owner, f"test_{name}", lambda self: self.compare(*sizes, **fields))


for variant in VARIANTS:
    for height, width in SIZES:
        add_case(Variants, f"{variant}_{height}x{width}", height, width, variant=variant)
for switch, values in SWITCHES.items():
    add_case(Switches, switch, 97, 130, **{"variant": "tiny", **values})

if __name__ == "__main__":
    tap_runner.main()
