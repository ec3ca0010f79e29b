# SPDX-License-Identifier: LGPL-2.1-or-later
"""The two backbones of LightAVSeg in PyTorch, with the parameter names of their checkpoints.

SeaFormer: Wan et al., ICLR 2023; fudan-zvg/SeaFormer, mmseg/models/backbones/seaformer.py.
MobileNetV2 of PANNs: Kong et al., 2020; qiuqiangkong/audioset_tagging_cnn, pytorch/models.py.
"""
import dataclasses
import math
from collections import OrderedDict

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn


def relu6(x):
    return x.clamp(0, 6)


def h_sigmoid(x):
    return (x + 3).clamp(0, 6) / 6


class ConvBn(nn.Module):
    def __init__(self, inputs, outputs, kernel=1, stride=1, groups=1, zero_gamma=False):
        super().__init__()
        self.c = nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        nn.init.normal_(self.c.weight, 0, math.sqrt(2 / (kernel * kernel * outputs / groups)))
        if zero_gamma:
            nn.init.zeros_(self.bn.weight)

    def forward(self, x):
        return self.bn(self.c(x))


@dataclasses.dataclass
class SeaFormerSpec:
    stem: int
    heads: int
    stages: list  # per stage rows of (kernel, expand, channels, stride)
    transformers: list  # (stage it follows from 0, depth, key width, MLP ratio)

    @property
    def channels(self):
        return [rows[-1][2] for rows in self.stages]


def _slim(heads, depth, deep_expand, widths):
    """Tiny, small and base differ only in widths, heads, depth and one expansion."""
    a, b, c, d, e = widths
    rows = [
        [(3, 1, 16, 1), (3, 4, a, 2), (3, 3, a, 1)],
        [(5, 3, b, 2), (5, 3, b, 1)],
        [(3, 3, c, 2), (3, 3, c, 1)],
        [(5, deep_expand, d, 2)],
        [(3, 6, e, 2)],
    ]
    return SeaFormerSpec(16, heads, rows, [(3, depth, 16, 2), (4, depth, 24, 4)])


SEAFORMERS = {
    "tiny": _slim(4, 2, 3, (16, 32, 64, 128, 160)),
    "small": _slim(6, 3, 4, (24, 48, 96, 160, 192)),
    "base": _slim(8, 4, 4, (32, 64, 128, 192, 256)),
    "large": SeaFormerSpec(
        32,
        8,
        [
            [(3, 3, 32, 1), (3, 4, 64, 2), (3, 4, 64, 1)],
            [(5, 4, 128, 2), (5, 4, 128, 1)],
            [(3, 4, 192, 2), (3, 4, 192, 1)],
            [(5, 4, 256, 2)],
            [(3, 6, 320, 2)],
        ],
        [(2, 3, 16, 2), (3, 3, 20, 4), (4, 3, 24, 6)],
    ),
}


class InvertedResidual(nn.Module):
    def __init__(self, inputs, kernel, expand, outputs, stride):
        super().__init__()
        hidden = inputs * expand
        self.skip = stride == 1 and inputs == outputs
        widen = [ConvBn(inputs, hidden), nn.ReLU()] if expand != 1 else []
        filter_ = [ConvBn(hidden, hidden, kernel, stride, hidden), nn.ReLU()]
        self.conv = nn.Sequential(*widen, *filter_, ConvBn(hidden, outputs))

    def forward(self, x):
        return x + self.conv(x) if self.skip else self.conv(x)


