//! What is kept of a value: its times to the microsecond, as in every store.

use chrono::{DateTime, SubsecRound, Utc};

use crate::attempt::{AttemptState, ConnectionAttempt};
use crate::event::Event;
use crate::inventory::Repository;
use crate::license::LicenseRecord;
use crate::oauth::SignIn;
use crate::organization::{Organization, Status};

/// The value as a store gives it back.
pub(super) trait Kept {
    fn kept(self) -> Self;
}

impl Kept for DateTime<Utc> {
    fn kept(self) -> Self {
        self.trunc_subsecs(6)
    }
}

impl Kept for Organization {
    fn kept(mut self) -> Self {
        self.created_at = self.created_at.kept();
        self.followed_since = self.followed_since.map(Kept::kept);
        if let Status::Removed { at } = &mut self.status {
            *at = at.kept();
        }
        self
    }
}

impl Kept for ConnectionAttempt {
    fn kept(mut self) -> Self {
        self.created_at = self.created_at.kept();
        self.expires_at = self.expires_at.kept();
        match &mut self.state {
            AttemptState::Open => {}
            AttemptState::Failed { at, .. } | AttemptState::Succeeded { at, .. } => *at = at.kept(),
        }
        self
    }
}

impl Kept for SignIn {
    fn kept(mut self) -> Self {
        self.expires_at = self.expires_at.kept();
        self
    }
}

impl Kept for Repository {
    fn kept(mut self) -> Self {
        self.created_at = self.created_at.kept();
        self.last_activity_at = self.last_activity_at.map(Kept::kept);
        self
    }
}

impl Kept for LicenseRecord {
    fn kept(mut self) -> Self {
        self.since = self.since.kept();
        self
    }
}

impl Kept for Event {
    fn kept(mut self) -> Self {
        self.at = self.at.kept();
        self
    }
}
