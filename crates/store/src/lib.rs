//! SQL: durable storage on SQLite.
