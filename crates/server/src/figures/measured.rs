//! Wraps a store with metrics: the duration and outcome of commits, and failed operations.

use std::sync::Arc;

use async_trait::async_trait;
use countersign_engine::{
    Fault, SessionLookup, Stopwatch, Store, User,
    core::{Batch, Receipt, Sealed, Session, SessionKey, Token, TokenKey, Written},
    port::hooked::Hook,
};
use metrics::{counter, histogram};

/// Measures commits, and counts their outcomes and failed operations.
#[derive(Debug)]
pub(crate) struct Metrics;

impl Hook for Metrics {
    async fn around<T: Send>(
        &self,
        operation: &'static str,
        call: impl Future<Output = Result<T, Fault>> + Send,
    ) -> Result<T, Fault> {
        counted(operation, call.await)
    }

    async fn commit(&self, store: &dyn Store, batch: Batch<Sealed>) -> Result<Receipt, Fault> {
        let watch = Stopwatch::start();
        let receipt = store.commit(batch).await;
        histogram!("countersign_commit_seconds").record(watch.elapsed());
        let outcome = match receipt.as_ref().map(Receipt::written) {
            Ok(Written::Done) => "done",
            Ok(Written::Conflict) => "conflict",
            Ok(Written::Overspent { .. }) => "overspent",
            Err(_) => "fault",
        };
        counter!("countersign_commits_total", "outcome" => outcome).increment(1);
        counted("commit", receipt)
    }
}

/// Returns the result, and counts it if it is a fault.
fn counted<T>(operation: &'static str, answer: Result<T, Fault>) -> Result<T, Fault> {
    if answer.is_err() {
        counter!("countersign_store_faults_total", "operation" => operation).increment(1);
    }
    answer
}

/// Reads sessions and tokens with their users, and counts failed reads.
#[derive(Debug)]
pub(crate) struct MeasuredLookup(pub(crate) Arc<dyn SessionLookup>);

#[async_trait]
impl SessionLookup for MeasuredLookup {
    async fn session(&self, key: &SessionKey) -> Result<Option<(Session, User)>, Fault> {
        counted("session", self.0.session(key).await)
    }

    async fn token(&self, key: &TokenKey) -> Result<Option<(Token, User)>, Fault> {
        counted("token", self.0.token(key).await)
    }
}
