//! Through a proxy, which learns where to and nothing else.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};

use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

use super::super::{Class, Client, Clients, Credentials, Egress, Endpoint, Error, Proxy, ProxyCredentials, Settings};
use super::double::{Double, reply};
use super::tls::{Authority, SUCCESS, TlsServer, trusting};
use super::{api_key, read, service_account, settings, write};

/// A name that nothing on this machine can look up: whoever reaches it was led there.
const ATLAS: &str = "atlas.invalid";

/// What a proxy does once it is asked for a connection.
#[derive(Clone)]
enum Conduct {
    /// Leads to this address, whatever it was asked for.
    Lead(SocketAddr),
    /// Answers so, and closes.
    Answer(&'static str),
}

/// A proxy on this machine.
struct Tunnels {
    proxy: Proxy,
    /// The heads of the requests that it understood.
    asked: Arc<Mutex<Vec<String>>>,
    /// What went through from clients.
    carried: Arc<Mutex<Vec<u8>>>,
    task: JoinHandle<()>,
}

impl Tunnels {
    async fn start(conduct: Conduct) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let proxy = Proxy::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
        let (asked, carried) = (Arc::<Mutex<Vec<String>>>::default(), Arc::<Mutex<Vec<u8>>>::default());
        let (heads, through) = (Arc::clone(&asked), Arc::clone(&carried));
        let task = tokio::spawn(async move {
            loop {
                let (stream, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(stream, conduct.clone(), Arc::clone(&heads), Arc::clone(&through)));
            }
        });
        Self { proxy, asked, carried, task }
    }

    fn asked(&self) -> Vec<String> {
        self.asked.lock().unwrap().clone()
    }
}

impl Drop for Tunnels {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut client: TcpStream, conduct: Conduct, asked: Arc<Mutex<Vec<String>>>, carried: Arc<Mutex<Vec<u8>>>) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(client.read_u8().await.unwrap());
    }
    asked.lock().unwrap().push(String::from_utf8(head).unwrap());
    match conduct {
        Conduct::Answer(answer) => client.write_all(answer.as_bytes()).await.unwrap(),
        Conduct::Lead(to) => {
            let mut server = TcpStream::connect(to).await.unwrap();
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await.unwrap();
            let (mut from_client, mut to_client) = client.split();
            let (mut from_server, mut to_server) = server.split();
            let out = async {
                let mut buffer = vec![0; 16 * 1024];
                while let Ok(count @ 1..) = from_client.read(&mut buffer).await {
                    carried.lock().unwrap().extend_from_slice(&buffer[..count]);
                    to_server.write_all(&buffer[..count]).await.unwrap();
                }
                let _ = to_server.shutdown().await;
            };
            let _ = tokio::join!(out, tokio::io::copy(&mut from_server, &mut to_client));
        }
    }
}

fn through(proxy: &Proxy, settings: Settings) -> Settings {
    let egress = Egress { proxy: Some(proxy.clone()), ..settings.egress.clone() };
    Settings { egress, ..settings }
}

fn atlas() -> Endpoint {
    Endpoint::parse(&format!("https://{ATLAS}")).unwrap()
}

#[tokio::test]
async fn a_proxy_learns_where_to_and_nothing_else() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority, ATLAS, SUCCESS);
    let tunnels = Tunnels::start(Conduct::Lead(server.address)).await;
    let client = Client::new(&atlas(), api_key(), through(&tunnels.proxy, trusting(&authority))).unwrap();
    for _ in 0..2 {
        client.send(&write(json!({}))).await.unwrap();
    }
    drop(client);
    let heard = server.heard().await;
    assert_eq!(heard.matches("PATCH /api/atlas/v2/groups/5f/clusters/orders").count(), 2, "{heard}");
    assert!(heard.contains(ATLAS) && !heard.to_lowercase().contains("proxy"), "{heard}");
    let agent = settings().user_agent;
    let expected =
        format!("CONNECT {ATLAS}:443 HTTP/1.1\r\nHost: {ATLAS}:443\r\nuser-agent: {agent}\r\n\r\n").to_lowercase();
    let asked: Vec<String> = tunnels.asked().iter().map(|head| head.to_lowercase()).collect();
    assert_eq!(asked, [expected], "one connection for both");
    let carried = String::from_utf8_lossy(&tunnels.carried.lock().unwrap()).into_owned();
    assert!(!carried.contains("groups") && !carried.contains("HTTP/1.1"), "what went through can be read");
}

#[tokio::test]
async fn a_proxy_is_no_authority() {
    let server = TlsServer::start(&Authority::new(), ATLAS, SUCCESS);
    let tunnels = Tunnels::start(Conduct::Lead(server.address)).await;
    let client = Client::new(&atlas(), api_key(), through(&tunnels.proxy, settings())).unwrap();
    let error = client.send(&write(json!({}))).await.unwrap_err();
    assert!(matches!(error, Error::Unreachable { sent: false, .. }), "{error:?}");
    assert!(error.to_string().contains("certificate"), "{error}");
    assert_eq!(server.heard().await, "");
}

