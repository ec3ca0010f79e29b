# SPDX-License-Identifier: LGPL-2.1-or-later
"""LightAVSeg (arXiv 2605.08805) in PyTorch: the second opinion on the C++ network.

Names in state_dict() are those of a model file, so weights go both ways. Works with PyTorch 1.13
(Debian 12) and later. The C++ lives in model/network; equations are those of the paper.
"""
import dataclasses
import json

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn

import safetensors_io
from backbones_torch import SEAFORMERS, AudioMobileNetV2, ConvBn, SeaFormer, h_sigmoid
from other_backbones_torch import ResNet50, Vggish, Yamnet
from other_interactions_torch import AvSegFormer, Tpavi

# Of RGB / 255 (ImageNet).
IMAGE_MEAN = (0.485, 0.456, 0.406)
IMAGE_STD = (0.229, 0.224, 0.225)


@dataclasses.dataclass
class Config:
    """The fields and defaults of ModelConfig (model/network/config.h)."""

    variant: str = "large"
    stages: tuple = (1, 2, 3, 4, 5)
    audio_net: str = "mobilenetv2"
    audio_state: str = "embedding"
    front_end: str = "panns-32k-from-16k"
    har: bool = True
    agve: bool = True
    cmfd: bool = True
    pooling: str = "max"
    embed_width: int = 0
    refine: int = 2
    head_similarity: bool = False
    head: str = "mask"
    class_names: tuple = ()
    train_height: int = 224
    train_width: int = 224
    visual_net: str = "seaformer"
    interaction: str = "lightavseg"

    def to_json(self):
        fields = dataclasses.asdict(self)
        if self.visual_net == "seaformer":
            del fields["visual_net"]
        if self.interaction == "lightavseg":
            del fields["interaction"]
        return json.dumps({"version": 1, **fields})

    @property
    def channels(self):
        resnet = self.visual_net == "resnet50"
        return ResNet50.CHANNELS if resnet else SEAFORMERS[self.variant].channels

    @property
    def embed_channels(self):
        return self.embed_width or (512 if self.visual_net == "resnet50" else 2 * self.channels[3])

    @property
    def logit_channels(self):
        classes = len(self.class_names)
        return {"mask": 1, "semantic": classes, "mask+classes": 1 + classes}[self.head]


def resize(x, size):
    return F.interpolate(x, size=tuple(size), mode="bilinear", align_corners=False)


def interaction(inputs, outputs):
    conv = nn.Conv2d(inputs, outputs, 1)
    nn.init.trunc_normal_(conv.weight, std=0.02, a=-0.04, b=0.04)
    nn.init.zeros_(conv.bias)
    return conv


class Refinement(nn.Module):
    """HAR, equation 2; without the gate only its projection."""

    def __init__(self, audio, channels, gated):
        super().__init__()
        self.conv_a = interaction(audio, channels)
        self.conv_v = interaction(channels, channels) if gated else None

    def forward(self, audio, pooled):
        state = self.conv_a(audio)
        return state if self.conv_v is None else state * h_sigmoid(self.conv_v(pooled))


class FusionLevel(nn.Module):
    """CMFD, equations 4 to 6."""

    def __init__(self, above, channels, embed):
        super().__init__()
        self.proj_dec, self.proj_enc = interaction(above, embed), interaction(channels, embed)
        self.fuse = interaction(2 * embed, channels)
        self.gate, self.inject = interaction(channels, channels), interaction(channels, channels)

    def forward(self, above, audio, pooled, x):
        state = F.relu(self.fuse(torch.cat([self.proj_dec(above), self.proj_enc(audio)], 1)))
        state = state * h_sigmoid(self.gate(pooled))
        return state, x + self.inject(state)


