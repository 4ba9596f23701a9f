//! How an application lives with Countersign. Each page answers one question.
//!
//! | question | page |
//! |---|---|
//! | What do I have to bring? | [`users`] |
//! | How do I protect a route? | [`guards`] |
//! | How do my own forms get the same protection? | [`forms`] |
//! | How do the pages come to look and speak like my site? | [`look`] |
//! | What does a browser hold, and for how long? | [`sessions`] |
//! | What do programs do instead of reading pages? | [`programs`] |
//! | Where do the pages live, and behind which proxy? | [`mounting`] |

pub mod forms;
pub mod guards;
pub mod look;
pub mod mounting;
pub mod programs;
pub mod sessions;
pub mod users;
