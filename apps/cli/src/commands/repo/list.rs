//! `forgehold repo list`.

use clap::ValueEnum;
use org_core::inventory::{Lifecycle, Visibility};
use org_core::license::LicenseState;
use org_core::ports::{PresenceFilter, RepositoryFilter, RepositoryOrder};

use crate::app::App;
use crate::commands::paging::{self, Paging};
use crate::error::Result;
use crate::output::repository::Repository;

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Show those of this organization only
    #[arg(long, value_name = "NAME")]
    pub(crate) organization: Option<String>,

    /// Show those only whose path has this text in it, in any case
    #[arg(long, value_name = "TEXT")]
    pub(crate) path: Option<String>,

    /// Show those in this state of the license only: licensed, waiting or unlicensed
    #[arg(long, value_name = "STATE")]
    pub(crate) license: Option<LicenseState>,

    /// Show those in this state only: active, archived or `pending_deletion`
    #[arg(long, value_name = "STATE")]
    pub(crate) lifecycle: Option<Lifecycle>,

    /// Show those of this visibility only: private, internal or public
    #[arg(long, value_name = "VISIBILITY")]
    pub(crate) visibility: Option<Visibility>,

    /// Show what is there, what is gone, or both
    #[arg(long, value_enum, default_value_t)]
    pub(crate) presence: Presence,

    /// In which order: path, activity or `first_seen`; with a `-` before it, the other way round
    #[arg(
        long,
        value_name = "ORDER",
        default_value_t,
        allow_hyphen_values = true
    )]
    pub(crate) sort: RepositoryOrder,

    #[command(flatten)]
    pub(crate) paging: Paging,
}

#[derive(Debug, Clone, Copy, Default, ValueEnum)]
pub(crate) enum Presence {
    #[default]
    Present,
    Gone,
    Any,
}

impl Presence {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Present => "present",
            Self::Gone => "gone",
            Self::Any => "any",
        }
    }
}

pub(crate) async fn run(args: Args, app: &App) -> Result {
    let session = app.open().await?;
    let organization = match &args.organization {
        Some(name) => Some(session.organization(name).await?.id),
        None => None,
    };
    let filter = RepositoryFilter {
        organization,
        text: args.path,
        license: args.license,
        lifecycle: args.lifecycle,
        visibility: args.visibility,
        presence: match args.presence {
            Presence::Present => PresenceFilter::Present,
            Presence::Gone => PresenceFilter::Gone,
            Presence::Any => PresenceFilter::Any,
        },
        order: args.sort,
    };
    let (inventory, filter) = (&session.ports().inventory, &filter);
    let read = |after: Option<String>, limit| async move {
        inventory
            .repositories(filter, after.as_deref(), limit)
            .await
    };
    paging::stream(&app.output, &args.paging, read, |row| {
        Repository::from(&row)
    })
    .await
}
