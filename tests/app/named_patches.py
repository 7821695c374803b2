#!/usr/bin/env python3
"""Patches that a person names, through the real program: `--mask` hides just these and `--query` asks for just that one, with untrained presets as with trained weights.

Usage: named_patches.py HILUM WORKER OUT      (OUT is emptied)
"""
import json, os, shutil, struct, subprocess, sys, zlib
from pathlib import Path

HILUM, WORKER, OUT = sys.argv[1], sys.argv[2], Path(sys.argv[3]).absolute()
shutil.rmtree(OUT, ignore_errors=True)
(OUT / "images").mkdir(parents=True)
ENV = {**os.environ, "HILUM_HOME": str(OUT / "home"), "HILUM_WORKER": WORKER}
SIDE = 224  # a multiple of every grid below
NAMED = {(0, 3), (2, 1), (3, 3)}  # rows and columns of patches
failures = []


def program(*arguments):
    run = subprocess.run([*map(str, arguments)], env=ENV, capture_output=True, text=True, timeout=600)
    if run.returncode:
        sys.exit("\n".join(failures + [f"{' '.join(map(str, arguments))} ended with {run.returncode}: {run.stdout[-600:]}{run.stderr[-600:]}"]))
    return run.stdout


def check(what, got, expected):
    if got != expected:
        failures.append(f"{what}: {got!r}, expected {expected!r}")


def png(file, side, value):
    """Grey values value(row, column)."""
    rows = b"".join(b"\0" + bytes(value(y, x) for x in range(side)) for y in range(side))
    chunk = lambda kind, data: struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    file.write_bytes(b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def tensors(folder):
    """(shape, bytes) by name."""
    raw = (folder / "tensors.safetensors").read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    return {name: (entry["shape"], raw[8 + length + entry["data_offsets"][0]:8 + length + entry["data_offsets"][1]]) for name, entry in header.items() if name != "__metadata__"}


for n in range(6):
    png(OUT / "images" / f"{n}.png", SIDE, lambda y, x: (x * 3 + y * (1 + n % 3) + 40 * n) % 256)
film = OUT / "images" / "0.png"
program(HILUM, "train", "--method", "mae", "--preset", "tiny", "--data", OUT / "images", "--out", OUT / "run", "--set", "image_size=64", "--set", "steps=2", "--set", "batch=2",
        "--set", "warmup_steps=1")
X, Y = 40, 100  # pixels of the image
# (weights, tokens along a side)
for name, weights, grid in (("mae", ("--method", "mae", "--preset", "tiny"), 14), ("hdxray-mae", ("--method", "hdxray-mae", "--preset", "tiny"), 16),
                            ("spcxr", ("--method", "spcxr", "--preset", "tiny"), 8), ("trained", ("--model", OUT / "run"), 4)):
    cell = SIDE // grid
    png(OUT / "tokens.png", grid, lambda y, x: 255 * ((y, x) in NAMED))
    png(OUT / "pixels.png", SIDE, lambda y, x: 255 * ((y // cell, x // cell) in NAMED))
    for mask in ("tokens", "pixels"):
        out = OUT / f"{name}-{mask}"
        result = json.loads(program(HILUM, "reconstruct", *weights, film, "--mask", OUT / f"{mask}.png", "--out", out, "--json"))
        shape, values = tensors(out)["mask"]
        check(f"{name}: token grid", result["grid"]["tokens"], [grid, grid])
        check(f"{name}: grid of the mask in {mask}", shape, [grid, grid])
        check(f"{name}: patches hidden by a mask in {mask}", {divmod(i, grid) for i, value in enumerate(values) if value}, NAMED)
        check(f"{name}: share hidden by a mask in {mask}", round(result["hidden_fraction"] * grid * grid, 6), len(NAMED))
    out = OUT / f"{name}-attention"
    result = json.loads(program(HILUM, "attention", *weights, film, "--query", f"{X},{Y}", "--out", out, "--json"))
    token = int((Y + 0.5) * grid / SIDE) * grid + int((X + 0.5) * grid / SIDE)
    check(f"{name}: token grid", result["grid"]["tokens"], [grid, grid])
    check(f"{name}: patch that was asked for", (result["query"], result["request_fields"]["query"]), (token, token))
    check(f"{name}: grid of the map", tensors(out)["attention_map"][0], [grid, grid])

if failures:
    sys.exit("\n".join(failures))
print("the patches that were named, and no others")
