# SPDX-License-Identifier: LGPL-2.1-or-later
"""Reads the ONNX files that `lightavseg export` writes and runs them on PyTorch.

Only the fields and operators that occur there (onnx/onnx, onnx/onnx.proto and docs/Operators.md);
anything else is an error. Independent of the writer: both follow the published format.
"""
import struct

import numpy as np
import torch
import torch.nn.functional as F


def _varint(data, at):
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _fields(data):
    """Field number -> values in their order; messages and strings stay bytes."""
    fields, at = {}, 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == 0:
            value, at = _varint(data, at)
            value -= (value >> 63) << 64
        elif kind == 2:
            size, at = _varint(data, at)
            value, at = data[at : at + size], at + size
        elif kind == 5:
            value, at = struct.unpack_from("<f", data, at)[0], at + 4
        else:
            raise ValueError(f"wire type {kind} at byte {at}")
        fields.setdefault(key >> 3, []).append(value)
    return fields


def _text(fields, number):
    return bytes(fields[number][0]).decode()


def _attribute(data):
    f = _fields(data)
    field = {1: 2, 2: 3, 3: 4, 7: 8}[f[20][0]]  # type -> where the value stands
    value = f.get(field, [])
    if field == 8:
        return _text(f, 1), value
    return _text(f, 1), bytes(value[0]).decode() if field == 4 else value[0]


def _tensor(data):
    f = _fields(data)
    dtype = {1: "<f4", 7: "<i8"}[f[2][0]]
    values = np.frombuffer(f[9][0], dtype).reshape(f.get(1, [])).copy()
    return _text(f, 8), torch.from_numpy(values)


def _value(data):
    """(name, shape) of an input or output."""
    f = _fields(data)
    shape = _fields(_fields(_fields(f[2][0])[1][0])[2][0])
    return _text(f, 1), [_fields(dim)[1][0] for dim in shape[1]]


def _pads(attributes):
    pads = attributes.get("pads", [0, 0, 0, 0])
    assert pads[:2] == pads[2:], pads
    return pads[:2]


def _conv(a, x, weight, bias=None):
    stride = a.get("strides", [1, 1])
    return F.conv2d(x, weight, bias, stride, _pads(a), 1, a.get("group", 1))


def _reduce(function):
    return lambda a, x: function(x, tuple(a["axes"]), bool(a.get("keepdims", 1)))


def _resize(a, x, roi, scales, sizes):
    modes = a["mode"], a["coordinate_transformation_mode"]
    assert roi is None and scales is None and modes == ("linear", "half_pixel"), modes
    assert list(sizes[:2]) == list(x.shape[:2])
    return F.interpolate(x, size=sizes[2:].tolist(), mode="bilinear", align_corners=False)


def _slice(a, x, begin, end, axis):
    return x.narrow(int(axis), int(begin), int(end - begin))


OPERATORS = {
    "Add": lambda a, x, y: x + y,
    "AveragePool": lambda a, x: F.avg_pool2d(x, a["kernel_shape"], a["strides"]),
    "Clip": lambda a, x, low, high: x.clamp(low.item(), high.item()),
    "Concat": lambda a, *parts: torch.cat(parts, a["axis"]),
    "Conv": _conv,
    "Div": lambda a, x, y: x / y,
    "Expand": lambda a, x, shape: x.expand(shape.tolist()),
    "GlobalAveragePool": lambda a, x: x.mean((2, 3), True),
    "GlobalMaxPool": lambda a, x: x.amax((2, 3), True),
    "HardSigmoid": lambda a, x: (a["alpha"] * x + a["beta"]).clamp(0, 1),
    "Identity": lambda a, x: x,
    "MatMul": lambda a, x, y: x @ y,
    "Max": lambda a, x, y: torch.maximum(x, y),
    "Mul": lambda a, x, y: x * y,
    "ReduceL2": _reduce(lambda x, axes, keep: x.square().sum(axes, keep).sqrt()),
    "ReduceMax": _reduce(lambda x, axes, keep: x.amax(axes, keep)),
    "ReduceMean": _reduce(lambda x, axes, keep: x.mean(axes, keep)),
    "ReduceSum": lambda a, x, axes: x.sum(axes.tolist(), bool(a["keepdims"])),
    "Relu": lambda a, x: x.relu(),
    "Reshape": lambda a, x, shape: x.reshape(shape.tolist()),
    "Resize": _resize,
    "Slice": _slice,
    "Softmax": lambda a, x: x.softmax(a["axis"]),
    "Transpose": lambda a, x: x.permute(a["perm"]),
}


class Model:
    def __init__(self, path):
        with open(path, "rb") as file:
            model = _fields(memoryview(file.read()))
        self.opset = _fields(model[8][0])[2][0]
        entries = [_fields(entry) for entry in model.get(14, [])]
        self.metadata = {_text(e, 1): _text(e, 2) for e in entries}
        graph = _fields(model[7][0])
        self.inputs = dict(_value(v) for v in graph[11])
        self.outputs = dict(_value(v) for v in graph[12])
        self.constants = dict(_tensor(t) for t in graph[5])
        self.nodes = []
        for node in map(_fields, graph[1]):
            names = ["" if not n else bytes(n).decode() for n in node[1]]
            attributes = dict(_attribute(a) for a in node.get(5, []))
            self.nodes.append((_text(node, 4), names, _text(node, 2), attributes))

    def run(self, **inputs):
        """Tensors by name in, tensors by name out."""
        for name, shape in self.inputs.items():
            assert list(inputs[name].shape) == shape, (name, inputs[name].shape, shape)
        values = {**self.constants, **inputs}
        with torch.no_grad():
            for op, names, output, attributes in self.nodes:
                arguments = [values[n] if n else None for n in names]
                values[output] = OPERATORS[op](attributes, *arguments)
        for name, shape in self.outputs.items():
            assert list(values[name].shape) == shape, (name, values[name].shape, shape)
        return {name: values[name] for name in self.outputs}
