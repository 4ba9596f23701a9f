//! What the engine asks of the world.
//!
//! Each port is small enough to be written in an afternoon and has one contract suite that ours and a host's
//! implementation both run. No port is asked to decide anything: the rules stay in `countersign-core`.

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
