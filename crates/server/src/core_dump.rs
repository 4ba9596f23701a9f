//! Keeps the process's memory, which holds keys and seeds, out of core dumps.
//!
//! A crash can leave the memory in a file, depending on the system's settings, and a debugger of the same user can read
//! it at any time. Neither is needed here: both are forbidden before anything secret is read.

use std::io;

/// Forbids core dumps (`RLIMIT_CORE` 0) and reading this process's memory by other processes of the same user
/// (`PR_SET_DUMPABLE` 0), from now on.
#[cfg(target_os = "linux")]
pub(crate) fn forbid() -> io::Result<()> {
    use rustix::process::{DumpableBehavior, Resource, Rlimit, set_dumpable_behavior, setrlimit};
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    set_dumpable_behavior(DumpableBehavior::NotDumpable)?;
    Ok(())
}

/// On other systems, core dumps are left to the system's settings.
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
