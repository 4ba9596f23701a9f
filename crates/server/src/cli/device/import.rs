//! `countersign device import`: hardware tokens that come with a file of seeds.
//!
//! Everything is read, looked up and compared before anything is written. A token that another user has, or whose
//! secret differs from the file's, is an error and never "already imported": otherwise its new owner would sign in with
//! the password alone.

use std::{
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, anyhow, bail, ensure};
use clap::Args;
use countersign_engine::{
    NewToken, PreviousOwner, TwoFactorStatus, User,
    core::{
        DeviceId, DeviceName, Kind, Timestamp, UserId,
        device::Envelope,
        mark::Marks,
        method::{State, hotp, totp, yubikey},
        otp::yubikey::PublicId,
        provision::Provisioned,
    },
};
use data_encoding::BASE32_NOPAD;
use serde::Serialize;
use sha2::{Digest as _, Sha256};
use zeroize::Zeroizing;

use super::{
    super::{Form, one_of, reason, secret, told},
    moment,
};
use crate::{
    seeds::{self, OathKind, PreShared, Seed, SeedSecret, Supplement, distinguished_name},
    users::seen,
    wire::Installation,
};

#[derive(Args, Debug)]
pub(super) struct Arguments {
    /// The file of seeds
    file: PathBuf,
    /// The user to give the tokens to, if the file does not name users
    #[arg(long, value_name = "NAME")]
    user: Option<String>,
    /// The file names users by distinguished names: the attribute with the user's name, such as cn or uid
    #[arg(long, value_name = "ATTRIBUTE")]
    user_attribute: Option<String>,
    /// The type of the tokens in a CSV file, if the file does not say it
    #[arg(long = "type", value_name = "TYPE")]
    kind: Option<OathKind>,
    /// Move tokens that belong to other users, and replace tokens that have another secret here
    #[arg(long)]
    take_over: bool,
    #[command(flatten)]
    pre_shared: PreSharedFrom,
    /// Read and check everything, but change nothing
    #[arg(long)]
    dry_run: bool,
    #[command(flatten)]
    form: Form,
}

#[derive(Args, Clone, Copy, Debug)]
struct PreSharedFrom {
    /// The file is encrypted: read the key, in hexadecimal digits, from the first line of standard input
    #[arg(long, conflicts_with = "password_stdin")]
    key_stdin: bool,
    /// The file is encrypted: read the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

impl PreSharedFrom {
    fn take(self) -> Result<Option<PreShared>> {
        Ok(match (self.key_stdin, self.password_stdin) {
            (true, _) => Some(PreShared::key_from_hex(&secret::read_line()?)?),
            (_, true) => Some(PreShared::Password(secret::read_line()?)),
            _ => None,
        })
    }
}

/// A token that is about to be given to a user.
struct Delivery {
    user: User,
    token: NewToken,
    plan: Plan,
}

/// The result for one token, as it is printed.
#[derive(Debug, Serialize)]
struct Shown<'a> {
    user: &'a str,
    kind: &'a str,
    name: &'a str,
    outcome: &'a str,
    /// The user who had it before.
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<&'a str>,
    /// Milliseconds since 1970, as everywhere in the database.
    #[serde(skip_serializing_if = "Option::is_none")]
    valid_until: Option<i64>,
    /// Whether the key has fewer than 128 bits; left out if not.
    #[serde(skip_serializing_if = "Option::is_none")]
    weak_key: Option<bool>,
}

/// What to do with a token.
#[derive(Clone, PartialEq, Eq)]
enum Plan {
    /// Give it to the user: no user has it.
    Give,
    /// Do nothing: the user has it already.
    Keep,
    /// Store its new expiry date.
    Date,
    /// Replace the user's token with this serial number.
    Replace,
    /// Move it from this user.
    Move(String),
}

pub(super) async fn run(installation: &Installation, arguments: Arguments) -> Result<()> {
    let key = arguments.pre_shared.take()?;
    let doing = || format!("could not read {}", arguments.file.display());
    let supplement = Supplement { key: key.as_ref(), kind: arguments.kind };
    let seeds = seeds::read(&whole(&arguments.file)?, supplement).with_context(doing)?;
    let deliveries = deliveries_of(installation, seeds, &arguments).await.with_context(doing)?;
    let outcomes: Vec<String> = deliveries.iter().map(|delivery| delivery.outcome(arguments.dry_run)).collect();
    let (mut data, mut lines) = (vec![], vec![]);
    for (place, (delivery, outcome)) in deliveries.iter().zip(&outcomes).enumerate() {
        let left = if arguments.dry_run {
            None
        } else {
            carry_out(installation, delivery).await.with_context(|| delivery.failed(place, deliveries.len()))?
        };
        lines.push(delivery.line(outcome));
        data.push(delivery.shown(outcome));
        if left.is_some_and(|left| left.two_factor == TwoFactorStatus::Disabled)
            && let Plan::Move(previous) = &delivery.plan
        {
            lines.push(format!("{previous}: two-factor authentication is now off, because no other device is left"));
        }
    }
    let weak = deliveries.iter().filter(|delivery| delivery.token.state.state.has_weak_key()).count();
    if weak > 0 {
        lines.push(format!("tokens with a weak key (under 128 bits): {weak}. Replace them as soon as you can."));
    }
    arguments.form.print(&data, lines.join("\n"))
}

