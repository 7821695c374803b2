#!/usr/bin/env python3
"""Answers of hilum-worker's serving mode as the Lab asks for them: mask brush -> reconstruction, attention click -> map.

Usage: lab_latency.py WORKER [--repeats N] [--out FILE.json] [METHOD:PRESET ...]

Default presets: mae:vit-b16-224 and hdxray-mae:large-1280, untrained weights (the time does not depend on the weights).
Targets on two cores without a GPU: reconstruction 0.6 s (ViT-B/16 at 224) and 1.5 s (ViT-L at 1280, 400 tokens); attention click 0.03 s at 400
tokens once the attention is prepared. Medians of seconds as the asking process sees them, files included.
"""
import argparse, json, random, statistics, struct, subprocess, tempfile, time
from pathlib import Path

ap = argparse.ArgumentParser()
ap.add_argument("worker")
ap.add_argument("models", nargs="*", default=["mae:vit-b16-224", "hdxray-mae:large-1280"])
ap.add_argument("--repeats", type=int, default=7)
ap.add_argument("--out")
args = ap.parse_args()


def write_tensors(file, tensors):
    """safetensors: eight bytes of header length, a JSON header, the bytes. tensors: name -> (dtype, shape, bytes)."""
    header, offset = {}, 0
    for name, (dtype, shape, data) in tensors.items():
        header[name] = {"dtype": dtype, "shape": shape, "data_offsets": [offset, offset + len(data)]}
        offset += len(data)
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write_bytes(struct.pack("<Q", len(text)) + text + b"".join(data for _, _, data in tensors.values()))


class Server:
    def __init__(self):
        self.process = subprocess.Popen([args.worker, "serve", "--device", "cpu"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        self.number = 0

    def ask(self, **request):
        """The answer and the seconds that it took, seen from outside."""
        self.number += 1
        begin = time.perf_counter()
        self.process.stdin.write(json.dumps({"id": self.number, **request}) + "\n")
        self.process.stdin.flush()
        for line in self.process.stdout:
            answer = json.loads(line)
            if answer.get("id") == self.number and answer["kind"] in ("result", "error"):
                if answer["kind"] == "error":
                    raise SystemExit(f"{request['kind']}: {answer.get('message')}")
                return answer, time.perf_counter() - begin
        raise SystemExit("the worker ended")


def measure(model, folder):
    method, preset = model.split(":")
    server = Server()
    loaded, load_seconds = server.ask(kind="load", method=method, preset=preset, seed=1)
    model = loaded["model"]
    rows, columns = model["token_grid"]
    side = model["options"]["image_size"]
    rng = random.Random(1)
    tokens = rows * columns

    def request(name, mask):
        file = folder / name
        tensors = {"image": ("U16", [1, side, side], struct.pack("<H", 20000) * (side * side // 2) + struct.pack("<H", 40000) * (side * side - side * side // 2)),
                   "region": ("U8", [side, side], bytes([0] * side * (side // 4) + [1] * side * (side // 2) + [0] * (side * side - side * (side // 4) - side * (side // 2))))}
        if mask:
            hidden = set(rng.sample(range(tokens), round(0.75 * tokens)))
            tensors["mask"] = ("U8", [rows, columns], bytes(int(t in hidden) for t in range(tokens)))
        write_tensors(file, tensors)
        return str(file)

    def repeat(ask):
        ask(0)
        return statistics.median(ask(n)[1] for n in range(1, args.repeats + 1))

    out = str(folder / "out.safetensors")
    masks = [request(f"mask{n}.safetensors", True) for n in range(args.repeats + 1)]
    brush = repeat(lambda n: server.ask(kind="reconstruct", request=masks[n], seed=1, out=out))
    prepared, prepare_seconds = server.ask(kind="prepare_attention", request=request("image.safetensors", False))
    click = repeat(lambda n: server.ask(kind="attention", kind_of="rollout", query=rng.randrange(tokens), out=out))
    head = repeat(lambda n: server.ask(kind="attention", kind_of="head", layer=n % prepared["layers"], head=n % prepared["heads"], query=rng.randrange(tokens), out=out))
    server.process.kill()
    return {"tokens": tokens, "load_s": round(load_seconds, 3), "reconstruct_s": round(brush, 4), "prepare_attention_s": round(prepare_seconds, 3),
            "attention_bytes": prepared["bytes"], "attention_rollout_s": round(click, 4), "attention_head_s": round(head, 4)}


report = {}
with tempfile.TemporaryDirectory() as where:
    for name in args.models:
        report[name] = measure(name, Path(where))
        print(name, json.dumps(report[name]), flush=True)
if args.out:
    Path(args.out).write_text(json.dumps(report, indent=1) + "\n")
