# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads and writes safetensors files (format: huggingface/safetensors, README.md) with numpy.

A file is the length of its header (64-bit little-endian), the header (JSON: name -> dtype, shape,
data_offsets) and the data. Only for files that our own tests make: nothing is checked that the
C++ reader checks.
"""
import json
import struct

import numpy as np

DTYPES = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "I64": np.int64,
    "I32": np.int32,
    "I16": np.int16,
    "I8": np.int8,
    "U8": np.uint8,
    "BOOL": np.bool_,
}
NAMES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def save(path, tensors, metadata=None):
    """Writes a dict of arrays and a dict of strings."""
    header = {"__metadata__": dict(metadata)} if metadata else {}
    blocks = []
    end = 0
    for name in sorted(tensors):
        array = np.asarray(tensors[name])
        block = array.tobytes()  # row-major, whatever the layout in memory
        header[name] = {
            "dtype": NAMES[array.dtype],
            "shape": list(array.shape),
            "data_offsets": [end, end + len(block)],
        }
        end += len(block)
        blocks.append(block)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)))
        file.write(text)
        file.writelines(blocks)


def load(path):
    """Returns (dict of arrays, dict of metadata strings)."""
    with open(path, "rb") as file:
        data = file.read()
    length = struct.unpack_from("<Q", data)[0]
    header = json.loads(data[8 : 8 + length])
    metadata = header.pop("__metadata__", {})
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        values = np.frombuffer(data[begin:end], dtype=DTYPES[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"]).copy()
    return tensors, metadata
