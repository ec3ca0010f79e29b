# SPDX-License-Identifier: LGPL-2.1-or-later
"""`lightavseg bench`: what it prints and which mistakes it names. Times are not tested."""
import json
import pathlib

import tap_runner
import tool

QUICK = ("--size", "64", "--rounds", "1", "--seconds", "0")
STAGES = ["pre", "audio", "visual", "reciprocal_encoder", "fusion_decoder", "top_down", "head"]
STAGES += ["post"]


class Bench(tool.TestCase):
    def bench(self, *arguments):
        path = self.folder / "figures.json"
        text = self.check(tool.DONE, "bench", *QUICK, *arguments, "--json", path)
        return text, json.loads(path.read_text())

    def test_one_combination(self):
        text, found = self.bench("--variant", "tiny", "--threads", "1")
        self.assertEqual((found["variant"], found["height"], found["width"]), ("tiny", 64, 64))
        self.assertEqual((found["engine"], found["precision"]), ("planned", "fp32"))
        fields = ("engine_ms", "reference_ms", "speedup_vs_reference", "roof_gflops", "roof_share")
        fields += ("same_sound_ms", "log_mel_ms", "load_ms", "frames_per_second", "macs")
        for field in fields:
            self.assertGreater(found[field], 0, field)
        for field in ("stages", "reference_stages"):
            self.assertEqual([s["name"] for s in found[field]], STAGES)
            self.assertEqual(sum(s["macs"] for s in found[field]), found["macs"])
        self.assertGreater(found["machine"]["cores"], 0)
        for words in ("tiny 64x64, planned fp32", "LibTorch", "GFLOP/s", "fusion_decoder"):
            self.assertIn(words, text)

    def test_shares_follow_from_times(self):
        _, found = self.bench("--variant", "tiny")
        gflops = 2e-6 * found["macs"] / found["engine_ms"]
        # One round: the median of the ratios is the ratio of the medians.
        self.assertAlmostEqual(found["roof_share"], gflops / found["roof_gflops"], places=6)
        speedup = found["reference_ms"] / found["engine_ms"]
        self.assertAlmostEqual(found["speedup_vs_reference"], speedup, places=6)
        self.assertAlmostEqual(found["frames_per_second"], 1e3 / found["engine_ms"], places=3)

    def test_combinations_are_a_list(self):
        options = ("--variant", "tiny", "--threads", "1,2", "--engine", "planned,reference")
        _, found = self.bench(*options, "--no-reference", "--no-roof")
        runs = [(r["engine"], r["threads"]) for r in found["runs"]]
        expected = [(e, t) for e in ("planned", "reference") for t in (1, 2)]
        self.assertEqual(runs, expected)
        for run in found["runs"]:
            self.assertNotIn("reference_ms", run)
            self.assertNotIn("roof_gflops", run)

    def test_every_precision_that_the_processor_has(self):
        flags = pathlib.Path("/proc/cpuinfo").read_text().split("flags", 1)[-1].split("\n", 1)[0]
        for precision, flag in (("bf16", "avx512_bf16"), ("int8", "avx512_vnni")):
            options = ("--variant", "tiny", "--precision", precision, "--no-reference")
            if f" {flag} " not in flags + " ":
                says = f"precision '{precision}'"
                self.check(tool.FAILED, "bench", *QUICK, *options, says=says)
                continue
            text, found = self.bench(*options)
            self.assertEqual(found["precision"], precision)
            self.assertGreater(found["roof_gflops"], 0)
            self.assertIn(f"planned {precision}", text)

    def test_the_model_that_is_measured_can_be_kept(self):
        path = self.folder / "model.safetensors"
        options = ("--variant", "tiny", "--no-reference", "--no-roof")
        self.bench(*options, "--write-model", path)
        text = self.check(tool.DONE, "info", path)
        self.assertIn("tiny", text)

    def test_json_instead_of_the_table(self):
        options = ("--variant", "tiny", "--no-reference", "--no-roof", "--json", "-")
        found = json.loads(self.check(tool.DONE, "bench", *QUICK, *options))
        self.assertEqual(found["variant"], "tiny")

    def test_model_and_variant(self):
        options = ("--model", "a", "--variant", "tiny")
        self.check(tool.WRONG_USE, "bench", *options, says="either --model or --variant")

    def test_unknown_variant(self):
        self.check(tool.WRONG_USE, "bench", "--variant", "tiny,huge", says=("--variant", "'huge'"))

    def test_wrong_size(self):
        self.check(tool.WRONG_USE, "bench", "--variant", "tiny", "--size", "8", says="32..8192")

    def test_unknown_engine(self):
        self.check(tool.WRONG_USE, "bench", "--engine", "steam", says="planned")

    def test_no_threads(self):
        self.check(tool.WRONG_USE, "bench", "--threads", "0", says="--threads")

    def test_no_rounds(self):
        self.check(tool.WRONG_USE, "bench", "--rounds", "0", says="--rounds")

    def test_missing_model(self):
        options = ("--model", "/nonexistent.safetensors")
        self.check(tool.FAILED, "bench", *options, says="/nonexistent.safetensors")


if __name__ == "__main__":
    tap_runner.main()
