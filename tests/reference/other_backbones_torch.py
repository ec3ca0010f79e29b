# SPDX-License-Identifier: LGPL-2.1-or-later
"""The backbones that LightAVSeg is compared with, with the parameter names of their checkpoints.

VGGish: Hershey et al., 2017; OpenNLPLab/AVSBench, avs_scripts/avs_s4/torchvggish.
YAMNet: tensorflow/models, research/audioset/yamnet; names of w-hc/torch_audioset.
ResNet-50: He et al., CVPR 2016; pytorch/vision, torchvision/models/resnet.py.
"""
from collections import OrderedDict

import torch
import torch.nn.functional as F
from torch import nn

PATCH = 96  # frames of sound that VGGish and YAMNet take


class Frozen(nn.Module):
    """No gradients and always in eval mode."""

    def train(self, mode=True):
        return super().train(False)


class Vggish(Frozen):
    def __init__(self):
        super().__init__()
        layers, width = [], 1
        for channels, pooled in ((64, True), (128, True), (256, False), (256, True),
                                 (512, False), (512, True)):
            layers += [nn.Conv2d(width, channels, 3, padding=1), nn.ReLU()]
            layers += [nn.MaxPool2d(2)] if pooled else []
            width = channels
        self.features = nn.Sequential(*layers)
        self.embeddings = nn.Sequential(nn.Linear(512 * 6 * 4, 4096), nn.ReLU(),
                                        nn.Linear(4096, 4096), nn.ReLU(),
                                        nn.Linear(4096, 128), nn.ReLU())
        self.requires_grad_(False).eval()

    def forward(self, log_mel):
        x = self.features(log_mel[:, :, :PATCH])
        return self.embeddings(x.permute(0, 2, 3, 1).reshape(len(x), -1))


class SameConv(nn.Module):
    """Padded as TensorFlow's SAME: where one zero is left over, it goes to the end."""

    def __init__(self, inputs, outputs, kernel, stride, groups):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, stride, groups=groups, bias=False)
        self.bn = nn.BatchNorm2d(outputs, eps=1e-4)

    def forward(self, x):
        pads = []
        for length, kernel, stride in zip(x.shape[:1:-1], self.conv.kernel_size, self.conv.stride):
            zeros = max((-(-length // stride) - 1) * stride + kernel - length, 0)
            pads += [zeros // 2, zeros - zeros // 2]
        return F.relu(self.bn(self.conv(F.pad(x, pads))))


class Yamnet(Frozen):
    ROWS = ((64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), *[(512, 1)] * 5,
            (1024, 2), (1024, 1))

    def __init__(self):
        super().__init__()
        self.layer1 = nn.Sequential(OrderedDict(fused=SameConv(1, 32, 3, 2, 1)))
        width = 32
        for number, (channels, stride) in enumerate(self.ROWS, 2):
            self.add_module(f"layer{number}", nn.Sequential(OrderedDict(
                depthwise_conv=SameConv(width, width, 3, stride, width),
                pointwise_conv=SameConv(width, channels, 1, 1, 1))))
            width = channels
        self.requires_grad_(False).eval()

    def forward(self, log_mel):
        x = log_mel[:, :, :PATCH]
        for layer in self.children():
            x = layer(x)
        return x.mean((2, 3))


class Bottleneck(nn.Module):
    def __init__(self, inputs, width, stride):
        super().__init__()
        outputs = 4 * width
        self.conv1, self.bn1 = nn.Conv2d(inputs, width, 1, bias=False), nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3, self.bn3 = nn.Conv2d(width, outputs, 1, bias=False), nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride > 1 or inputs != outputs:
            self.downsample = nn.Sequential(nn.Conv2d(inputs, outputs, 1, stride, bias=False),
                                            nn.BatchNorm2d(outputs))

    def forward(self, x):
        y = F.relu(self.bn1(self.conv1(x)))
        y = self.bn3(self.conv3(F.relu(self.bn2(self.conv2(y)))))
        return F.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet50(nn.Module):
    CHANNELS = (256, 512, 1024, 2048)

    def __init__(self):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        width = 64
        for s, blocks in enumerate((3, 4, 6, 3)):
            rows = []
            for b in range(blocks):
                rows.append(Bottleneck(width, 64 << s, 2 if b == 0 and s > 0 else 1))
                width = self.CHANNELS[s]
            self.add_module(f"layer{s + 1}", nn.Sequential(*rows))

    def stage(self, index, x):
        if index == 0:
            x = F.max_pool2d(F.relu(self.bn1(self.conv1(x))), 3, 2, 1)
        return getattr(self, f"layer{index + 1}")(x)
