//! How many seats there are: what a person configured, as the store keeps it.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use org_core::license::pool::Seats;
use org_core::ports::{EntitlementError, Entitlements, LicenseStore};

/// The seats that a person configured with `forgehold license seats`; unlimited until then.
#[derive(Clone)]
pub struct ConfiguredSeats {
    licenses: Arc<dyn LicenseStore>,
}

impl ConfiguredSeats {
    /// Reads from `licenses`.
    pub fn new(licenses: Arc<dyn LicenseStore>) -> Self {
        Self { licenses }
    }
}

impl fmt::Debug for ConfiguredSeats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ConfiguredSeats").finish_non_exhaustive()
    }
}

#[async_trait]
impl Entitlements for ConfiguredSeats {
    async fn seats(&self) -> Result<Seats, EntitlementError> {
        let seats = self.licenses.configured_seats().await;
        seats.map_err(|error| EntitlementError {
            detail: error.to_string(),
        })
    }
}
