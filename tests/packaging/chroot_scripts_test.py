# SPDX-License-Identifier: LGPL-2.1-or-later
"""tests/packaging/chroot_check and newcomer_walk up to where they would make a system.

Making one takes a mirror and long; they are called by hand.
"""
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
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


if __name__ == "__main__":
    tap_runner.main()
