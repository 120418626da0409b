"""Quorate's own functions in plain Python: envelopes, draw, agreement, verdict, score@k."""

import base64
import json
import math
import re

from primitives import blake3, blake3_derive_key, peer_id_key, verify


def derive(context, *parts):
    """Digest of parts, each preceded by its length, under a context."""
    return blake3_derive_key(context, b"".join(len(p).to_bytes(8, "little") + p for p in parts))


# Envelopes


class Refused(Exception):
    pass


def pae(payload_type, payload):
    kind = payload_type.encode()
    return b"DSSEv1 %d %s %d " % (len(kind), kind, len(payload)) + payload


def check_depth(text):
    depth, in_string, escaped = 0, False, False
    for byte in text:
        if escaped:
            escaped = False
        elif in_string:
            escaped, in_string = byte == 0x5C, byte != 0x22
        elif byte == 0x22:
            in_string = True
        elif byte in b"[{":
            depth += 1
            if depth > 16:
                raise Refused("nests too deep")
        elif byte in b"]}":
            depth = max(depth - 1, 0)


def open_envelope(data):
    """Payload type, payload, signers; raises Refused."""
    if len(data) > 64 * 1024 - 1:
        raise Refused("too large")
    check_depth(data)
    try:
        wire = json.loads(data)
        if set(wire) != {"payloadType", "payload", "signatures"}:
            raise Refused("fields")
        payload = base64.b64decode(wire["payload"], validate=True)
    except ValueError as error:
        raise Refused(str(error)) from error
    check_depth(payload)
    message, signers = pae(wire["payloadType"], payload), []
    for signature in wire["signatures"]:
        if set(signature) != {"keyid", "sig"} or not re.fullmatch("[0-9a-f]{64}", signature["keyid"]):
            raise Refused("signature fields")
        key = bytes.fromhex(signature["keyid"])
        if not verify(key, message, base64.b64decode(signature["sig"], validate=True)):
            raise Refused("a signature does not verify")
        signers.append(key)
    if not 1 <= len(signers) <= 4 or len(set(signers)) != len(signers):
        raise Refused("number of signatures")
    return wire["payloadType"], payload, signers


def seal(reveal_payload):
    return derive("quorate 2026-11 seal v1", reveal_payload)


# Draw


def draw_input(claim_payload_digest):
    return b"quorate 2026-11 draw v1 " + claim_payload_digest


def scoring_seed(output, attempt):
    return derive("quorate 2026-11 scoring seed v1", output, attempt)


def rank(output, candidates, excluded, count):
    """Candidates are (node, operator, late); the first `count` nodes, no operator twice."""

    def place(candidate):
        node, _, late = candidate
        return late, derive("quorate 2026-11 draw rank v1", output, peer_id_key(node))

    taken, drawn = set(excluded), []
    for node, operator, _ in sorted(candidates, key=place):
        if operator not in taken and len(drawn) < count:
            taken.add(operator)
            drawn.append(node)
    return drawn


# Agreement. Sums run from left to right: Python's own sum() rounds differently.

STEPS = [*range(1, 31), 40, 60, 120, math.inf]
QUANTILES = {
    "0.05": [
        6.314, 2.920, 2.353, 2.132, 2.015, 1.943, 1.895, 1.860, 1.833, 1.812, 1.796, 1.782, 1.771, 1.761,
        1.753, 1.746, 1.740, 1.734, 1.729, 1.725, 1.721, 1.717, 1.714, 1.711, 1.708, 1.706, 1.703, 1.701,
        1.699, 1.697, 1.684, 1.671, 1.658, 1.645,
    ],
    "0.01": [
        31.821, 6.965, 4.541, 3.747, 3.365, 3.143, 2.998, 2.896, 2.821, 2.764, 2.7181, 2.681, 2.650, 2.624,
        2.602, 2.583, 2.567, 2.552, 2.539, 2.528, 2.518, 2.508, 2.500, 2.492, 2.485, 2.479, 2.473, 2.467,
        2.462, 2.457, 2.423, 2.390, 2.358, 2.326,
    ],
}  # fmt: skip


def total(values):
    result = 0.0
    for value in values:
        result += value
    return result


def mean(values):
    return total(values) / len(values)


def variance(values):
    middle = mean(values)
    return total((v - middle) * (v - middle) for v in values) / (len(values) - 1)


def median(values):
    values, middle = sorted(values), len(values) // 2
    return values[middle] if len(values) % 2 else (values[middle - 1] + values[middle]) / 2


def t_quantile(freedom, level):
    below = [q for step, q in zip(STEPS, QUANTILES[level]) if step <= freedom]
    return below[-1] if below else QUANTILES[level][0]


def interval(samples, level):
    half = 0.0
    if len(samples) > 1:
        half = t_quantile(len(samples) - 1, level) * math.sqrt(variance(samples) / len(samples))
    return mean(samples) - half, mean(samples) + half


def equivalence(a, b, margin, level):
    if len(a) < 2 or len(b) < 2:
        return "unclear"
    difference = abs(mean(a) - mean(b))
    sq_a, sq_b = variance(a) / len(a), variance(b) / len(b)
    error = sq_a + sq_b
    freedom = len(a) + len(b) - 2
    if error > 0:
        freedom = error * error / (sq_a * sq_a / (len(a) - 1) + sq_b * sq_b / (len(b) - 1))
    half = t_quantile(freedom, level) * math.sqrt(error)
    if difference + half < margin:
        return "agree"
    return "disagree" if difference - half > margin else "unclear"


