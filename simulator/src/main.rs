//! The command `atlas-simulator`: starts the simulator, prints one JSON line, and serves until it is told to stop.
use std::error::Error;
use std::io::Write as _;
use std::process::ExitCode;

use atlas_simulator::{Options, Simulator, stop_signal};
use clap::Parser as _;

#[tokio::main]
async fn main() -> ExitCode {
    let options = Options::parse();
    tracing_subscriber::fmt()
        .with_env_filter(tracing_subscriber::EnvFilter::from_env("ATLAS_SIMULATOR_LOG"))
        .with_writer(std::io::stderr)
        .init();
    match serve(options).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("atlas-simulator: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn serve(options: Options) -> Result<(), Box<dyn Error>> {
    // Watched before anyone is told of the process, who might stop it at once.
    let stop = stop_signal()?;
    let simulator = Simulator::start(options).await?;
    // Whoever started the program may have closed its end of stdout already; serving does not depend on it.
    let _ = writeln!(std::io::stdout(), "{}", simulator.greeting());
    stop.await;
    simulator.stop().await;
    Ok(())
}
