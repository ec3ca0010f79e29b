# SPDX-License-Identifier: LGPL-2.1-or-later
"""Counts the single cases of a `meson test` run and prints the line that closes tests/run.

Usage: count_cases.py BUILD/meson-logs. Exit code 1 when a case failed or there was none.
testlog.junit.xml knows the cases; testlog.json knows the programs, which may fail without a failed
case (a crash, a time-out).
"""
import json
import pathlib
import sys
import xml.etree.ElementTree as ElementTree

GOOD_RESULTS = {"OK", "EXPECTEDFAIL", "SKIP"}


def cases(junit):
    """(name of the program, name of the case, "passed", "failed" or "skipped")"""
    for suite in ElementTree.parse(junit).getroot().iter("testsuite"):
        # PROJECT.PROGRAM.SUITE of GoogleTest, PROJECT.PROGRAM of TAP, PROJECT of other programs
        parts = suite.get("name").split(".", 2)
        for case in suite.iter("testcase"):
            program = parts[1] if len(parts) > 1 else case.get("name")
            name = f"{parts[2]}.{case.get('name')}" if len(parts) > 2 else case.get("name")
            if case.get("status") == "notrun":  # not picked by the filter, or disabled
                continue
            state = "passed"
            if case.find("failure") is not None or case.find("error") is not None:
                state = "failed"
            elif case.find("skipped") is not None:
                state = "skipped"
            yield program, name, state


def program_results(log):
    for line in log.read_text().splitlines():
        entry = json.loads(line)
        yield entry["name"].split(":")[-1].split(" / ")[-1], entry["result"]


def main(folder):
    results = program_results(folder / "testlog.json")
    failed_programs = {name for name, result in results if result not in GOOD_RESULTS}
    counts = {"passed": 0, "failed": 0, "skipped": 0}
    failures = []
    for program, name, state in cases(folder / "testlog.junit.xml"):
        if program == name and program in failed_programs:
            continue  # stands for the program, which follows below
        counts[state] += 1
        if state == "failed":
            failures.append((program, name))
    for program in sorted(failed_programs - {p for p, _ in failures}):
        counts["failed"] += 1
        failures.append((program, "ended without a result: it crashed, hung or could not start"))
    print()
    for program, name in failures:
        print(f"failed: {program}: {name}")
    if not any(counts.values()):
        print("no test case matches")
    skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
    print(f"{counts['passed']} passed, {counts['failed']} failed{skipped}")
    return 1 if counts["failed"] or not any(counts.values()) else 0


if __name__ == "__main__":
    try:
        sys.exit(main(pathlib.Path(sys.argv[1])))
    except OSError as error:
        sys.exit(f"{error}: the tests did not run")
