"""Sampling answers from a model and fitting a model to answers: the two halves of most ways to tune it.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import torch
from torch.nn import functional

IGNORED = -100


def sample(model, framed, tier, temperature=0.0, generator=None):
    """Answers (count, tier.answer) to framed prompts, in batches; greedy at temperature 0."""
    device = next(model.parameters()).device
    parts = [part.to(device) for part in framed.split(tier.batch)]
    return torch.cat([model.generate(part, tier.answer, temperature, generator).cpu() for part in parts])


def targets(rows, tier):
    """What each place of `rows` (prompt and answer) is to predict: the answer up to its first end."""
    answers = rows[:, tier.prompt :].clone()
    ends = (answers == tier.end).int()
    answers[(ends.cumsum(1) - ends) > 0] = IGNORED
    prompts = torch.full_like(rows[:, 1 : tier.prompt], IGNORED)
    return torch.cat((prompts, answers), 1)


def fit(model, rows, tier, steps, batch, rate, generator):
    """Trains `model` for `steps` on rows drawn from `rows`; returns the last loss."""
    device = next(model.parameters()).device
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=steps + 1, pct_start=0.1, cycle_momentum=False
    )
    for _ in range(steps):
        chosen = rows[torch.randint(len(rows), (batch,), generator=generator)]
        logits = model(chosen[:, :-1].to(device))[:, tier.prompt - 1 :]
        wanted = targets(chosen, tier)[:, tier.prompt - 1 :].to(device)
        loss = functional.cross_entropy(logits.flatten(0, 1).float(), wanted.flatten(), ignore_index=IGNORED)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        schedule.step()
    return loss.item()
