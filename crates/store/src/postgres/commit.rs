//! Writing one batch: two round trips.
//!
//! ```text
//!   we      BEGIN, step, step, step ──▶          COMMIT | ROLLBACK ──▶
//!   server            ◀── rows, rows, rows or an error          ◀── done
//! ```
//!
//! At READ COMMITTED every statement sees what was committed when it began, and a statement that meets a row which another
//! transaction is changing waits for that one and looks at the row again. So a condition in a `WHERE` of the statement that
//! writes holds until the commit; a condition that is only read is read under a lock. See `plan.rs`.

use std::sync::Arc;

use countersign_engine::{
    Fault,
    core::{Batch, Receipt, Sealed},
};
use futures_util::future::Either;
use tokio::time::timeout;

use super::{
    RETRY_AFTER, TIMEOUT,
    error::{PostgresError, fault, is_conflict},
    pipeline::in_order,
    pool::{Connection, Connections},
};
use crate::{
    statements::postgres::{BEGIN, COMMIT, ROLLBACK},
    table::{self, Charge, Dialect, PlanError, Step, Verdict},
    value::Value,
};

const DOING: &str = "commit a batch";

/// Commits a batch, even if the caller is gone: a transaction is never left unfinished.
pub(super) async fn commit(connections: &Arc<Connections>, batch: Batch<Sealed>) -> Result<Receipt, Fault> {
    let connections = Arc::clone(connections);
    let task = tokio::spawn(async move { write(&connections, &batch).await });
    task.await.unwrap_or_else(|ended| Err(Fault::because(DOING, ended)))
}

async fn write(connections: &Connections, batch: &Batch<Sealed>) -> Result<Receipt, Fault> {
    let steps = match table::steps(Dialect::Postgres, batch) {
        Ok(steps) if steps.is_empty() => return Ok(batch.done()),
        Ok(steps) => steps,
        Err(PlanError::Conflict) => return Ok(batch.conflict()),
        Err(error) => return Err(Fault::because(DOING, error)),
    };
    let connection = connections.take(DOING).await?;
    match steps.as_slice() {
        [step] => write_alone(connection, batch, step).await,
        steps => write_all(connection, batch, steps).await,
    }
}

/// One statement is a transaction by itself: it comes true, or no row does.
async fn write_alone(connection: Connection, batch: &Batch<Sealed>, step: &Step<'_>) -> Result<Receipt, Fault> {
    let Ok(run) = timeout(TIMEOUT, connection.execute(step.statement, &step.values)).await else {
        return Err(in_doubt(connection, "no answer came in time"));
    };
    match run.map(|rows| step.must.verdict(rows)) {
        Ok(Verdict::Holds) => Ok(batch.done()),
        Ok(Verdict::Conflict) => Ok(batch.conflict()),
        Ok(Verdict::Overspent(charge)) => overspent(&connection, batch, &charge).await,
        Err(error) if is_conflict(&error) => Ok(batch.conflict()),
        // Where the server answers, it has written nothing; where it does not, nobody knows.
        Err(error) if error.as_db_error().is_some() && !connection.is_closed() => Err(fault(DOING, error)),
        Err(error) => Err(in_doubt(connection, PostgresError::from(error))),
    }
}

async fn write_all(connection: Connection, batch: &Batch<Sealed>, steps: &[Step<'_>]) -> Result<Receipt, Fault> {
    let Ok(sent) = timeout(TIMEOUT, send(&connection, steps)).await else {
        connection.give_up();
        return Err(Fault::busy(DOING, RETRY_AFTER));
    };
    match sent {
        Ok(Verdict::Holds) => match timeout(TIMEOUT, connection.batch_execute(COMMIT)).await {
            Ok(Ok(())) => Ok(batch.done()),
            Ok(Err(error)) if is_conflict(&error) => Ok(batch.conflict()),
            Ok(Err(error)) => Err(in_doubt(connection, PostgresError::from(error))),
            Err(_) => Err(in_doubt(connection, "no answer came in time")),
        },
        Ok(Verdict::Conflict) => {
            undo(connection).await;
            Ok(batch.conflict())
        }
        Ok(Verdict::Overspent(charge)) => {
            let receipt = overspent(&connection, batch, &charge).await;
            undo(connection).await;
            receipt
        }
        Err(error) => {
            undo(connection).await;
            if is_conflict(&error) { Ok(batch.conflict()) } else { Err(fault(DOING, error)) }
        }
    }
}

/// Sends `BEGIN` and every step at once. What the first condition that fails says, or the first error, is what counts: all
/// that comes after it is taken back with the rest.
async fn send<'s>(connection: &Connection, steps: &'s [Step<'_>]) -> Result<Verdict<'s>, tokio_postgres::Error> {
    let statements = connection.prepare(steps.iter().map(|step| step.statement)).await?;
    let values: Vec<_> = steps.iter().map(|step| parameters(&step.values)).collect();
    let begin = async { connection.batch_execute(BEGIN).await.map(|()| 0) };
    let run = statements.iter().zip(&values).map(|(statement, values)| connection.run(statement, values));
    let answers = in_order([Either::Left(begin)].into_iter().chain(run.map(Either::Right))).await;
    let mut answers = answers.into_iter();
    answers.next().transpose()?;
    for (step, answer) in steps.iter().zip(answers) {
        match step.must.verdict(answer?) {
            Verdict::Holds => {}
            other => return Ok(other),
        }
    }
    Ok(Verdict::Holds)
}

fn parameters<'v>(values: &'v [Value<'v>]) -> Vec<&'v (dyn tokio_postgres::types::ToSql + Sync)> {
    values.iter().map(|value| value as &(dyn tokio_postgres::types::ToSql + Sync)).collect()
}

async fn overspent(connection: &Connection, batch: &Batch<Sealed>, charge: &Charge<'_>) -> Result<Receipt, Fault> {
    let (question, values) = charge.question();
    let rows = connection.query(question, &values).await.map_err(|error| fault(DOING, error))?;
    let until = rows.first().map(|row| row.try_get(0)).transpose().map_err(|error| fault(DOING, error))?;
    Ok(batch.overspent(charge.key.to_owned(), charge.until(until)))
}

/// Takes back what was written. Where that cannot be said to the server, the end of the connection says it.
async fn undo(connection: Connection) {
    if !matches!(timeout(TIMEOUT, connection.batch_execute(ROLLBACK)).await, Ok(Ok(()))) {
        connection.give_up();
    }
}

/// Nobody knows whether the batch was written. Nothing says when to come back: it is for people to look.
fn in_doubt(connection: Connection, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Fault {
    connection.give_up();
    Fault::because("say whether a batch was committed", cause)
}
