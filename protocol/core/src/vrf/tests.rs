//! RFC 9381's vectors, and what a proof must not survive.

use curve25519_dalek::constants::EIGHT_TORSION;
use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// Examples 16, 17 and 18 of RFC 9381, appendix B.3: SK, PK, alpha, pi, beta.
const VECTORS: [[&str; 5]; 3] = [
    [
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        "8657106690b5526245a92b003bb079ccd1a92130477671f6fc01ad16f26f723f26f8a57ccaed74ee\
         1b190bed1f479d9727d2d0f9b005a6e456a35d4fb0daab1268a1b0db10836d9826a528ca76567805",
        "90cf1df3b703cce59e2a35b925d411164068269d7b2d29f3301c03dd757876ff\
         66b71dda49d2de59d03450451af026798e8f81cd2e333de5cdf4f3e140fdd8ae",
    ],
    [
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        "f3141cd382dc42909d19ec5110469e4feae18300e94f304590abdced48aed5933bf0864a62558b3e\
         d7f2fea45c92a465301b3bbf5e3e54ddf2d935be3b67926da3ef39226bbc355bdc9850112c8f4b02",
        "eb4440665d3891d668e7e0fcaf587f1b4bd7fbfe99d0eb2211ccec90496310eb\
         5e33821bc613efb94db5e5b54c70a848a0bef4553a41befc57663b56373a5031",
    ],
    [
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        "9bc0f79119cc5604bf02d23b4caede71393cedfbb191434dd016d30177ccbf8096bb474e53895c36\
         2d8628ee9f9ea3c0e52c7a5c691b6c18c9979866568add7a2d41b00b05081ed0f58ee5e31b3a970e",
        "645427e5d00c62a23fb703732fa5d892940935942101e456ecca7bb217c61c45\
         2118fec1219202a0edcf038bb6373241578be7217ba85a2687f7a0310b2df19f",
    ],
];

#[test]
fn published_vectors_hold() {
    for [seed, key, input, proof, output] in VECTORS {
        let secret = VrfSecret::from_seed(decode_hex(seed).unwrap());
        let input = hex::decode(input).unwrap();
        assert_eq!(secret.public().to_string(), key);
        assert_eq!(secret.prove(&input).to_string(), proof);
        let key: VrfPublicKey = key.parse().unwrap();
        let verified = key.verify(&input, &proof.parse().unwrap()).unwrap();
        assert_eq!(verified.to_string(), output);
    }
}

#[test]
fn text_forms_are_strict() {
    let [_, key, _, proof, _] = VECTORS[0];
    assert_eq!(
        serde_json::to_string(&key.parse::<VrfPublicKey>().unwrap()).unwrap(),
        format!("\"{key}\"")
    );
    assert_eq!(
        serde_json::from_str::<VrfProof>(&format!("\"{proof}\""))
            .unwrap()
            .to_string(),
        proof
    );
    assert_eq!(key.to_uppercase().parse::<VrfPublicKey>(), Err(VrfError::KeyText));
    assert_eq!(proof.to_uppercase().parse::<VrfProof>(), Err(VrfError::ProofText));
    assert_eq!(key.parse::<VrfProof>(), Err(VrfError::ProofText));
    assert_eq!(proof.parse::<VrfPublicKey>(), Err(VrfError::KeyText));
    assert!(serde_json::from_str::<VrfPublicKey>(&format!("\"{}\"", "00".repeat(32))).is_err());
}

#[test]
fn keys_of_small_order_are_refused() {
    for point in EIGHT_TORSION {
        let bytes = point.compress().to_bytes();
        assert!(decode_point(&bytes).is_some(), "the point itself is well-formed");
        assert_eq!(VrfPublicKey::from_bytes(bytes), Err(VrfError::KeyBytes));
    }
}

/// Spellings of the coordinates 0 to 18 as field prime + coordinate, with either sign.
fn second_spellings() -> impl Iterator<Item = [u8; 32]> {
    (0xed..=0xff).flat_map(|low| {
        [0x7f, 0xff].map(|high| {
            let mut bytes = [0xff; 32];
            bytes[0] = low;
            bytes[31] = high;
            bytes
        })
    })
}

#[test]
fn second_spellings_of_a_point_are_refused() {
    let lenient = second_spellings()
        .filter_map(|bytes| CompressedEdwardsY(bytes).decompress())
        .filter(|point| !point.is_small_order());
    assert!(
        lenient.count() > 0,
        "without these, the check below proves nothing"
    );
    for bytes in second_spellings() {
        assert_eq!(VrfPublicKey::from_bytes(bytes), Err(VrfError::KeyBytes));
        let mut proof = *VrfSecret::from_seed([1; 32]).prove(b"m").as_bytes();
        proof[..32].copy_from_slice(&bytes);
        assert_eq!(VrfProof::from_bytes(proof), Err(VrfError::ProofBytes));
    }
}

