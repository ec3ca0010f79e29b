# SPDX-License-Identifier: LGPL-2.1-or-later
"""How the tests of the tool call it. The first argument of a test program is its path."""
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

if len(sys.argv) != 2 or not os.access(sys.argv[1], os.X_OK):
    sys.exit(f"usage: {os.path.basename(sys.argv[0])} PATH/TO/lightavseg (build it first)")
DONE, FAILED, WRONG_USE = 0, 1, 2  # exit codes

PATH = os.path.abspath(sys.argv[1])


def run(*arguments):
    """The finished process with its returncode, stdout and stderr (text)."""
    command = [PATH, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


class TestCase(unittest.TestCase):
    """Has an empty folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="lightavseg-tool-")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def check(self, code, *arguments, says=()):
        """Runs the tool; asserts its exit code and words of what it prints for people."""
        done = run(*arguments)
        self.assertEqual(done.returncode, code, done.stdout + done.stderr)
        text = done.stdout if code == DONE else done.stderr
        for words in [says] if isinstance(says, str) else says:
            self.assertIn(words, text)
        self.assertNotIn("Exception raised from", text)
        self.assertNotIn("terminate called", text)
        return done.stdout