async fn carry_out(installation: &Installation, delivery: &Delivery) -> Result<Option<PreviousOwner>> {
    let (engine, Delivery { user, token, plan }) = (&installation.engine, delivery);
    match plan {
        Plan::Keep => Ok(None),
        Plan::Give => {
            let NewToken { id, kind, name, state } = token.clone();
            engine.add_device(user, &id, &kind, name, state).await.map(|()| None).map_err(told)
        }
        Plan::Date => engine.set_validity(user, &token.id, token.state.valid_until).await.map(|()| None).map_err(told),
        Plan::Replace | Plan::Move(_) => engine.take_over_device(user, token).await.map_err(told),
    }
}

impl Delivery {
    fn outcome(&self, dry_run: bool) -> String {
        match (&self.plan, dry_run) {
            (Plan::Keep, _) => "already imported".into(),
            (Plan::Give, false) => "given".into(),
            (Plan::Give, true) => "would be imported".into(),
            (Plan::Date, false) => "already imported, expiry date updated".into(),
            (Plan::Date, true) => "already imported, expiry date would be updated".into(),
            (Plan::Replace, false) => "replaced".into(),
            (Plan::Replace, true) => "would be replaced".into(),
            (Plan::Move(previous), false) => format!("moved from {previous}"),
            (Plan::Move(previous), true) => format!("would be moved from {previous}"),
        }
    }

    fn line(&self, outcome: &str) -> String {
        let NewToken { kind, name, state, .. } = &self.token;
        let end = state.valid_until.map(|until| format!(", valid until {}", moment(until))).unwrap_or_default();
        let weak = if state.state.has_weak_key() { ", weak key" } else { "" };
        format!("{}: {name} ({kind}) {outcome}{end}{weak}", self.user.name)
    }

    /// What to do after an error that occurred when `before` of `all` tokens had been imported.
    fn failed(&self, before: usize, all: usize) -> String {
        let (serial, user) = (&self.token.name, &self.user.name);
        format!(
            "could not import {serial} for {user}: {before} of {all} tokens were imported before it; run the \
             import again"
        )
    }

    fn shown<'a>(&'a self, outcome: &'a str) -> Shown<'a> {
        let NewToken { kind, name, state, .. } = &self.token;
        Shown {
            user: &self.user.name,
            kind: kind.as_str(),
            name: name.as_str(),
            outcome,
            from: if let Plan::Move(previous) = &self.plan { Some(previous) } else { None },
            valid_until: state.valid_until.map(Timestamp::as_millis),
            weak_key: state.state.has_weak_key().then_some(true),
        }
    }
}

fn whole(file: &Path) -> Result<Zeroizing<Vec<u8>>> {
    let doing = || format!("could not read {}", file.display());
    let most = u64::try_from(seeds::LARGEST).unwrap_or(u64::MAX).saturating_add(1);
    // Room for the whole file and one byte more, to detect a longer one: a buffer that grew would leave copies of
    // secrets.
    let mut text = Zeroizing::new(Vec::with_capacity(seeds::LARGEST.saturating_add(64)));
    File::open(file).with_context(doing)?.take(most).read_to_end(&mut text).with_context(doing)?;
    ensure!(text.len() <= seeds::LARGEST, "could not read {}: it is larger than 16 MiB", file.display());
    Ok(text)
}

/// The owner of each token; an error if one of them cannot be determined.
async fn deliveries_of(installation: &Installation, seeds: Vec<Seed>, arguments: &Arguments) -> Result<Vec<Delivery>> {
    let now = installation.engine.now();
    let mut deliveries = vec![];
    for seed in seeds {
        let line = seed.line;
        let delivery = delivery_of(installation, seed, arguments, now).await;
        deliveries.push(delivery.with_context(|| format!("line {line}"))?);
    }
    Ok(deliveries)
}

async fn delivery_of(
    installation: &Installation,
    seed: Seed,
    arguments: &Arguments,
    now: Timestamp,
) -> Result<Delivery> {
    let Seed { serial, user: owner, validity, secret, .. } = seed;
    let user = user_of(installation, owner.as_deref(), arguments).await?;
    if validity.from.is_some_and(|from| now < from) {
        bail!("the token is not valid yet");
    }
    if validity.until.is_some_and(|until| now > until) {
        bail!("the token has expired");
    }
    let name = DeviceName::parse(&serial).map_err(|refusal| anyhow!(reason(&refusal)))?;
    let (kind, state) = state_of(secret, now);
    let state = Envelope { valid_until: validity.until, ..state };
    let mut token = NewToken { id: id_of(&kind, &serial, None), kind, name, state };
    let mut found = installation.engine.provisioned(&user.id, &token).await?;
    if let State::Yubikey(state) = &token.state.state
        && found.as_ref().is_none_or(|found| *found == Provisioned::OtherSlot)
    {
        // The two slots of a YubiKey share a serial number. Earlier versions gave one of them the row of the number
        // alone.
        token.id = id_of(&token.kind, &serial, state.public_id());
        found = installation.engine.provisioned(&user.id, &token).await?;
    }
    let plan = plan_of(installation, found, arguments.take_over).await?;
    Ok(Delivery { user, token, plan })
}

