//! What a browser holds, and for how long.
//!
//! | cookie | what it is | until |
//! |---|---|---|
//! | `countersign` | 256 random bits; the store has their hash | one factor: idle 7 days, 30 days in all; two factors: idle 10 hours, 24 hours in all |
//! | `countersign-pending` | a login between its two steps, sealed | 10 minutes after the password |
//! | `countersign-setup` | a running setup of a device, sealed | 10 minutes after its beginning |
//! | `countersign-device` | the device cookie: random ids of users who have signed in here, sealed; it opens nothing | 90 days after the last sign-in |
//! | `countersign-form` | binds the forms of whoever is not signed in | the browser closes |
//! | `countersign-notice` | a word of a fixed list: what the next page says once, such as that a password was changed | that page, or 10 minutes |
//!
//! By https each name begins with `__Host-` and the cookie is `Secure`; all are `HttpOnly`. The server keeps the limits, not
//! the browser; they are in [`Config`](crate::engine::core::Config). A session has a new id after every proof: after signing
//! in, after proving a device again, after setting one up, after a change of password, and after new backup codes if the old
//! ones had verified it. It ends by signing out, by a change of password anywhere, when its user is deactivated, when
//! two-factor authentication is switched on or off elsewhere, when the device or the backup codes that had verified it are
//! removed or replaced in another session, by five wrong answers to a step-up, by a restore of the database, and by its limits.
//!
//! The device cookie keeps strangers from locking the owner out: in a browser that has one, wrong passwords are counted apart,
//! and wrong codes too if a device was proved there. A user has 16 such browsers at most. A change of password, a deactivation,
//! the first device and the removal of all devices end them; a clock that was ahead does, too.