def relate(rule, a, b):
    if a["status"] != b["status"]:
        return "disagree"
    if a["status"] == "invalid":
        return "agree"
    if rule["rule"] == "exact":
        same = a["raw"] == b["raw"] and a["samples"] == b["samples"]
        return "agree" if same else "disagree"
    return equivalence(a["samples"], b["samples"], rule["margin"], rule["level"])


# Verdict


def agreeing_group(rule, outcomes):
    """Places of the largest group every two of which agree; of equals the lowest set of bits."""
    best = []
    for subset in range(1, 1 << len(outcomes)):
        group = [i for i in range(len(outcomes)) if subset >> i & 1]
        pairs = ((i, j) for i in group for j in group if i < j)
        if len(group) > len(best) and all(relate(rule, outcomes[i], outcomes[j]) == "agree" for i, j in pairs):
            best = group
    return best


def publish(rule, group):
    if group[0]["status"] == "invalid":
        return {"verdict": "rejected"}
    intervals = [interval(o["samples"], rule.get("level", "0.05")) for o in group]
    score = {
        "normalized": median([median(o["samples"]) for o in group]),
        "low": min(low for low, _ in intervals),
        "high": max(high for _, high in intervals),
        "raw": median([o["raw"] for o in group]),
    }
    return {"verdict": "accepted", "score": score}


def differs(rule, outcome, group):
    return sum(relate(rule, outcome, other) == "disagree" for other in group) * 2 > len(group)


def check_claim(rule, claim, decision, group):
    if claim is None:
        return "unrevealed"
    if decision["verdict"] in ("inconclusive", "nondeterministic"):
        return "unchecked"
    if claim["status"] == "invalid":
        return "honest"
    if decision["verdict"] == "rejected":
        return "overclaimed"
    above = median(claim["samples"]) > decision["score"]["normalized"]
    return "overclaimed" if above and differs(rule, claim, group) else "honest"


def judge(rule, policy, outcomes, available, claim):
    group = agreeing_group(rule, outcomes)
    result = {"agreeing": group, "outliers": []}
    if len(group) >= policy["replicas"] and len(group) * 2 > len(outcomes):
        result["decision"] = publish(rule, [outcomes[i] for i in group])
        for i, outcome in enumerate(outcomes):
            if differs(rule, outcome, [outcomes[j] for j in group]):
                result["outliers"].append(i)
    else:
        if len(outcomes) < policy["replicas"]:
            return {"escalate": policy["replicas"] - len(outcomes)}
        more = min(policy["escalation"], policy["max_rescores"] - len(outcomes), available)
        if more > 0:
            return {"escalate": more}
        differ = any(relate(rule, a, b) == "disagree" for a in outcomes for b in outcomes)
        result["agreeing"] = []
        result["decision"] = {"verdict": "nondeterministic" if differ else "inconclusive"}
    result["claim"] = check_claim(rule, claim, result["decision"], [outcomes[i] for i in result["agreeing"]])
    return result


# Qualification


def qualifies(runs, rule):
    """Whether runs of a task's own solutions and cheats show a scorer that may be trusted."""
    exact = rule["rule"] == "exact"
    margin = 0.05 if exact else rule["margin"]
    scorings = {role: [] for role in ("null", "start", "reference", "exploit")}
    for run in runs:
        scorings[run["role"]] += run["scorings"]
        earned = [s["normalized"] for s in run["scorings"] if s["status"] == "valid"]
        near = {"start": 0.0, "reference": 1.0}.get(run["role"])
        if near is not None:
            if len(earned) < len(run["scorings"]) or any(abs(score - near) > margin for score in earned):
                return False
        if run["role"] == "reference" and earned and max(earned) - min(earned) > (0 if exact else margin):
            return False
        if run["role"] == "null" and earned or run["role"] == "exploit" and any(score > margin for score in earned):
            return False
    return all(len(scorings[role]) >= least for role, least in (("null", 1), ("start", 1), ("reference", 10), ("exploit", 1)))


# score@k


def score_at_k(scores, k, aggregate):
    n = len(scores)
    if k == 0 or k > n:
        return None
    if aggregate == "last":
        return mean(scores)
    ascending, weight, value = sorted(scores), k / n, 0.0
    for rank_below in range(n - 1, -1, -1):
        value += weight * ascending[rank_below]
        if rank_below == 0 or rank_below < k:
            break
        weight *= (rank_below + 1 - k) / rank_below
    return value


def mean_score_at_k(groups, k):
    scores = [score_at_k(g["scores"], k, g["aggregate"]) for g in groups]
    return None if not scores or None in scores else mean(scores)


def bootstrap_interval(groups, k, seed):
    if mean_score_at_k(groups, k) is None:
        return None
    count = 1000 * sum(len(g["scores"]) for g in groups)
    stream = blake3_derive_key("quorate 2026-11 bootstrap v1", seed, 8 * count)
    numbers = iter(int.from_bytes(stream[i : i + 8], "little") for i in range(0, len(stream), 8))
    means = []
    for _ in range(1000):
        drawn = [
            {"scores": [g["scores"][next(numbers) % len(g["scores"])] for _ in g["scores"]], "aggregate": g["aggregate"]}
            for g in groups
        ]
        means.append(mean_score_at_k(drawn, k))
    means.sort()
    return [means[24], means[999 - 24]]


def digest(data):
    return blake3(data)
