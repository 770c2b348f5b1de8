//! An operator in a network with one way out: a proxy that asks who is there, and behind it a gateway that opens
//! connections and shows a certificate of the network's own authority for Atlas's name.
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use harness::{Pod, repository};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::{ServerConfig, ServerConnection, StreamOwned, pki_types::PrivateKeyDer};
use serde_json::{Value, json};

use super::{
    super::{
        super::{
            charts,
            docs::{examples::chart, page::pages},
        },
        kube::documents,
        stage::{OPERATOR, Scenery, Stage},
    },
    INSTALL, Site, quickstart,
};

const NAMESPACE: &str = "shop";
/// Where the operator looks for Atlas by default.
const ATLAS: &str = "cloud.mongodb.com";
/// `operator:passage` in base64.
const LOGIN: &str = "Basic b3BlcmF0b3I6cGFzc2FnZQ==";

/// The way out of the network, which leads to the simulator whatever it is asked for.
struct Gateway {
    address: SocketAddr,
    /// The certificate of the authority, in PEM.
    authority: String,
    /// The heads of what the proxy was asked.
    asked: Arc<Mutex<Vec<String>>>,
}

impl Gateway {
    fn open(simulator: &str) -> Self {
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(parameters, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([ATLAS.to_owned()]).unwrap().signed_by(&key, &issuer).unwrap();
        let key = PrivateKeyDer::try_from(key.serialize_der()).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        let (config, asked) = (Arc::new(config), Arc::<Mutex<Vec<String>>>::default());
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let simulator = simulator.trim_start_matches("http://").to_owned();
        let heads = Arc::clone(&asked);
        // It ends with the process: nothing says when the last connection was.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let (config, simulator, heads) = (Arc::clone(&config), simulator.clone(), Arc::clone(&heads));
                thread::spawn(move || {
                    // A client that goes away in the middle is its own affair.
                    let _ = let_through(stream?, config, &simulator, &heads);
                    Ok::<_, std::io::Error>(())
                });
            }
        });
        Self { address, authority: issuer.pem(), asked }
    }
}

/// One connection: CONNECT, TLS as Atlas, and one request, which the simulator answers.
fn let_through(
    mut stream: TcpStream,
    config: Arc<ServerConfig>,
    simulator: &str,
    asked: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let head = head(&mut stream)?;
    let known = head.contains(LOGIN);
    asked.lock().unwrap().push(head);
    if !known {
        return stream.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n");
    }
    stream.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
    let mut stream = StreamOwned::new(ServerConnection::new(config).map_err(std::io::Error::other)?, stream);
    let request = self::head(&mut stream)?;
    let length = |line: &str| line.to_lowercase().strip_prefix("content-length: ")?.parse().ok();
    let mut body = vec![0; request.lines().find_map(length).unwrap_or(0)];
    stream.read_exact(&mut body)?;
    let mut atlas = TcpStream::connect(simulator)?;
    // So that the answer ends with the connection.
    atlas.write_all(request.replacen("\r\n", "\r\nconnection: close\r\n", 1).as_bytes())?;
    atlas.write_all(&body)?;
    let mut answer = Vec::new();
    atlas.read_to_end(&mut answer)?;
    stream.write_all(&answer)?;
    stream.conn.send_close_notify();
    stream.flush()
}

/// Reads to the end of a head, byte by byte, so that what follows is still there.
fn head(stream: &mut impl Read) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        stream.read_exact(&mut byte)?;
        head.extend_from_slice(&byte);
    }
    String::from_utf8(head).map_err(std::io::Error::other)
}

/// The values that the page shows for such a network.
fn values() -> Value {
    let page = pages().into_iter().find(|page| page.path == INSTALL).unwrap();
    let blocks = page.blocks();
    let block = blocks.iter().find(|block| chart(block) == Some(OPERATOR) && block.code.contains("caBundle")).unwrap();
    documents(&block.code).remove(0)
}

#[tokio::test]
async fn the_operator_finds_atlas_behind_a_proxy_and_an_authority_of_its_network() {
    let site = Site::open(NAMESPACE).await;
    let gateway = Gateway::open(site.simulator.base_url());
    let control_plane = &site.control_plane;
    control_plane.kubectl(["create", "namespace", OPERATOR]).run().await.unwrap();
    let metadata = |name: &str| json!({"name": name, "namespace": OPERATOR});
    let mounted = [
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": metadata("atlas-authorities"), "data": {"ca.crt": gateway.authority},
        }),
        json!({
            "apiVersion": "v1", "kind": "Secret", "type": "kubernetes.io/basic-auth",
            "metadata": metadata("atlas-proxy"), "stringData": {"username": "operator", "password": "passage"},
        }),
    ];
    for object in mounted {
        control_plane.apply_text(object.to_string()).await.unwrap();
    }
    let folder = |chart: &str| repository().join("charts").join(chart).display().to_string();
    let mut values = values();
    // The most that can be said.
    values["settings"] = json!({"log": "trace"});
    values["atlas"]["proxy"]["url"] = json!(format!("http://{}", gateway.address));
    for (name, values) in [("atlas-operator-crds", json!({})), (OPERATOR, values)] {
        let install = ["install", name, &folder(name), "--namespace", OPERATOR, "--values", "-"].map(str::to_owned);
        control_plane.helm(install).stdin(values.to_string()).run().await.unwrap();
    }
    let pod = Pod::of(control_plane, OPERATOR, OPERATOR).await.unwrap();
    let Site { control_plane, simulator } = site;
    let stage = Stage::installed(control_plane, simulator, Scenery::of(NAMESPACE), pod).await;
    quickstart(&stage, NAMESPACE).await;
    let asked = gateway.asked.lock().unwrap().clone();
    assert!(!asked.is_empty(), "nothing went through the proxy");
    for head in &asked {
        assert!(head.starts_with(&format!("CONNECT {ATLAS}:443 HTTP/1.1\r\n")) && head.contains(LOGIN), "{head}");
    }
    println!("{} connections through the proxy", asked.len());
    let log = stage.operator.logs();
    assert!(
        log.contains("TRACE") && !log.contains("passage") && !log.contains(LOGIN),
        "the proxy's password is logged"
    );

    // Who installs with kustomize has the same Deployment.
    let values = json!({"atlas": self::values()["atlas"]});
    let expected = deployment(&charts::rendered(OPERATOR, &values).await);
    let target = repository().join("target");
    std::fs::create_dir_all(&target).unwrap();
    let overlay = tempfile::tempdir_in(target).unwrap();
    let kustomization = json!({"resources": ["../../deploy"], "components": ["../../deploy/egress"]});
    std::fs::write(overlay.path().join("kustomization.yaml"), kustomization.to_string()).unwrap();
    let kustomize = ["kustomize", overlay.path().to_str().unwrap()];
    let built = stage.plane().control_plane.kubectl(kustomize).run().await.unwrap();
    assert_json_diff::assert_json_eq!(deployment(&documents(&built)), expected);
    stage.end().await;
}

/// The Deployment among objects, its flags in alphabetical order, which means nothing.
fn deployment(objects: &[Value]) -> Value {
    let mut deployment = objects.iter().find(|object| object["kind"] == "Deployment").unwrap().clone();
    let arguments = deployment["spec"]["template"]["spec"]["containers"][0]["args"].as_array_mut().unwrap();
    arguments.sort_by_key(Value::to_string);
    deployment
}
