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
//! [`Countersign::change_password_route`](crate::Countersign::change_password_route) is one route more, at
//! `/.well-known/change-password`, by which browsers and password managers find the page that changes the password. Merge it as
//! well, unless your application has a page for passwords of its own.
//!
//! A request whose `Host` is not among [`Settings::origins`](crate::Settings::origins) is rejected with 421 and logged with
//! both names, so no link can be made to lead elsewhere. A request without `Host`, as a test that calls a router directly sends
//! it, is answered where the site's own address is a loopback one, and rejected with 400 elsewhere. Behind a reverse proxy,
//! forward `Host` unchanged and list the proxy in [`Settings::trusted_proxies`](crate::Settings::trusted_proxies): then
//! `X-Forwarded-For` gives the client's IP address, counted from the right up to the first address that is not a listed proxy.
//! From any other peer the header is ignored.
//!
//! IP addresses are recorded in events and limit how many passwords one network may try. For that the server has to pass on the
//! peer of a connection: serve with `into_make_service_with_connect_info::<SocketAddr>()`. Without it these limits are off, and
//! one warning in the log says so. Behind a proxy that hides the clients' addresses, set
//! [`PasswordAttemptRule::rate_per_ip`](crate::engine::core::policy::PasswordAttemptRule::rate_per_ip) to 0, or all sign-ins share one
//! rate.
//!
//! # What is logged
//!
//! Faults, rejected hosts and the missing `ConnectInfo` are logged by `tracing`. Any client can ask for another host, or keep a
//! server busy, as often as it likes; so at most ten lines of each of these two kinds are written in a minute, and the next one
//! says in `left_out` how many were not. Lines about each request are your application's own. If you write them, limit
//! those of failed requests by IP address: for that there are [`Countersign::remote_ip`](crate::Countersign::remote_ip) and
//! [`IpRateLimit`](crate::engine::IpRateLimit).
//!
//! # What runs besides
//!
//! Expired sessions, codes, budgets and events are deleted in the background, once an hour, and each process reports every ten
//! seconds that it runs. Spawn one call in every process that serves; of several processes one at a time deletes:
//!
//! ```no_run
//! # fn start(engine: &countersign::engine::Engine) {
//! tokio::spawn(engine.housekeeping(env!("CARGO_PKG_VERSION")));
//! # }
//! ```
//!
//! Messages that are being sent when the process ends are finished by [`Engine::finish_deliveries`](crate::engine::Engine::finish_deliveries).
//!
//! # After a restore
//!
//! When you have put the database back from a backup, call [`restored::note`](crate::engine::restored::note) before the first
//! process is started: codes of authenticator apps and messages, logins, sessions and tokens from before are over then.
//! [`restored::in_doubt`](crate::engine::restored::in_doubt) lists the devices of which the backup cannot tell what was used.
