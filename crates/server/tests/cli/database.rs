//! An installation's database, read and changed without the program, on either engine.

use std::{fs, path::Path};

use data_encoding::HEXLOWER;
use rusqlite::{Batch, Connection, fallible_iterator::FallibleIterator as _, types::Value};

use crate::house::House;

impl House {
    /// Runs SQL, and returns the output: one line per row, columns separated by bars.
    #[track_caller]
    pub(crate) fn sql(&self, text: &str) -> String {
        match &self.elsewhere {
            Some(database) => database.sql(text).unwrap(),
            None => in_file(&self.path("countersign.db"), text),
        }
    }

    /// How many rows a query counts.
    #[track_caller]
    pub(crate) fn count(&self, query: &str) -> usize {
        self.sql(query).parse().unwrap()
    }

    /// Releases all unused space together with the old data in it. PostgreSQL's statistics have samples of every
    /// column.
    pub(crate) fn vacuum(&self) {
        let commands: &[_] = if self.elsewhere.is_some() { &["ANALYZE", "VACUUM FULL"] } else { &["VACUUM"] };
        for command in commands {
            self.sql(command);
        }
    }

    /// The places in which a key's id is found: the database's files, and on PostgreSQL also a dump, as text and as the
    /// start of a sealed value, and the planner's samples, which the files hold compressed.
    pub(crate) fn traces(&self, key: &str) -> Vec<bool> {
        let Some(database) = &self.elsewhere else { return vec![stands_in(&self.path("countersign.db"), key)] };
        let dump = database.dump().unwrap();
        let seal = HEXLOWER.encode(key.as_bytes());
        // Data in memory are not in the files yet.
        self.sql("CHECKPOINT");
        let files = format!(
            "SELECT count(*) FROM pg_class WHERE relkind IN ('r', 'i', 't')
             AND position('{key}'::bytea IN pg_read_binary_file(pg_relation_filepath(oid))) > 0"
        );
        let samples = self.sql("SELECT histogram_bounds, most_common_vals FROM pg_stats WHERE schemaname = 'public'");
        vec![dump.contains(key), dump.contains(&seal), self.count(&files) > 0, samples.contains(&seal)]
    }
}

/// Whether these bytes are in a file, or in the files beside a database.
pub(crate) fn stands_in(path: &Path, bytes: &str) -> bool {
    ["", "-wal"].iter().any(|end| {
        let found = fs::read(format!("{}{end}", path.display())).unwrap_or_default();
        found.windows(bytes.len()).any(|part| part == bytes.as_bytes())
    })
}

fn in_file(path: &Path, text: &str) -> String {
    let connection = Connection::open(path).unwrap();
    let mut statements = Batch::new(&connection, text);
    let mut lines = vec![];
    while let Some(mut statement) = statements.next().unwrap() {
        let columns = statement.column_count();
        let mut rows = statement.query([]).unwrap();
        while let Some(row) = rows.next().unwrap() {
            let cells = (0..columns).map(|column| match row.get(column).unwrap() {
                Value::Null => String::new(),
                Value::Integer(number) => number.to_string(),
                Value::Text(text) => text,
                other => panic!("{other:?} is no word"),
            });
            lines.push(cells.collect::<Vec<_>>().join("|"));
        }
    }
    lines.join("\n")
}
