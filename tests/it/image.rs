//! The image of the operator, as `make image` leaves it: what is in it, and that nothing else is needed to run it.
//!
//! A release build takes minutes, so this is no part of `make test`: `make image-test` builds and runs it.
mod names;

use std::collections::BTreeSet;

use harness::{
    ControlPlane, ControlPlaneOptions, Image, Operator, OperatorOptions, Simulator, SimulatorOptions, repository,
};
use reqwest::StatusCode;
use serde_json::Value;

use names::Names;

/// The archive of `make image`.
const ARCHIVE: &str = "target/image/atlas-operator.tar";
/// The most that all files of the image may take.
const MOST_BYTES: u64 = 20 << 20;
const DOCUMENTS: &str = "/usr/share/doc/atlas-operator";
/// The name of the API server for its pods.
const KUBERNETES: &str = "kubernetes.default.svc.cluster.local";

fn open() -> Image {
    Image::open(&repository().join(ARCHIVE)).unwrap()
}

fn yaml(path: &str) -> Value {
    serde_saphyr::from_str(&std::fs::read_to_string(repository().join(path)).unwrap()).unwrap()
}

#[test]
#[ignore = "make image-test builds the image"]
fn it_is_small_and_says_what_it_is_made_of() {
    let image = open();
    let size: u64 = image.files().iter().map(|(_, size)| size).sum();
    for (path, size) in image.files() {
        println!("{size:10} {}", path.display());
    }
    println!("{size:10} bytes in {} files", image.files().len());
    assert!(size < MOST_BYTES, "{size} bytes");

    let about = image.configuration();
    let deployment = yaml("deploy/deployment.yaml");
    let pod = &deployment["spec"]["template"]["spec"];
    let user = &pod["securityContext"];
    assert_eq!(about["User"], format!("{}:{}", user["runAsUser"], user["runAsGroup"]));
    let label = |name: &str| about["Labels"][format!("org.opencontainers.image.{name}")].as_str().unwrap_or_default();
    assert_eq!(pod["containers"][0]["image"], format!("{}:{}", label("title"), label("version")));
    assert_eq!((label("licenses"), label("description")), ("Apache-2.0", env!("CARGO_PKG_DESCRIPTION")));
    assert!(label("revision").len() >= 40 && label("created").ends_with('Z'), "{about}");

    let bill: Value = serde_json::from_slice(&image.read(&format!("{DOCUMENTS}/sbom.cdx.json")).unwrap()).unwrap();
    let components: Vec<&Value> = bill["components"].as_array().unwrap().iter().collect();
    let names: BTreeSet<&str> = components.iter().map(|it| it["name"].as_str().unwrap()).collect();
    println!("{} components", components.len());
    for (name, is_in) in
        [("kube", true), ("rustls", true), ("rust-std", true), ("atlas-simulator", false), ("harness", false)]
    {
        assert_eq!(names.contains(name), is_in, "{name}");
    }
    let licenses = String::from_utf8(image.read(&format!("{DOCUMENTS}/licenses.txt")).unwrap()).unwrap();
    for component in components {
        let (name, version) = (component["name"].as_str().unwrap(), component["version"].as_str().unwrap());
        assert!(licenses.contains(&format!("  {name} {version}: ")), "{name} has no line in the licences");
    }
    // What the simulator serves beside the API is a sure sign of it.
    let program = image.read(about["Entrypoint"][0].as_str().unwrap()).unwrap();
    assert!(!program.windows(6).any(|bytes| bytes == b"/_sim/"), "the simulator is in it");
}

/// In the place of a pod: its own files, those that Kubernetes provides, and names from a server of names.
#[tokio::test]
#[ignore = "make image-test builds the image"]
async fn it_runs_with_nothing_but_its_own_files() {
    drop(rustls::crypto::ring::default_provider().install_default());
    let image = open();
    let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await.unwrap();
    let simulator = Simulator::start(&SimulatorOptions { speed: 600.0, ..SimulatorOptions::default() }).await.unwrap();
    let kubeconfig = control_plane.install_operator().await.unwrap();
    image.provide("/etc/hosts", "127.0.0.1 localhost\n").unwrap();
    let names = Names::serve(KUBERNETES).await;
    match &names {
        Ok(_) => {
            image.provide("/etc/resolv.conf", &Names::resolv_conf()).unwrap();
            let text = std::fs::read_to_string(&kubeconfig).unwrap();
            std::fs::write(&kubeconfig, text.replace("https://127.0.0.1:", "https://kubernetes.default.svc:")).unwrap();
        }
        Err(error) => println!("names were not asked of a server: port 53 is not to be had here ({error})"),
    }

    // The first name comes from the server of names, the second from /etc/hosts.
    let atlas = simulator.base_url().replace("127.0.0.1", "localhost");
    let operator = Operator::start_in(&image, &OperatorOptions::new(&kubeconfig, &atlas)).unwrap();
    operator.wait_ready().await.unwrap();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    for probe in ["livez", "readyz"] {
        let answer = client.get(format!("{}/{probe}", operator.health_url())).send().await.unwrap();
        println!("/{probe} answers {}", answer.status());
        assert_eq!(answer.status(), StatusCode::OK, "{probe}");
    }
    let status = std::fs::read_to_string(format!("/proc/{}/status", operator.id())).unwrap();
    let user = image.configuration()["User"].as_str().unwrap().split(':').next().unwrap();
    assert!(status.contains(&format!("Uid:\t{user}\t{user}\t{user}\t{user}\n")), "{status}");

    control_plane.kubectl(["create", "namespace", "shop"]).run().await.unwrap();
    let credentials = simulator.organizations()[0].api_key_secret("shop", "atlas-credentials").to_string();
    control_plane.apply_text(credentials).await.unwrap();
    let commands = "kubectl apply -n shop -f examples/quickstart
        kubectl wait -n shop --for=condition=Ready --timeout=120s --all atlasproject,atlascluster,atlasdatabaseuser";
    println!("{}", control_plane.bash(commands).await.unwrap());
    if let Ok(names) = names {
        let asked = names.asked();
        println!("asked for: {asked:?}");
        assert!(asked.contains(KUBERNETES), "{asked:?}");
    }
    assert!(operator.stop().await.unwrap().success());
}
