//! Bytes that are written one after the other and wiped when they are dropped.
//!
//! A plain vector that grows moves its bytes and leaves the old ones behind in freed memory. This one wipes the old
//! buffer first.

use std::io;

use zeroize::Zeroizing;

/// The minimum capacity in bytes.
const MIN_CAPACITY: usize = 1024;

/// The bytes. They cannot be printed.
#[derive(Default)]
pub(crate) struct Wiped(Zeroizing<Vec<u8>>);

impl Wiped {
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl io::Write for Wiped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let needed = self.0.len().saturating_add(bytes.len());
        if needed > self.0.capacity() {
            let mut larger = Zeroizing::new(Vec::with_capacity(needed.saturating_mul(2).max(MIN_CAPACITY)));
            larger.extend_from_slice(&self.0);
            // The old buffer is wiped as it is dropped.
            self.0 = larger;
        }
        self.0.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn t123_what_is_written_is_there_and_never_moved_by_the_vector_itself() {
        let (mut wiped, mut expected) = (Wiped::default(), vec![]);
        for length in 0..200_u8 {
            let bytes = vec![length; usize::from(length)];
            let (before, room) = (wiped.0.as_ptr(), wiped.0.capacity() - wiped.0.len());
            wiped.write_all(&bytes).unwrap();
            expected.extend(bytes);
            assert!(usize::from(length) > room || before == wiped.0.as_ptr(), "it grew in place of us");
        }
        assert_eq!(wiped.bytes(), expected);
    }
}
