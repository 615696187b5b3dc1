//! `/oauth/authorize`: the question to the user, and what the application hears of the answer.

use super::application::Application;
use super::session::{self, Visit, redirect};
use super::store::Challenge;
use super::{AuthorizeErrors, Pkce, Site, description, missing, pages, status_of};
use crate::answer::Answer;
use crate::request::Call;
use crate::secret::Secret;
use crate::world::{UserId, World};

/// Why an authorization cannot be asked for.
#[derive(Debug)]
pub(super) enum Refusal {
    /// Told to the user: nobody knows where to send it.
    Shown { error: &'static str, text: String },
    /// Sent to the application.
    Sent(Secret),
}

/// A request that may be put to the user.
pub(super) struct Request {
    pub(super) application: Application,
    pub(super) scopes: Vec<String>,
    redirect_uri: String,
    state: Option<Secret>,
    challenge: Option<Challenge>,
}

/// The parameters that a consent page carries on.
pub(super) const CARRIED: [&str; 8] = [
    "client_id",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "code_challenge",
    "code_challenge_method",
    "root_namespace_id",
];

impl Request {
    /// Checks in Doorkeeper's order, so that nothing is sent to a redirect URI before it is known to
    /// be the application's.
    pub(super) fn check<'a>(
        site: &Site<'_>,
        world: &World,
        field: impl Fn(&str) -> Option<&'a str>,
    ) -> Result<Self, Refusal> {
        let shown = |error, text: String| Refusal::Shown { error, text };
        let client_id =
            field("client_id").ok_or_else(|| shown("invalid_request", missing("client_id")))?;
        let application = world
            .application(client_id)
            .map_err(|_| shown("invalid_client", description("invalid_client").to_owned()))?;
        let redirect_uri = field("redirect_uri")
            .filter(|uri| application.owns_redirect(uri))
            .ok_or_else(|| {
                let error = "invalid_redirect_uri";
                shown(error, description(error).to_owned())
            })?;
        let state = field("state").map(Secret::from);
        let saying = |error: &'static str, text: String| match site.config.errors {
            AuthorizeErrors::Shown => shown(error, text),
            AuthorizeErrors::Redirected => {
                let mut pairs = vec![("error", error), ("error_description", text.as_str())];
                pairs.extend(state.as_ref().map(|state| ("state", state.expose())));
                Refusal::Sent(with_query(redirect_uri, &pairs))
            }
        };
        let refuse = |error: &'static str| saying(error, description(error).to_owned());
        let response_type = field("response_type")
            .ok_or_else(|| saying("invalid_request", missing("response_type")))?;
        if response_type != "code" {
            return Err(refuse("unsupported_response_type"));
        }
        if field("response_mode").is_some_and(|mode| mode != "query") {
            return Err(refuse("unsupported_response_mode"));
        }
        let scopes = application
            .scopes_for(field("scope"))
            .ok_or_else(|| refuse("invalid_scope"))?;
        let pkce = site.config.pkce;
        let challenge = match field("code_challenge") {
            None if pkce == Pkce::RequireS256 && !application.is_confidential() => {
                let text = "Code challenge is required.".to_owned();
                return Err(saying("invalid_request", text));
            }
            None => None,
            Some(challenge) => {
                let methods = pkce.methods();
                match field("code_challenge_method").filter(|method| methods.contains(method)) {
                    Some("S256") => Some(Challenge::S256(challenge.into())),
                    Some(_) => Some(Challenge::Plain(challenge.into())),
                    None => {
                        let text = match methods {
                            [one] => format!("The code_challenge_method must be {one}."),
                            many => format!(
                                "The code_challenge_method must be one of {}.",
                                many.join(", ")
                            ),
                        };
                        return Err(saying("invalid_code_challenge_method", text));
                    }
                }
            }
        };
        Ok(Self {
            application: application.clone(),
            scopes,
            redirect_uri: redirect_uri.to_owned(),
            state,
            challenge,
        })
    }

    /// The user agreed: where the browser goes with the code.
    pub(super) fn approve(self, world: &mut World, user: UserId) -> Secret {
        let asked = (self.scopes, self.redirect_uri.clone(), self.challenge);
        let code = world.add_grant(&self.application, user, asked);
        let mut pairs = vec![("code", code.expose())];
        pairs.extend(self.state.as_ref().map(|state| ("state", state.expose())));
        with_query(&self.redirect_uri, &pairs)
    }

    /// The user did not agree: where the browser goes with that.
    pub(super) fn deny(self) -> Secret {
        let error = "access_denied";
        let mut pairs = vec![("error", error), ("error_description", description(error))];
        pairs.extend(self.state.as_ref().map(|state| ("state", state.expose())));
        with_query(&self.redirect_uri, &pairs)
    }
}

/// A redirect URI keeps the query it was registered with.
fn with_query(uri: &str, pairs: &[(&str, &str)]) -> Secret {
    let query = url::form_urlencoded::Serializer::new(String::new())
        .extend_pairs(pairs)
        .finish();
    let joint = match uri.split_once('?') {
        None => "?",
        Some((_, "")) => "",
        Some(_) => "&",
    };
    format!("{uri}{joint}{query}").into()
}

fn refused(refusal: Refusal) -> Answer {
    match refusal {
        Refusal::Shown { error, text } => pages::error(status_of(error), error, &text),
        Refusal::Sent(location) => redirect(location.expose()),
    }
}

/// `GET /oauth/authorize`. Who is not signed in does that first.
pub(super) fn ask(site: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    let visit = Visit::of(world, call);
    let Some(user) = visit.user.clone() else {
        return visit.sign_in_first(site, world, call, "/oauth/authorize");
    };
    let request = match Request::check(site, world, |name| call.field(name)) {
        Ok(request) => request,
        Err(refusal) => return refused(refusal),
    };
    let application = &request.application;
    let agreed_before = application.is_confidential()
        && world.has_authorized(&application.client_id, user.id, &request.scopes);
    if application.trusted || agreed_before {
        return redirect(request.approve(world, user.id).expose());
    }
    pages::consent(site, &user, &visit.csrf, &request, call)
}

/// `POST /oauth/authorize` agrees, `DELETE` (or `_method=delete` in the form) denies. Everything is
/// checked again: what a form carries may have been changed on its way.
pub(super) fn decide(site: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    let visit = match session::of_form(world, call) {
        Ok(visit) => visit,
        Err(refusal) => return refusal,
    };
    let Some(user) = visit.user.clone() else {
        return visit.sign_in_first(site, world, call, "/oauth/authorize");
    };
    let request = match Request::check(site, world, |name| call.field(name)) {
        Ok(request) => request,
        Err(refusal) => return refused(refusal),
    };
    let denies = call.method == "DELETE"
        || call
            .field("_method")
            .is_some_and(|method| method.eq_ignore_ascii_case("delete"));
    let location = if denies {
        request.deny()
    } else {
        request.approve(world, user.id)
    };
    redirect(location.expose())
}
