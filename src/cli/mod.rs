//! The command line: one file a subcommand.
mod crds;
pub mod rbac;
mod run;

use std::process::ExitCode;

use clap::{CommandFactory, Parser, Subcommand};

/// A Kubernetes operator for MongoDB Atlas.
#[derive(Parser)]
#[command(version, about)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Run the controllers until told to stop
    Run(Box<run::Options>),
    /// Print the custom resource definitions as YAML
    Crds(crds::Options),
    /// Print the ClusterRole that the operator needs as YAML
    Rbac,
}

/// The command line as data, from which the documentation of the flags is made.
pub fn command() -> clap::Command {
    Command::command()
}

/// Does what the command line says.
pub fn main() -> ExitCode {
    let done = match Command::parse().action {
        Action::Run(options) => run::run(*options),
        Action::Crds(options) => crds::crds(&options),
        Action::Rbac => {
            print!("{}", rbac::manifest());
            Ok(())
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
