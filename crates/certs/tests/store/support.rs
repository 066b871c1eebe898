//! What the tests of the store share: plans, a certificate authority with files, handshakes in memory, a clock.

#![expect(clippy::unwrap_used, reason = "tests")]

use certs::{Event, StateFolder, Store, server_config, ticketer};
use model::host::HostPattern;
use model::plan::{CertificateFiles, Plan, Scheme, Site, SiteAddress, Tls};
use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair, date_time_ymd};
use rustls::server::ProducesTickets;
use rustls::{ClientConfig, ClientConnection, HandshakeKind, RootCertStore, ServerConfig, ServerConnection};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tempfile::TempDir;

/// When the tests begin: now, because the clients of rustls read the real clock.
pub(crate) fn begin() -> SystemTime {
    SystemTime::now()
}

pub(crate) const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// Folders and an authority that stands for a public one.
pub(crate) struct World {
    pub(crate) folder: TempDir,
    public: Issuer<'static, KeyPair>,
    pub(crate) root: CertificateDer<'static>,
}

/// How a certificate of [`World::write`] is made.
#[derive(Clone)]
pub(crate) struct Leaf {
    pub(crate) names: Vec<&'static str>,
    pub(crate) years: (i32, i32),
}

impl Leaf {
    pub(crate) fn of(names: &[&'static str]) -> Self {
        Self { names: names.to_vec(), years: (2020, 2090) }
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, "public authority");
        let root = parameters.self_signed(&key).unwrap().der().clone();
        let public = Issuer::new(parameters, key);
        Self { folder: tempfile::tempdir().unwrap(), public, root }
    }

    pub(crate) fn state(&self) -> StateFolder {
        StateFolder::new(self.folder.path().join("state"))
    }

    /// Where the files of a name are.
    pub(crate) fn files(&self, name: &str) -> CertificateFiles {
        let path = |end: &str| self.folder.path().join(format!("{name}.{end}"));
        CertificateFiles { certificate: path("pem"), key: path("key") }
    }

    /// Makes a certificate and its key, PEM.
    pub(crate) fn make(&self, leaf: &Leaf) -> (String, String) {
        let key = KeyPair::generate().unwrap();
        let names: Vec<String> = leaf.names.iter().map(|name| (*name).to_owned()).collect();
        let mut parameters = CertificateParams::new(names).unwrap();
        parameters.distinguished_name.push(DnType::CommonName, "leaf");
        parameters.not_before = date_time_ymd(leaf.years.0, 1, 1);
        parameters.not_after = date_time_ymd(leaf.years.1, 1, 1);
        let certificate = parameters.signed_by(&key, &self.public).unwrap();
        (certificate.pem(), key.serialize_pem())
    }

    /// Writes a certificate of the public authority to the files of a name.
    pub(crate) fn write(&self, name: &str, leaf: &Leaf) -> CertificateFiles {
        let files = self.files(name);
        let (certificate, key) = self.make(leaf);
        put(&files.certificate, certificate);
        put(&files.key, key);
        files
    }

    pub(crate) fn open(&self, plan: &Plan) -> (Store, Vec<Event>) {
        Store::open(self.state(), plan, begin()).unwrap()
    }

    /// The public authority, and the own one of a store.
    pub(crate) fn roots(&self, store: &Store) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots.add(self.root.clone()).unwrap();
        if let Some(own) = store.authority() {
            roots.add(CertificateDer::from_pem_slice(own.facts().pem.as_bytes()).unwrap()).unwrap();
        }
        roots
    }

    /// A client that trusts both.
    pub(crate) fn client(&self, store: &Store) -> Arc<ClientConfig> {
        let roots = self.roots(store);
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Arc::new(config)
    }
}

/// Writes a file that its owner alone can read, by replacing it.
pub(crate) fn put(path: &Path, content: impl AsRef<[u8]>) {
    let beside = path.with_extension("beside");
    std::fs::write(&beside, content).unwrap();
    std::fs::set_permissions(&beside, std::fs::Permissions::from_mode(0o600)).unwrap();
    std::fs::rename(&beside, path).unwrap();
}

pub(crate) fn pattern(text: &str) -> HostPattern {
    HostPattern::parse(text).unwrap()
}

/// An HTTPS site; `""` is any host.
pub(crate) fn site(host: &str, certificate: Option<&CertificateFiles>) -> Site {
    let host_pattern = (!host.is_empty()).then(|| pattern(host));
    Site {
        label: host.to_owned(),
        address: SiteAddress { scheme: Scheme::Https, host: host_pattern, port: None },
        aliases: Vec::new(),
        routes: Vec::new(),
        certificate: certificate.cloned(),
        hsts: None,
        error_pages: Vec::new(),
        maintenance: None,
        on: None,
        from: Vec::new(),
    }
}

pub(crate) fn plan(sites: Vec<Site>) -> Plan {
    Plan { sites: sites.into_iter().map(Into::into).collect(), ..Plan::default() }
}

pub(crate) fn server(store: &Store) -> Arc<ServerConfig> {
    server_with(store, &Tls::default(), ticketer().unwrap())
}

pub(crate) fn server_with(store: &Store, tls: &Tls, ticketer: Arc<dyn ProducesTickets>) -> Arc<ServerConfig> {
    server_config(store.resolver(), tls, ticketer)
}

/// What came of a handshake.
#[derive(Debug)]
pub(crate) struct Shaken {
    pub(crate) leaf: CertificateDer<'static>,
    pub(crate) kind: HandshakeKind,
    pub(crate) client: ClientConnection,
    pub(crate) server: ServerConnection,
}

/// A whole handshake in memory. The name of an address makes the client send no SNI.
pub(crate) fn shake(
    client: &Arc<ClientConfig>,
    server: &Arc<ServerConfig>,
    name: &str,
) -> Result<Shaken, rustls::Error> {
    let name = ServerName::try_from(name.to_owned()).unwrap();
    let mut client = ClientConnection::new(Arc::clone(client), name)?;
    let mut server = ServerConnection::new(Arc::clone(server))?;
    for _ in 0..8 {
        pass(|bytes| client.write_tls(bytes), |mut bytes| server.read_tls(&mut bytes));
        let served = server.process_new_packets();
        pass(|bytes| server.write_tls(bytes), |mut bytes| client.read_tls(&mut bytes));
        client.process_new_packets()?;
        served?;
    }
    assert!(!client.is_handshaking() && !server.is_handshaking());
    let leaf = client.peer_certificates().unwrap()[0].clone().into_owned();
    Ok(Shaken { leaf, kind: client.handshake_kind().unwrap(), client, server })
}

/// Moves bytes from one side to the other.
fn pass(
    mut write: impl FnMut(&mut Vec<u8>) -> std::io::Result<usize>,
    mut read: impl FnMut(&[u8]) -> std::io::Result<usize>,
) {
    let mut bytes = Vec::new();
    while write(&mut bytes).unwrap() > 0 {}
    let mut rest = bytes.as_slice();
    while !rest.is_empty() {
        let taken = read(rest).unwrap();
        rest = &rest[taken..];
    }
}

/// The first certificate of a PEM file.
pub(crate) fn leaf_in(files: &CertificateFiles) -> CertificateDer<'static> {
    CertificateDer::from_pem_file(&files.certificate).unwrap()
}

/// Events as text, without the folders of the test.
pub(crate) fn texts(world: &World, events: &[Event]) -> Vec<String> {
    let folder = format!("{}/", world.folder.path().display());
    events.iter().map(|event| event.to_string().replace(&folder, "")).collect()
}
