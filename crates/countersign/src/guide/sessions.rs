//! The cookies of a browser, and their lifetimes.
//!
//! | cookie | content | until |
//! |---|---|---|
//! | `countersign` | 256 random bits; the store has only their hash | one factor: 7 days idle, 30 days in all; two factors: 10 hours idle, 24 hours in all |
//! | `countersign-pending` | a login between its two steps, sealed | 10 minutes after the password |
//! | `countersign-setup` | a pending setup of a device, sealed | 10 minutes after its start |
//! | `countersign-device` | the device cookie: random ids of users who have signed in here, sealed; it gives access to nothing | 90 days after the last sign-in |
//! | `countersign-form` | binds the forms of a browser without a session | the browser closes |
//! | `countersign-notice` | one word of a fixed list: a notice for the next page, such as that a password was changed | that page, or 10 minutes |
//!
//! Over https each name begins with `__Host-` and the cookie is `Secure`; all are `HttpOnly`. The limits are enforced
//! by the server, not by the browser; they are in [`Config`](crate::engine::core::Config). A session gets a new id
//! after every verification: after signing in, after verifying a device again, after setting one up, after a change of
//! password, and after new backup codes if the old ones had verified it. It ends by signing out, by a change of
//! password anywhere, when its user is deactivated, when two-factor authentication is enabled or disabled elsewhere,
//! when the device or the backup codes that had verified it are removed or replaced in another session, by five wrong
//! answers to a step-up, by a restore of the database, and by its limits.
//!
//! The device cookie keeps attackers from locking the owner out: in a browser that has one, wrong passwords are counted
//! separately, and so are wrong codes if a device was verified there. A user has at most 16 such browsers. Device
//! cookies are invalidated by a change of password, a deactivation, the first device and the removal of all devices,
//! and also if they were issued by a clock that was ahead.
