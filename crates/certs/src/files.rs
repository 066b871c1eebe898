//! Certificates from files that somebody else keeps: reads a chain and its key, and says precisely what is wrong.
//! Never writes, and never puts a byte of a key into an error.

use crate::certificate::Certificate;
use crate::facts::Fingerprint;
use crate::pair::{Pair, signer};
use crate::problem::Problem;
use model::plan::CertificateFiles;
use rustix::fs::{Mode, OFlags};
use rustls::sign::SigningKey;
use rustls_pki_types::pem::{self, PemObject};
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use std::fmt;
use std::fs::{File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// Bytes of a file at most. A chain of four RSA certificates has 8 KiB.
const LARGEST: u64 = 1 << 20;

/// A chain and a key that belong together.
#[derive(Clone)]
pub(crate) struct Loaded {
    /// Both, for handshakes. What signs is made by whoever serves them.
    pub(crate) pair: Arc<Pair>,
    /// The leaf.
    pub(crate) leaf: Certificate,
    /// Of the leaf.
    pub(crate) fingerprint: Fingerprint,
    /// What is wrong whatever time it is and whichever site uses it.
    pub(crate) problems: Vec<Problem>,
}

/// Why a certificate cannot be served from files.
#[derive(Debug)]
pub enum FileError {
    /// A file cannot be read.
    Unreadable {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A path is not that of a regular file.
    NotAFile {
        /// The path.
        path: PathBuf,
    },
    /// A file is larger than any certificate or key.
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A file is not valid PEM (RFC 7468).
    BadPem {
        /// The file.
        path: PathBuf,
        /// Why.
        source: pem::Error,
    },
    /// There is no certificate in the file.
    NoCertificate {
        /// The file.
        path: PathBuf,
        /// Whether there is a key in it.
        has_key: bool,
    },
    /// A certificate cannot be read.
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// Which, from 1.
        position: usize,
    },
    /// There is no private key in the file.
    NoKey {
        /// The file.
        path: PathBuf,
        /// Whether there is a certificate in it.
        has_certificate: bool,
    },
    /// The private key is encrypted.
    EncryptedKey {
        /// The file.
        path: PathBuf,
    },
    /// The private key cannot be read, or is of a kind that TLS does not use.
    BadKey {
        /// The file.
        path: PathBuf,
        /// Why.
        source: rustls::Error,
    },
    /// The key belongs to a certificate of the chain that is not the first.
    LeafNotFirst {
        /// The chain.
        path: PathBuf,
        /// Where the key's certificate stands, from 1.
        position: usize,
    },
    /// The key does not belong to the certificate.
    KeyMismatch {
        /// The chain.
        certificate: PathBuf,
        /// The key.
        key: PathBuf,
    },
}

impl FileError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Unreadable { path, source } if source.kind() == io::ErrorKind::PermissionDenied => {
                let advice = "let the user that runs portcullis read it, and enter every folder above it";
                format!("{advice}: ls -l {}", path.display())
            }
            Self::Unreadable { .. } | Self::NotAFile { .. } | Self::TooLarge { .. } => {
                "give the path of a PEM file that exists".into()
            }
            Self::BadPem { path, .. } => {
                let path = path.display();
                format!(
                    "openssl x509 -in {path} -noout, or openssl pkey -in {path} -noout, shows what is damaged"
                )
            }
            Self::NoCertificate { has_key: true, .. } => "are certificate and key exchanged?".into(),
            Self::NoCertificate { .. } => {
                "PEM starts with -----BEGIN CERTIFICATE-----; convert DER by openssl x509 -inform der".into()
            }
            Self::BadCertificate { .. } => "get the file anew from whoever issued it".into(),
            Self::NoKey { has_certificate: true, .. } => "are certificate and key exchanged?".into(),
            Self::NoKey { .. } => "a PEM key starts with -----BEGIN PRIVATE KEY-----".into(),
            Self::EncryptedKey { path } => {
                let advice = "keep it without a passphrase, readable by its owner alone";
                format!("{advice}: openssl pkey -in {} -out key.pem", path.display())
            }
            Self::BadKey { .. } => {
                "use an ECDSA P-256 or P-384, an RSA (2048 bits or more) or an Ed25519 key".into()
            }
            Self::LeafNotFirst { .. } => {
                "put the certificate of the key first, then each one's issuer".into()
            }
            Self::KeyMismatch { certificate, key } => format!(
                "compare openssl x509 -in {} -noout -pubkey with openssl pkey -in {} -pubout",
                certificate.display(),
                key.display()
            ),
        }
    }
}

