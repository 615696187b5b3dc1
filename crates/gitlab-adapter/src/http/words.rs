//! What went wrong, in words that people can act on.

use std::error::Error;

/// An error with its causes, without saying the same twice.
pub(crate) fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let said = cause.to_string();
        if !text.contains(&said) {
            text.push_str(": ");
            text.push_str(&said);
        }
        source = cause.source();
    }
    text
}

/// A remote text, made fit for a message: one line, bounded, without control characters.
pub(crate) fn tame(text: &str) -> String {
    const MOST: usize = 200;
    let mut tamed = String::new();
    for (count, word) in text.split_whitespace().enumerate() {
        if count > 0 {
            tamed.push(' ');
        }
        tamed.extend(word.chars().filter(|c| !c.is_control()));
        if tamed.len() > 4 * MOST {
            break;
        }
    }
    if tamed.chars().count() > MOST {
        tamed = tamed.chars().take(MOST).collect();
        tamed.push_str("...");
    }
    tamed
}

/// What a person should check when a connection fails, if the error tells.
pub(crate) fn hint(error: &(dyn Error + 'static)) -> Option<&'static str> {
    use std::io::ErrorKind;

    use tokio_rustls::rustls::{CertificateError as Certificate, Error as Tls};

    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            match io.kind() {
                ErrorKind::ConnectionRefused => {
                    return Some("nothing listens there; check the port");
                }
                ErrorKind::TimedOut => return Some("a firewall may drop the packets"),
                _ => {}
            }
            // An I/O error hides the error that it wraps from `source`.
            if let Some(found) = io.get_ref().and_then(|inner| hint(inner)) {
                return Some(found);
            }
        }
        if let Some(tls) = error.downcast_ref::<Tls>() {
            return Some(match tls {
                Tls::InvalidCertificate(Certificate::UnknownIssuer | Certificate::BadSignature) => {
                    "the certificate is of an unknown authority; give that authority's certificate as an extra CA"
                }
                Tls::InvalidCertificate(
                    Certificate::NotValidForName | Certificate::NotValidForNameContext { .. },
                ) => "the certificate is for another name; check the host name",
                Tls::InvalidCertificate(
                    Certificate::Expired | Certificate::ExpiredContext { .. },
                ) => "the certificate has expired; check the clock of this machine, else renew it",
                Tls::InvalidCertificate(
                    Certificate::NotValidYet | Certificate::NotValidYetContext { .. },
                ) => "the certificate is not valid yet; check the clock of this machine",
                Tls::InvalidMessage(_) => {
                    "the port does not speak TLS; check the port, or use http:// if that is meant"
                }
                _ => "the secure connection could not be agreed on",
            });
        }
        next = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remote_texts_are_tamed() {
        assert_eq!(tame("  a\n\tb \u{7}c\u{1b}[31m "), "a b c[31m");
        assert_eq!(tame(&"x".repeat(5000)).len(), 203);
    }
}
