# SPDX-License-Identifier: LGPL-2.1-or-later
"""pipelines/packaging/build-deb up to the build, and that its files agree with the project's.

Building takes long; tests/packaging/chroot_check does it, installs the result and runs it.
"""
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "pipelines"))
import tap_runner  # noqa: E402

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
# Libraries of tests, benchmarks and examples, which packages are built without.
ONLY_FOR_TESTS = {"libgtest-dev", "libgtk-3-dev", "libonnx-dev",
                  "libprotobuf-dev"}
PACKAGING = ROOT / "pipelines" / "packaging"


def build_deb(*arguments):
    return subprocess.run([str(PACKAGING / "build-deb"), *arguments], capture_output=True,
                          text=True, check=False, timeout=120)


def required(path):
    """Names of packages in a list, one per line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    return {line.strip() for line in lines if line.strip() and not line.startswith("#")}


class BuildDeb(unittest.TestCase):
    @unittest.skipUnless((ROOT / ".git").exists() and shutil.which("git"), "needs the repository")
    def test_tree_has_the_sources_and_debian_at_the_top(self):
        with tempfile.TemporaryDirectory() as folder:
            done = build_deb("--tree-only", "--out", folder)
            self.assertEqual(done.returncode, 0, done.stderr)
            tree = pathlib.Path(done.stdout.strip())
            for name in ("meson.build", "debian/control", "debian/rules", "gst/plugin.cpp"):
                self.assertTrue((tree / name).is_file(), name)
            # debian/copyright says nothing of the clip.
            for name in (".git", "pipelines/clips"):
                self.assertFalse((tree / name).exists(), name)

    def test_what_is_built_with_is_what_tests_install(self):
        control = (PACKAGING / "debian" / "control").read_text(encoding="utf-8")
        needed = control.split("Build-Depends:")[1].split("Standards-Version")[0]
        libraries = set(re.findall(r"^ (\S+-dev),$", needed, re.MULTILINE))
        self.assertEqual(libraries, {
            name for name in required(ROOT / "tests" / "packages.txt")
            if name.endswith("-dev") and name not in ONLY_FOR_TESTS})

    def test_version_is_that_of_the_project(self):
        version = re.search(r"version: '([^']+)'", (ROOT / "meson.build").read_text()).group(1)
        changelog = (PACKAGING / "debian" / "changelog").read_text(encoding="utf-8")
        self.assertTrue(changelog.startswith(f"lightavseg ({version}) "), changelog[:40])

    def test_wrong_use(self):
        for arguments in (["--nonsense"], ["--jobs", "many"], ["--out"]):
            done = build_deb(*arguments)
            self.assertEqual(done.returncode, 2, arguments)
            self.assertIn("--help", done.stderr)

    def test_help(self):
        done = build_deb("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("Usage", done.stdout)


if __name__ == "__main__":
    tap_runner.main()
