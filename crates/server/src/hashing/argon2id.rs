//! Argon2id: making a hash, and comparing a password with one.
//!
//! The work is done by RustCrypto's `argon2`, the implementation that the community has reviewed
//! ([ADR 13](../../../../docs/adr/0013-passwords-by-the-reviewed-crate.md)). Hashes are PHC strings.

use std::fmt;

use anyhow::{Context as _, Result, anyhow};
use argon2::{
    Algorithm, Argon2, Block, Params, Version,
    password_hash::phc::{Output, ParamsString, PasswordHash, Salt},
};
use countersign_engine::core::Secret;
use subtle::ConstantTimeEq as _;
use zeroize::{Zeroize as _, Zeroizing};

/// The length of a new hash, in bytes (RFC 9106 §4).
const OUTPUT: usize = 32;

/// A valid hash that no known password matches, for user names that do not exist.
pub(crate) const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$Y291bnRlcnNpZ246bm9ib2R5$pW0k0YbtpZcKXyVQxZ7m2y8Nq1JrT5cHfLsE4uGdvAo";

/// The result of comparing a password with a hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Match {
    /// Another password.
    Different,
    /// The right password.
    Same,
    /// The right password, but the hash should be renewed at today's cost.
    Outdated,
}

/// The memory that a thread keeps between hashes, as large as its largest hash so far.
#[derive(Default)]
pub(super) struct Memory(Vec<Block>);

/// The parameters of a new hash: 19 MiB, two passes, one lane (OWASP Password Storage Cheat Sheet, Argon2id; RFC 9106).
fn today() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::DEFAULT)
}

impl Memory {
    /// The hash of `password` under this salt, as a PHC string.
    pub(super) fn hash(&mut self, password: &Secret, salt: &[u8]) -> Result<String> {
        let argon2 = today();
        let output = self.output(&argon2, password, salt, OUTPUT)?;
        let hash = PasswordHash {
            algorithm: Algorithm::Argon2id.ident(),
            version: Some(Version::V0x13.into()),
            params: ParamsString::try_from(argon2.params()).map_err(unusable)?,
            salt: Some(Salt::new(salt).map_err(unusable)?),
            hash: Some(Output::new(&output).map_err(unusable)?),
        };
        Ok(hash.to_string())
    }

    /// Compares `password` with a PHC string of Argon2id, of any cost.
    pub(super) fn compare(&mut self, password: &Secret, hash: &str) -> Result<Match> {
        let known = PasswordHash::new(hash).map_err(unusable)?;
        let algorithm = Algorithm::try_from(known.algorithm.as_str()).map_err(unusable)?;
        if algorithm != Algorithm::Argon2id {
            return Err(anyhow!("the hash is of another algorithm"));
        }
        // A hash without a version has the first version.
        let version = known.version.map_or(Ok(Version::V0x10), Version::try_from).map_err(unusable)?;
        let params = Params::try_from(&known).map_err(unusable)?;
        let salt = known.salt.context("the hash has no salt")?;
        let expected = known.hash.context("the hash has no output")?;
        let costs_the_same = |today: &Params| {
            let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
            costs(&params) == costs(today) && version == Version::V0x13 && expected.len() == OUTPUT
        };
        let is_todays = costs_the_same(&Params::DEFAULT);
        let made_by = Argon2::new(algorithm, version, params);
        let output = self.output(&made_by, password, salt.as_ref(), expected.len())?;
        // The comparison of two outputs takes constant time.
        match (bool::from(output.ct_eq(expected.as_bytes())), is_todays) {
            (false, _) => Ok(Match::Different),
            (true, true) => Ok(Match::Same),
            (true, false) => Ok(Match::Outdated),
        }
    }

    fn output(
        &mut self,
        argon2: &Argon2<'_>,
        password: &Secret,
        salt: &[u8],
        length: usize,
    ) -> Result<Zeroizing<Vec<u8>>> {
        let blocks = argon2.params().block_count();
        if self.0.len() < blocks {
            self.0.resize(blocks, Block::new());
        }
        let mut output = Zeroizing::new(vec![0; length]);
        let memory = self.0.get_mut(..blocks).context("there is no memory")?;
        let password = password.expose().as_bytes();
        argon2.hash_password_into_with_memory(password, salt, &mut output, memory).map_err(unusable)?;
        Ok(output)
    }

    /// Wipes the memory.
    pub(super) fn wipe(&mut self) {
        self.0.iter_mut().for_each(Block::zeroize);
    }
}

fn unusable(cause: impl fmt::Display) -> anyhow::Error {
    anyhow!("the hash cannot be used: {cause}")
}

#[cfg(test)]
mod tests {
    use argon2::PasswordHasher as _;
    use proptest::{collection::vec, prelude::*};

    use super::*;

    #[test]
    fn the_cost_is_the_one_that_is_said() {
        let params = today().params().clone();
        assert_eq!((params.m_cost(), params.t_cost(), params.p_cost()), (19_456, 2, 1));
    }

    #[test]
    fn nobody_costs_what_somebody_costs() {
        let known = PasswordHash::new(NOBODY).unwrap();
        let costs = |params: &Params| (params.m_cost(), params.t_cost(), params.p_cost());
        assert_eq!(costs(&Params::try_from(&known).unwrap()), costs(today().params()));
        assert_eq!(known.hash.unwrap().len(), OUTPUT);
        assert_eq!(Memory::default().compare(&"anything".into(), NOBODY).unwrap(), Match::Different);
    }

    proptest! {
        /// The library's own function, which allocates memory for each hash.
        #[test]
        fn every_hash_of_any_cost_is_known_in_memory_that_is_used_again(
            (memory, passes, lanes) in (1_u32..=4).prop_flat_map(|lanes| (8 * lanes..=600, 1_u32..=3, Just(lanes))),
            length in 16_usize..=64,
            password in "\\PC{0,100}",
            salt in vec(any::<u8>(), 8..=32),
        ) {
            let params = Params::new(memory, passes, lanes, Some(length)).unwrap();
            let theirs = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
            let theirs = theirs.hash_password_with_salt(password.as_bytes(), &salt).unwrap().to_string();
            let mut used = Memory(vec![Block::new(); 300]);
            for _ in 0..2 {
                prop_assert_eq!(used.compare(&password.as_str().into(), &theirs).unwrap(), Match::Outdated);
                let other = Secret::new(format!("{password}x"));
                prop_assert_eq!(used.compare(&other, &theirs).unwrap(), Match::Different);
            }
        }
    }

    #[test]
    fn a_new_hash_is_the_one_that_the_library_makes() {
        let ours = Memory::default().hash(&"correct donkey battery paperclip".into(), &[7; 16]).unwrap();
        let theirs = Argon2::default().hash_password_with_salt(b"correct donkey battery paperclip", &[7; 16]).unwrap();
        assert_eq!(ours, theirs.to_string());
    }
}
