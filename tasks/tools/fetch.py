"""Fetches the public data sets and models that a task's tier reads, for `quorate task pack --data`.

    fetch.py optimize-kernel/full --into DIR       (a shipped task's name, or the path of a folder, and a tier)

Needs huggingface_hub, which takes another hub from HF_ENDPOINT, and a token for gated models from HF_TOKEN.
Each source gets a folder of its own in DIR. What was fetched, from which commit and under which licence, stands
in DIR/sources.json, which the bundle carries. A download that was cut short is taken up again.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import argparse
import json
import os
import sys
import tomllib

TASKS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def sources(task, tier):
    """The sources that a tier states."""
    folder = task if "/" in task else os.path.join(TASKS, "environments", task)
    with open(os.path.join(folder, "task.toml"), "rb") as file:
        tiers = tomllib.load(file)["tiers"]
    if tier not in tiers:
        sys.exit(f"fetch.py: {task} has no tier {tier}; it has: {', '.join(tiers)}")
    return tiers[tier].get("sources", [])


def fetch(source, into):
    """Downloads one source; says what came of it."""
    from huggingface_hub import HfApi, snapshot_download

    kind = {"dataset": "dataset", "model": "model"}[source["hub"]]
    commit = HfApi().repo_info(source["id"], repo_type=kind, revision=source["revision"]).sha
    folder = os.path.join(into, source["name"])
    snapshot_download(
        source["id"], repo_type=kind, revision=commit, allow_patterns=source["files"], local_dir=folder
    )
    return {**source, "commit": commit}


def main():
    parser = argparse.ArgumentParser(allow_abbrev=False)
    parser.add_argument("task", metavar="TASK/TIER")
    parser.add_argument("--into", required=True, metavar="DIR")
    options = parser.parse_args()
    task, _, tier = options.task.rpartition("/")
    wanted = sources(task, tier)
    if not wanted:
        sys.exit(f"fetch.py: {options.task} reads no public sources: pack it without --data")
    os.makedirs(options.into, exist_ok=True)
    fetched = []
    for source in wanted:
        print(f"{source['name']}: {source['id']} ({source['licence']}) …", file=sys.stderr)
        fetched.append(fetch(source, options.into))
    with open(os.path.join(options.into, "sources.json"), "w") as file:
        json.dump(fetched, file, indent=1)
    print(f"Next: quorate task pack {options.task} --data {options.into}", file=sys.stderr)


if __name__ == "__main__":
    main()
