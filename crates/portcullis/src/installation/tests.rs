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
    let again = told(&root, &machine.installation());
    assert!(!again.contains("write"), "a second run writes nothing");
    // The first run may have failed behind its last file: systemd is asked, which knows nothing of these units.
    assert!(machine.installation().0.iter().any(|step| matches!(step, Step::RunUnless { .. })), "{again}");
    let configuration = fs::read_to_string(root.join("etc/portcullis/portcullis.toml")).expect("written");
    assert!(configuration.contains(REFERENCE) && !configuration.contains("/usr/share"), "{configuration}");
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
    let kept = ["etc/portcullis", "var/lib/portcullis", "var/log/portcullis"].map(|path| root.join(path));
    assert_eq!(machine.kept(), kept.map(|path| path.display().to_string()));
    root.write("etc/passwd", "portcullis:x:9:9::/:\n");
    assert_eq!(machine.kept().last().map(String::as_str), Some("the user portcullis"));
    let bare = Folder::new();
    let bare = self::machine(&bare, true);
    assert_eq!(bare.kept(), [""; 0]);
    assert_eq!(told(&Folder::new(), &bare.removal()), "", "nothing was installed");
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
