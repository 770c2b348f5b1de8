//! What can happen to an object, told of an example of every kind.
use std::collections::BTreeMap;

use atlas_operator::{
    kind::{Deletion, Example, Kind},
    kinds,
};
use kube::core::cel::apply_defaults;
use serde_json::Value;

use super::{
    super::world::{World, documents},
    Step,
    scene::Scene,
};

/// Something that happens to an object, from nothing on; [`Scene`] says how each goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Story {
    Created,
    Edited,
    Deleted,
    AloneAtFirst,
    ParentPaused,
    ParentUnknown,
    ParentInAnotherNamespace,
    SecretMissing,
    SecretEmpty,
    NoCredentials,
    NoCredentialsNamed,
    CredentialsIncomplete,
    CredentialsWrong,
    NotPermitted,
    Rejected,
    Quota,
    Throttled,
    AtlasDown,
    AtlasLost,
    SecretsUnreadable,
    Unreadable,
    MadeFlex,
    InAtlasAlready,
    DeclaredTwice,
    OfALaterRelease,
    PausedEditedDeleted,
    Observed,
    Outlived,
    HeldByPause,
    HeldByProtection,
    DeletedBeforeItsChildren,
    DeletedAndKept,
    DeletedWithoutCredentials,
}

impl Story {
    /// Those that are told of every example: its own life.
    const LIFE: [Self; 3] = [Self::Created, Self::Edited, Self::Deleted];
    /// Those that are told of one example of each kind, and of all kinds that they can happen to.
    const MISHAPS: [Self; 30] = [
        Self::AloneAtFirst,
        Self::ParentPaused,
        Self::ParentUnknown,
        Self::ParentInAnotherNamespace,
        Self::SecretMissing,
        Self::SecretEmpty,
        Self::NoCredentials,
        Self::NoCredentialsNamed,
        Self::CredentialsIncomplete,
        Self::CredentialsWrong,
        Self::NotPermitted,
        Self::Rejected,
        Self::Quota,
        Self::Throttled,
        Self::AtlasDown,
        Self::AtlasLost,
        Self::SecretsUnreadable,
        Self::Unreadable,
        Self::MadeFlex,
        Self::InAtlasAlready,
        Self::DeclaredTwice,
        Self::OfALaterRelease,
        Self::PausedEditedDeleted,
        Self::Observed,
        Self::Outlived,
        Self::HeldByPause,
        Self::HeldByProtection,
        Self::DeletedBeforeItsChildren,
        Self::DeletedAndKept,
        Self::DeletedWithoutCredentials,
    ];

    /// Whether it can happen to an example.
    fn suits(self, example: &Example) -> bool {
        let mut all = documents(example.manifest);
        let own = all.pop().unwrap();
        let has = |field: &str| !own["spec"][field].is_null();
        match self {
            Self::ParentPaused
            | Self::ParentUnknown
            | Self::ParentInAnotherNamespace
            | Self::DeletedBeforeItsChildren => has("projectRef"),
            Self::SecretMissing | Self::SecretEmpty => all.iter().any(|document| document["kind"] == "Secret"),
            Self::Edited | Self::InAtlasAlready | Self::PausedEditedDeleted => example.edit.is_some(),
            Self::Observed => example.drift.is_some(),
            Self::Outlived => has("ttl"),
            Self::MadeFlex | Self::HeldByPause | Self::HeldByProtection => has("clusterType") && example.edit.is_some(),
            Self::Created
            | Self::Deleted
            | Self::AloneAtFirst
            | Self::NoCredentials
            | Self::NoCredentialsNamed
            | Self::CredentialsIncomplete
            | Self::CredentialsWrong
            | Self::NotPermitted
            | Self::Rejected
            | Self::Quota
            | Self::Throttled
            | Self::AtlasDown
            | Self::AtlasLost
            | Self::SecretsUnreadable
            | Self::Unreadable
            | Self::DeclaredTwice
            | Self::OfALaterRelease
            | Self::DeletedAndKept
            | Self::DeletedWithoutCredentials => true,
        }
    }
}

/// Every version of every object in all stories, in the order in which the API server stored them.
pub(super) async fn all() -> Vec<Step> {
    let mut world = World::new().await;
    let (schemas, mut steps) = (schemas(), Vec::new());
    for kind in kinds::all() {
        let examples = kind.examples();
        for example in &examples {
            for story in Story::LIFE.into_iter().filter(|story| story.suits(example)) {
                steps.extend(Box::pin(tell(&mut world, &schemas, story, example)).await);
            }
        }
        for story in Story::MISHAPS {
            if let Some(example) = examples.iter().find(|example| story.suits(example)) {
                steps.extend(Box::pin(tell(&mut world, &schemas, story, example)).await);
            }
        }
    }
    steps
}

/// Tells a story of an example, and answers what was stored in it of the objects of all kinds.
async fn tell(world: &mut World, schemas: &Schemas, story: Story, example: &Example) -> Vec<Step> {
    world.defaults.deletion = Some(Deletion::Delete);
    world.reset().await;
    world.kube.keep_versions();
    let default_secret = world.default_secret.clone();
    world.default_secret.take_if(|_| story == Story::NoCredentialsNamed);
    Scene { world: &*world, example }.play(story).await;
    world.default_secret = default_secret;
    let step = |object: Value| {
        let kind = kinds::by_name(object["kind"].as_str().unwrap_or_default())?;
        Some(Step { story, kind, object: apply_defaults(&schemas[kind.name()], &object) })
    };
    world.kube.versions().into_iter().filter_map(step).collect()
}

/// The schema of each kind, which brings the defaults that the API server shows an object with.
type Schemas = BTreeMap<&'static str, Value>;

fn schemas() -> Schemas {
    let schema = |kind: &dyn Kind| {
        let version = kind.definition().spec.versions.into_iter().next().unwrap();
        serde_json::to_value(version.schema.unwrap().open_api_v3_schema.unwrap()).unwrap()
    };
    kinds::all().iter().map(|kind| (kind.name(), schema(*kind))).collect()
}
