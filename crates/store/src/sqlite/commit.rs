//! Writing one batch.
//!
//! The steps run one after the other inside the writer's own transaction, so what a step has read stays true until the
//! commit. The first condition that fails stops the batch; the caller then rolls back what was written before it.

use countersign_engine::core::{Batch, Receipt, Sealed};
use rusqlite::{Connection, OptionalExtension, Result, params_from_iter};

use super::writer::Outcome;
use crate::table::{self, Charge, Dialect, PlanError, Step, Verdict};

/// Applies every change, or says which receipt the batch gets instead.
pub(super) fn write(connection: &Connection, batch: &Batch<Sealed>) -> Result<Outcome<Receipt>> {
    let steps = match table::steps(Dialect::Sqlite, batch) {
        Ok(steps) => steps,
        Err(PlanError::Conflict) => return Ok(Outcome::Undo(batch.conflict())),
        Err(error) => return Err(rusqlite::Error::ToSqlConversionFailure(error.into())),
    };
    for step in &steps {
        match step.must.verdict(rows(connection, step)?) {
            Verdict::Holds => {}
            Verdict::Conflict => return Ok(Outcome::Undo(batch.conflict())),
            Verdict::Overspent(charge) => {
                let until = charge.until(until(connection, &charge)?);
                return Ok(Outcome::Undo(batch.overspent(charge.key.to_owned(), until)));
            }
        }
    }
    Ok(Outcome::Keep(batch.done()))
}

/// How many rows a statement has changed or found.
fn rows(connection: &Connection, step: &Step<'_>) -> Result<u64> {
    let mut statement = connection.prepare_cached(step.statement)?;
    let values = params_from_iter(&step.values);
    if statement.column_count() == 0 {
        return statement.execute(values).map(|rows| u64::try_from(rows).unwrap_or(u64::MAX));
    }
    let mut found = statement.query(values)?;
    let mut count = 0;
    while found.next()?.is_some() {
        count += 1;
    }
    Ok(count)
}

fn until(connection: &Connection, charge: &Charge<'_>) -> Result<Option<i64>> {
    let (question, values) = charge.question();
    connection.prepare_cached(question)?.query_row(params_from_iter(&values), |row| row.get(0)).optional()
}
