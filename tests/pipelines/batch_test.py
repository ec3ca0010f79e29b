# SPDX-License-Identifier: LGPL-2.1-or-later
"""lightavseg batch. Argument: the tool."""
import html.parser
import json
import os
import pathlib
import shutil
import signal
import subprocess
import tempfile
import time
import urllib.parse

import media
import tap_runner
import tool

HOLDER = tempfile.TemporaryDirectory(prefix="lightavseg-batch-")


def clip():
    path = pathlib.Path(HOLDER.name) / "clip.mp4"
    return path if path.exists() else media.make(path, seconds=0.6)


class Batch(tool.TestCase):
    def setUp(self):
        super().setUp()
        self.source = self.folder / "in"
        self.out = self.folder / "out"
        self.source.mkdir()

    def clips(self, *names):
        for name in names:
            path = self.source / name
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(clip(), path)

    def batch(self, code, *arguments, **options):
        return self.check(code, "batch", *arguments, "-o", self.out, **options)

    def results(self):
        return sorted(str(p.relative_to(self.out)) for p in self.out.rglob("*")
                      if p.is_file() and not p.relative_to(self.out).parts[0].startswith("."))

    def whole(self, name):
        self.assertEqual(len((self.out / name).read_text().splitlines()), 3, name)

    def test_folders_files_patterns_and_a_list(self):
        self.clips("folder/b.mp4", "folder/deep/a.MP4", "p1.mp4", "p2.mp4", "list.mp4", "one.mp4")
        (self.source / "folder" / "notes.txt").write_text("no video")
        done = subprocess.run(
            [tool.PATH, "batch", self.source / "folder", self.source / "one.mp4",
             self.source / "p?.mp4", "-", "-o", self.out, "--output", "metadata"],
            input=f"{self.source}/list.mp4\n\n{self.source}/one.mp4\n", text=True,
            capture_output=True, check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("6 done, 0 skipped, 0 failed", done.stdout)
        self.assertEqual(self.results(), ["b.jsonl", "deep/a.jsonl", "list.jsonl", "one.jsonl",
                                          "p1.jsonl", "p2.jsonl"])

    def test_what_is_done_is_skipped_and_what_has_changed_is_not(self):
        self.clips("a.mp4", "b.mp4", "c.mp4")
        self.batch(tool.DONE, self.source, "--as", ".jsonl", says="3 done, 0 skipped")
        made = (self.out / "a.jsonl").stat().st_mtime_ns
        (self.out / "b.jsonl").unlink()
        later = time.time() + 5
        os.utime(self.source / "c.mp4", (later, later))
        self.batch(tool.DONE, self.source, "--as", ".jsonl", says="2 done, 1 skipped")
        self.assertEqual((self.out / "a.jsonl").stat().st_mtime_ns, made)
        self.batch(tool.DONE, self.source, "--as", ".jsonl", "--again", says="3 done, 0 skipped")

    def test_other_settings_do_not_mix(self):
        self.clips("a.mp4")
        self.batch(tool.DONE, self.source, "--as", ".jsonl")
        self.batch(tool.WRONG_USE, self.source, "--as", ".jsonl", "--set", "threshold=0.3",
                   says=("other settings", "--again"))
        self.batch(tool.DONE, self.source, "--as", ".jsonl", "--set", "threshold=0.3", "--again")

    def test_a_broken_file_does_not_stop_the_others(self):
        self.clips("a.mp4", "c.mp4")
        (self.source / "b.mp4").write_text("no video" * 1000)
        report = self.folder / "report.json"
        done = tool.run("batch", self.source, self.folder / "none.mp4", "-o", self.out, "--as",
                        ".jsonl", "--json", report)
        self.assertEqual(done.returncode, tool.FAILED)
        self.assertEqual(self.results(), ["a.jsonl", "c.jsonl"])
        lines = [line for line in done.stderr.splitlines() if "failed: " in line]
        self.assertEqual(len(lines), 2, done.stderr)
        self.assertTrue(lines[0].endswith(
            "b.mp4: there is no video in it that can be decoded: This appears to be a text file"))
        self.assertIn("no such file", lines[1])
        self.assertIn("2 done, 0 skipped, 2 failed", done.stdout)
        found = json.loads(report.read_text())
        self.assertEqual([file["state"] for file in found["files"]],
                         ["done", "failed", "done", "failed"])
        self.assertEqual(found["failed"], 2)
        self.assertEqual(found["files"][0]["frames"], 3)
        self.assertIn("b.mp4", found["files"][1]["problem"])

    def test_two_inputs_of_one_name(self):
        self.clips("a.mp4", "a.mkv")
        text = tool.run("batch", self.source, "-o", self.out, "--as", ".jsonl")
        self.assertEqual(text.returncode, tool.FAILED)
        self.assertIn("would have the name of that of", text.stderr)
        self.assertIn("1 done, 0 skipped, 1 failed", text.stdout)

    def test_shards_share_the_work(self):
        self.clips(*(f"{name}.mp4" for name in "abcde"))
        self.batch(tool.DONE, self.source, "--as", ".jsonl", "--shard", "2/2", says="2 done")
        self.assertEqual(self.results(), ["b.jsonl", "d.jsonl"])
        self.batch(tool.DONE, self.source, "--as", ".jsonl", "--shard", "1/2", says="3 done")
        self.assertEqual(self.results(), [f"{name}.jsonl" for name in "abcde"])

    def test_folders_of_pictures(self):
        self.clips("a.mp4")
        self.batch(tool.DONE, self.source, "--as", ".png", says="1 done")
        self.assertEqual(self.results(), [f"a/00000{i}.png" for i in range(3)])
        self.batch(tool.DONE, self.source, "--as", ".png", says="1 skipped")
        later = time.time() + 5
        os.utime(self.source / "a.mp4", (later, later))
        self.batch(tool.DONE, self.source, "--as", ".png", says="1 done")

    def test_page_of_the_results(self):
        self.clips("a b&c.mp4")
        (self.source / "x.mp4").write_text("no video")
        page = self.out / "index.html"
        self.batch(tool.FAILED, self.source, "--html", page)
        links = []

        class Reader(html.parser.HTMLParser):
            def handle_starttag(self, tag, attrs):
                links.extend(v for k, v in attrs if k in ("href", "src"))

        text = page.read_text()
        Reader().feed(text)
        self.assertEqual(len(set(links)), 2, links)
        for link in links:
            self.assertTrue((self.out / urllib.parse.unquote(link)).is_file(), link)
        self.assertIn("a b&amp;c.mp4", text)
        self.assertIn("1 done, 0 skipped, 1 failed", text)

    def test_wrong_use(self):
        self.clips("a.mp4")
        for arguments, words in (
                ((self.source, "--shard", "3/2"), "i/n"),
                ((self.source, "--shard", "0/2"), "i/n"),
                ((self.source, "--shard", "1/2x"), "i/n"),
                ((self.source / "*.avi",), "no file has such a name"),
                ((self.source, "--output", "mask"), "overlay, alpha"),
                ((self.source, "--executor", "slurm", "--json", "r.json"), "--wait"),
                ((self.source, "--executor", "slurm", "--shard", "1/2"), "--shards")):
            self.batch(tool.WRONG_USE, *arguments, says=words)
        (self.folder / "empty").mkdir()
        self.batch(tool.WRONG_USE, self.folder / "empty", says="no video in this folder")

    def start(self, *arguments):
        return subprocess.Popen([tool.PATH, "batch", self.source, "-o", self.out, "--as", ".jsonl",
                                 *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                text=True)

    def wait_for(self, pattern, count=1):
        while len(list(self.out.glob(pattern))) < count:
            time.sleep(0.005)

    def test_interrupting_stops_cleanly(self):
        self.clips(*(f"{i}.mp4" for i in range(6)))
        running = self.start("--jobs", "2")
        self.wait_for("*.jsonl")
        running.send_signal(signal.SIGINT)
        out, err = running.communicate(timeout=60)
        self.assertEqual(running.returncode, 130, err)
        self.assertIn("not done", out)
        self.assertNotIn("failed: ", err)
        self.assertEqual([p for p in self.results() if p.endswith(".part")], [])
        for name in self.results():
            self.whole(name)
        self.batch(tool.DONE, self.source, "--as", ".jsonl", says=" 0 failed")
        self.assertEqual(len(self.results()), 6)

    def test_killed_in_the_middle_and_started_again(self):
        count = 9
        self.clips(*(f"{i:02}.mp4" for i in range(count)))
        made = {}
        for done_before in (2, 4):
            running = self.start("--jobs", "2")
            # In the middle of one: a result is there and another is begun.
            self.wait_for("*.jsonl", done_before)
            self.wait_for("*.part")
            running.kill()
            running.communicate()
            time.sleep(0.3)  # the runs die with it
            for name in self.results():
                if name.endswith(".jsonl"):
                    self.whole(name)
                    status = (self.out / name).stat()
                    seen = (status.st_ino, status.st_mtime_ns)
                    self.assertEqual(made.setdefault(name, seen), seen, "done twice")
        self.assertGreaterEqual(len(made), 4)
        self.assertLess(len(made), count)
        report = self.folder / "report.json"
        self.batch(tool.DONE, self.source, "--as", ".jsonl", "--jobs", "2", "--json", report)
        self.assertEqual(self.results(), [f"{i:02}.jsonl" for i in range(count)])
        for name in self.results():
            self.whole(name)
        for name, seen in made.items():
            status = (self.out / name).stat()
            self.assertEqual((status.st_ino, status.st_mtime_ns), seen, "done twice")
        found = json.loads(report.read_text())
        self.assertEqual((found["skipped"], found["done"]), (len(made), count - len(made)))


if __name__ == "__main__":
    tap_runner.main()
