//! Zones as firewalld writes them.

use crate::adopt::{Effect, FirewalldFiles, firewalld, to_toml};
use model::plan::InterfaceName;
use proptest::prelude::*;

const PUBLIC: &str = r#"<?xml version="1.0" encoding="utf-8"?>
<zone>
  <short>Public</short>
  <service name="ssh"/>
  <service name="dhcpv6-client"/>
  <port protocol="tcp" port="8000-8100"/>
  <masquerade/>
  <rule family="ipv4"><source address="203.0.113.0/24"/><drop/></rule>
  <rule family="ipv4"><source ipset="office"/><port protocol="tcp" port="5432"/><log prefix="pg"/><accept/></rule>
  <rule><port protocol="tcp" port="9"/><accept><limit value="1/m"/></accept></rule>
  <forward/>
</zone>"#;
const TRUSTED: &str = r#"<zone target="ACCEPT"><source address="10.0.0.0/8"/><interface name="wg0"/></zone>"#;
const SSH: &str = r#"<service><short>SSH</short><port protocol="tcp" port="22"/></service>"#;
const DHCP: &str = r#"<service><port protocol="udp" port="546"/><destination ipv6="fe80::/64"/></service>"#;
const OFFICE: &str =
    r#"<ipset type="hash:net"><entry>198.51.100.0/25</entry><entry>192.0.2.7</entry></ipset>"#;

pub(super) fn files() -> FirewalldFiles<'static> {
    FirewalldFiles {
        conf: "# zones\nDefaultZone=public\n",
        zones: vec![("public", PUBLIC), ("trusted", TRUSTED)],
        services: vec![("ssh", SSH), ("dhcpv6-client", DHCP)],
        ipsets: vec![("office", OFFICE)],
        policies: Vec::new(),
        direct: Some(
            "<direct><rule ipv=\"ipv4\" table=\"filter\" chain=\"INPUT\" priority=\"0\">-j DROP</rule></direct>",
        ),
        interfaces: ["lo", "eth0", "wg0"].map(|name| InterfaceName(name.to_owned())).to_vec(),
    }
}

#[test]
fn zones_become_the_configuration_that_is_expected() {
    let text = to_toml(&firewalld(&files()));
    let wanted = include_str!("data/firewalld/portcullis.toml");
    assert_eq!(text, wanted, "\n{text}");
}

#[test]
fn a_zone_of_one_interface_takes_it_from_the_default_zone() {
    let dmz = r#"<zone><interface name="eth1"/><port protocol="tcp" port="80"/></zone>"#;
    let zones = vec![("public", "<zone><service name=\"ssh\"/></zone>"), ("dmz", dmz)];
    let interfaces = ["eth0", "eth1"].map(|name| InterfaceName(name.to_owned())).to_vec();
    let known = firewalld(&FirewalldFiles { zones, interfaces, ..files() });
    let texts: Vec<_> =
        known.rules.iter().map(|rule| (rule.traffic[0].to_string(), rule.interface.clone())).collect();
    let on = |name: &str| Some(InterfaceName(name.to_owned()));
    assert_eq!(texts, [("80/tcp".to_owned(), on("eth1")), ("22/tcp".to_owned(), on("eth0"))]);
}

#[test]
fn what_is_no_zone_is_listed() {
    let imported = firewalld(&FirewalldFiles { zones: vec![("public", "<zone>")], ..files() });
    let files: Vec<(&str, Effect)> =
        imported.not_imported.iter().map(|left| (left.file.as_str(), left.effect)).collect();
    assert_eq!(files, [("zones/public.xml", Effect::Unknown), ("direct.xml", Effect::Unknown)]);
}

proptest! {
    #[test]
    fn any_text_is_read(
        zone in "(<zone( target=\"ACCEPT\")?>)?(<(service|port|rule|source|interface)( (name|port|address|protocol)=\"(ssh|22|::/0|tcp|.{0,4})\"){0,3}/?>|</(rule|zone)>|.{0,9}){0,9}",
        other in ".{0,60}",
    ) {
        let zones = vec![("public", zone.as_str()), ("work", other.as_str())];
        let ipsets = vec![("office", other.as_str())];
        let imported = firewalld(&FirewalldFiles { zones, ipsets, direct: Some(&zone), conf: &other, ..files() });
        prop_assert!(to_toml(&imported).contains("[firewall]"));
    }
}
