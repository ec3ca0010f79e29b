# SPDX-License-Identifier: LGPL-2.1-or-later
"""The interactions that LightAVSeg is compared with, on the maps of its visual networks.

TPAVI: Zhou et al., arXiv 2207.05042; OpenNLPLab/AVSBench, avs_scripts/*/model.
AVSegFormer: Gao et al., arXiv 2307.01146; vvvb-github/AVSegFormer, model/head and model/utils.
Frames are clips of their own, and maps grow to the size of the next finer one.
"""
import math

import torch
import torch.nn.functional as F
from torch import nn

WIDTH, QUERIES, HEADS, POINTS = 256, 300, 8, 4


class Head(nn.Module):
    def __init__(self, logits, bias):
        super().__init__()
        self.narrow = nn.Conv2d(WIDTH, 128, 3, padding=1)
        self.refine = nn.Conv2d(128, 32, 3, padding=1)
        self.logits = nn.Conv2d(32, logits, 1, bias=bias)

    def forward(self, x, size):
        x = F.interpolate(self.narrow(x), size=size, mode="bilinear", align_corners=False)
        return self.logits(F.relu(self.refine(x)))


class NonLocal(nn.Module):
    def __init__(self):
        super().__init__()
        self.align = nn.Linear(128, WIDTH)
        self.g, self.theta, self.phi = (nn.Conv2d(WIDTH, 128, 1) for _ in range(3))
        self.out, self.out_norm = nn.Conv2d(128, WIDTH, 1), nn.BatchNorm2d(WIDTH)
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, x, sound):
        heard = self.align(sound)[:, :, None, None]
        pixels = x.shape[2] * x.shape[3]
        affinity = torch.einsum("bchw,bcij->bhwij", self.theta(x),
                                self.phi(heard.expand_as(x))) / pixels
        y = torch.einsum("bhwij,bcij->bchw", affinity, self.g(x))
        z = self.out_norm(self.out(y)) + x
        return self.norm(z.movedim(1, -1)).movedim(-1, 1)


class Residual(nn.Module):
    def __init__(self):
        super().__init__()
        self.first = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.second = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)

    def forward(self, x):
        return x + self.second(F.relu(self.first(F.relu(x))))


