//! Envelopes alone, and a whole log with a record of every kind.

use std::collections::BTreeMap;

use quorate_core::envelope::pre_authentication_encoding;
use quorate_core::record::{
    Admission, Admitted, Commitment, Correction, EnrollmentPolicy, Forfeit, ForfeitReason,
};
use quorate_core::text::Note;
use quorate_core::{Envelope, Keypair, PublicKey, Record};
use serde_json::{Value, json};

use crate::fixtures::{TRUTH, Terms, member, qualification, valid};
use crate::world::World;

type Secrets = BTreeMap<PublicKey, Keypair>;

fn described(envelope: &Envelope, secrets: &Secrets) -> Value {
    let pae = pre_authentication_encoding(envelope.payload_type(), envelope.payload());
    let signers: Vec<Value> = envelope
        .signers()
        .iter()
        .map(|public| {
            let key = &secrets[public];
            json!({
                "secret": hex::encode(key.secret()),
                "public_key": public,
                "signature": hex::encode(key.sign(&pae)),
            })
        })
        .collect();
    json!({
        "payload_type": envelope.payload_type(),
        "payload": String::from_utf8(envelope.payload().to_vec()).unwrap(),
        "pae": hex::encode(&pae),
        "signers": signers,
        "envelope": String::from_utf8(envelope.bytes().to_vec()).unwrap(),
        "record_id": envelope.id(),
    })
}

pub(crate) fn envelopes() -> Value {
    let keys: Vec<Keypair> = (1..=2).map(|n| Keypair::from_secret([n; 32])).collect();
    let secrets: Secrets = keys.iter().map(|key| (key.public(), key.clone())).collect();
    let both: Vec<&Keypair> = keys.iter().collect();
    let accepted: Vec<Envelope> = [
        ("http://example.com/HelloWorld", "hello world", &both[..1]),
        ("application/vnd.example+json", "{\"score\":0.75}", &both[..]),
        ("", "", &both[..1]),
        ("type", "ünïcödé \"quoted\"", &both[1..]),
    ]
    .map(|(kind, payload, keys)| Envelope::sign(kind, payload.as_bytes(), keys).unwrap())
    .to_vec();
    let text = String::from_utf8(accepted[1].bytes().to_vec()).unwrap();
    let spaced = text.replace("\":", "\": ");
    let respelled = Envelope::decode(spaced.as_bytes()).unwrap();
    let [first, second] = [0, 1].map(|i| signature(&text, i));
    let refused = [
        (
            "a changed payload type",
            text.replace("vnd.example", "vnd.exampled"),
        ),
        (
            "signatures swapped",
            text.replace(&first, "#")
                .replace(&second, &first)
                .replace('#', &second),
        ),
        (
            "two signatures by one key",
            text.replace(&keys[1].public().to_string(), &keys[0].public().to_string()),
        ),
        (
            "no signature",
            format!("{}[]}}", &text[..text.find("[{").unwrap()]),
        ),
        (
            "an unknown field",
            text.replace("{\"payloadType\"", "{\"note\":1,\"payloadType\""),
        ),
        (
            "an upper-case key",
            text.replace(
                &keys[0].public().to_string(),
                &keys[0].public().to_string().to_uppercase(),
            ),
        ),
        ("nested 17 deep", "[".repeat(17) + &"]".repeat(17)),
    ];
    for (name, text) in &refused {
        assert!(Envelope::decode(text.as_bytes()).is_err(), "{name}");
    }
    json!({
        "about": "DSSE envelopes. Secrets are for tests only. `respelled` is `accepted[1]` with white space: it verifies and has another id.",
        "accepted": accepted.iter().map(|e| described(e, &secrets)).collect::<Vec<_>>(),
        "respelled": described(&respelled, &secrets),
        "refused": refused.map(|(name, envelope)| json!({"name": name, "envelope": envelope})),
    })
}

fn signature(envelope: &str, index: usize) -> String {
    let value: Value = serde_json::from_str(envelope).unwrap();
    value["signatures"][index]["sig"].as_str().unwrap().to_owned()
}

fn invitation(n: u8) -> Keypair {
    Keypair::from_secret([n + 200; 32])
}

/// Six operators by invitation, a qualified task, a campaign.
fn asked() -> World {
    let mut world = World::begun(EnrollmentPolicy::Invite);
    for n in 1..=6 {
        let (m, key) = (member(n), invitation(n));
        let admission = Record::Admission(Admission {
            admits: Admitted::Invitation(key.public()),
            at: world.now,
        });
        world.must(&world.sign(admission));
        let enrollment = Record::Enrollment(world.enrollment(&m));
        world.must(&enrollment.sign(&[&m.operator, &m.node, &key]).unwrap());
        world.members.insert(m.node.node_id(), m);
    }
    world.must(&world.sign(Record::Bundle(world.bundle_record())));
    world.must(&world.sign(Record::Qualification(qualification(world.bundle))));
    world.ask(Terms::default());
    world
}

/// A log that admits by invitation, with one attempt given up and one accepted, whose executor claimed too much and one of
/// whose verifiers lied; then corrected.
pub(crate) fn records() -> Value {
    let mut world = asked();
    let given_up = world.grant(member(2).node.node_id());
    world.pass(3);
    let forfeit = Record::Forfeit(Forfeit {
        attempt: given_up,
        reason: ForfeitReason::Abandoned {
            note: Note::lossy("paused by its owner"),
        },
        at: world.now,
    });
    world.must(&forfeit.sign(&[&member(2).node]).unwrap());
    let mut liar = None;
    let (id, _) = {
        let (id, claim) = world.handed_in(member(1).node.node_id(), valid(1.25));
        let first = world.waiting(id)[0];
        liar.get_or_insert(first);
        let outcome = |n| valid(if Some(n) == liar { 1.5 } else { TRUTH });
        let mut opened = false;
        while world.attempt(id).verdict().is_none() {
            world.pass(2);
            let sealed = world.seal_all(id, outcome);
            if !opened {
                world.must(&claim.reveal);
                opened = true;
            }
            for rescore in sealed {
                world.must(&rescore.reveal);
            }
            world.coordinate(id);
        }
        (id, claim)
    };
    let verdict = world.log.last().unwrap().id();
    let correction = Record::Correction(Correction {
        corrects: verdict,
        reason: Note::lossy("the scorer was wrong"),
        at: world.now,
    });
    world.must(&world.sign(correction));
    let members = (1..=6).map(member).flat_map(|m| [m.node, m.operator]);
    let secrets: Secrets = members
        .chain((1..=6).map(invitation))
        .chain([world.coordinator.clone()])
        .map(|key| (key.public(), key))
        .collect();
    let entries: Vec<Value> = world.log.iter().map(|entry| record(entry, &secrets)).collect();
    json!({
        "about": "A whole log in order. Secrets are for tests only. A reveal's `commitment` is what its seal carries.",
        "attempt": id,
        "draw_input": hex::encode(world.proceedings(id).draw_input()),
        "draw_output": world.proceedings(id).draw.unwrap().to_string(),
        "entries": entries,
    })
}

fn record(entry: &Envelope, secrets: &Secrets) -> Value {
    let mut value = described(entry, secrets);
    let record = Record::read(entry).unwrap();
    value["kind"] = json!(record.kind());
    if let Record::Reveal(_) = record {
        value["commitment"] = json!(Commitment::to(entry));
    }
    value
}
