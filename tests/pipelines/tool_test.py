# SPDX-License-Identifier: LGPL-2.1-or-later
"""What users of the `lightavseg` tool see: its output, its exit codes and its error texts."""
import json
import math
import pathlib
import struct

import tap_runner
import tool


def write_safetensors(path, tensors, metadata=None):
    """tensors: name -> (dtype, shape, bytes)"""
    header = {"__metadata__": metadata} if metadata else {}
    data = b""
    for name, (dtype, shape, block) in tensors.items():
        offsets = [len(data), len(data) + len(block)]
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": offsets}
        data += block
    text = json.dumps(header).encode()
    pathlib.Path(path).write_bytes(struct.pack("<Q", len(text)) + text + data)


def zeros(*shape):
    return "F32", shape, bytes(4 * math.prod(shape))


class General(tool.TestCase):
    def test_version(self):
        self.assertRegex(self.check(tool.DONE, "--version"), r"^\d+\.\d+\.\d+\n$")

    def test_help_names_the_commands_and_exit_codes(self):
        self.check(tool.DONE, "--help", says=("info", "forward", "0 done, 1 failed, 2 wrong use"))

    def test_help_of_a_command(self):
        says = ("--variant", "--size", "--json", "--audio-frames")
        self.check(tool.DONE, "info", "--help", says=says)

    def test_no_command(self):
        self.check(tool.WRONG_USE, says=("subcommand is required", "--help"))

    def test_unknown_command(self):
        self.check(tool.WRONG_USE, "sing", says="--help")

    def test_unknown_option(self):
        self.check(tool.WRONG_USE, "info", "--variant", "tiny", "--loud", says=("--loud", "--help"))


class Info(tool.TestCase):
    def info(self, *arguments):
        return json.loads(self.check(tool.DONE, "info", "--json", *arguments))

    def test_text_of_the_large_variant(self):
        says = ("LightAVSeg large", "20,532,545", "FLOPs (2 x MACs): 2.700 G", "panns-32k-from-16k")
        self.check(tool.DONE, "info", "--variant", "large", says=says)

    def test_json_of_the_large_variant(self):
        info = self.info("--variant", "large")
        self.assertEqual(info["parameters"], 20532545)
        self.assertEqual(info["flops"], 2 * info["macs"])
        self.assertAlmostEqual(info["flops"] / 1e9, 2.700, places=3)
        self.assertEqual((info["height"], info["width"], info["audio_frames"]), (224, 224, 96))
        self.assertEqual(info["config"]["variant"], "large")

    def test_parameters_of_the_other_variants(self):
        for variant, parameters in (("tiny", 5836417), ("small", 8544225), ("base", 13751777)):
            self.assertEqual(self.info("--variant", variant)["parameters"], parameters, variant)

    def test_modules_add_up(self):
        info = self.info("--variant", "small")
        for field in ("parameters", "macs"):
            self.assertEqual(sum(m[field] for m in info["modules"]), info[field], field)
        names = [m["name"] for m in info["modules"]]
        self.assertEqual(names[:5], [f"visual.{s}" for s in range(1, 6)])
        self.assertEqual(names[5], "audio")

    def test_work_grows_with_the_size_and_parameters_do_not(self):
        small, wide = (self.info("--variant", "tiny", "--size", s) for s in ("128", "128x256"))
        self.assertEqual((small["height"], small["width"]), (128, 128))
        self.assertEqual((wide["height"], wide["width"]), (128, 256))
        self.assertEqual(small["parameters"], wide["parameters"])
        self.assertGreater(wide["macs"], 1.4 * small["macs"])

    def test_longer_sound_costs_more_in_the_audio_net_only(self):
        short, long = (self.info("--variant", "tiny", "--audio-frames", n) for n in (96, 192))
        cost = [{m["name"]: m["macs"] for m in info["modules"]} for info in (short, long)]
        self.assertGreater(cost[1].pop("audio"), 1.8 * cost[0].pop("audio"))
        self.assertEqual(*cost)

    def test_neither_file_nor_variant(self):
        self.check(tool.WRONG_USE, "info", says=("FILE", "--variant tiny|small|base|large"))

    def test_both_file_and_variant(self):
        self.check(tool.WRONG_USE, "info", "x.safetensors", "--variant", "tiny", says="either")

    def test_unknown_variant_lists_the_known(self):
        says = ("--variant", "huge", "tiny", "small", "base", "large")
        self.check(tool.WRONG_USE, "info", "--variant", "huge", says=says)

    def test_bad_sizes(self):
        for size in ("31", "8193", "0", "-64", "224x", "x224", "224x31", "1e3", "wide", "64x64x64"):
            says = ("HEIGHTxWIDTH", "32..8192", size)
            self.check(tool.WRONG_USE, "info", "--variant", "tiny", f"--size={size}", says=says)

    def test_too_few_audio_frames(self):
        says = ("--audio-frames", "31")
        self.check(tool.WRONG_USE, "info", "--variant", "tiny", "--audio-frames", 31, says=says)


