//! Flags that several commands take, and what they become. No value is judged here: the use case reports all mistakes at once.

use clap::ArgGroup;
use org_core::draft::{ScheduleDraft, TokenDraft};
use org_core::listing::PersonalNamespace;

use crate::error::Result;
use crate::prompt;

/// When the list of repositories is synchronized.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(next_help_heading = "Repositories list synchronization")]
pub(crate) struct ScheduleArgs {
    /// Synchronize again and again after this interval, from 5m to 31d; 6h when nothing is said
    #[arg(long, value_name = "INTERVAL")]
    sync_every: Option<String>,

    /// Synchronize at these times of day, such as 06:00,18:00
    #[arg(long, value_name = "TIMES")]
    sync_at: Option<String>,

    /// Synchronize by a cron expression of five fields, such as "30 5 * * mon-fri"
    #[arg(long, value_name = "EXPRESSION")]
    sync_cron: Option<String>,

    /// Synchronize only when asked for
    #[arg(long)]
    sync_manual: bool,

    /// The IANA time zone of the times or the expression, such as Europe/Warsaw; UTC when nothing is said
    #[arg(long, value_name = "ZONE")]
    zone: Option<String>,

    /// The days of the week for --sync-at, such as mon-fri or sat,sun; every day when nothing is said
    #[arg(long, value_name = "DAYS")]
    weekdays: Option<String>,
}

impl From<ScheduleArgs> for ScheduleDraft {
    fn from(args: ScheduleArgs) -> Self {
        Self {
            every: args.sync_every,
            at: args.sync_at,
            cron: args.sync_cron,
            manual: args.sync_manual,
            zone: args.zone,
            weekdays: args.weekdays,
        }
    }
}

/// Where the access token comes from; never from an argument, which every user of the machine can read.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(group = ArgGroup::new("token").args(["token_secret", "token_stdin"]))]
pub(crate) struct TokenArgs {
    /// Use the access token in this secret of the password manager
    #[arg(long, value_name = "SECRET")]
    token_secret: Option<String>,

    /// Read the access token from standard input, or ask for it on a terminal
    #[arg(long)]
    token_stdin: bool,
}

impl TokenArgs {
    pub(crate) const fn is_empty(&self) -> bool {
        self.token_secret.is_none() && !self.token_stdin
    }

    /// The token as the use case wants it, read from standard input where the flag says so.
    pub(crate) fn read(self) -> Result<TokenDraft> {
        Ok(match self.token_secret {
            Some(name) => TokenDraft::Secret(name),
            None if self.token_stdin => TokenDraft::Value(prompt::secret_input("Access token")?),
            None => TokenDraft::Missing,
        })
    }
}

/// Whether the personal namespace is covered.
#[derive(Debug, Clone, Default, clap::Args)]
#[command(group = ArgGroup::new("namespace").args(["personal", "no_personal"]))]
pub(crate) struct PersonalArgs {
    /// Cover the account's personal namespace too; the default unless groups are chosen
    #[arg(long)]
    personal: bool,

    /// Leave the personal namespace out; the default when groups are chosen
    #[arg(long)]
    no_personal: bool,
}

impl PersonalArgs {
    pub(crate) const fn chosen(&self) -> Option<PersonalNamespace> {
        match (self.personal, self.no_personal) {
            (true, _) => Some(PersonalNamespace::Included),
            (_, true) => Some(PersonalNamespace::Excluded),
            (false, false) => None,
        }
    }
}