class Tpavi(nn.Module):
    def __init__(self, channels, audio, logits):
        super().__init__()
        if audio != 128:
            self.audio_proj = nn.Linear(audio, 128)
        self.project = audio != 128
        self.dilated = nn.ModuleList(
            nn.ModuleDict({f"rate{r}": nn.Conv2d(c, WIDTH, 3, padding=r, dilation=r)
                           for r in (3, 6, 12, 18)}) for c in channels[:4])
        self.tpavi = nn.ModuleList(NonLocal() for _ in range(4))
        self.lateral = nn.ModuleList(Residual() for _ in range(4))
        self.merged = nn.ModuleList(Residual() for _ in range(4))
        self.head = Head(logits, bias=True)

    def forward(self, maps, audio, size):
        sound = self.audio_proj(audio) if self.project else audio
        scales = [t(sum(conv(x) for conv in d.values()), sound)
                  for x, d, t in zip(maps, self.dilated, self.tpavi)]
        finer = [((size[0] + 1) // 2, (size[1] + 1) // 2)] + [m.shape[2:] for m in maps[:3]]
        x = self.merged[3](scales[3])
        for k in (2, 1, 0):
            x = F.interpolate(x, size=finer[k + 1], mode="bilinear", align_corners=True)
            x = self.merged[k](x + self.lateral[k](scales[k]))
        x = F.interpolate(x, size=finer[0], mode="bilinear", align_corners=True)
        return self.head(x, size), x


class Deformable(nn.Module):
    def __init__(self):
        super().__init__()
        self.offsets = nn.Linear(WIDTH, HEADS * 3 * POINTS * 2)
        self.weights = nn.Linear(WIDTH, HEADS * 3 * POINTS)
        self.value, self.out = nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH)

    @staticmethod
    def look(values, x, y):
        """values [B, H, W, heads, d] at pixel coordinates [B, N, heads, P]; 0 outside."""
        batch, height, width, heads, _ = values.shape
        left, top = x.floor(), y.floor()
        b = torch.arange(batch)[:, None, None, None]
        h = torch.arange(heads)[None, None, :, None]
        total = 0
        for i, j in ((0, 0), (0, 1), (1, 0), (1, 1)):
            column, row = left + i, top + j
            share = (1 - (x - column).abs()) * (1 - (y - row).abs())
            inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
            found = values[b, row.clamp(0, height - 1).long(), column.clamp(0, width - 1).long(), h]
            total = total + found * (share * inside)[..., None]
        return total  # [B, N, heads, P, d]

    def forward(self, queries, places, values, sizes):
        batch, count, _ = queries.shape
        moves = self.offsets(queries).view(batch, count, HEADS, 3, POINTS, 2)
        shares = self.weights(queries).view(batch, count, HEADS, 3 * POINTS).softmax(-1)
        shares = shares.view(batch, count, HEADS, 3, POINTS)
        total, start = 0, 0
        for level, (height, width) in enumerate(sizes):
            part = self.value(values)[:, start:start + height * width]
            part = part.reshape(batch, height, width, HEADS, WIDTH // HEADS)
            start += height * width
            # Offsets count in pixels of the level; cells have their centres at halves.
            x = places[None, :, None, None, 0] * width - 0.5 + moves[:, :, :, level, :, 0]
            y = places[None, :, None, None, 1] * height - 0.5 + moves[:, :, :, level, :, 1]
            total = total + (self.look(part, x, y) * shares[:, :, :, level, :, None]).sum(3)
        return self.out(total.reshape(batch, count, WIDTH))


class EncoderLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.attention = Deformable()
        self.linear1, self.linear2 = nn.Linear(WIDTH, 2048), nn.Linear(2048, WIDTH)
        self.norm1, self.norm2 = nn.LayerNorm(WIDTH), nn.LayerNorm(WIDTH)

    def forward(self, x, positions, places, sizes):
        x = self.norm1(x + self.attention(x + positions, places, x, sizes))
        return self.norm2(x + self.linear2(F.gelu(self.linear1(x))))


def attend(module, queries, memory):
    """Sequence first: PyTorch 1.13 has a short cut for batch first that wants a bias."""
    q, m = queries.transpose(0, 1), memory.transpose(0, 1)
    return module(q, m, m)[0].transpose(0, 1)


class DecoderLayer(nn.Module):
    def __init__(self, hidden, bias):
        super().__init__()
        self.self = nn.MultiheadAttention(WIDTH, HEADS, bias=bias)
        self.cross = nn.MultiheadAttention(WIDTH, HEADS, bias=bias)
        self.linear1, self.linear2 = nn.Linear(WIDTH, hidden), nn.Linear(hidden, WIDTH)
        self.norm1, self.norm2, self.norm3 = (nn.LayerNorm(WIDTH) for _ in range(3))

    def forward(self, x, memory):
        x = self.norm1(x + attend(self.self, x, x))
        x = self.norm2(x + attend(self.cross, x, memory))
        return self.norm3(x + self.linear2(F.gelu(self.linear1(x))))


class Mixer(nn.Module):
    def __init__(self):
        super().__init__()
        self.query = nn.Linear(WIDTH, WIDTH, bias=False)
        self.key_value = nn.Linear(WIDTH, 2 * WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH)

    def forward(self, x, sound):
        d = WIDTH // HEADS
        key, value = self.key_value(x.flatten(2).mT).chunk(2, -1)
        query = self.query(sound)
        parts = []
        for h in range(HEADS):
            own = slice(h * d, (h + 1) * d)
            shares = (query[..., own] @ key[..., own].mT / math.sqrt(d)).softmax(-1)
            parts.append(shares @ value[..., own])
        gain = torch.sigmoid(self.out(torch.cat(parts, -1)))  # [B, 1, 256]
        return x * gain[:, 0, :, None, None]


def sines(height, width):
    """[h * w, 256]: 128 channels that tell the row, then 128 that tell the column."""
    def along(n):
        place = 2 * math.pi * torch.arange(1, n + 1).double() / (n + 1e-6)
        columns = []
        for i in range(64):
            phase = place / 10000 ** (2 * i / 128)
            columns += [phase.sin(), phase.cos()]
        return torch.stack(columns, 1)
    y, x = along(height)[:, None], along(width)[None]
    both = torch.cat([y.expand(height, width, 128), x.expand(height, width, 128)], -1)
    return both.reshape(height * width, 256)


class AvSegFormer(nn.Module):
    def __init__(self, channels, audio, logits):
        super().__init__()
        self.audio_proj = nn.Linear(audio, WIDTH)
        self.generator_queries = nn.Parameter(torch.randn(QUERIES, WIDTH))
        self.queries = nn.Parameter(torch.randn(QUERIES, WIDTH))
        self.level_embed = nn.Parameter(torch.randn(3, WIDTH))
        self.generator = nn.ModuleList(DecoderLayer(1024, False) for _ in range(6))
        self.encoder = nn.ModuleList(EncoderLayer() for _ in range(6))
        self.decoder = nn.ModuleList(DecoderLayer(2048, True) for _ in range(6))
        self.in_proj = nn.ModuleList(nn.Conv2d(c, WIDTH, 1) for c in channels[:4])
        self.in_norm = nn.ModuleList(nn.GroupNorm(32, WIDTH) for _ in range(4))
        self.lateral, self.lateral_norm = nn.Conv2d(WIDTH, WIDTH, 1), nn.GroupNorm(32, WIDTH)
        self.mask_conv = nn.Conv2d(WIDTH, WIDTH, 3, padding=1)
        self.mask_norm = nn.GroupNorm(32, WIDTH)
        self.mixer = Mixer()
        self.mlp = nn.ModuleList([nn.Conv2d(QUERIES, 2048, 1), nn.Conv2d(2048, 2048, 1),
                                  nn.Conv2d(2048, WIDTH, 1)])
        self.head = Head(logits, bias=False)

    def forward(self, maps, audio, size):
        sound = self.audio_proj(audio)[:, None]
        asked = self.generator_queries[None].expand(len(sound), -1, -1)
        for layer in self.generator:
            asked = layer(asked, sound)
        asked = asked + self.queries
        maps = [norm(conv(x)) for x, conv, norm in zip(maps, self.in_proj, self.in_norm)]
        sizes = [x.shape[2:] for x in maps[1:]]
        memory = torch.cat([x.flatten(2).mT for x in maps[1:]], 1)
        positions = torch.cat([sines(*s).to(memory) + e for s, e in zip(sizes, self.level_embed)])
        places = torch.cat([torch.cartesian_prod((torch.arange(h) + 0.5) / h,
                                                 (torch.arange(w) + 0.5) / w).flip(1)
                            for h, w in sizes]).to(memory)
        for layer in self.encoder:
            memory = layer(memory, positions, places, sizes)
        for layer in self.decoder:
            asked = layer(asked, memory)
        height, width = sizes[0]
        finest = memory[:, :height * width].mT.reshape(-1, WIDTH, height, width)
        mask = self.lateral_norm(self.lateral(maps[0]))
        mask = mask + F.interpolate(finest, size=mask.shape[2:], mode="bilinear",
                                    align_corners=False)
        mask = self.mixer(F.relu(self.mask_norm(self.mask_conv(mask))), sound)
        products = torch.einsum("bqc,bchw->bqhw", asked, mask)
        for k, layer in enumerate(self.mlp):
            products = layer(products if k == 0 else F.relu(products))
        return self.head(mask + products, size), mask
