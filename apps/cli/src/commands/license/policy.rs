//! `forgehold license policy`.

use std::borrow::Cow;
use std::io::Read;

use clap::Subcommand;
use org_core::license::policy::{LicensePolicy, PolicyError, PolicyMistakes};
use org_core::use_cases::licenses;

use crate::app::{App, Session};
use crate::commands::paging::{self, Paging};
use crate::error::{CliError, Failure, Mistake, Result};
use crate::exit::Exit;
use crate::output::license::Policy;
use crate::output::repository::Verdict;

/// More than any policy that a person can read.
const MAX_POLICY: u64 = 1024 * 1024;

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the rules, as `set` takes them
    Show(ShowArgs),
    /// Set the rules; they decide on what is found from now on, and who has a license keeps it
    ///
    /// A rule is a line: `include` or `exclude`, then `all`, `archived`, `pending-deletion`, `fork`, `visibility VISIBILITY`, `topic TOPIC`,
    /// `group PATH` or `path GLOB`. The first rule that fits decides, and the last one must be `include all` or `exclude all`. Empty lines and
    /// lines that start with `#` are skipped.
    Set(SetArgs),
    /// Show which of the known repositories a policy would let in; nothing is changed
    Test(TestArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct ShowArgs {}

#[derive(Debug, clap::Args)]
pub(crate) struct SetArgs {
    /// The file with the rules, or `-` for standard input
    #[arg(value_name = "FILE")]
    pub(crate) file: String,
}

#[derive(Debug, clap::Args)]
pub(crate) struct TestArgs {
    /// The file with the rules, or `-` for standard input; without it the present policy is tried
    #[arg(value_name = "FILE")]
    pub(crate) file: Option<String>,

    /// Try it on this organization only
    #[arg(long, value_name = "NAME")]
    pub(crate) organization: Option<String>,

    #[command(flatten)]
    pub(crate) paging: Paging,
}

pub(crate) async fn run(command: Command, app: &App) -> Result {
    match command {
        Command::Show(args) => show(args, app).await,
        Command::Set(args) => set(args, app).await,
        Command::Test(args) => test(args, app).await,
    }
}

async fn show(_: ShowArgs, app: &App) -> Result {
    let session = app.open().await?;
    let status = licenses::status(session.ports()).await?;
    app.output.one(&Policy::from(&status.policy))?;
    Ok(Exit::Ok)
}

async fn set(args: SetArgs, app: &App) -> Result {
    let policy = read(&args.file)?;
    let session = app.open().await?;
    licenses::set_policy(session.ports(), &policy, &session.actor).await?;
    app.output.one(&Policy::from(&policy))?;
    Ok(Exit::Ok)
}

async fn test(args: TestArgs, app: &App) -> Result {
    let given = args.file.as_deref().map(read).transpose()?;
    let session = app.open().await?;
    let policy = match given {
        Some(policy) => policy,
        None => present(&session).await?,
    };
    let organization = match &args.organization {
        Some(name) => Some(session.organization(name).await?.id),
        None => None,
    };
    let (ports, policy) = (session.ports(), &policy);
    let read = |after: Option<String>, limit| async move {
        licenses::try_policy(ports, policy, organization, after.as_deref(), limit).await
    };
    paging::stream(&app.output, &args.paging, read, |trial| {
        Verdict::from(&trial)
    })
    .await
}

async fn present(session: &Session) -> Result<LicensePolicy> {
    Ok(licenses::status(session.ports()).await?.policy)
}

/// Reads a policy from a file, or from standard input for `-`.
pub(crate) fn read(file: &str) -> Result<LicensePolicy> {
    let mut text = String::new();
    let read = if file == "-" {
        std::io::stdin()
            .lock()
            .take(MAX_POLICY)
            .read_to_string(&mut text)
    } else {
        std::fs::File::open(file).and_then(|file| file.take(MAX_POLICY).read_to_string(&mut text))
    };
    let name = if file == "-" { "standard input" } else { file };
    if let Err(error) = read {
        let error = CliError::usage(format_args!("the policy cannot be read from {name}"))
            .caused_by(&error);
        return Err(error.into());
    }
    text.parse().map_err(|mistakes: PolicyMistakes| {
        let mut error = match mistakes.all() {
            [only] => CliError::usage(format_args!("{name} is no policy: {only}")),
            all => CliError::usage(format_args!(
                "{name} is no policy: {} things are wrong with it",
                all.len()
            )),
        };
        if mistakes.all().len() > 1 {
            let mistake = |mistake: &PolicyError| Mistake {
                field: Cow::Borrowed("rules"),
                flag: Cow::Borrowed("rules"),
                message: mistake.to_string(),
            };
            error.mistakes = mistakes.all().iter().map(mistake).collect();
        }
        let hint = "`forgehold license policy set --help` tells what a rule looks like";
        Failure::from(error.hinted(hint))
    })
}
