//! The Countersign server and its command line.

mod cli;
mod clock;
mod config;
mod core_dump;
mod duties;
mod figures;
mod gateways;
mod hashing;
mod home;
mod key_file;
mod listen;
mod password;
mod recognition;
mod reload;
mod secret_file;
mod seeds;
mod served;
mod telemetry;
mod users;
mod wire;

fn main() -> std::process::ExitCode {
    cli::run()
}
