//! Signing in for a server: by a code, or with a browser of this machine whose answer the server is told.

use org_core::use_cases::Progress as _;
use runtime::environment::Environment;
use runtime::remote::Verb;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use super::jobs::{Follower, GLANCE, Job};
use crate::app::App;
use crate::browser::{Loopback, Page, Visit, Visits};
use crate::commands::org::sso::{self, Reasoned, Way};
use crate::error::{CliError, Failure, Result};
use crate::exit::Exit;
use crate::remote::Remote;

/// Begins a job in which a person signs in, and goes on until they have: the job then does what follows, asks for a choice, or has ended.
pub(super) async fn signed_in<'a>(
    (path, query): (&[&str], &[(&'static str, String)]),
    (mut form, host): (Value, &str),
    way: Way,
    (app, remote): (&App, &'a Remote),
) -> Result<(Follower<'a>, Job)> {
    let mut follower = Follower::new(app, remote)?;
    let mut loopback = match way {
        Way::Browser | Way::Address => {
            let loopback = Loopback::bind(&*Environment::of_machine().entropy).await?;
            form["loopback_port"] = json!(loopback.port());
            Some(loopback)
        }
        Way::Code | Way::CodeForWantOfABrowser => None,
    };
    let mut job = follower.begin(path, query, Some(&form)).await?;
    let (mut told, mut wait) = (false, GLANCE);
    while job.is_running() && job.signed_in_as.is_none() {
        if let Some(code) = job.sign_in.take().filter(|_| !told) {
            (told, wait) = (true, Follower::patience());
            let line = &follower.line;
            Reasoned { line, way }.report(code.into());
        }
        let id = job.id.clone();
        if let Some(page) = job.authorization.take()
            && let Some(loopback) = loopback.take()
        {
            let here = format!("http://127.0.0.1:{}", loopback.port());
            let Some(back) = page.redirect_uri.strip_prefix(&here) else {
                let _ = follower.give_up(&id).await;
                let message = "the server has the browser come back to elsewhere than this program";
                return Err(CliError::new(Exit::Unavailable, message).into());
            };
            let entrance = loopback.entrance();
            let mut visits = loopback.serve(page.url, back);
            sso::invite(&follower.line, way, &entrance);
            let visited = Visited {
                follower: &follower,
                id: &id,
                host,
            };
            let answered = visited.answered(&mut visits, (way, &entrance)).await;
            visits.end().await;
            job = answered?;
        } else {
            job = follower.look(&id, wait).await?;
        }
    }
    Ok((follower, job))
}

/// A sign-in for which a browser of this machine is waited for.
struct Visited<'a> {
    follower: &'a Follower<'a>,
    id: &'a str,
    host: &'a str,
}

impl Visited<'_> {
    /// Waits for what the browser brings, or for the end of the job without it.
    async fn answered(&self, visits: &mut Visits, (way, entrance): (Way, &str)) -> Result<Job> {
        let opening = sso::open(&self.follower.line, way, entrance);
        tokio::pin!(opening);
        let mut is_opening = true;
        loop {
            tokio::select! {
                visit = visits.next() => {
                    let Some(visit) = visit else {
                        let _ = self.follower.give_up(self.id).await;
                        let message = format!("too many requests came to {entrance}");
                        let error = CliError::new(Exit::Unavailable, message);
                        return Err(error.hinted("start the sign-in again").into());
                    };
                    if let Some(job) = self.taken(visit).await? {
                        return Ok(job);
                    }
                }
                job = self.follower.look(self.id, Follower::patience()) => {
                    let job = job?;
                    if !job.is_running() || job.signed_in_as.is_some() {
                        return Ok(job);
                    }
                }
                () = &mut opening, if is_opening => is_opening = false,
            }
        }
    }

    /// Tells the server what a browser brought; nothing if that changed nothing.
    async fn taken(&self, visit: Visit) -> Result<Option<Job>> {
        let path = ["jobs", self.id, "answer"];
        let answer = json!({"answer": visit.target.expose_secret()});
        let remote = self.follower.remote;
        let answered = remote.send::<Job>(Verb::Post, &path, &[], Some(answer));
        let answered = self.follower.unless_stopped(self.id, answered).await;
        let page = match &answered {
            Ok(Job {
                signed_in_as: Some(login),
                ..
            }) => Page::done(login, self.host),
            _ => Page::not_taken(),
        };
        visit.show(page).await;
        match answered {
            Ok(job) => Ok(Some(job)),
            // It belongs to no sign-in of ours, or got lost on the way: what is so is seen at the job.
            Err(Failure::Error(error))
                if matches!(error.exit, Exit::Conflict | Exit::Unavailable) =>
            {
                Ok(None)
            }
            Err(failure) => Err(failure),
        }
    }
}
