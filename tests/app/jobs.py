#!/usr/bin/env python3
"""Jobs and the library by command line, with a worker that is none: exit codes, one JSON document, a library that the window holds, options that cannot be given together.

Usage: jobs.py HILUM FAKE_WORKER OUT   (OUT is emptied)
"""
import contextlib, fcntl, hashlib, json, os, re, shutil, signal, sqlite3, subprocess, sys, time
from pathlib import Path

HILUM, FAKE, OUT = sys.argv[1], sys.argv[2], Path(sys.argv[3]).absolute()
shutil.rmtree(OUT, ignore_errors=True)
HOME = OUT / "home"
CACHE = HOME / "cache" / "caches" / "prepared"
CACHE.mkdir(parents=True)
(CACHE / "index.json").write_text(json.dumps({"schema": "hilum.cache/1", "digest": "abc123"}))
ENV = {**os.environ, "HILUM_HOME": str(HOME), "HILUM_WORKER": FAKE}
USAGE, NOT_FOUND, CANCELLED, BUSY = 2, 3, 9, 15
failures = []


def expect(true, what):
    if not true:
        failures.append(what)


def hilum(*arguments, code=0, says=""):
    run = subprocess.run([HILUM, *map(str, arguments)], env=ENV, capture_output=True, text=True, timeout=600)
    if run.returncode != code or not re.search(says, run.stdout + run.stderr, re.S):
        failures.append(f"hilum {' '.join(map(str, arguments))}\n  ended with {run.returncode}, expected {code} with {says!r}\n  said: {run.stdout[-600:]}{run.stderr[-600:]}")
    return run.stdout


def document(*arguments, code=0):
    said = hilum(*arguments, "--json", code=code)
    try:
        return json.loads(said)
    except ValueError as error:
        failures.append(f"hilum {' '.join(map(str, arguments))} --json printed no single JSON document ({error}): {said[-600:]}")
        return {}


def jobs(*arguments, code=0):
    """By their numbers."""
    return {job["id"]: job for job in document("jobs", *arguments, code=code).get("jobs", [])}


def state(job, *arguments):
    return jobs(*arguments or ("list",)).get(job, {}).get("state")


def wait_for(true, what):
    end = time.time() + 300
    while not true():
        if time.time() > end:
            sys.exit("\n".join(failures + [f"waited in vain for {what}"]))
        time.sleep(0.05)


def text(file):
    return file.read_text() if file.exists() else ""


