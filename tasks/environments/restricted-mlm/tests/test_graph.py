"""What a graph may be, what each operation does, and that nothing is computed beyond the bounds.

quorate-canary f3b1d1a2-6e0c-4c8e-9f0a-2a7b5d4c9e11
"""

import os
import sys
import unittest

HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.dont_write_bytecode = True
sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(HERE)), "library"))

import torch  # noqa: E402

import graph  # noqa: E402
import scoring  # noqa: E402

BOUNDS = graph.Bounds(length=4, vocabulary=6, nodes=20, parameters=1000, elements=5000, operations=50_000)


class Graphs(unittest.TestCase):
    """Rules of the graph: what is rejected, and what each operation does."""

    def program(self, *nodes, parameters=None, output="out", bounds=BOUNDS):
        table = {"table": [6, 3], **(parameters or {})}
        first = {"name": "x", "op": "embedding", "inputs": ["tokens", "table"]}
        return graph.Program({"parameters": table, "nodes": [first, *nodes], "output": output}, bounds)

    def node(self, op, *inputs, **attributes):
        return {"name": "out", "op": op, "inputs": list(inputs), "attributes": attributes}

    def rejected(self, *nodes, reason="", **more):
        with self.assertRaisesRegex(scoring.Rejected, reason):
            self.program(*nodes, **more)

    def run_node(self, node, expected, parameters=None):
        """Runs a node for two texts at once and compares with `expected`, a function of one text's x."""
        program = self.program(node, parameters=parameters)
        drawn = torch.Generator().manual_seed(1)
        tensors = {name: torch.randn(sizes, generator=drawn) for name, sizes in program.parameters.items()}
        tokens = torch.tensor([[0, 1, 2, 3], [5, 5, 4, 0]])
        out = program.run(tensors, tokens)
        self.assertEqual(tuple(out.shape), (2, *program.value.sizes))
        for row, text in zip(out, tokens):
            torch.testing.assert_close(row, expected(tensors["table"][text], tensors))

    def test_each_operation_does_to_many_texts_what_it_does_to_one(self):
        self.run_node(self.node("relu", "x"), lambda x, _: x.clamp(min=0))
        self.run_node(self.node("sum", "x", axis=0), lambda x, _: x.sum(0))
        self.run_node(self.node("sum", "x", axis=1), lambda x, _: x.sum(1))
        self.run_node(self.node("index", "x", axis=0, at=[3, 3, 0]), lambda x, _: x[[3, 3, 0]])
        self.run_node(self.node("reshape", "x", sizes=[2, 6]), lambda x, _: x.reshape(2, 6))
        self.run_node(self.node("transpose", "x", axes=[1, 0]), lambda x, _: x.T)
        self.run_node(self.node("add", "x", "x"), lambda x, _: x + x)
        self.run_node(self.node("einsum", "x", "x", equation="id,jd->ij"), lambda x, _: x @ x.T)
        for sizes in ([3], [1], [4, 1], [2, 4, 3], []):
            more = {"k": sizes}
            self.run_node(self.node("multiply", "x", "k"), lambda x, t: x * t["k"], more)
            self.run_node(self.node("add", "k", "x"), lambda x, t: t["k"] + x, more)
        self.run_node(self.node("linear", "x", "w"), lambda x, t: x @ t["w"].T, {"w": [5, 3]})
        both = {"w": [5, 3], "b": [5]}
        self.run_node(self.node("linear", "x", "w", "b"), lambda x, t: x @ t["w"].T + t["b"], both)
        node = self.node("einsum", "x", "w", equation="id,idv->vi")
        self.run_node(node, lambda x, t: (x[:, :, None] * t["w"]).sum(1).T, {"w": [4, 3, 2]})

    def test_an_operation_is_known_by_its_exact_name_only(self):
        others = ("softmax", "exp", "divide", "relu.__class__", "", None, ["relu"])
        for op in (*others, "Relu", " relu", "relu\u200b", "ｒｅｌｕ"):
            self.rejected(self.node(op, "x"), reason="no allowed operation")

    def test_attributes_are_data_and_complete(self):
        for axis in (True, "0", 0.0, -1, 2, None, [0]):
            self.rejected(self.node("sum", "x", axis=axis), reason="axis must be")
        for wrong in ({}, {"axis": 0, "keep": 1}):
            self.rejected(self.node("sum", "x", **wrong), reason="must be an object")
        for at in ([], [4], [-1], [True], "0", None, [0.0], {"0": 0}):
            self.rejected(self.node("index", "x", axis=0, at=at), reason="at must be")
        for sizes in ([-1], [12, 0], [13], ["12"], [2.0, 6], "12", [1] * 8 + [12], [1 << 40]):
            self.rejected(self.node("reshape", "x", sizes=sizes))
        for axes in ([0], [0, 0], [0, 2], [0, 1, 2], [1, False], "01"):
            self.rejected(self.node("transpose", "x", axes=axes), reason="axes must name")

    def test_an_equation_names_just_the_axes_that_there_are(self):
        for equation in ("id,id->k", "i,id->d", "idk,id->i", "id,di->i"):
            self.rejected(self.node("einsum", "x", "x", equation=equation), reason="does not name|long")
        for equation in ("...d,id->i", "Nid,id->i", "id,id->N", "ii,id->d", "id,jk->ii"):
            self.rejected(self.node("einsum", "x", "x", equation=equation), reason="an equation reads")
        for equation in ("id,id", "id->d", "id,id->i\n", "id, id->i", "id,id->i;", None, 5):
            self.rejected(self.node("einsum", "x", "x", equation=equation), reason="an equation reads")

    def test_no_operation_but_embedding_takes_the_tokens(self):
        self.rejected(self.node("relu", "tokens"), reason="looked up")
        self.rejected(self.node("add", "x", "tokens"), reason="looked up")
        self.rejected(self.node("embedding", "tokens", "tokens"), reason="looked up")
        self.rejected(self.node("embedding", "x", "table"), reason="takes the tokens")
        short = {"small": [5, 3]}
        self.rejected(self.node("embedding", "tokens", "small"), parameters=short, reason="row for each")

    def test_weights_of_a_layer_do_not_depend_on_the_tokens(self):
        self.rejected(self.node("linear", "x", "x"), reason="no token reaches")
        square = {"name": "t", "op": "sum", "inputs": ["x"], "attributes": {"axis": 0}}
        bias = self.node("linear", "x", "w", "t")
        self.rejected(square, bias, parameters={"w": [3, 3]}, reason="no token reaches")

    def test_nodes_use_what_stands_before_them(self):
        self.rejected(self.node("relu", "out"), reason="not defined before")
        self.rejected(self.node("relu", "texts"), reason="not defined before")
        self.rejected({"name": "x", "op": "relu", "inputs": ["x"]}, reason="used twice")
        self.rejected({"name": "tokens", "op": "relu", "inputs": ["x"]}, reason="used twice")
        self.rejected(self.node("relu", "x"), parameters={"luggage": [2]}, reason="nothing uses luggage")
        for name in ("", "A", "1a", "a b", "a" * 65, "é", None, 7, "a\n"):
            self.rejected({"name": name, "op": "relu", "inputs": ["x"]}, reason="is no name")

    def test_every_bound_holds_to_the_last_unit(self):
        node = self.node("linear", "x", "w")
        program = self.program(node, parameters={"w": [5, 3]})
        used = {"nodes": 2, "parameters": 33, "elements": program.elements, "operations": program.operations}
        self.assertEqual((program.elements, program.operations), (12 + 20, 12 + 2 * 20 * 3))
        exact = graph.Bounds(4, 6, **used)
        self.program(node, parameters={"w": [5, 3]}, bounds=exact)
        for name in used:
            tight = graph.Bounds(4, 6, **{**used, name: used[name] - 1})
            self.rejected(node, parameters={"w": [5, 3]}, bounds=tight)

    def test_what_is_no_graph_is_rejected(self):
        for text in (b"", b"[]", b"NaN", b"\xff", b"[" * 100_000, b'{"a":' * 100_000, b"[1" + b"0" * 9000 + b"]"):
            with self.assertRaises(scoring.Rejected):
                graph.Program(graph.parse(text), BOUNDS)
        whole = {"parameters": {}, "nodes": [], "output": "tokens"}
        for change in ({"parameters": []}, {"nodes": {}}, {"nodes": [7]}, {"output": ["x"]}, {"more": 1}):
            with self.assertRaises(scoring.Rejected):
                graph.Program({**whole, **change}, BOUNDS)
        for sizes in ([1 << 31] * 8, [9 * 10**4000], [0], [-1], [1] * 9, "4", [None]):
            with self.assertRaises(scoring.Rejected):
                graph.Program({**whole, "parameters": {"p": sizes}}, BOUNDS)


if __name__ == "__main__":
    unittest.main()
