#!/usr/bin/env python3
"""From starting hilum to a window that takes clicks, and closed again, on an empty library and on one with studies.

Usage: window_start.py HILUM [--studies DIR] [--repeats N] [--out FILE.json]      (needs a display: xvfb-run)

Each start is a script (`hilum --test`) that waits for the workspace buttons, clicks one, sees the workspace change and quits: the seconds are those of
the whole process and so an upper bound of "start to usable window" (target 2 s, warm). `--version` is the same program without a window; the ratio to
it is what a noisy machine leaves comparable.
"""
import argparse, json, os, statistics, subprocess, tempfile, time
from pathlib import Path

ap = argparse.ArgumentParser()
ap.add_argument("hilum")
ap.add_argument("--studies", help="folder to import before (default: none is)")
ap.add_argument("--repeats", type=int, default=7)
ap.add_argument("--out")
args = ap.parse_args()

SCRIPT = '''{"do":"click","target":"workspaceButtonRead"}
{"do":"expect","target":"axialView","what":"visible","eq":true}
{"do":"quit"}
'''


def seconds(command, env):
    begin = time.perf_counter()
    run = subprocess.run(command, env=env, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {run.stdout[-500:]} {run.stderr[-500:]}")
    return time.perf_counter() - begin


with tempfile.TemporaryDirectory() as where:
    script = Path(where) / "start.jsonl"
    script.write_text(SCRIPT)
    cases = {"empty library": Path(where) / "empty"}
    if args.studies:
        cases["library with studies"] = Path(where) / "filled"
        seconds([args.hilum, "library", "add", args.studies], {**os.environ, "HILUM_HOME": str(cases["library with studies"])})
    times = {"program alone": []} | {name: [] for name in cases}
    for _ in range(args.repeats + 1):  # in turn; the first of each warms the caches
        times["program alone"].append(seconds([args.hilum, "--version"], dict(os.environ)))
        for name, home in cases.items():
            times[name].append(seconds([args.hilum, "--test", str(script), "--out", where], {**os.environ, "HILUM_HOME": str(home)}))

median = {name: round(statistics.median(values[1:]), 3) for name, values in times.items()}
report = {name: {"median_s": value, "ratio_to_program_alone": round(value / median["program alone"], 1)} for name, value in median.items()}
print(json.dumps(report, indent=1))
if args.out:
    Path(args.out).write_text(json.dumps(report, indent=1) + "\n")
