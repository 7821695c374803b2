#!/usr/bin/env python3
"""Cancelling a training: how soon it is acknowledged, how soon the checkpoint is written and the process gone, and whether the resumed run equals an
unbroken one.

Usage: cancel.py HILUM WORKER --data FOLDER [--method hdxray-mae] [--preset tiny] [--steps 60] [--trials 5] [--out FILE.json]

The worker is asked through its standard input, as the window does, at a different step in each trial. Targets: acknowledged within 0.5 s, gone within
10 s, losses and weights bit-equal on the CPU. Times are those of the asking process.
"""
import argparse, json, os, shutil, statistics, subprocess, tempfile, time
from pathlib import Path

ap = argparse.ArgumentParser()
ap.add_argument("hilum")
ap.add_argument("worker")
ap.add_argument("--data", required=True)
ap.add_argument("--method", default="hdxray-mae")
ap.add_argument("--preset", default="tiny")
ap.add_argument("--steps", type=int, default=60)
ap.add_argument("--trials", type=int, default=5)
ap.add_argument("--out")
args = ap.parse_args()


def must(command, **more):
    run = subprocess.run(command, capture_output=True, text=True, **more)
    if run.returncode:
        raise SystemExit(f"{' '.join(map(str, command))} ended with {run.returncode}: {run.stderr[-800:]}")
    return run.stdout


def losses(run):
    """Step -> loss as recorded; of a step that was done twice the later one counts."""
    lines = map(json.loads, (run / "events.jsonl").read_text().splitlines())
    return {line["step"]: line["loss"] for line in lines if line["kind"] == "metric"}


def weights(run):
    lines = [json.loads(line) for line in (run / "events.jsonl").read_text().splitlines()]
    return [line["weights_sha256"] for line in lines if line["kind"] == "result" and "weights_sha256" in line][-1]


def trial(number, folder, reference, cache):
    run = folder / f"run{number}"
    run.mkdir()
    shutil.copy(reference / "job.json", run / "job.json")
    command = [args.worker, "train", "--run", str(run), "--cache", str(cache)]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    at = 5 + number * (args.steps - 10) // args.trials
    asked = acknowledged = stopped = None
    for line in process.stdout:
        event = json.loads(line)
        if asked is None and event.get("kind") in ("metric", "progress") and event.get("phase", "training") == "training" and event.get("step", 0) >= at:
            asked = time.perf_counter()
            process.stdin.write('{"kind": "cancel"}\n')
            process.stdin.flush()
        elif asked is not None and acknowledged is None and event.get("phase") == "saving":
            acknowledged = time.perf_counter() - asked
        if event.get("kind") == "result":
            stopped = event
    code = process.wait()
    gone = time.perf_counter() - asked
    if code or not stopped or not stopped.get("cancelled"):
        raise SystemExit(f"trial {number}: the worker ended with {code}: {stopped}")
    must(command + ["--resume"], stdin=subprocess.DEVNULL)
    equal = losses(run) == losses(reference) and weights(run) == weights(reference)
    return {"cancelled_at_step": stopped["step"], "acknowledged_s": round(acknowledged, 3), "gone_s": round(gone, 3), "resumed_equals_unbroken": equal}


with tempfile.TemporaryDirectory() as where:
    folder = Path(where)
    os.environ.setdefault("HILUM_HOME", str(folder / "home"))
    reference, cache = folder / "reference", folder / "cache"
    must([args.hilum, "prepare", "--data", args.data, "--for", args.method, "--preset", args.preset, "--out", str(cache)])
    must([args.hilum, "train", "--method", args.method, "--preset", args.preset, "--data", str(cache), "--out", str(reference),
          "--set", f"steps={args.steps}", "--device", "cpu"])
    trials = [trial(n, folder, reference, cache) for n in range(args.trials)]
for one in trials:
    print(json.dumps(one), flush=True)
report = {"method": args.method, "preset": args.preset, "steps": args.steps, "acknowledged_s_median": statistics.median(t["acknowledged_s"] for t in trials),
          "acknowledged_s_most": max(t["acknowledged_s"] for t in trials), "gone_s_most": max(t["gone_s"] for t in trials),
          "resumed_equals_unbroken": all(t["resumed_equals_unbroken"] for t in trials), "trials": trials}
print(json.dumps({key: value for key, value in report.items() if key != "trials"}))
if args.out:
    Path(args.out).write_text(json.dumps(report, indent=1) + "\n")
