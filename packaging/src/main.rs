//! Makes a static binary into an image, without a container engine.
//!
//! An image of one layer is a tar file of a few JSON documents and another tar file, so no daemon, no base image and no
//! network is needed for it, and the same commit gives the same bytes wherever it is built: nothing of the machine gets
//! in but the binary. The archive is an OCI image layout and what `docker save` writes at once, which is what docker,
//! podman, buildah and skopeo all read.
//!
//! What is in the image: the binary, the licences of everything that is compiled into it, and its bill of materials. There
//! are no certificate files, since nothing reads them: the roots that Mozilla trusts are compiled in for Atlas, and the
//! certificate of the API server comes with the ServiceAccount.
mod archive;
mod bill;
mod components;
mod error;
mod licenses;

use std::{path::PathBuf, process::ExitCode};

use clap::Parser;
use jiff::Timestamp;

use archive::{File, Image};
use components::Components;
use error::Error;

/// Writes an image with one static binary as an archive that docker, podman, buildah and skopeo read
#[derive(Parser)]
#[command(name = "image")]
struct Options {
    /// The package of this workspace whose binary of the same name it is
    #[arg(long)]
    package: String,
    /// The target that the binary was compiled for: x86_64-unknown-linux-gnu
    #[arg(long)]
    target: String,
    /// The binary
    #[arg(long)]
    binary: PathBuf,
    /// The time of everything in the image, in seconds since 1970
    #[arg(long, env = "SOURCE_DATE_EPOCH", value_parser = time)]
    created: Timestamp,
    /// The commit that the image is made of
    #[arg(long)]
    revision: Option<String>,
    /// The address of the source code
    #[arg(long)]
    source: Option<String>,
    /// The archive to write
    #[arg(long)]
    out: PathBuf,
}

fn time(text: &str) -> Result<Timestamp, String> {
    let seconds = text.parse().map_err(|_| "must be a number of seconds".to_owned())?;
    Timestamp::from_second(seconds).map_err(|error| error.to_string())
}

fn main() -> ExitCode {
    match write(&Options::parse()) {
        Ok(told) => {
            println!("{told}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

/// The user that the image runs as: the number by which images without a password file call "nobody in particular", so
/// that Kubernetes can see that it is not root.
const USER: &str = "65532:65532";

fn write(options: &Options) -> Result<String, Error> {
    let components = Components::of(&options.package, &options.target)?;
    let about = &components.root;
    let binary = std::fs::read(&options.binary).map_err(Error::file(&options.binary))?;
    let documents = format!("usr/share/doc/{}", about.name);
    let program = format!("usr/bin/{}", about.name);
    let image = Image {
        reference: format!("{}:{}", about.name, about.version),
        architecture: architecture(&options.target)?,
        created: options.created,
        user: USER,
        entrypoint: format!("/{program}"),
        labels: labels(options, &components),
        files: vec![
            File { path: program, mode: 0o755, content: binary },
            File {
                path: format!("{documents}/licenses.txt"),
                mode: 0o644,
                content: licenses::text(&components)?.into_bytes(),
            },
            File {
                path: format!("{documents}/sbom.cdx.json"),
                mode: 0o644,
                content: format!("{:#}\n", bill::of_materials(&components, options.created)).into_bytes(),
            },
        ],
    };
    let size = image.write(&options.out)?;
    let compressed = std::fs::metadata(&options.out).map_err(Error::file(&options.out))?.len();
    Ok(format!(
        "{} is {} ({}): {:.1} MiB unpacked, {:.1} MiB as an archive",
        options.out.display(),
        image.reference,
        image.architecture,
        mebibytes(size),
        mebibytes(compressed)
    ))
}

#[expect(clippy::cast_precision_loss, reason = "shown with one digit")]
fn mebibytes(bytes: u64) -> f64 {
    bytes as f64 / f64::from(1 << 20)
}

/// A target's architecture as images call it.
fn architecture(target: &str) -> Result<&'static str, Error> {
    match target.split('-').next() {
        Some("x86_64") => Ok("amd64"),
        Some("aarch64") => Ok("arm64"),
        _ => Err(Error::Target(target.to_owned())),
    }
}

/// The labels that the OCI specification knows, as far as they are known here.
fn labels(options: &Options, components: &Components) -> Vec<(String, String)> {
    let about = &components.root;
    let known = [
        ("created", Some(options.created.to_string())),
        ("description", about.description.clone()),
        ("licenses", about.license.clone()),
        ("revision", options.revision.clone()),
        ("source", options.source.clone()),
        ("title", Some(about.name.clone())),
        ("version", Some(about.version.clone())),
    ];
    let label = |(name, value): (&str, Option<String>)| Some((format!("org.opencontainers.image.{name}"), value?));
    known.into_iter().filter_map(label).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_architecture_is_called_as_images_call_it() {
        assert_eq!(architecture("x86_64-unknown-linux-musl").ok(), Some("amd64"));
        assert_eq!(architecture("aarch64-unknown-linux-gnu").ok(), Some("arm64"));
        assert!(architecture("riscv64gc-unknown-linux-gnu").is_err());
    }

    #[test]
    fn a_time_is_a_number_of_seconds() {
        assert_eq!(time("0"), Ok(Timestamp::UNIX_EPOCH));
        assert!(time("yesterday").is_err());
    }
}
