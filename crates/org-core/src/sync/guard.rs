//! The guard against mass vanishing: what looks like a lost permission waits for a person.

/// Up to this many repositories may vanish at once, however few are known.
pub const GUARD_COUNT: u64 = 10;

/// Up to this share of the known repositories may vanish at once, in percent.
pub const GUARD_PERCENT: u64 = 20;

/// Whether so many of the known repositories are missing that a person must look first: more than 20 % and more than ten.
///
/// ```
/// use org_core::sync::guard::must_hold;
/// assert!(!must_hold(10, 10), "ten may always go");
/// assert!(must_hold(11, 54));
/// assert!(!must_hold(11, 55), "exactly a fifth may go");
/// ```
pub const fn must_hold(vanishing: u64, known: u64) -> bool {
    vanishing > GUARD_COUNT && vanishing.saturating_mul(100) > known.saturating_mul(GUARD_PERCENT)
}
