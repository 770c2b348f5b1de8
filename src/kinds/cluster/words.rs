//! Atlas's own words for what a cluster is and does.
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Makes an enum of Atlas's own words.
macro_rules! words {
    ($(#[doc = $about:literal])+ $name:ident { $($(#[doc = $text:literal])+ $variant:ident = $word:literal),+ $(,)? }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, Deserialize, Eq, JsonSchema, PartialEq, Serialize)]
        pub enum $name {
            $($(#[doc = $text])+ #[serde(rename = $word)] $variant),+
        }
    };
}

words! {
    /// What kind of cluster the nodes form.
    ClusterType {
        /// One replica set.
        ReplicaSet = "REPLICASET",
        /// Shards, each a replica set.
        Sharded = "SHARDED",
        /// Shards in zones of the world.
        GeoSharded = "GEOSHARDED",
    }
}

words! {
    /// Which releases of MongoDB the cluster follows.
    VersionReleaseSystem {
        /// Only patches of its major version.
        Lts = "LTS",
        /// Every release.
        Continuous = "CONTINUOUS",
    }
}

words! {
    /// Whose key management encrypts the disks.
    EncryptionProvider {
        /// Atlas's.
        None = "NONE",
        /// That of Amazon Web Services.
        Aws = "AWS",
        /// That of Azure.
        Azure = "AZURE",
        /// That of Google Cloud.
        Gcp = "GCP",
    }
}

words! {
    /// In which order nodes change their size.
    ScalingStrategy {
        /// One by one.
        Sequential = "SEQUENTIAL",
        /// Analytics nodes beside the others.
        WorkloadType = "WORKLOAD_TYPE",
        /// Electable nodes beside all others.
        NodeType = "NODE_TYPE",
    }
}

words! {
    /// When new nodes take reads.
    DiskWarming {
        /// Once their disks are warm.
        FullyWarmed = "FULLY_WARMED",
        /// Before their disks are warm.
        VisibleEarlier = "VISIBLE_EARLIER",
        /// Once more of their disks is warm.
        EnhancedFullyWarmed = "ENHANCED_FULLY_WARMED",
    }
}

words! {
    /// The authority that signs the certificates which the nodes show to clients.
    RootCertificate {
        /// Let's Encrypt.
        IsrgRootX1 = "ISRGROOTX1",
    }
}

words! {
    /// Whether Atlas may build nodes from another family of machines when the usual one is sold out.
    AdaptiveCapacity {
        /// They will.
        Enabled = "ENABLED",
        /// They will not, and Atlas says so when there are none.
        Disabled = "DISABLED",
    }
}

words! {
    /// Who decides where config servers run.
    ConfigServers {
        /// Atlas.
        AtlasManaged = "ATLAS_MANAGED",
        /// They have machines of their own.
        FixedToDedicated = "FIXED_TO_DEDICATED",
    }
}
