//! What is kept of the Secrets that are watched: which they are, and of which version.
use k8s_openapi::{api::core::v1::Secret, apimachinery::pkg::apis::meta::v1::ObjectMeta};
use kube::core::PartialObjectMeta;

/// How many Secrets a list brings at once. Whoever makes a Secret with `kubectl apply` puts its values into an annotation,
/// which is metadata and up to 256 KiB long, so a page is read and dropped before the next one comes.
pub const PAGE: u32 = 50;

/// Leaves nothing of a Secret but which one it is, and of which version.
pub fn bare(secret: &mut PartialObjectMeta<Secret>) {
    let ObjectMeta { name, namespace, uid, resource_version, .. } = std::mem::take(&mut secret.metadata);
    secret.metadata = ObjectMeta { name, namespace, uid, resource_version, ..ObjectMeta::default() };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_kept_of_a_secret_that_could_hold_its_values() {
        let json = serde_json::json!({"metadata": {
            "name": "s", "namespace": "n", "uid": "u", "resourceVersion": "7", "labels": {"team": "shop"},
            "annotations": {"kubectl.kubernetes.io/last-applied-configuration": "geheim"},
            "managedFields": [{"manager": "kubectl"}], "ownerReferences": [],
        }});
        let mut secret: PartialObjectMeta<Secret> =
            serde_json::from_value(json).unwrap_or_else(|error| unreachable!("{error}"));
        bare(&mut secret);
        let kept = serde_json::to_value(&secret.metadata).unwrap_or_default();
        assert_eq!(kept, serde_json::json!({"name": "s", "namespace": "n", "uid": "u", "resourceVersion": "7"}));
    }
}
