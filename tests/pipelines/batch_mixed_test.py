# SPDX-License-Identifier: LGPL-2.1-or-later
"""lightavseg batch over fifty clips of all kinds, killed in the middle, started again.

Argument: the tool.
"""
import json
import os
import signal
import subprocess
import tempfile
import time
import pathlib

import media
import tap_runner
import tool

COUNT = 50
KILLS = (10, 30)  # after so many results
CUT = 400  # bytes
# Odd ones too: no whole number of frames, or of packets of sound.
SECONDS = (0.3, 0.41, 0.5, 0.57)
VFR = ("-vf", "select='not(mod(n,6))+eq(n,2)+eq(n,7)'", "-fps_mode", "vfr")
# Name: ending, and what media.make is told.
KINDS = {
    "usual": (".mp4", {}),
    "mute": (".mp4", {"sound": ""}),
    "matroska": (".mkv", {}),
    "web": (".webm", {"fps": 25, "extra": ("-c:v", "libvpx", "-c:a", "libopus")}),
    "camera": (".mov", {"extra": ("-c:v", "mjpeg", "-pix_fmt", "yuvj422p", "-c:a", "pcm_s16le")}),
    "old": (".avi", {"extra": ("-c:v", "mpeg4", "-c:a", "libmp3lame")}),
    "old-mute": (".avi", {"sound": "", "extra": ("-c:v", "mjpeg", "-pix_fmt", "yuvj420p")}),
    "three-tracks": (".mp4", {"tracks": 3}),
    "film-rate": (".mp4", {"fps": "24000/1001"}),
    "variable-rate": (".mp4", {"fps": 30, "extra": VFR}),
    "odd-size": (".mkv", {"size": "65x49", "extra": ("-c:v", "ffv1", "-pix_fmt", "yuv444p",
                                                     "-c:a", "flac")}),
    "long-sound": (".mov", {"extra": ("-frames:v", "2")}),
    "short-sound": (".mkv", {"extra": ("-af", "atrim=end=0.1")}),
    "transport": (".ts", {}),
    "turned": (".mp4", {}),
    "broken-tail": (".mkv", {"fps": 25}),
}


def make_clip(folder, number):
    kind = list(KINDS)[number % len(KINDS)]
    ending, differs = KINDS[kind]
    path = folder / f"{kind}-{number}{ending}"
    options = {"fps": 10, "size": "64x48", "seconds": SECONDS[number // len(KINDS)], **differs}
    if kind == "turned":
        upright = media.make(folder / "upright.mp4", **options)
        media.turned(upright, path)
        upright.unlink()
        return
    media.make(path, **options)
    if kind == "broken-tail":
        data = path.read_bytes()
        path.write_bytes(data[:-CUT])  # the index and some of the last pictures and sounds


def content(path):
    """How many pictures of a file can be decoded, its tracks of sound, and what is wrong with it."""
    done = subprocess.run(["ffprobe", "-v", "error", "-count_frames", "-show_entries",
                           "stream=codec_type,nb_read_frames", "-of", "json", str(path)],
                          capture_output=True, text=True, check=True, timeout=60)
    streams = json.loads(done.stdout)["streams"]
    pictures = [int(s["nb_read_frames"]) for s in streams if s["codec_type"] == "video"]
    return sum(pictures), len(streams) - len(pictures), done.stderr


def alive(group):
    """Whether a process of that group still runs; those that only wait to be collected do not."""
    for path in pathlib.Path("/proc").glob("[0-9]*/stat"):
        try:
            state, _, of = path.read_text(encoding="utf-8").rpartition(")")[2].split()[:3]
        except OSError:  # it has just ended
            continue
        if int(of) == group and state != "Z":
            return True
    return False


class Mixed(tool.TestCase):
    @classmethod
    def setUpClass(cls):
        holder = tempfile.TemporaryDirectory(prefix="lightavseg-batch-")
        cls.addClassCleanup(holder.cleanup)
        cls.source = pathlib.Path(holder.name) / "in"
        cls.source.mkdir()
        for number in range(COUNT):
            make_clip(cls.source, number)
        cls.clips = sorted(cls.source.iterdir())

    def setUp(self):
        super().setUp()
        self.out = self.folder / "out"
        self.made = {}
        # What is tested here is not the network, which the clips are too short for anyway.
        self.arguments = ["batch", str(self.source), "-o", str(self.out), "--jobs", "2", "--set",
                          "inference-interval=50"]

    def look(self):
        """Notes what is finished; what was finished before must be as it was."""
        for path in self.out.glob("*.webm"):
            status = path.stat()
            seen = (status.st_ino, status.st_mtime_ns, status.st_size)
            self.assertEqual(self.made.setdefault(path.name, seen), seen,
                             f"{path.name} was done twice")

    def parts(self):
        return [path.name for path in self.out.rglob("*.part*")]

    def kill_in_the_middle(self, finished):
        """Kills the batch and its runs while something is half-written, after so many results."""
        running = subprocess.Popen([tool.PATH, *self.arguments], stdout=subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, text=True, start_new_session=True)
        self.addCleanup(running.stderr.close)
        while True:
            if running.poll() is not None:
                self.fail("the batch ended before it could be killed: " + running.stderr.read())
            time.sleep(0.01)
            if len(list(self.out.glob("*.webm"))) < finished or not self.parts():
                continue
            # Held first, so that what is seen here is what the kill meets.
            os.killpg(running.pid, signal.SIGSTOP)
            time.sleep(0.1)
            if self.parts():
                break
            os.killpg(running.pid, signal.SIGCONT)
        os.killpg(running.pid, signal.SIGKILL)
        self.assertEqual(running.wait(), -signal.SIGKILL)
        while alive(running.pid):
            time.sleep(0.01)
        self.assertTrue(self.parts())
        self.look()
        self.assertGreaterEqual(len(self.made), finished)
        self.assertLess(len(self.made), COUNT)

    def test_killed_twice_and_started_again(self):
        self.assertEqual(len(self.clips), COUNT)
        for finished in KILLS:
            self.kill_in_the_middle(finished)
        before = set(self.made)
        report = self.folder / "report.json"
        said = self.check(tool.DONE, *self.arguments, "--json", report)
        self.assertIn(f"{COUNT - len(before)} done, {len(before)} skipped, 0 failed", said)
        self.look()
        self.assertEqual(self.parts(), [])
        self.assertEqual(sorted(self.made), sorted(f"{clip.stem}.webm" for clip in self.clips))
        files = json.loads(report.read_text(encoding="utf-8"))["files"]
        self.assertEqual([file["input"] for file in files], list(map(str, self.clips)))
        for clip, file in zip(self.clips, files):
            self.check_result(clip, file, before)

    def check_result(self, clip, file, before):
        result = self.out / f"{clip.stem}.webm"
        self.assertEqual(file["output"], str(result))
        self.assertEqual(file["state"], "skipped" if result.name in before else "done", clip.name)
        wanted, tracks, _ = content(clip)
        self.assertGreater(wanted, 0, clip.name)
        self.assertEqual(content(result), (wanted, tracks, ""), clip.name)
        if file["state"] == "done":
            self.assertEqual(file["frames"], wanted, clip.name)


if __name__ == "__main__":
    tap_runner.main()
