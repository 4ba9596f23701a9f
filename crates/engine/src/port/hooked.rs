//! A store in front of a store: it runs a hook around each call.

use std::{fmt::Debug, sync::Arc};

use async_trait::async_trait;
use countersign_core::{
    AttemptId, Batch, Budget, Client, ClientId, Delivery, Device, DeviceCookie, DeviceId, Event, Factors, Node,
    Predecessor, Receipt, Sealed, Session, SessionKey, Token, TokenKey, UserId,
};

use super::{Retention, Store};
use crate::Fault;

/// Runs around the calls of a store.
pub trait Hook: Debug + Send + Sync {
    /// Must run `call`, which does not run otherwise, and returns its result or another one. `operation` is one of
    /// [`OPERATIONS`].
    fn around<T: Send>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, Fault>> + Send,
    ) -> impl Future<Output = Result<T, Fault>> + Send {
        let _ = operation;
        call
    }

    /// The same for a commit, with its batch. A hook may change the changes of a batch, never its identity.
    fn commit(&self, store: &dyn Store, batch: Batch<Sealed>) -> impl Future<Output = Result<Receipt, Fault>> + Send {
        self.around("commit", store.commit(batch))
    }
}

/// A store that passes each call through a [`Hook`] to another store.
#[derive(Debug)]
pub struct Hooked<H> {
    store: Arc<dyn Store>,
    hook: H,
}

impl<H> Hooked<H> {
    /// Puts this hook in front of `store`.
    pub fn new(store: Arc<dyn Store>, hook: H) -> Self {
        Self { store, hook }
    }

    /// The hook.
    pub fn hook(&self) -> &H {
        &self.hook
    }
}

/// Defines every operation but `commit` once.
macro_rules! through_the_hook {
    ($($operation:ident($($argument:ident: $type:ty),*) -> $answer:ty;)*) => {
        /// The names of the operations of [`Store`].
        pub const OPERATIONS: &[&str] = &[$(stringify!($operation)),*, "commit"];

        #[async_trait]
        impl<H: Hook> Store for Hooked<H> {
            $(async fn $operation(&self, $($argument: $type),*) -> Result<$answer, Fault> {
                self.hook.around(stringify!($operation), self.store.$operation($($argument),*)).await
            })*

            async fn commit(&self, batch: Batch<Sealed>) -> Result<Receipt, Fault> {
                self.hook.commit(&*self.store, batch).await
            }
        }
    };
}

through_the_hook! {
    factors(user: &UserId) -> Factors<Sealed>;
    device(device: &DeviceId) -> Option<Device<Sealed>>;
    attempt_spent(attempt: &AttemptId) -> bool;
    session(key: &SessionKey) -> Option<Session>;
    session_after(predecessor: &Predecessor) -> Option<Session>;
    sessions(user: &UserId) -> Vec<Session>;
    token(key: &TokenKey) -> Option<Token>;
    tokens(user: &UserId) -> Vec<Token>;
    client(client: &ClientId) -> Option<Client>;
    clients() -> Vec<Client>;
    events(user: &UserId, limit: u32) -> Vec<Event>;
    deliveries(user: &UserId, limit: u32) -> Vec<Delivery>;
    budget(key: &str) -> Option<Budget>;
    device_cookies(user: &UserId) -> Vec<DeviceCookie>;
    nodes() -> Vec<Node>;
    devices_after(cursor: Option<&DeviceId>, limit: u32) -> Vec<Device<Sealed>>;
    purge(retention: &Retention) -> u64;
    ping() -> ();
}