#[tokio::test]
async fn a_proxy_that_does_not_lead_on_is_named_and_nothing_was_sent() {
    for (answer, reason) in [
        ("HTTP/1.1 407 Proxy Authentication Required\r\nproxy-authenticate: Basic\r\n\r\n", "authorization required"),
        ("HTTP/1.1 403 Forbidden\r\ncontent-length: 0\r\n\r\n", "unsuccessful"),
        ("HTTP/1.1 502 Bad Gateway\r\ncontent-length: 3\r\n\r\nno!", "unsuccessful"),
        ("HTTP/1.1 302 Found\r\nlocation: http://127.0.0.1/\r\n\r\n", "unsuccessful"),
        ("SSH-2.0-canary\r\n", "unsuccessful"),
        ("", "end of file"),
    ] {
        let tunnels = Tunnels::start(Conduct::Answer(answer)).await;
        for credentials in [api_key(), service_account()] {
            let client = Client::new(&atlas(), credentials, through(&tunnels.proxy, settings())).unwrap();
            let error = client.send(&write(json!({}))).await.unwrap_err();
            assert!(error.to_string().contains(&format!("no connection through {}: ", tunnels.proxy)), "{error}");
            assert!(error.to_string().contains(reason), "{answer}: {error}");
            assert!(!error.to_string().contains("canary"), "{error}");
            assert_eq!((error.class(), error.status()), (Class::Backoff, None));
            assert!(!error.may_have_committed());
        }
        assert_eq!(tunnels.asked().len(), 2, "a write is sent once");
        // Reads are repeated, as always when there is no connection.
        let client = Client::new(&atlas(), api_key(), through(&tunnels.proxy, settings())).unwrap();
        client.send(&read()).await.unwrap_err();
        assert_eq!(tunnels.asked().len(), 5);
    }
}

#[tokio::test]
async fn a_proxy_that_is_not_there_or_says_nothing_is_named() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = Proxy::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap();
    let hasty = Settings { connect_timeout: std::time::Duration::from_millis(100), ..settings() };
    let client = Client::new(&atlas(), api_key(), through(&proxy, hasty)).unwrap();
    let silent = client.send(&write(json!({}))).await.unwrap_err();
    drop(listener);
    let gone = client.send(&write(json!({}))).await.unwrap_err();
    for (error, reason) in [(silent, " within 100ms"), (gone, ": ")] {
        assert!(matches!(error, Error::Unreachable { sent: false, .. }), "{error:?}");
        assert!(error.to_string().contains(&format!("no connection through {proxy}{reason}")), "{error}");
    }
}

#[tokio::test]
async fn credentials_go_to_the_proxy_alone() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority, ATLAS, SUCCESS);
    let tunnels = Tunnels::start(Conduct::Lead(server.address)).await;
    let mut settings = through(&tunnels.proxy, trusting(&authority));
    settings.egress.proxy_credentials = Some(ProxyCredentials::new("operator", &"canary: 1%".into()).unwrap());
    let client = Client::new(&atlas(), api_key(), settings).unwrap();
    client.send(&write(json!({}))).await.unwrap();
    drop(client);
    let [head] = &tunnels.asked()[..] else { panic!("{:?}", tunnels.asked()) };
    // `operator:canary: 1%` in base64.
    assert!(head.to_lowercase().contains("proxy-authorization: basic b3blcmf0b3i6y2fuyxj5oiaxjq==\r\n"), "{head}");
    assert!(!server.heard().await.to_lowercase().contains("proxy-authorization"));
}

#[tokio::test]
async fn a_proxy_that_speaks_tls_has_to_prove_who_it_is() {
    let authority = Authority::new();
    for trusted in [true, false] {
        let proxy = TlsServer::start(&authority, "127.0.0.1", b"HTTP/1.1 407 Log in\r\n\r\n");
        let address = Proxy::parse(&format!("https://{}", proxy.address)).unwrap();
        let settings = if trusted { trusting(&authority) } else { settings() };
        let client = Client::new(&atlas(), api_key(), through(&address, settings)).unwrap();
        let error = client.send(&write(json!({}))).await.unwrap_err().to_string();
        assert!(error.contains(if trusted { "authorization required" } else { "certificate" }), "{error}");
        assert_eq!(proxy.heard().await.starts_with("CONNECT atlas.invalid:443"), trusted);
    }
}

#[tokio::test]
async fn this_machine_is_reached_without_the_proxy() {
    let tunnels = Tunnels::start(Conduct::Answer("")).await;
    let plain = Double::start(|_, _| reply(200, "{}")).await;
    let client = Client::new(&plain.endpoint, api_key(), through(&tunnels.proxy, settings())).unwrap();
    client.send(&read()).await.unwrap();
    let authority = Authority::new();
    for host in ["127.0.0.1", "localhost"] {
        let server = TlsServer::start(&authority, host, SUCCESS);
        let endpoint = Endpoint::parse(&format!("https://{host}:{}", server.address.port())).unwrap();
        let client = Client::new(&endpoint, api_key(), through(&tunnels.proxy, trusting(&authority))).unwrap();
        client.send(&read()).await.unwrap();
    }
    assert_eq!(tunnels.asked(), Vec::<String>::new());
}

#[tokio::test]
async fn another_way_is_taken_from_the_next_call_on() {
    let authority = Authority::new();
    let server = TlsServer::start(&authority, ATLAS, SUCCESS);
    let tunnels = Tunnels::start(Conduct::Lead(server.address)).await;
    let refusing = Tunnels::start(Conduct::Answer("HTTP/1.1 403 Forbidden\r\n\r\n")).await;
    let clients = Clients::new(atlas(), through(&refusing.proxy, settings()));
    let send = async |clients: &Clients| {
        let client = clients.get("uid", "1", || Ok::<Credentials, _>(api_key())).unwrap();
        client.send(&write(json!({}))).await
    };
    assert!(send(&clients).await.is_err());
    clients.reroute(through(&tunnels.proxy, trusting(&authority)).egress);
    assert!(send(&clients).await.is_ok());
    assert_eq!((refusing.asked().len(), tunnels.asked().len()), (1, 1));
}
