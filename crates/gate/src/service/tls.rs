//! TLS towards instances: verified unless the operator switched it off by name.

use crate::given::Given;
use model::plan::{InstanceTls, Service};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, aws_lc_rs, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Why TLS towards the instances of a service cannot be set up.
#[derive(Debug)]
pub struct InstanceTlsError {
    /// The service.
    pub service: String,
    /// The file of authorities.
    pub path: PathBuf,
    /// What is wrong with it.
    pub reason: String,
}

impl fmt::Display for InstanceTlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = self.path.display();
        write!(
            f,
            "the authorities in {path} of the service {:?} cannot be used: {}",
            self.service, self.reason
        )
    }
}

impl std::error::Error for InstanceTlsError {}

/// The TLS configuration for the instances of a service, where one of them needs it.
pub(crate) fn client_config(
    service: &Service,
    given: &Given,
) -> Result<Option<Arc<ClientConfig>>, InstanceTlsError> {
    if !service.instances.iter().any(|target| target.tls) {
        return Ok(None);
    }
    let provider = Arc::new(aws_lc_rs::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider));
    let builder =
        builder.with_safe_default_protocol_versions().expect("the provider serves the default versions");
    #[expect(clippy::disallowed_methods, reason = "the operator asked for it by name")]
    let mut config = if service.tls.verify {
        builder.with_root_certificates(roots(service, given)?).with_no_client_auth()
    } else {
        let verifier = Arc::new(Unverified { provider });
        builder.dangerous().with_custom_certificate_verifier(verifier).with_no_client_auth()
    };
    let http2 = service.instances.iter().any(|target| target.tls && target.http2);
    config.alpn_protocols = vec![if http2 { b"h2".to_vec() } else { b"http/1.1".to_vec() }];
    Ok(Some(Arc::new(config)))
}

fn roots(service: &Service, given: &Given) -> Result<RootCertStore, InstanceTlsError> {
    let InstanceTls { authorities, .. } = &service.tls;
    let mut roots = RootCertStore::empty();
    let Some(path) = authorities else {
        roots.add_parsable_certificates(given.roots.iter().map(|der| CertificateDer::from(&der[..])));
        if roots.is_empty() {
            roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        }
        return Ok(roots);
    };
    let failed =
        |reason: String| InstanceTlsError { service: service.name.clone(), path: path.clone(), reason };
    let Some(bytes) = given.authorities.get(path) else { return Err(failed("it was not read".to_owned())) };
    for certificate in CertificateDer::pem_slice_iter(bytes) {
        let certificate = certificate.map_err(|error| failed(error.to_string()))?;
        roots.add(certificate).map_err(|error| failed(error.to_string()))?;
    }
    if roots.is_empty() { Err(failed("it contains no certificate".to_owned())) } else { Ok(roots) }
}

/// Accepts every certificate: what `verify = false` asks for. Signatures are checked all the same.
#[derive(Debug)]
struct Unverified {
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
