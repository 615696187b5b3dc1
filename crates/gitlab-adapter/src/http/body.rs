//! Reading a body: never more than allowed, and never less than was announced.

use reqwest::Response;

use super::Trouble;
use super::words::chain;

/// The whole body, unpacked. Cut off is an error, and so is one beyond `most` bytes.
pub(crate) async fn read(mut response: Response, most: usize) -> Result<Vec<u8>, Trouble> {
    let announced = response
        .content_length()
        .and_then(|length| usize::try_from(length).ok());
    if announced.is_some_and(|length| length > most) {
        return Err(Trouble::TooLarge);
    }
    // The announcement is not believed further than this: memory is taken as the bytes come.
    let mut body = Vec::with_capacity(announced.unwrap_or(0).min(1024 * 1024));
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) => {
                if body.len().saturating_add(chunk.len()) > most {
                    return Err(Trouble::TooLarge);
                }
                body.extend_from_slice(&chunk);
            }
            Ok(None) => return Ok(body),
            Err(error) => {
                return Err(Trouble::Lost(format!(
                    "the answer broke off after {} bytes ({})",
                    body.len(),
                    chain(&error.without_url())
                )));
            }
        }
    }
}
