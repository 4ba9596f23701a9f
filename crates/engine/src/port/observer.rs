//! Whoever wants to know.

use std::fmt::Debug;

use async_trait::async_trait;
use countersign_core::{Event, Session};

use crate::{Fault, User};

/// Is told of grants and events. Runs inside the request, so it should be quick.
#[async_trait]
pub trait Observer: Debug + Send + Sync {
    /// A session is about to be written for `user`. A fault here, or a panic, stops the grant: no session comes to be.
    async fn before_grant(&self, _user: &User, _session: &Session) -> Result<(), Fault> {
        Ok(())
    }

    /// These events were written.
    async fn after_commit(&self, _events: &[&Event]) {}
}

/// Nobody wants to know.
#[derive(Clone, Copy, Debug, Default)]
pub struct Silent;

impl Observer for Silent {}
