//! Errors of an exchange with a mail server.
//!
//! A server's response may quote the address, so only its numbers are kept. Errors of the connection itself come from
//! this machine and are kept.

use std::{error::Error as _, fmt};

use lettre::transport::smtp::Error;

/// Enhanced status codes for a recipient that does not exist, has moved or accepts no mail (RFC 3463 §3.2, §3.3; RFC
/// 7505 §4.2). A full mailbox may have room later, and a rejected sender is not the recipient's fault.
const OF_THE_RECIPIENT: [&str; 7] = ["5.1.0", "5.1.1", "5.1.2", "5.1.3", "5.1.6", "5.1.10", "5.2.1"];
/// Status codes for such a recipient from a server without enhanced ones (RFC 5321 §4.2.3).
const NO_SUCH_MAILBOX: [&str; 3] = ["550", "551", "553"];

#[derive(Debug, thiserror::Error)]
pub(super) enum Broken {
    #[error("it took too long")]
    Late,
    #[error("the mail server answered {0}")]
    Refused(Answer),
    #[error("the mail server does not speak SMTP")]
    Garbled,
    /// The local part of the address is not in ASCII (RFC 6531).
    #[error("the mail server does not offer SMTPUTF8")]
    Ascii,
    #[error("{0}")]
    Lost(String),
}

/// The numbers of a response.
#[derive(Debug)]
pub(super) struct Answer {
    code: String,
    /// The enhanced status code (RFC 3463 §2), if there is one.
    detail: Option<String>,
}

impl Broken {
    /// Why the recipient cannot receive mail, if the response means that.
    pub(super) fn unreachable(&self) -> Option<String> {
        let answer = match self {
            Self::Refused(answer) => answer,
            Self::Ascii => return Some(self.to_string()),
            _ => return None,
        };
        let is_recipient = match &answer.detail {
            Some(detail) => OF_THE_RECIPIENT.contains(&detail.as_str()),
            None => NO_SUCH_MAILBOX.contains(&answer.code.as_str()),
        };
        is_recipient.then(|| answer.to_string())
    }
}

impl From<Error> for Broken {
    fn from(error: Error) -> Self {
        let said = error.source().map(ToString::to_string).unwrap_or_default();
        match error.status() {
            Some(code) => {
                let detail = said.split_whitespace().next().filter(|word| is_detail(word)).map(str::to_owned);
                Self::Refused(Answer { code: code.to_string(), detail })
            }
            None if error.is_timeout() => Self::Late,
            None if error.is_response() => Self::Garbled,
            None => Self::Lost(said),
        }
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.code)?;
        self.detail.as_ref().map_or(Ok(()), |detail| write!(f, " {detail}"))
    }
}

/// Whether a word is an enhanced status code, which consists of numbers only.
fn is_detail(word: &str) -> bool {
    let is_number = |part: &str| (1..=3).contains(&part.len()) && part.bytes().all(|c| c.is_ascii_digit());
    word.split('.').count() == 3 && word.split('.').all(is_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_detail_is_made_of_numbers_alone() {
        assert!(is_detail("5.1.1") && is_detail("5.1.10"));
        for other in ["", "5.1", "5.1.1.1", "ada@1.2.3", "5.1.x", "<ada@example.org>", "5..1"] {
            assert!(!is_detail(other), "{other}");
        }
    }

    #[test]
    fn a_refusal_is_the_recipient_s_only_if_the_server_says_so() {
        for (code, detail, is_recipient) in [
            ("550", None, true),
            ("552", None, false),
            ("535", None, false),
            ("550", Some("5.1.1"), true),
            ("556", Some("5.1.10"), true),
            ("550", Some("5.7.1"), false),
            ("550", Some("5.1.8"), false),
            ("552", Some("5.2.2"), false),
        ] {
            let broken = Broken::Refused(Answer { code: code.into(), detail: detail.map(str::to_owned) });
            assert_eq!(broken.unreachable().is_some(), is_recipient, "{broken}");
        }
    }
}
