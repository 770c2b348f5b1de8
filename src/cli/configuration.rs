//! The command line, the environment and the configuration file as one: a flag wins over its variable, and that over
//! the file.
//!
//! The file is a YAML map whose keys are the names of the flags. What it sets becomes the default of the flag, so that a
//! value means the same wherever it stands and is read by the same code. What is wrong is said in one line that names
//! the setting and never repeats the value, which may be a secret in the wrong place.
use std::{collections::BTreeMap, ffi::OsString, fmt, path::Path};

use clap::{
    Arg, FromArgMatches,
    error::{ContextKind, ContextValue, ErrorKind},
};
use serde_json::Value;

use super::{Action, Command, command};

/// The subcommand that has settings.
const RUN: &str = "run";
/// The setting that names the file; it cannot stand in it.
const FILE: &str = "config";

/// Why there is nothing to do.
#[derive(Debug)]
pub enum Stop {
    /// Help or version was asked for; this is it.
    Told(clap::Error),
    /// Nothing was asked for; this is what can be.
    Usage(clap::Error),
    /// A setting is wrong: one line that names it.
    Wrong(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told(text) | Self::Usage(text) => text.fmt(formatter),
            Self::Wrong(line) => formatter.write_str(line),
        }
    }
}

/// Reads a command line, the environment, and the configuration file that they name.
pub(super) fn read(arguments: &[OsString]) -> Result<Command, Stop> {
    let mut command = parse(with_variables(), arguments)?;
    if let Action::Run(options) = &command.action
        && let Some(path) = &options.config
    {
        command = parse(with_file(path)?, arguments)?;
    }
    match &command.action {
        Action::Run(options) => options.contradiction().map_or(Ok(()), |line| Err(Stop::Wrong(line.to_owned())))?,
        Action::Crds(_) | Action::Rbac(_) | Action::Version => {}
    }
    Ok(command)
}

fn parse(command: clap::Command, arguments: &[OsString]) -> Result<Command, Stop> {
    let variables = variables(&command);
    command
        .try_get_matches_from(arguments)
        .and_then(|matches| Command::from_arg_matches(&matches))
        .map_err(|error| told(error, &variables))
}

/// The variable of each setting, by its flag.
fn variables(command: &clap::Command) -> BTreeMap<String, String> {
    let settings = command.find_subcommand(RUN).into_iter().flat_map(clap::Command::get_arguments);
    settings
        .filter_map(|setting| {
            Some((format!("--{}", setting.get_long()?), setting.get_env()?.to_string_lossy().into_owned()))
        })
        .collect()
}

/// The command line, without the variables that are set to nothing.
///
/// What sets a variable from a field that may be empty, as OLM does with the namespaces to watch, says by it that nothing
/// is set.
#[expect(clippy::disallowed_methods, reason = "whether a variable is empty; its value comes in through its flag")]
fn with_variables() -> clap::Command {
    let is_empty = |variable: &std::ffi::OsStr| std::env::var_os(variable).is_some_and(|value| value.is_empty());
    command().mut_subcommand(RUN, |run| {
        run.mut_args(|setting| match setting.get_env() {
            Some(variable) if is_empty(variable) => setting.env(None::<&str>),
            _ => setting,
        })
    })
}

/// The command line, with the content of a file for defaults.
fn with_file(path: &Path) -> Result<clap::Command, Stop> {
    let wrong = |what: &str| Stop::Wrong(format!("--{FILE}: {}: {what}", path.display()));
    let text = std::fs::read_to_string(path).map_err(|error| wrong(&error.to_string()))?;
    let given: Option<BTreeMap<String, Value>> = serde_saphyr::from_str(&text)
        .map_err(|error| wrong(&format!("is not a map of settings: {}", first_line(&error.to_string()))))?;
    let mut command = with_variables();
    for (name, value) in given.unwrap_or_default() {
        let wrong = |what: &str| Stop::Wrong(format!("{name} in {}: {what}", path.display()));
        let is_it = |setting: &&Arg| setting.get_long() == Some(&name) && name != FILE;
        let setting = command.find_subcommand(RUN).and_then(|run| run.get_arguments().find(is_it)).cloned();
        let setting = setting.ok_or_else(|| wrong("there is no such setting"))?;
        let texts =
            texts(&value).ok_or_else(|| wrong("must be a text, a number, true or false, or a list of these"))?;
        check(&setting, &name, &texts).map_err(|what| wrong(&what))?;
        let id = setting.get_id().clone();
        command = command.mut_subcommand(RUN, |run| run.mut_arg(id, |setting| setting.default_values(texts)));
    }
    Ok(command)
}

