//! Brings the spellings by which users are found up to date with the rule for spellings.
//!
//! `countersign migrate` does it, as often as it is run. A spelling that another user has by now is left alone: two users are
//! never made one, and both are still found by the spellings that their names had before.

use countersign_engine::Fault;
use countersign_store::UserTable;

use super::name;

/// What became of the spellings that an earlier rule had made.
#[derive(Debug, Default)]
pub(crate) struct Respelled {
    /// How many are up to date now.
    pub(crate) updated: usize,
    /// The names of users who keep the earlier spelling, each with the name of the user whose spelling the new one is.
    pub(crate) kept: Vec<(String, String)>,
}

/// Updates every spelling that can be updated. Of two users who would have the same one, the older user has it.
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
