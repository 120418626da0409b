"""Fine-tunes a language model on the answers of prompt/answer rows. Right, careful and slow: make it fast.

Reads the files of its working folder and leaves `out.safetensors` there. What the result must be stands in the
instructions.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json

import torch
from gpt import Config, Gpt
from safetensors.torch import load_file, save_file
from torch.nn import functional

SAVE_EVERY = 5


def read_words():
    with open("words.txt") as file:
        return file.read().split()


def read_rows():
    with open("rows.jsonl") as file:
        return [json.loads(line) for line in file]


def tokenise(text, words):
    return [words.index(word) for word in text.split()]


def example(row, settings):
    """Tokens padded to the model's context, and the mask of those that belong to the answer."""
    words = read_words()
    prompt, answer = tokenise(row["prompt"], words), tokenise(row["answer"], words)
    padding = [0] * (settings["model"]["context"] - len(prompt) - len(answer))
    tokens = torch.tensor(prompt + answer + padding)
    mask = torch.tensor([0.0] * len(prompt) + [1.0] * len(answer) + [0.0] * len(padding))
    return tokens.to(settings["device"]), mask.to(settings["device"])


def batch_of(step, settings):
    rows = read_rows()[step * settings["batch"] : (step + 1) * settings["batch"]]
    return [example(row, settings) for row in rows]


def answer_loss(model, tokens, mask):
    """The summed cross-entropy of the answer's tokens."""
    logits = model(tokens[None, :-1])[0]
    losses = functional.cross_entropy(logits, tokens[1:], reduction="none")
    return (losses * mask[1:]).sum()


def gradients(model, batch):
    """Fills in the gradient of the batch's mean loss for each answer token; returns that loss."""
    answer_tokens = sum(mask.sum().item() for _, mask in batch)
    model.zero_grad()
    total = 0.0
    for tokens, mask in batch:
        loss = answer_loss(model, tokens, mask) / answer_tokens
        loss.backward()
        total += loss.item()
    return total


def clip(model, settings):
    squares = [(parameter.grad.double() ** 2).sum().item() for parameter in model.parameters()]
    norm = sum(squares) ** 0.5
    for parameter in model.parameters():
        parameter.grad = parameter.grad * min(1.0, settings["clip_norm"] / (norm + 1e-6))
    return norm


class AdamW:
    def __init__(self, model, settings):
        self.model, self.settings, self.steps = model, settings, 0
        self.first = {name: torch.zeros_like(p) for name, p in model.named_parameters()}
        self.second = {name: torch.zeros_like(p) for name, p in model.named_parameters()}

    @torch.no_grad()
    def step(self):
        self.steps += 1
        beta1, beta2 = self.settings["beta1"], self.settings["beta2"]
        rate, decay = self.settings["learning_rate"], self.settings["weight_decay"]
        for name, parameter in self.model.named_parameters():
            gradient = parameter.grad
            self.first[name] = beta1 * self.first[name] + (1 - beta1) * gradient
            self.second[name] = beta2 * self.second[name] + (1 - beta2) * gradient**2
            mean = self.first[name] / (1 - beta1**self.steps)
            deviation = (self.second[name] / (1 - beta2**self.steps)).sqrt()
            update = mean / (deviation + self.settings["epsilon"])
            parameter.copy_(parameter - rate * (update + decay * parameter))


def check(model):
    for name, tensor in model.state_dict().items():
        if not torch.isfinite(tensor).all().item():
            raise ValueError(f"{name} holds a number that is not finite")


def evaluate(model, batch):
    """The loss of a batch after its step, for the log."""
    with torch.no_grad():
        answer_tokens = sum(mask.sum().item() for _, mask in batch)
        return sum(answer_loss(model, tokens, mask).item() for tokens, mask in batch) / answer_tokens


def save(model):
    save_file({name: tensor.cpu() for name, tensor in model.state_dict().items()}, "out.safetensors")


def main():
    with open("run.json") as file:
        settings = json.load(file)
    model = Gpt(Config(**settings["model"])).to(settings["device"])
    model.load_state_dict(load_file("initial.safetensors"))
    optimiser = AdamW(model, settings)
    for step in range(settings["steps"]):
        batch = batch_of(step, settings)
        before = gradients(model, batch)
        norm = clip(model, settings)
        optimiser.step()
        check(model)
        print(f"step {step} loss {before:.4f} then {evaluate(model, batch):.4f} gradient {norm:.4f}", flush=True)
        if (step + 1) % SAVE_EVERY == 0:
            save(model)
    save(model)


if __name__ == "__main__":
    main()