#[test]
fn a_response_at_or_above_the_group_order_is_refused() {
    let mut proof = *VrfSecret::from_seed([1; 32]).prove(b"m").as_bytes();
    let order_minus_one = (-Scalar::ONE).to_bytes();
    let mut carry = 1;
    for (byte, order) in proof[48..].iter_mut().zip(order_minus_one) {
        carry += u16::from(*byte) + u16::from(order);
        *byte = carry.to_le_bytes()[0];
        carry >>= 8;
    }
    let raised = Scalar::from_bytes_mod_order(proof[48..].try_into().unwrap());
    assert_eq!(
        raised.as_bytes(),
        &VrfSecret::from_seed([1; 32]).prove(b"m").as_bytes()[48..]
    );
    assert_eq!(VrfProof::from_bytes(proof), Err(VrfError::ProofBytes));
}

#[test]
fn another_nonce_gives_another_proof_of_the_same_output() {
    let secret = VrfSecret::from_seed([5; 32]);
    let (key, proof) = (secret.public(), secret.prove(b"m"));
    let other = secret.prove_with(&encode_to_curve(&key, b"m").unwrap(), &Scalar::from(42_u8));
    assert_ne!(proof, other);
    assert_eq!(
        key.verify(b"m", &other).unwrap(),
        key.verify(b"m", &proof).unwrap()
    );
}

#[test]
fn debug_hides_the_secret() {
    let secret = VrfSecret::from_seed([9; 32]);
    let text = format!("{secret:?}");
    assert_eq!(text, format!("VrfSecret({})", secret.public()));
    assert!(!text.contains(&hex::encode([9; 32])));
    assert!(!text.contains(&hex::encode(secret.0.to_scalar().as_bytes())));
}

#[test]
fn every_flipped_bit_of_proof_or_key_fails() {
    let secret = VrfSecret::from_seed([3; 32]);
    let (key, proof) = (secret.public(), secret.prove(b"campaign"));
    assert!(key.verify(b"campaign", &proof).is_ok());
    for bit in 0..640 {
        let mut bytes = *proof.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let verified = VrfProof::from_bytes(bytes).and_then(|p| key.verify(b"campaign", &p));
        assert!(verified.is_err(), "proof bit {bit}");
    }
    for bit in 0..256 {
        let mut bytes = *key.as_bytes();
        bytes[bit / 8] ^= 1 << (bit % 8);
        let verified = VrfPublicKey::from_bytes(bytes).and_then(|k| k.verify(b"campaign", &proof));
        assert!(verified.is_err(), "key bit {bit}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn what_is_proved_verifies_to_one_output(seed: [u8; 32], input in vec(any::<u8>(), 0..200)) {
        let secret = VrfSecret::from_seed(seed);
        let proof = secret.prove(&input);
        prop_assert_eq!(proof, VrfSecret::from_seed(seed).prove(&input));
        let read = VrfProof::from_bytes(*proof.as_bytes()).unwrap();
        let key = VrfPublicKey::from_bytes(*secret.public().as_bytes()).unwrap();
        let output = key.verify(&input, &read).unwrap();
        prop_assert_eq!(secret.public().verify(&input, &proof), Ok(output));
        prop_assert_eq!(secret.output(&input), output);
    }

    #[test]
    fn a_flipped_bit_of_the_input_fails(
        seed: [u8; 32],
        input in vec(any::<u8>(), 1..200),
        place: prop::sample::Index,
        bit in 0..8_u8,
    ) {
        let secret = VrfSecret::from_seed(seed);
        let proof = secret.prove(&input);
        let mut other = input;
        *place.get_mut(&mut other) ^= 1 << bit;
        prop_assert_eq!(secret.public().verify(&other, &proof), Err(VrfError::Mismatch));
    }

    #[test]
    fn another_key_fails(seed: [u8; 32], other: [u8; 32], input in vec(any::<u8>(), 0..50)) {
        prop_assume!(seed != other);
        let proof = VrfSecret::from_seed(seed).prove(&input);
        let key = VrfSecret::from_seed(other).public();
        prop_assert_eq!(key.verify(&input, &proof), Err(VrfError::Mismatch));
    }

    #[test]
    fn garbage_never_verifies_nor_panics(
        key: [u8; 32],
        mut proof in prop::array::uniform(any::<u8>()),
        text in ".{0,200}",
    ) {
        let honest = VrfSecret::from_seed(key).public();
        proof[79] &= 0x0f; // else nearly every response is refused before it is checked
        if let Ok(proof) = VrfProof::from_bytes(proof) {
            prop_assert_eq!(honest.verify(b"m", &proof), Err(VrfError::Mismatch));
        }
        if let Ok(key) = VrfPublicKey::from_bytes(key) {
            let proof = VrfSecret::from_seed([1; 32]).prove(b"m");
            prop_assert_eq!(key.verify(b"m", &proof), Err(VrfError::Mismatch));
        }
        prop_assert!(text.parse::<VrfProof>().is_err());
        prop_assert!(text.parse::<VrfPublicKey>().is_err());
    }
}
