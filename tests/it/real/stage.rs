//! What a test of this module stands on: a real control plane, a simulator and an operator of its own.
//!
//! Starting a control plane takes seconds, so most tests share one. There each test has namespaces of its own, and its
//! operator is told to watch those alone, so that tests which run side by side do not see each other. What needs an
//! operator that watches everything, or definitions that are not there yet, has a control plane to itself.
//!
//! Every operator speaks as the ServiceAccount of `deploy/` with exactly the rights of `deploy/rbac.yaml`. A test ends
//! with [`Stage::end`], which looks at the audit log of the whole run so far: whichever test comes last has looked at
//! all of it.
use std::{ops::Deref, path::PathBuf, time::Duration};

use harness::{
    AuditEvent, Call, ControlPlane, ControlPlaneOptions, Operator, OperatorOptions, Organization, Pod, Simulator,
    eventually, service_account_user,
};
use serde_json::Value;
use tokio::sync::OnceCell;

mod scenery;

pub use self::scenery::Scenery;
use super::kube::{Kube, condition, is_current, is_ready};

/// For whatever takes the operator seconds; far above that, since two tests share two cores with two control planes.
pub const PATIENCE: Duration = Duration::from_secs(90);
/// The operator's namespace, and its ServiceAccount in it, in the manifests of `deploy/`.
pub const OPERATOR: &str = "atlas-operator";
/// The name of the credentials Secret in every namespace of a stage.
pub const CREDENTIALS: &str = "atlas-credentials";
/// Seconds of Atlas in one second: a dedicated cluster comes up in two to five seconds.
pub const SPEED: f64 = 300.0;

/// A control plane on which the operator may run.
pub struct Plane {
    pub control_plane: ControlPlane,
    operator: PathBuf,
}

impl Plane {
    async fn start(controller_manager: bool) -> Self {
        let control_plane = ControlPlane::start(ControlPlaneOptions { controller_manager, helm: false }).await.unwrap();
        let operator = control_plane.install_operator().await.unwrap();
        Self { control_plane, operator }
    }

    /// The one that tests share. It ends with the program.
    pub async fn shared() -> &'static Self {
        static SHARED: OnceCell<Plane> = OnceCell::const_new();
        SHARED.get_or_init(|| Self::start(false)).await
    }

    /// What the operator asked of the API server since `position` of the audit log.
    pub fn requests(&self, position: u64) -> Vec<AuditEvent> {
        requests(&self.control_plane, position)
    }

    /// The place in the audit log where the next request will stand.
    pub fn position(&self) -> u64 {
        self.control_plane.audit().position().unwrap()
    }
}

fn requests(control_plane: &ControlPlane, position: u64) -> Vec<AuditEvent> {
    let user = service_account_user(OPERATOR, OPERATOR);
    let mut requests = control_plane.audit().since(position).unwrap();
    requests.retain(|request| request.user == user);
    requests
}

/// The operator was never denied anything on this control plane.
pub fn expect_nothing_denied(control_plane: &ControlPlane) {
    let mut denied = requests(control_plane, 0);
    assert!(!denied.is_empty(), "the operator asked for nothing");
    denied.retain(AuditEvent::is_denied);
    assert!(denied.is_empty(), "denied by its roles: {denied:#?}");
}

/// A plane that others use too, or one of a test's own.
enum Ground {
    Shared(&'static Plane),
    Own(Box<Plane>),
}

impl Deref for Ground {
    type Target = Plane;

    fn deref(&self) -> &Plane {
        match self {
            Self::Shared(plane) => plane,
            Self::Own(plane) => plane,
        }
    }
}

/// Everything a test works with.
pub struct Stage {
    // Ended before what it talks to, so that the end of its log tells of the test and not of its end.
    pub operator: Operator,
    pub simulator: Simulator,
    pub kube: Kube,
    ground: Ground,
    options: OperatorOptions,
    scenery: Scenery,
}

impl Stage {
    /// On the shared plane, with an operator that watches the namespaces of the scenery.
    pub async fn shared(mut scenery: Scenery) -> Self {
        let plane = Plane::shared().await;
        for namespace in &scenery.namespaces {
            scenery.arguments.extend(["--namespace".to_owned(), namespace.clone()]);
        }
        Self::set(Ground::Shared(plane), scenery).await
    }

    /// On a plane of its own, which has the controllers of Kubernetes too, with an operator that watches everything.
    pub async fn alone(scenery: Scenery) -> Self {
        let plane = Plane::start(true).await;
        Self::set(Ground::Own(Box::new(plane)), scenery).await
    }

