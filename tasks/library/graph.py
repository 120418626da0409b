"""A network as data: a list of nodes, each one of ten operations, read from JSON and run by this interpreter.

A graph is written for one text. It has no batch axis, so no operation can reach from one text to another; `run`
takes many texts at once. A node may use only what stands before it, so there are no cycles.

Promises: what is not one of OPERATIONS cannot be expressed; every shape and every cost is known, and within the
bounds, before a tensor is made; attributes are whole numbers and one checked equation, never code.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import json
import math
import re
from dataclasses import dataclass
from typing import Callable

import torch
from torch.nn import functional

import weights
from scoring import Rejected, read_file

GRAPH_FILE, WEIGHTS_FILE = "graph.json", "weights.safetensors"
FILE_BYTES = 1 << 20
MOST_AXES = 8
LARGEST = 1 << 31
TOKENS = "tokens"
NAME = re.compile("[a-z][a-z0-9_]{0,63}")
EQUATION = re.compile("([a-z]*),([a-z]*)->([a-z]*)")


@dataclass(frozen=True)
class Bounds:
    """What a graph must fit. `elements` are those that all nodes make of one text, `operations` the
    multiplications and additions that this takes."""

    length: int
    vocabulary: int
    nodes: int
    parameters: int
    elements: int
    operations: int


@dataclass(frozen=True)
class Value:
    """What is known of a value before it exists: the sizes of its axes, whether each text has its own, and, for
    the tokens only, how many different ones there are."""

    sizes: tuple
    own: bool
    choices: int = 0


@dataclass(frozen=True)
class Step:
    name: str
    inputs: list
    run: Callable


class Program:
    """A graph that has been checked. `value` describes its output."""

    def __init__(self, description, bounds):
        _keys("the graph", description, {"parameters", "nodes", "output"})
        self._bounds = bounds
        self._values = {TOKENS: Value((bounds.length,), True, bounds.vocabulary)}
        self._unused = set()
        self.elements = self.operations = 0
        self.parameters = self._read_parameters(description["parameters"])
        self.steps = self._read_nodes(description["nodes"])
        self.output = description["output"]
        self._unused.discard(self._known(self.output))
        if self._unused:
            raise Rejected(f"nothing uses {sorted(self._unused)[0]}")
        self.value = self._values[self.output]

    def run(self, tensors, tokens):
        """The output for `tokens` (texts, length), with the parameters' values from `tensors`; differentiable."""
        values = {TOKENS: tokens, **tensors}
        for step in self.steps:
            values[step.name] = step.run(*(values[name] for name in step.inputs))
        return values[self.output]

    def _read_parameters(self, described):
        if type(described) is not dict or len(described) > self._bounds.nodes:
            raise Rejected(f"parameters must be an object of at most {self._bounds.nodes} names")
        for name, sizes in described.items():
            self._define(name, Value(_sizes(sizes), False))
        shapes = {name: self._values[name].sizes for name in described}
        _within("parameters", sum(map(math.prod, shapes.values())), self._bounds.parameters)
        return shapes

    def _read_nodes(self, described):
        if type(described) is not list or len(described) > self._bounds.nodes:
            raise Rejected(f"nodes must be a list of at most {self._bounds.nodes}")
        return [self._read_node(node) for node in described]

    def _read_node(self, node):
        _keys("a node", node, {"name", "op", "inputs"}, {"attributes"})
        name = node["name"]
        try:
            return self._plan(name, node["op"], node["inputs"], node.get("attributes", {}))
        except Rejected as rejected:
            raise Rejected(f"node {_shown(name)}: {rejected}") from None

    def _plan(self, name, op, inputs, attributes):
        if type(op) is not str or op not in OPERATIONS:
            raise Rejected(f"{_shown(op)} is no allowed operation; they are {', '.join(OPERATIONS)}")
        plan, arities, wanted = OPERATIONS[op]
        if type(inputs) is not list or len(inputs) not in arities:
            raise Rejected(f"{op} takes {' or '.join(map(str, arities))} inputs")
        given = [self._values[self._known(one)] for one in inputs]
        if any(value.choices for value in given[op == "embedding" :]):
            raise Rejected("the tokens can only be looked up, as the first input of embedding")
        _keys("attributes", attributes, wanted)
        sizes, operations, run = plan(*given, **attributes)
        if len(sizes) > MOST_AXES:
            raise Rejected(f"it has more than {MOST_AXES} axes")
        self.elements += math.prod(sizes)
        self.operations += operations
        _within("elements", self.elements, self._bounds.elements)
        _within("operations", self.operations, self._bounds.operations)
        self._unused.difference_update(inputs)
        self._define(name, Value(sizes, any(value.own for value in given)))
        return Step(name, inputs, run)

    def _define(self, name, value):
        if type(name) is not str or not NAME.fullmatch(name):
            raise Rejected(f"{_shown(name)} is no name: a small letter, then at most 63 of a-z, 0-9 and _")
        if name in self._values:
            raise Rejected(f"the name {name} is used twice")
        self._values[name] = value
        self._unused.add(name)

    def _known(self, name):
        if type(name) is not str or name not in self._values:
            raise Rejected(f"{_shown(name)} is not defined before it is used")
        return name


