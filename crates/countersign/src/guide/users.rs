//! What you have to bring: your users, behind one trait.
//!
//! [`Users`](crate::engine::Users) finds a user by name and by id and checks a password. Countersign keeps no copy of
//! either. Three things are worth care:
//!
//! - **The id is for ever.** Devices and sessions hang on it; never give it to somebody else.
//! - **The stamp changes whenever the credentials change.** It is any text, a counter or a random value in the user's row,
//!   that you write anew together with a new password. Every session and every login under way carries it and dies when
//!   it differs, so a change of password, by whatever way, signs everybody else out.
//! - **`password_matches` takes as long for nobody as for somebody.** For `None`, compute a hash all the same. Do it on a
//!   bounded pool of threads of its own, not on the threads that serve requests.
//!
//! `countersign_testkit::contract::users::run` holds a table to all of this but the time that a hash takes; the test is a
//! dozen lines, as in `examples/hello/tests/people.rs`.
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
//!     credentials_version: u32,
//! }
//!
//! #[derive(Debug)]
//! struct MyUsers(Mutex<Vec<Row>>);
//!
//! impl MyUsers {
//!     fn find(&self, wanted: impl Fn(&Row) -> bool) -> Result<Option<User>, Fault> {
//!         let rows = self.0.lock().map_err(|_| Fault::new("read the users"))?;
//!         Ok(rows.iter().find(|row| wanted(row)).map(|row| User {
//!             id: UserId::new(row.id.to_string()),
//!             name: row.name.clone(),
//!             active: true,
//!             staff: false,
//!             stamp: row.credentials_version.to_string(),
//!         }))
//!     }
//! }
//!
//! # fn verify(_hash: &str, _password: &str) -> bool { false }
//! #[async_trait]
//! impl Users for MyUsers {
//!     async fn by_name(&self, name: &str) -> Result<Option<User>, Fault> {
//!         let name = self.canonical(name);
//!         self.find(|row| row.name == name)
//!     }
//!
//!     async fn by_id(&self, id: &UserId) -> Result<Option<User>, Fault> {
//!         self.find(|row| row.id.to_string() == id.as_str())
//!     }
//!
//!     async fn password_matches(&self, user: Option<&User>, password: &Secret) -> Result<bool, Fault> {
//!         const NOBODY: &str = "$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ$...";
//!         let rows = self.0.lock().map_err(|_| Fault::new("read the users"))?;
//!         let row = user.and_then(|user| rows.iter().find(|row| row.id.to_string() == user.id.as_str()));
//!         let hash = row.map_or(NOBODY, |row| &row.password_hash);
//!         Ok(verify(hash, password.expose()) && row.is_some())
//!     }
//! }
//! ```
//!
//! `set_password` is optional: without it the page that changes a password says that passwords are kept elsewhere.
//! A [`Fault`](crate::engine::Fault) from any of these is answered with an incident number and 503; it is never taken for
//! a no.
