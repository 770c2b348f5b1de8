//! What a body asks of a cluster, in whichever version it was written.
use serde_json::Value;

use super::{FIRST, LEGACY, fields, first_version, legacy};
use crate::api::{ApiError, Request};
use crate::families::body::{self, Document};

/// A creation or an update, in the terms of the newest version.
pub struct Change {
    /// The fields at the top of the document, without the shape of the cluster.
    pub fields: Document,
    pub shards: Option<Vec<Document>>,
    /// A disk size for the whole cluster, as 2023-02-01 has it.
    pub disk: Option<f64>,
}

impl Change {
    /// The body of a creation.
    pub fn creation(request: &Request) -> Result<Self, ApiError> {
        if request.version == FIRST.date {
            return Ok(first_version::change(&body::complete(&request.body, first_version::FIELDS)?, &[]));
        }
        let legacy = request.version == LEGACY.date;
        let sent = body::complete(&request.body, if legacy { fields::LEGACY } else { fields::CURRENT })?;
        Ok(Self::read(sent, legacy, &[]))
    }

    /// The body of an update of a cluster with these shards.
    pub fn update(request: &Request, shards: &[Document]) -> Result<Self, ApiError> {
        if request.version == FIRST.date {
            return Ok(first_version::change(&body::partial(&request.body, first_version::FIELDS)?, shards));
        }
        let legacy = request.version == LEGACY.date;
        let sent = body::partial(&request.body, if legacy { fields::LEGACY } else { fields::CURRENT })?;
        Ok(Self::read(sent, legacy, shards))
    }

    fn read(mut fields: Document, legacy: bool, previous: &[Document]) -> Self {
        let disk = fields.remove("diskSizeGB").and_then(|size| size.as_f64());
        let sent = fields.remove("replicationSpecs");
        let shards = sent.as_ref().and_then(Value::as_array).map(|specs| {
            let specs = specs.iter().filter_map(Value::as_object);
            if legacy { legacy::expand(specs, previous) } else { specs.cloned().collect() }
        });
        Self { shards, ..Self::new(fields, Vec::new(), disk) }
    }

    /// A change of these fields, to these shards.
    pub fn new(mut fields: Document, shards: Vec<Document>, disk: Option<f64>) -> Self {
        // Only means something during an outage, which is not simulated; never shown.
        fields.remove("acceptDataRisksAndForceReplicaSetReconfig");
        if let Some(bi_connector) = fields.get_mut("biConnector").and_then(Value::as_object_mut)
            && let Some(preference) = bi_connector.get_mut("readPreference")
        {
            *preference = preference.as_str().unwrap_or_default().to_lowercase().into();
        }
        Self { fields, shards: Some(shards), disk }
    }
}
