//! The token pair of a sign-in, as one secret of the vault.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};
use secrecy::{ExposeSecret as _, SecretString};

use super::{ClientId, RedirectUri};
use crate::host::HostUrl;
use crate::ports::Grant;

/// What the first line of the text is.
const HEADER: &str = "forgehold-token-pair 1";

/// How long an access token lives when the host does not say: GitLab gives two hours, and that cannot be configured (GitLab docs, OAuth
/// provider).
const USUAL_LIFETIME: TimeDelta = TimeDelta::hours(2);

/// The longest that is believed: a host that says more is asked again after that.
const MAX_LIFETIME: TimeDelta = TimeDelta::days(366);

/// An access token and what renews it.
///
/// It is kept as one value, so that both are replaced at once or not at all.
#[derive(Clone)]
pub struct TokenPair {
    /// The host that gave it; it is sent nowhere else.
    pub host: HostUrl,
    /// What opens the host.
    pub access_token: SecretString,
    /// What renews it, once; a device sign-in may come without.
    pub refresh_token: Option<SecretString>,
    /// What was granted, in the host's words.
    pub scopes: BTreeSet<String>,
    /// When it was received.
    pub issued_at: DateTime<Utc>,
    /// When the access token stops working.
    pub expires_at: DateTime<Utc>,
    /// The application that it was given to; only that one can renew and revoke it.
    pub client: ClientId,
    /// The redirect URI of the sign-in, which GitLab wants to see again; a device sign-in has none.
    pub redirect: Option<RedirectUri>,
}

/// Why a secret is not a token pair. The message repeats nothing of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the secret is no token pair of a sign-in: {detail}")]
pub struct PairError {
    /// What is wrong with it.
    pub detail: &'static str,
}

impl TokenPair {
    /// What a host has just given.
    pub fn received(
        host: HostUrl,
        grant: Grant,
        client: ClientId,
        redirect: Option<RedirectUri>,
        now: DateTime<Utc>,
    ) -> Self {
        let now = now.trunc_subsecs(6);
        let lifetime = grant.lifetime.map_or(USUAL_LIFETIME, |lifetime| {
            TimeDelta::from_std(lifetime).map_or(MAX_LIFETIME, |told| told.min(MAX_LIFETIME))
        });
        Self {
            host,
            access_token: grant.access_token,
            refresh_token: grant.refresh_token,
            scopes: grant.scopes,
            issued_at: now,
            expires_at: now
                .checked_add_signed(lifetime)
                .unwrap_or(DateTime::<Utc>::MAX_UTC),
            client,
            redirect,
        }
    }

    /// When it is time to renew: after three quarters of the access token's life, which is half an hour before a GitLab token's end.
    pub fn renew_at(&self) -> DateTime<Utc> {
        let life = self.expires_at - self.issued_at;
        self.issued_at
            .checked_add_signed(life / 4 * 3)
            .unwrap_or(self.expires_at)
    }

    /// The text that the vault keeps: a line for each field, so that it needs no library to be read.
    pub fn to_secret(&self) -> SecretString {
        let mut text = format!("{HEADER}\nhost {}\n", self.host);
        let _ = writeln!(text, "access {}", self.access_token.expose_secret());
        if let Some(refresh) = &self.refresh_token {
            let _ = writeln!(text, "refresh {}", refresh.expose_secret());
        }
        for scope in &self.scopes {
            let _ = writeln!(text, "scope {scope}");
        }
        let _ = writeln!(text, "issued {}", self.issued_at.to_rfc3339());
        let _ = writeln!(text, "expires {}", self.expires_at.to_rfc3339());
        let _ = writeln!(text, "client {}", self.client);
        if let Some(redirect) = &self.redirect {
            let _ = writeln!(text, "redirect {redirect}");
        }
        SecretString::from(text)
    }

    /// Reads what [`TokenPair::to_secret`] wrote.
    pub fn from_secret(secret: &SecretString) -> Result<Self, PairError> {
        let wrong = |detail| PairError { detail };
        let mut lines = secret.expose_secret().lines();
        if lines.next() != Some(HEADER) {
            return Err(wrong("it does not begin like one"));
        }
        let (mut host, mut access, mut refresh) = (None, None, None);
        let mut scopes = BTreeSet::new();
        let (mut issued, mut expires, mut client, mut redirect) = (None, None, None, None);
        for line in lines {
            let (field, value) = line.split_once(' ').ok_or(wrong("a line has no value"))?;
            match field {
                "host" => host = value.parse().ok(),
                "access" => access = Some(SecretString::from(value)),
                "refresh" => refresh = Some(SecretString::from(value)),
                "scope" => {
                    scopes.insert(value.to_owned());
                }
                "issued" => issued = time(value),
                "expires" => expires = time(value),
                "client" => client = value.parse().ok(),
                "redirect" => {
                    let parsed = value
                        .parse()
                        .map_err(|_| wrong("its redirect URI is none"))?;
                    redirect = Some(parsed);
                }
                // A later version may add what this one does not need.
                _ => {}
            }
        }
        Ok(Self {
            host: host.ok_or(wrong("it names no host"))?,
            access_token: access.ok_or(wrong("it has no access token"))?,
            refresh_token: refresh,
            scopes,
            issued_at: issued.ok_or(wrong("it does not say when it was issued"))?,
            expires_at: expires.ok_or(wrong("it does not say when it expires"))?,
            client: client.ok_or(wrong("it names no application"))?,
            redirect,
        })
    }
}

fn time(text: &str) -> Option<DateTime<Utc>> {
    DateTime::parse_from_rfc3339(text)
        .ok()
        .map(|time| time.to_utc())
}

impl fmt::Debug for TokenPair {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TokenPair")
            .field("host", &self.host)
            .field("scopes", &self.scopes)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .field("client", &self.client)
            .finish_non_exhaustive()
    }
}
