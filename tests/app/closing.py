#!/usr/bin/env python3
"""The window is closed while a run folder does not answer, as on a network share that is gone: the program ends all the same, its settings are written and its log
says what was left behind.

Usage: closing.py HILUM FAKE_WORKER XVFB_RUN OUT   (OUT is emptied)
"""
import contextlib, json, os, shutil, signal, sqlite3, subprocess, sys
from pathlib import Path

HILUM, FAKE, XVFB, OUT = sys.argv[1], sys.argv[2], sys.argv[3], Path(sys.argv[4]).absolute()
shutil.rmtree(OUT, ignore_errors=True)
HOME = OUT / "home"
ENV = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
ENV |= {"HILUM_HOME": str(HOME), "HILUM_WORKER": FAKE}
failures = []


def expect(true, what):
    if not true:
        failures.append(what)


OUT.mkdir(parents=True)
subprocess.run([HILUM, "jobs", "list"], env=ENV, check=True, timeout=600)  # makes the library
for job in ("hung", "well"):
    run = OUT / job
    run.mkdir()
    (run / "job.json").write_text(json.dumps({"schema": "hilum.job/1", "id": job, "command": "train", "method": "good"}))
    with contextlib.closing(sqlite3.connect(HOME / "data" / "library.sqlite")) as db, db:
        db.execute("INSERT INTO jobs (id, run, method, preset, title, state, created_utc, message, step, steps) VALUES (?, ?, 'good', 'tiny', ?, 'done', '2026-01-01T00:00:00Z', '', 0, 0)",
                   (job, os.fsencode(run), job))
os.mkfifo(OUT / "hung" / "events.jsonl")  # nobody writes into it: who opens it waits

SCRIPT = OUT / "closing.jsonl"
SCRIPT.write_text("\n".join(json.dumps(step) for step in (
    {"do": "expect", "target": "researchUseLabel", "what": "visible", "eq": True, "timeout_ms": 60000},
    {"do": "key", "key": "F8"},
    {"do": "expect", "target": "jobTable", "what": "rows", "eq": 1, "timeout_ms": 60000, "note": "the other one is still read"},
    {"do": "quit"})) + "\n")
window = subprocess.Popen([XVFB, "-a", "-s", "-screen 0 1600x1000x24", HILUM, "--test", SCRIPT, "--out", OUT], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          start_new_session=True)
try:
    said, _ = window.communicate(timeout=900)  # many times what a slow machine takes: without an end of its own it would stay for ever
    expect(window.returncode == 0, f"the window ended with {window.returncode}: {said[-2000:]}")
except subprocess.TimeoutExpired:
    os.killpg(window.pid, signal.SIGKILL)
    sys.exit("the window does not end while a run folder does not answer")

log = (HOME / "data" / "logs" / "hilum.log").read_text()
expect("left behind" in log and "job_runner_load.cpp" in log, f"the log does not say what was left behind: {log[-2000:]}")
settings = list(HOME.rglob("window.ini"))
expect(settings and "geometry" in settings[0].read_text(), "the settings were not written")
check = subprocess.run([HILUM, "library", "check", "--json"], env=ENV, capture_output=True, text=True, timeout=600)
expect(check.returncode == 0 and json.loads(check.stdout or "{}").get("sound") is True, f"the library is not sound: {check.stdout}{check.stderr}")

if failures:
    sys.exit("\n".join(failures))
print("the window ends beside a share that does not answer")
