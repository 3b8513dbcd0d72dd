//! An authority and the certificates that it vouches for. The tests of ws-common have it, too.

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use ws_common::tls::{TlsAcceptor, TlsOptions};

/// A certificate authority.
pub(crate) struct Authority {
    pub(crate) issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
    pub(crate) der: Vec<u8>,
}

/// A certificate chain and its key, in PEM.
pub(crate) struct Identity {
    pub(crate) chain: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new() -> Self {
        let mut params = CertificateParams::new([]).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        // Two of one name would be taken for each other.
        params.distinguished_name.push(DnType::CommonName, key.serialize_pem());
        let certificate = params.self_signed(&key).unwrap();
        let (pem, der) = (certificate.pem(), certificate.der().to_vec());
        Self { issuer: Issuer::new(params, key), pem, der }
    }

    /// A certificate for these names or addresses.
    pub(crate) fn issue(&self, names: &[&str]) -> Identity {
        self.issue_with(names, |_| {})
    }

    pub(crate) fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        let mut params = CertificateParams::new(names).unwrap();
        change(&mut params);
        let key = KeyPair::generate().unwrap();
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Identity { chain: certificate.pem(), key: key.serialize_pem() }
    }

    /// A client that trusts this authority alone.
    pub(crate) fn options(&self) -> TlsOptions {
        TlsOptions::new().ca(self.pem.as_bytes()).unwrap()
    }
}

impl Identity {
    pub(crate) fn acceptor(&self) -> TlsAcceptor {
        TlsAcceptor::new(self.chain.as_bytes(), self.key.as_bytes()).unwrap()
    }
}
