//! `atlas-operator crds`
use std::{io::Write, path::PathBuf};

use clap::Args;

use crate::kinds;

/// The flags of `crds`.
#[derive(Args)]
pub struct Options {
    /// Write one file for each definition into this folder instead of printing them all
    #[arg(long)]
    out: Option<PathBuf>,
}

/// Prints every definition as one stream of YAML documents, or writes each to a file.
pub fn crds(options: &Options) -> Result<(), String> {
    let manifests = kinds::manifests().map_err(|error| error.to_string())?;
    if let Some(folder) = &options.out {
        for (name, yaml) in manifests {
            let path = folder.join(name);
            std::fs::write(&path, yaml).map_err(|error| format!("{}: {error}", path.display()))?;
        }
        return Ok(());
    }
    let mut out = std::io::stdout().lock();
    for (_, yaml) in manifests {
        match writeln!(out, "---\n{}", yaml.trim_end()) {
            Ok(()) => {}
            // Whoever reads has had enough.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => return Err(error.to_string()),
        }
    }
    Ok(())
}
