//! The device grant: a device shows a code, its user types it on `/oauth/device`.

use serde_json::json;

use super::session::{self, Visit};
use super::store::{DEVICE_SECONDS, POLL_SECONDS};
use super::token::Client;
use super::{DOORKEEPER_JSON, DeviceGrant, Site, error, pages};
use crate::answer::Answer;
use crate::request::Call;
use crate::world::World;

const INVALID: &str = "The user code is invalid";
const EXPIRED: &str = "The user code is expired";

/// `POST /oauth/authorize_device`.
pub(super) fn start(site: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    if site.config.device == DeviceGrant::Off {
        return Answer::no_route();
    }
    let Some(client) = Client::of(world, call).known() else {
        return error("invalid_client");
    };
    let Some(scopes) = client.scopes_for(call.field("scope")) else {
        return error("invalid_scope");
    };
    let (device_code, user_code) = world.add_device(&client.client_id, scopes);
    let page = format!("{}/oauth/device", site.url);
    let body = json!({
        "device_code": device_code.expose(),
        "user_code": user_code,
        "verification_uri": page,
        "verification_uri_complete": format!("{page}?user_code={user_code}"),
        "expires_in": DEVICE_SECONDS,
        "interval": POLL_SECONDS,
    });
    Answer::text(200, DOORKEEPER_JSON, body.to_string())
        .with("Cache-Control", "no-store")
        .with("Pragma", "no-cache")
}

/// `GET /oauth/device`: the field for the code.
pub(super) fn page(site: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    if site.config.device == DeviceGrant::Off {
        return Answer::no_route();
    }
    let visit = Visit::of(world, call);
    if visit.user.is_none() {
        return visit.sign_in_first(site, world, call, "/oauth/device");
    }
    let typed = call.field("user_code").unwrap_or_default();
    pages::device_code(site, &visit.csrf, typed, None)
}

/// `POST /oauth/device/confirm`: who asks, and for what.
pub(super) fn confirm(site: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    let visit = match session::of_form(world, call) {
        Ok(visit) => visit,
        Err(refusal) => return refusal,
    };
    let Some(user) = visit.user.clone() else {
        return visit.sign_in_first(site, world, call, "/oauth/device");
    };
    let typed = call.field("user_code").unwrap_or_default();
    let device = match waiting(world, typed) {
        Ok(device) => device,
        Err(problem) => return pages::device_code(site, &visit.csrf, typed, Some(problem)),
    };
    let name = world
        .application(&device.client_id)
        .map(|found| found.name.clone());
    let name = name.unwrap_or_default();
    pages::device_consent(site, &user, &visit.csrf, &name, &device)
}

/// `POST /oauth/device`: the decision.
pub(super) fn decide(site: &Site<'_>, world: &mut World, call: &Call) -> Answer {
    let visit = match session::of_form(world, call) {
        Ok(visit) => visit,
        Err(refusal) => return refusal,
    };
    let Some(user) = visit.user.clone() else {
        return visit.sign_in_first(site, world, call, "/oauth/device");
    };
    let typed = call.field("user_code").unwrap_or_default();
    if let Err(problem) = waiting(world, typed) {
        return pages::device_code(site, &visit.csrf, typed, Some(problem));
    }
    let denies = call.field("decision") == Some("deny");
    let done = if denies {
        world.deny_device(typed)
    } else {
        world.approve_device(typed, &user.username)
    };
    match done {
        Ok(()) if denies => pages::notice("Device denied", "The device was not authorized."),
        Ok(()) => pages::notice(
            "Device authorized",
            "Device successfully authorized. You can close this page and return to the device.",
        ),
        Err(_) => pages::device_code(site, &visit.csrf, typed, Some(INVALID)),
    }
}

fn waiting(world: &World, typed: &str) -> Result<super::store::Device, &'static str> {
    let device = world.oauth.device_by_user_code(typed).ok_or(INVALID)?;
    if device.is_expired(world.now) {
        return Err(EXPIRED);
    }
    Ok(device.clone())
}