class AxialPosition(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.pos_embed = nn.Parameter(torch.randn(1, channels, 16))

    def forward(self, x):
        table = F.interpolate(self.pos_embed, size=x.shape[2], mode="linear", align_corners=False)
        return x + table


class AxialAttention(nn.Module):
    def __init__(self, width, key_width, heads):
        super().__init__()
        self.key_width, self.heads = key_width, heads
        qk, v = key_width * heads, 2 * key_width * heads
        self.to_q, self.to_k, self.to_v = ConvBn(width, qk), ConvBn(width, qk), ConvBn(width, v)
        # Index 0 of the published Sequentials is an activation.
        gated = lambda outputs: nn.Sequential(nn.ReLU6(), ConvBn(v, outputs, zero_gamma=True))
        self.proj, self.proj_encode_row, self.proj_encode_column = gated(width), gated(v), gated(v)
        self.pos_emb_rowq, self.pos_emb_rowk = AxialPosition(qk), AxialPosition(qk)
        self.pos_emb_columnq, self.pos_emb_columnk = AxialPosition(qk), AxialPosition(qk)
        self.dwconv = ConvBn(2 * qk + v, 2 * qk + v, 3, groups=2 * qk + v)
        self.pwconv = ConvBn(2 * qk + v, width)

    def attend(self, q, k, v):
        """[B, C, N] each -> [B, 2 key_width heads, N]"""
        q, k, v = (t.unflatten(1, (self.heads, -1)) for t in (q, k, v))
        weights = (q.transpose(2, 3) @ k / math.sqrt(self.key_width)).softmax(-1)
        return (v @ weights.transpose(2, 3)).flatten(1, 2)

    def forward(self, x):
        q, k, v = self.to_q(x), self.to_k(x), self.to_v(x)
        row_q, row_k = self.pos_emb_rowq(q.mean(3)), self.pos_emb_rowk(k.mean(3))
        rows = self.attend(row_q, row_k, v.mean(3)).unsqueeze(3)
        column_q, column_k = self.pos_emb_columnq(q.mean(2)), self.pos_emb_columnk(k.mean(2))
        columns = self.attend(column_q, column_k, v.mean(2)).unsqueeze(2)
        context = v + self.proj_encode_row(rows) + self.proj_encode_column(columns)
        detail = self.pwconv(relu6(self.dwconv(torch.cat([q, k, v], 1))))
        return h_sigmoid(self.proj(context)) * detail


class Mlp(nn.Module):
    def __init__(self, width, hidden):
        super().__init__()
        self.fc1, self.fc2 = ConvBn(width, hidden), ConvBn(hidden, width)
        self.dwconv = nn.Conv2d(hidden, hidden, 3, padding=1, groups=hidden)

    def forward(self, x):
        return self.fc2(relu6(self.dwconv(self.fc1(x))))


class AxialBlock(nn.Module):
    def __init__(self, width, key_width, heads, ratio, drop_path):
        super().__init__()
        self.attn = AxialAttention(width, key_width, heads)
        self.mlp = Mlp(width, width * ratio)
        self.drop_path = drop_path

    def drop(self, branch):
        if not self.training or self.drop_path == 0:
            return branch
        keep = 1 - self.drop_path
        kept = torch.rand(len(branch), 1, 1, 1, device=branch.device) < keep
        return branch * kept.to(branch.dtype) / keep

    def forward(self, x):
        x = x + self.drop(self.attn(x))
        return x + self.drop(self.mlp(x))


class SeaFormer(nn.Module):
    def __init__(self, variant, drop_path=0.1):
        super().__init__()
        spec = SEAFORMERS[variant]
        width = spec.stem
        for s, rows in enumerate(spec.stages):
            stage = nn.Sequential()
            if s == 0:
                stage.add_module("stem_block", nn.Sequential(ConvBn(3, width, 3, 2), nn.ReLU()))
            for j, (kernel, expand, channels, stride) in enumerate(rows):
                row = InvertedResidual(width, kernel, expand, channels, stride)
                stage.add_module(f"layer{j + 1}", row)
                width = channels
            self.add_module(f"smb{s + 1}", stage)
        self.blocks_after = {}
        for t, (s, depth, key_width, ratio) in enumerate(spec.transformers):
            rates = np.linspace(0, drop_path, depth)
            make = lambda p: AxialBlock(spec.channels[s], key_width, spec.heads, ratio, float(p))
            blocks = nn.Sequential(*(make(p) for p in rates))
            named = nn.Sequential(OrderedDict(transformer_blocks=blocks))
            self.add_module(f"trans{t + 1}", named)
            self.blocks_after[s] = named

    def stage(self, index, x):
        x = getattr(self, f"smb{index + 1}")(x)
        return self.blocks_after[index](x) if index in self.blocks_after else x


def _plain(inputs, outputs, kernel=1, groups=1):
    conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, groups=groups, bias=False)
    nn.init.kaiming_normal_(conv.weight, mode="fan_out", nonlinearity="relu")
    return conv


# (expand, channels, blocks, stride of the first)
PANNS_GROUPS = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 2),
    (6, 160, 3, 1),
    (6, 320, 1, 1),
]


class PooledResidual(nn.Module):
    def __init__(self, inputs, outputs, stride, expand):
        super().__init__()
        hidden = inputs * expand
        self.skip = stride == 1 and inputs == outputs
        widen = [_plain(inputs, hidden), nn.BatchNorm2d(hidden), nn.ReLU6()] if expand > 1 else []
        pool = nn.AvgPool2d(stride) if stride > 1 else nn.Identity()
        depthwise = [_plain(hidden, hidden, 3, hidden), pool, nn.BatchNorm2d(hidden), nn.ReLU6()]
        project = [_plain(hidden, outputs), nn.BatchNorm2d(outputs)]
        self.conv = nn.Sequential(*widen, *depthwise, *project)

    def forward(self, x):
        return x + self.conv(x) if self.skip else self.conv(x)


class AudioMobileNetV2(nn.Module):
    """Frozen, as in the paper: no gradients and always in eval mode."""

    def __init__(self, with_embedding=True):
        super().__init__()
        self.bn0 = nn.BatchNorm2d(64)
        stem = [_plain(1, 32, 3), nn.AvgPool2d(2), nn.BatchNorm2d(32), nn.ReLU6()]
        features, width = [nn.Sequential(*stem)], 32
        for expand, channels, count, stride in PANNS_GROUPS:
            for n in range(count):
                features.append(PooledResidual(width, channels, stride if n == 0 else 1, expand))
                width = channels
        features.append(nn.Sequential(_plain(width, 1280), nn.BatchNorm2d(1280), nn.ReLU6()))
        self.features = nn.Sequential(*features)
        self.fc1 = nn.Linear(1280, 1024) if with_embedding else None
        self.requires_grad_(False).eval()

    def train(self, mode=True):
        return super().train(False)

    def forward(self, log_mel):
        x = self.bn0(log_mel.transpose(1, 3)).transpose(1, 3)
        x = self.features(x).mean(3)
        x = x.amax(2) + x.mean(2)
        return x if self.fc1 is None else F.relu(self.fc1(x))
