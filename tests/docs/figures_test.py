# SPDX-License-Identifier: LGPL-2.1-or-later
"""What README.md says of the model that ships is what its card says."""
import pathlib
import re
import sys
import unittest

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "pipelines"))
import tap_runner  # noqa: E402


def prose(name):
    """A page as one line, so that a sentence may be broken anywhere."""
    return " ".join((ROOT / name).read_text(encoding="utf-8").split())


class Figures(unittest.TestCase):
    def test_those_of_the_model_are_those_of_its_card(self):
        readme, card = prose("README.md"), prose("docs/model-card.md")
        figures = dict(re.findall(r"\| `(\w+)` \| ([0-9.]+) \|", card))
        iou = re.search(r"with one object it reaches an IoU of ([0-9.]+);", readme)
        self.assertEqual(iou.group(1), f"{float(figures['miou']):.2f}")
        pairs = re.search(r"in ([0-9]+) of 100 pairs of scenes", readme)
        self.assertEqual(int(pairs.group(1)), int(100 * float(figures["swap"])))
        self.assertEqual(float(figures["silence_false"]), 0)
        self.assertIn("silence marks nothing", readme)
        hours = r"trained for about (\w+) hours"
        self.assertEqual(re.findall(hours, readme), re.findall(hours, card))


if __name__ == "__main__":
    tap_runner.main()
