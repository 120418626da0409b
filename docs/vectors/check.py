#!/usr/bin/env python3
"""Checks the test vectors beside this file: python3 check.py

Needs nothing but Python 3.8 or later. The code shares nothing with the Rust implementation, so where both
agree, the protocol's description was enough to write it twice.
"""

import json
import pathlib
import sys

import rules
from primitives import peer_id_key, public_key, sign, vrf_verify

HERE = pathlib.Path(__file__).resolve().parent
PREFIX, SUFFIX, IN_TOTO = "application/vnd.quorate.", ".v1+json", "application/vnd.in-toto+json"


def load(name):
    return json.loads((HERE / name).read_text(encoding="utf-8"))


def same(computed, published, what):
    if computed != published:
        sys.exit(f"{what}: computed {computed!r}, published {published!r}")


def is_refused(envelope):
    try:
        rules.open_envelope(envelope.encode())
    except rules.Refused:
        return True
    return False


def check_envelope(vector, what):
    """Everything a vector says of an envelope; returns payload type, payload and signers."""
    data = vector["envelope"].encode()
    kind, payload, signers = rules.open_envelope(data)
    same(kind, vector["payload_type"], what)
    same(payload.decode(), vector["payload"], what)
    message = rules.pae(kind, payload)
    same(message.hex(), vector["pae"], what)
    same([key.hex() for key in signers], [s["public_key"] for s in vector["signers"]], what)
    for signer in vector["signers"]:
        secret = bytes.fromhex(signer["secret"])
        same(public_key(secret).hex(), signer["public_key"], what)
        same(sign(secret, message).hex(), signer["signature"], what)
    same(rules.digest(data).hex(), vector["record_id"], what)
    return kind, payload, signers


def envelopes():
    vectors = load("envelope.json")
    for number, vector in enumerate(vectors["accepted"]):
        check_envelope(vector, f"envelope {number}")
    check_envelope(vectors["respelled"], "respelled envelope")
    for vector in vectors["refused"]:
        same(is_refused(vector["envelope"]), True, vector["name"])


class Log:
    """What the checks below need to know of a log."""

    def __init__(self):
        self.nodes, self.bundles, self.campaigns, self.attempts = {}, {}, {}, {}
        self.vrf_key = self.key = self.policy = None
        self.operators, self.invitations = set(), set()

    def take(self, index, vector):
        kind, data, signers = check_envelope(vector, f"record {index}")
        record = json.loads(data)
        name = "reveal" if kind == IN_TOTO else kind[len(PREFIX) : -len(SUFFIX)]
        same(name, vector["kind"], f"record {index}")
        handler = getattr(self, name.replace("-", "_"), None)
        if handler:
            handler(record, data, signers, index, vector)

    def coordinator(self, record, data, signers, index, vector):
        same(index, 0, "the coordinator's record")
        self.vrf_key, self.key = bytes.fromhex(record["vrf_key"]), bytes.fromhex(record["key"])
        self.policy = record["enrollment"]

    def admission(self, record, data, signers, index, vector):
        same(signers, [self.key], "signer of an admission")
        ((admitted, key),) = record["admits"].items()
        same(admitted, {"invite": "invitation", "allowlist": "operator"}[self.policy], "whom a log admits")
        known = self.invitations if admitted == "invitation" else self.operators
        same(key in known, False, "a key that is admitted twice")
        known.add(key)

    def enrollment(self, record, data, signers, index, vector):
        operator, both = record["operator"], {peer_id_key(record["node"]), bytes.fromhex(record["operator"])}
        more = [key.hex() for key in signers if key not in both]
        same(both <= set(signers), True, "signers of an enrollment")
        if self.policy == "invite" and operator not in self.operators:
            same(len(more), 1, "invitations that sign an enrollment")
            self.invitations.remove(more[0])
            self.operators.add(operator)
        else:
            same(more, [], "further signers of an enrollment")
            same(self.policy == "open" or operator in self.operators, True, "an operator that may enroll")
        self.nodes.setdefault(record["node"], (record["operator"], index))

    def bundle(self, record, data, signers, index, vector):
        self.bundles[record["bundle"]] = record["spec"]

    def qualification(self, record, data, signers, index, vector):
        same(signers, [self.key], "signer of a qualification")
        same(rules.qualifies(record["runs"], self.bundles[record["bundle"]]["agreement"]), True, "a qualification")

    def campaign(self, record, data, signers, index, vector):
        self.campaigns[vector["record_id"]] = record["verification"]

    def lease(self, record, data, signers, index, vector):
        self.attempts[vector["record_id"]] = {"lease": record, "index": index, "seals": {}, "drawn": [], "told": {}}

    def sealed_claim(self, record, data, signers, index, vector):
        attempt = self.attempts[record["attempt"]]
        same(signers, [peer_id_key(attempt["lease"]["node"])], "signer of a claim")
        attempt["claim_digest"] = rules.digest(data)
        attempt["seals"][signers[0]] = record["commitment"]

    def assignment(self, record, data, signers, index, vector):
        attempt = self.attempts[record["attempt"]]
        output = vrf_verify(self.vrf_key, rules.draw_input(attempt["claim_digest"]), bytes.fromhex(record["draw"]))
        same(output is None, False, "the draw's proof")
        attempt["output"] = output
        part = {self.nodes[node][0] for node in [attempt["lease"]["node"], *attempt["drawn"]]}
        candidates = [(node, operator, enrolled > attempt["index"]) for node, (operator, enrolled) in self.nodes.items()]
        drawn = rules.rank(output, candidates, part, len(record["verifiers"]))
        same(drawn, record["verifiers"], "the verifiers drawn")
        attempt["drawn"] += drawn

    def sealed_rescore(self, record, data, signers, index, vector):
        self.attempts[record["attempt"]]["seals"][signers[0]] = record["commitment"]

    def reveal(self, record, data, signers, index, vector):
        statement = "_type" in record
        name = record["subject"][0]["name"][len("attempt:") :] if statement else record["attempt"]
        attempt = self.attempts[name]
        same(rules.seal(data).hex(), vector["commitment"], "what a reveal opens")
        same(attempt["seals"][signers[0]], vector["commitment"], "the seal that a reveal opens")
        attempt["told"][signers[0]] = record["predicate"]["outcome"] if statement else record["outcome"]

    def verdict(self, record, data, signers, index, vector):
        attempt = self.attempts[record["attempt"]]
        lease, told = attempt["lease"], attempt["told"]
        rule, policy = self.bundles[lease["bundle"]]["agreement"], self.campaigns[lease["campaign"]]
        outcomes = [told[peer_id_key(node)] for node in attempt["drawn"]]
        result = rules.judge(rule, policy, outcomes, 0, told.get(peer_id_key(lease["node"])))
        for field in ("agreeing", "outliers"):
            result[field] = [attempt["drawn"][i] for i in result[field]]
        published = {k: record[k] for k in ("decision", "claim", "agreeing", "outliers")}
        same(result, published, "the verdict")


