//! Taking over from another firewall: its rules become ours, and it is switched off only when told.

use crate::pair::{CLIENT, Pair, both};
use std::process::Command;
use testkit::Finished;
use testkit::lab::peer::{Firewalld, Ufw};
use testkit::lab::{Reach, Service};

const PORTS: [u16; 3] = [81, 82, 83];

/// Runs `firewall adopt` where the settings of the other firewall are.
fn adopt(pair: &Pair, beside: impl Fn(&str, &[&str]) -> Command, further: &[&str]) -> Finished {
    let path = |name: &str| pair.server.folder.join(name).display().to_string();
    let (state, file) = (path("state"), path("portcullis.toml"));
    let mut arguments = vec!["firewall", "adopt", "--state", &state, "--config", &file];
    arguments.extend(further);
    let mut command = beside(env!("CARGO_BIN_EXE_portcullis"), &arguments);
    pair.server.host.finish(command.env_clear().env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin"))
}

/// What the client finds at the ports, over both families.
fn found(pair: &Pair) -> Vec<Reach> {
    pair.client.tcp_all(&PORTS.map(both).concat())
}

#[test]
fn the_rules_of_ufw_become_ours_and_it_is_switched_off_only_when_told() {
    let pair = Pair::new("[firewall]\n");
    let _service = Service::on_ports(&pair.server.host, &PORTS);
    let ufw = Ufw::in_host(&pair.server.host);
    ufw.run(&["allow", "81/tcp"]);
    ufw.run(&["allow", "from", CLIENT[0], "to", "any", "port", "82", "proto", "tcp"]);
    let before = found(&pair);
    let (open, closed) = (Reach::Open, Reach::Filtered);
    assert_eq!(before, [open, open, open, closed, closed, closed]);

    let adopted = adopt(&pair, |program, arguments| ufw.beside(program, arguments), &[]);
    assert_eq!(adopted.code(), 0, "{adopted:?}");
    for part in ["81/tcp", "82/tcp", CLIENT[0]] {
        assert!(adopted.stdout.contains(part), "{part} in {adopted:?}");
    }
    assert!(adopted.stderr.contains("ufw is still on"), "{adopted:?}");
    assert!(ufw.run(&["status"]).contains("Status: active"));

    // Nothing is switched off before a policy of ours is confirmed.
    let disable =
        |further: &[&str]| adopt(&pair, |program, arguments| ufw.beside(program, arguments), further);
    let refused = disable(&["--disable", "--yes"]);
    assert_eq!(refused.code(), 1, "{refused:?}");
    assert!(refused.stderr.contains("no policy of ours is confirmed"), "{refused:?}");

    pair.server.apply(&adopted.stdout);
    assert_eq!(found(&pair), before);
    assert!(ufw.run(&["status"]).contains("Status: active"));

    // Without a terminal and without `--yes` the question has the answer no.
    let unasked = disable(&["--disable"]);
    assert_ne!(unasked.code(), 0);
    assert!(unasked.stderr.contains("ufw: read from"), "{unasked:?}");
    assert!(!unasked.stderr.contains("adopt --disable"), "{unasked:?}");
    assert!(ufw.run(&["status"]).contains("Status: active"));
    let disabled = disable(&["--disable", "--yes"]);
    assert_eq!(disabled.code(), 0, "{disabled:?}");
    assert!(disabled.stderr.contains("ufw is switched off"), "{disabled:?}");
    assert!(ufw.run(&["status"]).contains("Status: inactive"));
    assert_eq!(found(&pair), before, "ours alone judges alike");
}

#[test]
fn the_rules_of_firewalld_become_ours_and_it_is_switched_off_only_when_told() {
    let pair = Pair::new("[firewall]\n");
    let _service = Service::on_ports(&pair.server.host, &PORTS);
    let firewalld = Firewalld::in_host(&pair.server.host);
    firewalld.run(&["--permanent", "--add-port=81/tcp"]);
    let rule = format!(
        "--add-rich-rule=rule family=ipv4 source address={} port port=82 protocol=tcp accept",
        CLIENT[0]
    );
    firewalld.run(&["--permanent", &rule]);
    firewalld.run(&["--reload"]);
    let adopted = adopt(&pair, |program, arguments| firewalld.beside(program, arguments), &[]);
    assert_eq!(adopted.code(), 0, "{adopted:?}");
    assert!(adopted.stderr.contains("firewalld is still on"), "{adopted:?}");
    let is_open = |found: Vec<Reach>| found.iter().map(|reach| *reach == Reach::Open).collect::<Vec<_>>();
    let before = is_open(found(&pair));
    assert_eq!(before, [true, true, true, false, false, false]);
    pair.server.apply(&adopted.stdout);
    assert_eq!(is_open(found(&pair)), before);

    // Without systemd: what it would be asked for ends the daemon, which takes its tables with it.
    let tools = testkit::Folder::new();
    let systemctl = tools.write("systemctl", SYSTEMCTL);
    std::fs::set_permissions(systemctl, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let path = format!("{}:/usr/sbin:/usr/bin:/sbin:/bin", tools.path().display());
    let disabled = adopt(
        &pair,
        |program, arguments| {
            let script = "PATH=$0 exec \"$@\"";
            firewalld.beside("sh", &[&["-c", script, &path, program][..], arguments].concat())
        },
        &["--disable", "--yes"],
    );
    assert_eq!(disabled.code(), 0, "{disabled:?}");
    assert!(disabled.stderr.contains("firewalld is switched off"), "{disabled:?}");
    assert_eq!(std::fs::read_to_string(tools.join("asked")).unwrap(), "disable --now firewalld.service\n");
    assert!(!firewalld.is_running());
    let tables = pair.server.host.output(Command::new("nft").args(["list", "tables"]));
    assert_eq!(tables, "table inet portcullis\n");
    assert_eq!(is_open(found(&pair)), before, "ours alone judges alike");
}

/// Writes down what it is asked for, and ends firewalld as systemd would.
const SYSTEMCTL: &str = r#"#!/bin/sh
echo "$@" >> "${0%/*}/asked"
bus() { dbus-send --system --print-reply=literal --dest=org.freedesktop.DBus / "org.freedesktop.DBus.$1" string:org.fedoraproject.FirewallD1; }
set -- $(bus GetConnectionUnixProcessID)
kill "$2"
while kill -0 "$2" 2>/dev/null && ! grep -q "^State:.Z" "/proc/$2/status"; do :; done
"#;

#[test]
fn where_there_is_nothing_to_take_over_it_is_said() {
    let pair = Pair::new("[firewall]\n");
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--propagation", "private", "sh", "-c"]);
    let script = "mount -t tmpfs none /etc && exec \"$0\" firewall adopt --state \"$1\"";
    let state = pair.server.folder.join("state");
    unshare.args([script, env!("CARGO_BIN_EXE_portcullis")]).arg(state);
    let nothing = pair.server.host.finish(&mut unshare);
    assert_eq!(nothing.code(), 1, "{nothing:?}");
    assert!(nothing.stderr.contains("neither ufw nor firewalld"), "{nothing:?}");
}

/// What a person who has ufw for some years has told it.
const TOLD_UFW: &[&str] = &[
    "limit OpenSSH",
    "allow 80,443/tcp",
    "deny from 203.0.113.0/24",
    "deny from 10.9.0.0/16 to any port 3306 proto tcp",
    "allow 3306/tcp",
    "allow in on eth0 to any port 53",
    "allow from 10.0.0.0/8 to any port 5432 proto tcp",
    "allow from 10.0.0.0/8 to any port 5432 proto tcp",
    "allow 60000:61000/udp",
    "allow proto esp from 198.51.100.7",
];

#[test]
fn what_differs_from_an_old_ufw_is_said_in_a_few_lines() {
    let pair = Pair::new("[firewall]\n");
    let ufw = Ufw::in_host(&pair.server.host);
    for rule in TOLD_UFW {
        ufw.run(&rule.split(' ').collect::<Vec<_>>());
    }
    let adopted = || adopt(&pair, |program, arguments| ufw.beside(program, arguments), &[]);
    let on = adopted();
    let differs = "inbound, other under these rules than under ufw
  closed: 5353/udp from anywhere (mDNS to 224.0.0.251 and ff02::fb, which was admitted without a rule)
  closed: 1900/udp from anywhere (SSDP to 239.255.255.250 and ff02::f, which was admitted without a rule)\n\n";
    assert!(on.stderr.contains(differs), "{}", on.stderr);
    assert!(
        on.stderr.contains("ufw: read from /etc/default/ufw") && on.stderr.contains("ufw is still on"),
        "{on:?}"
    );
    let with_complement =
        "  # from all but 10.9.0.0/16, 203.0.113.0/24\n  { allow = \"3306/tcp\", from = [\"0.0.0.0/5\"";
    assert!(on.stdout.contains(with_complement), "{}", on.stdout);

    pair.server.write(&on.stdout);
    let checked = pair.server.done(&["check"]);
    assert!(checked.contains("no problems"), "{checked}");
    let plan = pair.server.done(&["plan"]);
    for line in [
        "+ allow 3306/tcp from all but 10.9.0.0/16, 203.0.113.0/24 ",
        "\n  3306/tcp         from all but 10.9",
    ] {
        assert!(plan.contains(line), "{line} in {plan}");
    }
    let planned = pair.server.json(&["plan", "--json"]);
    let of = planned["opens"].as_array().unwrap().iter().find(|one| one["what"] == "3306/tcp").unwrap();
    assert_eq!(of["prefixes"].as_array().unwrap().len(), 39, "a program gets all of them: {of}");

    ufw.run(&["disable"]);
    let off = adopted();
    assert_eq!(off.stdout.replace("# ufw is not enabled: its rules are not in force\n", ""), on.stdout);
    assert!(off.stderr.contains("ufw is off: these are the rules that it would have"), "{}", off.stderr);
}

/// The same for firewalld.
const TOLD_FIREWALLD: &[&[&str]] = &[
    &["--add-service=http"],
    &["--add-port=3306/tcp"],
    &["--add-rich-rule=rule family=ipv4 source address=10.9.0.0/16 port port=3306 protocol=tcp reject"],
    &["--add-rich-rule=rule family=ipv4 source address=198.51.100.0/24 drop"],
    &["--zone=trusted", "--add-source=192.168.7.0/24"],
    &["--zone=dmz", "--add-interface=eth0"],
    &["--add-forward-port=port=8443:proto=tcp:toport=443:toaddr=10.0.0.9"],
];

#[test]
fn what_differs_from_an_old_firewalld_is_said_in_a_few_lines() {
    let pair = Pair::new("[firewall]\n");
    let firewalld = Firewalld::in_host(&pair.server.host);
    for rule in TOLD_FIREWALLD {
        firewalld.run(&[&["--permanent"][..], rule].concat());
    }
    firewalld.run(&["--reload"]);
    let adopted = adopt(&pair, |program, arguments| firewalld.beside(program, arguments), &[]);
    assert_eq!(adopted.code(), 0, "{adopted:?}");
    let read = adopted.stderr.lines().next().unwrap_or_default();
    assert!(
        read.starts_with("firewalld: read from /etc/firewalld/firewalld.conf, ") && read.len() < 250,
        "{read}"
    );
    let forwarded = "(forwarded by firewalld: a forward of [nat] does the same)";
    assert!(adopted.stderr.contains(forwarded), "{}", adopted.stderr);
    pair.server.write(&adopted.stdout);
    let checked = pair.server.done(&["check"]);
    assert!(!checked.contains("adds nothing"), "{checked}\n{}", adopted.stdout);
}
