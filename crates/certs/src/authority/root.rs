//! The authority's own certificate and key on disk: made once, read ever after, set aside when damaged.

use super::issue::{certificate_serial, set_validity};
use super::{Authority, AuthorityError, AuthorityFacts};
use crate::event::Event;
use crate::files::{self, FileError};
use crate::state::{StateFolder, set_aside, write_private};
use crate::validity::{Day, Validity};
use aws_lc_rs::signature::{ECDSA_P256_SHA256_ASN1, UnparsedPublicKey};
use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose, PublicKeyData,
};
use rustls::RootCertStore;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::ServerCertVerifier;
use rustls_pki_types::CertificateDer;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use x509_parser::parse_x509_certificate;

/// Ten years: longer than most machines, and clients are told once.
const LIFE: Duration = Duration::from_secs(3652 * 24 * 60 * 60);
/// Clocks of clients may be behind.
const BACKDATE: Duration = Duration::from_secs(60 * 60);
/// Characters of a common name at most (RFC 5280, appendix A.1).
const LONGEST_COMMON_NAME: usize = 64;

struct Paths {
    folder: PathBuf,
    certificate: PathBuf,
    key: PathBuf,
}

/// Why the files are no authority.
enum Unusable {
    /// They do not exist.
    Missing,
    /// They do, and cannot be read now; they may be good.
    Unreadable(FileError),
    /// They are not what they should be; the reason is for people.
    Damaged(String),
}

pub(super) fn open(state: &StateFolder, now: SystemTime) -> Result<(Authority, Vec<Event>), AuthorityError> {
    let folder = state.authority();
    let paths = Paths { certificate: folder.join("root.pem"), key: folder.join("root.key"), folder };
    state.create_private(&paths.folder).map_err(AuthorityError::State)?;
    let mut events = Vec::new();
    match load(&paths) {
        Ok(authority) if !authority.is_ending(now) => return Ok((authority, events)),
        Ok(authority) => {
            let reason = format!("it ends on {}", Day(authority.facts.validity.not_after));
            put_away(&paths, &reason, now, &mut events)?;
        }
        Err(Unusable::Missing) => {}
        Err(Unusable::Unreadable(error)) => return Err(AuthorityError::Unreadable(error)),
        Err(Unusable::Damaged(reason)) => put_away(&paths, &reason, now, &mut events)?,
    }
    let authority = make(&paths, now)?;
    let facts = &authority.facts;
    events.push(Event::AuthorityMade { certificate: facts.path.clone(), fingerprint: facts.fingerprint });
    Ok((authority, events))
}

/// Sets both files aside: one without the other is of no use.
fn put_away(
    paths: &Paths,
    reason: &str,
    now: SystemTime,
    events: &mut Vec<Event>,
) -> Result<(), AuthorityError> {
    for path in [&paths.certificate, &paths.key] {
        if path.symlink_metadata().is_ok() {
            let to = set_aside(path, now).map_err(AuthorityError::State)?;
            events.push(Event::SetAside { path: path.clone(), to, reason: reason.to_owned() });
        }
    }
    Ok(())
}

fn load(paths: &Paths) -> Result<Authority, Unusable> {
    let (certificate, key) = match (read(&paths.certificate), read(&paths.key)) {
        (Err(Unusable::Missing), Err(Unusable::Missing)) => return Err(Unusable::Missing),
        (Err(Unusable::Missing), _) => return Err(Unusable::Damaged("its certificate is missing".into())),
        (_, Err(Unusable::Missing)) => return Err(Unusable::Damaged("its key is missing".into())),
        (certificate, key) => (certificate?, key?),
    };
    // The text of the errors of the key's reader is not passed on: nothing of a key may reach a log.
    let key = KeyPair::from_pem(&key).map_err(|_| Unusable::Damaged("its key cannot be read".into()))?;
    assemble(paths, certificate, key)
}

fn read(path: &Path) -> Result<String, Unusable> {
    match files::read(path) {
        Ok((bytes, _)) => String::from_utf8(bytes).map_err(|_| Unusable::Damaged("it is not text".into())),
        Err(FileError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Err(Unusable::Missing)
        }
        Err(error @ FileError::Unreadable { .. }) => Err(Unusable::Unreadable(error)),
        Err(error) => Err(Unusable::Damaged(error.to_string())),
    }
}

/// An authority from its certificate and key, when they belong together and can issue.
fn assemble(paths: &Paths, pem: String, key: KeyPair) -> Result<Authority, Unusable> {
    let damaged = |reason: &str| Unusable::Damaged(reason.to_owned());
    let (chain, parsed) = files::read_chain(&paths.certificate, pem.as_bytes())
        .map_err(|error| Unusable::Damaged(error.to_string()))?;
    let (der, parsed) = (&chain[0], &parsed[0]);
    if !parsed.is_authority {
        return Err(damaged("its certificate is not one of an authority"));
    }
    if parsed.public_key != key.subject_public_key_info() {
        return Err(damaged("its key does not belong to its certificate"));
    }
    if !signs_itself(der) {
        return Err(damaged("its certificate does not sign itself"));
    }
    let client = client_of(der).ok_or_else(|| damaged("no client could trust its certificate"))?;
    let facts = AuthorityFacts::new(parsed, der, pem, &paths.certificate);
    let issuer = Issuer::from_ca_cert_der(der, key).map_err(|_| damaged("its certificate cannot issue"))?;
    Ok(Authority { issuer, client, facts })
}

/// Whether a certificate is signed with its own key, as [`make`] signs it: otherwise a bit of it is not what it was.
fn signs_itself(der: &CertificateDer<'_>) -> bool {
    let Ok((_, parsed)) = parse_x509_certificate(der) else { return false };
    let key = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, &parsed.public_key().subject_public_key.data);
    key.verify(parsed.tbs_certificate.as_ref(), &parsed.signature_value.data).is_ok()
}

/// A client that trusts this certificate and no other.
fn client_of(root: &CertificateDer<'static>) -> Option<Arc<dyn ServerCertVerifier>> {
    let mut roots = RootCertStore::empty();
    roots.add(root.clone()).ok()?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider).build().ok()?;
    Some(verifier)
}

fn make(paths: &Paths, now: SystemTime) -> Result<Authority, AuthorityError> {
    let key = KeyPair::generate().map_err(AuthorityError::Make)?;
    let certificate = parameters(now)?.self_signed(&key).map_err(AuthorityError::Make)?;
    let pem = certificate.pem();
    // The key first: a certificate without its key would be given to clients and then replaced.
    write_private(&paths.key, key.serialize_pem().as_bytes()).map_err(AuthorityError::State)?;
    write_private(&paths.certificate, pem.as_bytes()).map_err(AuthorityError::State)?;
    assemble(paths, pem, key).map_err(|_| AuthorityError::Make(rcgen::Error::CouldNotParseCertificate))
}

fn parameters(now: SystemTime) -> Result<CertificateParams, AuthorityError> {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name(&hostname()));
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = name;
    set_validity(&mut parameters, Validity::starting(now, BACKDATE, LIFE));
    parameters.serial_number = Some(certificate_serial().map_err(AuthorityError::Make)?);
    parameters.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    parameters.key_usages = vec![KeyUsagePurpose::KeyCertSign];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    Ok(parameters)
}

fn common_name(hostname: &str) -> String {
    format!("Portcullis local authority on {hostname}").chars().take(LONGEST_COMMON_NAME).collect()
}

/// What this machine calls itself. The name is for people; nothing depends on it.
fn hostname() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name: String = name.chars().filter(char::is_ascii_graphic).collect();
    if name.is_empty() { "this machine".into() } else { name }
}
