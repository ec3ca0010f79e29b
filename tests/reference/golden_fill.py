# SPDX-License-Identifier: LGPL-2.1-or-later
"""Weights and inputs that follow from the names of their tensors alone.

The same numbers as tests/model/network/golden_fill.h, so that networks in two languages can be
given equal weights without a file.
"""
import math
import zlib

import numpy as np
import torch


def hash_values(name, shape):
    """float64 in [-1, 1), a function of the name alone."""
    count = int(np.prod(shape))
    index = np.arange(count, dtype=np.uint32)
    x = np.uint32(zlib.crc32(name.encode())) + index * np.uint32(0x9E3779B9)
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B), (16, 1)):
        x = (x ^ (x >> np.uint32(shift))) * np.uint32(factor)
    return (x.astype(np.float64) / 2147483648.0 - 1.0).reshape(shape)


def fill_by_name(network):
    """Gives every weight a value that follows from its name."""
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if name.endswith("num_batches_tracked"):
                continue
            u = hash_values(name, tuple(tensor.shape))
            if name.endswith("running_var"):
                u = 1 + 0.5 * u
            elif name.endswith(("running_mean", "bias")):
                u = 0.1 * u
            elif tensor.dim() == 1:
                u = 1 + 0.1 * u
            elif not name.endswith("pos_embed"):
                u = u * math.sqrt(3.0 / tensor[0].numel())
            tensor.copy_(torch.from_numpy(u))
