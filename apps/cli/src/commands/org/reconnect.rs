//! `forgehold org reconnect`.

use org_core::draft::{TokenDraft, parse_token};
use org_core::organization::Organization;
use org_core::sync::run::Trigger;
use org_core::text::Login;
use org_core::use_cases::reconnect::{self, BlindReconnect, ReconnectDraft};
use org_core::use_cases::{UseCaseError, overview};

use super::flags::TokenArgs;
use super::{Target, by_now, note_due};
use crate::app::{App, Session, exit_of};
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::output::organization::Connected;
use crate::output::sync::SyncRun;
use crate::prompt::{self, Answer};

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    target: Target,

    /// The login that the new access token belongs to; the present one when nothing is said
    #[arg(long, value_name = "LOGIN")]
    login: Option<String>,

    #[command(flatten)]
    token: TokenArgs,

    /// Agree that the account may see none of the known repositories
    #[arg(long)]
    accept_unseen: bool,

    /// Do not start a sync; it is due at once
    #[arg(long)]
    no_sync: bool,
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let organization = args.target.find(&session).await?;
    let mut draft = if args.token.is_empty() && args.login.is_none() && prompt::is_possible() {
        ask(&organization)?
    } else {
        ReconnectDraft {
            login: args.login,
            token: args.token.read()?,
            blind: BlindReconnect::Refused,
        }
    };
    if args.accept_unseen {
        draft.blind = BlindReconnect::Confirmed;
    }
    let organization = reconnect(&session, organization, draft).await?;
    if args.no_sync {
        let overview = overview::of(session.ports(), organization).await?;
        app.output.one(&Connected::new(&overview, Vec::new()))?;
        note_due(&app.output, &overview);
        return Ok(Exit::Ok);
    }
    app.output.note(format_args!(
        "`{}` is reconnected; a sync starts",
        organization.name
    ));
    let runs = session
        .synchronize(&organization, Trigger::Reconnect)
        .await?;
    let name = organization.name.to_string();
    let overview = by_now(&session, organization).await?;
    let syncs = runs.iter().map(|run| SyncRun::new(run, &name)).collect();
    app.output.one(&Connected::new(&overview, syncs))?;
    Ok(exit_of(&runs))
}

fn ask(organization: &Organization) -> Result<ReconnectDraft> {
    let login = prompt::text(
        "Login",
        "the login that the new access token belongs to",
        organization.account.login.as_str(),
        |text| {
            text.parse::<Login>()
                .map(drop)
                .map_err(|error| error.to_string())
        },
    )?;
    let token = prompt::secret("Access token", |value| {
        parse_token(&TokenDraft::Value(value.clone()))
            .map(drop)
            .map_err(|error| error.message)
    })?;
    Ok(ReconnectDraft {
        login: Some(login),
        token: TokenDraft::Value(token),
        blind: BlindReconnect::Refused,
    })
}

/// Reconnects; an account that sees nothing of what is known is asked about on a terminal.
async fn reconnect(
    session: &Session,
    organization: Organization,
    mut draft: ReconnectDraft,
) -> Result<Organization> {
    loop {
        let answer = {
            let progress = session.progress();
            let (ports, actor) = (session.ports(), &session.actor);
            reconnect::reconnect(ports, organization.clone(), &draft, actor, &progress).await
        };
        match answer {
            Ok(organization) => return Ok(organization),
            Err(error @ UseCaseError::SeesNothingKnown { .. }) if prompt::is_possible() => {
                let question = format!("{error}. Reconnect all the same?");
                if prompt::yes(&question, "", Answer::No)? == Answer::No {
                    return Err(Failure::Canceled);
                }
                draft.blind = BlindReconnect::Confirmed;
            }
            Err(error @ UseCaseError::SeesNothingKnown { .. }) => {
                let error = CliError::from(error);
                return Err(error
                    .hinted("use an account that sees them, or repeat with --accept-unseen")
                    .into());
            }
            Err(error) => return Err(error.into()),
        }
    }
}
