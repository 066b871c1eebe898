//! Plans and their execution in a system made of a folder; the programs are scripts that note how they were called.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use std::os::unix::fs::PermissionsExt;
use tempfile::TempDir;

const PEM: &str = "-----BEGIN CERTIFICATE-----\n";

fn fingerprint() -> Fingerprint {
    Fingerprint([0xab; 32])
}

/// A system with programs that append their arguments to `calls`, and end with a code.
fn system(programs: &[&str], folders: &[&str], code: i32) -> (TempDir, System) {
    let root = tempfile::tempdir().unwrap();
    for folder in folders.iter().chain(&["usr/sbin"]) {
        std::fs::create_dir_all(root.path().join(folder)).unwrap();
    }
    for program in programs {
        let path = root.path().join("usr/sbin").join(program);
        let calls = root.path().join("calls");
        let script =
            format!("#!/bin/sh\necho {program} \"$@\" >> {}\necho no >&2\nexit {code}\n", calls.display());
        std::fs::write(&path, script).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
    }
    let system = System::at(root.path());
    (root, system)
}

fn steps(root: &TempDir, plan: &TrustPlan) -> Vec<String> {
    let root = root.path().display().to_string();
    plan.steps.iter().map(|step| step.to_string().replace(&root, "")).collect()
}

#[test]
fn each_system_has_its_own_steps() {
    let authority = Path::new("/state/root.pem");
    for (program, folder, install, uninstall) in [
        (
            "update-ca-certificates",
            "etc",
            vec![
                "write /usr/local/share/ca-certificates/portcullis-abababab.crt",
                "run /usr/sbin/update-ca-certificates",
            ],
            vec![
                "remove /usr/local/share/ca-certificates/portcullis-abababab.crt",
                "run /usr/sbin/update-ca-certificates --fresh",
            ],
        ),
        (
            "update-ca-trust",
            "etc/pki/ca-trust/source/anchors",
            vec![
                "write /etc/pki/ca-trust/source/anchors/portcullis-abababab.crt",
                "run /usr/sbin/update-ca-trust extract",
            ],
            vec![
                "remove /etc/pki/ca-trust/source/anchors/portcullis-abababab.crt",
                "run /usr/sbin/update-ca-trust extract",
            ],
        ),
        (
            "trust",
            "etc",
            vec!["run /usr/sbin/trust anchor --store /state/root.pem"],
            vec!["run /usr/sbin/trust anchor --remove /state/root.pem"],
        ),
    ] {
        let (root, system) = system(&[program], &[folder], 0);
        let plan = TrustPlan::install(&system, &fingerprint(), authority, PEM).unwrap();
        assert_eq!(steps(&root, &plan), install, "{program}");
        let plan = TrustPlan::uninstall(&system, &fingerprint(), authority).unwrap();
        assert_eq!(steps(&root, &plan), uninstall, "{program}");
    }
}

#[test]
fn a_system_without_trust_store_is_said() {
    let (_root, system) = system(&[], &[], 0);
    assert_eq!(TrustPlan::install(&system, &fingerprint(), Path::new("/x"), PEM), Err(UnknownStore));
}

#[test]
fn installing_writes_and_runs_and_uninstalling_removes() {
    let (root, system) = system(&["update-ca-certificates"], &[], 0);
    let written = root.path().join("usr/local/share/ca-certificates/portcullis-abababab.crt");
    TrustPlan::install(&system, &fingerprint(), Path::new("/x"), PEM).unwrap().execute().unwrap();
    assert_eq!(std::fs::read_to_string(&written).unwrap(), PEM);
    assert_eq!(written.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    let uninstall = TrustPlan::uninstall(&system, &fingerprint(), Path::new("/x")).unwrap();
    uninstall.execute().unwrap();
    uninstall.execute().unwrap();
    assert!(!written.exists());
    let calls = std::fs::read_to_string(root.path().join("calls")).unwrap();
    let expected = "update-ca-certificates\nupdate-ca-certificates --fresh\nupdate-ca-certificates --fresh\n";
    assert_eq!(calls, expected);
}

#[test]
fn a_program_that_fails_is_quoted() {
    let (_root, system) = system(&["trust"], &[], 3);
    let error =
        TrustPlan::install(&system, &fingerprint(), Path::new("/x"), PEM).unwrap().execute().unwrap_err();
    assert!(error.to_string().ends_with("/usr/sbin/trust failed with code 3: no"), "{error}");
}
