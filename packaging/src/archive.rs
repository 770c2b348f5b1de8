//! An image of one layer, as a file.
//!
//! The file is a tar archive in two formats at once: an image layout of the OCI (`oci-layout` and `index.json`), which
//! podman, buildah, skopeo and containerd read, and the list of `docker save` (`manifest.json`), which every docker does.
//! Both name the same documents by their hashes. Times, owners and the order of entries do not depend on the machine.
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    io::Write as _,
    path::Path,
};

use flate2::{Compression, write::GzEncoder};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::error::Error;

const INDEX: &str = "application/vnd.oci.image.index.v1+json";
const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
const CONFIGURATION: &str = "application/vnd.oci.image.config.v1+json";
const LAYER: &str = "application/vnd.oci.image.layer.v1.tar+gzip";

/// A file of the image. Its folders come by themselves.
pub struct File {
    /// Without a slash at its beginning.
    pub path: String,
    pub mode: u32,
    pub content: Vec<u8>,
}

/// What an image is.
pub struct Image {
    /// Name and tag.
    pub reference: String,
    pub architecture: &'static str,
    pub created: Timestamp,
    /// User and group, by their numbers.
    pub user: &'static str,
    /// The path of the program that it runs.
    pub entrypoint: String,
    pub labels: Vec<(String, String)>,
    pub files: Vec<File>,
}

/// A part of the image that others name by its hash.
struct Blob {
    digest: String,
    content: Vec<u8>,
}

impl Blob {
    fn of(content: Vec<u8>) -> Self {
        Self { digest: sha256(&content), content }
    }

    fn json(value: &Value) -> Self {
        Self::of(value.to_string().into_bytes())
    }

    fn descriptor(&self, media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": format!("sha256:{}", self.digest), "size": self.content.len()})
    }

    fn path(&self) -> String {
        format!("blobs/sha256/{}", self.digest)
    }
}

fn sha256(bytes: &[u8]) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::new(), |mut text, byte| {
        // Writing to a string does not fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

impl Image {
    /// Writes it, making the folder if need be; answers how many bytes its files take when it is unpacked.
    pub fn write(&self, path: &Path) -> Result<u64, Error> {
        let archive = self.archive().map_err(Error::file(path))?;
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(Error::file(folder))?;
        }
        std::fs::write(path, archive).map_err(Error::file(path))?;
        Ok(self.files.iter().map(|file| file.content.len() as u64).sum())
    }

    fn archive(&self) -> std::io::Result<Vec<u8>> {
        let files: Vec<(&str, u32, &[u8])> =
            self.files.iter().map(|file| (file.path.as_str(), file.mode, file.content.as_slice())).collect();
        let layer = tar(&files, self.created)?;
        let mut compressed = GzEncoder::new(Vec::new(), Compression::best());
        compressed.write_all(&layer)?;
        let compressed = Blob::of(compressed.finish()?);

        let labels: BTreeMap<&String, &String> = self.labels.iter().map(|(name, value)| (name, value)).collect();
        let created = self.created.to_string();
        let configuration = Blob::json(&json!({
            "architecture": self.architecture,
            "os": "linux",
            "created": created,
            "config": {"User": self.user, "Entrypoint": [self.entrypoint], "WorkingDir": "/", "Labels": labels},
            "rootfs": {"type": "layers", "diff_ids": [format!("sha256:{}", sha256(&layer))]},
            "history": [{"created": created, "created_by": "make image"}],
        }));
        let manifest = Blob::json(&json!({
            "schemaVersion": 2,
            "mediaType": MANIFEST,
            "config": configuration.descriptor(CONFIGURATION),
            "layers": [compressed.descriptor(LAYER)],
            "annotations": labels,
        }));
        let mut entry = manifest.descriptor(MANIFEST);
        entry["platform"] = json!({"architecture": self.architecture, "os": "linux"});
        // The first is what podman calls the image by, the second containerd, whose names are always whole.
        entry["annotations"] = json!({
            "org.opencontainers.image.ref.name": self.reference,
            "io.containerd.image.name": format!("docker.io/library/{}", self.reference),
        });
        let index = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).to_string();
        let layout = json!({"imageLayoutVersion": "1.0.0"}).to_string();
        let docker = json!([{
            "Config": configuration.path(), "RepoTags": [self.reference], "Layers": [compressed.path()],
        }])
        .to_string();

        let blobs = [configuration, manifest, compressed].map(|blob| (blob.path(), blob.content));
        let documents = [("oci-layout", &layout), ("index.json", &index), ("manifest.json", &docker)];
        let mut files: Vec<(&str, u32, &[u8])> =
            documents.iter().map(|(name, text)| (*name, 0o644, text.as_bytes())).collect();
        files.extend(blobs.iter().map(|(path, content)| (path.as_str(), 0o644, content.as_slice())));
        tar(&files, self.created)
    }
}

