//! The charts as they are published.
use std::process::Command;

use harness::repository;
use serde_json::json;

use super::{CHARTS, OPERATOR, of_kind, template_as};

#[tokio::test]
async fn a_published_chart_names_the_image_that_was_pushed() {
    const REPOSITORY: &str = "registry.example.com/somebody/atlas-operator";
    for (repository_of_image, expected) in [(Some(REPOSITORY), REPOSITORY), (None, OPERATOR)] {
        let folder = tempfile::tempdir().unwrap();
        let mut package = Command::new(repository().join("packaging/charts"));
        let packaged = package.arg(folder.path()).args(repository_of_image).output().unwrap();
        assert!(packaged.status.success(), "{}", String::from_utf8_lossy(&packaged.stderr));
        let archive = |chart: &str| folder.path().join(format!("{chart}-{}.tgz", env!("CARGO_PKG_VERSION")));
        assert!(CHARTS.iter().all(|chart| archive(chart).exists()));
        let objects = template_as(&archive(OPERATOR), OPERATOR, OPERATOR, &json!({})).await.unwrap();
        let [deployment] = of_kind(&objects, "Deployment")[..] else { panic!("{objects:?}") };
        let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
        assert_eq!(*image, format!("{expected}:{}", env!("CARGO_PKG_VERSION")));
    }
    // What a release pushes, and what its charts name.
    let release = std::fs::read_to_string(repository().join(".github/workflows/release.yaml")).unwrap();
    for line in [
        "registry=ghcr.io/${GITHUB_REPOSITORY_OWNER,,}\n",
        "for image in atlas-operator atlas-simulator; do",
        "\"docker://$registry/$image:${GITHUB_REF_NAME#v}\"",
        "make charts \"REPOSITORY=ghcr.io/${GITHUB_REPOSITORY_OWNER,,}/atlas-operator\"\n",
    ] {
        assert!(release.contains(line), "{line}");
    }
}
