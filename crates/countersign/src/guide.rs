//! How to use Countersign in an application. Each page answers one question.
//!
//! | question | page |
//! |---|---|
//! | What do I have to bring? | [`users`] |
//! | How do I protect a route? | [`guards`] |
//! | How do my own forms get the same protection? | [`forms`] |
//! | How do I make the pages look and read like my site? | [`look`] |
//! | Which cookies does a browser get, and for how long? | [`sessions`] |
//! | How do API clients sign in, without pages? | [`programs`] |
//! | At which paths are the pages, and how do I run behind a proxy? | [`mounting`] |

pub mod forms;
pub mod guards;
pub mod look;
pub mod mounting;
pub mod programs;
pub mod sessions;
pub mod users;