/// An archive of files (path, mode and content) that belong to root, with their folders.
fn tar(files: &[(&str, u32, &[u8])], modified: Timestamp) -> std::io::Result<Vec<u8>> {
    // What is older than 1970 has no place in the format.
    let modified = u64::try_from(modified.as_second()).unwrap_or_default();
    let header = |kind: tar::EntryType, mode: u32, size: usize| {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(mode);
        header.set_size(size as u64);
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(modified);
        header
    };
    let mut builder = tar::Builder::new(Vec::new());
    let mut folders = BTreeSet::new();
    for (path, mode, content) in files {
        let above: Vec<&str> = Path::new(path).ancestors().skip(1).filter_map(Path::to_str).collect();
        for folder in above.into_iter().rev().filter(|folder| !folder.is_empty()) {
            if folders.insert(folder.to_owned()) {
                let mut header = header(tar::EntryType::Directory, 0o755, 0);
                builder.append_data(&mut header, format!("{folder}/"), std::io::empty())?;
            }
        }
        builder.append_data(&mut header(tar::EntryType::Regular, *mode, content.len()), path, *content)?;
    }
    builder.into_inner()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
    use std::io::Read;

    use flate2::read::GzDecoder;

    use super::*;

    fn image() -> Image {
        let file = |path: &str, mode, content: &str| File { path: path.to_owned(), mode, content: content.into() };
        Image {
            reference: "program:1.0.0".to_owned(),
            architecture: "amd64",
            created: Timestamp::from_second(1_700_000_000).unwrap(),
            user: "65532:65532",
            entrypoint: "/usr/bin/program".to_owned(),
            labels: vec![("a".to_owned(), "b".to_owned())],
            files: vec![file("usr/bin/program", 0o755, "#!"), file("usr/share/text", 0o644, "words")],
        }
    }

    /// The entries of an archive: path, mode and content.
    fn entries(archive: &[u8]) -> BTreeMap<String, (u32, Vec<u8>)> {
        let mut entries = BTreeMap::new();
        for entry in tar::Archive::new(archive).entries().unwrap() {
            let mut entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.uid().unwrap(), header.gid().unwrap()), (0, 0));
            assert_eq!(header.mtime().unwrap(), 1_700_000_000);
            let (path, mode) = (entry.path().unwrap().display().to_string(), header.mode().unwrap());
            let mut content = Vec::new();
            entry.read_to_end(&mut content).unwrap();
            entries.insert(path, (mode, content));
        }
        entries
    }

    fn json_of(entries: &BTreeMap<String, (u32, Vec<u8>)>, path: &str) -> Value {
        serde_json::from_slice(&entries[path].1).unwrap()
    }

    /// What a descriptor names, which has the size and hash that it says.
    fn named<'a>(entries: &'a BTreeMap<String, (u32, Vec<u8>)>, descriptor: &Value) -> &'a [u8] {
        let digest = descriptor["digest"].as_str().unwrap().strip_prefix("sha256:").unwrap();
        let content = &entries[&format!("blobs/sha256/{digest}")].1;
        assert_eq!((sha256(content).as_str(), content.len() as u64), (digest, descriptor["size"].as_u64().unwrap()));
        content
    }

    #[test]
    fn a_reader_of_the_layout_finds_files_and_configuration() {
        let archive = entries(&image().archive().unwrap());
        let index = json_of(&archive, "index.json");
        let manifest: Value = serde_json::from_slice(named(&archive, &index["manifests"][0])).unwrap();
        let configuration: Value = serde_json::from_slice(named(&archive, &manifest["config"])).unwrap();
        assert_eq!(configuration["config"]["User"], "65532:65532");
        assert_eq!(configuration["config"]["Labels"], json!({"a": "b"}));
        assert_eq!(configuration["created"], "2023-11-14T22:13:20Z");

        let mut layer = Vec::new();
        GzDecoder::new(named(&archive, &manifest["layers"][0])).read_to_end(&mut layer).unwrap();
        assert_eq!(configuration["rootfs"]["diff_ids"], json!([format!("sha256:{}", sha256(&layer))]));
        let files = entries(&layer);
        let listed: Vec<(&str, u32)> = files.iter().map(|(path, (mode, _))| (path.as_str(), *mode)).collect();
        assert_eq!(
            listed,
            [
                ("usr/", 0o755),
                ("usr/bin/", 0o755),
                ("usr/bin/program", 0o755),
                ("usr/share/", 0o755),
                ("usr/share/text", 0o644)
            ]
        );
        assert_eq!(files["usr/share/text"].1, b"words");
    }

    #[test]
    fn a_reader_of_what_docker_saves_finds_the_same() {
        let archive = entries(&image().archive().unwrap());
        let list = json_of(&archive, "manifest.json");
        assert_eq!(list[0]["RepoTags"], json!(["program:1.0.0"]));
        let configuration = json_of(&archive, list[0]["Config"].as_str().unwrap());
        assert_eq!(configuration["config"]["Entrypoint"], json!(["/usr/bin/program"]));
        assert!(archive.contains_key(list[0]["Layers"][0].as_str().unwrap()));
    }

    #[test]
    fn the_same_files_are_the_same_bytes() {
        assert_eq!(image().archive().unwrap(), image().archive().unwrap());
    }
}
