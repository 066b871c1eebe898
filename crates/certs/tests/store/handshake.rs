//! Which certificate a client gets, in whole handshakes.
#![expect(clippy::unwrap_used, reason = "tests")]

use crate::support::{Leaf, World, leaf_in, pattern, plan, server, server_with, shake, site};
use certs::ticketer;
use model::plan::{Plan, Tls, TlsVersion};
use rustls::{AlertDescription, Error, HandshakeKind, NamedGroup, ProtocolVersion};
use std::sync::Arc;

#[test]
fn each_name_gets_its_certificate() {
    let world = World::new();
    let exact = world.write("exact", &Leaf::of(&["a.example.com"]));
    let wildcard = world.write("wildcard", &Leaf::of(&["*.example.com"]));
    let mut first = site("a.example.com", Some(&exact));
    first.aliases = vec![pattern("b.example.net")];
    let (store, _) =
        world.open(&plan(vec![first, site("*.example.com", Some(&wildcard)), site("own.test", None)]));
    let (client, server) = (world.client(&store), server(&store));
    let served = |name: &str| shake(&client, &server, name).map(|shaken| shaken.leaf);
    assert_eq!(served("a.example.com").unwrap(), leaf_in(&exact));
    assert_eq!(served("A.EXAMPLE.com").unwrap(), leaf_in(&exact));
    assert_eq!(served("c.example.com").unwrap(), leaf_in(&wildcard));
    assert!(served("own.test").is_ok());
    for unknown in ["example.com", "a.b.example.com", "other.test", "10.0.0.1"] {
        let error = served(unknown).unwrap_err();
        assert_eq!(error, Error::AlertReceived(AlertDescription::AccessDenied), "{unknown}");
    }
}

#[test]
fn hosts_agree_when_one_certificate_serves_both() {
    let world = World::new();
    let both = world.write("both", &Leaf::of(&["a.test", "*.b.test"]));
    let tls = Tls { certificates: vec![both], ..Tls::default() };
    let sites =
        vec![site("a.test", None), site("x.b.test", None), site("c.test", None), site("d.test", None)];
    let (store, _) = world.open(&Plan { tls, ..plan(sites) });
    let table = store.resolver().table();
    let identity = |host: &str| table.identity(host);
    assert!(identity("a.test").is_some());
    assert_eq!(identity("a.test"), identity("x.b.test"));
    assert_eq!(identity("a.test"), identity("y.b.test"));
    assert_ne!(identity("a.test"), identity("c.test"));
    assert_ne!(identity("c.test"), identity("d.test"));
    assert_eq!(identity("unknown.test"), None);
    assert_eq!(table.nameless(), None);
}

#[test]
fn addresses_share_one_certificate_for_clients_without_a_name() {
    let world = World::new();
    let (store, _) = world.open(&plan(vec![site("10.0.0.1", None), site("::1", None), site("a.test", None)]));
    let (client, server) = (world.client(&store), server(&store));
    let one = shake(&client, &server, "10.0.0.1").unwrap().leaf;
    assert_eq!(one, shake(&client, &server, "::1").unwrap().leaf);
    assert_ne!(one, shake(&client, &server, "a.test").unwrap().leaf);
    let table = store.resolver().table();
    assert_eq!(table.identity("::1"), table.nameless());
    assert_ne!(table.identity("a.test"), table.nameless());
}

#[test]
fn a_site_for_any_host_serves_every_name_and_none() {
    let world = World::new();
    let any = world.write("any", &Leaf::of(&["x.test", "127.0.0.1"]));
    let (store, _) = world.open(&plan(vec![site("", Some(&any))]));
    let (client, server) = (world.client(&store), server(&store));
    for name in ["x.test", "127.0.0.1"] {
        assert_eq!(shake(&client, &server, name).unwrap().leaf, leaf_in(&any));
    }
    let (store, _) = World::new().open(&plan(vec![site("", None)]));
    let (client, server) = (world.client(&store), crate::support::server(&store));
    for name in ["localhost", "127.0.0.1", "::1"] {
        shake(&client, &server, name).unwrap();
    }
    assert!(matches!(shake(&client, &server, "other.test"), Err(Error::InvalidCertificate(_))));
}

