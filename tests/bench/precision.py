#!/usr/bin/env python3
"""Loss curve of bfloat16 beside float32: the same network, weights, images and masks, 50 steps each.

Usage: precision.py WORKER [--method mae] [--preset tiny] [--batch N] [--steps 50] [--limit 0.02] [--out FILE.json]
Exit code 1 when a step's losses differ by more than the limit.
"""
import argparse, json, subprocess, sys

ap = argparse.ArgumentParser()
ap.add_argument("worker")
ap.add_argument("--method", default="mae")
ap.add_argument("--preset", default="tiny")
ap.add_argument("--batch", type=int, default=16)
ap.add_argument("--steps", type=int, default=50)
ap.add_argument("--rate", type=float, default=1.5e-4)
ap.add_argument("--limit", type=float, default=0.02)
ap.add_argument("--out")
args = ap.parse_args()


def run(dtype):
    command = [args.worker, "bench", "--method", args.method, "--preset", args.preset, "--batch", str(args.batch), "--steps", str(args.steps - 2), "--rate", str(args.rate),
               "--dtype", dtype, "--no-products", "--json"]
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(done.stderr[-500:])
    return json.loads(done.stdout)


full, half = run("float32"), run("bfloat16")
difference = [abs(a - b) / a for a, b in zip(full["losses"], half["losses"])]
report = {"method": args.method, "preset": args.preset, "batch": args.batch, "steps": len(difference), "kernels": half["kernels"], "libtorch": half["libtorch"],
          "first_loss": full["losses"][0], "last_loss_float32": full["losses"][-1], "last_loss_bfloat16": half["losses"][-1], "largest_relative_difference": max(difference),
          "limit": args.limit, "losses_float32": full["losses"], "losses_bfloat16": half["losses"]}
print(f"{args.method} {args.preset}, {len(difference)} steps: loss {report['first_loss']:.4f} to {report['last_loss_float32']:.4f} (float32) and "
      f"{report['last_loss_bfloat16']:.4f} (bfloat16); largest relative difference {max(difference):.2%} (limit {args.limit:.0%})")
if args.out:
    open(args.out, "w").write(json.dumps(report, indent=1) + "\n")
sys.exit(max(difference) > args.limit)
