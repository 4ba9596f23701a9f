//! Where the pages live, and behind which proxy.
//!
//! All pages are below [`Settings::mount`](crate::Settings::mount), `/account` by default:
//!
//! | path | what |
//! |---|---|
//! | `/account/login`, `/account/login/second-factor` | signing in, in two steps |
//! | `/account/logout` | signing out; by POST, a GET asks |
//! | `/account/two-factor` | what is set up |
//! | `/account/two-factor/setup`, `…/setup/confirm`, `…/setup/complete` | setting up a device |
//! | `/account/two-factor/backup-codes` | backup codes |
//! | `/account/two-factor/disable` | switching two-factor authentication off |
//! | `/account/two-factor/devices/{id}/remove` | removing one device |
//! | `/account/password` | changing the password |
//! | `/account/verify` | proving a second factor again |
//!
//! [`Countersign::routes`](crate::Countersign::routes) gives them at their full paths: merge it into your outermost router
//! and do not nest it.
//!
//! A request whose `Host` is not among [`Settings::origins`](crate::Settings::origins) is refused, so no link can be made
//! to lead elsewhere. Behind a reverse proxy, forward `Host` unchanged and list the proxy in
//! [`Settings::trusted_proxies`](crate::Settings::trusted_proxies): then `X-Forwarded-For` says who is asking, counted from
//! the right up to the first address that is no listed proxy. From anybody else the header means nothing.
//!
//! Who is asking is used to slow down whoever tries many passwords from one place. For that the server has to say where a
//! connection comes from: serve with `into_make_service_with_connect_info::<SocketAddr>()`.
