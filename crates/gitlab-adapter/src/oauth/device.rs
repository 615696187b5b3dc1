//! The beginning of a device sign-in (RFC 8628, section 3.2): what a person is told, so nothing of it is taken on trust.

use std::time::Duration;

use oauth2::StandardDeviceAuthorizationResponse;
use org_core::ports::DeviceStart;
use url::Url;

use super::is_same_place;
use super::tokens::is_visible;
use crate::http::Api;

const MOST_CODE: usize = 4096;
/// What a person can be asked to type.
const MOST_USER_CODE: usize = 32;
const MOST_URI: usize = 2048;

/// RFC 8628, section 3.2, where the host does not say.
const USUAL_INTERVAL: Duration = Duration::from_secs(5);
const MOST_INTERVAL: Duration = Duration::from_mins(5);
/// GitLab gives five minutes.
const MOST_LIFETIME: Duration = Duration::from_hours(1);

/// Checks what the host said.
pub(super) fn start(
    said: &StandardDeviceAuthorizationResponse,
    api: &Api,
) -> Result<DeviceStart, String> {
    checked(said, &api.below("/"))
}

fn checked(said: &StandardDeviceAuthorizationResponse, own: &Url) -> Result<DeviceStart, String> {
    let device_code = said.device_code().secret();
    if !is_visible(device_code, MOST_CODE) {
        return Err("a device code that is none".to_owned());
    }
    let user_code = said.user_code().secret();
    if !is_visible(user_code, MOST_USER_CODE) {
        return Err(format!(
            "a code to type that is empty, longer than {MOST_USER_CODE} characters, or not of visible ASCII characters"
        ));
    }
    let complete = said.verification_uri_complete();
    let interval = match said.interval() {
        Duration::ZERO => USUAL_INTERVAL,
        interval => interval.min(MOST_INTERVAL),
    };
    Ok(DeviceStart {
        device_code: device_code.clone().into(),
        user_code: user_code.clone(),
        verification_uri: page(said.verification_uri(), own)?,
        verification_uri_complete: complete.map(|uri| page(uri.secret(), own)).transpose()?,
        lifetime: said.expires_in().min(MOST_LIFETIME),
        interval,
    })
}

/// A page of the host itself: a person is about to sign in there.
fn page(text: &str, own: &Url) -> Result<String, String> {
    let url = Url::parse(text).ok().filter(|_| text.len() <= MOST_URI);
    match url {
        Some(url) if is_same_place(&url, own) => Ok(String::from(url)),
        Some(url) => Err(format!(
            "a page of {} to sign in at, which is another place; check the host's address here and `external_url` there",
            url.origin().ascii_serialization()
        )),
        None => Err("a page to sign in at whose address is none".to_owned()),
    }
}

#[cfg(test)]
mod tests;
