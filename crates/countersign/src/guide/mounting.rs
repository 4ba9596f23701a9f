//! The paths of the pages, and running behind a proxy.
//!
//! All pages are below [`Settings::mount`](crate::Settings::mount), `/account` by default:
//!
//! | path | purpose |
//! |---|---|
//! | `/account/login`, `/account/login/second-factor` | signing in, in two steps |
//! | `/account/logout` | signing out, by POST; a GET asks for confirmation |
//! | `/account/two-factor` | the devices that are set up |
//! | `/account/two-factor/setup`, `…/setup/confirm`, `…/setup/complete` | setting up a device |
//! | `/account/two-factor/backup-codes` | backup codes |
//! | `/account/two-factor/disable` | disabling two-factor authentication |
//! | `/account/two-factor/devices/{id}/remove` | removing one device |
//! | `/account/password` | changing the password |
//! | `/account/verify` | verifying a second factor again |
//!
//! [`Countersign::routes`](crate::Countersign::routes) has them at their full paths: merge it into your outermost
//! router and do not nest it.
//!
//! [`Countersign::change_password_route`](crate::Countersign::change_password_route) is a separate route at
//! `/.well-known/change-password`, by which browsers and password managers find the page that changes the password.
//! Merge it too, unless your application has its own page for passwords.
//!
//! A request whose `Host` is not among [`Settings::origins`](crate::Settings::origins) is rejected with 421 and logged
//! with both names, so that no link can point to another host. A request without `Host`, such as a test that calls a
//! router directly, is answered if the site's own URL is a loopback one, and otherwise rejected with 400. Behind a
//! reverse proxy, forward `Host` unchanged and list the proxy in
//! [`Settings::trusted_proxies`](crate::Settings::trusted_proxies): then `X-Forwarded-For` gives the client's IP
//! address, counted from the right up to the first address that is not a listed proxy. From any other peer the header
//! is ignored.
//!
//! IP addresses are recorded in events and limit how many passwords one network may try. This needs the peer address of
//! each connection: serve with `into_make_service_with_connect_info::<SocketAddr>()`. Without it these limits are off,
//! and one warning is logged. Behind a proxy that hides the clients' IP addresses, set
//! [`PasswordAttemptRule::rate_per_ip`](crate::engine::core::config::PasswordAttemptRule::rate_per_ip) to 0, or all
//! sign-ins share one rate.
//!
//! # What is logged
//!
//! Faults, rejected hosts and a missing `ConnectInfo` are logged by `tracing`. Any client can send another host or keep
//! a server busy as often as it likes, so at most ten lines of each of these two kinds are written per minute; the next
//! line says in `left_out` how many were left out. Logging each request is up to your application. If you do, limit the
//! lines of failed requests by IP address, with [`Countersign::remote_ip`](crate::Countersign::remote_ip) and
//! [`IpRateLimit`](crate::engine::IpRateLimit).
//!
//! # Background tasks
//!
//! Expired sessions, codes, budgets and events are deleted in the background, once an hour, and each process reports
//! every ten seconds that it is running. Spawn one call in every process that serves requests; only one process deletes
//! at a time:
//!
//! ```no_run
//! # fn start(engine: &countersign::engine::Engine) {
//! tokio::spawn(engine.housekeeping(env!("CARGO_PKG_VERSION")));
//! # }
//! ```
//!
//! [`Engine::finish_deliveries`](crate::engine::Engine::finish_deliveries) waits for messages that are still being sent
//! when the process ends.
//!
//! # After a restore
//!
//! After a restore of the database from a backup, call [`restored::note`](crate::engine::restored::note) before the
//! first process is started: it invalidates codes of authenticator apps and messages, logins, sessions and tokens from
//! before. [`restored::in_doubt`](crate::engine::restored::in_doubt) lists the devices for which the backup cannot tell
//! which codes were used.
