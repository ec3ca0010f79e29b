# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the small right files that fuzzing starts from into corpus/TARGET.

Files that a fuzzer found are named found-WHAT and put there by hand.
"""
import io
import json
import pathlib
import struct
import zipfile

CORPUS = pathlib.Path(__file__).resolve().parent / "corpus"

CONFIG = {
    "version": 1, "variant": "tiny", "stages": [1, 3], "audio_net": "mobilenetv2",
    "audio_state": "pooled", "front_end": "panns-32k-from-16k", "har": True, "agve": True,
    "cmfd": True, "pooling": "max", "embed_width": 0, "refine": 2, "head_similarity": False,
    "head": "mask+classes", "class_names": ["background", "dog"], "train_height": 64,
    "train_width": 64, "class_gate": True, "class_pyramid": True}

TAXONOMY = {
    "version": 1, "visible": ["dog", "violin", "person"], "sound_only": ["wind"],
    "groups": {"pets": ["dog", "wind"]}, "instruments": ["violin"], "inseparable": {"wind": ["dog"]},
    "voc": {"dog": 12, "person": 15}, "aliases": {"hound": "dog"},
    "rules": [{"kind": "sound", "class": "hound", "match": "howl", "to": ""}]}

TRAINING = """[run]
out = "runs/x"
seed = 1
replicas = 2
precision = "bf16"
device = "cpu"
[material]
dir = "material"
taxonomy = "taxonomy.json"
licence = "free"
[model]
variant = "tiny"
head = "mask+classes"
class_gate = true
front_end = "panns-32k"
[[teacher]]
name = "t"
file = "t.ts"
input = "waveform"
[[stage]]
name = "audio"
kind = "audio"
steps = 15
batch = 4
learning_rate = 1.5e-3
schedule = "cosine"
warmup_steps = 3
train = ["audio."]
rate_of = { "audio." = 0.5 }
[stage.loss]
sound_classes = 10
[[stage.distill]]
teacher = "t"
output = "o"
student = "audio"
loss = "cosine"
weight = 3
[stage.scenes]
pairs = true
photograph = 0.5
crop = { min_area = 0.3, max_area = 1.0 }
"""


def safetensors(tensors, metadata):
    header, data = {"__metadata__": metadata}, b""
    for name, dtype, shape, values in tensors:
        header[name] = {"dtype": dtype, "shape": shape,
                        "data_offsets": [len(data), len(data) + len(values)]}
        data += values
    text = json.dumps(header, separators=(",", ":")).encode()
    return struct.pack("<Q", len(text)) + text + data


def text(value):
    return b"X" + struct.pack("<I", len(value)) + value.encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def numbers(values):
    return b"(" + b"".join(map(number, values)) + b"t"


def pickled(body):
    return b"\x80\x02" + body + b"."


def tensor(kind, key, count, shape, strides):
    storage = (b"(" + text("storage") + b"ctorch\n" + kind.encode() + b"\n" + text(key) +
               text("cpu") + number(count) + b"tQ")
    return (b"ctorch._utils\n_rebuild_tensor_v2\n(" + storage + number(0) + numbers(shape) +
            numbers(strides) + b"\x89ccollections\nOrderedDict\n)RtR")


def state():
    tensors = {"a": tensor("FloatStorage", "0", 6, [2, 3], [3, 1]),
               "b": tensor("HalfStorage", "1", 3, [3], [1]),
               "c": tensor("LongStorage", "2", 3, [3], [1])}
    return (b"}" + text("state_dict") + b"ccollections\nOrderedDict\n)R(" +
            b"".join(text(k) + v for k, v in tensors.items()) + b"u" +
            b"s" + text("epoch") + number(5) + b"s")


STORAGES = {"0": (6, struct.pack("<6f", *range(6))), "1": (3, struct.pack("<3e", 1, 2, 3)),
            "2": (3, struct.pack("<3q", 1, 2, 3))}


def archive():
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_STORED) as file:
        def add(name, contents):
            file.writestr(zipfile.ZipInfo(f"net/{name}"), contents)
        add("data.pkl", pickled(state()))
        add("byteorder", b"little")
        for key, (_, contents) in STORAGES.items():
            add(f"data/{key}", contents)
        add("version", b"3\n")
    return out.getvalue()


def legacy():
    magic = b"\x80\x02\x8a\x0a\x6c\xfc\x9c\x46\xf9\x20\x6a\xa8\x50\x19."
    machine = pickled(b"}" + text("little_endian") + b"\x88s")
    keys = pickled(b"](" + b"".join(map(text, STORAGES)) + b"e")
    runs = b"".join(struct.pack("<q", count) + data for count, data in STORAGES.values())
    return magic + pickled(number(1001)) + machine + pickled(state()) + keys + runs


def files():
    weights = [("head.weight", "F32", [2, 3], struct.pack("<6f", *range(6))),
               ("half", "F16", [2], struct.pack("<2e", 1, 2)), ("brain", "BF16", [1], b"\x80\x3f"),
               ("wide", "F64", [1], struct.pack("<d", 1)), ("steps", "I64", [1], bytes(8)),
               ("none", "F32", [0, 7], b""), ("mask", "BOOL", [3], b"\1\0\1")]
    plain = {**CONFIG, "head": "mask", "class_names": []}
    del plain["class_gate"], plain["class_pyramid"]
    names = {f"class {i}": i for i in range(71)}
    yield "safetensors/weights", safetensors(weights, {"lightavseg.config": json.dumps(CONFIG)})
    yield "safetensors/least", safetensors([], {})
    yield "checkpoint/archive", archive()
    yield "checkpoint/legacy", legacy()
    yield "checkpoint/safetensors", safetensors(weights[:2], {})
    yield "model_config/classes", json.dumps(CONFIG).encode()
    yield "model_config/mask", json.dumps(plain).encode()
    yield "train_config/stage", TRAINING.encode()
    yield "taxonomy/small", json.dumps(TAXONOMY).encode()
    yield "class_names/all", json.dumps(names).encode()
    yield "csv/quoted", b'a,"b ""c""",d\r\n1,"2\n3",\n\n4,5,6\n'
    yield "csv/mark", b"\xef\xbb\xbffile,class\nx.jpg,dog\n"
    yield "avsbench_csv/s4", b'name,category,split\nx_1,dog,train\n"y, ""z""",cat,test\r\n'
    yield "avsbench_csv/avss", b"\xef\xbb\xbfvid,uid,a_obj,label,split\nv,u,dog,v1s,train\n"
    # The first byte of these chooses the table and the options.
    yield "material/manifest", (b"\x04file,class,split,type,mask,label,background,licence\n"
                                b"a.jpg,dog,train,image,a.jpg,a.jpg,plain,CC0\n"
                                b"b.wav,hound,train,sound,,,,MIT\n")
    yield "material/cutouts", (b"\x00file,class,type,licence,original\na.jpg,dog,cutout,CC0,x\n"
                               b"a.jpg,,background,CC0,\nb.wav,wind,noise,CC0,\n"
                               b"b.wav,,speech,CC0,\na.jpg,,distractor,CC0,\n")
    yield "material/pool", (b"\x08file,pseudo,category,trusted_voc,zero_ok,licence,group\n"
                            b"a.jpg,a.jpg,dog,12 15,1,CC0,g\na.jpg,a.jpg,g,,0,CC0,g\n")
    yield "material/audit", b"\x01file,verdict,trust,best_windows\nb.wav,keep,high,0.5 1e1\n"
    yield "material/pseudo", (b"\x02file,pseudo,pseudo_dominant,pseudo_dominant_share\n"
                              b"a.jpg,a.jpg,person,0.5\n")
    yield "material/classes", b'\x03["background", "dog", "violin"]'


def main():
    for name, contents in files():
        path = CORPUS / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(contents)


if __name__ == "__main__":
    main()
