//! The verifiable random function, and the draw that is made from its output.

use std::collections::BTreeSet;

use quorate_core::digest::{AttemptId, Digest};
use quorate_core::draw::{self, Candidate};
use quorate_core::vrf::VrfSecret;
use serde_json::{Value, json};

use crate::fixtures::member;

/// Secrets and inputs of RFC 9381, examples 16 to 18; then our own.
const INPUTS: [(&str, &str); 5] = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "72",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "af82",
    ),
    (
        "0707070707070707070707070707070707070707070707070707070707070707",
        "71756f72617465",
    ),
    (
        "fbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfbfb",
        "00ff00ff00ff00ff00ff00ff00ff00ff",
    ),
];

pub(crate) fn vrf() -> Value {
    let accepted = INPUTS.map(|(seed, input)| {
        let mut secret = [0; 32];
        hex::decode_to_slice(seed, &mut secret).unwrap();
        let secret = VrfSecret::from_seed(secret);
        let input_bytes = hex::decode(input).unwrap();
        let proof = secret.prove(&input_bytes);
        let output = secret.public().verify(&input_bytes, &proof).unwrap();
        json!({
            "secret": seed,
            "public_key": secret.public(),
            "input": input,
            "proof": proof,
            "output": output.to_string(),
        })
    });
    let secret = VrfSecret::from_seed([7; 32]);
    let (key, proof) = (secret.public().to_string(), secret.prove(b"quorate").to_string());
    let flipped = |at: usize| {
        let digit = if &proof[at..=at] == "0" { "1" } else { "0" };
        format!("{}{digit}{}", &proof[..at], &proof[at + 1..])
    };
    let refused = [
        ("another input", &key, "71756f7261746500", proof.clone()),
        ("a changed gamma", &key, "71756f72617465", flipped(3)),
        ("a changed challenge", &key, "71756f72617465", flipped(70)),
        ("a changed response", &key, "71756f72617465", flipped(100)),
    ];
    for (name, _, input, proof) in &refused {
        let proof = proof
            .parse()
            .and_then(|p| secret.public().verify(&hex::decode(input).unwrap(), &p));
        assert!(proof.is_err(), "{name}");
    }
    json!({
        "about": "ECVRF-EDWARDS25519-SHA512-TAI of RFC 9381. The first three are its examples 16, 17 and 18.",
        "accepted": accepted,
        "refused": refused.map(|(name, key, input, proof)| {
            json!({"name": name, "public_key": key, "input": input, "proof": proof})
        }),
    })
}

pub(crate) fn draw() -> Value {
    let secret = VrfSecret::from_seed([251; 32]);
    // Number, operator, late.
    let nodes: [(u8, u8, bool); 8] = [
        (1, 1, false),
        (2, 2, false),
        (3, 2, false),
        (4, 3, false),
        (5, 4, true),
        (6, 5, false),
        (7, 6, true),
        (8, 1, false),
    ];
    let candidates = nodes.map(|(n, operator, late)| Candidate {
        node: member(n).node.node_id(),
        operator: member(operator).operator.public(),
        behind: late,
    });
    let executor = member(1).operator.public();
    let cases: Vec<Value> = (0..6_u8)
        .map(|n| {
            let claim = Digest::of(&[n]);
            let attempt = AttemptId(Digest::of(&[n, n]));
            let input = draw::input(claim);
            let output = secret.output(&input);
            let count = usize::from(n) + 1;
            let drawn = draw::rank(&output, &candidates, &BTreeSet::from([executor]), count);
            json!({
                "claim_digest": claim,
                "attempt": attempt,
                "input": hex::encode(&input),
                "proof": secret.prove(&input),
                "output": output.to_string(),
                "count": count,
                "drawn": drawn,
                "scoring_seed": draw::scoring_seed(&output, attempt),
            })
        })
        .collect();
    json!({
        "about": "From the digest of a sealed claim's payload to its verifiers and its scoring seed.",
        "vrf_key": secret.public(),
        "excluded_operator": executor,
        "candidates": candidates.map(|c| json!({
            "node": c.node, "key": c.node.key(), "operator": c.operator, "late": c.behind,
        })),
        "cases": cases,
    })
}
