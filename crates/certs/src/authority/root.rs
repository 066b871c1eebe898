//! The authority's own certificate and key on disk: made once, read ever after, set aside when damaged.

use super::issue::{certificate_serial, set_validity};
use super::{Authority, AuthorityError, AuthorityFacts};
use crate::event::Event;
use crate::files::{self, FileError};
use crate::state::{StateFolder, set_aside, write_private, write_private_pair};
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
    /// They are not what they should be.
    Damaged(Box<Damage>),
}

/// What is wrong with an authority.
struct Damage {
    /// For people.
    reason: String,
    /// Its key, where that is whole. Whoever trusts a certificate of it trusts the next one with the same name as well.
    key: Option<KeyPair>,
}

fn damaged(reason: String, key: Option<KeyPair>) -> Unusable {
    Unusable::Damaged(Box::new(Damage { reason, key }))
}

pub(super) fn open(state: &StateFolder, now: SystemTime) -> Result<(Authority, Vec<Event>), AuthorityError> {
    let folder = state.authority();
    let paths = Paths { certificate: folder.join("root.pem"), key: folder.join("root.key"), folder };
    state.create_private(&paths.folder).map_err(AuthorityError::State)?;
    match load(&paths) {
        Ok(authority) if authority.is_ending(now) => Ok(succeed(&paths, authority, now)),
        Ok(authority) => Ok((authority, Vec::new())),
        Err(Unusable::Missing) => {
            let authority = make(&paths, now)?;
            let AuthorityFacts { path, fingerprint, .. } = authority.facts.clone();
            Ok((authority, vec![Event::AuthorityMade { certificate: path, fingerprint }]))
        }
        Err(Unusable::Unreadable(error)) => Err(AuthorityError::Unreadable(error)),
        Err(Unusable::Damaged(damage)) => mend(&paths, *damage, now),
    }
}

/// Another authority in the place of one that ends. Where it cannot be kept, the one that ends goes on.
fn succeed(paths: &Paths, ending: Authority, now: SystemTime) -> (Authority, Vec<Event>) {
    let reason = format!("it ends on {}", Day(ending.facts.validity.not_after));
    match make(paths, now) {
        Ok(authority) => {
            let event = Event::AuthorityReplaced { reason, is_lost: false };
            (authority, vec![event])
        }
        Err(error) => (ending, vec![Event::AuthorityNotReplaced { reason, error }]),
    }
}

/// Sets aside what is damaged. A key that is whole gets a new certificate; without it there is another authority, which
/// nobody trusts yet.
fn mend(paths: &Paths, damage: Damage, now: SystemTime) -> Result<(Authority, Vec<Event>), AuthorityError> {
    let Damage { reason, key } = damage;
    let mut events = Vec::new();
    put_away(&paths.certificate, &reason, &mut events)?;
    let authority = match key {
        Some(key) => {
            let authority = certify(paths, key, now)?;
            events.push(Event::AuthorityMended { certificate: paths.certificate.clone() });
            authority
        }
        None => {
            put_away(&paths.key, &reason, &mut events)?;
            let authority = make(paths, now)?;
            events.push(Event::AuthorityReplaced { reason, is_lost: true });
            authority
        }
    };
    Ok((authority, events))
}

fn put_away(path: &Path, reason: &str, events: &mut Vec<Event>) -> Result<(), AuthorityError> {
    if path.symlink_metadata().is_ok() {
        let to = set_aside(path).map_err(AuthorityError::State)?;
        events.push(Event::SetAside { path: path.to_owned(), to, reason: reason.to_owned() });
    }
    Ok(())
}

fn load(paths: &Paths) -> Result<Authority, Unusable> {
    let without_key = |reason: String| damaged(reason, None);
    let (certificate, key) = match (read(&paths.certificate)?, read(&paths.key)?) {
        (Content::Missing, Content::Missing) => return Err(Unusable::Missing),
        (_, Content::Missing) => return Err(without_key("its key is missing".into())),
        (_, Content::Damaged(reason)) => return Err(without_key(reason)),
        (certificate, Content::Text(key)) => (certificate, key),
    };
    // The text of the errors of the key's reader is not passed on: nothing of a key may reach a log.
    let key = KeyPair::from_pem(&key).map_err(|_| without_key("its key cannot be read".into()))?;
    let reason = match certificate {
        Content::Text(pem) => return assemble(paths, pem, key),
        Content::Missing => "its certificate is missing".into(),
        Content::Damaged(reason) => reason,
    };
    Err(damaged(reason, Some(key)))
}

/// What a file says.
enum Content {
    Missing,
    Damaged(String),
    Text(String),
}

fn read(path: &Path) -> Result<Content, Unusable> {
    match files::read(path) {
        Ok((bytes, _)) => Ok(String::from_utf8(bytes)
            .map_or_else(|_| Content::Damaged("it is not text".into()), Content::Text)),
        Err(FileError::Unreadable { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
            Ok(Content::Missing)
        }
        Err(error @ FileError::Unreadable { .. }) => Err(Unusable::Unreadable(error)),
        Err(error) => Ok(Content::Damaged(error.to_string())),
    }
}

/// An authority from its certificate and key, when they belong together and can issue.
fn assemble(paths: &Paths, pem: String, key: KeyPair) -> Result<Authority, Unusable> {
    // A certificate that is whole, and not that of the key, says that the key is not what it was.
    let other = |reason: &str| damaged(reason.to_owned(), None);
    let (chain, parsed) = match files::read_chain(&paths.certificate, pem.as_bytes()) {
        Ok(chain) => chain,
        Err(error) => return Err(damaged(error.to_string(), Some(key))),
    };
    let (der, parsed) = (&chain[0], &parsed[0]);
    if !parsed.is_authority {
        return Err(other("its certificate is not one of an authority"));
    }
    if !signs_itself(der) {
        let reason = "its certificate does not sign itself".to_owned();
        return Err(damaged(reason, Some(key)));
    }
    if parsed.public_key != key.subject_public_key_info() {
        return Err(other("its key does not belong to its certificate"));
    }
    let client = client_of(der).ok_or_else(|| other("no client could trust its certificate"))?;
    let facts = AuthorityFacts::new(parsed, der, pem, &paths.certificate);
    let issuer = Issuer::from_ca_cert_der(der, key).map_err(|_| other("its certificate cannot issue"))?;
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
    let (pem, key_pem) = (certificate(&key, now)?, key.serialize_pem());
    // The key first: a certificate without its key would be given to clients and then replaced.
    write_private_pair([(&paths.key, key_pem.as_bytes()), (&paths.certificate, pem.as_bytes())])
        .map_err(AuthorityError::State)?;
    made(paths, pem, key)
}

/// Makes the certificate of a key that is kept.
fn certify(paths: &Paths, key: KeyPair, now: SystemTime) -> Result<Authority, AuthorityError> {
    let pem = certificate(&key, now)?;
    write_private(&paths.certificate, pem.as_bytes()).map_err(AuthorityError::State)?;
    made(paths, pem, key)
}

fn certificate(key: &KeyPair, now: SystemTime) -> Result<String, AuthorityError> {
    Ok(parameters(now)?.self_signed(key).map_err(AuthorityError::Make)?.pem())
}

fn made(paths: &Paths, pem: String, key: KeyPair) -> Result<Authority, AuthorityError> {
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
