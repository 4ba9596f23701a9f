//! The ports: what the engine needs from its environment.
//!
//! Each port is small and has one contract suite, which both the built-in and a host's implementation run. No port
//! decides anything: the rules stay in `countersign-core`.

mod chance;
mod gateway;
pub mod hooked;
mod observer;
mod session_lookup;
mod store;
mod users;
mod validator;
mod voice_callbacks;

pub use chance::{Clock, Random};
pub use gateway::{AcceptAnyNumber, Gateway, Message, NotTaken, PhoneNumberParser, Taken};
pub use observer::{Answered, NoopObserver, Observer};
pub use session_lookup::{SeparateReads, SessionLookup};
pub use store::{Retention, Store};
pub(crate) use users::PasswordPlace;
pub use users::{Lane, PreparedPassword, User, Users};
pub use validator::Validator;
pub use voice_callbacks::VoiceCallbacks;
