//! Argon2id by itself, at the server's cost and with memory that is kept from one hash to the next.

use argon2_rust::{Algorithm, Argon2, Params, Version, params::Memory};
use trials::PASSWORD;

const SALT: &[u8] = b"sixteen bytes of";
const MEMORY_KIB: u32 = 19_456;
const PASSES: u32 = 2;

/// Who hashes.
#[derive(Clone, Copy)]
pub(crate) enum Library {
    /// The one that the server hashes with. It asks for large pages.
    Servers,
    /// The one that most programs in Rust hash with.
    RustCrypto,
}

impl Library {
    /// Hashes one password whenever it is called.
    pub(crate) fn hasher(self) -> Box<dyn FnMut() -> [u8; 32]> {
        match self {
            Self::Servers => servers(),
            Self::RustCrypto => rust_crypto(),
        }
    }
}

fn servers() -> Box<dyn FnMut() -> [u8; 32]> {
    let params = Params::builder().memory(Memory::kib(MEMORY_KIB.into())).passes(PASSES).lanes(1).build().unwrap();
    let mut hasher = Argon2::new(Algorithm::Argon2id, Version::V0x13, params).hasher();
    Box::new(move || {
        let mut out = [0; 32];
        hasher.hash_into(PASSWORD.as_bytes(), SALT, &mut out).unwrap();
        out
    })
}

fn rust_crypto() -> Box<dyn FnMut() -> [u8; 32]> {
    use argon2::{Algorithm, Argon2, Block, Params, Version};

    let params = Params::new(MEMORY_KIB, PASSES, 1, None).unwrap();
    let mut memory = vec![Block::default(); params.block_count()];
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
    Box::new(move || {
        let mut out = [0; 32];
        argon2.hash_password_into_with_memory(PASSWORD.as_bytes(), SALT, &mut out, &mut memory).unwrap();
        out
    })
}
