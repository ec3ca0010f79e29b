# SPDX-License-Identifier: LGPL-2.1-or-later
"""lightavseg batch --executor slurm, with a Slurm of one node. Argument: the tool."""
import json
import os
import shutil
import subprocess
import tempfile
import pathlib

import media
import slurm_node
import tap_runner
import tool


class Slurm(tool.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.holder = tempfile.TemporaryDirectory(prefix="lightavseg-slurm-")
        cls.node = slurm_node.Node(cls.holder.name)
        cls.addClassCleanup(cls.holder.cleanup)
        cls.addClassCleanup(cls.node.stop)
        cls.clip = media.make(pathlib.Path(cls.holder.name) / "clip.mp4", seconds=0.6)

    def setUp(self):
        super().setUp()
        self.source = self.folder / "it's in"
        self.out = self.folder / "o u t"
        self.source.mkdir()
        for name in "abc":
            shutil.copy(self.clip, self.source / f"{name}.mp4")

    def batch(self, *arguments, environment=None):
        return subprocess.run([tool.PATH, "batch", str(self.source), "-o", str(self.out), "--as",
                               ".jsonl", "--executor", "slurm", *map(str, arguments)],
                              env=environment or self.node.environment, capture_output=True,
                              text=True, check=False, timeout=200)

    def test_an_array_of_jobs_works_on_all_files(self):
        (self.source / "d.mp4").write_text("no video")
        report = self.folder / "report.json"
        done = self.batch("--shards", 2, "--wait", "--json", report, "--sbatch=--time=5",
                          "--set", "threshold=0.4")
        self.assertEqual(done.returncode, tool.FAILED, done.stdout + done.stderr)
        self.assertIn("2 parts", done.stdout)
        self.assertIn("3 done, 0 skipped, 1 failed", done.stdout)
        self.assertIn("d.mp4", done.stderr)
        for name in "abc":
            self.assertEqual(len((self.out / f"{name}.jsonl").read_text().splitlines()), 3)
        found = json.loads(report.read_text())
        self.assertEqual([file.get("frames") for file in found["files"]], [3, 3, 3, None])
        number = done.stdout.split()[1]
        tasks = self.node.call("squeue", "--states=all", f"--jobs={number}", "--noheader",
                               "--format=%K %T %l")
        self.assertEqual(sorted(tasks.splitlines()),
                         ["1 COMPLETED 5:00", "2 FAILED 5:00"])
        again = self.batch("--shards", 2, "--wait", "--set", "threshold=0.4")
        self.assertIn("0 done, 3 skipped, 1 failed", again.stdout)

    def test_without_waiting_the_number_of_the_job_is_told(self):
        done = self.batch("--shards", 1)
        self.assertEqual(done.returncode, tool.DONE, done.stderr)
        number = done.stdout.split()[1]
        self.assertTrue(number.isdigit(), done.stdout)
        self.node.call("scancel", number)

    def test_what_sbatch_refuses_is_told(self):
        done = self.batch("--sbatch=--partition=none")
        self.assertEqual(done.returncode, tool.FAILED)
        self.assertIn("partition", done.stderr)

    def test_no_sbatch_is_told(self):
        done = self.batch(environment=dict(os.environ, PATH=str(self.folder)))
        self.assertEqual(done.returncode, tool.FAILED)
        self.assertIn("Debian: slurm-client", done.stderr)


if __name__ == "__main__":
    if slurm_node.missing():
        tap_runner.skip_all(slurm_node.missing())
    tap_runner.main()
