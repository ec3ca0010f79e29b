# SPDX-License-Identifier: LGPL-2.1-or-later
"""The reference of the C++ headers is made without warnings."""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "pipelines"))
import tap_runner  # noqa: E402

if not shutil.which("doxygen"):
    tap_runner.skip_all("doxygen is missing (doxygen)")


class Reference(unittest.TestCase):
    def test_headers_give_pages_and_no_warnings(self):
        settings = (ROOT / "docs" / "Doxyfile").read_text(encoding="utf-8")
        with tempfile.TemporaryDirectory(prefix="lightavseg-reference-") as folder:
            done = subprocess.run(["doxygen", "-"], cwd=ROOT, capture_output=True, text=True,
                                  check=False, timeout=200,
                                  input=f"{settings}\nOUTPUT_DIRECTORY = {folder}\n")
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual(done.stderr, "")
            pages = {p.name for p in pathlib.Path(folder, "html").glob("*.html")}
            self.assertIn("segmenter_8h.html", pages)
            text = pathlib.Path(folder, "html", "segmenter_8h.html").read_text(encoding="utf-8")
            # The comment at the head of the file, which the filter hands over.
            self.assertIn("a model file goes in, masks", " ".join(text.split()))


if __name__ == "__main__":
    tap_runner.main()
