//! Settings whose value is a path, and what stands there.
//!
//! It is read at the start, so that what cannot be used ends the start like any other wrong setting. It is read again
//! while the operator runs ([`egress`](super::egress)), because what Kubernetes mounts changes in place.
use std::{
    fmt,
    path::{Path, PathBuf},
};

use secrecy::SecretString;

use crate::atlas::{Authorities, ProxyCredentials};

/// The longest file, in bytes: a ConfigMap or Secret holds no more. All of Mozilla's authorities take a quarter of it.
const LONGEST: u64 = 1024 * 1024;

/// What can be read from a path.
pub trait Content: Sized {
    /// Reads it, or says what is wrong without quoting path or content.
    fn read(path: &Path) -> Result<Self, String>;
}

/// A path, and what stood there when the setting was read.
#[derive(Clone, Debug)]
pub struct Filed<T> {
    path: PathBuf,
    /// What stood there.
    pub content: T,
}

impl<T: Content> Filed<T> {
    /// Reads what a setting names.
    pub fn at(path: &str) -> Result<Self, String> {
        let path = PathBuf::from(path);
        Ok(Self { content: T::read(&path)?, path })
    }

    /// Reads what stands there now.
    pub fn again(&self) -> Result<T, String> {
        T::read(&self.path)
    }
}

/// The path is the setting; that its content has changed is no change of settings.
impl<T> PartialEq for Filed<T> {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Content for Authorities {
    fn read(path: &Path) -> Result<Self, String> {
        Self::parse(&bytes(path).map_err(said("the file"))?).map_err(|fault| fault.to_string())
    }
}

/// A folder with the files `username` and `password`, as a Secret of the type `kubernetes.io/basic-auth` is mounted.
impl Content for ProxyCredentials {
    fn read(path: &Path) -> Result<Self, String> {
        let text = |name: &str| {
            let bytes = bytes(&path.join(name)).map_err(said(name))?;
            String::from_utf8(bytes).map_err(|_| format!("{name} is not text in UTF-8"))
        };
        let password = SecretString::from(text("password")?);
        Self::new(&text("username")?, &password).map_err(|fault| fault.to_string())
    }
}

/// Why something could not be read, with what it is.
fn said<E: fmt::Display>(what: &str) -> impl Fn(E) -> String {
    move |error| format!("{what} cannot be read: {error}")
}

/// The content of a file: not of a device or a pipe, which might never end.
fn bytes(path: &Path) -> Result<Vec<u8>, String> {
    let about = std::fs::metadata(path).map_err(|error| error.to_string())?;
    if !about.is_file() {
        return Err("it is no file".to_owned());
    }
    if about.len() > LONGEST {
        return Err(format!("it is larger than {LONGEST} bytes"));
    }
    std::fs::read(path).map_err(|error| error.to_string())
}
