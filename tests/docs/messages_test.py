# SPDX-License-Identifier: LGPL-2.1-or-later
"""docs/troubleshooting.md quotes messages as the sources have them, and all that the elements post."""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "pipelines"))
import tap_runner  # noqa: E402

PAGE = (ROOT / "docs" / "troubleshooting.md").read_text(encoding="utf-8")
POSTED = re.compile(r"GST_ELEMENT_(?:ERROR|WARNING)\(.*?,\s*\(\"((?:[^\"\\]|\\.)*)\"", re.DOTALL)


def joined(path):
    """A source whose string literals that stand behind one another are one."""
    return re.sub(r'"\s*\n\s*"', "", path.read_text(encoding="utf-8"))


SOURCES = [joined(path) for folder in ("dsp", "model", "gst", "pipelines")
           for path in sorted((ROOT / folder).rglob("*.cpp"))]
QUOTED = re.findall(r'^### "(.*)"$', PAGE, re.MULTILINE)


class Messages(unittest.TestCase):
    def test_each_quoted_message_stands_in_the_sources(self):
        self.assertGreater(len(QUOTED), 15)
        for message in QUOTED:
            # What differs is a directive there: %s, {} and the like.
            pattern = r"(?:%\w+|\{[^}\"]*\})".join(re.escape(p) for p in message.split("…"))
            self.assertTrue(any(re.search(pattern, source) for source in SOURCES), message)

    def test_each_message_of_the_elements_is_explained(self):
        found = set()
        for path in sorted((ROOT / "gst").glob("*.cpp")):
            found |= {re.sub(r"%\w+", "…", text) for text in POSTED.findall(joined(path))}
        self.assertGreater(len(found), 15)
        self.assertEqual(found - set(QUOTED), set())


if __name__ == "__main__":
    tap_runner.main()
