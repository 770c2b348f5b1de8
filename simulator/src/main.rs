//! The command `atlas-simulator`: starts the simulator, prints one JSON line, and serves until it is told to stop.
use std::io::Write as _;
use std::process::ExitCode;

use atlas_simulator::{Options, Simulator};
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("ATLAS_SIMULATOR_LOG"))
        .with_writer(std::io::stderr)
        .init();
    let simulator = match Simulator::start(options).await {
        Ok(simulator) => simulator,
        Err(error) => {
            eprintln!("atlas-simulator: {error}");
            return ExitCode::FAILURE;
        }
    };
    // Whoever started the program may have closed its end of stdout already; serving does not depend on it.
    let _ = writeln!(std::io::stdout(), "{}", simulator.greeting());
    atlas_simulator::stop_signal().await;
    simulator.stop().await;
    ExitCode::SUCCESS
}