#[test]
fn shared_certificates_serve_every_name_they_carry() {
    let world = World::new();
    let expired = Leaf { names: vec!["a.test", "old.test"], years: (2010, 2011) };
    let certificates =
        vec![world.write("expired", &expired), world.write("good", &Leaf::of(&["a.test", "b.test"]))];
    let good = leaf_in(&certificates[1]);
    let tls = Tls { certificates, ..Tls::default() };
    let (store, _) = world.open(&Plan { tls, sites: vec![site("a.test", None).into()], ..Plan::default() });
    let (client, server) = (world.client(&store), server(&store));
    assert_eq!(shake(&client, &server, "a.test").unwrap().leaf, good);
    assert_eq!(shake(&client, &server, "b.test").unwrap().leaf, good);
    assert!(store.resolver().table().identity("old.test").is_some());
    assert!(store.authority().is_none(), "nothing needs the own authority");
}

#[test]
fn the_key_exchange_is_post_quantum_and_the_protocol_http_1_1() {
    let world = World::new();
    let (store, _) = world.open(&plan(vec![site("a.test", None)]));
    let shaken = shake(&world.client(&store), &server(&store), "a.test").unwrap();
    let group = shaken.client.negotiated_key_exchange_group().map(|group| group.name());
    assert_eq!(group, Some(NamedGroup::X25519MLKEM768));
    assert_eq!(shaken.server.alpn_protocol(), Some(b"http/1.1".as_slice()));
    assert_eq!(shaken.client.protocol_version(), Some(ProtocolVersion::TLSv1_3));
}

#[test]
fn the_lowest_version_is_the_plans() {
    let world = World::new();
    let (store, _) = world.open(&plan(vec![site("a.test", None)]));
    let builder =
        rustls::ClientConfig::builder_with_provider(Arc::clone(world.client(&store).crypto_provider()));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS12]).unwrap();
    let old = Arc::new(builder.with_root_certificates(world.roots(&store)).with_no_client_auth());
    shake(&old, &server(&store), "a.test").unwrap();
    let strict = Tls { min_version: TlsVersion::V1_3, ..Tls::default() };
    let strict = server_with(&store, &strict, ticketer().unwrap());
    let refused = shake(&old, &strict, "a.test").unwrap_err();
    assert_eq!(refused, Error::AlertReceived(AlertDescription::ProtocolVersion));
}

#[test]
fn a_protocol_that_is_not_served_is_refused() {
    let world = World::new();
    let (store, _) = world.open(&plan(vec![site("a.test", None)]));
    let mut client = (*world.client(&store)).clone();
    client.alpn_protocols = vec![b"h2".to_vec()];
    let client = Arc::new(client);
    let shaken = shake(&client, &server(&store), "a.test").unwrap();
    assert_eq!(shaken.server.alpn_protocol(), Some(b"h2".as_slice()));
    let without = server_with(&store, &Tls { http2: false, ..Tls::default() }, ticketer().unwrap());
    let refused = shake(&client, &without, "a.test").unwrap_err();
    assert_eq!(refused, Error::AlertReceived(AlertDescription::NoApplicationProtocol));
}

#[test]
fn sessions_outlive_a_reload_but_not_their_keys() {
    let world = World::new();
    let (store, _) = world.open(&plan(vec![site("a.test", None)]));
    let keys = ticketer().unwrap();
    let client = world.client(&store);
    let kind = |keys| shake(&client, &server_with(&store, &Tls::default(), keys), "a.test").unwrap().kind;
    assert_ne!(kind(Arc::clone(&keys)), HandshakeKind::Resumed);
    assert_eq!(kind(Arc::clone(&keys)), HandshakeKind::Resumed);
    assert_eq!(kind(keys), HandshakeKind::Resumed, "one ticket a handshake is enough to go on");
    assert_ne!(kind(ticketer().unwrap()), HandshakeKind::Resumed);
}
