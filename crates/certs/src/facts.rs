//! What can be told about a certificate in a list. Never a key.

use crate::problem::Problem;
use crate::validity::Validity;
use model::host::HostPattern;
use model::plan::CertificateFiles;
use std::fmt;
use std::path::PathBuf;

/// What can be told about a certificate.
#[derive(Clone, Debug)]
pub struct CertificateFacts {
    /// The names that it carries.
    pub names: Vec<HostPattern>,
    /// Where it comes from.
    pub source: Source,
    /// Who issued it.
    pub issuer: String,
    /// From when until when it is valid.
    pub validity: Validity,
    /// SHA-256 of the certificate.
    pub fingerprint: Fingerprint,
    /// The PEM file of the chain and that of the key.
    pub files: CertificateFiles,
    /// The sites that it serves, by their label.
    pub used_for: Vec<String>,
    /// What is wrong with it.
    pub problems: Vec<Problem>,
}

/// Where a certificate comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Files that the configuration names.
    Files,
    /// The own authority; the folder is the one beneath the state folder where it is kept.
    OwnAuthority(PathBuf),
}

/// The SHA-256 digest of a certificate's DER.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint(pub [u8; 32]);

impl Fingerprint {
    pub(crate) fn of(der: &[u8]) -> Self {
        let mut bytes = [0; 32];
        bytes.copy_from_slice(aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der).as_ref());
        Self(bytes)
    }

    /// The first eight hexadecimal digits: enough to tell the certificates of a machine apart.
    #[must_use]
    pub fn short(&self) -> String {
        self.0[..4].iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl fmt::Display for Fingerprint {
    /// Hexadecimal in lower case, without separators.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fingerprint({self})")
    }
}