/// The words of a value, as they would stand on the command line.
fn texts(value: &Value) -> Option<Vec<String>> {
    match value {
        Value::String(text) => Some(vec![text.clone()]),
        Value::Bool(_) | Value::Number(_) => Some(vec![value.to_string()]),
        Value::Array(items) => {
            let items: Option<Vec<_>> = items.iter().map(texts).collect();
            items.map(|items| items.concat())
        }
        Value::Null | Value::Object(_) => None,
    }
}

/// What is wrong with the values of one setting.
fn check(setting: &Arg, name: &str, texts: &[String]) -> Result<(), String> {
    let alone = clap::Command::new(RUN).no_binary_name(true).arg(setting.clone().env(None::<&str>));
    let words = texts.iter().map(|text| format!("--{name}={text}"));
    alone.try_get_matches_from(words).map(drop).map_err(|error| reason(&error))
}

/// What is said about a command line that cannot be used.
fn told(error: clap::Error, variables: &BTreeMap<String, String>) -> Stop {
    if !error.use_stderr() {
        return Stop::Told(error);
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Stop::Usage(error);
    }
    let Some(ContextValue::String(setting)) = error.get(ContextKind::InvalidArg) else {
        return Stop::Wrong(format!("{}{}", reason(&error), hint(&error)));
    };
    // `--resync <RESYNC>`, `[SCOPE]`
    let flag = setting.trim_start_matches('[').split([' ', '=', '[', ']']).next().unwrap_or_default();
    Stop::Wrong(match variables.get(flag) {
        Some(variable) => format!("{flag} or {variable}: {}{}", reason(&error), hint(&error)),
        None => format!("{flag}: {}{}", reason(&error), hint(&error)),
    })
}

/// What was probably meant, and where to read what there is.
fn hint(error: &clap::Error) -> String {
    let suggested = [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    let meant = suggested.into_iter().find_map(|kind| match error.get(kind)? {
        ContextValue::String(word) => Some(word.clone()),
        ContextValue::Strings(words) => words.first().cloned(),
        _ => None,
    });
    let unknown = matches!(error.kind(), ErrorKind::UnknownArgument | ErrorKind::InvalidSubcommand);
    let meant = meant.map(|word| format!("; did you mean {word}?")).unwrap_or_default();
    let help = if unknown { " Try --help." } else { "" };
    let end = if meant.is_empty() && unknown { "." } else { "" };
    format!("{meant}{end}{help}")
}

/// One line, without the value.
fn reason(error: &clap::Error) -> String {
    match (error.kind(), error.get(ContextKind::ValidValue), std::error::Error::source(error)) {
        (ErrorKind::InvalidValue, Some(ContextValue::Strings(words)), _) if !words.is_empty() => {
            format!("must be {}", words.join(" or "))
        }
        (ErrorKind::ValueValidation, _, Some(source)) => first_line(&source.to_string()).to_owned(),
        (ErrorKind::ArgumentConflict, ..) => "is given more than once".to_owned(),
        (ErrorKind::InvalidValue | ErrorKind::NoEquals, ..) => "needs a value".to_owned(),
        (ErrorKind::UnknownArgument, ..) => "there is no such flag".to_owned(),
        (ErrorKind::InvalidUtf8, ..) => "is not UTF-8".to_owned(),
        _ => first_line(&error.to_string()).trim_start_matches("error: ").to_owned(),
    }
}

fn first_line(text: &str) -> &str {
    text.lines().next().unwrap_or_default()
}