def load(folder, bounds):
    """The program and the parameters' values of what was handed in; its output must be one logit for each
    position and token."""
    program = Program(parse(read_file(folder, GRAPH_FILE, FILE_BYTES)), bounds)
    if program.value != Value((bounds.length, bounds.vocabulary), True):
        raise Rejected(f"the output must depend on the tokens and be {bounds.length} times {bounds.vocabulary}")
    return program, weights.read(folder, WEIGHTS_FILE, program.parameters)


def parse(data):
    try:
        return json.loads(data.decode())
    except (ValueError, RecursionError) as error:
        raise Rejected(f"{GRAPH_FILE} is no JSON: {error}") from None


class Builder:
    """Writes a graph down. Methods return names, which are what nodes take as inputs."""

    def __init__(self):
        self._parameters, self._nodes = {}, []

    def parameter(self, name, *sizes):
        self._parameters[name] = list(sizes)
        return name

    def node(self, op, *inputs, **attributes):
        name = f"{op}_{len(self._nodes)}"
        self._nodes.append({"name": name, "op": op, "inputs": list(inputs), "attributes": attributes})
        return name

    def graph(self, output):
        return {"parameters": self._parameters, "nodes": self._nodes, "output": output}


# Each operation is planned by a function of its inputs' Values and its attributes, which returns the output's
# sizes, the operations it takes for one text, and what makes the output of the input tensors.


def _embedding(tokens, table):
    if not tokens.choices or table.own or len(table.sizes) != 2 or table.sizes[0] != tokens.choices:
        raise Rejected("embedding takes the tokens, and a table with a row for each that no token reaches")
    sizes = (*tokens.sizes, table.sizes[1])
    return sizes, math.prod(sizes), functional.embedding


def _linear(x, weight, bias=None):
    if weight.own or len(weight.sizes) != 2 or not x.sizes or x.sizes[-1] != weight.sizes[1]:
        raise Rejected("linear takes (..., n), a weight (m, n) that no token reaches, and perhaps a bias (m)")
    if bias is not None and (bias.own or bias.sizes != weight.sizes[:1]):
        raise Rejected(f"the bias must have {weight.sizes[0]} elements that no token reaches")
    sizes = (*x.sizes[:-1], weight.sizes[0])
    return sizes, 2 * math.prod(sizes) * weight.sizes[1], functional.linear


def _einsum(a, b, *, equation):
    parts = EQUATION.fullmatch(equation) if type(equation) is str else None
    if not parts or any(len(set(part)) != len(part) for part in parts.groups()):
        raise Rejected("an equation reads like ij,jk->ik, no letter twice in one part")
    left, right, out = parts.groups()
    if (len(left), len(right)) != (len(a.sizes), len(b.sizes)) or not set(out) <= set(left + right):
        raise Rejected(f"{equation} does not name the axes that there are")
    size = dict(zip(left, a.sizes))
    for letter, length in zip(right, b.sizes):
        if size.setdefault(letter, length) != length:
            raise Rejected(f"{letter} is both {size[letter]} and {length} long")
    # The axis of texts is a letter that no equation can name.
    many = ["N" * value.own for value in (a, b)]
    full = f"{many[0]}{left},{many[1]}{right}->{'N' * (a.own or b.own)}{out}"
    sizes = tuple(size[letter] for letter in out)
    return sizes, 2 * math.prod(size.values()), lambda *tensors: torch.einsum(full, *tensors)