CONFIG = {
    "version": 1,
    "variant": "tiny",
    "stages": [1, 2, 3, 4, 5],
    "audio_net": "mobilenetv2",
    "audio_state": "embedding",
    "front_end": "panns-32k-from-16k",
    "har": True,
    "agve": True,
    "cmfd": True,
    "pooling": "max",
    "embed_width": 0,
    "refine": 2,
    "head_similarity": False,
    "head": "mask",
    "class_names": [],
    "train_height": 224,
    "train_width": 224,
}


class ModelFiles(tool.TestCase):
    """Files that are no models, from the farthest off to the nearly right."""

    def refused(self, content, *says):
        path = self.folder / "model.safetensors"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            write_safetensors(path, *content)
        self.check(tool.FAILED, "info", path, says=(str(path), *says))

    def with_config(self, **fields):
        config = {**CONFIG, **fields}
        text = json.dumps({name: v for name, v in config.items() if v is not None})
        metadata = {"lightavseg.config": text}
        return {"visual.smb1.stem_block.0.c.weight": zeros(16, 3, 3, 3)}, metadata

    def test_missing_file(self):
        path = self.folder / "nothing.safetensors"
        self.check(tool.FAILED, "info", path, says=(str(path), "no such file"))

    def test_folder(self):
        self.check(tool.FAILED, "info", self.folder, says=(str(self.folder), "folder"))

    def test_empty_file(self):
        self.refused(b"", "empty")

    def test_something_else(self):
        self.refused(b"\x89PNG\r\n\x1a\n" + bytes(100), "header length", "not a safetensors file")

    def test_truncated_header(self):
        self.refused(struct.pack("<Q", 500) + b'{"a":', "header length", "truncated")

    def test_broken_json(self):
        self.refused(struct.pack("<Q", 8) + b'{"a": { ', "header", "JSON")

    def test_truncated_data(self):
        header = b'{"w":{"dtype":"F32","shape":[4],"data_offsets":[0,16]}}'
        self.refused(struct.pack("<Q", len(header)) + header + bytes(8), "data")

    def test_shape_that_does_not_match_its_data(self):
        header = b'{"w":{"dtype":"F32","shape":[5],"data_offsets":[0,16]}}'
        self.refused(struct.pack("<Q", len(header)) + header + bytes(16), 'tensor "w"')

    def test_no_configuration(self):
        tensors, _ = self.with_config()
        self.refused((tensors,), "lightavseg.config", "not a LightAVSeg model")

    def test_configuration_that_is_no_json(self):
        tensors, _ = self.with_config()
        self.refused((tensors, {"lightavseg.config": "{variant"}), "lightavseg.config", "JSON")

    def test_configuration_of_another_version(self):
        self.refused(self.with_config(version=2), "version", "reads 1")

    def test_field_missing(self):
        self.refused(self.with_config(pooling=None), "pooling", "missing")

    def test_field_unknown(self):
        self.refused(self.with_config(colour="red"), "colour", "unknown")

    def test_field_of_the_wrong_type(self):
        self.refused(self.with_config(refine=1.5), "refine", "integer")

    def test_field_out_of_range(self):
        self.refused(self.with_config(stages=[2, 1]), "stages", "increase")

    def test_name_that_does_not_exist(self):
        self.refused(self.with_config(front_end="radio"), "front_end", "panns-32k-from-16k")

    def test_tensors_missing(self):
        self.refused(self.with_config(), "needs", "audio.bn0.bias", "more")


if __name__ == "__main__":
    tap_runner.main()
