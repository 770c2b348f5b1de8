//! Starts real things for tests and the demo, each as a child process of this program, and ends them with it.
//!
//! | type | what it runs |
//! |---|---|
//! | [`ControlPlane`] | etcd, kube-apiserver and, when asked, kube-controller-manager, with RBAC and an audit log |
//! | [`Tool`] | one call of kubectl or Helm against that control plane |
//! | [`Simulator`] | `atlas-simulator`, with a client of its control API |
//! | [`Operator`] | `atlas-operator run`, with its log, health and metrics addresses |
//! | [`Image`] | the files of an image, and the process that a container of it would be |
//! | [`Pod`] | what a kubelet would make of the Deployment of an installed operator |
//!
//! [`eventually`] waits for a condition with a deadline and says in its failure what it saw last.
//!
//! The package depends on neither the operator nor the simulator: it starts their binaries and speaks HTTP to them,
//! as any user would. Everything listens on 127.0.0.1 at ports chosen at start, keeps its data in temporary folders,
//! and ends when its handle is dropped. Whatever is left when this program ends in another way (a panic that aborts,
//! Ctrl-C under `cargo test`, a value in a `static`, SIGKILL) is ended by the watcher of the [`reaper`] module.

mod audit;
mod binaries;
mod control_plane;
mod error;
mod http;
mod image;
mod operator;
mod pod;
mod ports;
mod process;
mod reaper;
mod simulator;
mod tool;
mod wait;

pub use audit::{AuditEvent, AuditLog};
pub use binaries::{go_tool, repository};
pub use control_plane::{ControlPlane, ControlPlaneOptions, service_account_user};
pub use error::Error;
pub use image::Image;
pub use operator::{Operator, OperatorOptions};
pub use pod::Pod;
pub use ports::free_port;
pub use process::Process;
pub use simulator::{Call, FaultKind, Organization, Simulator, SimulatorOptions};
pub use tool::Tool;
pub use wait::eventually;
