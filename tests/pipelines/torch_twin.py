# SPDX-License-Identifier: LGPL-2.1-or-later
"""Makes tests/reference importable, or ends the program as skipped where PyTorch is missing."""
import pathlib
import sys

import tap_runner

try:
    import numpy  # noqa: F401
    import torch  # noqa: F401
except ImportError as error:
    tap_runner.skip_all(f"{error}; apt install python3-torch python3-numpy to run these cases")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "reference"))
