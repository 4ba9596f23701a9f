//! What a browser holds, and for how long.
//!
//! | cookie | what it is | until |
//! |---|---|---|
//! | `countersign` | 256 random bits; the store has their hash | one factor: idle 7 days, 30 days in all; two factors: idle 1 hour, 24 hours in all |
//! | `countersign-pending` | a login between its two steps, sealed | 10 minutes after the password |
//! | `countersign-setup` | a running setup of a device, sealed | 10 minutes after its beginning |
//! | `countersign-form` | binds the forms of whoever is not signed in | the browser closes |
//!
//! By https each name begins with `__Host-` and the cookie is `Secure`; all are `HttpOnly`. The server keeps the limits,
//! not the browser; they are in [`Policy`](crate::engine::core::Policy). A session has a new id after every proof: after
//! signing in, after proving a device again, after setting one up, after a change of password. It ends by signing out, by a
//! change of password anywhere, when its user is deactivated, when two-factor authentication is switched on or off
//! elsewhere, and by its limits.
