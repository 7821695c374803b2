#!/usr/bin/env python3
"""`hilum selfcheck`: every line says what was looked at, how it is and what to do about it, in one form; a check that is broken keeps the table and gives the exit code.

Usage: selfcheck.py HILUM FAKE_WORKER OUT   (OUT is emptied)
"""
import json, os, re, shutil, subprocess, sys
from pathlib import Path

HILUM, FAKE, OUT = sys.argv[1], sys.argv[2], Path(sys.argv[3])
shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir(parents=True)
ENV = {**os.environ, "HILUM_HOME": str(OUT / "home")}
for name in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "HILUM_WORKER", "HILUM_FAKE_SELFCHECK"):
    ENV.pop(name, None)
CHECK_FAILED = 19
failures = []


def expect(true, what):
    if not true:
        failures.append(what)


def selfcheck(code, *arguments, **variables):
    run = subprocess.run([HILUM, "selfcheck", *arguments], env={**ENV, **variables}, capture_output=True, text=True, timeout=800)
    expect(run.returncode == code, f"selfcheck {arguments} {variables} ended with {run.returncode}, {code} was expected: {run.stdout[-3000:]}{run.stderr[-600:]}")
    return run.stdout


def table(code, **variables):
    """The lines of --json by their names, each held against the one form."""
    said = selfcheck(code, "--json", **variables)
    try:
        document = json.loads(said)
    except ValueError as error:
        sys.exit(f"selfcheck --json {variables} printed no JSON document ({error}): {said[-600:]}")
    expect(document.get("schema") == "hilum.selfcheck/1", f"schema {document.get('schema')}")
    for line in document["lines"]:
        good = (set(line) == {"name", "state", "text", "advice", "numbers"} and line["state"] in ("ok", "slow", "broken") and line["name"].strip() and line["text"].strip()
                and isinstance(line["numbers"], dict) and bool(line["advice"].strip()) == (line["state"] != "ok"))
        expect(good, f"a line of another form: {line}")
    return {line["name"]: line for line in document["lines"]}


# the real worker, without a display
lines = table(0)
for name in ("device", "GPU driver", "memory allocator", "matrix products, float32", "matrix products, bfloat16", "display", "library", "runs", "cache", "settings"):
    expect(name in lines, f"no line about {name}: {list(lines)}")
expect(any(name.startswith("gradient") for name in lines) and any(name.startswith("training") for name in lines), f"no gradients or no training: {list(lines)}")
display = lines.get("display", {}).get("text", "")
has_window = "no display" in display
expect(has_window or "no window" in display, f"the line about the display says: {display}")
expect("OpenGL" not in lines, "OpenGL was looked for without a display")

# the library that was chosen in the window's settings is looked at, not the usual place
(OUT / "chosen" / "config").mkdir(parents=True)
(OUT / "chosen" / "config" / "window.ini").write_text("[library]\nfolder=/no/such/disk\n")
lines = table(CHECK_FAILED, HILUM_HOME=str(OUT / "chosen"), HILUM_WORKER=FAKE)
expect(lines.get("library", {}).get("state") == "broken" and "/no/such/disk" in lines.get("library", {}).get("text", ""), f"the chosen library is not looked at: {lines.get('library')}")

# one check is broken: the table stays
lines = table(CHECK_FAILED, HILUM_WORKER=FAKE)
expect(lines.get("gradient", {}).get("state") == "broken" and lines.get("device", {}).get("state") == "ok" and "worker" not in lines, f"the worker's table is lost: {lines}")
for line in selfcheck(CHECK_FAILED, HILUM_WORKER=FAKE).splitlines():
    expect(re.match(r"(ok|slow|broken) +\S[^:]*: \S|        -> \S", line), f"a line of another form: {line!r}")
# no table at all
for variables, words in (({"HILUM_WORKER": FAKE, "HILUM_FAKE_SELFCHECK": "mute"}, "exit code 19"), ({"HILUM_WORKER": "/nowhere/hilum-worker"}, "is not there")):
    line = table(CHECK_FAILED, **variables).get("worker", {})
    expect(line.get("state") == "broken" and words in line.get("text", ""), f"{variables}: {line}")

# a display that does not answer takes nothing with it
if has_window:
    line = table(CHECK_FAILED, HILUM_WORKER=FAKE, DISPLAY=":7991").get("OpenGL", {})
    expect(line.get("state") == "broken", f"a dead display: {line}")

if failures:
    sys.exit("\n".join(failures))
print("every line of the table has its state, its words and its advice")
