# SPDX-License-Identifier: LGPL-2.1-or-later
"""What the benchmark scripts share: running the tool, peers that wait for work, medians, output."""
import argparse
import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
PYTHON = "/usr/bin/python3" if os.access("/usr/bin/python3", os.X_OK) else sys.executable

# Eager PyTorch asks for and gives back megabytes for every operator; without these, much of its
# time is page faults. glibc takes no threshold above 32 MiB.
CALM_ALLOCATOR = {
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(1 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20),
}


def fail(text):
    sys.exit(f"{os.path.basename(sys.argv[0])}: {text}")


def arguments(description):
    """A parser with the options that every script has."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--build", type=pathlib.Path, default=ROOT / "build", help="build folder")
    parser.add_argument("--json", type=pathlib.Path, help="write all figures to this file")
    return parser


def tool_of(build):
    path = build / "pipelines" / "lightavseg"
    if not os.access(path, os.X_OK):
        fail(f"{path} is not there; build it first, or give --build FOLDER")
    return path


def thread_environment(threads):
    """Threads of OpenMP; the pool of the BLAS library would come on top of them."""
    one = {"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    return {**os.environ, **one, "OMP_NUM_THREADS": str(threads), "PYTHONDONTWRITEBYTECODE": "1"}


def run(command, **options):
    """What the command prints; ends the script when it fails."""
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, **options)
    if done.returncode:
        fail(f"'{' '.join(map(str, command))}' failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def bench(build, *options):
    """The JSON of `lightavseg bench`."""
    return json.loads(run([tool_of(build), "bench", "--json", "-", *options]))


class Peer:
    """A process that reads a number of frames from a line and answers with their milliseconds."""

    def __init__(self, command, environment):
        self.process = subprocess.Popen(
            [*map(str, command)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about = self.answer()

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            self.process.wait()
            fail(f"'{' '.join(map(str, self.process.args))}' ended early")
        return json.loads(line)

    def frames(self, count):
        self.process.stdin.write(f"{count}\n")
        self.process.stdin.flush()
        return self.answer()

    def close(self):
        self.process.stdin.close()
        self.process.wait()


def median(values):
    return statistics.median(values)


def median_ratio(numerators, denominators):
    return median([a / b for a, b in zip(numerators, denominators)])


def machine():
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        names = [line.split(":", 1)[1].strip() for line in file if line.startswith("model name")]
    return {"processor": names[0] if names else "unknown", "cores": os.cpu_count()}


def finish(path, figures):
    """Writes what was measured, if the user wants a file."""
    if path:
        figures = {"machine": machine(), **figures}
        path.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