def _elementwise(function):
    def plan(*values):
        axes = max(len(value.sizes) for value in values)
        padded = [(1,) * (axes - len(value.sizes)) + value.sizes for value in values]
        for m, n in zip(*padded):
            if m != n and 1 not in (m, n):
                raise Rejected(f"sizes {list(values[0].sizes)} and {list(values[1].sizes)} do not fit")
        aligned = [_keep(value, sizes) for value, sizes in zip(values, padded)]
        sizes = tuple(map(max, *padded))
        return sizes, math.prod(sizes), lambda a, b: function(aligned[0](a), aligned[1](b))

    return plan


def _keep(value, sizes):
    """Gives a tensor of `value` other sizes; the axis of texts stays as it is."""
    return lambda tensor: tensor.reshape(*tensor.shape[: value.own], *sizes)


def _relu(x):
    return x.sizes, math.prod(x.sizes), functional.relu


def _sum(x, *, axis):
    _axis(axis, x)
    sizes = x.sizes[:axis] + x.sizes[axis + 1 :]
    return sizes, math.prod(x.sizes), lambda tensor: tensor.sum(axis + x.own)


def _index(x, *, axis, at):
    _axis(axis, x)
    if type(at) is not list or not at or not all(type(i) is int and 0 <= i < x.sizes[axis] for i in at):
        raise Rejected(f"at must be a list of whole numbers from 0 to {x.sizes[axis] - 1}")
    placed = {}

    def run(tensor):
        if tensor.device not in placed:
            placed[tensor.device] = torch.tensor(at, device=tensor.device)
        return tensor.index_select(axis + x.own, placed[tensor.device])

    sizes = (*x.sizes[:axis], len(at), *x.sizes[axis + 1 :])
    return sizes, math.prod(sizes), run


def _reshape(x, *, sizes):
    wanted = _sizes(sizes)
    if math.prod(wanted) != math.prod(x.sizes):
        raise Rejected(f"{math.prod(x.sizes)} elements do not fit the sizes {list(wanted)}")
    return wanted, math.prod(wanted), _keep(x, wanted)


def _transpose(x, *, axes):
    if type(axes) is not list or any(type(i) is not int for i in axes) or sorted(axes) != [*range(len(x.sizes))]:
        raise Rejected(f"axes must name each of the {len(x.sizes)} axes once")
    order = [0] * x.own + [axis + x.own for axis in axes]
    return tuple(x.sizes[axis] for axis in axes), math.prod(x.sizes), lambda tensor: tensor.permute(order)


# Name → how it is planned, how many inputs it may have, which attributes it must have.
OPERATIONS = {
    "embedding": (_embedding, (2,), set()),
    "linear": (_linear, (2, 3), set()),
    "einsum": (_einsum, (2,), {"equation"}),
    "add": (_elementwise(torch.add), (2,), set()),
    "multiply": (_elementwise(torch.mul), (2,), set()),
    "relu": (_relu, (1,), set()),
    "sum": (_sum, (1,), {"axis"}),
    "index": (_index, (1,), {"axis", "at"}),
    "reshape": (_reshape, (1,), {"sizes"}),
    "transpose": (_transpose, (1,), {"axes"}),
}


def _keys(where, given, required, optional=frozenset()):
    if type(given) is not dict or not required <= given.keys() <= required | optional:
        names = ", ".join(sorted(required)) or "nothing"
        raise Rejected(f"{where} must be an object that holds {names}")


def _sizes(sizes):
    fits = type(sizes) is list and len(sizes) <= MOST_AXES
    if not fits or not all(type(n) is int and 0 < n <= LARGEST for n in sizes):
        raise Rejected(f"sizes must be a list of at most {MOST_AXES} whole numbers from 1 to {LARGEST}")
    return tuple(sizes)


def _axis(axis, x):
    if type(axis) is not int or not 0 <= axis < len(x.sizes):
        raise Rejected(f"axis must be a whole number from 0, below {len(x.sizes)}")


def _within(what, found, most):
    if found > most:
        raise Rejected(f"{found} {what}, where {most} are allowed")


def _shown(thing):
    return json.dumps(thing[:80]) if type(thing) is str else f"a {type(thing).__name__}"
