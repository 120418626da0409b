#!/usr/bin/env bash
# Every environment's tier `gpu` on one GPU, without containers: start and reference solution, each attempt scored
# a few times. Needs PyTorch (optimize-kernel: Triton too), NumPy and safetensors. Prints one JSON object a line;
# what an environment says meanwhile goes to stderr. Choose with ENVIRONMENTS, SOLUTIONS, REPEAT and LIMIT (seconds).
set -uo pipefail
cd "$(dirname "$0")/../.."

# rust-codecontests is not here: its tier `gpu` needs no GPU, and a Rust compiler.
readonly all="optimize-kernel optimize-llm-foundry fix-embedding scaling-law restricted-mlm finetune-qa"

python3 - <<'PYTHON'
import datetime, json, subprocess, sys, torch

driver = subprocess.run(["nvidia-smi", "--query-gpu=driver_version", "--format=csv,noheader"], capture_output=True, text=True)
print(json.dumps({"device": torch.cuda.get_device_name(), "driver": driver.stdout.strip(), "torch": torch.__version__,
                  "python": sys.version.split()[0], "date": datetime.date.today().isoformat()}), flush=True)
PYTHON
for environment in ${ENVIRONMENTS:-$all}; do
  began=$SECONDS code=0
  timeout "${LIMIT:-300}" python3 -B tasks/tools/trial.py "$environment" --tier gpu \
    --solutions "${SOLUTIONS:-start,reference}" --repeat "${REPEAT:-3}" || code=$?
  echo "{\"environment\": \"$environment\", \"exit\": $code, \"seconds\": $((SECONDS - began))}"
done
