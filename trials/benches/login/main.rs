//! `cargo xtask bench login`: full logins over HTTP against the real binary and, in the same run, the bare limits.
//!
//! Everything that is compared runs in turn on the same machine in the same minutes: quote the ratios, not the figures.
//! The load and the servers share the cores. Options: `--database sqlite|postgres`; `--entrance pages|api`, where the
//! API is measured on SQLite, in turn with the pages; `--connections 1,8,32`, `--rounds 3`, `--seconds 2` for a turn of
//! full logins and, on PostgreSQL, of second factors; `--count 12000` second factors per turn on SQLite; and for
//! PostgreSQL `--users 10000,1000000`. With `--strangers 400`, only this is measured: how long owners take to sign in
//! while this many connections try passwords.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a bench fails by panicking"
)]
#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a bench prints")]
#![allow(clippy::disallowed_methods, reason = "real programs run in real time")]
#![allow(clippy::cast_precision_loss, reason = "figures are rounded anyway")]

mod api;
mod bare_hash;
mod entrance;
mod full_login;
mod load;
mod owner;
mod postgres;
mod process;
mod second_factor;
mod seed;
mod sqlite;
mod yardstick;

use std::{collections::VecDeque, env};

use crate::entrance::Entrance;

fn main() {
    if env::args().nth(1).as_deref() == Some("yardstick") {
        return yardstick::serve();
    }
    let options = Options::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    if let Some(strangers) = options.strangers {
        return runtime.block_on(owner::bench(&options, strangers));
    }
    match (options.database.as_str(), options.entrance) {
        ("sqlite", Entrance::Pages) => runtime.block_on(sqlite::bench(&options)),
        ("sqlite", Entrance::Api) => runtime.block_on(api::bench(&options)),
        ("postgres", Entrance::Pages) => runtime.block_on(postgres::bench(&options)),
        ("postgres", Entrance::Api) => panic!("the API is measured on sqlite"),
        (other, _) => panic!("{other} is no database: there are sqlite and postgres"),
    }
}

struct Options {
    database: String,
    entrance: Entrance,
    connections: Vec<usize>,
    rounds: usize,
    count: usize,
    users: Vec<usize>,
    seconds: usize,
    strangers: Option<usize>,
}

impl Options {
    fn parse() -> Self {
        let numbers = |text: &str| text.split(',').map(|number| number.parse().unwrap()).collect::<Vec<usize>>();
        let mut options = Self {
            database: "sqlite".into(),
            entrance: Entrance::Pages,
            connections: vec![1, 8, 32],
            rounds: 3,
            count: 12_000,
            users: vec![10_000, 1_000_000],
            seconds: 2,
            strangers: None,
        };
        let mut words: VecDeque<_> = env::args().skip(1).filter(|word| word != "--bench").collect();
        while let Some(word) = words.pop_front() {
            let value = words.pop_front().unwrap_or_else(|| panic!("{word} needs a value"));
            match word.as_str() {
                "--database" => options.database = value,
                "--entrance" => options.entrance = Entrance::parse(&value),
                "--connections" => options.connections = numbers(&value),
                "--rounds" => options.rounds = value.parse().unwrap(),
                "--count" => options.count = value.parse().unwrap(),
                "--seconds" => options.seconds = value.parse().unwrap(),
                "--strangers" => options.strangers = Some(value.parse().unwrap()),
                "--users" => options.users = numbers(&value),
                other => panic!("{other} is no option: there are {OPTIONS}"),
            }
        }
        options
    }
}

const OPTIONS: &str = "--database, --entrance, --connections, --rounds, --seconds, --count, --users and --strangers";
