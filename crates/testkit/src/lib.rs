//! A test kit: still clocks, seeded randomness, users with soft tokens, a browser-like client, and the contract suites
//! that every implementation of a port has to pass, built in or a host's.
//!
//! Nothing here belongs in a running server: passwords are kept in clear text, and time stands still.
#![expect(clippy::expect_used, clippy::panic, clippy::missing_panics_doc, reason = "a test kit fails by panicking")]

mod app;
mod browser;
mod chance;
pub mod contract;
mod failing;
mod faketime;
mod hooked;
mod outbox;
mod people;
mod program;
mod race;
mod rounds;
mod wishes;
mod world;

pub use app::SoftApp;
pub use browser::{Browser, Form, Page};
pub use chance::{SeededRandom, StillClock};
pub use failing::{Failing, Fails};
pub use faketime::shift_clock;
pub use hooked::{HookedUsers, UsersCall};
pub use outbox::{Behaviour, Outbox, SoftToken, SoftYubikey, TestValidator, other_code};
pub use people::TestUsers;
pub use program::{Answer, Program};
pub use race::{Careless, Gate, all_at_once};
pub use rounds::rounds;
pub use wishes::WISHES;
pub use world::{Person, World, refusal};
