//! The counters that exist from the start, at 0, with every label value that is known in advance.
//!
//! A counter that appears only with its first event hides that first increase: `rate()` and `increase()` see a value
//! that was never 0, and an alert does not fire. Requests are the exception: their routes and statuses are known only
//! when they are requested.

use countersign_engine::{
    core::{EventKind, Kind, Refusal},
    port::hooked::OPERATIONS,
};
use metrics::counter;

use super::counting::NO_METHOD;

/// The outcomes of a commit.
const COMMITS: [&str; 4] = ["done", "conflict", "overspent", "fault"];

/// Registers them.
pub(super) fn register() {
    for kind in EventKind::ALL {
        counter!("countersign_events_total", "kind" => kind.as_str()).increment(0);
    }
    for refusal in Refusal::ALL {
        counter!("countersign_refusals_total", "code" => refusal.code()).increment(0);
    }
    for outcome in COMMITS {
        counter!("countersign_commits_total", "outcome" => outcome).increment(0);
    }
    for operation in OPERATIONS {
        counter!("countersign_store_faults_total", "operation" => *operation).increment(0);
    }
    let methods: Vec<String> = Kind::OURS.iter().map(|kind| kind.as_str().to_owned()).collect();
    for method in methods.iter().map(String::as_str).chain([NO_METHOD]) {
        counter!("countersign_sign_ins_total", "method" => method.to_owned()).increment(0);
        for outcome in outcomes() {
            counter!("countersign_answers_total", "method" => method.to_owned(), "outcome" => outcome).increment(0);
        }
    }
}

/// The possible outcomes of an answer for a device.
fn outcomes() -> impl Iterator<Item = &'static str> {
    Refusal::ALL.iter().filter(|refusal| is_of_an_answer(refusal)).map(Refusal::code).chain(["accepted"])
}

/// Whether an answer for a device can be refused with this refusal: because of the answer, the device, the session or
/// the attempt. The match is exhaustive, so that each new refusal must be decided on.
fn is_of_an_answer(refusal: &Refusal) -> bool {
    match refusal {
        Refusal::CodeMalformed
        | Refusal::CodeMistyped
        | Refusal::CodeWrong
        | Refusal::CodeUsed
        | Refusal::ClockSetBack
        | Refusal::NoCodeSent
        | Refusal::MethodUnavailable
        | Refusal::MethodUnknown
        | Refusal::DeviceLocked { .. }
        | Refusal::DeviceDisabled
        | Refusal::DeviceExpired
        | Refusal::DeviceUnknown
        | Refusal::UnrecognizedBrowser
        | Refusal::AttemptExpired
        | Refusal::TooManyFailures { .. }
        | Refusal::TooManyDevices { .. }
        | Refusal::NotEnabled
        | Refusal::VerificationNeeded
        | Refusal::PasswordNeeded
        | Refusal::SignInNeeded
        | Refusal::SessionReplaced => true,
        Refusal::InvalidCredentials
        | Refusal::TooManyRequests { .. }
        | Refusal::SendingTooSoon { .. }
        | Refusal::SendingLimited { .. }
        | Refusal::SendingFailed
        | Refusal::AddressUnreachable
        | Refusal::AddressInvalid
        | Refusal::FactorsChanged
        | Refusal::LastDevice { .. }
        | Refusal::NameInvalid { .. }
        | Refusal::PasswordWrong
        | Refusal::PasswordShort { .. }
        | Refusal::PasswordLong { .. }
        | Refusal::PasswordCommon
        | Refusal::PasswordPersonal
        | Refusal::PasswordSame
        | Refusal::PasswordsDiffer
        | Refusal::PasswordManagedExternally
        | Refusal::SessionUnknown
        | Refusal::TokenUnknown
        | Refusal::TooManyTokens { .. }
        | Refusal::ScopeInvalid
        | Refusal::LifetimeInvalid { .. }
        | Refusal::ScopeInsufficient => false,
    }
}
