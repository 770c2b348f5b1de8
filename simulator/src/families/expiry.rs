//! Dates on which something ends that a client made: temporary users and access list entries, pinned versions.
//!
//! The client reckons such a date on its own clock, which Atlas's clock leaves behind at a high speed. So it is read on
//! the client's clock ([`crate::clock`]): a date five minutes ahead there is accepted at any speed, and what it is about
//! ends when that clock shows it, which is five real minutes later. What comes back is the date as it was sent.
use jiff::{SignedDuration, Timestamp};

use super::errors;
use crate::api::ApiError;

/// Refuses a date that is not ahead of the client's clock, or more than so many days.
pub fn check(date: Timestamp, client: Timestamp, most_days: i64) -> Result<(), ApiError> {
    if date <= client {
        Err(errors::expiration_date_in_past())
    } else if date.duration_since(client) > SignedDuration::from_hours(most_days * 24) {
        Err(errors::expiration_date_exceeds_maximum(most_days))
    } else {
        Ok(())
    }
}
