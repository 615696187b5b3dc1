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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::must_hold;

    #[test]
    fn the_edges() {
        let check = |vanishing, known, expected| {
            assert_eq!(
                must_hold(vanishing, known),
                expected,
                "{vanishing} of {known}"
            );
        };
        check(0, 0, false);
        check(10, 10, false);
        check(10, 49, false);
        check(11, 11, true);
        check(11, 54, true);
        check(11, 55, false);
        check(20_000, 100_000, false);
        check(20_001, 100_000, true);
        check(u64::MAX, u64::MAX, false);
    }

    proptest! {
        #[test]
        fn it_is_the_sentence_of_the_rule(known in 0u64..1_000_000, share in 0u64..=100) {
            let vanishing = known * share / 100;
            // More than one in five: five times as many are more than all.
            let exact = vanishing > 10 && vanishing * 5 > known;
            prop_assert_eq!(must_hold(vanishing, known), exact);
        }
    }
}