class Refine(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.dw = ConvBn(channels, channels, 3, groups=channels)
        self.pw = ConvBn(channels, channels)

    def forward(self, x):
        return x + self.pw(F.relu(self.dw(x)))


class LightAVSeg(nn.Module):
    def __init__(self, config=None):
        super().__init__()
        self.config = c = config or Config()
        widths = [c.channels[s - 1] for s in c.stages]
        levels = range(len(widths))
        self.visual = ResNet50() if c.visual_net == "resnet50" else SeaFormer(c.variant)
        if c.audio_net == "mobilenetv2":
            audio = 1024 if c.audio_state == "embedding" else 1280
            self.audio = AudioMobileNetV2(c.audio_state == "embedding")
        else:
            audio, net = {"vggish": (128, Vggish), "yamnet": (1024, Yamnet)}[c.audio_net]
            self.audio = net()
        if c.interaction != "lightavseg":
            other = {"tpavi": Tpavi, "avsegformer": AvSegFormer}[c.interaction]
            self.interaction = other(c.channels, audio, c.logit_channels)
            return
        self.interacts = c.har or c.agve or c.cmfd
        if self.interacts:
            inputs = [audio] + (widths[:-1] if c.har else [audio] * (len(widths) - 1))
            self.har = nn.ModuleList(Refinement(inputs[k], widths[k], c.har) for k in levels)
        else:
            self.concat = nn.Conv2d(widths[-1] + audio, widths[-1], 1)
        if c.cmfd:
            embed = c.embed_channels
            above = widths[1:] + widths[-1:]
            self.cmfd = nn.ModuleList(FusionLevel(above[k], widths[k], embed) for k in levels)
        self.up = nn.ModuleList(ConvBn(widths[k + 1], widths[k]) for k in levels[:-1])
        refined = range(1, min(c.refine + 1, len(widths) - 1))
        self.refine = nn.ModuleDict({str(k): Refine(widths[k]) for k in refined})
        fine = widths[0]
        logits = nn.Conv2d(fine, c.logit_channels, 1)
        stem = ConvBn(fine + (1 if c.head_similarity else 0), fine, 3)
        self.head = nn.Sequential(stem, nn.ReLU(), nn.Dropout2d(0.1), logits)

    def pool(self, x):
        return x.amax((2, 3), True) if self.config.pooling == "max" else x.mean((2, 3), True)

    def encode(self, frames, audio, maps):
        c, x, state, k = self.config, frames, audio, 0
        for s in range(max(c.stages)):
            x = self.visual.stage(s, x)
            if s + 1 not in c.stages:
                continue
            maps["visual"].append(x)
            if self.interacts:
                state = self.har[k](state if c.har else audio, self.pool(x))
                maps["audio"].append(state)
                x = x + state if c.agve else x  # equation 3
            elif s + 1 == max(c.stages):
                x = self.concat(torch.cat([x, audio.expand(len(x), -1, *x.shape[2:])], 1))
            maps["encoded"].append(x)
            k += 1

    def forward(self, frames, log_mel):
        """[B, 3, H, W] normalised RGB, [B, 1, T, 64] -> (logits [B, K, H, W], maps by name).

        The lists in maps are ordered like the configured stages, finest first.
        """
        c = self.config
        maps = {name: [] for name in ("visual", "audio", "encoded", "decoded", "decoder_audio")}
        if c.interaction != "lightavseg":
            x = frames
            for s in range(4):
                x = self.visual.stage(s, x)
                maps["visual"].append(x)
            maps["encoded"] = maps["visual"]
            logits, x = self.interaction(maps["visual"], self.audio(log_mel), frames.shape[2:])
            maps["decoded"] = [x]
            return logits, maps
        self.encode(frames, self.audio(log_mel)[:, :, None, None], maps)
        state = maps["audio"][-1] if self.interacts else None
        x = None
        for k in reversed(range(len(c.stages))):
            encoded = maps["encoded"][k]
            if x is None:
                x = encoded
            else:
                x = encoded + resize(self.up[k](x), encoded.shape[2:])
                x = self.refine[str(k)](x) if str(k) in self.refine else x
            if c.cmfd:
                state, x = self.cmfd[k](state, maps["audio"][k], self.pool(encoded), x)
                maps["decoder_audio"].insert(0, state)
            elif self.interacts:
                state = maps["audio"][k]
            maps["decoded"].insert(0, x)
        if c.head_similarity:
            unit = [F.normalize(t, dim=1, eps=1e-6) for t in (x, state)]
            x = torch.cat([x, (unit[0] * unit[1]).sum(1, keepdim=True)], 1)
        return resize(self.head(x), frames.shape[2:]), maps


def normalise(frames):
    """uint8 [B, H, W, 3] RGB -> float32 [B, 3, H, W], the frames of the network."""
    values = (frames.astype(np.float64) / 255 - IMAGE_MEAN) / IMAGE_STD
    return torch.from_numpy(values.transpose(0, 3, 1, 2).astype(np.float32))


def save_model(path, network):
    """Writes a model file that `lightavseg` reads."""
    state = network.state_dict().items()
    tensors = {name: t.numpy() for name, t in state if not name.endswith("num_batches_tracked")}
    safetensors_io.save(path, tensors, {"lightavseg.config": network.config.to_json()})


def load_model(path):
    """The network of a model file, in eval mode."""
    tensors, metadata = safetensors_io.load(path)
    fields = json.loads(metadata["lightavseg.config"])
    if fields.pop("version") != 1:
        raise ValueError(f"{path}: lightavseg.config.version is not 1")
    network = LightAVSeg(Config(**fields))
    state = {name: torch.from_numpy(np.asarray(a, np.float32)) for name, a in tensors.items()}
    missing, unknown = network.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unknown:
        raise ValueError(f"{path}: tensors missing: {missing}, unknown: {unknown}")
    return network.eval()
