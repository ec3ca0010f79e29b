# SPDX-License-Identifier: LGPL-2.1-or-later
"""What lightavseg run makes of files that are not as they should be. Argument: the tool."""
import json
import os
import pty
import signal
import subprocess
import time

import media
import tap_runner
import tool


class Inputs(tool.TestCase):
    def run_json(self, source, out, *options):
        return json.loads(self.check(tool.DONE, "run", source, "-o", self.folder / out, "--json",
                                     *options))

    def test_no_sound_is_noted_once_and_nothing_is_marked(self):
        source = media.make(self.folder / "mute.mp4", sound="")
        says = self.check(tool.DONE, "run", source, "-o", self.folder / "o.mkv")
        self.assertEqual(says.count("nothing is marked"), 1)
        self.assertEqual(max(media.pixels(self.folder / "o.mkv")[3::4]), 0)
        self.assertEqual(media.audio(self.folder / "o.mkv"), [])

    def test_every_track_of_sound_is_kept_and_one_is_heard(self):
        source = media.make(self.folder / "two.mp4", tracks=2)
        summary = self.run_json(source, "o.mov", "--audio-track", "2")
        self.assertEqual(summary["notes"], ["of 2 tracks of sound the network heard number 2"])
        for number in (0, 1):
            self.assertTrue(media.is_copy(self.folder / "o.mov", source, f"a:{number}"))

    def test_the_track_that_is_heard_can_be_chosen(self):
        source = self.folder / "two.mkv"
        media.ffmpeg("-f", "lavfi", "-i", "testsrc=size=96x64:rate=5:duration=1",
                     "-f", "lavfi", "-i", "anullsrc=duration=1", "-f", "lavfi", "-i",
                     "sine=duration=1", "-map", "0:v", "-map", "1:a", "-map", "2:a",
                     "-c:v", "ffv1", "-c:a", "flac", "-t", "1", source)
        levels = []
        for track in (1, 2):
            self.run_json(source, "o.jsonl", "--audio-track", track)
            lines = (self.folder / "o.jsonl").read_text(encoding="utf-8").splitlines()
            levels.append(json.loads(lines[-1])["audio_level_db"])
        self.assertEqual(levels[0], -100)
        self.assertGreater(levels[1], -40)

    def test_variable_frame_rate_keeps_its_times(self):
        source = media.make(self.folder / "vfr.mp4", fps=30, extra=(
            "-vf", "select='not(mod(n,6))+eq(n,7)+eq(n,16)'", "-fps_mode", "vfr"))
        wanted = media.times(source)
        self.assertEqual(len(wanted), 7)
        steps = {round(b - a, 3) for a, b in zip(wanted, wanted[1:])}
        self.assertGreater(len(steps), 2)
        for name, tolerance in (("o.mp4", 0.0001), ("o.mov", 0.0001), ("o.mkv", 0.0006),
                                ("o.webm", 0.0006)):
            self.run_json(source, name)
            found = media.times(self.folder / name)
            self.assertEqual(len(found), len(wanted), name)
            for a, b in zip(found, wanted):
                self.assertAlmostEqual(a, b, delta=tolerance, msg=name)

    def test_turned_pictures_come_out_upright(self):
        plain = media.make(self.folder / "plain.mp4")
        source = self.folder / "turned.mp4"
        media.turned(plain, source)
        self.assertTrue(any("rotation" in data for data in media.video(source)["side_data_list"]))
        self.run_json(source, "o.mkv", "--output", "matte")
        self.run_json(source, "o.mp4", "--set", "overlay-opacity=0")
        for name in ("o.mkv", "o.mp4"):
            found = media.video(self.folder / name)
            self.assertEqual((found["width"], found["height"]), (64, 96))
            self.assertNotIn("side_data_list", found)
        # ffmpeg turns the source as a player does.
        ours = media.pixels(self.folder / "o.mp4", "gray")
        theirs = media.pixels(source, "gray")
        self.assertEqual(len(ours), len(theirs))
        self.assertLess(sum(abs(a - b) for a, b in zip(ours, theirs)) / len(ours), 8)

    def test_odd_sizes(self):
        source = self.folder / "odd.mkv"
        media.ffmpeg("-f", "lavfi", "-i", "testsrc=size=97x65:rate=5:duration=1", "-c:v", "ffv1",
                     "-pix_fmt", "yuv444p", source)
        self.run_json(source, "o.mkv")
        found = media.video(self.folder / "o.mkv")
        self.assertEqual((found["width"], found["height"]), (97, 65))
        summary = self.run_json(source, "o.mp4")
        found = media.video(self.folder / "o.mp4")
        self.assertEqual((found["width"], found["height"]), (96, 64))
        self.assertIn("97 x 65 pixels", summary["notes"][0])

    def test_sound_longer_than_the_pictures_is_kept(self):
        source = self.folder / "long-sound.mp4"
        media.ffmpeg("-f", "lavfi", "-i", "testsrc=size=96x64:rate=5:duration=0.6", "-f", "lavfi",
                     "-i", "sine=duration=2", "-c:v", "libx264", "-pix_fmt", "yuv420p", source)
        self.assertEqual(self.run_json(source, "o.mov")["frames"], 3)
        self.assertTrue(media.is_copy(self.folder / "o.mov", source))

    def test_pictures_longer_than_the_sound(self):
        source = self.folder / "short-sound.mp4"
        media.ffmpeg("-f", "lavfi", "-i", "testsrc=size=96x64:rate=5:duration=2", "-f", "lavfi",
                     "-i", "sine=duration=0.3", "-c:v", "libx264", "-pix_fmt", "yuv420p", source)
        self.assertEqual(self.run_json(source, "o.jsonl")["frames"], 10)
        lines = (self.folder / "o.jsonl").read_text(encoding="utf-8").splitlines()
        self.assertEqual(json.loads(lines[-1])["audio_level_db"], -100)

    def test_a_broken_tail_ends_the_result_early(self):
        for name, extra in (("a.mkv", ()), ("b.mp4", ("-movflags", "+faststart")), ("c.ts", ())):
            source = media.make(self.folder / name, seconds=6, extra=extra)
            data = source.read_bytes()
            source.write_bytes(data[:len(data) // 2])
            summary = self.run_json(source, f"{name}.mov", "--set", "inference-interval=10")
            self.assertTrue(5 < summary["frames"] < 28, (name, summary))
            self.assertEqual(len(media.times(self.folder / f"{name}.mov")), summary["frames"])
            if name != "c.ts":  # a transport stream does not say how long it should be
                self.assertTrue(any("the file" in note for note in summary["notes"]),
                                (name, summary))

    def test_no_beginning_is_an_error(self):
        source = media.make(self.folder / "a.mp4")
        source.write_bytes(source.read_bytes()[:2000])
        self.check(tool.FAILED, "run", source, "-o", self.folder / "o.mkv", says="a.mp4")
        self.assertEqual([p.name for p in self.folder.iterdir()], ["a.mp4"])

    def test_sound_alone_is_an_error(self):
        source = self.folder / "a.wav"
        media.ffmpeg("-f", "lavfi", "-i", "sine=duration=1", source)
        self.check(tool.FAILED, "run", source, "-o", self.folder / "o.mkv", says="no video")


class Terminal(tool.TestCase):
    def start(self, *arguments, **options):
        return subprocess.Popen([tool.PATH, *map(str, arguments)], **options)

    def test_a_bar_on_a_terminal_and_nothing_elsewhere(self):
        source = media.make(self.folder / "a.mp4")
        ours, theirs = pty.openpty()
        done = self.start("run", source, "-o", self.folder / "o.jsonl", stderr=theirs,
                          stdout=subprocess.PIPE)
        os.close(theirs)
        text = b""
        try:
            while block := os.read(ours, 4096):
                text += block
        except OSError:  # the other side is closed
            pass
        os.close(ours)
        done.communicate()
        self.assertEqual(done.returncode, 0)
        for words in (b"frames/s", b"%", b"["):
            self.assertIn(words, text)
        quiet = tool.run("run", source, "-o", self.folder / "o.jsonl")
        self.assertEqual(quiet.stderr, "")

    def test_interrupting_leaves_nothing(self):
        source = media.make(self.folder / "a.mp4", seconds=60)
        done = self.start("run", source, "-o", self.folder / "o.mkv", stderr=subprocess.PIPE)
        part = self.folder / "o.mkv.part"
        while not part.exists():
            time.sleep(0.02)
        done.send_signal(signal.SIGINT)
        text = done.communicate()[1].decode()
        self.assertEqual(done.returncode, 130, text)
        self.assertIn("interrupted", text)
        self.assertEqual([p.name for p in self.folder.iterdir()], ["a.mp4"])

    def test_two_processes_do_not_write_one_result(self):
        source = media.make(self.folder / "a.mp4", seconds=60)
        first = self.start("run", source, "-o", self.folder / "o.mkv", stderr=subprocess.DEVNULL)
        while not (self.folder / "o.mkv.part").exists():
            time.sleep(0.02)
        self.check(tool.FAILED, "run", source, "-o", self.folder / "o.mkv",
                   says="another process is writing")
        self.assertTrue((self.folder / "o.mkv.part").exists())
        first.kill()
        first.wait()
        self.assertTrue((self.folder / "o.mkv.part").exists())
        short = media.make(self.folder / "b.mp4")
        self.check(tool.DONE, "run", short, "-o", self.folder / "o.mkv")
        self.assertEqual(len(media.times(self.folder / "o.mkv")), 5)
        self.assertFalse((self.folder / "o.mkv.part").exists())


if __name__ == "__main__":
    tap_runner.main()
