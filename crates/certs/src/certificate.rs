//! What a certificate says about itself, read from its DER. Verifies no signature.

use crate::names;
use crate::validity::Validity;
use model::host::HostPattern;
use rustls_pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::GeneralName;
use x509_parser::parse_x509_certificate;
use x509_parser::x509::X509Name;

/// What a certificate says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Certificate {
    /// The names of its subjectAltName extension, in its order; what SNI cannot ask for is left out.
    pub(crate) names: Vec<HostPattern>,
    /// From when until when.
    pub(crate) validity: Validity,
    /// Who issued it, for people.
    pub(crate) issuer: String,
    /// The issuer and the subject as DER, to compare the links of a chain.
    pub(crate) issuer_der: Vec<u8>,
    /// See `issuer_der`.
    pub(crate) subject_der: Vec<u8>,
    /// The SubjectPublicKeyInfo as DER.
    pub(crate) public_key: Vec<u8>,
    /// Whether it may issue others.
    pub(crate) is_authority: bool,
}

impl Certificate {
    /// Reads a certificate. `None` when it is not one, or when bytes follow it.
    pub(crate) fn parse(der: &CertificateDer<'_>) -> Option<Self> {
        let (rest, parsed) = parse_x509_certificate(der).ok()?;
        if !rest.is_empty() {
            return None;
        }
        let validity = parsed.validity();
        Some(Self {
            names: subject_names(&parsed),
            validity: Validity::from_timestamps(
                validity.not_before.timestamp(),
                validity.not_after.timestamp(),
            ),
            issuer: readable(parsed.issuer()),
            issuer_der: parsed.issuer().as_raw().to_vec(),
            subject_der: parsed.subject().as_raw().to_vec(),
            public_key: parsed.public_key().raw.to_vec(),
            is_authority: parsed.is_ca(),
        })
    }
}

/// The names of the subjectAltName extension. The common name is not one: no client has read it for years.
fn subject_names(parsed: &X509Certificate<'_>) -> Vec<HostPattern> {
    let Ok(Some(extension)) = parsed.subject_alternative_name() else { return Vec::new() };
    let name = |general: &GeneralName<'_>| match general {
        GeneralName::DNSName(text) => names::from_dns(text),
        GeneralName::IPAddress(bytes) => names::from_address(bytes),
        _ => None,
    };
    extension.value.general_names.iter().filter_map(name).collect()
}

/// The common name, or the whole name where there is none. Control characters are made visible: the text reaches
/// terminals and logs, and whoever made the certificate chose it.
fn readable(name: &X509Name<'_>) -> String {
    let common = name.iter_common_name().next().and_then(|attribute| attribute.as_str().ok());
    let text = common.map_or_else(|| name.to_string(), str::to_owned);
    text.chars()
        .flat_map(|c| if c.is_control() { c.escape_default().collect::<Vec<_>>() } else { vec![c] })
        .collect()
}