    async fn set(ground: Ground, scenery: Scenery) -> Self {
        let kube = Kube::connect(ground.control_plane.kubeconfig()).await;
        for namespace in &scenery.namespaces {
            kube.create_namespace(namespace).await;
        }
        let simulator = Simulator::start(&scenery.simulator()).await.unwrap();
        let url = scenery.atlas_url.as_deref().unwrap_or(simulator.base_url());
        let mut options = OperatorOptions::new(&ground.operator, url);
        options.arguments.clone_from(&scenery.arguments);
        options.log_filter.clone_from(&scenery.log_filter);
        let operator = Operator::start(&options).unwrap();
        operator.wait_ready().await.unwrap();
        Self { operator, simulator, kube, ground, options, scenery }
    }

    /// On a control plane where a test has installed the operator, whose pod this is. The namespaces are there.
    pub async fn installed(control_plane: ControlPlane, simulator: Simulator, scenery: Scenery, pod: Pod) -> Self {
        let kube = Kube::connect(control_plane.kubeconfig()).await;
        let operator = Operator::start_pod(&pod).unwrap();
        operator.wait_ready().await.unwrap();
        let options = OperatorOptions::new(pod.kubeconfig(), simulator.base_url());
        let plane = Plane { control_plane, operator: pod.kubeconfig().to_owned() };
        Self { operator, simulator, kube, ground: Ground::Own(Box::new(plane)), options, scenery }
    }

    /// On a control plane where objects are already, and Atlas as they describe it: with the present definitions and rights,
    /// and an operator that watches everything. The namespaces are there.
    pub async fn prepared(control_plane: ControlPlane, simulator: Simulator, scenery: Scenery) -> Self {
        let kube = Kube::connect(control_plane.kubeconfig()).await;
        let kubeconfig = control_plane.install_operator().await.unwrap();
        let options = OperatorOptions::new(&kubeconfig, simulator.base_url());
        let operator = Operator::start(&options).unwrap();
        operator.wait_ready().await.unwrap();
        let plane = Plane { control_plane, operator: kubeconfig };
        Self { operator, simulator, kube, ground: Ground::Own(Box::new(plane)), options, scenery }
    }

    /// Starts a pod in place of an operator that has ended.
    pub async fn start_pod(&mut self, pod: &Pod) {
        self.operator = Operator::start_pod(pod).unwrap();
        self.operator.wait_ready().await.unwrap();
    }

    pub fn plane(&self) -> &Plane {
        &self.ground
    }

    pub fn namespaces(&self) -> &[String] {
        &self.scenery.namespaces
    }

    /// The first organization.
    pub fn organization(&self) -> &Organization {
        &self.simulator.organizations()[0]
    }

    /// Puts the API key of an organization into a namespace.
    pub async fn provide_credentials(&self, namespace: &str, organization: &Organization) {
        self.kube.apply(namespace, &organization.api_key_secret(namespace, CREDENTIALS)).await;
    }

    /// Starts another operator in place of one that has ended.
    pub async fn restart_operator(&mut self) {
        self.operator = Operator::start(&self.options).unwrap();
        self.operator.wait_ready().await.unwrap();
    }

    /// Ends the operator as a crash would, and starts another, which has not got ready yet.
    pub fn kill_operator(&mut self) {
        self.operator.kill();
        assert!(!self.operator.logs().contains("panicked at"), "{}", self.operator.last_lines());
        self.operator = Operator::start(&self.options).unwrap();
    }

    /// Waits until the operator is ready.
    pub async fn wait_operator(&self) {
        self.operator.wait_ready().await.unwrap();
    }

    /// Starts one more operator like the first, but for the address at which it looks for Atlas.
    pub async fn another_operator(&self, atlas_url: &str) -> Operator {
        let options = OperatorOptions { atlas_url: atlas_url.to_owned(), ..self.options.clone() };
        let operator = Operator::start(&options).unwrap();
        operator.wait_ready().await.unwrap();
        operator
    }

    /// Starts another simulator, at this port, in place of the one there was.
    pub async fn restart_simulator(&mut self, port: u16) {
        self.scenery.port = Some(port);
        self.simulator = Simulator::start(&self.scenery.simulator()).await.unwrap();
    }

    /// What the operator asked of the API server in the namespaces of this stage.
    pub fn requests(&self, position: u64) -> Vec<AuditEvent> {
        let mut requests = self.ground.requests(position);
        requests.retain(|request| self.scenery.namespaces.contains(&request.namespace));
        requests
    }

    /// What the operator changed, or tried to, in the namespaces of this stage.
    pub fn writes(&self, position: u64) -> Vec<AuditEvent> {
        let mut writes = self.requests(position);
        writes.retain(AuditEvent::is_write);
        writes
    }

