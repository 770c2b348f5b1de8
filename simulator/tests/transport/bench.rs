//! A running simulator and a client that signs in to it.
use std::sync::Once;
use std::time::Duration;

use atlas_simulator::{Options, Simulator};
use clap::Parser as _;
use diqwest::{DigestAuthSession, WithDigestAuth as _};
use reqwest::header::{ACCEPT, CONTENT_TYPE, HeaderMap};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// The version that most operations have.
pub const FIRST: &str = "2023-01-01";

/// Longer than any answer takes, and short enough to fail a test soon.
const PATIENCE: Duration = Duration::from_secs(30);

pub struct Bench {
    pub base: String,
    /// Asks for no compression, so that a test sees the bytes that were sent.
    pub client: Client,
    /// Keeps a nonce, as a good client does.
    pub session: DigestAuthSession,
    /// The organizations of the greeting.
    pub orgs: Vec<Value>,
    _simulator: Simulator,
}

/// An answer that was read completely.
pub struct Answer {
    pub status: u16,
    pub headers: HeaderMap,
    pub text: String,
}

impl Answer {
    pub async fn read(response: Response) -> Self {
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error} in {:?}", self.text))
    }

    /// The value of a header; the empty text when it is absent.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub fn code(&self) -> String {
        self.json()["errorCode"].as_str().unwrap_or_default().to_owned()
    }
}

pub fn client() -> reqwest::ClientBuilder {
    static PROVIDER: Once = Once::new();
    PROVIDER.call_once(|| rustls::crypto::ring::default_provider().install_default().unwrap());
    Client::builder().no_proxy().timeout(PATIENCE).gzip(false)
}

impl Bench {
    /// Starts a simulator whose clock stands still, with these flags besides.
    pub async fn start(flags: &[&str]) -> Self {
        let flags = ["atlas-simulator", "--speed", "0"].iter().chain(flags);
        let simulator = Simulator::start(Options::parse_from(flags)).await.unwrap();
        let greeting = simulator.greeting();
        let orgs = greeting["orgs"].as_array().unwrap().clone();
        Self {
            base: greeting["baseUrl"].as_str().unwrap().to_owned(),
            client: client().build().unwrap(),
            session: session(&orgs[0]),
            orgs,
            _simulator: simulator,
        }
    }

    /// A request below the base path of the API, without credentials.
    pub fn request(&self, method: &str, path: &str, version: &str) -> RequestBuilder {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}/api/atlas/v2{path}", self.base));
        request.header(ACCEPT, format!("application/vnd.atlas.{version}+json"))
    }

    /// Calls with the key of the first organization. A null body is none.
    pub async fn call(&self, method: &str, path: &str, version: &str, body: Value) -> Answer {
        Answer::read(self.send(method, path, version, body).await.unwrap()).await
    }

    pub async fn send(&self, method: &str, path: &str, version: &str, body: Value) -> Result<Response, String> {
        let request = self.request(method, path, version);
        let request = if body.is_null() { request } else { request.json(&body) };
        request.send_digest_auth(&self.session).await.map_err(|error| format!("{error:?}"))
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.call("GET", path, FIRST, Value::Null).await
    }

    /// Creates a project and gives its id.
    pub async fn project(&self, name: &str) -> String {
        let body = json!({"name": name, "orgId": self.orgs[0]["id"]});
        let created = self.call("POST", "/groups", FIRST, body).await;
        assert_eq!(created.status, 201, "{}", created.text);
        created.json()["id"].as_str().unwrap().to_owned()
    }

    /// Asks the control interface, which must agree.
    pub async fn control(&self, method: &str, path: &str, body: Value) -> Value {
        let answer = self.try_control(method, path, body).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.json()
    }

    pub async fn try_control(&self, method: &str, path: &str, body: Value) -> Answer {
        let method = Method::from_bytes(method.as_bytes()).unwrap();
        let request = self.client.request(method, format!("{}/_sim/{path}", self.base));
        let request = if body.is_null() { request } else { request.json(&body) };
        Answer::read(request.send().await.unwrap()).await
    }

    /// The call log, and an empty one from now on.
    pub async fn take_calls(&self) -> Vec<Value> {
        let calls = self.control("GET", "calls?bodies=true", Value::Null).await;
        self.control("DELETE", "calls", Value::Null).await;
        calls.as_array().unwrap().clone()
    }

    /// Statuses of the calls since the last look, in order.
    pub async fn take_statuses(&self) -> Vec<u64> {
        self.take_calls().await.iter().map(|call| call["status"].as_u64().unwrap()).collect()
    }
}

/// A digest session for the key of an organization.
pub fn session(org: &Value) -> DigestAuthSession {
    DigestAuthSession::new(org["publicKey"].as_str().unwrap(), org["privateKey"].as_str().unwrap())
}

/// Asks an endpoint of service accounts as the account of an organization.
pub async fn ask(bench: &Bench, path: &str, org: &Value, body: String) -> Answer {
    let request = bench.client.post(format!("{}/api/oauth/{path}", bench.base));
    let request = request.basic_auth(org["clientId"].as_str().unwrap(), org["clientSecret"].as_str());
    let request = request.header(CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
    Answer::read(request.send().await.unwrap()).await
}

/// An access token of an organization.
pub async fn token(bench: &Bench, org: &Value) -> String {
    let answer = ask(bench, "token", org, "grant_type=client_credentials".to_owned()).await;
    assert_eq!((answer.status, answer.json()["token_type"].as_str()), (200, Some("Bearer")), "{}", answer.text);
    answer.json()["access_token"].as_str().unwrap().to_owned()
}
