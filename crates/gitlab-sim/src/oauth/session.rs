//! Browsers: their sessions, the sign-in page, and the token that keeps forms of other sites out.

use super::store::Session;
use super::{Site, pages};
use crate::answer::{Answer, HTML};
use crate::request::{Call, SESSION_COOKIE};
use crate::secret::Secret;
use crate::world::{User, World};

/// A browser that is being answered.
pub(super) struct Visit {
    cookie: Secret,
    pub(super) csrf: Secret,
    pub(super) user: Option<User>,
    is_new: bool,
}

impl Visit {
    /// The session of the request, or a new one.
    pub(super) fn of(world: &mut World, call: &Call) -> Self {
        let known = call.session.as_deref().and_then(|cookie| {
            let session = world.oauth.session(cookie)?;
            Some((Secret::from(cookie), session.clone()))
        });
        let (cookie, session, is_new) = if let Some((cookie, session)) = known {
            (cookie, session, false)
        } else {
            let cookie = world.open_session(Session::default());
            let session = world.oauth.session(cookie.expose()).cloned();
            (cookie, session.unwrap_or_default(), true)
        };
        let user = session.user.and_then(|id| world.users.get(&id));
        Self {
            cookie,
            csrf: session.csrf,
            user: user.filter(|user| !user.blocked).cloned(),
            is_new,
        }
    }

    /// Sends the cookie along when the browser does not have it yet.
    pub(super) fn sealing(&self, site: &Site<'_>, answer: Answer) -> Answer {
        if !self.is_new {
            return answer;
        }
        let path = if site.prefix.is_empty() {
            "/"
        } else {
            site.prefix
        };
        let secure = if site.url.starts_with("https:") {
            "; Secure"
        } else {
            ""
        };
        let value = self.cookie.expose();
        answer.with(
            "Set-Cookie",
            format!("{SESSION_COOKIE}={value}; Path={path}; HttpOnly; SameSite=Lax{secure}"),
        )
    }

    /// Remembers where to go on after the sign-in, and leads there. `path` is one of our own.
    pub(super) fn sign_in_first(
        &self,
        site: &Site<'_>,
        world: &mut World,
        call: &Call,
        path: &str,
    ) -> Answer {
        let query = url::form_urlencoded::Serializer::new(String::new())
            .extend_pairs(&call.params)
            .finish();
        if let Some(session) = world.oauth.session_mut(self.cookie.expose()) {
            session.return_to = Some(format!("{}{path}?{query}", site.prefix).into());
        }
        let answer = redirect(&format!("{}/users/sign_in", site.prefix));
        self.sealing(site, answer)
    }

    /// Whether the form was made for this browser. A new one cannot have a form of ours.
    fn sent_our_form(&self, call: &Call) -> bool {
        !self.is_new && call.field("authenticity_token") == Some(self.csrf.expose())
    }
}

pub(super) fn redirect(location: &str) -> Answer {
    Answer::text(
        302,
        HTML,
        "<html><body>You are being redirected.</body></html>",
    )
    .with("Location", location)
    .with("Cache-Control", "no-store")
    .with("Referrer-Policy", "no-referrer")
}

/// The browser of a form, or the refusal of a form that another site sent.
pub(super) fn of_form(world: &mut World, call: &Call) -> Result<Visit, Answer> {
    let visit = Visit::of(world, call);
    if visit.sent_our_form(call) {
        Ok(visit)
    } else {
        Err(pages::forged())
    }
}

/// `GET /users/sign_in`.
pub(super) fn page(site: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    let visit = Visit::of(world, call);
    let answer = match &visit.user {
        Some(user) => pages::signed_in(site, user, &visit.csrf),
        None => pages::sign_in(site, &visit.csrf, None),
    };
    visit.sealing(site, answer)
}

/// `POST /users/sign_in`. The session gets a new name, so that one planted before is worth nothing.
pub(super) fn sign_in(site: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    let visit = match of_form(world, call) {
        Ok(visit) => visit,
        Err(refusal) => return refusal,
    };
    let login = call.field("user[login]").unwrap_or_default();
    let password = call.field("user[password]").unwrap_or_default();
    let right = world
        .password(login)
        .is_ok_and(|own| own.expose() == password);
    let user = world.user(login).ok().filter(|_| right).cloned();
    let Some(user) = user else {
        return pages::sign_in(site, &visit.csrf, Some("Invalid login or password."));
    };
    if user.blocked {
        let text = "Your account has been blocked. Contact your GitLab administrator.";
        return pages::sign_in(site, &visit.csrf, Some(text));
    }
    let old = world.oauth.session(visit.cookie.expose()).cloned();
    let goal = old.and_then(|session| session.return_to);
    world.oauth.end_session(visit.cookie.expose());
    let cookie = world.open_session(Session {
        user: Some(user.id),
        ..Session::default()
    });
    let visit = Visit {
        cookie,
        is_new: true,
        ..visit
    };
    let home = format!("{}/users/sign_in", site.prefix);
    let goal = goal.as_ref().map_or(home.as_str(), Secret::expose);
    visit.sealing(site, redirect(goal))
}

/// `POST /users/sign_out`.
pub(super) fn sign_out(site: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    match of_form(world, call) {
        Err(refusal) => refusal,
        Ok(visit) => {
            world.oauth.end_session(visit.cookie.expose());
            redirect(&format!("{}/users/sign_in", site.prefix))
        }
    }
}
