//! A vault that is waited for, and one whose reading is put down.

use std::sync::Mutex;
use std::time::Duration;

use super::*;
use crate::ports::AccessStore as _;
use crate::testing::{InstantTimer, ManualClock, MemoryAccess};
use crate::use_cases::{NoProgress, Progress, ProgressEvent};
use crate::vaults::{PatientVault, RecordedVault};

mod patient {
    use super::*;

    crate::vault_contract! {
        run = block_on,
        make = {
            let clock = Arc::new(ManualClock::default());
            VaultUnderTest::new(Arc::new(PatientVault::new(
                memory("a"),
                clock.clone(),
                Arc::new(InstantTimer::new(clock)),
                Arc::new(NoProgress),
                Duration::from_mins(1),
            )))
        },
    }
}

mod recorded {
    use super::*;

    crate::vault_contract! {
        run = block_on,
        make = VaultUnderTest::new(Arc::new(RecordedVault::new(
            memory("a"),
            Arc::new(MemoryAccess::default()),
            Arc::new(ManualClock::default()),
            "a test",
        ))),
    }
}

/// Repairs a vault after so many pauses, and keeps what was told.
struct Watch {
    vault: Arc<MemoryVault>,
    repair_after: usize,
    told: Mutex<Vec<String>>,
}

impl Progress for Watch {
    fn report(&self, event: ProgressEvent) {
        let ProgressEvent::Waiting(wait) = event else {
            panic!("nothing else is told: {event:?}");
        };
        let mut told = self.told.lock().expect("nobody panics");
        told.push(format!("{} until {}", wait.reason, wait.until.format("%T")));
        if told.len() == self.repair_after {
            self.vault.repair();
        }
    }
}

fn watched(fault: VaultFault, repair_after: usize) -> (Arc<Watch>, PatientVault) {
    let vault = memory("a");
    block_on(vault.put(
        secret_ref(1),
        &parsed("token"),
        SecretOwner::Person,
        secret("value 1"),
        noon(),
    ))
    .expect("the name is free");
    vault.break_with(fault);
    let watch = Arc::new(Watch {
        vault: vault.clone(),
        repair_after,
        told: Mutex::default(),
    });
    let clock = Arc::new(ManualClock::default());
    let timer = Arc::new(InstantTimer::new(clock.clone()));
    let limit = Duration::from_mins(2);
    let patient = PatientVault::new(vault, clock, timer, watch.clone(), limit);
    (watch, patient)
}

#[test]
fn an_outage_is_waited_for_and_told() {
    let (watch, patient) = watched(VaultFault::Sealed, 3);
    assert!(
        block_on(patient.get(secret_ref(1)))
            .expect("it is back")
            .is_some()
    );
    let told = watch.told.lock().expect("nobody panics").join("\n");
    insta::assert_snapshot!(told, @"
    the vault at the test said so is sealed: unseal it (`bao operator unseal`); what waits for it then goes on by itself until 12:00:01
    the vault at the test said so is sealed: unseal it (`bao operator unseal`); what waits for it then goes on by itself until 12:00:03
    the vault at the test said so is sealed: unseal it (`bao operator unseal`); what waits for it then goes on by itself until 12:00:07
    ");
}

#[test]
fn an_outage_is_waited_for_no_longer_than_allowed() {
    let (watch, patient) = watched(VaultFault::Unavailable, usize::MAX);
    let answer = block_on(patient.get(secret_ref(1)));
    assert!(matches!(answer, Err(VaultError::Unavailable { .. })));
    let told = watch.told.lock().expect("nobody panics");
    let untils: Vec<&str> = told
        .iter()
        .filter_map(|line| line.rsplit(' ').next())
        .collect();
    assert_eq!(
        untils,
        [
            "12:00:01", "12:00:03", "12:00:07", "12:00:15", "12:00:31", "12:01:01", "12:01:31",
            "12:02:00"
        ]
    );
}

#[test]
fn what_no_waiting_mends_is_told_at_once() {
    for fault in [VaultFault::Denied, VaultFault::Locked] {
        let (watch, patient) = watched(fault, 1);
        assert!(block_on(patient.get(secret_ref(1))).is_err());
        assert!(watch.told.lock().expect("nobody panics").is_empty());
    }
}

#[test]
fn only_a_value_that_left_the_vault_is_put_down() {
    block_on(async {
        let access = Arc::new(MemoryAccess::default());
        let clock = Arc::new(ManualClock::default());
        let vault = memory("a");
        let recorded = RecordedVault::new(vault.clone(), access.clone(), clock, "run");
        recorded
            .put(
                secret_ref(1),
                &parsed("token"),
                SecretOwner::Person,
                secret("value 1"),
                noon(),
            )
            .await
            .expect("the name is free");
        recorded.list().await.expect("a list");
        recorded.get(secret_ref(2)).await.expect("an answer");
        vault.break_with(VaultFault::Sealed);
        assert!(recorded.get(secret_ref(1)).await.is_err());
        vault.repair();
        assert!(access.last_uses().await.expect("a store").is_empty());
        recorded.get(secret_ref(1)).await.expect("it is there");
        value(&recorded, 1).await;
        let history = access.history(secret_ref(1), 10).await.expect("a store");
        assert_eq!((history.len(), history[0].count), (1, 2));
        assert_eq!(history[0].by, "run");
    });
}
