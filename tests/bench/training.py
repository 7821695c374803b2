#!/usr/bin/env python3
"""Training step of mae ViT-B/16 224 px batch 16, or of SwinUNETR 48 96^3: hilum-worker beside eager Python PyTorch, in turn, in one run.

Usage: training.py WORKER PEER_SCRIPT [--what mae|swinunetr] [--worker-prefix CMD] [--python CMD] [--rounds N] [--steps N] [--dtype auto|float32|bfloat16] [--out FILE.json]
WORKER           hilum-worker
PEER_SCRIPT      train_peers.py (mae: plain and fused attention, float32 and bfloat16, the best row counts; swinunetr: float32 and bfloat16, needs MONAI)
--worker-prefix  command that runs the worker where its libraries are
--python         interpreter whose torch has the same version as the worker's LibTorch ("python3"; may be several words)
--dtype          of both sides; auto: ours as the worker chooses, the peer's best
--peer-rows      rows of the peer after the first round: best (the two fastest of round 1) or all

Machines are shared and noisy: only the ratio of runs taken in turn counts. Each round times ours, ours with LibTorch's operations alone
(--kernels off), and the peer. Prints best and median of each and the median of the rounds' ratios.
"""
import argparse, json, os, platform, shlex, statistics, subprocess

ap = argparse.ArgumentParser()
ap.add_argument("worker")
ap.add_argument("peer")
ap.add_argument("--what", default="mae", choices=("mae", "swinunetr"))
ap.add_argument("--worker-prefix", default="")
ap.add_argument("--python", default="python3")
ap.add_argument("--rounds", type=int, default=5)
ap.add_argument("--steps", type=int, default=3)
ap.add_argument("--batch", type=int, help="of mae (16); a step of SwinUNETR has one patch")
ap.add_argument("--dtype", default="auto", choices=("auto", "float32", "bfloat16"))
ap.add_argument("--peer-rows", default="best", choices=("best", "all"))
ap.add_argument("--note", help="kept in the record: what else the machine did")
ap.add_argument("--out")
args = ap.parse_args()
swin = args.what == "swinunetr"
args.batch = 1 if swin else args.batch or 16
method = ["--method", "segment", "--preset", "swinunetr-48-96"] if swin else ["--method", "mae", "--preset", "vit-b16-224"]


def lines(command):
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {run.stderr[-500:]}")
    return run.stdout


def ours(*more):
    return json.loads(lines([*shlex.split(args.worker_prefix), args.worker, "bench", *method, "--dtype", args.dtype, "--batch", str(args.batch), "--steps", str(args.steps), "--json", *more]))


def peer(rows):
    out = {}
    for dtype, attention in rows:
        text = lines([*shlex.split(args.python), args.peer, args.what, "--dtype", dtype, "--attention", attention, "--batch", str(args.batch), "--steps", str(args.steps), "--json"])
        row = json.loads([line for line in text.splitlines() if line.startswith("{")][-1])
        out[(dtype, attention)] = row["images_per_s"]
    return out


def processor():
    with open("/proc/cpuinfo") as file:
        flags = next((line.split(":")[1].split() for line in file if line.startswith("flags")), [])
    return {"machine": platform.machine(), "cores": os.cpu_count(), "amx_bf16": "amx_bf16" in flags, "avx512_bf16": "avx512_bf16" in flags, "avx512f": "avx512f" in flags,
            "avx2": "avx2" in flags}


types = {"auto": ("fp32", "bf16"), "float32": ("fp32",), "bfloat16": ("bf16",)}[args.dtype]
rows = [(dtype, attention) for dtype in types for attention in (("plain",) if swin else ("plain", "sdpa"))]
own, plain, peers, ratios, before, load = [], [], [], [], [], []
for round_ in range(args.rounds):
    load.append(os.getloadavg()[0])
    a = ours(*(["--no-products"] if round_ else []))
    own.append(a)
    plain.append(ours("--no-products", "--kernels", "off"))
    b = peer(rows)
    peers.append(b)
    best = max(b.values())
    ratios.append(a["images_per_s"] / best)
    before.append(a["images_per_s"] / plain[-1]["images_per_s"])
    if round_ == 0:
        first = a
        if args.peer_rows == "best":
            rows = sorted(b, key=b.get)[-2:]
    print(f"round {round_ + 1}: ours {a['images_per_s']:.3g} ({a['dtype']}, {a['kernels']}), LibTorch's operations alone {plain[-1]['images_per_s']:.3g}, "
          + ", ".join(f"peer {d} {t} {v:.3g}" for (d, t), v in b.items()) + f": {ratios[-1]:.2f} times the best peer", flush=True)


def summary(values):
    return {"median": statistics.median(values), "best": max(values), "all": values}


report = {
    "what": f"{args.what} {method[-1]}, whole training steps", "batch": args.batch, "processor": processor(), "threads": first["threads"], "libtorch": first["libtorch"],
    "note": args.note, "load_average_at_the_start_of_each_round": load,
    "ours": {**summary([r["images_per_s"] for r in own]), "dtype": first["dtype"], "kernels": first["kernels"],
             "processor_seconds_a_step": statistics.median(statistics.median(r["processor_seconds_all"]) for r in own)},
    "libtorch_operations_alone": {**summary([r["images_per_s"] for r in plain]),
                                  "processor_seconds_a_step": statistics.median(statistics.median(r["processor_seconds_all"]) for r in plain)},
    "peers": {f"{d} {t}": summary([r[(d, t)] for r in peers if (d, t) in r]) for d, t in peers[0]},
    "libtorch_products_alone_images_per_s": first["products_images_per_s"], "products_gflop": first["products_gflop"],
    "ratio_to_best_peer": summary(ratios), "ratio_to_libtorch_operations_alone": summary(before),
}
print(json.dumps(report, indent=1))
if args.out:
    with open(args.out, "w") as file:
        file.write(json.dumps(report, indent=1) + "\n")
