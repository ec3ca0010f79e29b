# SPDX-License-Identifier: LGPL-2.1-or-later
"""Every command of docs/export.md and docs/batch.md does what it says. Argument: the tool."""
import os
import pathlib
import re
import subprocess
import tempfile

import media
import slurm_node
import tap_runner
import tool

DOCS = pathlib.Path(__file__).resolve().parent.parent.parent / "docs"


def commands(page):
    blocks = re.findall(r"^```sh\n(.*?)^```", (DOCS / page).read_text(encoding="utf-8"),
                        re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines() if line.strip()]


class Docs(tool.TestCase):
    def setUp(self):
        super().setUp()
        programs = self.folder / "programs"
        programs.mkdir()
        os.symlink(tool.PATH, programs / "lightavseg")
        self.environment = dict(os.environ, PATH=f"{programs}:{slurm_node.path()}")
        self.work = self.folder / "work"
        self.work.mkdir()

    def follow(self, lines):
        for line in lines:
            done = subprocess.run(["bash", "-c", f"set -o pipefail; {line}"], cwd=self.work,
                                  env=self.environment, capture_output=True, text=True,
                                  check=False, timeout=200)
            self.assertEqual(done.returncode, 0, f"{line}\n{done.stdout}{done.stderr}")

    def results(self, folder="."):
        return {p.name for p in (self.work / folder).iterdir()}

    def test_export(self):
        media.make(self.work / "in.mp4", seconds=0.4)
        self.follow(commands("export.md"))
        self.assertEqual(self.results(), {
            "in.mp4", "in-sounding.webm", "out.mp4", "out.mov", "alpha.webm", "matte.mkv",
            "matte.mp4", "cutout.mkv", "frames", "mattes", "out.jsonl", "beside.webm", "sheet.png",
            "dogs.mov"})
        self.assertEqual(self.results("mattes"), {"m-0000.png", "m-0001.png"})

    def test_batch(self):
        (self.work / "videos").mkdir()
        for name in ("a", "b1"):
            media.make(self.work / "videos" / f"{name}.mp4", seconds=0.4)
        lines = commands("batch.md")
        self.assertIn("--executor slurm", lines[-1])
        self.follow(lines[:-1])
        for folder, ending in (("marked", ".webm"), ("some", ".mkv"), ("listed", ".mkv"),
                               ("lines", ".jsonl"), ("both", ".webm")):
            self.assertEqual(self.results(folder) - {".lightavseg-batch"},
                             {f"a{ending}", f"b1{ending}"})
        self.assertTrue({"index.html", "contact-sheets"} <= self.results("shown"))
        if slurm_node.missing():
            return
        with tempfile.TemporaryDirectory(prefix="lightavseg-slurm-") as folder:
            node = slurm_node.Node(folder)
            try:
                self.environment["SLURM_CONF"] = node.environment["SLURM_CONF"]
                self.follow(lines[-1:])
            finally:
                node.stop()
        self.assertTrue({"a.webm", "b1.webm"} <= self.results("cluster"))


if __name__ == "__main__":
    tap_runner.main()
