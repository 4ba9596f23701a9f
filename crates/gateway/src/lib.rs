//! Reaching people and outside services.
//!
//! Where codes are sent by mail, text message or call, and where services that check answers are asked, the adapters stand
//! here, each behind a port of `countersign-engine`. A gateway never decides whom to reach, and never writes what it carries,
//! or to whom, into a log.

mod command;
mod function;
mod log;
mod message;
mod number;
mod request;
mod smtp;
mod text;
mod twilio;
mod webhook;
mod yubico;

pub use command::Command;
pub use function::Function;
pub use log::Terminal;
pub use number::{Libphonenumber, UnknownRegion};
pub use request::NotAnAddress;
pub use smtp::{Smtp, SmtpError, SmtpSettings};
pub use text::{Texts, TextsError};
pub use twilio::{Twilio, TwilioSettings};
pub use webhook::Webhook;
pub use yubico::{YubicoError, YubicoService};