def records():
    vectors, log = load("records.json"), Log()
    for index, vector in enumerate(vectors["entries"]):
        log.take(index, vector)
    attempt = log.attempts[vectors["attempt"]]
    same(rules.draw_input(attempt["claim_digest"]).hex(), vectors["draw_input"], "the draw's input")
    same(attempt["output"].hex(), vectors["draw_output"], "the draw's output")


def vrf():
    vectors = load("vrf.json")

    def output(vector):
        return vrf_verify(*(bytes.fromhex(vector[name]) for name in ("public_key", "input", "proof")))

    for vector in vectors["accepted"]:
        same(public_key(bytes.fromhex(vector["secret"])).hex(), vector["public_key"], "a VRF key")
        same((output(vector) or b"").hex(), vector["output"], "a VRF output")
    for vector in vectors["refused"]:
        same(output(vector), None, vector["name"])


def draw():
    vectors = load("draw.json")
    for candidate in vectors["candidates"]:
        same(peer_id_key(candidate["node"]).hex(), candidate["key"], "a node's key")
    candidates = [(c["node"], c["operator"], c["late"]) for c in vectors["candidates"]]
    for case in vectors["cases"]:
        data = rules.draw_input(bytes.fromhex(case["claim_digest"]))
        same(data.hex(), case["input"], "a draw's input")
        output = vrf_verify(bytes.fromhex(vectors["vrf_key"]), data, bytes.fromhex(case["proof"]))
        same(output.hex(), case["output"], "a draw's output")
        drawn = rules.rank(output, candidates, [vectors["excluded_operator"]], case["count"])
        same(drawn, case["drawn"], "a draw")
        seed = rules.scoring_seed(output, bytes.fromhex(case["attempt"]))
        same(seed.hex(), case["scoring_seed"], "a scoring seed")


def agreement():
    vectors = load("agreement.json")
    for number, pair in enumerate(vectors["pairs"]):
        for a, b in (("a", "b"), ("b", "a")):
            same(rules.relate(pair["rule"], pair[a], pair[b]), pair["relation"], f"pair {number}")
    for case in vectors["intervals"]:
        same(rules.interval(case["samples"], case["level"]), (case["low"], case["high"]), "an interval")
    for number, case in enumerate(vectors["verdicts"]):
        result = rules.judge(case["rule"], case["policy"], case["rescores"], case["available"], case["claim"])
        same(result, case["judgement"], f"verdict {number}")


def score_at_k():
    vectors = load("score-at-k.json")
    for case in vectors["cases"]:
        value = rules.score_at_k(case["scores"], case["k"], case["aggregate"])
        same(value, case["value"], f"score@{case['k']} of {case['scores']}")
    for case in vectors["means"]:
        same(rules.mean_score_at_k(vectors["groups"], case["k"]), case["mean"], "a mean")
        seed = bytes.fromhex(vectors["seed"])
        same(rules.bootstrap_interval(vectors["groups"], case["k"], seed), case["interval"], "a bootstrap interval")


if __name__ == "__main__":
    for check in (envelopes, records, vrf, draw, agreement, score_at_k):
        check()
        print(f"{check.__name__}: as published")
    print("all vectors hold")
