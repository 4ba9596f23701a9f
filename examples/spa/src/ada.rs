//! What the host provides: its only user, and a way to send codes. A real host has a users table and a gateway instead.

use argon2::{Argon2, PasswordHasher, PasswordVerifier, password_hash::phc::PasswordHash};
use async_trait::async_trait;
use countersign::engine::{
    Fault, User, Users,
    core::{Secret, UserId},
    port::{Gateway, Message, NotTaken, Taken},
};

/// The only user.
#[derive(Debug)]
pub struct Ada {
    hash: String,
}

impl Ada {
    /// Ada, with this password.
    pub fn with(password: &str) -> anyhow::Result<Self> {
        let hash = Argon2::default().hash_password(password.as_bytes()).map_err(|error| anyhow::anyhow!("{error}"))?;
        Ok(Self { hash: hash.to_string() })
    }

    fn user() -> User {
        User { id: UserId::new("1"), name: "ada".into(), active: true, staff: false, stamp: "1".into() }
    }
}

#[async_trait]
impl Users for Ada {
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        Ok(Some(Self::user()).filter(|ada| ada.name == self.canonical(name)))
    }

    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
        Ok(Some(Self::user()).filter(|ada| ada.id == *id))
    }

    /// For another name the password is compared with Ada's hash too, so that it takes as long.
    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        let (hash, password, known) = (self.hash.clone(), password.clone(), user.is_some());
        let check = tokio::task::spawn_blocking(move || {
            let hash = PasswordHash::new(&hash).map_err(|error| Fault::because("read a password hash", error))?;
            let matches = Argon2::default().verify_password(password.expose().as_bytes(), &hash).is_ok();
            Ok(matches && known)
        });
        check.await.map_err(|error| Fault::because("check a password", error))?
    }
}

/// Sends every code to the terminal.
#[derive(Clone, Copy, Debug)]
pub struct Terminal;

#[async_trait]
impl Gateway for Terminal {
    #[expect(clippy::print_stdout, reason = "here the terminal is everybody's telephone")]
    async fn deliver(&self, message: &Message) -> Result<Taken, NotTaken> {
        println!("to {}: {}", message.to.expose(), message.code.expose());
        Ok(Taken { reference: None })
    }
}
