//! Verification of a server's certificate, and what a failed handshake means in words.

use std::io;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, OtherError, RootCertStore, SignatureScheme};
use webpki::EndEntityCert;

use super::super::error::Error;

/// webpki's verification; it only tells a self-signed certificate from one of an unknown authority.
#[derive(Debug)]
pub(super) struct Verifier {
    inner: Arc<WebPkiServerVerifier>,
    roots: Arc<RootCertStore>,
}

/// A certificate whose issuer is itself, and that nothing else vouches for.
#[derive(Debug, thiserror::Error)]
#[error("self-signed")]
struct SelfSigned;

impl Verifier {
    pub(super) fn new(roots: Arc<RootCertStore>) -> Result<Verifier, String> {
        WebPkiServerVerifier::builder_with_provider(roots.clone(), super::provider())
            .build()
            .map(|inner| Verifier { inner, roots })
            .map_err(|error| error.to_string())
    }

    /// Whether nobody but the certificate itself vouches for it. One that the script trusts by `ca` is none of these.
    fn is_self_signed(&self, certificate: &CertificateDer<'_>) -> bool {
        EndEntityCert::try_from(certificate).is_ok_and(|certificate| {
            let subject = certificate.subject();
            let mut trusted = self.roots.roots.iter().map(|root| root.subject.as_ref());
            certificate.issuer() == subject && !trusted.any(|root| root == subject)
        })
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let verified =
            self.inner
                .verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now);
        match verified {
            Err(rustls::Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::Other(_),
            )) if self.is_self_signed(end_entity) => Err(rustls::Error::InvalidCertificate(
                CertificateError::Other(OtherError(Arc::new(SelfSigned))),
            )),
            other => other,
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

/// Why a client's handshake failed.
pub(super) fn failure(error: &io::Error) -> Error {
    let cause = error
        .get_ref()
        .and_then(|inner| inner.downcast_ref::<rustls::Error>());
    match cause {
        Some(rustls::Error::InvalidCertificate(fault)) => Error::Tls(certificate_fault(fault)),
        Some(rustls::Error::AlertReceived(alert)) => {
            Error::Tls(format!("the server refused the handshake ({alert:?})"))
        }
        Some(rustls::Error::InvalidMessage(_)) => Error::Tls("the server does not speak TLS".to_owned()),
        Some(other) => Error::Tls(other.to_string()),
        None => match error.kind() {
            io::ErrorKind::UnexpectedEof => {
                Error::Tls("the server closed the connection during the handshake".to_owned())
            }
            _ => Error::ConnectionReset,
        },
    }
}

fn certificate_fault(fault: &CertificateError) -> String {
    match fault {
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "the server's certificate has expired".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "the server's certificate is not valid yet".to_owned()
        }
        CertificateError::NotValidForName => "the server's certificate is for another name".to_owned(),
        CertificateError::NotValidForNameContext { expected, presented } => format!(
            "the server's certificate is for another name: asked for {}, it is for {}",
            expected.to_str(),
            if presented.is_empty() { "none".to_owned() } else { presented.join(", ") },
        ),
        CertificateError::UnknownIssuer => {
            "the server's certificate is from an unknown authority (add that authority's certificate to tls.ca, \
             if you trust it)"
                .to_owned()
        }
        CertificateError::Other(OtherError(other)) if other.is::<SelfSigned>() => {
            "the server's certificate is self-signed (add it to tls.ca, if you trust it)".to_owned()
        }
        CertificateError::Other(OtherError(other))
            if other.downcast_ref::<webpki::Error>() == Some(&webpki::Error::CaUsedAsEndEntity) =>
        {
            "the server's certificate is an authority's own (CA:TRUE), which is not valid for a server".to_owned()
        }
        other => format!("the server's certificate is not valid: {other}"),
    }
}
