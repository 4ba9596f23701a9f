//! Trials of the real program, under real clients, attacks and power failures.
//!
//! They test the program that is shipped: over sockets, in a real browser, under `strace`, and with SIGKILL. A trial
//! whose requirements are missing fails; nothing is skipped. `cargo xtask test` builds the program and installs the
//! rest.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::missing_panics_doc,
    reason = "a trial fails by panicking"
)]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]

pub use cluster::{Cluster, Fresh, Stop};

mod crowd;
mod front;
mod installation;
mod running;
mod site;
mod walk;
mod webdriver;

pub use crowd::{Answer, Crowd, Record, Someone, at_node, at_once, people};
pub use front::{Front, NODE, PROXY};
pub use installation::{Clock, Installation};
pub use running::{PASSWORD, Server, Socket, free_port, program, try_request};
pub use site::Site;
pub use walk::{Walk, code_at, code_of, wait_for_a_fresh_code, wrong_code};
pub use webdriver::{Person, Scripts};
