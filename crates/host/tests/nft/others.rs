//! The tables of others, who changes them, and what the kernel can do.

use crate::{
    namespace::{apart, nft as run_nft, open, run},
    samples::{NAME, everything},
};
use firewall::{
    foreign::{ForeignFamily, ForeignTable},
    nft::{ChainKind, Expression, Hook, Register},
};
use host::nft::{Event, Extent, Features, Ownership, Replacement, Watch};
use std::collections::BTreeSet;

#[test]
fn this_kernel_lacks_nothing_and_the_question_leaves_no_trace() {
    apart(|| {
        let mut nft = open();
        let mut watch = Watch::open().expect("opened");
        let before = nft.generation().expect("read");
        let features = Features::probe(&mut nft).expect("asked");
        assert_eq!(features.missing, [], "this test needs a kernel that has everything");
        assert!(features.suffice());
        assert_eq!(nft.generation().expect("read"), before);
        assert_eq!(watch.read().expect("read"), []);
        assert_eq!(run("nft", &["list", "ruleset"]), "");
    });
}

#[test]
fn a_watch_tells_who_changed_what() {
    apart(|| {
        let mut nft = open();
        let mut watch = Watch::open().expect("opened");
        nft.replace(&Replacement::new(None, &everything()), Ownership::OwnerPersist).expect("written");
        run_nft("table ip other { set s { type ipv4_addr; }; }");
        run_nft("add element ip other s { 192.0.2.1 }");
        let events = watch.read().expect("read");
        let told =
            |event: &Event| if let Event::Changed(change) = event { Some(change.clone()) } else { None };
        let changes: Vec<_> = events.iter().map(|event| told(event).expect("nothing is lost")).collect();
        // What is new comes before what refers to it.
        assert_eq!(changes.len(), 4);
        assert_eq!((changes[0].port, &changes[0].tables), (changes[1].port, &changes[1].tables));
        let changes = &changes[1..];
        let table = |family, name: &str, extent| [((family, name.to_owned()), extent)].into();
        assert_eq!(changes[0].tables, table(ForeignFamily::Inet, NAME, Extent::Rules));
        assert_eq!(changes[0].port, nft.port());
        let thread = u32::try_from(rustix::thread::gettid().as_raw_nonzero().get()).expect("positive");
        assert_eq!(changes[0].thread, Some(thread));
        assert_eq!(changes[1].tables, table(ForeignFamily::Ip, "other", Extent::Rules));
        assert_eq!(changes[1].program.as_deref(), Some("nft"));
        assert_ne!(changes[1].port, nft.port());
        assert_eq!(changes[2].tables, table(ForeignFamily::Ip, "other", Extent::Elements));
        assert_eq!(changes[2].generation, nft.generation().expect("read"));
        assert_eq!(watch.read().expect("read"), []);
    });
}

const FOREIGN: &str = "
table ip shop {
    map doors {
        type inet_service : verdict
        flags interval
        elements = { 22 : accept, 80-90 : drop }
    }
    chain pre {
        type nat hook prerouting priority -100; policy accept;
        tcp dport 8080 dnat to 10.0.0.5:80
        tcp dport { 8443, 9443 } redirect to :443
        meta mark set 7
    }
    chain post {
        type nat hook postrouting priority 100;
        oifname \"eth0\" masquerade
        ip saddr 10.0.0.0/8 snat to 192.0.2.9
        ip daddr 10.9.0.0/16 masquerade random
    }
    chain filter {
        type filter hook forward priority 0; policy drop;
        tcp dport vmap @doors
    }
}
table arp gate {
    chain in {
        type filter hook input priority 0;
        arp operation 1 accept
    }
}
table bridge yard {
    chain through {
        type filter hook forward priority -200;
        ether type ip accept
    }
}
table netdev edge {
    chain in {
        type filter hook ingress device \"lo\" priority 0;
        drop
    }
}
table inet asleep {
    flags dormant
    chain in {
        type filter hook input priority 0;
        drop
    }
}
";

fn foreign(nft: &mut host::nft::Nft, name: &str) -> ForeignTable {
    let found = nft.foreign(NAME).expect("read");
    found.into_iter().find(|table| table.name == name).expect("it was just created")
}

#[test]
fn tables_of_every_family_are_read() {
    apart(|| {
        run_nft(FOREIGN);
        let mut nft = open();
        nft.replace(&Replacement::new(None, &everything()), Ownership::OwnerPersist).expect("written");
        let found = nft.foreign(NAME).expect("read");
        let names: BTreeSet<_> = found.iter().map(|table| (table.family, table.name.as_str())).collect();
        let expected = [
            (ForeignFamily::Ip, "shop"),
            (ForeignFamily::Inet, "asleep"),
            (ForeignFamily::Arp, "gate"),
            (ForeignFamily::Bridge, "yard"),
            (ForeignFamily::Netdev, "edge"),
        ];
        assert_eq!(names, expected.into());
        let hook = |name: &str, chain: &str| {
            let table = found.iter().find(|table| table.name == name).expect("there");
            table.table.chains[chain].base.map(|base| (base.hook, base.priority, base.accept))
        };
        assert_eq!(hook("gate", "in"), Some((Hook::Input, 0, true)));
        assert_eq!(hook("yard", "through"), Some((Hook::Forward, -200, true)));
        assert_eq!(hook("edge", "in"), Some((Hook::Ingress, 0, true)));
        assert_eq!(hook("asleep", "in"), None, "the kernel does not enter it");
        assert_eq!(hook("shop", "filter"), Some((Hook::Forward, 0, false)));
    });
}

#[test]
fn translations_of_others_are_understood() {
    apart(|| {
        run_nft(FOREIGN);
        let shop = foreign(&mut open(), "shop").table;
        let (before, after) = (&shop.chains["pre"], &shop.chains["post"]);
        assert_eq!(before.base.expect("base").kind, ChainKind::Nat);
        let last =
            |rule: usize, chain: &firewall::nft::Chain| chain.rules[rule].0.last().cloned().expect("some");
        let dnat = Expression::DestinationNat { v6: false, address: Register(0), port: Some(Register(4)) };
        assert_eq!(last(0, before), dnat);
        assert_eq!(last(1, before), Expression::Redirect { port: Some(Register(0)) });
        assert!(matches!(last(2, before), Expression::Unknown { name, .. } if name == "meta"));
        assert_eq!(last(0, after), Expression::Masquerade);
        assert_eq!(last(1, after), Expression::SourceNat { v6: false, address: Register(0), port: None });
        assert!(
            matches!(last(2, after), Expression::Unknown { name, data } if name == "masq" && !data.is_empty())
        );
        assert_eq!(shop.sets["doors"].elements.len(), 2);
        assert_eq!(shop.sets["__set0"].elements.len(), 2, "an anonymous set");
    });
}

#[test]
fn matches_and_targets_of_iptables_stay_raw() {
    apart(|| {
        run(
            "iptables-nft",
            &["-A", "INPUT", "-p", "tcp", "--dport", "22", "-m", "comment", "--comment", "x", "-j", "LOG"],
        );
        let table = foreign(&mut open(), "filter").table;
        let rule = &table.chains["INPUT"].rules[0].0;
        let raw = rule.iter().filter_map(|expression| match expression {
            Expression::Unknown { name, data } if !data.is_empty() => Some(name.as_str()),
            _ => None,
        });
        let raw = raw.collect::<Vec<_>>();
        assert!(raw.contains(&"match") && raw.contains(&"target"), "{rule:?}");
    });
}
