//! What your application provides: its users, behind one trait.
//!
//! [`Users`](crate::engine::Users) finds a user by name and by id and checks a password. Countersign keeps no copy of
//! names or passwords. Three points need care:
//!
//! - **Ids are never reused.** Devices and sessions belong to an id, so another user with the same id would have them.
//!   In SQLite this needs `AUTOINCREMENT`: a plain `INTEGER PRIMARY KEY` gives the id of the last removed user to the
//!   next one. After you remove a user, call [`Engine::forget_user`](crate::engine::Engine::forget_user): it removes
//!   the devices, sessions, tokens and budgets. Events are kept until their retention ends.
//! - **The stamp changes whenever the credentials change.** It is a random text in the user's row that you generate
//!   again with each new password. Every session and every pending login stores it and becomes invalid when it differs,
//!   so a change of password, by any means, signs all other sessions out. A counter that starts at 0 for every user
//!   would do that too, but two users who were given the same id would share their sessions.
//! - **`password_matches` takes as long for a name that does not exist.** For `None`, compare with a hash all the same:
//!   one that your own hash function has made, as below. An invalid hash is refused in microseconds, and the response
//!   time would reveal which names exist. Hash on a bounded pool of threads, not on the threads that serve requests. If
//!   requests wait for that pool, implement [`password_matches_in`](crate::engine::Users::password_matches_in), too: it
//!   says which requests have a device cookie of the user, so that unrecognized clients do not delay them.
//!
//! `countersign_testkit::contract::users::run` tests all of this except the time that a hash takes; the test is a dozen
//! lines, as in `examples/hello/tests/people.rs`. A host whose passwords were hashed by bcrypt, which reads only the
//! first 72 bytes, says so there (`password_bytes`) and is exempt from that check alone.
//!
//! ```
//! use std::sync::Mutex;
//!
//! use async_trait::async_trait;
//! use countersign::engine::{Fault, User, Users, core::{Secret, UserId}};
//!
//! #[derive(Debug)]
//! struct Row {
//!     id: i64,
//!     name: String,
//!     password_hash: String,
//!     /// Random, and generated again with every change of the password.
//!     stamp: String,
//! }
//!
//! #[derive(Debug)]
//! struct MyUsers {
//!     rows: Mutex<Vec<Row>>,
//!     /// The hash to compare with for a name that does not exist.
//!     nobody: String,
//! }
//!
//! # fn hash(_password: &str) -> String { String::new() }
//! # fn verify(_hash: &str, _password: &str) -> bool { false }
//! impl MyUsers {
//!     fn new(rows: Vec<Row>) -> Self {
//!         // `hash` and `verify` are the functions that hash and check all passwords.
//!         Self { rows: Mutex::new(rows), nobody: hash("nobody's password") }
//!     }
//!
//!     fn find(&self, wanted: impl Fn(&Row) -> bool) -> Result<Option<User>, Fault> {
//!         let rows = self.rows.lock().map_err(|_| Fault::new("read the users"))?;
//!         Ok(rows.iter().find(|row| wanted(row)).map(|row| User {
//!             id: UserId::new(row.id.to_string()),
//!             name: row.name.clone(),
//!             active: true,
//!             staff: false,
//!             stamp: row.stamp.clone(),
//!         }))
//!     }
//! }
//!
//! #[async_trait]
//! impl Users for MyUsers {
//!     async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
//!         let name = self.canonical(name);
//!         self.find(|row| self.canonical(&row.name) == name)
//!     }
//!
//!     async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
//!         self.find(|row| row.id.to_string() == id.as_str())
//!     }
//!
//!     async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
//!         let rows = self.rows.lock().map_err(|_| Fault::new("read the users"))?;
//!         let row = user.and_then(|user| rows.iter().find(|row| row.id.to_string() == user.id.as_str()));
//!         let hash = row.map_or(&self.nobody, |row| &row.password_hash);
//!         Ok(verify(hash, password.expose()) && row.is_some())
//!     }
//! }
//! ```
//!
//! # Changing passwords
//!
//! Two more functions are optional; without them the page that changes a password says that passwords are managed
//! elsewhere. [`prepare_password`](crate::engine::Users::prepare_password) checks your rules, hashes the new password,
//! generates the new stamp, and writes nothing. [`store_password`](crate::engine::Users::store_password) writes both in
//! one statement, `UPDATE … SET hash = ?, stamp = ? WHERE id = ? AND stamp = ?`, with the expected stamp. Between the
//! two calls Countersign ends every session and token of the user in one commit, if the session that made the request
//! still exists. So after a refusal the password is always unchanged.
//!
//! A [`Fault`](crate::engine::Fault) from any of these functions is answered with an incident number and 503; it never
//! counts as a wrong password.
