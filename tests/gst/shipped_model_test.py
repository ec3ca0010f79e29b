# SPDX-License-Identifier: LGPL-2.1-or-later
"""The plugin as it is installed: the model that ships, on the clip that ships.

The plugin is found by GST_PLUGIN_PATH, the model by LIGHTAVSEG_MODEL_PATH. Argument: the clip.
LIGHTAVSEG_DETERMINISM_RUNS (default 3) is how often masks are made again to be compared.
"""
import contextlib
import hashlib
import itertools
import json
import os
import subprocess
import sys
import unittest
from pathlib import Path

from gst_python import Gst, content, samples, tap_runner

CLIP = sys.argv[1]
RUNS = int(os.environ.get("LIGHTAVSEG_DETERMINISM_RUNS", "3"))
QUEUE = "queue max-size-time=3000000000 max-size-bytes=0 max-size-buffers=0"
FRAMES = 40


def run(properties, frames=FRAMES, after="appsink name=out sync=false max-buffers=4"):
    """(pts, duration, md5 of the buffer, metadata structure) of the clip's first frames."""
    result = []
    for sample in itertools.islice(samples(
            f'filesrc location="{CLIP}" ! decodebin name=d  d. ! {QUEUE} ! l.video_sink '
            f"d. ! {QUEUE} ! l.audio_sink  lightavseg name=l {properties} ! {after}"), frames):
        buffer = sample.get_buffer()
        meta = buffer.get_custom_meta("LightAVSegMask")
        fields = {}
        if meta:
            structure = meta.get_structure()
            for name in ("area", "score", "age", "audio-level", "model"):
                fields[name] = structure.get_value(name)
        digest = hashlib.md5(content(sample)).hexdigest()
        result.append((buffer.pts, buffer.duration, digest, fields))
    return result


def plain_times():
    """Times of the clip's frames without the element."""
    return [(sample.get_buffer().pts, sample.get_buffer().duration) for sample in samples(
        f'filesrc location="{CLIP}" ! decodebin name=d  d. ! {QUEUE} ! video/x-raw ! '
        f"appsink name=out sync=false  d. ! {QUEUE} ! audio/x-raw ! fakesink")]


def mattes(properties):
    """Digests of the soft masks of the clip's first 20 frames, at the size of the video."""
    return [m[2] for m in run(f"output=matte threshold=0 {properties}", frames=20)]


def mattes_of_another_process(properties):
    done = subprocess.run([sys.executable, __file__, CLIP, "--mattes", properties], timeout=200,
                          check=True, capture_output=True, text=True)
    return json.loads(done.stdout)


@contextlib.contextmanager
def busy_cores():
    """As many processes that only count as there are cores."""
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"])
            for _ in range(os.cpu_count() or 1)]
    try:
        yield
    finally:
        for process in busy:
            process.kill()
            process.wait()


class ShippedModel(unittest.TestCase):
    def test_every_frame_comes_out_with_its_times(self):
        marked = run("output=metadata inference-interval=5", frames=None)
        plain = plain_times()
        self.assertGreater(len(plain), 100)
        self.assertEqual([m[:2] for m in marked], plain)
        for frame in marked:
            self.assertEqual(frame[3]["model"], "lightavseg")

    def test_something_is_marked_while_it_sounds(self):
        marked = run("output=metadata", frames=FRAMES)
        areas = [m[3]["area"] for m in marked[25:]]
        self.assertGreater(max(areas), 0.01, areas)
        self.assertTrue(all(m[3]["age"] == 0 for m in marked))

    def test_masks_are_the_same_on_every_run_in_fp32(self):
        self.compare_runs("precision=fp32")

    def test_masks_are_the_same_on_every_run_as_shipped(self):
        self.compare_runs("precision=auto")

    def compare_runs(self, properties):
        """One and two threads, a quiet and a busy machine, this and other processes, in turn."""
        first = mattes(f"{properties} threads=1")
        self.assertGreater(len(set(first)), 5)
        ways = itertools.cycle([(2, True, mattes), (1, False, mattes_of_another_process),
                                (2, True, mattes_of_another_process), (1, True, mattes),
                                (2, False, mattes), (1, True, mattes_of_another_process),
                                (2, False, mattes_of_another_process), (1, False, mattes)])
        for number, (threads, busy, way) in enumerate(itertools.islice(ways, RUNS)):
            with busy_cores() if busy else contextlib.nullcontext():
                self.assertEqual(way(f"{properties} threads={threads}"), first,
                                 f"run {number}: {threads} threads, busy: {busy}, {way.__name__}")

    def test_only_the_reference_loads_libtorch_and_it_marks_the_same(self):
        exact = "output=metadata engine=planned precision=fp32"
        planned = [m[3]["area"] for m in run(exact, frames=30)]
        fast = [m[3]["area"] for m in run("output=metadata", frames=30)]
        self.assertNotIn("libtorch", Path("/proc/self/maps").read_text())
        reference = [m[3]["area"] for m in run("output=metadata engine=reference", frames=30)]
        self.assertIn("libtorch", Path("/proc/self/maps").read_text())
        self.assertGreater(max(reference), 0.01)
        for ours, quick, theirs in zip(planned, fast, reference):
            self.assertAlmostEqual(ours, theirs, delta=1e-3)
            # Bytes move the edge of a mask here and there, more so where the network is unsure.
            self.assertAlmostEqual(quick, theirs, delta=2e-2)
        moved = [abs(quick - theirs) for quick, theirs in zip(fast, reference)]
        self.assertLess(sum(moved) / len(moved), 1e-2)

    def test_the_network_sees_as_many_pixels_as_it_is_told(self):
        usual, small = mattes("threads=1"), mattes("threads=1 input-size=160")
        self.assertEqual(len(usual), len(small))
        self.assertNotEqual(usual, small)
        self.assertGreater(len(set(small)), 5)
        with self.assertRaisesRegex(Exception, "input size 8"):
            mattes("input-size=8")

    def test_mattes_differ_from_nothing_and_are_grey(self):
        digests = {m[2] for m in run("output=matte threshold=0", frames=30)}
        self.assertGreater(len(digests), 5)


if __name__ == "__main__":
    Gst.init(None)
    if sys.argv[2:3] == ["--mattes"]:
        print(json.dumps(mattes(sys.argv[3])))
        sys.exit()
    sys.argv = sys.argv[:1]
    tap_runner.main()
