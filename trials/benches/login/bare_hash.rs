//! Argon2id alone, at the server's cost and with memory that is reused for each hash.

use argon2::{Algorithm, Argon2, Block, Params, Version};
use trials::PASSWORD;

const SALT: &[u8] = b"sixteen bytes of";

/// Hashes one password per call, with the library that the server uses.
pub(crate) fn hasher() -> impl FnMut() -> [u8; 32] {
    let params = Params::DEFAULT;
    let mut memory = vec![Block::new(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    move || {
        let mut out = [0; 32];
        argon2.hash_password_into_with_memory(PASSWORD.as_bytes(), SALT, &mut out, &mut memory).unwrap();
        out
    }
}
