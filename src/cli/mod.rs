//! The command line: one file a subcommand.
mod configuration;
mod crds;
mod egress;
mod files;
mod options;
pub mod rbac;
mod reload;
mod run;

use std::{ffi::OsString, process::ExitCode};

use configuration::Stop;

use clap::{CommandFactory, Parser, Subcommand};

/// What is typed most often.
const EXAMPLES: &str = "\
Examples:
  atlas-operator crds | kubectl apply --server-side -f -
  atlas-operator run --default-secret atlas-operator/credentials
  atlas-operator run --namespace shop --policy observe";

/// A Kubernetes operator for MongoDB Atlas.
#[derive(Parser)]
#[command(version, about, arg_required_else_help = true, after_help = EXAMPLES)]
struct Command {
    #[command(subcommand)]
    action: Action,
}

#[derive(Subcommand)]
enum Action {
    /// Run the controllers until told to stop
    Run(Box<options::Options>),
    /// Print the custom resource definitions as YAML
    Crds(crds::Options),
    /// Print the rules that the operator's roles need as YAML
    Rbac(rbac::Options),
    /// Print the version
    Version,
}

/// The command line as data, from which the documentation of the flags is made.
pub fn command() -> clap::Command {
    Command::command()
}

/// The exit code of a start that a wrong setting ended.
const MISCONFIGURED: u8 = 2;

/// Does what the command line says.
pub fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let command = match configuration::read(&arguments) {
        Ok(command) => command,
        Err(Stop::Told(text)) => {
            print!("{text}");
            return ExitCode::SUCCESS;
        }
        Err(Stop::Usage(text)) => {
            eprint!("{text}");
            return ExitCode::from(MISCONFIGURED);
        }
        Err(Stop::Wrong(line)) => {
            eprintln!("error: {line}");
            return ExitCode::from(MISCONFIGURED);
        }
    };
    let done = match command.action {
        Action::Run(options) => run::run(*options, arguments),
        Action::Crds(options) => crds::crds(&options),
        Action::Rbac(options) => {
            print!("{}", rbac::rbac(&options));
            Ok(())
        }
        Action::Version => {
            println!("atlas-operator {}", env!("CARGO_PKG_VERSION"));
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
