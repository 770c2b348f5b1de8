//! Settings as the binary takes them: from flags, variables and a file, and what it says of wrong ones.
use std::{
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use atlas_operator::cli;
use base64::{Engine as _, prelude::BASE64_STANDARD};
use harness::{Process, eventually, free_port};
use tempfile::TempDir;

/// For a start, or for the file to be looked at, on a busy machine.
const PATIENCE: Duration = Duration::from_mins(1);

/// `atlas-operator run` with nothing in its environment but what is given here.
fn run(arguments: &[&str], environment: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atlas-operator"));
    command.arg("run").args(arguments).env_clear().envs(environment.iter().copied()).stdin(Stdio::null());
    command
}

/// A setting that names a file or a folder, the files there with their content, and what is said of them.
type WrongFiles = (&'static str, &'static [(&'static str, &'static [u8])], &'static str);

const WRONG_FILES: &[WrongFiles] = &[
    ("atlas-ca-file", &[("empty", b"")], "there is no certificate in PEM in it"),
    ("atlas-ca-file", &[("der", b"\x30\x82\x01\x0a\xff")], "there is no certificate in PEM in it"),
    (
        "atlas-ca-file",
        &[("key", b"-----BEGIN PRIVATE KEY-----\ncanary\n-----END PRIVATE KEY-----\n")],
        "there is a private key in it",
    ),
    (
        "atlas-ca-file",
        &[("request", b"-----BEGIN CERTIFICATE REQUEST-----\ncanary\n-----END CERTIFICATE REQUEST-----\n")],
        "there is something else in it",
    ),
    (
        "atlas-ca-file",
        &[("broken", b"-----BEGIN CERTIFICATE-----\ncanary\n-----END CERTIFICATE-----\n")],
        "a certificate in it cannot be read",
    ),
    ("atlas-proxy-credentials", &[("half/password", b"canary")], "username cannot be read: No such file"),
    ("atlas-proxy-credentials", &[("colon/username", b"a:b"), ("colon/password", b"canary")], "a colon"),
    ("atlas-proxy-credentials", &[("lines/username", b"a"), ("lines/password", b"canary\nx")], "a control character"),
    ("atlas-proxy-credentials", &[("bytes/username", b"a"), ("bytes/password", b"canary\xff")], "not text in UTF-8"),
];

/// Writes the files of [`WRONG_FILES`]: each setting with the path that it names, and what is said of it.
fn wrong_files(folder: &TempDir) -> Vec<(&'static str, String, &'static str)> {
    let wrong = |(name, files, reason): &WrongFiles| {
        for (file, content) in *files {
            let path = folder.path().join(file);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let named = files[0].0.split('/').next().unwrap();
        (*name, folder.path().join(named).to_str().unwrap().to_owned(), *reason)
    };
    WRONG_FILES.iter().map(wrong).collect()
}

/// The one line that a start with wrong settings says before it ends.
fn refusal(mut command: Command) -> String {
    let output = command.output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert_eq!(said.lines().count(), 1, "{said}");
    said.trim().strip_prefix("error: ").unwrap_or_else(|| panic!("{said}")).to_owned()
}

fn file(folder: &TempDir, text: &str) -> String {
    let path = folder.path().join("config.yaml");
    std::fs::write(&path, text).unwrap();
    path.to_str().unwrap().to_owned()
}

/// For each setting that can be wrong: its name, wrong values, and what is said of them.
pub const WRONG: &[(&str, &[&str], &str)] = &[
    ("atlas-url", &["cloud.mongodb.com"], "is not a URL with a host"),
    ("atlas-url", &["http://cloud.mongodb.com"], "must start with https://"),
    ("atlas-url", &["https://u:canary@cloud.mongodb.com"], "must not contain a user name or password"),
    ("atlas-ca-file", &["/nowhere/canary.pem"], "the file cannot be read: No such file"),
    ("atlas-ca-file", &["/dev/null", "src"], "it is no file"),
    ("atlas-ca-file", &["Cargo.toml"], "there is no certificate in PEM in it"),
    ("atlas-proxy", &["proxy:3128", "socks5://proxy:1080", "http://proxy/canary"], ""),
    ("atlas-proxy", &["http://u:canary@proxy:3128"], "must not contain a user name or password"),
    ("atlas-proxy-credentials", &["/nowhere"], "password cannot be read: No such file"),
    ("namespace", &["Shop", "a_b", "shop,-x"], "lowercase letters"),
    ("default-secret", &["canary", "a/b/c"], "must be NAMESPACE/NAME"),
    ("resync", &["10", "ten", "0s", "200h"], "must"),
    ("concurrency", &["0", "257", "many"], ""),
    ("policy", &["canary"], "manage"),
    ("deletion", &["canary"], "retain"),
    ("adopt", &["canary"], "identical"),
    ("leader-election", &["canary"], "must be true or false"),
    ("lease-namespace", &["A"], "lowercase letters"),
    ("lease-name", &["a b"], "lowercase letters"),
    ("lease-duration", &["4s", "6m", "15"], "must"),
    ("metrics", &["8080", "localhost:8080"], "socket address"),
    ("health", &["8081"], "socket address"),
    ("otlp-endpoint", &["collector:4317", "http://u:canary@c"], "must"),
    ("log-format", &["xml"], "must be text or json"),
    ("log", &["atlas_operator=loud"], "must be a level"),
];

#[test]
fn a_wrong_setting_ends_the_start_with_one_line_that_names_it() {
    let folder = tempfile::tempdir().unwrap();
    let texts = WRONG
        .iter()
        .flat_map(|(name, values, reason)| values.iter().map(move |value| (*name, (*value).to_owned(), *reason)));
    let mut tried = 0;
    for (name, value, reason) in texts.chain(wrong_files(&folder)) {
        let variable = format!("ATLAS_OPERATOR_{}", name.replace('-', "_").to_uppercase());
        let path = file(&folder, &format!("{name}: {value:?}\n"));
        let flag = refusal(run(&[&format!("--{name}={value}")], &[]));
        let environment = refusal(run(&[], &[(variable.as_str(), value.as_str())]));
        let in_file = refusal(run(&["--config", &path], &[]));
        assert!(flag.starts_with(&format!("--{name} or {variable}: ")), "{flag}");
        assert_eq!(flag, environment, "whichever it came from");
        assert!(in_file.starts_with(&format!("{name} in {path}: ")), "{in_file}");
        for said in [&flag, &in_file] {
            assert!(said.contains(reason), "{name}={value}: {said}");
            assert!(!said.contains("canary"), "a value is repeated, which may be a secret: {said}");
        }
        tried += 1;
    }
    // Every setting but the file itself can be wrong.
    let command = cli::command();
    let settings = command.find_subcommand("run").unwrap().get_arguments().filter_map(clap::Arg::get_long);
    let untried: Vec<_> =
        settings.filter(|setting| *setting != "config" && WRONG.iter().all(|(name, ..)| name != setting)).collect();
    assert!(untried.is_empty(), "not tried: {untried:?}");
    println!("{tried} wrong values, each as flag, variable and in a file");
}

/// A folder with what a proxy is told, as a Secret is mounted, and its path.
fn proxy_credentials() -> (TempDir, String) {
    let folder = tempfile::tempdir().unwrap();
    for (file, content) in [("username", "operator"), ("password", "canary")] {
        std::fs::write(folder.path().join(file), content).unwrap();
    }
    let path = folder.path().to_str().unwrap().to_owned();
    (folder, path)
}

#[test]
fn credentials_without_a_proxy_are_a_mistake_wherever_they_stand() {
    let (folder, credentials) = proxy_credentials();
    let path = file(&folder, &format!("atlas-proxy-credentials: {credentials}\n"));
    for arguments in [["--atlas-proxy-credentials", &credentials], ["--config", &path]] {
        assert_eq!(refusal(run(&arguments, &[])), "--atlas-proxy-credentials: is of no use without --atlas-proxy");
    }
}

#[tokio::test]
async fn the_way_out_may_stand_in_flags_and_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (_credentials, credentials) = proxy_credentials();
    let authorities = folder.path().join("ca.crt");
    let issued = rcgen::generate_simple_self_signed(["atlas.example".to_owned()]).unwrap();
    std::fs::write(&authorities, issued.cert.pem()).unwrap();
    let text =
        format!("atlas-ca-file: {}\natlas-proxy-credentials: {credentials}\nlog: debug\n", authorities.display());
    let path = file(&folder, &text);
    // Where there is nothing that vouches for anybody, as in the image.
    let bare = [("SSL_CERT_FILE", "/nowhere"), ("SSL_CERT_DIR", "/nowhere")];
    for traces in [&[][..], &["--otlp-endpoint", "http://127.0.0.1:1"]] {
        let arguments = [&["--config", &path, "--atlas-proxy", "http://proxy.example:3128"], traces].concat();
        let process = start(&folder, &arguments, &bare);
        logged(&process, "starting").await;
        assert!(!process.log().contains("canary"), "{}", process.log());
    }
}

#[test]
fn a_variable_that_is_empty_sets_nothing() {
    let command = cli::command();
    let settings = command.find_subcommand("run").unwrap().get_arguments();
    let variables: Vec<&str> = settings.filter_map(clap::Arg::get_env).map(|it| it.to_str().unwrap()).collect();
    assert!(variables.len() > 10, "{variables:?}");
    let mut environment: Vec<(&str, &str)> = variables.into_iter().map(|variable| (variable, "")).collect();
    environment.push(("KUBECONFIG", "/nowhere/kubeconfig"));
    let output = run(&["--health=127.0.0.1:0", "--metrics=127.0.0.1:0"], &environment).output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    // The settings were taken, and the next thing is missing.
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("no way to reach Kubernetes"), "{said}");
}

#[test]
fn a_file_that_cannot_be_used_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let missing = refusal(run(&["--config", "/nowhere/config.yaml"], &[]));
    assert!(missing.starts_with("--config: /nowhere/config.yaml: "), "{missing}");
    for (text, name, reason) in [
        ("resink: 10m\n", "resink", "there is no such setting"),
        ("config: other.yaml\n", "config", "there is no such setting"),
        ("privateKey: canary\n", "privateKey", "there is no such setting"),
        ("resync: {canary: 1}\n", "resync", "must be a text"),
        ("resync: ~\n", "resync", "must be a text"),
        ("resync: [10m, 20m]\n", "resync", "more than once"),
        ("- resync\n", "--config", "not a map"),
        ("resync: 10m\nresync: canary\n", "--config", "not a map"),
    ] {
        let said = refusal(run(&["--config", &file(&folder, text)], &[]));
        assert!(said.starts_with(name) && said.contains(reason) && !said.contains("canary"), "{text:?}: {said}");
    }
    let unknown = refusal(run(&["--resink=10m"], &[]));
    assert_eq!(unknown, "--resink: there is no such flag; did you mean --resync? Try --help.");
}

