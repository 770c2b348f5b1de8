//! The operator as tests and the demo use it: started as a program under its own account, watched from outside.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::time::Duration;

use harness::{
    AuditEvent, ControlPlane, ControlPlaneOptions, Operator, OperatorOptions, Simulator, SimulatorOptions, eventually,
    service_account_user,
};

#[tokio::test]
async fn it_gets_ready_as_its_own_account_without_a_denied_request_and_ends_when_asked() {
    let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await.unwrap();
    let simulator = Simulator::start(&SimulatorOptions::default()).await.unwrap();
    let kubeconfig = control_plane.install_operator().await.unwrap();
    let mut options = OperatorOptions::new(&kubeconfig, simulator.base_url());
    options.log_filter = "trace".to_owned();
    let operator = Operator::start(&options).unwrap();
    operator.wait_ready().await.unwrap();
    assert!(operator.is_running());
    assert!(operator.logs().contains("TRACE"), "{}", operator.last_lines());
    assert!(operator.metrics().await.unwrap().contains("# EOF"));

    let user = service_account_user("atlas-operator", "atlas-operator");
    // It is ready when it has listed everything, and a watch follows its list.
    let requests = eventually(Duration::from_secs(30), "its lists and watches in the audit log", || async {
        let mut requests = control_plane.audit().all().map_err(|error| error.to_string())?;
        requests.retain(|request| request.user == user);
        let permissions: Vec<String> = requests.iter().map(AuditEvent::permission).collect();
        let expected = ["watch secrets", "list atlasclusters.atlas-operator.io"];
        let all = expected.iter().all(|expected| permissions.iter().any(|permission| permission == expected));
        if all { Ok(requests) } else { Err(format!("{permissions:?}")) }
    })
    .await
    .unwrap();
    assert!(!requests.iter().any(AuditEvent::is_denied), "{requests:#?}");
    // Nothing was applied, so there is nothing to say to Atlas or to write.
    assert!(!requests.iter().any(AuditEvent::is_write), "{requests:#?}");
    assert!(simulator.calls(0).await.unwrap().is_empty());

    assert!(operator.stop().await.unwrap().success(), "{}", operator.last_lines());
    assert!(!operator.is_running());
}

#[tokio::test]
async fn one_that_cannot_start_says_why() {
    let mut options = OperatorOptions::new("/nowhere".as_ref(), "http://127.0.0.1:1");
    options.arguments.push("--no-such-flag".to_owned());
    let failure = Operator::start(&options).unwrap().wait_ready().await.unwrap_err().to_string();
    assert!(failure.contains("--no-such-flag"), "{failure}");
}
