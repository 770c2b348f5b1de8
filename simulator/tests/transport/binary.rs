//! The command as a user runs it.
use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Command, Stdio};

use serde_json::Value;

#[test]
fn the_command_prints_one_line_and_stops_when_asked() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_atlas-simulator"));
    command.args(["--speed", "60", "--org", "One", "--org", "Two", "--seed", "3"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    output.read_line(&mut line).unwrap();
    let greeting: Value = serde_json::from_str(&line).unwrap();
    let port = greeting["baseUrl"].as_str().unwrap().rsplit(':').next().unwrap().parse::<u16>().unwrap();
    assert_ne!(port, 0);
    let orgs = greeting["orgs"].as_array().unwrap();
    assert_eq!(orgs.iter().map(|org| org["name"].as_str().unwrap()).collect::<Vec<_>>(), ["One", "Two"]);
    for name in ["id", "publicKey", "privateKey", "clientId", "clientSecret"] {
        assert!(orgs.iter().all(|org| org[name].as_str().is_some_and(|value| !value.is_empty())), "{name}");
    }
    let stopped = Command::new("kill").args(["-TERM", &child.id().to_string()]).status().unwrap();
    assert!(stopped.success());
    assert!(child.wait().unwrap().success());
    let mut rest = String::new();
    output.read_to_string(&mut rest).unwrap();
    assert_eq!(rest, "", "one line and no more");
}

#[test]
fn an_address_that_cannot_be_listened_on_is_an_error() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let command = Command::new(env!("CARGO_BIN_EXE_atlas-simulator")).args(["--listen", &address]).output().unwrap();
    assert!(!command.status.success());
    assert!(String::from_utf8_lossy(&command.stderr).contains(&address));
    assert!(command.stdout.is_empty());
}
