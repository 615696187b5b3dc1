//! Time zones, and what a wall clock in one of them means as a moment.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, MappedLocalTime, NaiveDateTime, Offset, TimeZone, Utc};
use chrono_tz::{GapInfo, TZ_VARIANTS, Tz};

use super::Quoted;

/// A time zone of the IANA database, known by its name.
///
/// Parsing is without regard to case, and a near miss is answered with what was probably meant:
///
/// ```
/// use org_core::schedule::Zone;
///
/// let zone: Zone = "europe/warsaw".parse()?;
/// assert_eq!(zone.name(), "Europe/Warsaw");
///
/// let error = "Europe/Warsav".parse::<Zone>().unwrap_err();
/// assert_eq!(
///     error.to_string(),
///     r#"there is no time zone "Europe/Warsav"; did you mean Europe/Warsaw?"#
/// );
/// # Ok::<(), org_core::schedule::ZoneError>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Zone(Tz);

/// Why a text is not a [`Zone`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ZoneError {
    /// Nothing was given.
    #[error("the time zone is empty; write an IANA name such as Europe/Warsaw or UTC")]
    Empty,
    /// No such zone, but one that is spelled nearly so.
    #[error("there is no time zone {}; did you mean {suggestion}?", Quoted(.text))]
    Misspelled {
        /// The refused text.
        text: String,
        /// The zone that was probably meant.
        suggestion: Zone,
    },
    /// No such zone.
    #[error("there is no time zone {}; write an IANA name such as Europe/Warsaw or UTC", Quoted(.text))]
    Unknown {
        /// The refused text.
        text: String,
    },
}

impl Zone {
    /// Coordinated universal time.
    pub const UTC: Self = Self(Tz::UTC);

    /// The name in the IANA database, in its own spelling.
    pub fn name(self) -> &'static str {
        self.0.name()
    }

    /// The names of all zones, in the order of the alphabet: what a form may suggest.
    pub fn names() -> Vec<&'static str> {
        TZ_VARIANTS.iter().map(|zone| zone.name()).collect()
    }

    /// The zone as chrono knows it.
    pub const fn tz(self) -> Tz {
        self.0
    }

    /// What the clocks of this zone show at a moment. At the two ends of what chrono holds the
    /// answer is cut to its first date, and `None` after its last.
    pub(super) fn wall_clock(self, moment: DateTime<Utc>) -> Option<NaiveDateTime> {
        let utc = moment.naive_utc();
        let offset = self.0.offset_from_utc_datetime(&utc).fix();
        match utc.checked_add_offset(offset) {
            None if offset.local_minus_utc() < 0 => Some(NaiveDateTime::MIN),
            local => local,
        }
    }

    /// When the clocks of this zone show a time; `None` where chrono cannot hold the moment.
    pub(super) fn moments(self, local: NaiveDateTime) -> Option<Moments> {
        Some(match self.0.offset_from_local_datetime(&local) {
            MappedLocalTime::Single(offset) => Moments::Once(moment(local, &offset)?),
            MappedLocalTime::Ambiguous(first, second) => Moments::Twice {
                first: moment(local, &first)?,
                second: moment(local, &second)?,
            },
            MappedLocalTime::None => {
                // The gap begins when the old offset ends, which is also the first moment after it.
                let (begin, before) = GapInfo::new(&local, &self.0)?.begin?;
                Moments::Never {
                    resumed: moment(begin, &before)?,
                }
            }
        })
    }
}

fn moment(local: NaiveDateTime, offset: &impl Offset) -> Option<DateTime<Utc>> {
    local
        .checked_sub_offset(offset.fix())
        .map(|utc| utc.and_utc())
}

/// The moments at which the clocks of a zone show one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Moments {
    /// The ordinary case.
    Once(DateTime<Utc>),
    /// The clocks were put back over it.
    Twice {
        first: DateTime<Utc>,
        second: DateTime<Utc>,
    },
    /// The clocks were put forward over it; `resumed` is the first moment after the gap.
    Never { resumed: DateTime<Utc> },
}

impl FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        if text.is_empty() {
            return Err(ZoneError::Empty);
        }
        if let Ok(zone) = text.parse() {
            return Ok(Self(zone));
        }
        let known = TZ_VARIANTS
            .iter()
            .find(|zone| zone.name().eq_ignore_ascii_case(text));
        known.copied().map(Self).ok_or_else(|| match suggest(text) {
            Some(suggestion) => ZoneError::Misspelled {
                text: text.to_owned(),
                suggestion,
            },
            None => ZoneError::Unknown {
                text: text.to_owned(),
            },
        })
    }
}

impl From<Tz> for Zone {
    fn from(zone: Tz) -> Self {
        Self(zone)
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// No name is longer, so a longer text is no near miss and needs no comparison.
const LONGEST_NAME: usize = 40;

/// The zone whose whole name, or whose city when only a city was given, differs from the text in at
/// most one letter of five.
fn suggest(text: &str) -> Option<Zone> {
    let wanted = text.to_ascii_lowercase().replace(' ', "_");
    if wanted.len() > LONGEST_NAME {
        return None;
    }
    let allowed = wanted.chars().count() / 5;
    TZ_VARIANTS
        .iter()
        // Their signs are the reverse of what people mean, so they are never a helpful guess.
        .filter(|zone| !zone.name().starts_with("Etc/GMT"))
        .filter_map(|zone| {
            let name = zone.name().to_ascii_lowercase();
            let compared = match name.rsplit_once('/') {
                Some((_, city)) if !wanted.contains('/') => city,
                _ => &name,
            };
            let distance = strsim::osa_distance(compared, &wanted);
            (distance <= allowed).then_some((distance, zone))
        })
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, zone)| Zone(*zone))
}
