# SPDX-License-Identifier: LGPL-2.1-or-later
"""Links, paths and names in the manual lead somewhere."""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "pipelines"))
import tap_runner  # noqa: E402

PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def prose(page):
    """A page without its blocks of code."""
    return re.sub(r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S)


def anchor(heading):
    """The anchor that hosts of Markdown give a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


class Links(unittest.TestCase):
    def test_links_lead_to_files_and_headings(self):
        count = 0
        for page in PAGES:
            for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
                if re.match(r"[a-z]+:", target):
                    continue
                name, _, heading = target.partition("#")
                path = (page.parent / name).resolve() if name else page
                self.assertTrue(path.exists(), f"{page.name}: {target}")
                if heading:
                    headings = re.findall(r"^#+ (.*)$", prose(path), re.M)
                    self.assertIn(heading, map(anchor, headings), f"{page.name}: {target}")
                count += 1
        self.assertGreater(count, 40)

    def test_paths_in_the_text_exist(self):
        folders = "dsp|model|gst|pipelines|tests|docs"
        for page in PAGES:
            for path in re.findall(rf"`((?:{folders})/[\w./-]+)`", prose(page)):
                if "NAME" not in path:
                    self.assertTrue((ROOT / path).exists(), f"{page.name}: {path}")

    def test_index_names_every_page(self):
        index = (ROOT / "docs" / "README.md").read_text(encoding="utf-8")
        for page in (ROOT / "docs").glob("*.md"):
            if page.name != "README.md":
                self.assertIn(f"({page.name})", index)


if __name__ == "__main__":
    tap_runner.main()
