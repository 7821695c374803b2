#!/usr/bin/env python3
"""Patches that a person names, through the real program: `--mask` hides just these and `--query` asks for just that one, with untrained presets as with trained weights. The attention that
is written has every query: maps are computed again from it, and up to a limit alone.

Usage: named_patches.py HILUM WORKER OUT      (OUT is emptied)
"""
import array, hashlib, json, os, shutil, struct, subprocess, sys, zlib
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


def close(what, got, expected, within=1e-5):
    worst = max(abs(a - b) for a, b in zip(got, expected, strict=True))
    if not worst <= within:
        failures.append(f"{what}: differs by {worst}")


def tensors(folder):
    """(shape, bytes) by name."""
    raw = (folder / "tensors.safetensors").read_bytes()
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8:8 + length])
    return {name: (entry["shape"], raw[8 + length + entry["data_offsets"][0]:8 + length + entry["data_offsets"][1]]) for name, entry in header.items() if name != "__metadata__"}


def floats(raw):
    out = array.array("f")
    out.frombytes(raw)
    return out


def mean_of_heads(attention, layer, heads, tokens):
    """Rows of one layer."""
    rows = []
    for query in range(tokens):
        starts = [((layer * heads + head) * tokens + query) * tokens for head in range(heads)]
        rows.append([sum(column) / heads for column in zip(*(attention[start:start + tokens] for start in starts))])
    return rows


def rollout(attention, layers, heads, tokens, query):
    """A query's row of the product of all 0.5 mean(A) + 0.5 I, last layer first."""
    row = [float(token == query) for token in range(tokens)]
    for layer in reversed(range(layers)):
        mean = mean_of_heads(attention, layer, heads, tokens)
        row = [0.5 * sum(weight * to for weight, to in zip(row, column)) + 0.5 * own for own, column in zip(row, zip(*mean))]
    return row


for n in range(6):
    png(OUT / "images" / f"{n}.png", SIDE, lambda y, x: (x * 3 + y * (1 + n % 3) + 40 * n) % 256)
film = OUT / "images" / "0.png"
program(HILUM, "train", "--method", "mae", "--preset", "tiny", "--data", OUT / "images", "--out", OUT / "run", "--set", "image_size=64", "--set", "steps=2", "--set", "batch=2",
        "--set", "warmup_steps=1")
X, Y = 40, 100  # pixels of the image

# SPCXR hides pixels: its own mask, where no grid of patches holds it, can be given again, and a mask on the image is not made one of patches
spcxr = ("--method", "spcxr", "--preset", "tiny")
program(HILUM, "reconstruct", *spcxr, film, "--set", "align=1", "--out", OUT / "drawn", "--json")
shape, drawn = tensors(OUT / "drawn")["mask"]
check("spcxr: mask of pixels", len(drawn) > 64 and shape[0] == shape[1], True)
program(HILUM, "reconstruct", *spcxr, film, "--mask", OUT / "drawn" / "tensors.safetensors", "--out", OUT / "drawn-again", "--json")
check("spcxr: its own mask again", tensors(OUT / "drawn-again")["mask"], (shape, drawn))
png(OUT / "corner.png", SIDE, lambda y, x: 255 * (y < 14 and x < 14))
corner = json.loads(program(HILUM, "reconstruct", *spcxr, film, "--mask", OUT / "corner.png", "--out", OUT / "corner", "--json"))
check("spcxr: a corner smaller than a patch", round(corner["hidden_fraction"] * SIDE * SIDE, 3), 14 * 14)
# methods that hide patches take a mask of the model's pixels, too
png(OUT / "model.png", 64, lambda y, x: 255 * ((y // 16, x // 16) in NAMED))
program(HILUM, "reconstruct", "--model", OUT / "run", film, "--mask", OUT / "model.png", "--out", OUT / "model", "--json")
check("mae: patches hidden by a mask of the model's pixels", {divmod(i, 4) for i, value in enumerate(tensors(OUT / "model")["mask"][1]) if value}, NAMED)
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
    written = tensors(out)
    check(f"{name}: grid of the map", written["attention_map"][0], [grid, grid])
    # every query, class token first: what was asked for can be computed again
    layers, heads, count = result["layers"], result["heads"], grid * grid + 1
    check(f"{name}: rows, and the one that was asked for", (result["attention_rows"], result["query_token"]), ("all", token + 1))
    check(f"{name}: attention of all queries", written["attention"][0], [layers, heads, count, count])
    attention = floats(written["attention"][1])
    close(f"{name}: sums of the rows", [sum(attention[start:start + count]) for start in range(0, len(attention), count)], [1.0] * (len(attention) // count))
    close(f"{name}: rollout computed from the file", rollout(attention, layers, heads, count, token + 1)[1:], floats(written["attention_map"][1]))
    program(HILUM, "reproduce", out / "result.json")

    # beyond the limit the asked query's rows alone, and the same map
    size = len(written["attention"][1])
    for limit, rows in ((size, "all"), (size - 1, "query")):
        limited = OUT / f"{name}-{rows}"
        program(WORKER, "infer", "attention", *weights, "--request", out / "request.safetensors", "--out", limited, "--query", token, "--whole-up-to", limit)
        answer, arrays = json.loads((limited / "result.json").read_text()), tensors(limited)
        check(f"{name}: rows up to {limit} bytes", (answer["attention_rows"], answer["query_token"]), (rows, token + 1))
        check(f"{name}: map up to {limit} bytes", arrays["attention_map"][1] == written["attention_map"][1], True)
    check(f"{name}: one query", arrays["attention"][0], [layers, heads, 1, count])
    one = [attention[start:start + count] for start in range((token + 1) * count, len(attention), count * count)]
    check(f"{name}: the rows of this query", arrays["attention"][1], b"".join(row.tobytes() for row in one))
    # a record of before: it does not say its rows, and has those of one query
    older = json.loads((out / "result.json").read_text())
    digest = hashlib.sha256()
    for key in sorted(arrays):
        digest.update(key.encode() + b"F32" + " x ".join(map(str, arrays[key][0])).encode() + arrays[key][1])
    older["arrays_sha256"] = digest.hexdigest()
    del older["attention_rows"], older["query_token"]
    (out / "older.json").write_text(json.dumps(older))
    program(HILUM, "reproduce", out / "older.json")

if failures:
    sys.exit("\n".join(failures))
print("the patches that were named, and no others")
