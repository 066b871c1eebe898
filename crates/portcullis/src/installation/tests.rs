//! Installations into folders that look like machines.

use super::*;
use testkit::Folder;

fn machine(root: &Folder, has_sysusers: bool) -> Machine {
    root.write("run/systemd/system/.keep", "");
    let binary = root.write("opt/portcullis", "");
    Machine { root: root.path().to_owned(), binary, has_sysusers }
}

/// What would be told, without the folder of the test.
fn told(root: &Folder, steps: &Steps) -> String {
    let mut text = String::new();
    steps.take(true, |step| text.push_str(&format!("{step}\n"))).expect("nothing is done");
    text.replace(&root.path().display().to_string(), "")
}

#[test]
fn a_fresh_machine_gets_users_folders_a_configuration_and_units() {
    let root = Folder::new();
    insta::assert_snapshot!("fresh", told(&root, &machine(&root, true).installation()));
    insta::assert_snapshot!("fresh-without-sysusers", told(&root, &machine(&root, false).installation()));
}

#[test]
fn the_units_start_the_program_where_it_lies() {
    let root = Folder::new();
    let machine = machine(&root, true);
    for step in machine.installation().0.iter().filter(|step| matches!(step, Step::Write { .. })) {
        step.execute().expect("a folder of the test");
    }
    for (name, _) in UNITS {
        let unit = fs::read_to_string(machine.unit(name)).expect("written");
        assert!(unit.contains(&format!("={} ", machine.binary.display())), "{unit}");
        assert!(!unit.contains(OF_PACKAGE), "{unit}");
    }
    assert!(!told(&root, &machine.installation()).contains("write"), "a second run writes nothing");
}

#[test]
fn a_removal_keeps_what_the_operator_wrote() {
    let root = Folder::new();
    let machine = machine(&root, true);
    for step in
        machine.installation().0.iter().filter(|step| !matches!(step, Step::Run(_) | Step::Account { .. }))
    {
        step.execute().expect("a folder of the test");
    }
    insta::assert_snapshot!("removal", told(&root, &machine.removal()));
    assert_eq!(told(&root, &self::machine(&Folder::new(), true).removal()), "", "nothing was installed");
}

#[test]
fn a_machine_that_is_none_for_the_service_is_refused() {
    let refused = |prepare: &dyn Fn(&Folder, &mut Machine)| {
        let root = Folder::new();
        let mut machine = machine(&root, true);
        prepare(&root, &mut machine);
        let failure = machine.judge().expect_err("it is refused");
        failure.reason.replace(&root.path().display().to_string(), "")
    };
    assert_eq!(
        refused(&|root, _| fs::remove_dir_all(root.join("run/systemd")).expect("it is there")),
        "systemd does not run this machine"
    );
    assert_eq!(
        refused(&|root, _| drop(root.write("usr/lib/systemd/system/portcullis.service", ""))),
        "a package has installed the service already"
    );
    assert_eq!(
        refused(&|root, machine| machine.binary = root.write("var/tmp/portcullis", "")),
        "/var/tmp/portcullis is a temporary file"
    );
    let replaced = refused(&|_, _| {});
    assert!(
        replaced.contains("can be changed by others") && replaced.contains("root would run"),
        "{replaced}"
    );
}