/// An operator that finds no Kubernetes, which is enough to see what it was told.
fn start(folder: &TempDir, arguments: &[&str], environment: &[(&str, &str)]) -> Process {
    let kubeconfig = folder.path().join("kubeconfig");
    let nowhere = format!("https://127.0.0.1:{}", free_port());
    // As in a pod, where the authority of the API server comes with the ServiceAccount.
    let authority = rcgen::generate_simple_self_signed(["127.0.0.1".to_owned()]).unwrap().cert.pem();
    let content = serde_json::json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "c",
        "clusters": [{"name": "c", "cluster": {"server": nowhere, "certificate-authority-data": BASE64_STANDARD.encode(authority)}}],
        "users": [{"name": "c", "user": {}}],
        "contexts": [{"name": "c", "context": {"cluster": "c", "user": "c"}}],
    });
    std::fs::write(&kubeconfig, content.to_string()).unwrap();
    let [metrics, health] = [(); 2].map(|()| format!("127.0.0.1:{}", free_port()));
    let mut command = run(arguments, environment);
    command.env("KUBECONFIG", kubeconfig).args(["--metrics", &metrics, "--health", &health]);
    Process::start("atlas-operator", command, &folder.path().join("log"), None).unwrap()
}

async fn logged(process: &Process, text: &str) {
    let look = || async { if process.log().contains(text) { Ok(()) } else { Err(process.log()) } };
    eventually(PATIENCE, text, look).await.unwrap();
}

