//! An image as a container runtime sees it, as far as it is files and a process.
use std::fs::File;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use flate2::read::GzDecoder;
use serde_json::Value;
use tempfile::TempDir;

use crate::Error;
use crate::control_plane::temporary_folder;

/// What runtimes set where the image sets nothing.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// An unpacked archive of `make image`.
///
/// What runs in it sees its files and those that are mounted, as the user that the image names, with nothing in its
/// environment. The network is this machine's. There is no `/proc`, `/sys` or `/dev`, which is less than a runtime gives.
pub struct Image {
    folder: TempDir,
    /// What `docker inspect` shows as `Config`.
    configuration: Value,
    files: Vec<(PathBuf, u64)>,
}

impl Image {
    /// Unpacks an archive, by its image layout.
    pub fn open(archive: &Path) -> Result<Self, Error> {
        let folder = temporary_folder("image")?;
        let parts = folder.path().join("parts");
        let file = File::open(archive).map_err(Error::file(archive))?;
        tar::Archive::new(file).unpack(&parts).map_err(Error::file(archive))?;
        let index = read(&parts.join("index.json"))?;
        let manifest = read(&blob(&parts, &index["manifests"][0]))?;
        let configuration = read(&blob(&parts, &manifest["config"]))?["config"].take();
        let mut image = Self { folder, configuration, files: Vec::new() };
        let root = image.root();
        std::fs::create_dir(&root).map_err(Error::file(&root))?;
        for layer in manifest["layers"].as_array().into_iter().flatten() {
            let path = blob(&parts, layer);
            let file = File::open(&path).map_err(Error::file(&path))?;
            let mut layer = tar::Archive::new(GzDecoder::new(file));
            for entry in layer.entries().map_err(Error::file(&path))? {
                let mut entry = entry.map_err(Error::file(&path))?;
                let name = entry.path().map_err(Error::file(&path))?.into_owned();
                if entry.header().entry_type().is_file() {
                    image.files.push((Path::new("/").join(&name), entry.size()));
                }
                entry.unpack_in(&root).map_err(Error::file(&root.join(name)))?;
            }
        }
        Ok(image)
    }

    /// Every file of the image with its size in bytes.
    pub fn files(&self) -> &[(PathBuf, u64)] {
        &self.files
    }

    /// The content of a file of the image.
    pub fn read(&self, path: &str) -> Result<Vec<u8>, Error> {
        let path = self.within(Path::new(path));
        std::fs::read(&path).map_err(Error::file(&path))
    }

    /// What the image says of itself: `User`, `Entrypoint`, `Labels`.
    pub fn configuration(&self) -> &Value {
        &self.configuration
    }

    /// Puts a file into its file system, as Kubernetes does with `/etc/hosts`.
    pub fn provide(&self, path: &str, content: &str) -> Result<(), Error> {
        let path = self.within(Path::new(path));
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        }
        std::fs::write(&path, content).map_err(Error::file(&path))?;
        // Whoever runs in the image is another user.
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).map_err(Error::file(&path))
    }

    /// Puts a text of this machine at the same place of its file system.
    fn mount(&self, path: &Path) -> Result<(), Error> {
        let content = std::fs::read_to_string(path).map_err(Error::file(path))?;
        self.provide(&path.to_string_lossy(), &content)
    }

    /// Mounts a kubeconfig that the harness wrote, and the certificate that it names.
    pub fn mount_kubeconfig(&self, path: &Path) -> Result<(), Error> {
        self.mount(path)?;
        let certificate = read(path)?["clusters"][0]["cluster"]["certificate-authority"].take();
        self.mount(Path::new(certificate.as_str().unwrap_or_default()))
    }

    /// What a container of it runs; arguments are to be added.
    ///
    /// Root can do this with `chroot`; anyone else needs a kernel that lets users make namespaces.
    pub fn container(&self) -> Command {
        let user = self.configuration["User"].as_str().unwrap_or_default();
        let mut command = if rustix::process::geteuid().is_root() {
            let mut command = Command::new("chroot");
            command.arg(format!("--userspec={user}")).arg(self.root());
            command
        } else {
            let (user, group) = user.split_once(':').unwrap_or((user, user));
            let mut command = Command::new("unshare");
            command.arg(format!("--map-user={user}")).arg(format!("--map-group={group}"));
            command.arg("--root").arg(self.root());
            command
        };
        let entrypoint = self.configuration["Entrypoint"].as_array().into_iter().flatten();
        command.args(entrypoint.filter_map(Value::as_str)).env_clear().env("PATH", PATH);
        command
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("root")
    }

    fn within(&self, path: &Path) -> PathBuf {
        self.root().join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// The file that a descriptor names.
fn blob(parts: &Path, descriptor: &Value) -> PathBuf {
    let digest = descriptor["digest"].as_str().unwrap_or_default();
    parts.join("blobs").join(digest.replace(':', "/"))
}

fn read(path: &Path) -> Result<Value, Error> {
    let bytes = std::fs::read(path).map_err(Error::file(path))?;
    serde_json::from_slice(&bytes).map_err(Error::unreadable(path.display().to_string()))
}