/// Reads a chain and its key. Answers what the system says of both files as well.
pub(crate) fn load(files: &CertificateFiles) -> Result<(Loaded, [Metadata; 2]), FileError> {
    let (chain, chain_facts) = read(&files.certificate)?;
    let (key, facts) = read(&files.key)?;
    let mut loaded = from_pem(files, &chain, &key)?;
    // A group is a choice of the operator's, as with Debian's `ssl-cert`; everybody is not.
    if facts.mode() & 0o007 != 0 {
        loaded.problems.push(Problem::KeyReadable { key: files.key.clone(), mode: facts.mode() & 0o777 });
    }
    Ok((loaded, [chain_facts, facts]))
}

/// Reads what is, or will be, in a pair of files.
pub(crate) fn from_pem(files: &CertificateFiles, chain: &[u8], key: &[u8]) -> Result<Loaded, FileError> {
    let (chain, parsed) = read_chain(&files.certificate, chain)?;
    let (der, signer) = read_key(&files.key, key)?;
    let leaf = matching_leaf(files, signer.as_ref(), &parsed)?.clone();
    let fingerprint = Fingerprint::of(&chain[0]);
    let problems = chain_problems(&parsed);
    Ok(Loaded { pair: Arc::new(Pair::new(chain, der)), leaf, fingerprint, problems })
}

/// Reads a small regular file. Does not wait for a FIFO that nobody writes to.
pub(crate) fn read(path: &Path) -> Result<(Vec<u8>, Metadata), FileError> {
    let unreadable = |source| FileError::Unreadable { path: path.to_owned(), source };
    let flags = OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NONBLOCK | OFlags::NOCTTY;
    let file =
        File::from(rustix::fs::open(path, flags, Mode::empty()).map_err(|errno| unreadable(errno.into()))?);
    let facts = file.metadata().map_err(unreadable)?;
    if !facts.is_file() {
        return Err(FileError::NotAFile { path: path.to_owned() });
    }
    let bytes = content(&file, facts.len()).map_err(unreadable)?;
    if bytes.len() as u64 > LARGEST {
        return Err(FileError::TooLarge { path: path.to_owned() });
    }
    Ok((bytes, facts))
}