def follow(run, *arguments):
    """A command that trains in `run`, in the background, as soon as a new checkpoint is there."""
    before = text(run / "checkpoints" / "latest")
    process = subprocess.Popen([HILUM, *map(str, arguments), "--json"], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_for(lambda: text(run / "checkpoints" / "latest") != before or process.poll() is not None, f"a checkpoint of {' '.join(map(str, arguments))}")
    return process


def ended(process, ask=True):
    """Stopped by a person: exit code of Cancelled, and the document all the same."""
    if ask:
        process.send_signal(signal.SIGTERM)
    out, err = process.communicate(timeout=300)
    expect(process.returncode == CANCELLED, f"{process.args} was cancelled and ended with {process.returncode}: {out}{err}")
    try:
        return json.loads(out)
    except ValueError:
        failures.append(f"{process.args} printed no single JSON document: {out[-600:]}")
        return {}


@contextlib.contextmanager
def held_library():
    """As the window holds it."""
    with open(HOME / "data" / "library.lock", "a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with contextlib.closing(sqlite3.connect(HOME / "data" / "library.sqlite")) as db:
            db.execute("SELECT count(*) FROM jobs").fetchone()
            yield


def add_row(job, run, how):
    with contextlib.closing(sqlite3.connect(HOME / "data" / "library.sqlite")) as db, db:
        db.execute("INSERT INTO jobs (id, run, method, preset, title, state, created_utc, message, step, steps) VALUES (?, ?, 'slow', 'tiny', 'a title', ?, '2026-01-01T00:00:00Z', '', 0, 0)",
                   (job, os.fsencode(run), how))


JOB = OUT / "job.json"
JOB.write_text(json.dumps({"schema": "hilum.job/1", "id": "written", "command": "train", "method": "slow", "preset": "tiny", "options": {"steps": 20, "mask_ratio": 0.75},
                           "cache": {"name": "prepared", "digest": "abc123"}, "device": "auto", "dtype": "auto", "threads": 1, "watch_case": None}))

# a job file run again: what it is computed with may be another
first = OUT / "first"
process = follow(first, "train", "--job", JOB, "--out", first, "--device", "cpu", "--dtype", "float32", "--threads", 2, "--watch", "a-case")
job = json.loads(text(first / "job.json") or "{}")
for key, value in {"device": "cpu", "dtype": "float32", "threads": 2, "watch_case": "a-case", "options": {"steps": 20, "mask_ratio": 0.75}}.items():
    expect(job.get(key) == value, f"job.json of train --job: {key} is {job.get(key)}, {value} was asked for")
expect(ended(process).get("state") == "cancelled", "train says no state of what was cancelled")
plain = OUT / "plain"
process = follow(plain, "train", "--job", JOB, "--out", plain)
job = json.loads(text(plain / "job.json") or "{}")
expect((job.get("device"), job.get("threads")) == ("auto", 1), f"what the job file says is changed without being asked: {job}")
ended(process)
# all cores where nothing is asked for; processes that are started elsewhere choose for themselves
free = OUT / "free.json"
free.write_text(json.dumps({**json.loads(text(JOB)), "threads": 0}))
cores = OUT / "cores"
process = follow(cores, "train", "--job", free, "--out", cores)
job = json.loads(text(cores / "job.json") or "{}")
expect(job.get("threads") == len(os.sched_getaffinity(0)), f"threads of a job that asks for none: {job}")
ended(process)
hilum("train", "--job", free, "--out", OUT / "written", "--write-job")
expect(json.loads(text(OUT / "written" / "job.json")).get("threads") == 0, "train --write-job chooses the threads of processes elsewhere")
# a run that goes on: the same
process = follow(first, "train", "--out", first, "--resume", "--threads", 3)
job = json.loads(text(first / "job.json") or "{}")
expect((job.get("threads"), job.get("device")) == (3, "cpu"), f"train --resume --threads 3: {job}")
ended(process)
for arguments in (("--job", JOB, "--preset", "tiny"), ("--job", JOB, "--set", "steps=3"), ("--resume", "--set", "steps=3"), ("--resume", "--method", "slow"), ("--resume", "--preset", "tiny"),
                  ("--resume", "--data", CACHE), ("--resume", "--job", JOB)):
    hilum("train", "--out", OUT / "refused", *arguments, code=USAGE, says="excludes")
for arguments in (("--mode", "full"), ("--label", "finding"), ("--positive", "x"), ("--model", first), ("--data", CACHE), ("--fraction", "0.5"), ("--seed", "1"), ("--compare-untrained",),
                  ("--set", "epochs=1")):
    hilum("finetune", "--out", first, "--resume", *arguments, code=USAGE, says="excludes")
hilum("finetune", "--out", first, "--resume", "--threads", "2", "--device", "cpu", code=NOT_FOUND, says="no classifier's job.json")
# a prepared cache that is named must be one for the job's own options, not for those of its preset
named = OUT / "named"
named.mkdir()
half = OUT / "half.json"
half.write_text(json.dumps({**json.loads(text(JOB)), "options": {"steps": 20, "mask_ratio": 0.5}}))
index = {"schema": "hilum.cache/1", "shards": [], "cases": [], "pipeline": {"kind": "radiograph", "size": [16, 16], "made_from": {"steps": 20, "mask_ratio": 0.5}}}
plain_json = lambda value: json.dumps(value, sort_keys=True, separators=(",", ":"))
(named / "index.json").write_text(plain_json({**index, "digest": hashlib.sha256(plain_json(index).encode()).hexdigest()}))
fourth = OUT / "fourth"
process = follow(fourth, "train", "--job", half, "--data", named, "--out", fourth)
ended(process)
index["pipeline"]["made_from"]["steps"] = 21
(named / "index.json").write_text(plain_json({**index, "digest": hashlib.sha256(plain_json(index).encode()).hexdigest()}))
hilum("train", "--job", half, "--data", named, "--out", OUT / "refused", code=13, says="another input pipeline")
# values of a wrong type are told all at once
odd = OUT / "odd.json"
odd.write_text(json.dumps({**json.loads(text(JOB)), "device": None, "threads": "two"}))
hilum("train", "--job", odd, "--out", OUT / "refused", code=14, says="odd.json: device = null is no text; threads = .two. is no whole number")
# a classifier's job file brings its labels; those of a pre-training are none
hilum("finetune", "--job", JOB, "--out", OUT / "refused", code=USAGE, says="is the job of a pre-training: `hilum train --job`")
odd.write_text(json.dumps({**json.loads(text(JOB)), "command": "finetune"}))
hilum("finetune", "--job", odd, "--out", OUT / "refused", code=NOT_FOUND, says="labels.json")
for arguments in (("--mode", "full"), ("--label", "finding"), ("--model", first), ("--seed", "1"), ("--resume",)):
    hilum("finetune", "--out", OUT / "refused", "--job", odd, *arguments, code=USAGE, says="excludes")
expect(not (OUT / "refused").exists(), "a refused train left something behind")

# a library with a job that runs and one that waits
expect(jobs("list") == {}, "a new library has jobs")
second, third = OUT / "second", OUT / "third"
process = follow(second, "train", "--job", JOB, "--out", second)
running = json.loads(text(second / "job.json") or "{}").get("id", "none")
add_row(running, second, "running")
third.mkdir()
(third / "job.json").write_text(JOB.read_text().replace('"written"', '"waiting"'))
add_row("waiting", third, "queued")
expect(state(running) == "running", "a running job is not listed as such")
hilum("jobs", "forget", running, code=BUSY, says="is running: cancel it first")
hilum("jobs", "forget", "waiting", code=BUSY, says="is queued: cancel it first")

with held_library():
    expect(state(running) == "running" and state("waiting") == "queued", "jobs list while the window holds the library")
    expect(document("jobs", "show", running).get("state") == "running", "jobs show while the window holds the library")
    expect(document("library", "list").get("series") == [] and document("library", "find", "chest").get("series") == [], "library list and find while the window holds it")
    check = document("library", "check")
    expect(check.get("sound") is True and check.get("series") == 0 and check.get("missing") == 0, f"library check while the window holds it: {check}")
    hilum("library", "remove", "1", code=BUSY, says="is using the library")
    hilum("jobs", "forget", running, code=BUSY, says="is using the library")
    hilum("jobs", "resume", running, code=BUSY, says="is using the library")
    hilum("jobs", "cancel", "waiting", code=BUSY, says="take it out of the queue there")
    expect(state(running, "cancel", running) == "cancelling", "jobs cancel while the window holds the library")
    ended(process, ask=False)
    hilum("jobs", "cancel", running, code=USAGE, says="there is nothing to cancel")

# looking launches nothing, though nothing runs any more
expect(state(running) == "cancelled" and state("waiting") == "queued", "jobs list after the window has gone")
time.sleep(1)
hilum("jobs", "list", says="waiting")
expect(not (third / "events.jsonl").exists() and state("waiting") == "queued", "jobs list started a job that waited")
expect(state("waiting", "cancel", "waiting") == "cancelled", "a waiting job is not taken out of the queue")

process = follow(second, "jobs", "resume", running)
stopped = ended(process)
expect([(job["id"], job["state"]) for job in stopped.get("jobs", [])] == [(running, "cancelled")], f"jobs resume said {stopped}")
with contextlib.closing(sqlite3.connect(HOME / "data" / "library.sqlite")) as db:
    row = db.execute("SELECT state, title, step FROM jobs WHERE id = ?", (running,)).fetchone()
expect(row and row[0] == "cancelled" and row[1] == "a title" and row[2] > 0, f"the row of a resumed job: {row}")

expect(list(jobs("forget", running)) == [running], "jobs forget names no job")
expect(running not in jobs("list") and (second / "job.json").exists(), "a forgotten job is still listed, or its folder is gone")
hilum("jobs", "forget", third, says="is forgotten")
expect(jobs("list") == {}, "a job is not forgotten by its folder")
hilum("jobs", "forget", "nobody", code=NOT_FOUND, says='there is no job "nobody"')

expect(document("library", "check").get("sound") is True, "library check")
expect(document("library", "relink", OUT / "a", OUT).get("series") == 0, "library relink")
expect(document("library", "remove", "7").get("series") == 1, "library remove")

if failures:
    sys.exit("\n".join(failures))
print("jobs and library answer as they should")
