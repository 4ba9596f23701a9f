//! Users before which something happens: a line that is down, a change that comes between, a count.

use std::{
    fmt,
    pin::Pin,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use countersign_engine::{
    Error, Fault, Lane, PreparedPassword, User, Users,
    core::{Secret, UserId},
};

/// A call to [`Users`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum UsersCall {
    /// [`Users::by_name`].
    ByName,
    /// [`Users::by_id`].
    ById,
    /// [`Users::password_matches`], in whichever lane.
    PasswordMatches,
    /// [`Users::prepare_password`].
    PreparePassword,
    /// [`Users::store_password`].
    StorePassword,
}

type Hook = dyn Fn(UsersCall) -> Pin<Box<dyn Future<Output = Result<(), Fault>> + Send>> + Send + Sync;

/// Users with a hook before every call. A fault of the hook takes the place of the call.
pub struct HookedUsers {
    users: Arc<dyn Users>,
    hook: Box<Hook>,
}

impl HookedUsers {
    /// Runs `hook` before every call to `users`.
    pub fn new<F>(users: Arc<dyn Users>, hook: impl Fn(UsersCall) -> F + Send + Sync + 'static) -> Arc<Self>
    where
        F: Future<Output = Result<(), Fault>> + Send + 'static,
    {
        Arc::new(Self { users, hook: Box::new(move |call| Box::pin(hook(call))) })
    }

    /// Counts the passwords that are looked at. Each takes so long, so that guesses that came together are looked at together.
    pub fn counting(users: Arc<dyn Users>, looked_at: &Arc<AtomicUsize>, pause: Duration) -> Arc<Self> {
        let looked_at = looked_at.clone();
        Self::new(users, move |call| {
            let is_look = call == UsersCall::PasswordMatches;
            looked_at.fetch_add(usize::from(is_look), Ordering::SeqCst);
            async move {
                if is_look {
                    tokio::time::sleep(pause).await;
                }
                Ok(())
            }
        })
    }
}

impl fmt::Debug for HookedUsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HookedUsers").field("users", &self.users).finish_non_exhaustive()
    }
}

#[async_trait]
impl Users for HookedUsers {
    async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
        (self.hook)(UsersCall::ByName).await?;
        self.users.by_name(name).await
    }

    fn canonical(&self, name: &str) -> String {
        self.users.canonical(name)
    }

    async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
        (self.hook)(UsersCall::ById).await?;
        self.users.by_id(id).await
    }

    async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        (self.hook)(UsersCall::PasswordMatches).await?;
        self.users.password_matches(user, password).await
    }

    async fn password_matches_in(&self, lane: Lane, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
        (self.hook)(UsersCall::PasswordMatches).await?;
        self.users.password_matches_in(lane, user, password).await
    }

    fn min_password_length(&self) -> Option<usize> {
        self.users.min_password_length()
    }

    async fn prepare_password(&self, user: &User, password: &Secret) -> Result<PreparedPassword, Error> {
        (self.hook)(UsersCall::PreparePassword).await?;
        self.users.prepare_password(user, password).await
    }

    async fn store_password(
        &self,
        user: &UserId,
        prepared: &PreparedPassword,
        expected_stamp: &str,
    ) -> Result<Option<User>, Fault> {
        (self.hook)(UsersCall::StorePassword).await?;
        self.users.store_password(user, prepared, expected_stamp).await
    }
}
