# SPDX-License-Identifier: LGPL-2.1-or-later
"""Prints which share of the lines of the product the tests have run.

Usage: coverage_report.py BUILD. BUILD was made with -Db_coverage=true and its tests were run. The
lines are counted by gcovr; its own page of every file is left in BUILD/coverage. Exit code 1 when
the share is below the least that is wanted.
"""
import json
import pathlib
import subprocess
import sys

FOLDERS = ("dsp", "gst", "model")
LEAST = 85.0  # percent of the lines of all three
LONGEST_S = 900  # for gcovr; a run of CI must end with a word of what went wrong


def count(root, build, out):
    """The summary of gcovr, as it writes it."""
    summary = out / "summary.json"
    # With more than one job, an error in one of them leaves gcovr 5.2 waiting for ever.
    command = ["gcovr", "--root", root, "--object-directory", build, "-j", "1",
               "--json-summary", summary, "--html-details", out / "index.html",
               "--gcov-ignore-parse-errors",
               "--exclude-unreachable-branches", "--exclude-throw-branches"]
    for folder in FOLDERS:
        command += ["--filter", f"{root}/{folder}/"]
    subprocess.run([*command, build], check=True, stdout=subprocess.DEVNULL, timeout=LONGEST_S)
    return json.loads(summary.read_text())


def shares(summary):
    """{folder: (lines run, lines)}"""
    found = {folder: [0, 0] for folder in FOLDERS}
    for file in summary["files"]:
        lines = found[file["filename"].split("/")[0]]
        lines[0] += file["line_covered"]
        lines[1] += file["line_total"]
    return found


def main(build):
    root = pathlib.Path(__file__).resolve().parent.parent
    out = build.resolve() / "coverage"
    out.mkdir(exist_ok=True)
    found = shares(count(root, build.resolve(), out))
    run, total = (sum(lines[i] for lines in found.values()) for i in (0, 1))
    print()
    for name, lines in [*found.items(), ("all", (run, total))]:
        percent = 100 * lines[0] / max(lines[1], 1)
        print(f"coverage: {name:5} {percent:5.1f} % of {lines[1]} lines")
    print(f"coverage: of each file in {out}/index.html")
    if run * 100 < LEAST * total:
        print(f"coverage: less than {LEAST:g} %")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