#[tokio::test]
async fn a_flag_wins_over_its_variable_and_that_over_the_file() {
    const VARIABLE: (&str, &str) = ("ATLAS_OPERATOR_ATLAS_URL", "http://127.0.0.1:2");
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "atlas-url: http://127.0.0.1:3\nlog-format: json\nnamespace: [a, b]\nconcurrency: 3\n");
    for (flags, variables, wins) in [
        (&["--config", &path, "--atlas-url", "http://127.0.0.1:1"][..], &[VARIABLE][..], 1),
        (&["--config", &path], &[VARIABLE], 2),
        (&["--config", &path], &[], 3),
        (&[], &[("ATLAS_OPERATOR_CONFIG", &path)], 3),
    ] {
        let process = start(&folder, flags, variables);
        logged(&process, &format!(r#""atlas":"http://127.0.0.1:{wins}""#)).await;
    }
}

#[tokio::test]
async fn what_is_logged_changes_with_the_file_and_nothing_else_does() {
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, "log: info\n");
    let process = start(&folder, &["--config", &path], &[]);
    logged(&process, "starting").await;
    assert!(!process.log().contains("DEBUG"), "{}", process.log());
    // As the kubelet does it: another file takes the place of the old one.
    let replace = |text: &str| {
        let next = folder.path().join("next");
        std::fs::write(&next, text).unwrap();
        std::fs::rename(next, Path::new(&path)).unwrap();
    };
    replace("log: debug\n");
    logged(&process, "what is logged changes").await;
    logged(&process, "DEBUG").await;
    replace("log: [canary\n");
    logged(&process, "the changed configuration cannot be used").await;
    replace("log: debug\nresync: 20m\n");
    logged(&process, "takes effect at the next start").await;
    assert!(process.ended().is_none() && !process.log().contains("canary"));
}

