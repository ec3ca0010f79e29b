#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the manual page of lightavseg from its own --help, so that the two never differ.

Usage: make_man_page.py TOOL OUTPUT

The tool's help is that of CLI11 (CLIUtils/CLI11): headings that end in a colon, and below them
"  name   description", where the description may stand on the next line.
"""
import os
import re
import subprocess
import sys

COLUMN = 30  # of CLI11's descriptions
INTRODUCTION = """\
.B lightavseg
marks in video what makes the sound, and makes and measures the models that do so.
"""
FILES_AND_MORE = """\
.SH ENVIRONMENT
.TP
.B LIGHTAVSEG_MODEL_PATH
Folders, separated by colons, that are searched for lightavseg.safetensors and taxonomy.json before
the installed ones.
.SH SEE ALSO
.BR gst-inspect-1.0 (1),
.BR gst-launch-1.0 (1)
.PP
The element has the same name:
.B gst-inspect-1.0 lightavseg
lists its properties.
"""


def helped(tool, *command):
    """What the tool prints for --help."""
    # A tool that was built with sanitizers must not fail over what is still reachable at its end.
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "ASAN_OPTIONS": "detect_leaks=0"}
    return subprocess.run([tool, *command, "--help"], capture_output=True, text=True, check=True,
                          env=environment).stdout.splitlines()


def roff(text):
    """Text without what roff would take for its own."""
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return re.sub(r"^([.'])", r"\\&\1", text)


def entries(lines):
    """(heading, [(name, description)]) of one help text."""
    found = []
    for line in lines:
        if re.fullmatch(r"[A-Z][\w ]*:", line):
            found.append((line[:-1], []))
        elif found and re.match(r"  \S", line):
            # Descriptions begin in one column; a longer name has its own on the next line.
            apart = line[COLUMN - 1:COLUMN] == " " and line[COLUMN:COLUMN + 1].strip()
            name, text = (line[:COLUMN], line[COLUMN:]) if apart else (line, "")
            found[-1][1].append([name.strip(), text.strip()])
        elif found and found[-1][1] and (more := re.fullmatch(r"\s{8,}(\S.*)", line)):
            last = found[-1][1][-1]
            last[1] = f"{last[1]} {more.group(1)}".strip()
    return found


def listed(pairs):
    return "".join(f".TP\n.B {roff(name)}\n{roff(text)}\n" for name, text in pairs)


def page(tool):
    version = subprocess.run([tool, "--version"], capture_output=True, text=True,
                             check=True).stdout.strip()
    main = helped(tool)
    sections = dict(entries(main))
    footer = next(line for line in main if line.startswith("Exit codes:"))
    text = f'.TH LIGHTAVSEG 1 "" "lightavseg {version}" "User Commands"\n'
    text += f".SH NAME\nlightavseg \\- {roff(main[0][0].lower() + main[0][1:].rstrip('.'))}\n"
    text += ".SH SYNOPSIS\n.B lightavseg\n[OPTIONS] SUBCOMMAND\n"
    text += ".SH DESCRIPTION\n" + INTRODUCTION
    text += ".SH OPTIONS\n" + listed(sections["Options"])
    text += ".SH SUBCOMMANDS\n"
    for name, about in sections["Subcommands"]:
        help_text = helped(tool, name)
        usage = next(line for line in help_text if line.startswith("Usage:"))
        text += f".SS {roff(usage.removeprefix('Usage: '))}\n{roff(about)}.\n"
        for heading, pairs in entries(help_text):
            if heading not in ("Positionals", "Options") and pairs:
                text += f".PP\n{roff(heading)}:\n"
            text += listed(pair for pair in pairs if not pair[0].startswith("-h,"))
    text += ".SH EXIT STATUS\n" + roff(footer.removeprefix("Exit codes: ")) + "\n"
    return text + FILES_AND_MORE


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    with open(sys.argv[2], "w", encoding="utf-8") as output:
        output.write(page(sys.argv[1]))
