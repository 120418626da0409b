"""Scores solutions again and again and prints the figures of the README as one JSON object.

    repeat.py --tier smoke --times 10 [--exploits] [FOLDER ...]      (default: start and reference)

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import json
import os
import secrets
import statistics
import subprocess
import sys
import time

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
COPY = "def solve_gpu(x, out):\n    out.copy_(x)\n"
COPY_TURNS = 15


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--tier", default="smoke")
    parser.add_argument("--times", type=int, default=10)
    parser.add_argument("--rounds")
    parser.add_argument("--exploits", action="store_true")
    parser.add_argument("--limit", action="store_true", help="only the copy limit of the GPU")
    parser.add_argument("folders", nargs="*", default=[os.path.join(HERE, name) for name in ("start", "reference")])
    options = parser.parse_args()
    if options.limit:
        print(json.dumps(copy_limit()))
        return
    figures = {"tier": options.tier, "solutions": {}}
    if options.tier != "smoke":
        figures["limit"] = limit_in_a_process_of_its_own()
    for folder in options.folders:
        figures["solutions"][os.path.basename(folder)] = repeated(folder, options)
    if options.exploits:
        figures["exploits"] = exploits(options)
    print(json.dumps(figures, indent=1))


def repeated(folder, options):
    results, seconds = [], []
    for _ in range(options.times):
        began = time.monotonic()
        results.append(scored(folder, options))
        seconds.append(round(time.monotonic() - began, 2))
        print(os.path.basename(folder), json.dumps(results[-1]), file=sys.stderr, flush=True)
    good = [result for result in results if result.get("status") == "valid"]
    return {
        "valid": len(good),
        "normalized": [round(result["normalized"], 4) for result in good],
        "mean": statistics.mean(result["normalized"] for result in good) if good else None,
        "sd": statistics.stdev(result["normalized"] for result in good) if len(good) > 1 else None,
        "spread_in_a_scoring": [round(result["spread"], 4) for result in good],
        "ln_ms": [round(result["raw"], 4) for result in good],
        "calibration": [result["calibration"] for result in good],
        "seconds": seconds,
        "not_valid": [result for result in results if result.get("status") != "valid"],
        "measured": good[0]["measured"] if good else None,
    }


def scored(folder, options):
    """One scoring, in the form of the command that the bundle declares; the seed goes over stdin."""
    command = [sys.executable, "-I", os.path.join(HERE, "scorer", "score.py"), "--tier", options.tier]
    command += ["--submission", folder, "--start", os.path.join(HERE, "start")]
    command += ["--reference", os.path.join(HERE, "reference"), "--seed", "-"]
    command += ["--rounds", options.rounds] if options.rounds else []
    done = subprocess.run(command, input=secrets.token_hex(32), capture_output=True, text=True, timeout=900)
    if done.returncode != 0:
        return {"status": "no result", "exit": done.returncode, "stderr": done.stderr[-2000:]}
    return json.loads(done.stdout)


def exploits(options):
    found = {}
    for name in sorted(os.listdir(os.path.join(HERE, "exploits"))):
        folder = os.path.join(HERE, "exploits", name)
        with open(os.path.join(folder, "solution.py")) as file:
            if ("def solve_cpu" if options.tier == "smoke" else "def solve_gpu") not in file.read():
                continue
        result = scored(folder, options)
        found[name] = {key: result[key] for key in ("status", "reason", "normalized", "exit") if key in result}
        print(name, json.dumps(found[name]), file=sys.stderr, flush=True)
    return found


def limit_in_a_process_of_its_own():
    done = subprocess.run([sys.executable, __file__, "--limit"], capture_output=True, text=True, timeout=300)
    return json.loads(done.stdout) if done.returncode == 0 else {"failed": done.stderr[-2000:]}


def copy_limit():
    """What a turn costs that only copies, and whether the GPU's expected output is the definition's."""
    sys.path.insert(0, os.path.join(HERE, "scorer"))
    from array import array

    import gpu
    import smoke
    from child import Child

    tier = gpu.Gpu("gpu")
    with open(os.path.join(HERE, "scorer", "runner.py")) as file:
        child = Child("submission", file.read(), tier)
    try:
        child.load(COPY, tier)
        drawn = tier.draw("copy", ("usual",), tier.count)
        copied = gpu.Round(drawn.count, drawn.x, drawn.x)
        turns = [turn(tier, child, copied) for _ in range(COPY_TURNS)]
        small = tier.draw("small", ("none", "rare", "usual", "dense"), 1_000_003)
        by_definition = smoke.expected(array("i", small.x.tolist()))
        same = by_definition == small.expected.cpu().numpy().tobytes()
    finally:
        child.kill()
        tier.close()
    return {"copy_ms": tier.copy_ms, "copy_turn_ms": statistics.median(turns), "expected_by_definition": same}


def turn(tier, child, drawn):
    child.resume()
    milliseconds = tier.measure(child, drawn, tier.check_seconds)
    child.pause()
    return milliseconds


if __name__ == "__main__":
    main()
