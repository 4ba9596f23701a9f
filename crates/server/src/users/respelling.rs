//! Updates the canonical spellings of user names to the current rule.
//!
//! `countersign migrate` does it, every time it is run. A spelling that another user already has is left alone: two
//! users are never merged, and both are still found by their earlier spellings.

use countersign_engine::Fault;
use countersign_store::UserTable;

use super::name;

/// The result of updating the spellings.
#[derive(Debug, Default)]
pub(crate) struct Respelled {
    /// The number of updated spellings.
    pub(crate) updated: usize,
    /// The names of users who keep the earlier spelling, each with the name of the user who has the new one.
    pub(crate) kept: Vec<(String, String)>,
}

/// Updates every spelling that can be updated. If two users would get the same one, the older user gets it.
pub(crate) async fn respell(users: &UserTable) -> Result<Respelled, Fault> {
    let mut rows = users.list().await?;
    rows.sort_by_key(|row| row.created);
    let mut respelled = Respelled::default();
    for row in rows {
        let canonical = name::canonical(&row.name);
        if canonical == row.canonical_name {
            continue;
        }
        if users.set_canonical_name(&row.id, &row.canonical_name, &canonical).await? {
            respelled.updated = respelled.updated.saturating_add(1);
        } else if let Some(other) = users.by_canonical_name(&canonical).await? {
            respelled.kept.push((row.name, other.name));
        }
    }
    Ok(respelled)
}
