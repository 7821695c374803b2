#!/usr/bin/env python3
"""Training step of mae ViT-B/16 224 px batch 16: hilum-worker beside eager Python PyTorch, in turn, in one run.

Usage: training.py WORKER PEER_SCRIPT [--python CMD] [--rounds N] [--steps N] [--out FILE.json]
WORKER       hilum-worker
PEER_SCRIPT  train_peers.py (mae, float32 and bfloat16, plain and fused attention; the best row counts)
--python     interpreter whose torch has the same version as the worker's LibTorch ("python3"; may be several words)

Machines are shared and noisy: only the ratio of runs taken in turn counts. Prints best and median of each side and the ratio of medians.
"""
import argparse, json, shlex, statistics, subprocess

ap = argparse.ArgumentParser()
ap.add_argument("worker")
ap.add_argument("peer")
ap.add_argument("--python", default="python3")
ap.add_argument("--rounds", type=int, default=5)
ap.add_argument("--steps", type=int, default=3)
ap.add_argument("--batch", type=int, default=16)
ap.add_argument("--out")
args = ap.parse_args()


def lines(command):
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        raise SystemExit(f"{' '.join(command)} failed: {run.stderr[-500:]}")
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


common = ["--batch", str(args.batch), "--steps", str(args.steps), "--json"]
peers, ours, products = {}, [], []
for round_ in range(args.rounds):
    own = lines([args.worker, "bench", "--method", "mae", "--preset", "vit-b16-224", "--dtype", "auto", *common])[-1]
    ours.append(own["images_per_s"])
    products.append(own["products_images_per_s"])
    for row in lines([*shlex.split(args.python), args.peer, "mae", *common]):
        peers.setdefault(f"{row['peer']} {row['dtype']}", []).append(row["images_per_s"])
    print(f"round {round_ + 1}: ours {own['images_per_s']:.2f} ({own['dtype']}, {own['attention']}), products alone {own['products_images_per_s']:.2f}, "
          + ", ".join(f"{name} {values[-1]:.2f}" for name, values in peers.items()), flush=True)

best_peer = max(peers, key=lambda name: statistics.median(peers[name]))
report = {
    "ours": {"median": statistics.median(ours), "best": max(ours), "dtype": own["dtype"], "attention": own["attention"], "all": ours},
    "products_alone": {"median": statistics.median(products)},
    "peers": {name: {"median": statistics.median(v), "best": max(v), "all": v} for name, v in peers.items()},
    "best_peer": best_peer,
    "ratio_to_best_peer": statistics.median(ours) / statistics.median(peers[best_peer]),
    "share_of_products": statistics.median(ours) / statistics.median(products),
    "libtorch": own.get("libtorch"), "threads": own["threads"],
}
print(json.dumps(report, indent=1))
if args.out:
    open(args.out, "w").write(json.dumps(report, indent=1) + "\n")
