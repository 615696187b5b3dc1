//! A process that is killed leaves the state before or after a change, never between.

use org_core::testing::build;

use crate::processes::{applied_syncs, start};
use crate::support::{Scratch, connect};

/// How often a worker is killed.
const KILLS: u64 = 25;

/// A generator of which only the spread matters ("splitmix64").
struct Moments(u64);

impl Moments {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }
}

#[tokio::test]
async fn a_kill_at_any_moment_leaves_a_state_before_or_after() {
    let scratch = Scratch::new().await;
    let organization = connect(&scratch.store, 1).await;
    scratch.store.close().await;
    let mut moments = Moments(20_270_301);
    let (mut applied, mut between) = (0, 0);
    for kill in 0..KILLS {
        let mut worker = start(&scratch.path(), 1, 1_000);
        // Wait for some sync to be under way, then for some ticks more.
        let mut syncs_to_go = moments.below(2);
        let mut ticks_to_go = None;
        let (mut last, mut in_time) = (String::new(), false);
        for line in worker.lines.by_ref() {
            let line = line.expect("text");
            match line.as_str() {
                "applying" if ticks_to_go.is_none() && syncs_to_go == 0 => {
                    ticks_to_go = Some(moments.below(20_000));
                }
                "applying" if ticks_to_go.is_none() => syncs_to_go -= 1,
                "tick" => {
                    if let Some(ticks) = &mut ticks_to_go {
                        if *ticks == 0 {
                            in_time = true;
                            break;
                        }
                        *ticks -= 1;
                    }
                    continue;
                }
                _ => {}
            }
            last = line;
        }
        assert!(in_time, "the worker ended by itself after `{last}`");
        worker.child.kill().expect("it is killed");
        worker.child.wait().expect("it is dead");
        between += u64::from(last == "applying");
        let now = applied_syncs(&scratch.path(), build::organization_id(1)).await;
        assert!(
            now >= applied,
            "kill {kill} lost a sync that was applied: {applied}, then {now}"
        );
        applied = now;
    }
    assert_eq!(organization, build::organization_id(1));
    // The test is worth nothing if no kill fell into the work.
    assert!(
        applied > 0 && between > 0,
        "{applied} applied, {between} killed at it"
    );
}
