//! Where the form of a terminal is filled in: at the installation of this machine, or at a server.

use org_core::draft::OrganizationDraft;
use org_core::secret::SecretOwner;
use org_core::use_cases::{connect, secrets};
use runtime::remote::Verb;
use serde::Deserialize;

use crate::app::{self, Session};
use crate::commands::remote::{form_of, secrets_of};
use crate::commands::secret::list::unanswered;
use crate::error::Result;
use crate::output::Output;
use crate::output::check::Check;
use crate::progress::Line;
use crate::remote::Remote;

/// Where the form is filled in.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Desk<'a> {
    Here(&'a Session),
    There(&'a Remote, &'a Output),
}

/// A secret as a server lists it, as far as it is of use here.
#[derive(Debug, Deserialize)]
struct Listed {
    name: String,
    owner: String,
}

impl Desk<'_> {
    pub(super) const fn output(&self) -> &Output {
        match self {
            Self::Here(session) => session.output(),
            Self::There(_, output) => output,
        }
    }

    /// The names of the secrets that a person keeps.
    pub(super) async fn saved_secrets(&self) -> Result<Vec<String>> {
        match self {
            Self::Here(session) => {
                let (rows, silent) = secrets::list_if_any_answers(session.ports()).await?;
                for (vault, error) in &silent {
                    unanswered(vault.as_str(), &error.to_string());
                }
                let own = rows
                    .into_iter()
                    .filter(|row| row.facts.owner == SecretOwner::Person);
                Ok(own.map(|row| row.facts.name.to_string()).collect())
            }
            Self::There(remote, _) => {
                let all = secrets_of::<Listed>(remote).await?;
                let own = all.into_iter().filter(|row| row.owner == "person");
                Ok(own.map(|row| row.name).collect())
            }
        }
    }

    /// Whose the token of the form is, and what it allows.
    pub(super) async fn identified(&self, draft: &OrganizationDraft) -> Result<Check> {
        let line = Line::new(self.output());
        match self {
            Self::Here(session) => {
                let (draft, identity) = connect::identify(session.ports(), draft, &line).await?;
                Ok(Check::new(&draft, &identity, None, app::now()))
            }
            Self::There(remote, _) => {
                let query = [("coverage", "false".to_owned())];
                let path = ["organizations", "check"];
                remote
                    .send(Verb::Post, &path, &query, Some(form_of(draft)))
                    .await
            }
        }
    }

    /// What the one device is called that there is.
    pub(super) const fn embedded(&self) -> &'static str {
        match self {
            Self::Here(_) => "embedded: this computer",
            Self::There(..) => "embedded: the server",
        }
    }
}
