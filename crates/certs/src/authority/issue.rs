//! Makes one leaf: key, certificate, signature. Keeps nothing.

use crate::validity::{Validity, seconds};
use model::host::HostPattern;
use rcgen::{
    CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, SanType, SerialNumber, date_time_ymd,
};
use std::fmt;
use std::time::{Duration, SystemTime};

/// 90 days: below what every client accepts of an authority that its user trusts (Apple: 825 days), and short enough
/// that renewal is something that works.
const LIFE: Duration = Duration::from_secs(90 * 24 * 60 * 60);
/// Clocks of clients may be behind.
const BACKDATE: Duration = Duration::from_secs(60 * 60);
/// Characters of a common name at most (RFC 5280, appendix A.1).
const LONGEST_COMMON_NAME: usize = 64;

/// A new certificate and its key, both PEM.
pub(crate) struct Issued {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// Why a certificate could not be issued.
#[derive(Debug)]
pub struct IssueError(rcgen::Error);

pub(super) fn issue(
    issuer: &Issuer<'static, KeyPair>,
    authority: &Validity,
    names: &[HostPattern],
    now: SystemTime,
) -> Result<Issued, IssueError> {
    let mut validity = Validity::starting(now, BACKDATE, LIFE);
    validity.not_after = validity.not_after.min(authority.not_after);
    let key = KeyPair::generate().map_err(IssueError)?;
    let parameters = parameters(names, validity).map_err(IssueError)?;
    let certificate = parameters.signed_by(&key, issuer).map_err(IssueError)?;
    Ok(Issued { certificate: certificate.pem(), key: key.serialize_pem() })
}

fn parameters(names: &[HostPattern], validity: Validity) -> Result<CertificateParams, rcgen::Error> {
    let mut parameters = CertificateParams::default();
    parameters.distinguished_name = subject(names);
    parameters.subject_alt_names = names.iter().map(alternative_name).collect::<Result<_, _>>()?;
    set_validity(&mut parameters, validity);
    parameters.serial_number = Some(certificate_serial()?);
    parameters.is_ca = IsCa::ExplicitNoCa;
    parameters.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    parameters.use_authority_key_identifier_extension = true;
    Ok(parameters)
}

/// The first name, for people. Clients read the alternative names alone.
fn subject(names: &[HostPattern]) -> DistinguishedName {
    let first = names.first().map(ToString::to_string);
    let common = first.filter(|name| name.len() <= LONGEST_COMMON_NAME);
    let mut subject = DistinguishedName::new();
    subject.push(DnType::CommonName, common.unwrap_or_else(|| "Portcullis site".into()));
    subject
}

fn alternative_name(pattern: &HostPattern) -> Result<SanType, rcgen::Error> {
    match pattern.name().address() {
        Some(address) => Ok(SanType::IpAddress(address)),
        None => Ok(SanType::DnsName(pattern.to_string().try_into()?)),
    }
}

/// 126 random bits: positive, never zero, at most 20 bytes (RFC 5280, 4.1.2.2).
pub(super) fn certificate_serial() -> Result<SerialNumber, rcgen::Error> {
    let mut bytes = [0; 16];
    aws_lc_rs::rand::fill(&mut bytes).map_err(|_| rcgen::Error::RingUnspecified)?;
    bytes[0] = bytes[0] & 0x7f | 0x40;
    Ok(SerialNumber::from_slice(&bytes))
}

/// Sets from when until when a certificate to be made is valid.
pub(super) fn set_validity(parameters: &mut CertificateParams, validity: Validity) {
    let date = |time| date_time_ymd(1970, 1, 1) + Duration::from_secs(seconds(time));
    parameters.not_before = date(validity.not_before);
    parameters.not_after = date(validity.not_after);
}

impl fmt::Display for IssueError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the own authority cannot issue")
    }
}

impl std::error::Error for IssueError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.0)
    }
}
