# SPDX-License-Identifier: LGPL-2.1-or-later
"""The scripts of tests/benchmarks run and write what they say. Times are not tested."""
import json
import pathlib
import subprocess

import torch_twin  # noqa: F401  the scripts compare with PyTorch; without it all cases are skipped
import numpy as np
import tap_runner
import tool

SCRIPTS = pathlib.Path(__file__).resolve().parent.parent / "benchmarks"
BUILD = pathlib.Path(tool.PATH).parent.parent
QUICK = ("--rounds", "1", "--seconds", "0")


class Scripts(tool.TestCase):
    def run_script(self, name, *arguments):
        """(what it prints, its JSON)"""
        path = self.folder / "figures.json"
        command = [SCRIPTS / name, "--build", BUILD, "--json", path, *arguments]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout, json.loads(path.read_text())

    def test_compare(self):
        nowhere = self.folder / "node_modules"  # ONNX Runtime is no package of Debian
        options = ("--variant", "tiny", "--size", "64", *QUICK, "--modules", nowhere)
        text, found = self.run_script("compare", *options)
        self.assertIn("ONNX Runtime is left out", text)
        self.assertEqual(sorted(found["engines"]), ["lightavseg", "pytorch"])
        peer = found["engines"]["pytorch"]
        self.assertGreater(peer["ratio_to_ours"], 0)
        self.assertLess(peer["max_logit_difference"], 1e-4 * found["largest_logit"])
        self.assertEqual(found["engines"]["lightavseg"]["ratio_to_ours"], 1)

    def test_training_throughput(self):
        options = ("--size", "64", "--batch", "2", "--threads", "1", "--steps", "1")
        _, found = self.run_script("training_throughput", *options, "--rounds", "1")
        for field in ("samples_per_second", "ratio_installed", "ratio_allocator"):
            self.assertGreater(found[field], 0, field)

    def test_interactions(self):
        picture = self.folder / "interactions.svg"
        options = ("--variant", "tiny", "--sizes", "64", "128", "--rounds", "1", "--svg", picture)
        text, found = self.run_script("interactions", *options)
        for name in ("LightAVSeg", "TPAVI", "AVSegFormer"):
            self.assertIn(name, text)
        self.assertEqual(len(found["points"]), 6)
        grows = {name: e["interaction_macs"] for name, e in found["exponents"].items()}
        self.assertLess(grows["lightavseg"], 1)
        # Four times the pixels are sixteen times the pairs, beside convolutions that grow by four.
        self.assertGreater(grows["tpavi"], grows["lightavseg"])
        self.assertIn("</svg>", picture.read_text())

    def test_interactions_that_need_too_much_memory(self):
        options = ("--variant", "tiny", "--sizes", "64", "128", "--rounds", "1",
                   "--memory-limit", "0.001")
        _, found = self.run_script("interactions", *options)
        sizes = {(p["interaction"], p["size"]) for p in found["points"]}
        self.assertIn(("tpavi", 64), sizes)
        self.assertNotIn(("tpavi", 128), sizes)
        self.assertIn(("lightavseg", 128), sizes)

    def test_report_of_engines(self):
        options = ("--only", "engine", "--variants", "tiny", "--threads", "1", *QUICK)
        text, found = self.run_script("report", *options)
        self.assertIn("tiny", text)
        self.assertEqual([r["variant"] for r in found["engine"]], ["tiny"])

    def test_report_of_scaling(self):
        options = ("--only", "scaling", "--scaling-variant", "tiny", "--sizes", "64", "96", "128")
        _, found = self.run_script("report", *options, *QUICK)
        points = found["scaling"]["points"]
        self.assertEqual([p["pixels"] for p in points], [64 * 64, 96 * 96, 128 * 128])
        x, y = (np.log([p[key] for p in points]) for key in ("pixels", "same_sound_ms"))
        self.assertAlmostEqual(found["scaling"]["exponent"], np.polyfit(x, y, 1)[0], places=6)

    def test_report_of_memory(self):
        _, found = self.run_script("report", "--only", "memory", "--frames", "2", *QUICK)
        for sizes in found["memory"].values():
            self.assertGreater(sizes["vm_hwm_mib"], sizes["without_element_mib"])

    def test_report_of_the_element(self):
        _, found = self.run_script("report", "--only", "element", "--frames", "1", *QUICK)
        for output in ("metadata", "overlay", "alpha", "cutout", "matte"):
            self.assertEqual(sorted(found["element"][output]), ["everything", "nothing"])

    def test_live(self):
        options = ("--variant", "tiny", "--size", "64", "--seconds", "1")
        text, found = self.run_script("live", *options)
        self.assertEqual((found["frames"], found["shown"]), (30, 30))
        self.assertGreater(found["masks_per_second"], 0)
        self.assertLessEqual(found["masks_per_second"], 31)
        self.assertIn("30 of 30 frames shown", text)

    def test_a_build_folder_that_is_none(self):
        command = [SCRIPTS / "compare", "--build", self.folder]
        done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn("build it first", done.stderr)


if __name__ == "__main__":
    tap_runner.main()
