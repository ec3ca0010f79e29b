# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs unittest cases and reports each one in TAP, so that Meson lists and counts single cases.

The variable GTEST_FILTER, which GoogleTest obeys as well, picks cases: patterns with * and ?
separated by ":", and after a "-" those to leave out, of names like Info.test_json.
"""
import fnmatch
import os
import sys
import traceback
import unittest


def short_name(test):
    return ".".join(test.id().split(".")[-2:])


def wanted(name, pattern):
    positive, _, negative = pattern.partition("-")

    def matches(patterns):
        return any(fnmatch.fnmatchcase(name, p) for p in patterns.split(":") if p)

    return matches(positive or "*") and not matches(negative)


class TapResult(unittest.TestResult):
    def __init__(self):
        super().__init__()
        self.number = 0

    def line(self, test, ok, note=""):
        self.number += 1
        state = "ok" if ok else "not ok"
        print(f"{state} {self.number} - {short_name(test)}{note}", flush=True)

    def addSuccess(self, test):
        super().addSuccess(test)
        self.line(test, True)

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(test, True, f" # SKIP {reason}")

    def addSubTest(self, test, subtest, error):
        raise NotImplementedError("subtests would count as one case; make them cases")

    def failed(self, test, error):
        # Of a failed TAP program, Meson shows only what it wrote to stderr.
        print(f"{short_name(test)}: " + "".join(traceback.format_exception(*error)),
              file=sys.stderr, flush=True)
        self.line(test, False)

    def addFailure(self, test, error):
        super().addFailure(test, error)
        self.failed(test, error)

    def addError(self, test, error):
        super().addError(test, error)
        self.failed(test, error)


def cases_of(suite):
    for item in suite:
        if isinstance(item, unittest.TestSuite):
            yield from cases_of(item)
        else:
            yield item


def main():
    """Runs the cases of the calling program; never returns."""
    loaded = unittest.defaultTestLoader.loadTestsFromModule(sys.modules["__main__"])
    pattern = os.environ.get("GTEST_FILTER", "*")
    chosen = [case for case in cases_of(loaded) if wanted(short_name(case), pattern)]
    # A bare "1..0" needs a reason, or Meson takes it for a broken program.
    print(f"1..{len(chosen)}" if chosen else "1..0 # SKIP no case matches GTEST_FILTER")
    result = TapResult()
    unittest.TestSuite(chosen).run(result)
    sys.exit(0 if result.wasSuccessful() else 1)


def skip_all(reason):
    """Ends the program as skipped."""
    print(f"1..0 # SKIP {reason}")
    print(reason, file=sys.stderr)
    # Meson takes any exit code but 0 of a TAP program for a failure.
    sys.exit(0 if "MESON_TEST_ITERATION" in os.environ else 77)
