"""A GPT-2-shaped language model at any size, with the tensor names and layouts of the published GPT-2 weights.

Pre-norm blocks, learned positions, tanh GELU, an output layer tied to the embedding (Radford et al. 2019).

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import math
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional


@dataclass(frozen=True)
class Config:
    vocabulary: int
    context: int
    layers: int
    heads: int
    width: int


class Affine(nn.Module):
    """x·W + b with W stored as (inputs, outputs), as GPT-2 stores it."""

    def __init__(self, inputs, outputs):
        super().__init__()
        self.weight = nn.Parameter(torch.empty(inputs, outputs))
        self.bias = nn.Parameter(torch.zeros(outputs))

    def forward(self, x):
        return functional.linear(x, self.weight.T, self.bias)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.heads = config.heads
        self.c_attn = Affine(config.width, 3 * config.width)
        self.c_proj = Affine(config.width, config.width)

    def forward(self, x, cache=None):
        """`cache`, where given, is a list that holds the keys and values so far, and is extended."""
        batch, length, width = x.shape
        parts = self.c_attn(x).view(batch, length, 3, self.heads, width // self.heads)
        query, key, value = parts.permute(2, 0, 3, 1, 4)
        if cache is not None:
            if cache:
                key, value = torch.cat((cache[0], key), 2), torch.cat((cache[1], value), 2)
            cache[:] = key, value
        causal = length > 1
        mixed = functional.scaled_dot_product_attention(query, key, value, is_causal=causal)
        return self.c_proj(mixed.transpose(1, 2).reshape(batch, length, width))


class Feedforward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.c_fc = Affine(config.width, 4 * config.width)
        self.c_proj = Affine(4 * config.width, config.width)

    def forward(self, x):
        return self.c_proj(functional.gelu(self.c_fc(x), approximate="tanh"))


class Block(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.ln_1, self.ln_2 = nn.LayerNorm(config.width), nn.LayerNorm(config.width)
        self.attn, self.mlp = Attention(config), Feedforward(config)

    def forward(self, x, cache=None):
        x = x + self.attn(self.ln_1(x), cache)
        return x + self.mlp(self.ln_2(x))


class Gpt(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.wte = nn.Embedding(config.vocabulary, config.width)
        self.wpe = nn.Embedding(config.context, config.width)
        self.h = nn.ModuleList(Block(config) for _ in range(config.layers))
        self.ln_f = nn.LayerNorm(config.width)

    def initialise(self, generator):
        """GPT-2's initial weights: normal, the projections into the residual stream scaled down."""
        for name, parameter in self.named_parameters():
            if parameter.dim() == 2:
                deep = 1 / math.sqrt(2 * self.config.layers) if name.endswith("c_proj.weight") else 1
                with torch.no_grad():
                    parameter.normal_(0, 0.02 * deep, generator=generator)
        return self

    def forward(self, tokens, caches=None):
        """Logits (batch, length, vocabulary) of the token after each. With `caches` (one list for each layer),
        `tokens` continue what they hold."""
        before = caches[0][0].shape[2] if caches and caches[0] else 0
        positions = torch.arange(before, before + tokens.shape[1], device=tokens.device)
        x = self.wte(tokens) + self.wpe(positions)
        for number, block in enumerate(self.h):
            x = block(x, caches[number] if caches is not None else None)
        return functional.linear(self.ln_f(x), self.wte.weight)

    def losses(self, tokens):
        """The mean cross-entropy of each row of `tokens` (batch, length), in nats per predicted token."""
        logits = self(tokens[:, :-1])
        each = functional.cross_entropy(logits.flatten(0, 1).float(), tokens[:, 1:].flatten(), reduction="none")
        return each.view(len(tokens), -1).mean(1)

    @torch.no_grad()
    def generate(self, prompts, count, temperature=0.0, generator=None):
        """Continues prompts (batch, length) of one length by `count` tokens; greedily at temperature 0."""
        caches = [[] for _ in self.h]
        tokens, made = prompts, []
        for _ in range(count):
            logits = self(tokens, caches)[:, -1].float()
            if temperature > 0:
                chances = functional.softmax(logits / temperature, -1)
                tokens = torch.multinomial(chances, 1, generator=generator)
            else:
                tokens = logits.argmax(-1, keepdim=True)
            made.append(tokens)
        return torch.cat(made, 1)


def shapes(config):
    """Name → sizes of every tensor of the model."""
    with torch.device("meta"):
        return {name: tuple(tensor.shape) for name, tensor in Gpt(config).state_dict().items()}
