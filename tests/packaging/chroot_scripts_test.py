# SPDX-License-Identifier: LGPL-2.1-or-later
"""tests/packaging/chroot_check and newcomer_walk up to where they would make a system.

Making one takes a mirror and long; they are called by hand.
"""
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pipelines"))
import tap_runner  # noqa: E402

HERE = pathlib.Path(__file__).resolve().parent
README = HERE.parent.parent / "README.md"


def call(name, *arguments):
    return subprocess.run([str(HERE / name), *arguments], capture_output=True, text=True,
                          check=False, timeout=60)


class ChrootScripts(unittest.TestCase):
    def test_help(self):
        for name in ("chroot_check", "newcomer_walk"):
            done = call(name, "--help")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertIn(f"Usage: tests/packaging/{name}", done.stdout)

    def test_wrong_use(self):
        for name, *arguments in (("chroot_check",), ("chroot_check", "a", "b", "c"),
                                 ("newcomer_walk", "--nonsense"), ("newcomer_walk", "--suite"),
                                 ("newcomer_walk", "--system"),
                                 ("newcomer_walk", "--ccache", "/no/such/folder")):
            done = call(name, *arguments)
            self.assertEqual(done.returncode, 2, (name, arguments))
            self.assertIn("--help", done.stderr)

    def test_no_packages_are_told(self):
        with tempfile.TemporaryDirectory() as folder:
            done = call("chroot_check", folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn("run build-deb", done.stderr)

    def test_every_command_of_the_readme_is_walked(self):
        blocks = re.findall(r"^```sh\n(.*?)^```$", README.read_text(encoding="utf-8"), re.M | re.S)
        wanted = [re.sub(r"\s+#.*", "", line)
                  for block in blocks for line in re.sub(r"\\\n *", "", block).splitlines()]
        done = call("newcomer_walk", "--list")
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stdout.splitlines(), wanted)
        for command in ("pipelines/demo", "tests/run"):
            self.assertIn(command, wanted)

    @unittest.skipUnless(os.geteuid() == 0 and shutil.which("debootstrap"),
                         "needs root and debootstrap")
    def test_a_folder_with_something_in_it_is_left_alone(self):
        with tempfile.TemporaryDirectory() as folder:
            kept = pathlib.Path(folder, "kept.txt")
            kept.write_text("kept", encoding="utf-8")
            done = call("newcomer_walk", "--system", folder)
            self.assertEqual(done.returncode, 1)
            self.assertIn("name another folder", done.stderr)
            self.assertEqual(os.listdir(folder), [kept.name])

    @unittest.skipUnless(os.geteuid() == 0, "needs root")
    def test_what_runs_in_the_system_ends_with_the_script(self):
        with tempfile.TemporaryDirectory() as folder:
            system = pathlib.Path(folder).resolve()
            needed = subprocess.run(["ldd", "/bin/sleep"], capture_output=True, text=True,
                                    check=True).stdout
            for file in ["/bin/sleep", *re.findall(r"(/\S+) \(0x", needed)]:
                copy = pathlib.Path(f"{system}{file}")
                copy.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(file, copy)
            with subprocess.Popen(["sleep", "60"]) as outside, \
                    subprocess.Popen(["chroot", system, "/bin/sleep", "60"]) as inside:
                try:
                    # Until chroot has become sleep, it sees everything.
                    while os.readlink(f"/proc/{inside.pid}/root") != str(system):
                        self.assertIsNone(inside.poll())
                        time.sleep(0.01)
                    subprocess.run(["bash", "-c", 'source "$0"; system="$1"; end_inside',
                                    HERE / "chroot.sh", system], check=True, timeout=60)
                    self.assertEqual(inside.wait(timeout=30), -signal.SIGTERM)
                    self.assertIsNone(outside.poll())
                finally:
                    inside.kill()
                    outside.kill()


if __name__ == "__main__":
    tap_runner.main()
