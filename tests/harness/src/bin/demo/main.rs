//! `make demo`: the quickstart on this machine, from nothing to a connection string, without an Atlas account.
//!
//! Starts a real control plane, the Atlas simulator on a clock that runs 60 times as fast, and the operator as its
//! own ServiceAccount; applies `examples/quickstart` with kubectl; shows every object's way to Ready; stays until
//! Ctrl-C. With `--once` (or `ONCE=1`) it then deletes what it applied, checks what is left in Atlas, and ends.
mod ending;
mod objects;
mod screen;
mod stage;

use std::process::ExitCode;

use clap::Parser;
use clap::builder::FalseyValueParser;
use harness::Error;
use tokio::signal::unix::{SignalKind, signal};

use crate::stage::Stage;

/// Shows the operator at work on this machine: no Atlas account and no cluster needed.
#[derive(Parser)]
struct Arguments {
    /// Delete everything again once all is Ready, check what the deletion policies left in Atlas, and end.
    // `make` exports the variable whether it was given or not: an empty one, `0`, `no` and the like mean no.
    #[arg(long, env = "ONCE", value_parser = FalseyValueParser::new())]
    once: bool,
}

/// What a shell reports for a program that Ctrl-C ended.
const INTERRUPTED: u8 = 130;

/// What a person reads when the demo fails; nothing handles it otherwise.
type Failure = Box<dyn std::error::Error>;

#[tokio::main]
async fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // Whatever ends first, what was started is dropped, and so ended, before this returns.
    let result = tokio::select! {
        result = perform(&arguments) => result,
        () = interrupted() => {
            println!("\nInterrupted; ending what was started.");
            return ExitCode::from(INTERRUPTED);
        }
    };
    let ended = match result {
        Ok(Some(stage)) => tokio::select! {
            failure = stage.follow_calls() => failure.map(|never| match never {}),
            () = interrupted() => {
                println!("\nEnding what was started.");
                Ok(())
            }
        },
        Ok(None) => Ok(()),
        Err(failure) => Err(failure),
    };
    if let Err(failure) = ended {
        eprintln!("\nThe demo failed: {failure}");
        return ExitCode::FAILURE;
    }
    ExitCode::SUCCESS
}

/// The demo up to the point where everything is Ready; with `--once` to its end, and then nothing is left to stay for.
async fn perform(arguments: &Arguments) -> Result<Option<Stage>, Failure> {
    let stage = Stage::set().await?;
    stage.apply_quickstart().await?;
    stage.watch_until_ready().await?;
    println!("\nCalls that changed Atlas:");
    stage.show_calls(0).await?;
    stage.show_connection_secrets().await?;
    if arguments.once {
        ending::tear_down(&stage).await?;
        return Ok(None);
    }
    stage.show_what_to_try();
    Ok(Some(stage))
}

/// Ends with the first signal that asks this program to end.
async fn interrupted() {
    let listen = |kind| signal(kind).map_err(|source| Error::Spawn { program: "a signal listener".to_owned(), source });
    match (listen(SignalKind::interrupt()), listen(SignalKind::terminate())) {
        (Ok(mut interrupt), Ok(mut terminate)) => {
            tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
        }
        // Without listeners the signals keep their default effect: they end the program, and its watcher the rest.
        (Err(error), _) | (_, Err(error)) => {
            eprintln!("{error}");
            std::future::pending::<()>().await;
        }
    }
}
