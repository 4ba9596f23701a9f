//! Gateways and outside services.
//!
//! The adapters that send codes by e-mail, text message or call, and those that ask validation services, each behind a
//! port of `countersign-engine`. A gateway never decides to whom a message is sent, and never logs a message or its
//! recipient.

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
