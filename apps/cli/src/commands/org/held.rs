//! What `forgehold org approve` and `forgehold org reject` have in common: a person first sees what it is about.

use org_core::ids::SyncId;
use org_core::license::pool::SeatKey;
use org_core::organization::Organization;
use org_core::use_cases::review::{self, Verdict};

use crate::app::Session;
use crate::error::{CliError, Failure, Result};
use crate::output::Format;
use crate::output::sync::{HeldSync, SyncRun, Vanishing};
use crate::prompt::{self, Answer};

/// How many repositories are shown by their paths.
const SHOWN: usize = 100;

/// Whether a person is still to be asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ask {
    Yes,
    No,
}

/// What a person can say about a held sync.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Decision {
    pub(crate) verdict: Verdict,
    pub(crate) question: &'static str,
    /// What is told to a script that did not confirm.
    pub(crate) consequence: &'static str,
}

/// Shows what a held sync is about and puts down what a person says.
pub(crate) async fn decide(
    session: &Session,
    organization: &Organization,
    decision: Decision,
    ask: Ask,
) -> Result<HeldSync> {
    let (sync, held) = look(session, organization).await?;
    if session.output().format == Format::Table {
        session.output().show(&held);
    }
    confirm(decision, ask)?;
    let ports = session.ports();
    // The one that was shown: a sync that took its place meanwhile would let other repositories vanish.
    review::decide_about(
        ports,
        organization.clone(),
        sync,
        decision.verdict,
        &session.actor,
    )
    .await?;
    Ok(held)
}

/// Asks a person, where they are to be asked.
pub(crate) fn confirm(decision: Decision, ask: Ask) -> Result<()> {
    if ask == Ask::Yes {
        if !prompt::is_possible() {
            return Err(CliError::unconfirmed(decision.consequence, "repeat with --yes").into());
        }
        if prompt::yes(decision.question, "", Answer::No)? == Answer::No {
            return Err(Failure::Canceled);
        }
    }
    Ok(())
}

async fn look(session: &Session, organization: &Organization) -> Result<(SyncId, HeldSync)> {
    let ports = session.ports();
    let (run, ids) = review::held(ports, organization).await?;
    let mut vanishing = Vec::new();
    for &repository in ids.iter().take(SHOWN) {
        let key = SeatKey {
            organization: organization.id,
            repository,
        };
        if let Some(row) = ports.inventory.repository(key).await? {
            vanishing.push(Vanishing {
                id: repository.get(),
                path: row.known.repository.full_path.to_string(),
                license: row.known.license.state.to_string(),
            });
        }
    }
    let held = HeldSync {
        sync: SyncRun::new(&run, organization.name.as_str()),
        vanishing,
        total: ids.len() as u64,
    };
    Ok((run.id, held))
}
