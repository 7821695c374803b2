#!/usr/bin/env python3
"""The commands use the library that was chosen in the window's settings, make none where its disk is away, and print one JSON document whatever the names of files are.

Usage: library_place.py HILUM OUT   (OUT is emptied)
"""
import json, os, shutil, struct, subprocess, sys, zlib
from pathlib import Path

HILUM, OUT = sys.argv[1], Path(sys.argv[2]).absolute()
NOT_FOUND = 3
shutil.rmtree(OUT, ignore_errors=True)
HOME, CHOSEN = OUT / "home", OUT / "chosen"
(HOME / "config").mkdir(parents=True)
ENV = dict(os.environ) | {"HILUM_HOME": str(HOME)}
failures = []


def hilum(*arguments, code=0):
    run = subprocess.run([HILUM, *arguments], env=ENV, capture_output=True, timeout=600)
    if run.returncode != code:
        failures.append(f"{arguments} ended with {run.returncode}, not {code}: {run.stderr!r}")
    return run


def document(*arguments):
    run = hilum(*arguments, "--json")
    try:
        return json.loads(run.stdout)
    except ValueError as error:
        failures.append(f"{arguments} prints no JSON document ({error}): {run.stdout!r} {run.stderr!r}")
        return {}


def png(file):
    side = 64
    rows = b"".join(b"\0" + bytes((x * y) % 251 for x in range(side)) for y in range(side))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    with open(file, "wb") as out:
        out.write(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))
    return file


def series(*library):
    return document("library", "list", *library).get("series", [])


hilum("library", "list", "--library", CHOSEN)  # makes it
(HOME / "config" / "window.ini").write_text(f"[library]\nfolder={CHOSEN}\n")
strange = png(os.fsencode(OUT) + b"/caf\xe9.png")
added = document("library", "add", strange)
if added.get("series") != 1:
    failures.append(f"library add: {added}")
if len(series()) != 1 or len(series("--library", CHOSEN)) != 1:
    failures.append("library add does not add to the library that was chosen in the window")
if (HOME / "data" / "library.sqlite").exists():
    failures.append("another library was made in the data folder")

CHOSEN.rename(OUT / "away")
for command in ("library", "jobs"):
    said = hilum(command, "list", code=NOT_FOUND).stderr
    if os.fsencode(CHOSEN) not in said:
        failures.append(f"{command} list does not name the folder that is away: {said!r}")
if CHOSEN.exists():
    failures.append("a library was made in the place of one that is away")

if failures:
    sys.exit("\n".join(failures))
print("the commands use the library that was chosen")