/// What to do, given the row that the token has already.
async fn plan_of(installation: &Installation, found: Option<Provisioned>, take_over: bool) -> Result<Plan> {
    Ok(match found {
        None => Plan::Give,
        Some(Provisioned::Same) => Plan::Keep,
        Some(Provisioned::OtherEnd) => Plan::Date,
        Some(Provisioned::OtherSecret) if take_over => Plan::Replace,
        Some(Provisioned::OtherSecret) => {
            bail!("the user has a token with this serial number and another secret: use --take-over to replace it")
        }
        Some(Provisioned::OtherOwner(owner)) => {
            let name = name_of(installation, owner).await?;
            ensure!(take_over, "this token belongs to {name}: use --take-over to move it");
            Plan::Move(name)
        }
        Some(Provisioned::OtherSlot) => bail!("another token is stored in the row of this one"),
    })
}

/// The name of the user who has a token, or the id of a deleted user.
async fn name_of(installation: &Installation, user: UserId) -> Result<String> {
    let row = installation.users.table.by_id(&user).await?;
    Ok(row.map_or_else(|| user.to_string(), |row| row.name))
}

async fn user_of(installation: &Installation, owner: Option<&str>, arguments: &Arguments) -> Result<User> {
    let named = match (owner, &arguments.user_attribute) {
        (Some(owner), Some(attribute)) => {
            let name = distinguished_name::attribute(owner, attribute);
            Some(name.with_context(|| format!("the owner is not a distinguished name with the attribute {attribute}"))?)
        }
        (owner, _) => owner.map(str::to_owned),
    };
    let name = named
        .or(arguments.user.clone())
        .context("the file does not say whose token this is: name the user with --user")?;
    let is_distinguished = arguments.user_attribute.is_none() && name.contains('=');
    let row = one_of(&installation.users, &name).await;
    let row = if is_distinguished {
        row.context("the owner is a distinguished name: name the attribute with the user's name by --user-attribute")
    } else {
        row
    };
    Ok(seen(row?))
}

/// The state of a token that has not been used here yet.
fn state_of(secret: SeedSecret, now: Timestamp) -> (Kind, Envelope) {
    match secret {
        SeedSecret::Hotp { key, algorithm, digits, counter } => {
            let state = State::Hotp(hotp::State::at(key, algorithm, digits, counter));
            (Kind::HOTP, used_below(state, counter))
        }
        SeedSecret::Totp { key, totp, used, drift } => {
            // A step far ahead was counted by a wrong clock; it would lock the token until that time.
            let latest = totp.step_at(now.as_seconds()).unwrap_or_default().saturating_add(1);
            let below = used.map_or(0, |used| used.min(latest).saturating_add(1));
            let state = totp::State { drift, ..totp::State::with(key, totp) };
            (Kind::TOTP, used_below(State::Totp(state), below))
        }
        SeedSecret::Yubikey { public_id, private_id, key, counter } => {
            let state = State::Yubikey(yubikey::State::own(public_id, private_id, key));
            (Kind::YUBIKEY, used_below(state, counter.saturating_add(1)))
        }
    }
}

/// A state that accepts no counter below this one.
fn used_below(state: State, counter: u64) -> Envelope {
    let marks = counter.checked_sub(1).map(Marks::with_floor).unwrap_or_default();
    Envelope { marks, ..Envelope::new(state) }
}

/// The id of the row. It is derived from the token itself, so that importing a file again adds nothing twice.
fn id_of(kind: &Kind, serial: &str, slot: Option<&PublicId>) -> DeviceId {
    let slot = slot.map(|slot| format!("\n{slot}")).unwrap_or_default();
    let hash = Sha256::digest(format!("{kind}\n{serial}{slot}"));
    let letters = BASE32_NOPAD.encode(hash.get(..16).unwrap_or_default());
    DeviceId::new(letters.to_ascii_lowercase())
}

#[cfg(test)]
mod tests {
    use countersign_engine::core::otp::{Key, Totp};

    use super::*;

    #[test]
    fn what_a_token_has_done_elsewhere_is_remembered_and_a_clock_that_was_ahead_locks_none() {
        let (now, totp) = (Timestamp::from_millis(1_800_000_000_000), Totp::default());
        let step = totp.step_at(now.as_seconds()).unwrap();
        for (used, highest) in [(None, None), (Some(step - 10), Some(step - 10)), (Some(u64::MAX), Some(step + 1))] {
            let secret = SeedSecret::Totp { key: Key::new([7; 20]), totp, used, drift: -2 };
            let (_, envelope) = state_of(secret, now);
            assert_eq!(envelope.marks, highest.map(Marks::with_floor).unwrap_or_default(), "{used:?}");
            let State::Totp(state) = envelope.state else { panic!("{:?}", envelope.state) };
            assert_eq!(state.drift, -2);
        }
    }
}