/// What is in a file that should have so many bytes, and a byte above [`LARGEST`] at most. One read is enough where it
/// has them.
fn content(mut file: &File, length: u64) -> io::Result<Vec<u8>> {
    let length = usize::try_from(length.min(LARGEST)).unwrap_or(0);
    let mut bytes = vec![0; length + 1];
    let first = match file.read(&mut bytes) {
        Err(error) if error.kind() == io::ErrorKind::Interrupted => 0,
        first => first?,
    };
    bytes.truncate(first);
    if first != length {
        file.take(LARGEST + 1 - first as u64).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

type Chain = (Vec<CertificateDer<'static>>, Vec<Certificate>);

/// The certificates of a PEM file, at least one.
pub(crate) fn read_chain(path: &Path, text: &[u8]) -> Result<Chain, FileError> {
    let chain: Vec<_> = CertificateDer::pem_slice_iter(text)
        .collect::<Result<_, _>>()
        .map_err(|source| FileError::BadPem { path: path.to_owned(), source: without_content(source) })?;
    if chain.is_empty() {
        let has_key = PrivateKeyDer::from_pem_slice(text).is_ok();
        return Err(FileError::NoCertificate { path: path.to_owned(), has_key });
    }
    let parse = |(index, der): (usize, &CertificateDer<'_>)| {
        Certificate::parse(der)
            .ok_or(FileError::BadCertificate { path: path.to_owned(), position: index + 1 })
    };
    let parsed = chain.iter().enumerate().map(parse).collect::<Result<_, _>>()?;
    Ok((chain, parsed))
}

type Key = (PrivateKeyDer<'static>, Arc<dyn SigningKey>);

/// The first private key of a PEM file: PKCS #8, PKCS #1 or SEC 1.
pub(crate) fn read_key(path: &Path, text: &[u8]) -> Result<Key, FileError> {
    if is_encrypted(text) {
        return Err(FileError::EncryptedKey { path: path.to_owned() });
    }
    let key = PrivateKeyDer::from_pem_slice(text).map_err(|source| match source {
        pem::Error::NoItemsFound => FileError::NoKey {
            path: path.to_owned(),
            has_certificate: CertificateDer::from_pem_slice(text).is_ok(),
        },
        source => FileError::BadPem { path: path.to_owned(), source: without_content(source) },
    })?;
    let signer = signer(&key).map_err(|source| FileError::BadKey { path: path.to_owned(), source })?;
    Ok((key, signer))
}

/// PKCS #8 says so in its label, the older forms in a header line.
fn is_encrypted(text: &[u8]) -> bool {
    let contains = |needle: &[u8]| text.windows(needle.len()).any(|window| window == needle);
    contains(b"-----BEGIN ENCRYPTED PRIVATE KEY-----") || contains(b"Proc-Type: 4,ENCRYPTED")
}

/// An error of the PEM reader without the text that it quotes: the text may be a line of a key.
fn without_content(error: pem::Error) -> pem::Error {
    match error {
        pem::Error::IllegalSectionStart { .. } => {
            pem::Error::IllegalSectionStart { line: b"(not shown)".to_vec() }
        }
        pem::Error::Base64Decode(_) => pem::Error::Base64Decode("invalid characters or length".into()),
        other => other,
    }
}

/// The first certificate, when the key belongs to it.
fn matching_leaf<'a>(
    files: &CertificateFiles,
    key: &dyn SigningKey,
    chain: &'a [Certificate],
) -> Result<&'a Certificate, FileError> {
    // rustls knows the public key of every kind of key that its provider loads; a provider that did not would leave
    // it to the handshake to fail.
    let Some(public_key) = key.public_key() else { return Ok(&chain[0]) };
    match chain.iter().position(|certificate| certificate.public_key == *public_key) {
        Some(0) => Ok(&chain[0]),
        Some(index) => Err(FileError::LeafNotFirst { path: files.certificate.clone(), position: index + 1 }),
        None => {
            Err(FileError::KeyMismatch { certificate: files.certificate.clone(), key: files.key.clone() })
        }
    }
}

/// What is wrong with a chain, apart from dates.
fn chain_problems(chain: &[Certificate]) -> Vec<Problem> {
    let no_names = chain[0].names.is_empty().then_some(Problem::NoNames);
    let broken = chain.windows(2).position(|pair| pair[0].issuer_der != pair[1].subject_der);
    let out_of_order = broken.map(|index| Problem::ChainOutOfOrder { position: index + 2 });
    no_names.into_iter().chain(out_of_order).collect()
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unreadable { path, source } if source.kind() == io::ErrorKind::NotFound => {
                write!(f, "{} does not exist", path.display())
            }
            Self::Unreadable { path, .. } => write!(f, "{} cannot be read", path.display()),
            Self::NotAFile { path } => write!(f, "{} is not a file", path.display()),
            Self::TooLarge { path } => write!(f, "{} is larger than 1 MiB", path.display()),
            Self::BadPem { path, .. } => write!(f, "{} is not valid PEM", path.display()),
            Self::NoCertificate { path, .. } => write!(f, "{} has no certificate in it", path.display()),
            Self::BadCertificate { path, position } => {
                write!(f, "certificate {position} in {} cannot be read", path.display())
            }
            Self::NoKey { path, .. } => write!(f, "{} has no private key in it", path.display()),
            Self::EncryptedKey { path } => write!(f, "the key in {} is encrypted", path.display()),
            Self::BadKey { path, .. } => write!(f, "the key in {} cannot be used", path.display()),
            Self::LeafNotFirst { path, position } => {
                write!(f, "the key belongs to certificate {position} in {}, not to the first", path.display())
            }
            Self::KeyMismatch { certificate, key } => {
                write!(
                    f,
                    "the key {} does not belong to the certificate {}",
                    key.display(),
                    certificate.display()
                )
            }
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Unreadable { source, .. } => Some(source),
            Self::BadPem { source, .. } => Some(source),
            Self::BadKey { source, .. } => Some(source),
            _ => None,
        }
    }
}
