//! Keeps what is in this process's memory, keys and seeds among it, out of core dumps.
//!
//! A process that crashes leaves its memory in a file, where the system is set to that, and a debugger of the same user reads
//! it while it runs. Neither is of use here: both are forbidden before anything secret is read.

use std::io;

/// Forbids core dumps (`RLIMIT_CORE` 0) and the reading of this process's memory by other processes of its user
/// (`PR_SET_DUMPABLE` 0), from now on.
#[cfg(target_os = "linux")]
pub(crate) fn forbid() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// Elsewhere, what a crash leaves is for the system's own settings.
#[cfg(not(target_os = "linux"))]
pub(crate) fn forbid() -> io::Result<()> {
    Ok(())
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::process::{DumpableBehavior, Resource, dumpable_behavior, getrlimit};

    use super::*;

    #[test]
    fn t123_what_is_forbidden_is_what_the_kernel_says_afterwards() {
        forbid().unwrap();
        assert_eq!(dumpable_behavior().unwrap(), DumpableBehavior::NotDumpable);
        let limit = getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
    }
}
