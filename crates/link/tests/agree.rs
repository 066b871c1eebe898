//! Every message is read as it was written, and nothing that is not one is taken for one.

use confine::{Layer, LayerName, Missing, Report, State};
use link::{
    Answer, Ask, AskRefused, Certificate, CertificateChange, Counts, HeldSocket, Hello, Install, Key,
    Listener, NameFact, Numbered, Order, Patience, Pem, Protocol, Refusal, Start, Texts, Told, decode,
    encode,
};
use model::host::HostPattern;
use model::plan::{Delta, Edition, Plan};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

fn text() -> impl Strategy<Value = String> {
    ".{0,20}"
}

fn bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..20)
}

fn ask() -> impl Strategy<Value = Ask> {
    prop_oneof![
        (any::<IpAddr>(), any::<u32>(), text()).prop_map(|(address, seconds, rule)| Ask::Ban {
            address,
            seconds,
            rule
        }),
        (text(), text(), text()).prop_map(|(host, chain, key)| Ask::StoreCertificate {
            host,
            chain: Pem(chain),
            key: Pem(key)
        }),
        text().prop_map(|service| Ask::StartInstance { service }),
        (text(), text()).prop_map(|(host, value)| Ask::RunDnsHook { host, value }),
        (any::<IpAddr>(), any::<u16>(), any::<u32>(), text())
            .prop_map(|(address, port, seconds, proof)| Ask::Grant { address, port, seconds, proof }),
    ]
}

fn report() -> impl Strategy<Value = Report> {
    let state = prop_oneof![
        Just(State::Enforced),
        text().prop_map(State::Partly),
        text().prop_map(State::NotEnforced)
    ];
    let layer = (proptest::sample::select(&LayerName::ALL[..]), state, option::of(text()))
        .prop_map(|(name, state, hint)| Layer { name, state, hint });
    let missing = (text(), text()).prop_map(|(path, reason)| Missing { path: path.into(), reason });
    (vec(layer, 0..5), vec(missing, 0..3)).prop_map(|(layers, missing)| Report { layers, missing })
}

fn answer() -> impl Strategy<Value = Answer> {
    let socket = (any::<u64>(), any::<u16>()).prop_map(|(number, port)| HeldSocket { number, port });
    prop_oneof![
        vec(socket, 0..5).prop_map(Answer::Sockets),
        any::<u64>().prop_map(|cut| Answer::Drained { cut }),
        Just(()).prop_map(|()| Answer::Done),
        text().prop_map(|reason| Answer::Refused(Refusal { reason })),
        report().prop_map(Answer::Started),
        (any::<u64>(), any::<u64>(), any::<u64>()).prop_map(|(connections, requests, log_lost)| {
            Answer::Counts(Counts { connections, requests, log_lost })
        }),
    ]
}

fn told() -> impl Strategy<Value = Told> {
    prop_oneof![
        (any::<u16>(), text(), any::<bool>()).prop_map(|(protocol, build, draining)| Told::Hello(Hello {
            protocol,
            build,
            draining
        })),
        (any::<u64>(), answer()).prop_map(|(number, answer)| Told::Answer { number, answer }),
        text().prop_map(Told::Notice),
        (any::<u64>(), ask()).prop_map(|(number, ask)| Told::Ask { number, ask }),
    ]
}

fn host() -> impl Strategy<Value = HostPattern> {
    r"(\*\.)?[a-z]{1,9}\.test".prop_map(|text| HostPattern::parse(&text).expect("a host"))
}

fn change() -> impl Strategy<Value = CertificateChange> {
    let key =
        prop_oneof![bytes().prop_map(Key::Pkcs1), bytes().prop_map(Key::Sec1), bytes().prop_map(Key::Pkcs8)];
    let certificate =
        (any::<u64>(), vec(bytes(), 0..3), key).prop_map(|(id, chain, key)| Certificate { id, chain, key });
    let hosts = vec((option::of(host()), any::<Option<u64>>()), 0..3);
    (any::<bool>(), vec(certificate, 0..3), hosts, any::<Option<u64>>())
        .prop_map(|(whole, new, hosts, nameless)| CertificateChange { whole, new, hosts, nameless })
}

/// The file names addresses without a scope, and none is sent.
fn local() -> impl Strategy<Value = SocketAddr> {
    (any::<IpAddr>(), any::<u16>()).prop_map(SocketAddr::from)
}

fn listener() -> impl Strategy<Value = Listener> {
    let all = [Protocol::Http, Protocol::Https, Protocol::Tcp, Protocol::Udp];
    (
        any::<u16>(),
        proptest::sample::select(all.to_vec()),
        any::<Option<IpAddr>>(),
        local(),
        vec(any::<u64>(), 0..3),
    )
        .prop_map(|(port, protocol, address, local, sockets)| Listener {
            port,
            protocol,
            address,
            local,
            sockets,
        })
}

