//! Normal noise from a seeded stream: the same on every run, whatever else the program does.

/// Bytes taken from the stream at once.
const BLOCK: usize = 8192;

/// A stream of standard normal numbers.
pub(crate) struct Noise {
    stream: blake3::OutputReader,
    block: [u8; BLOCK],
    at: usize,
    spare: Option<f64>,
}

impl Noise {
    /// The stream that `seed` names.
    pub(crate) fn new(seed: &str) -> Self {
        let mut hasher = blake3::Hasher::new_derive_key("quorate 2026-11 agreement simulation v1");
        hasher.update(seed.as_bytes());
        Self {
            stream: hasher.finalize_xof(),
            block: [0; BLOCK],
            at: BLOCK,
            spare: None,
        }
    }

    /// A number from −1 to 1, all equally likely: 53 bits of the stream.
    fn uniform(&mut self) -> f64 {
        if self.at == BLOCK {
            self.stream.fill(&mut self.block);
            self.at = 0;
        }
        let word = self.block[self.at..].first_chunk().unwrap();
        self.at += 8;
        (u64::from_le_bytes(*word) >> 11) as f64 / f64::from(1 << 26) / f64::from(1 << 26) - 1.0
    }

    /// A standard normal number, by Marsaglia's polar method.
    pub(crate) fn normal(&mut self) -> f64 {
        if let Some(spare) = self.spare.take() {
            return spare;
        }
        loop {
            let (x, y) = (self.uniform(), self.uniform());
            let square = x * x + y * y;
            if square > 0.0 && square < 1.0 {
                let scale = (-2.0 * square.ln() / square).sqrt();
                self.spare = Some(y * scale);
                return x * scale;
            }
        }
    }
}
