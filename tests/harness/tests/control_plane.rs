//! The control plane as tests and the demo use it: real validation and RBAC, a readable audit log, nothing left over.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use harness::{ControlPlane, ControlPlaneOptions, eventually, repository, service_account_user};
use rustix::process::{Pid, test_kill_process};

const OPERATOR: &str = "atlas-operator";

/// Whether a process of this id exists. A zombie does not: whoever inherits it may take a while to look after it.
fn exists(id: u32) -> bool {
    let is_zombie = std::fs::read_to_string(format!("/proc/{id}/stat")).is_ok_and(|status| status.contains(") Z "));
    !is_zombie && test_kill_process(Pid::from_raw(id.try_into().unwrap()).unwrap()).is_ok()
}

#[tokio::test]
async fn the_operators_account_may_do_what_the_manifest_grants_and_nothing_else_and_the_audit_log_tells() {
    let started = Instant::now();
    let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await.unwrap();
    println!("the control plane was ready after {:.1} s", started.elapsed().as_secs_f64());
    let kubeconfig = control_plane.install_operator().await.unwrap();
    let audit = control_plane.audit();
    let position = audit.position().unwrap();
    let as_operator = |arguments: &[&str]| control_plane.kubectl(arguments).kubeconfig(&kubeconfig);

    assert_eq!(
        as_operator(&["auth", "whoami", "-o", "jsonpath={.status.userInfo.username}"]).run().await.unwrap(),
        service_account_user(OPERATOR, OPERATOR)
    );
    as_operator(&["get", "namespaces"]).run().await.unwrap();
    let denied = as_operator(&["create", "configmap", "no", "-n", "default"]).output().await.unwrap();
    assert!(!denied.status.success());
    let message = String::from_utf8_lossy(&denied.stderr).into_owned();
    assert!(message.contains("forbidden"), "{message}");

    let user = service_account_user(OPERATOR, OPERATOR);
    eventually(Duration::from_secs(5), "both requests in the audit log", || async {
        let events = audit.since(position).map_err(|error| error.to_string())?;
        let of_operator = |permission: &str| {
            events.iter().find(|event| event.user == user && event.permission() == permission).cloned()
        };
        match (of_operator("list namespaces"), of_operator("create configmaps")) {
            (Some(list), Some(create)) => {
                assert!(!list.is_write() && !list.is_denied(), "{list:?}");
                assert!(create.is_write() && create.is_denied(), "{create:?}");
                assert_eq!(create.namespace, "default");
                Ok(())
            }
            _ => Err(format!("{events:#?}")),
        }
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn manifests_are_read_from_standard_input_and_the_deployed_ones_are_valid() {
    let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await.unwrap();
    control_plane
        .apply_text("{apiVersion: v1, kind: ConfigMap, metadata: {name: a, namespace: default}, data: {key: value}}")
        .await
        .unwrap();
    let read = control_plane.kubectl(["get", "configmap", "a", "-n", "default", "-o", "json"]).json().await.unwrap();
    assert_eq!(read["data"]["key"], "value");

    let deploy = repository().join("deploy");
    let applied = control_plane.kubectl(["apply", "--server-side", "-k"].map(Path::new).into_iter().chain([&*deploy]));
    let applied = applied.run().await.unwrap();
    assert!(applied.contains("deployment.apps/atlas-operator serverside-applied"), "{applied}");
    // The namespace enforces the strictest profile, and the API server warns about templates that break it.
    let warnings = control_plane.kubectl(["rollout", "restart", "deployment", "-n", OPERATOR]).output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&warnings.stderr), "");
}

#[tokio::test]
async fn with_the_controller_manager_a_deleted_namespace_goes_and_takes_its_objects_along() {
    let options = ControlPlaneOptions { controller_manager: true, helm: false };
    let control_plane = ControlPlane::start(options).await.unwrap();
    control_plane.kubectl(["create", "namespace", "short"]).run().await.unwrap();
    control_plane.kubectl(["create", "configmap", "a", "-n", "short"]).run().await.unwrap();
    control_plane.kubectl(["delete", "namespace", "short", "--timeout=60s"]).run().await.unwrap();
    let gone = control_plane.kubectl(["get", "namespace", "short", "--ignore-not-found"]).run().await.unwrap();
    assert_eq!(gone, "");
}

#[tokio::test]
async fn dropping_it_ends_its_processes_and_removes_its_folder() {
    let options = ControlPlaneOptions { controller_manager: true, helm: false };
    let control_plane = ControlPlane::start(options).await.unwrap();
    let ids: Vec<u32> = control_plane.processes().map(harness::Process::id).collect();
    assert_eq!(ids.len(), 3);
    assert!(ids.iter().all(|id| exists(*id)));
    let folder = control_plane.kubeconfig().parent().unwrap().to_owned();
    drop(control_plane);
    assert_eq!(ids.iter().filter(|id| exists(**id)).count(), 0);
    assert!(!folder.exists());
}

/// Set for the copy of this test program that is to be killed: the folder in which it tells its child's id.
const VICTIM: &str = "HARNESS_TEST_VICTIM";

#[tokio::test]
#[expect(clippy::disallowed_methods, reason = "the test runs its own program again in another role")]
async fn a_program_that_is_killed_leaves_no_process_and_no_folder() {
    if let Some(folder) = std::env::var_os(VICTIM) {
        let control_plane = ControlPlane::start(ControlPlaneOptions::default()).await.unwrap();
        let ids: Vec<String> = control_plane.processes().map(|process| process.id().to_string()).collect();
        let folder = Path::new(&folder);
        let told = format!("{}\n{}", control_plane.kubeconfig().parent().unwrap().display(), ids.join("\n"));
        std::fs::write(folder.join("telling"), told).unwrap();
        std::fs::rename(folder.join("telling"), folder.join("told")).unwrap();
        return std::future::pending().await;
    }
    let folder = tempfile::tempdir().unwrap();
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "a_program_that_is_killed_leaves_no_process_and_no_folder", "--nocapture"])
        .env(VICTIM, folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let told = eventually(Duration::from_mins(5), "the other program's control plane", || async {
        std::fs::read_to_string(folder.path().join("told"))
    })
    .await
    .unwrap();
    let (data, ids) = told.split_once('\n').unwrap();
    let ids: Vec<u32> = ids.lines().map(|id| id.parse().unwrap()).collect();
    assert!(ids.len() == 2 && ids.iter().all(|id| exists(*id)) && Path::new(data).exists(), "{told}");

    victim.kill().unwrap();
    victim.wait().unwrap();
    eventually(Duration::from_secs(10), "the processes and the folder to go", || async {
        let left: Vec<&u32> = ids.iter().filter(|id| exists(**id)).collect();
        if left.is_empty() && !Path::new(data).exists() {
            Ok(())
        } else {
            Err(format!("processes {left:?} and {data}"))
        }
    })
    .await
    .unwrap();
}
