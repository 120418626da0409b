//! A log as it lies in a home: exported, audited, damaged.

use std::sync::Arc;

use quorate_core::record::{Coordinator, EnrollmentPolicy};
use quorate_core::text::Timestamp;
use quorate_core::vrf::VrfSecret;
use quorate_core::{Keypair, Record};

use super::*;

fn home_with_log(folder: &Path) -> (Home, LedgerHome) {
    let home = Home::open(folder.to_owned()).unwrap();
    let key = Keypair::from_secret([7; 32]);
    let ledger = LedgerHome::ensure(&home, key.public(), &"test/log".parse().unwrap()).unwrap();
    let record = Record::Coordinator(Coordinator {
        origin: "test/log".parse().unwrap(),
        key: key.public(),
        vrf_key: VrfSecret::from_seed([1; 32]).public(),
        enrollment: EnrollmentPolicy::Open,
        witness_quorum: 0,
        at: Timestamp(1),
    });
    let mut log = Log::open_dir(&ledger.path, ledger.key.clone()).unwrap();
    log.append_batch(&[record.sign(&[&key]).unwrap().bytes()])
        .unwrap();
    log.sign_checkpoint(&key).unwrap();
    (home, ledger)
}

#[test]
fn an_export_is_the_log_while_another_process_has_its_database() {
    let folder = tempfile::tempdir().unwrap();
    let (home, ledger) = home_with_log(folder.path());
    let held = Log::open_dir(&ledger.path, ledger.key.clone()).unwrap();
    let target = folder.path().join("export");
    assert_eq!(export(&home, &ledger, &target).unwrap(), 1);
    assert_eq!(
        export(&home, &ledger, &target).unwrap(),
        1,
        "an earlier export is brought up to date"
    );
    let read = reading::read(&target, &ledger.key).unwrap();
    assert_eq!(read.report.root, held.root());
    assert_eq!(
        std::fs::read_to_string(target.join("log.key")).unwrap(),
        ledger.key.to_string()
    );
}

#[test]
fn damage_is_a_failed_check_and_an_empty_ledger_is_not() {
    let folder = tempfile::tempdir().unwrap();
    let (_, ledger) = home_with_log(folder.path());
    let failure = |error: ReadError| judged(error).downcast_ref::<Failure>().copied();

    let bundle = ledger.files().join("tile/entries/000.p/1");
    let mut bytes = std::fs::read(&bundle).unwrap();
    bytes[20] ^= 1;
    std::fs::write(&bundle, bytes).unwrap();
    assert_eq!(
        failure(reading::read(&ledger.files(), &ledger.key).unwrap_err()),
        Some(Failure::Check)
    );

    let nothing = reading::read(&folder.path().join("nothing"), &ledger.key).unwrap_err();
    assert_eq!(failure(nothing), None);
}

#[tokio::test]
async fn a_database_in_use_is_told_from_other_failures() {
    let folder = tempfile::tempdir().unwrap();
    let (home, ledger) = home_with_log(folder.path());
    let _held = Arc::new(Log::open_dir(&ledger.path, ledger.key.clone()).unwrap());
    let config = quorate_network::Config::new(Keypair::from_secret([8; 32]), quorate_network::Role::Node);
    let (network, _events) = quorate_network::start(config).await.unwrap();
    let coordinator = NodeId::new(*ledger.key.public());
    let error = Follower::open(home.clone(), network.clone(), coordinator)
        .await
        .unwrap_err();
    assert!(is_held(&error), "{error:?}");
    let synced = Synced::read(&home, coordinator, true).unwrap();
    assert_eq!((synced.entries, synced.origin.as_str()), (1, "test/log"));
    network.shutdown().await;
}
