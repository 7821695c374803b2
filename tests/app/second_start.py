#!/usr/bin/env python3
"""A second start of the program beside an open window: its files are opened there, also when that window is still being made, when a name is no text, and when the
names are more than a line holds.

Usage: second_start.py HILUM XVFB_RUN OUT   (OUT is emptied)
"""
import json, os, shutil, signal, struct, subprocess, sys, time, zlib
from pathlib import Path

HILUM, XVFB, OUT = sys.argv[1], sys.argv[2], Path(sys.argv[3]).absolute()
shutil.rmtree(OUT, ignore_errors=True)
OUT.mkdir(parents=True)
ENV = {name: value for name, value in os.environ.items() if name not in ("DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM")}
ENV |= {"HILUM_HOME": str(OUT / "home")}
failures = []


def png(file):
    side = 64
    rows = b"".join(b"\0" + bytes((x * y) % 251 for x in range(side)) for y in range(side))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with open(file, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return file


def second(*files):
    """A start that needs no display: it hands over."""
    run = subprocess.run([HILUM, *files], env=ENV | {"QT_QPA_PLATFORM": "offscreen"}, capture_output=True, timeout=600)
    if run.returncode != 0 or b"took over" not in run.stderr:
        failures.append(f"the second start ended with {run.returncode}: {run.stderr!r}")


early, bytes_name = png(OUT / "early.png"), png(os.fsencode(OUT / "late-") + b"caf\xe9.png")
empty = OUT / ("long" * 50)
empty.mkdir()
many = [empty / ("x" * 200 + str(n)) for n in range(3000)]  # over a megabyte in all, no images
for file in many:
    file.write_bytes(b"")

script = OUT / "second_start.jsonl"
script.write_text("\n".join(json.dumps(step) for step in (
    {"do": "expect", "target": "researchUseLabel", "what": "visible", "eq": True, "timeout_ms": 60000},
    {"do": "expect", "target": "mainWindow", "what": "title", "contains": "early", "timeout_ms": 60000},
    {"do": "screenshot", "file": "early-is-open.png"},
    {"do": "expect", "target": "mainWindow", "what": "title", "contains": "late-caf", "timeout_ms": 60000},
    {"do": "quit"})) + "\n")
window = subprocess.Popen([XVFB, "-a", "-s", "-screen 0 1600x1000x24", HILUM, "--test", script, "--out", OUT], env=ENV, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          start_new_session=True)
try:
    lock = OUT / "home" / "data" / "library.lock"
    until = time.monotonic() + 120
    while not (lock.exists() and lock.read_text()) and time.monotonic() < until and window.poll() is None:
        time.sleep(0.01)  # the window holds the library, and is still being made
    second(early)
    while not (OUT / "early-is-open.png").exists() and time.monotonic() < until + 300 and window.poll() is None:
        time.sleep(0.1)
    second(bytes_name, *many)
    said, _ = window.communicate(timeout=900)
    if window.returncode != 0:
        failures.append(f"the window ended with {window.returncode}: {said[-2000:]}")
except subprocess.TimeoutExpired:
    os.killpg(window.pid, signal.SIGKILL)
    sys.exit("\n".join([*failures, "the window did not end"]))

if failures:
    sys.exit("\n".join(failures))
print("a second start hands over what it was asked for")
