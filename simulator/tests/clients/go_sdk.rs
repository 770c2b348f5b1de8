//! The vendor's Go SDK: `tests/go-sdk` is a program that uses it, which says of each step whether it went as on Atlas.
use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use tokio::task::JoinSet;

use crate::transport::bench::client;

/// How long a token lives that Atlas issues: the default of the simulator, and what its answers say.
const TOKEN_LIFE: u64 = 3600;

/// The simulator as a child process, which ends with this value.
struct Simulator {
    child: Child,
    base_url: String,
    organization: Value,
}

impl Simulator {
    fn start(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_atlas-simulator"));
        let mut child = command.args(arguments).stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let greeting: Value = serde_json::from_str(&line).unwrap();
        let base_url = greeting["baseUrl"].as_str().unwrap().to_owned();
        Self { child, base_url, organization: greeting["orgs"][0].clone() }
    }

    async fn ask(&self, path: &str) -> Value {
        let url = format!("{}/_sim/{path}", self.base_url);
        client().build().unwrap().get(url).send().await.unwrap().json().await.unwrap()
    }
}

impl Drop for Simulator {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// One way of running the program.
#[derive(Clone, Copy)]
struct Run {
    auth: &'static str,
    /// The names of the organization's credentials for it.
    credentials: [&'static str; 2],
    speed: u64,
    /// How long a token lives, in seconds of the client.
    token_seconds: u64,
    /// How many real seconds the program goes on using its credentials.
    lasts: u64,
}

const DIGEST: Run =
    Run { auth: "digest", credentials: ["publicKey", "privateKey"], speed: 1, token_seconds: TOKEN_LIFE, lasts: 20 };
const ACCOUNT: Run = Run { auth: "service-account", credentials: ["clientId", "clientSecret"], ..DIGEST };

/// A program that lasts for longer than [`TOKEN_LIFE`] on the simulated clock.
const fn fast(run: Run, speed: u64) -> Run {
    Run { speed, lasts: TOKEN_LIFE / speed + 5, ..run }
}

/// Builds the program on the first use on a machine.
fn program() -> PathBuf {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut build = Command::new(repository.join("tests/go-tool"));
    let output = build.arg(repository.join("tests/go-sdk")).arg(".").stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "tests/go-sdk cannot be built");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim())
}

/// Runs the program, and answers the names of its steps.
async fn steps(program: &Path, run: &Run) -> BTreeSet<String> {
    let (speed, token_seconds) = (run.speed.to_string(), run.token_seconds.to_string());
    let simulator = Simulator::start(&["--speed", &speed, "--token-seconds", &token_seconds]);
    let word = |name: &str| simulator.organization[name].as_str().unwrap();
    let lasts = format!("{}s", run.lasts);
    let mut command = tokio::process::Command::new(program);
    command.args(["-base-url", &simulator.base_url, "-auth", run.auth, "-last", &lasts, "-org", word("id")]);
    command.args(["-id", word(run.credentials[0]), "-secret", word(run.credentials[1])]);
    if run.speed == 1 {
        // A cluster takes minutes: the clock runs faster while the program waits for one.
        command.arg("-hurry");
    }
    let output = command.kill_on_drop(true).output().await.unwrap();
    let name = format!("{} at speed {speed}", run.auth);
    let printed = String::from_utf8(output.stdout).unwrap();
    let steps: Vec<Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let wrong: Vec<&Value> = steps.iter().filter(|step| step.get("wrong").is_some()).collect();
    assert!(wrong.is_empty(), "{name}: not as on Atlas: {wrong:#?}");
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    println!("{name}: {} steps", steps.len());
    expect_credentials_to_be_used_as_atlas_says(&simulator, run, &name).await;
    steps.iter().map(|step| step["step"].as_str().unwrap().to_owned()).collect()
}

/// A token is asked for as often as its stated life says on the client's clock, and no call with one is refused.
async fn expect_credentials_to_be_used_as_atlas_says(simulator: &Simulator, run: &Run, name: &str) {
    let calls = simulator.ask("calls").await;
    let calls = calls.as_array().unwrap();
    let tokens = calls.iter().filter(|call| call["path"] == "/api/oauth/token").count();
    let refused = calls.iter().filter(|call| call["status"] == 401 && call["path"] != "/api/oauth/token").count();
    match run.auth {
        "digest" => assert_eq!(tokens, 0, "{name}"),
        // The SDK renews a token ten seconds before its end.
        _ if run.token_seconds < run.lasts => assert!(tokens > 1, "{name}: {tokens} tokens"),
        _ => assert_eq!(tokens, 1, "{name}: tokens"),
    }
    assert!(run.auth == "digest" || refused <= 1, "{name}: {refused} calls were refused");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_step_is_as_on_atlas_at_any_speed_and_beyond_the_life_of_a_token() {
    let program = program();
    let short = Run { token_seconds: 15, ..ACCOUNT };
    let runs = [DIGEST, short, fast(DIGEST, 60), fast(ACCOUNT, 60), fast(DIGEST, 600), fast(ACCOUNT, 600)];
    let mut running = JoinSet::new();
    for run in runs {
        let program = program.clone();
        running.spawn(async move { steps(&program, &run).await });
    }
    let (mut all, mut failed) = (Vec::new(), Vec::new());
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok(steps) => all.push(steps),
            Err(error) => failed.push(error.to_string()),
        }
    }
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(all[0].len() > 50, "only {} steps", all[0].len());
    assert!(all.iter().all(|steps| *steps == all[0]), "not every run takes the same steps");
}