    /// The mutating calls since `call`, once there are at least `count`.
    pub async fn mutating_calls(&self, since: u64, count: usize) -> Vec<Call> {
        eventually(PATIENCE, &format!("{count} mutating calls"), || async {
            let calls = self.simulator.mutating_calls(since).await.map_err(|error| error.to_string())?;
            if calls.len() >= count { Ok(calls) } else { Err(format!("{:?}", lines(&calls))) }
        })
        .await
        .unwrap()
    }

    /// Waits until there are objects of the operator's kinds in `namespace`, all Ready for their present generation.
    pub async fn all_ready(&self, namespace: &str) {
        self.all_ready_but(namespace, "").await;
    }

    /// The same, within another time than usual.
    pub async fn all_ready_within(&self, namespace: &str, patience: Duration) {
        self.expect_running();
        self.ready(namespace, "", patience).await;
    }

    /// The same, when it is another operator than that of the stage which makes them so.
    pub async fn ready_without_me(&self, namespace: &str) {
        self.ready(namespace, "", PATIENCE).await;
    }

    /// The same, whatever the objects called `exception` are.
    pub async fn all_ready_but(&self, namespace: &str, exception: &str) {
        self.expect_running();
        self.ready(namespace, exception, PATIENCE).await;
    }

    async fn ready(&self, namespace: &str, exception: &str, patience: Duration) {
        eventually(patience, &format!("everything in {namespace} to be Ready"), || async {
            let mut objects = self.kube.objects(namespace).await;
            objects.retain(|object| object["metadata"]["name"] != exception);
            let unready: Vec<&Value> = objects.iter().filter(|object| !is_ready(object)).collect();
            let told = |object: &&Value| format!("{} {}", object["metadata"]["name"], object["status"]);
            match unready.as_slice() {
                [] if objects.is_empty() => Err("no objects".to_owned()),
                [] => Ok(()),
                unready => Err(unready.iter().map(told).collect::<Vec<_>>().join("\n")),
            }
        })
        .await
        .unwrap();
    }

    /// Waits until an object is Ready, or not, for this reason and for its present generation; returns it.
    pub async fn reason(&self, namespace: &str, kind: &str, name: &str, reason: &str) -> Value {
        self.until(namespace, kind, name, "Ready", reason).await
    }

    /// Waits until an object has a condition of this type for this reason and for its present generation; returns it.
    pub async fn until(&self, namespace: &str, kind: &str, name: &str, type_: &str, reason: &str) -> Value {
        self.expect_running();
        eventually(PATIENCE, &format!("{kind} {namespace}/{name} to be {type_} for {reason}"), || async {
            let object = self.kube.get(namespace, kind, name).await.ok_or("it is not there")?;
            let is_so = is_current(&object) && condition(&object, type_)["reason"] == reason;
            if is_so { Ok(object) } else { Err(object["status"].to_string()) }
        })
        .await
        .unwrap()
    }

    /// Waits until there are connection Secrets in a namespace, which follow a user and its cluster when both are Ready.
    pub async fn connection_secrets(&self, namespace: &str) -> Vec<Value> {
        eventually(PATIENCE, "a connection Secret", || async {
            let secrets = self.kube.connection_secrets(namespace).await;
            if secrets.is_empty() { Err("there is none") } else { Ok(secrets) }
        })
        .await
        .unwrap()
    }

    /// Waits until an object is gone.
    pub async fn gone(&self, namespace: &str, kind: &str, name: &str) {
        self.expect_running();
        eventually(PATIENCE, &format!("{kind} {namespace}/{name} to be gone"), || async {
            match self.kube.get(namespace, kind, name).await {
                None => Ok(()),
                Some(object) => Err(object["status"].to_string()),
            }
        })
        .await
        .unwrap();
    }

    fn expect_running(&self) {
        assert!(self.operator.is_running(), "the operator has ended:\n{}", self.operator.last_lines());
    }

    /// Ends the operator as Kubernetes would, and looks back at what must hold of every run: it was never denied
    /// anything, it never panicked, and it said nothing to Atlas that the API's description does not allow.
    pub async fn end(self) {
        let status = self.operator.stop().await.unwrap();
        assert!(status.success(), "{status}\n{}", self.operator.last_lines());
        self.look_back().await;
    }

    /// The same for an operator that has ended already.
    pub async fn look_back(self) {
        assert!(!self.operator.logs().contains("panicked at"), "{}", self.operator.last_lines());
        expect_nothing_denied(&self.ground.control_plane);
        if self.scenery.checked {
            let violations = self.simulator.violations().await.unwrap();
            assert!(violations.is_empty(), "not as the API's description says: {violations:#?}");
        }
    }
}

/// Calls as a test compares and prints them.
pub fn lines(calls: &[Call]) -> Vec<String> {
    calls.iter().map(Call::line).collect()
}