#[tokio::test]
async fn the_file_in_the_documents_is_one() {
    let page = std::fs::read_to_string(harness::repository().join("docs/configuration.md")).unwrap();
    let (_, block) = page.split_once("```yaml\n").unwrap();
    let manifest: serde_json::Value = serde_saphyr::from_str(block.split_once("```").unwrap().0).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = file(&folder, manifest["data"]["config.yaml"].as_str().unwrap());
    logged(&start(&folder, &["--config", &path], &[]), "starting").await;
}

#[tokio::test]
async fn help_is_no_mistake() {
    let output = run(&["--help"], &[]).output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty());
    assert!(String::from_utf8(output.stdout).unwrap().contains("--lease-duration"));
}

#[test]
fn what_is_mistyped_is_told_what_was_meant_and_where_help_is() {
    let said = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atlas-operator"));
        command.args(arguments).env_clear().stdin(Stdio::null());
        command
    };
    for (arguments, says) in [
        (&["runn"] as &[&str], "unrecognized subcommand 'runn'; did you mean run? Try --help."),
        (&["plan"], "unrecognized subcommand 'plan'. Try --help."),
        (&["run", "--polcy=observe"], "--polcy: there is no such flag; did you mean --policy? Try --help."),
        (&["rbac", "nope"], "SCOPE: must be watched or cluster or leader or viewer or editor"),
    ] {
        assert_eq!(refusal(said(arguments)), says, "{arguments:?}");
    }
    let nothing = said(&[]).output().unwrap();
    let usage = String::from_utf8(nothing.stderr).unwrap();
    assert_eq!(nothing.status.code(), Some(2));
    for part in ["Usage: atlas-operator", "run", "crds", "rbac", "Examples:"] {
        assert!(usage.contains(part), "{part} in {usage}");
    }
    let version = said(&["version"]).output().unwrap();
    assert!(version.status.success());
    assert_eq!(String::from_utf8(version.stdout).unwrap(), format!("atlas-operator {}\n", env!("CARGO_PKG_VERSION")));
}