fn install() -> impl Strategy<Value = Install> {
    let files = || vec((text().prop_map(PathBuf::from), bytes().prop_map(Arc::from)), 0..3);
    let plan = any::<u64>()
        .prop_map(|number| Delta::between(&Edition::default(), &Edition { number, plan: Plan::default() }));
    let rest = (vec(bytes(), 0..3), option::of(change()), vec(listener(), 0..3));
    (plan, any::<bool>(), files(), files(), rest).prop_map(
        |(plan, whole, pages, authorities, (roots, certificates, listeners))| Install {
            plan,
            whole,
            pages,
            authorities,
            roots,
            certificates,
            listeners,
        },
    )
}

fn texts() -> impl Strategy<Value = Texts> {
    (bytes(), bytes()).prop_map(|(resolv_conf, hosts)| Texts { resolv_conf, hosts })
}

fn order() -> impl Strategy<Value = Order> {
    let patience = (any::<u32>(), any::<bool>()).prop_map(|(milliseconds, handed_over)| Patience {
        total: Duration::from_millis(milliseconds.into()),
        handed_over,
    });
    let start = (any::<u16>(), text(), any::<u32>(), any::<u16>(), texts()).prop_map(
        |(protocol, build, keeper, threads, texts)| Start {
            protocol,
            build,
            keeper,
            threads,
            texts,
            cage: confine::Cage::default(),
        },
    );
    let refused = (text(), text()).prop_map(|(rule, reason)| AskRefused { rule, reason });
    prop_oneof![
        any::<u64>().prop_map(|after| Order::Sockets { after }),
        patience.prop_map(Order::Drain),
        start.prop_map(Order::Start),
        vec(any::<u64>(), 0..5).prop_map(Order::Take),
        install().prop_map(|install| Order::Install(Box::new(install))),
        change().prop_map(Order::Certificates),
        texts().prop_map(Order::Texts),
        (any::<u64>(), option::of(refused)).prop_map(|(number, refused)| Order::Answered { number, refused }),
        Just(()).prop_map(|()| Order::Log),
        Just(()).prop_map(|()| Order::Counts),
        Just(()).prop_map(|()| Order::Metrics),
        Just(()).prop_map(|()| Order::Ping),
        Just(()).prop_map(|()| Order::Confinement),
        text().prop_map(|reason| Order::Failed { reason }),
    ]
}

/// What is written is read as the same; what is cut short or goes on is not read.
fn agree<M: Serialize + DeserializeOwned + Debug>(message: &M) -> Result<(), TestCaseError> {
    let written = encode(message);
    let again: M = decode(&written).expect("what was written is read");
    prop_assert_eq!(format!("{again:?}"), format!("{message:?}"));
    // Keys are never shown, so that their bytes are compared.
    prop_assert_eq!(&encode(&again), &written);
    for end in 0..written.len() {
        prop_assert!(decode::<M>(&written[..end]).is_err(), "cut at {}", end);
    }
    prop_assert!(decode::<M>(&[&written[..], &[0]].concat()).is_err());
    Ok(())
}

proptest! {
    #[test]
    fn what_a_gate_tells_is_read_as_it_was_written(message in told()) {
        agree(&message)?;
    }

    #[test]
    fn what_a_keeper_orders_is_read_as_it_was_written(number in any::<u64>(), order in order()) {
        agree(&Numbered { number, order })?;
    }

    #[test]
    fn what_a_watcher_tells_is_read_as_it_was_written(
        name in text(), addresses in vec(any::<IpAddr>(), 0..5), seconds in any::<u64>()
    ) {
        agree(&NameFact { name, addresses, seconds })?;
    }

    #[test]
    fn bytes_are_read_as_a_message_or_refused(bytes in vec(any::<u8>(), 0..200)) {
        if let Ok(told) = decode::<Told>(&bytes) {
            agree(&told)?;
        }
        if let Ok(order) = decode::<Numbered>(&bytes) {
            agree(&order)?;
        }
    }
}

/// What the two versions of a keeper and a gate that do not know each other rely on.
#[test]
fn what_never_changes_has_these_bytes() {
    let hello = Hello { protocol: 1, build: "b".to_owned(), draining: false };
    let sockets = Answer::Sockets(vec![HeldSocket { number: 9, port: 80 }]);
    let patience = Patience { total: Duration::from_secs(30), handed_over: true };
    for (written, expected) in [
        (encode(&Told::Hello(hello)), &[0, 1, 1, b'b', 0][..]),
        (encode(&Told::Answer { number: 7, answer: sockets }), &[1, 7, 0, 1, 9, 80]),
        (encode(&Told::Answer { number: 7, answer: Answer::Drained { cut: 3 } }), &[1, 7, 1, 3]),
        (encode(&Told::Answer { number: 7, answer: Answer::Done }), &[1, 7, 2]),
        (encode(&Numbered { number: 7, order: Order::Sockets { after: 5 } }), &[7, 0, 5]),
        (encode(&Numbered { number: 7, order: Order::Drain(patience) }), &[7, 1, 30, 0, 1]),
    ] {
        assert_eq!(written, expected);
    }
}
