"""Prints how far variants of the reference program land from the start's weights: the README's table.

    closeness.py BUNDLE          (a bundle laid out by `trial.py … --keep BUNDLE`, tier smoke)

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import contextlib
import os
import secrets
import sys
import tempfile
import types

sys.dont_write_bytecode = True
BUNDLE = os.path.abspath(sys.argv[1])
sys.path[:0] = [os.path.join(BUNDLE, "scorer"), os.path.join(BUNDLE, "library")]

import torch  # noqa: E402
from safetensors.torch import load_file  # noqa: E402

import inputs  # noqa: E402
import scoring  # noqa: E402
from comparison import Comparison  # noqa: E402
from tiers import TIERS  # noqa: E402

TIER = TIERS["smoke"]
STEPS = 'range(settings["steps"])'
BATCH = "batch = rows[step * size : (step + 1) * size]"
LOSS = "(answer_loss(model, tokens, places) / answer_tokens).backward()"
AUTOCAST = """with torch.autocast("cpu", torch.bfloat16):
                loss = answer_loss(model, tokens, places) / answer_tokens
            loss.backward()"""
PARAMETERS = "    parameters = list(model.parameters())"
TRAINED = "\n    parameters = [p for p in model.parameters() if p.requires_grad]"
RATE = 'settings["learning_rate"], betas'

VARIANTS = {
    "reference": (),
    "rows of a batch in another order": ((BATCH, BATCH + "[::-1]"),),
    "float64": (
        ("return model.requires_grad_()", "return model.double().requires_grad_()"),
        ("tensor.cpu()", "tensor.float().cpu()"),
    ),
    "bfloat16 products (autocast)": ((LOSS, AUTOCAST),),
    "result stored as float16": (("tensor.cpu()", "tensor.half()"),),
    "result stored as bfloat16": (("tensor.cpu()", "tensor.bfloat16()"),),
    "last step left out": ((STEPS, 'range(settings["steps"] - 1)'),),
    "half of the steps": ((STEPS, 'range(settings["steps"] // 2)'),),
    "half of the steps, twice the batch": (
        (STEPS, 'range(settings["steps"] // 2)'),
        ('read_rows(), settings["batch"]', 'read_rows(), 2 * settings["batch"]'),
    ),
    "one row dropped in each batch": ((BATCH, BATCH + "[1:]"),),
    "the longest row dropped": ((BATCH, BATCH + "\n        batch.remove(max(batch, key=lambda row: len(row[0])))"),),
    "long rows cut at three quarters": (
        (BATCH, BATCH + "\n        batch = [(ids[:72], min(start, 71)) for ids, start in batch]"),
    ),
    "first block frozen": ((PARAMETERS, "    model.h[0].requires_grad_(False)" + TRAINED),),
    "biases and norms frozen": (
        (PARAMETERS, "    [p.requires_grad_(False) for p in model.parameters() if p.dim() == 1]" + TRAINED),
    ),
    "no clipping": (('settings["clip_norm"]', "1e9"),),
    "no weight decay": (('settings["weight_decay"], fused', "0.0, fused"),),
    "learning rate 1 % higher": ((RATE, "1.01 * " + RATE),),
    "learning rate 5 % higher": ((RATE, "1.05 * " + RATE),),
    "weights kept in bfloat16": (
        ("return model.requires_grad_()", "return model.bfloat16().requires_grad_()"),
        ("tensor.cpu()", "tensor.float()"),
    ),
}


def main():
    torch.set_num_threads(1)
    drawn = inputs.Source(BUNDLE, TIER).draw(scoring.Seed(secrets.token_hex(32)), "closeness")
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        inputs.write(drawn, folder)
        comparison = Comparison(TIER, drawn, trained(text_of("start")))
        for name, changes in VARIANTS.items():
            distance, share = comparison.measure(trained(changed(text_of("reference"), changes)))
            print(f"{name:40} distance {distance:8.2g} loss {share:7.4f}", flush=True)
        os.chdir("/")


def text_of(role):
    with open(os.path.join(BUNDLE, role, "train.py")) as file:
        return file.read()


def changed(text, changes):
    for old, new in changes:
        before, after = text.split(old)
        text = before + new + after
    return text


def trained(text):
    """What a program trains in this folder; run in this process, which only a text of our own may be."""
    module = types.ModuleType("train")
    module.__name__ = "__main__"
    with contextlib.redirect_stdout(None):
        exec(compile(text, "train.py", "exec"), module.__dict__)
    torch.set_float32_matmul_precision("highest")
    # Copies, since the next program writes over the file, of which these are views.
    return {name: tensor.float().clone() for name, tensor in load_file("out.safetensors").items()}


if __name__ == "__main__":
    main()
