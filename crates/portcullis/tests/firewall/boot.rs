//! The start of the machine: what was confirmed comes back in a fresh namespace, from the state folder alone.

use crate::machine::Machine;
use crate::pair::{CLIENT, Pair, both};
use std::fs;
use std::path::{Path, PathBuf};
use std::thread;
use testkit::lab::{Reach, Service};

const FILE: &str = "[firewall]\ninbound = [\"22/tcp\", \"81/tcp\"]\n";

/// A machine whose policy was confirmed, with a ban and a grant, and the state that it leaves.
fn confirmed() -> Pair {
    let pair = Pair::new(FILE);
    pair.server.apply(FILE);
    pair.server.done(&["ban", "192.0.2.77", "--permanent", "--note", "scans"]);
    pair.server.done(&["grant", "84", "--from", CLIENT[0], "--for", "1h"]);
    pair
}

/// The same machine after it was switched off and on: another namespace, and nothing but the state.
fn rebooted(before: &Pair) -> Pair {
    let after = Pair::new("");
    fs::remove_file(after.server.folder.join("portcullis.toml")).unwrap();
    if before.server.folder.join("state").exists() {
        let copied = std::process::Command::new("cp")
            .args(["-a"])
            .args([before.server.folder.join("state"), after.server.folder.join("state")])
            .status();
        assert!(copied.unwrap().success());
    }
    after
}

fn ports(pair: &Pair, ports: [u16; 4]) -> [Reach; 4] {
    let _service = Service::on_ports(&pair.server.host, &ports);
    let found = pair.client.tcp_all(&ports.map(|port| both(port)[0]));
    found.try_into().unwrap()
}

/// Every file below a folder of the firewall's state.
fn files(machine: &Machine, below: &str) -> Vec<PathBuf> {
    let root = machine.folder.join("state/firewall");
    let mut files = Vec::new();
    for entry in fs::read_dir(root.join(below)).unwrap() {
        let name = Path::new(below).join(entry.unwrap().file_name());
        match root.join(&name).is_dir() {
            true => files.extend(self::files(machine, name.to_str().unwrap())),
            false => files.push(name),
        }
    }
    files
}

#[test]
fn the_confirmed_policy_comes_back_without_the_file_with_bans_and_grants() {
    let pair = rebooted(&confirmed());
    let restored = pair.server.done(&["firewall", "restore"]);
    assert_eq!(restored, "snapshot 1 is in force\n");
    assert_eq!(ports(&pair, [22, 81, 82, 84]), [Reach::Open, Reach::Open, Reach::Filtered, Reach::Open]);
    assert_eq!(both(84).map(|to| pair.client.tcp(to))[1], Reach::Filtered, "granted to one address");
    pair.client.ip("address del 192.0.2.10/24 dev eth0\naddress add 192.0.2.77/24 dev eth0\n");
    assert_eq!(ports(&pair, [22, 81, 82, 84]), [Reach::Filtered; 4], "banned");
    let again = pair.server.done(&["firewall", "restore"]);
    assert_eq!(again, "snapshot 1 was in force already\n");
}

#[test]
fn without_a_state_only_ssh_is_open() {
    let pair = rebooted(&Pair::new(FILE));
    let restored = pair.server.done(&["firewall", "restore"]);
    assert!(restored.contains("the state folder knows of nothing that was confirmed"), "{restored}");
    assert_eq!(
        ports(&pair, [22, 81, 82, 84]),
        [Reach::Open, Reach::Filtered, Reach::Filtered, Reach::Filtered]
    );
}

#[test]
fn a_policy_on_trial_does_not_come_back() {
    let before = confirmed();
    before.server.write(&FILE.replace("81", "82"));
    before.server.done(&["apply", "--yes", "--console"]);
    let pair = rebooted(&before);
    let restored = pair.server.done(&["firewall", "restore"]);
    assert!(restored.contains("snapshot 1"), "{restored}");
    assert_eq!(ports(&pair, [22, 81, 82, 85]), [Reach::Open, Reach::Open, Reach::Filtered, Reach::Filtered]);
}

#[test]
fn whatever_file_of_the_state_is_damaged_the_machine_is_closed_and_it_is_said() {
    let before = confirmed();
    let files = files(&before.server, "");
    assert!(files.len() > 2, "{files:?}");
    let damages = [damage_in_the_middle, cut_in_half, empty];
    let before = &before;
    thread::scope(|scope| {
        for file in &files {
            scope.spawn(move || damages.iter().for_each(|damage| restore_damaged(before, file, *damage)));
        }
    });
}

fn restore_damaged(before: &Pair, file: &Path, damage: fn(&[u8]) -> Vec<u8>) {
    let pair = rebooted(before);
    let path = pair.server.folder.join("state/firewall").join(file);
    let damaged = damage(&fs::read(&path).unwrap());
    fs::write(&path, damaged).unwrap();
    let restored = pair.server.ask(&["firewall", "restore"]).expect(0);
    let found = ports(&pair, [22, 81, 82, 85]);
    assert_eq!(found[0], Reach::Open, "{file:?}: {restored}");
    assert_eq!(found[2..], [Reach::Filtered; 2], "{file:?}: {restored}");
    // Where the policy itself is not certain, nothing but ssh is open.
    let whole = restored.contains("snapshot 1 is in force");
    assert_eq!(found[1] == Reach::Open, whole, "{file:?}: {restored}");
    if !whole {
        assert!(restored.contains("warning: "), "{file:?}: {restored}");
        assert!(restored.contains(&*file.file_name().unwrap().to_string_lossy()), "{file:?}: {restored}");
    }
}

fn damage_in_the_middle(content: &[u8]) -> Vec<u8> {
    let middle = content.len() / 2;
    let damaged = |(place, byte): (usize, &u8)| if place == middle { byte ^ 0x20 } else { *byte };
    content.iter().enumerate().map(damaged).collect()
}

fn cut_in_half(content: &[u8]) -> Vec<u8> {
    content[..content.len() / 2].to_vec()
}

const fn empty(_: &[u8]) -> Vec<u8> {
    Vec::new()
}

#[test]
fn a_firewall_that_was_switched_off_stays_off() {
    let before = confirmed();
    let off = before.server.done(&["firewall", "off", "--yes"]);
    assert!(off.contains("the firewall is off, also after a restart"), "{off}");
    let pair = rebooted(&before);
    let restored = pair.server.done(&["firewall", "restore"]);
    assert!(restored.contains("was switched off, so it stays off"), "{restored}");
    assert_eq!(ports(&pair, [22, 81, 82, 84]), [Reach::Open; 4]);
}

#[test]
fn packets_whose_state_is_lost_stay_in_force_and_are_told() {
    let pair = Pair::new("");
    pair.server.apply("[firewall]\ninbound = [{ allow = \"ssh\", from = \"192.0.2.99\" }]\n");
    fs::remove_dir_all(pair.server.folder.join("state")).unwrap();
    let unknown = "packets of ours are enforced that the state folder knows nothing of";
    let status = pair.server.ask(&["status"]).expect(1);
    assert!(status.contains("enforced, and not known as what") && status.contains(unknown), "{status}");
    assert!(pair.server.done(&["history"]).contains(unknown));
    let plan = pair.server.done(&["plan"]);
    assert!(plan.contains("compared with snapshot 0: essentials and ssh, in place of packets"), "{plan}");
    let left = pair.server.ask(&["firewall", "restore"]).expect(1);
    assert!(left.contains("packets of ours are in force, which stay"), "{left}");
    assert_eq!(ports(&pair, [22, 81, 82, 84]), [Reach::Filtered; 4]);
}
