# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs test programs of the elements under GStreamer's leaks tracer, which must find nothing.

Arguments: programs, each followed by a filter of GoogleTest.
"""
import os
import pathlib
import re
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pipelines"))
import tap_runner  # noqa: E402


ALIVE = re.compile(r"object-alive, type-name=\(string\)[^%]")


def leaks(program, pattern):
    environment = dict(os.environ, GST_TRACERS="leaks", GST_DEBUG="GST_TRACER:7",
                       GST_DEBUG_NO_COLOR="1", GTEST_FILTER=pattern)
    done = subprocess.run([program], capture_output=True, text=True, timeout=200, env=environment)
    if done.returncode != 0:
        raise AssertionError(done.stdout[-3000:] + done.stderr[-3000:])
    if "object-alive" not in done.stderr:
        raise AssertionError("the leaks tracer did not run: " + done.stderr[-2000:])
    # It also tells the format of its records.
    return [line for line in done.stderr.splitlines() if ALIVE.search(line)]


class Leaks(unittest.TestCase):
    pass


def add_case(program, pattern):
    name = "test_" + pathlib.Path(program).name.replace("-", "_")

    def case(self):
        found = leaks(program, pattern)
        self.assertEqual(found, [], "\n".join(found))

    setattr(Leaks, name, case)


if __name__ == "__main__":
    for program, pattern in zip(sys.argv[1::2], sys.argv[2::2]):
        add_case(program, pattern)
    sys.argv = sys.argv[:1]
    tap_runner.main()
