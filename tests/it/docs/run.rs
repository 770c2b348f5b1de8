//! Runs what the documents say a person can type, against a real API server with the operator and the quickstart.
use std::{collections::BTreeSet, time::Duration};

use harness::{ControlPlane, ControlPlaneOptions, Operator, OperatorOptions, Simulator, SimulatorOptions, eventually};
use serde_json::Value;

use super::{
    examples::{self, is_invalid, is_make},
    page::{Block, pages},
};

/// Namespaces that the documents speak of.
const NAMESPACES: [&str; 2] = ["shop", "platform"];
/// Seconds of Atlas in one second: a cluster comes up, and goes, in one or two.
const SPEED: f64 = 600.0;

struct Stage {
    // Ended in this order.
    operator: Operator,
    _simulator: Simulator,
    control_plane: ControlPlane,
}

impl Stage {
    async fn set() -> Self {
        let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await.unwrap();
        let simulator =
            Simulator::start(&SimulatorOptions { speed: SPEED, ..SimulatorOptions::default() }).await.unwrap();
        let kubeconfig = control_plane.install_operator().await.unwrap();
        let operator = Operator::start(&OperatorOptions::new(&kubeconfig, simulator.base_url())).unwrap();
        operator.wait_ready().await.unwrap();
        for namespace in NAMESPACES {
            control_plane.kubectl(["create", "namespace", namespace]).run().await.unwrap();
        }
        let credentials = simulator.organizations()[0].api_key_secret("shop", "atlas-credentials").to_string();
        control_plane.kubectl(["apply", "-f", "-"]).stdin(credentials).run().await.unwrap();
        Self { operator, _simulator: simulator, control_plane }
    }

    /// The quickstart in the namespace `shop`, Ready.
    async fn quickstart(&self) {
        self.bash("kubectl apply -n shop -f examples/quickstart").await.unwrap();
        let wait = "kubectl wait -n shop --for=condition=Ready --timeout=120s --all \
                    atlasproject,atlascluster,atlasdatabaseuser";
        self.bash(wait).await.unwrap();
    }

    async fn bash(&self, commands: &str) -> Result<String, harness::Error> {
        self.control_plane.bash(commands).await
    }

    /// What the API server says to the documents of a block, without keeping them.
    async fn try_apply(&self, block: &Block) -> Result<String, harness::Error> {
        let apply = ["apply", "--server-side", "--dry-run=server", "-f", "-"];
        self.control_plane.kubectl(apply).stdin(block.code.as_str()).run().await
    }
}

#[tokio::test]
async fn what_the_documents_show_works_as_it_stands() {
    let stage = Stage::set().await;
    for block in examples::manifests() {
        let verdict = stage.try_apply(&block).await;
        assert_eq!(verdict.is_err(), is_invalid(&block), "{}: {verdict:?}", block.place);
    }
    let mut ran = 0;
    for page in pages() {
        let blocks = page.blocks();
        let mut runnable = blocks
            .iter()
            .filter(|block| {
                block.language == "sh" && block.not_run.is_none() && block.run_by.is_none() && !is_make(block)
            })
            .peekable();
        if runnable.peek().is_some() {
            stage.quickstart().await;
        }
        for block in runnable {
            if let Err(said) = stage.bash(&block.code).await {
                panic!("{}:\n{said}", block.place);
            }
            ran += 1;
        }
    }
    println!("{ran} blocks of commands were run");
    stage.quickstart().await;
    expect_the_keys_that_are_documented(&stage).await;
    expect_an_annotation_to_start_a_look(&stage).await;
}

/// The annotation that has no other meaning makes the operator look, long before the next look is due.
async fn expect_an_annotation_to_start_a_look(stage: &Stage) {
    let looks = || async {
        let metrics = stage.operator.metrics().await.unwrap();
        let is_project = |line: &&str| line.starts_with("atlas_operator_passes_total{kind=\"AtlasProject\"");
        let counts = metrics.lines().filter(is_project).filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        counts.sum::<u64>()
    };
    let before = looks().await;
    stage
        .bash("kubectl annotate -n shop --overwrite atlasproject/shop atlas-operator.io/reconcile-at=now")
        .await
        .unwrap();
    let looked = eventually(Duration::from_secs(30), "a look at the project", || async {
        let now = looks().await;
        if now > before { Ok(()) } else { Err(format!("{now} looks")) }
    });
    looked.await.unwrap();
}

/// A connection Secret has the keys of the table in its page; those of private addresses may be absent.
async fn expect_the_keys_that_are_documented(stage: &Stage) {
    let page = pages().into_iter().find(|page| page.path == "docs/connection-secrets.md").unwrap();
    let (_, table) = page.text.split_once("| key | value |").unwrap();
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    let documented: BTreeSet<String> = rows.filter_map(|row| row.split('`').nth(1)).map(str::to_owned).collect();
    let get = ["get", "secret", "-n", "shop", "shop-orders-orders-api", "-o", "json"];
    let secret: Value = stage.control_plane.kubectl(get).json().await.unwrap();
    let found: BTreeSet<String> = secret["data"].as_object().unwrap().keys().cloned().collect();
    let missing: Vec<_> = found.difference(&documented).collect();
    assert!(missing.is_empty(), "keys that the page does not know: {missing:?}");
    let private = |key: &&String| key.starts_with("connectionStringPrivate");
    let absent: Vec<_> = documented.difference(&found).filter(|key| !private(key)).collect();
    assert!(absent.is_empty(), "keys that the Secret does not have: {absent:?}");
}
