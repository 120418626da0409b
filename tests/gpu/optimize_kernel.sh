#!/usr/bin/env bash
# Measures optimize-kernel on one GPU: the copy limit, start and reference three times each, and the planted
# exploits that reach the GPU. Prints one JSON object; progress goes to stderr. Needs PyTorch and Triton.
set -euo pipefail
cd "$(dirname "$0")/../.."
exec python3 -B tasks/environments/optimize-kernel/tests/repeat.py --tier gpu --times "${TIMES:-3}" --exploits "$@"
