//! TLS on both ends: whom a client trusts, what a server proves its name with. `http_client`, `websocket` and
//! `http_server` run their handshakes here, over streams that `dial` and `listen` handed out.
//!
//! No verification can be switched off.

mod verify;

use std::sync::{Arc, OnceLock};

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, ServerConfig};
use tokio::net::TcpStream;
use tokio_rustls::{TlsAcceptor, TlsConnector, TlsStream};

use self::verify::Verifier;
use super::error::Error;
use super::stream::Stream;
use crate::permissions::Host;

/// The protocols that a connection may carry, the preferred one first (RFC 7301).
#[derive(Clone, Copy)]
pub(crate) enum Protocols {
    /// HTTP/2 where both ends speak it.
    Http,
    /// A WebSocket begins as HTTP/1.1.
    Http1,
}

impl Protocols {
    fn names(self) -> Vec<Vec<u8>> {
        match self {
            Protocols::Http => vec![b"h2".to_vec(), b"http/1.1".to_vec()],
            Protocols::Http1 => vec![b"http/1.1".to_vec()],
        }
    }
}

/// The authorities that clients trust unless told of more: those of the web (Mozilla's list) and those of the system.
/// Read when first needed, as most scripts never speak TLS.
#[derive(Default)]
pub(crate) struct Trust(OnceLock<Arc<RootCertStore>>);

impl Trust {
    fn roots(&self) -> Arc<RootCertStore> {
        let load = || {
            let mut roots = RootCertStore {
                roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
            };
            let system = rustls_native_certs::load_native_certs();
            for error in &system.errors {
                tracing::debug!(error = error.to_string(), "the system's certificates");
            }
            // A certificate that does not parse vouches for nobody; the others still do.
            roots.add_parsable_certificates(system.certs);
            Arc::new(roots)
        };
        self.0.get_or_init(load).clone()
    }
}

/// The client's end.
#[derive(Clone)]
pub(crate) struct Client(TlsConnector);

impl Client {
    /// A client that trusts `trust`, and what `authorities` (PEM) adds to it.
    pub(crate) fn new(
        trust: &Trust,
        authorities: Option<&str>,
        protocols: Protocols,
    ) -> Result<Client, Error> {
        let mut roots = trust.roots();
        if let Some(text) = authorities {
            let own = Arc::make_mut(&mut roots);
            for certificate in certificates(text, "ca")? {
                own.add(certificate).map_err(|error| {
                    Error::Tls(format!("a certificate of 'ca' is no authority's: {error}"))
                })?;
            }
        }
        let verifier = Verifier::new(roots).map_err(Error::Tls)?;
        let mut config = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| Error::Tls(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = protocols.names();
        Ok(Client(TlsConnector::from(Arc::new(config))))
    }

    /// Shakes hands with the server that calls itself `host`.
    ///
    /// Cancel safety: dropping the future closes the connection.
    pub(crate) async fn shake_hands(&self, stream: TcpStream, host: &Host) -> Result<Stream, Error> {
        let name = match host {
            Host::Ip(address) => ServerName::from(*address),
            Host::Name(name) => ServerName::try_from(name.to_string())
                .map_err(|_| Error::Tls(format!("no certificate can be for the name {name}")))?,
        };
        match TlsConnector::connect(&self.0, name, stream).await {
            Ok(stream) => Ok(Stream::Tls(Box::new(TlsStream::Client(stream)))),
            Err(error) => Err(verify::failure(&error)),
        }
    }
}

/// The server's end.
#[derive(Clone)]
pub(crate) struct Server(TlsAcceptor);

impl Server {
    /// A server that proves its name with these certificates and this key (PEM).
    pub(crate) fn new(chain: &str, key: &str) -> Result<Server, Error> {
        let chain = certificates(chain, "cert")?;
        check_length(key, "key")?;
        let key = PrivateKeyDer::from_pem_slice(key.as_bytes()).map_err(|error| match error {
            pem::Error::NoItemsFound => Error::Tls(
                "there is no private key in 'key' (PEM: PKCS #8, PKCS #1 or SEC1, not encrypted)".to_owned(),
            ),
            other => Error::Tls(format!("'key' is no PEM: {other}")),
        })?;
        let config = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .and_then(|builder| builder.with_no_client_auth().with_single_cert(chain, key));
        let mut config = config.map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                Error::Tls("'key' is not the key of the first certificate in 'cert'".to_owned())
            }
            other => Error::Tls(format!("'cert' and 'key' can't be used: {other}")),
        })?;
        config.alpn_protocols = Protocols::Http.names();
        Ok(Server(TlsAcceptor::from(Arc::new(config))))
    }

    /// Shakes hands with a client.
    ///
    /// Cancel safety: dropping the future closes the connection.
    pub(crate) async fn shake_hands(&self, stream: TcpStream) -> std::io::Result<Stream> {
        let stream = self.0.accept(stream).await?;
        Ok(Stream::Tls(Box::new(TlsStream::Server(stream))))
    }
}

/// Named, as a process-wide default would be global state.
fn provider() -> Arc<rustls::crypto::CryptoProvider> {
    Arc::new(rustls::crypto::ring::default_provider())
}

/// Bytes of a PEM text. It is read each time that it is given, and pools are kept by it.
const LONGEST_PEM: usize = 1 << 20;

fn check_length(text: &str, field: &str) -> Result<(), Error> {
    match text.len() {
        0..=LONGEST_PEM => Ok(()),
        length => Err(Error::Tls(format!(
            "'{field}' has {length} bytes, at most {LONGEST_PEM} are read"
        ))),
    }
}

/// The certificates in a PEM text, at least one; `field` is what scripts call it.
fn certificates(text: &str, field: &str) -> Result<Vec<CertificateDer<'static>>, Error> {
    check_length(text, field)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(text.as_bytes()).collect();
    match found {
        Ok(found) if found.is_empty() => Err(Error::Tls(format!(
            "there is no certificate in '{field}' (PEM: -----BEGIN CERTIFICATE-----)"
        ))),
        Ok(found) => Ok(found),
        Err(error) => Err(Error::Tls(format!("'{field}' is no PEM: {error}"))),
    }
}
