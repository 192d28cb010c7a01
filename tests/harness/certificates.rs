//! Certificates made afresh for a test: an authority that nobody trusts until a test says so, and what it
//! signs. Called by the tests that speak TLS, those of the suite and those of `peers`.

use std::path::{Path, PathBuf};

use libtest_mimic::Failed;
use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, date_time_ymd,
};

/// What is right or wrong with a certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Good, for `localhost`, `127.0.0.1` and `[::1]`.
    Localhost,
    /// For the same names, and over since 2020.
    Expired,
    /// For the same names, and good from the year 4000 on.
    NotYetValid,
    /// Good, for `other.test` alone.
    OtherName,
    /// For the same names as [`Kind::Localhost`], signed by its own key and not by the authority.
    SelfSigned,
}

/// A certificate authority.
pub(crate) struct Authority {
    /// Its certificate, for those who shall trust it.
    pub(crate) ca_pem: String,
    issuer: Issuer<'static, KeyPair>,
}

/// What a server shows, and the key that proves it.
#[derive(Clone)]
pub(crate) struct Identity {
    /// The server's certificate alone; its issuer is [`Authority::ca_pem`].
    pub(crate) cert_pem: String,
    /// The private key, as PKCS #8.
    pub(crate) key_pem: String,
}

impl Authority {
    /// Makes an authority with a new key.
    pub(crate) fn new() -> Result<Self, Failed> {
        let mut params = CertificateParams::new(Vec::new())?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Atoll test authority");
        params.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let key = KeyPair::generate()?;
        Ok(Self {
            ca_pem: params.self_signed(&key)?.pem(),
            issuer: Issuer::new(params, key),
        })
    }

    /// Issues a server's certificate with a key of its own.
    pub(crate) fn issue(&self, kind: Kind) -> Result<Identity, Failed> {
        let names = match kind {
            Kind::OtherName => vec!["other.test".to_owned()],
            _ => vec!["localhost".to_owned(), "127.0.0.1".to_owned(), "::1".to_owned()],
        };
        let mut params = CertificateParams::new(names)?;
        params
            .distinguished_name
            .push(DnType::CommonName, "Atoll test server");
        params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        match kind {
            Kind::Expired => params.not_after = date_time_ymd(2020, 1, 1),
            Kind::NotYetValid => params.not_before = date_time_ymd(4000, 1, 1),
            _ => {}
        }
        let key = KeyPair::generate()?;
        let certificate = if kind == Kind::SelfSigned {
            params.self_signed(&key)?
        } else {
            // Strict verifiers (Python's, from 3.13 on) want to find the issuer's key named.
            params.use_authority_key_identifier_extension = true;
            params.signed_by(&key, &self.issuer)?
        };
        Ok(Identity {
            cert_pem: certificate.pem(),
            key_pem: key.serialize_pem(),
        })
    }
}

/// Where the files of [`Authority::write`] are.
pub(crate) struct Files {
    /// The authority's certificate.
    pub(crate) ca: PathBuf,
    /// The server's certificate.
    pub(crate) cert: PathBuf,
    /// The server's key.
    pub(crate) key: PathBuf,
}

impl Authority {
    /// Writes the authority's and the server's certificate and the server's key into the folder, for
    /// programs that read files.
    pub(crate) fn write(&self, identity: &Identity, folder: &Path) -> Result<Files, Failed> {
        std::fs::create_dir_all(folder)?;
        let files = Files {
            ca: folder.join("ca.pem"),
            cert: folder.join("cert.pem"),
            key: folder.join("key.pem"),
        };
        std::fs::write(&files.ca, &self.ca_pem)?;
        std::fs::write(&files.cert, &identity.cert_pem)?;
        std::fs::write(&files.key, &identity.key_pem)?;
        Ok(files)
    }
}
