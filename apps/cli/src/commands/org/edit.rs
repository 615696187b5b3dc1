//! `forgehold org edit`.

use clap::ArgGroup;
use org_core::draft::ScheduleDraft;
use org_core::organization::{AutoLicense, GroupProtection};
use org_core::use_cases::manage::{self, SettingsPatch};
use org_core::use_cases::overview;

use super::flags::{PersonalArgs, ScheduleArgs};
use super::{Target, note_due};
use crate::app::App;
use crate::error::{CliError, Result};
use crate::exit::Exit;
use crate::output::organization::Organization;

#[derive(Debug, clap::Args)]
#[command(group = ArgGroup::new("scope").args(["groups", "all_groups"]))]
#[command(group = ArgGroup::new("protection").args(["protect_groups", "no_protect_groups"]))]
#[command(group = ArgGroup::new("automatic").args(["auto_license", "no_auto_license"]))]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is a flag of the command line, turned into an enum at once"
)]
pub(crate) struct Args {
    #[command(flatten)]
    pub(crate) target: Target,

    /// Give it this name
    #[arg(long, value_name = "NAME")]
    pub(crate) name: Option<String>,

    /// Cover these groups instead of the present ones
    #[arg(long = "group", value_name = "PATH", num_args = 1.., value_delimiter = ',')]
    pub(crate) groups: Vec<String>,

    /// Cover all groups of the account
    #[arg(long)]
    pub(crate) all_groups: bool,

    #[command(flatten)]
    pub(crate) personal: PersonalArgs,

    /// Protect groups: keep them as inventory of their own
    #[arg(long)]
    pub(crate) protect_groups: bool,

    /// Read groups only for the paths of repositories
    #[arg(long)]
    pub(crate) no_protect_groups: bool,

    /// Automatically add new repositories: those that a later sync finds get a license if the policy lets them
    #[arg(long)]
    pub(crate) auto_license: bool,

    /// Give new repositories no license by themselves
    #[arg(long)]
    pub(crate) no_auto_license: bool,

    #[command(flatten)]
    pub(crate) schedule: ScheduleArgs,

    /// The default device; give the id of one, or `embedded` for this installation itself
    #[arg(long, value_name = "DEVICE", help_heading = "Connecting")]
    pub(crate) device: Option<String>,
}

/// What a pair of flags says: on, off, or nothing.
const fn choice<T: Copy>(on: (bool, T), off: (bool, T)) -> Option<T> {
    match (on.0, off.0) {
        (true, _) => Some(on.1),
        (_, true) => Some(off.1),
        (false, false) => None,
    }
}

/// What shall change.
pub(crate) fn patch(args: Args) -> Result<(Target, SettingsPatch)> {
    let schedule = ScheduleDraft::from(args.schedule);
    let patch = SettingsPatch {
        name: args.name,
        groups: (args.all_groups || !args.groups.is_empty()).then_some(args.groups),
        personal: args.personal.chosen(),
        protect_groups: choice(
            (args.protect_groups, GroupProtection::On),
            (args.no_protect_groups, GroupProtection::Off),
        ),
        auto_license: choice(
            (args.auto_license, AutoLicense::On),
            (args.no_auto_license, AutoLicense::Off),
        ),
        schedule: (!schedule.is_empty()).then_some(schedule),
        device: args.device,
    };
    if is_empty(&patch) {
        let error = CliError::usage("nothing to change was given")
            .hinted("`forgehold org edit --help` tells what can be changed");
        return Err(error.into());
    }
    Ok((args.target, patch))
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let (target, patch) = patch(args)?;
    let session = app.open().await?;
    let organization = target.find(&session).await?;
    let organization = manage::edit(session.ports(), organization, &patch, &session.actor).await?;
    let overview = overview::of(session.ports(), organization).await?;
    app.output.one(&Organization::from(&overview))?;
    note_due(&app.output, &overview);
    Ok(Exit::Ok)
}

fn is_empty(patch: &SettingsPatch) -> bool {
    let SettingsPatch {
        name,
        groups,
        personal,
        protect_groups,
        auto_license,
        schedule,
        device,
    } = patch;
    name.is_none()
        && groups.is_none()
        && personal.is_none()
        && protect_groups.is_none()
        && auto_license.is_none()
        && schedule.is_none()
        && device.is_none()
}
