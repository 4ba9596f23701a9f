//! What the engine asks of the world.
//!
//! Each port is small enough to be written in an afternoon and has one contract suite that ours and a host's
//! implementation both run. No port is asked to decide anything: the rules stay in `countersign-core`.

mod call_app;
mod chance;
mod gateway;
pub mod hooked;
mod observer;
mod owners;
mod store;
mod users;
mod validator;

pub use call_app::CallApp;
pub use chance::{Clock, Random};
pub use gateway::{AnyNumber, Gateway, Message, NotTaken, Numbers, Taken};
pub use observer::{Answered, Observer, Silent};
pub use owners::{InTurn, Owners};
pub use store::{Horizon, Store};
pub(crate) use users::PasswordPlace;
pub use users::{Lane, PreparedPassword, User, Users};
pub use validator::Validator;
