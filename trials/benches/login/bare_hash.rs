//! Argon2id by itself, as the server calls it: the same cost, and memory that is kept from one hash to the next.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use trials::PASSWORD;

/// More than the largest piece that glibc serves from an arena of the thread's, as the server has it: where large pages are
/// asked for, this gets them.
const CAPACITY: usize = 33 * 1024;

/// Hashes one password again and again.
pub(crate) struct BareHash {
    argon2: Argon2<'static>,
    memory: Vec<Block>,
}

impl BareHash {
    pub(crate) fn new() -> Self {
        let params = Params::new(19_456, 2, 1, None).unwrap();
        let mut memory = Vec::with_capacity(CAPACITY);
        memory.resize(params.block_count(), Block::default());
        Self { argon2: Argon2::new(Algorithm::Argon2id, Version::V0x13, params), memory }
    }

    pub(crate) fn hash(&mut self) -> [u8; 32] {
        let mut out = [0; 32];
        let salt = b"sixteen bytes of";
        self.argon2.hash_password_into_with_memory(PASSWORD.as_bytes(), salt, &mut out, &mut self.memory).unwrap();
        out
    }
}
