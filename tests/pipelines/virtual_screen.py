# SPDX-License-Identifier: LGPL-2.1-or-later
"""A screen without a monitor: an X server of its own for a test that opens windows."""
import os
import shutil
import subprocess

MISSING = None if shutil.which("Xvfb") else "Xvfb is missing (Debian: xvfb)"


def start(test, size="1280x1024"):
    """Starts one for the rest of `test` (a TestCase); returns the value for DISPLAY."""
    read, write = os.pipe()
    # It picks a free number and writes it when it is ready. Without -noreset it starts afresh when
    # its last window closes, and the next one may come while it does and be turned away.
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write), "-screen", "0", f"{size}x24", "-noreset",
         "-nolisten", "tcp"],
        pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    test.addCleanup(server.wait, timeout=30)
    test.addCleanup(server.terminate)
    os.close(write)
    with os.fdopen(read) as number:
        display = number.readline().strip()
    test.assertTrue(display, "Xvfb did not start")
    return f":{display}"
