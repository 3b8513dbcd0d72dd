//! The settings of TLS in a client.

use std::fmt;
use std::sync::Arc;

use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};

use super::connector::{TlsConnector, server_name};
use super::dangerous::AnyCertificate;
use super::error::TlsConfigError;
use super::pins::Pins;
use super::trust::Trust;
use super::{ALPN, pem, provider};

/// How a client uses TLS. The default trusts what the platform trusts, has no certificate of its own, and offers TLS 1.3 and 1.2
/// with the ALPN protocol `http/1.1`.
///
/// ```no_run
/// use ws_common::tls::TlsOptions;
///
/// let connector = TlsOptions::new()
///     .ca(&std::fs::read("ca.pem")?)?
///     .client_certificate(&std::fs::read("client.pem")?, &std::fs::read("client.key")?)?
///     .build()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// For other settings, a program brings a [`rustls::ClientConfig`] of its own: [`TlsConnector::from`].
#[derive(Default)]
pub struct TlsOptions {
    /// Root certificates that replace the platform's.
    roots: Option<RootCertStore>,
    /// Certificates that were given as `ca`.
    given: Vec<CertificateDer<'static>>,
    pins: Pins,
    crls: Vec<CertificateRevocationListDer<'static>>,
    any_certificate: Option<AnyCertificate>,
    identity: Option<(Vec<CertificateDer<'static>>, PrivateKeyDer<'static>)>,
    server_name: Option<ServerName<'static>>,
}

impl TlsOptions {
    /// Every default.
    pub fn new() -> Self {
        Self::default()
    }

    /// Trusts the certificate authorities in `pem`, one or more in PEM or one in DER, *instead of* those of the platform.
    /// Further calls and `webpki_roots` add authorities. It excludes `dangerous_accept_any_certificate`.
    ///
    /// One of them may be the server's own certificate, as `openssl req -x509 -addext subjectAltName=DNS:host …` makes them. It is trusted
    /// without an authority, after its names (subjectAltName alone) and its dates were checked.
    pub fn ca(mut self, pem: &[u8]) -> Result<Self, TlsConfigError> {
        for certificate in pem::certificates(pem)? {
            self.roots().add(certificate.clone()).map_err(TlsConfigError::Rustls)?;
            self.given.push(certificate);
        }
        Ok(self)
    }

    /// Refuses servers whose certificates are in these certificate revocation lists (RFC 5280 §5), one or more in PEM or one in DER. Further
    /// calls add lists. They need [`ca`](Self::ca) or `webpki_roots`; without them, [`build`](Self::build) fails.
    ///
    /// Every authority in the chain of a server needs a list, except for the root's own certificate; without one its servers are refused.
    /// A list counts after its `nextUpdate`, too. [`TlsConnector::replace_crls`] replaces the lists later.
    pub fn crls(mut self, crls: &[u8]) -> Result<Self, TlsConfigError> {
        self.crls.extend(pem::crls(crls)?);
        Ok(self)
    }

    /// Trusts Mozilla's certificate authorities as they were when the crate `webpki-roots` was released, instead of those of
    /// the platform: for containers that have none. Those of [`ca`](Self::ca) are added.
    #[cfg(feature = "webpki-roots")]
    pub fn webpki_roots(mut self) -> Self {
        self.roots().extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
        self
    }

    /// Accepts only a server whose own certificate has this SHA-256 hash: 64 hexadecimal digits, with colons or without, as
    /// `openssl x509 -noout -fingerprint -sha256` prints them after the `=`.
    ///
    /// A pin is checked in addition to the authorities, the dates and the names, as curl does; only `dangerous_accept_any_certificate`
    /// leaves the pin as the sole check. Further calls, also of [`pin_public_key_sha256`](Self::pin_public_key_sha256), add pins. One pin must match,
    /// so a program can pin the next certificate before the server changes it. Pins also hold after a redirect.
    ///
    /// ```
    /// use ws_common::{ConnectOptions, tls::TlsOptions};
    ///
    /// # fn options() -> Result<ConnectOptions, Box<dyn std::error::Error>> {
    /// let hash = "9F:86:D0:81:88:4C:7D:65:9A:2F:EA:A0:C5:5A:D0:15:A3:BF:4F:1B:2B:0B:82:2C:D1:5D:6C:15:B0:F0:0A:08";
    /// let tls = TlsOptions::new().pin_certificate_sha256(hash)?.build()?;
    /// let options = ConnectOptions::new("wss://broker.example/orders").tls(tls);
    /// # Ok(options)
    /// # }
    /// ```
    pub fn pin_certificate_sha256(mut self, hash: &str) -> Result<Self, TlsConfigError> {
        self.pins.add_certificate(hash)?;
        Ok(self)
    }

    /// Accepts only a server whose public key (SubjectPublicKeyInfo, RFC 7469 §2.4) has this SHA-256 hash: `sha256//` and base64, as
    /// curl's `--pinnedpubkey` takes it. A renewed certificate with the same key has the same hash.
    ///
    /// All else is as with [`pin_certificate_sha256`](Self::pin_certificate_sha256).
    pub fn pin_public_key_sha256(mut self, hash: &str) -> Result<Self, TlsConfigError> {
        self.pins.add_public_key(hash)?;
        Ok(self)
    }

    /// Shows this certificate to servers that ask for one: the chain in PEM, its own certificate first, and its private key in
    /// PEM (PKCS #8, PKCS #1 or SEC 1, not encrypted). Whether they fit is checked by [`build`](Self::build).
    pub fn client_certificate(mut self, chain: &[u8], key: &[u8]) -> Result<Self, TlsConfigError> {
        self.identity = Some((pem::certificates(chain)?, pem::key(key)?));
        Ok(self)
    }

    /// Expects the certificate of this host name or IP address, and asks for it (SNI), whatever the URL says. `Host` stays that
    /// of the URL.
    pub fn server_name(mut self, name: &str) -> Result<Self, TlsConfigError> {
        self.server_name = Some(server_name(name)?);
        Ok(self)
    }

    /// Accepts every certificate, so that a stranger between client and server can read and change everything. For tests.
    ///
    /// It needs the feature `dangerous-tls`, which is off by default, so that `cargo tree -e features` shows whether a program can do it.
    ///
    /// The permission ends with the origin of the URL: a redirect to another origin is verified with the platform's authorities.
    /// Together with [`ca`](Self::ca) or `webpki_roots`, in either order, [`build`](Self::build) fails.
    #[cfg(feature = "dangerous-tls")]
    pub fn dangerous_accept_any_certificate(mut self) -> Self {
        self.any_certificate = Some(AnyCertificate);
        self
    }

    /// Loads the authorities. A program does it once, because sessions are resumed only among connections of one connector. Of those, a
    /// session is resumed on the same route alone: directly, or through the same proxy with the same user.
    pub fn build(self) -> Result<TlsConnector, TlsConfigError> {
        // With a pin, a redirect to another origin keeps this connector, and so the pin.
        let accepts_any_certificate = self.any_certificate.is_some() && self.pins.is_empty();
        let trust = Trust {
            roots: self.roots.map(Arc::new),
            given: self.given.into(),
            pins: self.pins,
            any_certificate: self.any_certificate,
        };
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(TlsConfigError::Rustls)?
            .dangerous()
            .with_custom_certificate_verifier(trust.verifier(self.crls)?);
        let mut config = match self.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                builder.with_client_auth_cert(chain, key).map_err(TlsConfigError::Rustls)?
            }
        };
        config.alpn_protocols = vec![ALPN.to_vec()];
        Ok(TlsConnector::of_options(config, self.server_name, accepts_any_certificate, trust))
    }

    /// The program's own roots, from now on.
    fn roots(&mut self) -> &mut RootCertStore {
        self.roots.get_or_insert_with(RootCertStore::empty)
    }
}

/// Without keys.
impl fmt::Debug for TlsOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsOptions")
            .field("roots", &self.roots.as_ref().map(RootCertStore::len))
            .field("pins", &self.pins)
            .field("accepts_any_certificate", &self.any_certificate.is_some())
            .field("has_client_certificate", &self.identity.is_some())
            .field("server_name", &self.server_name)
            .finish()
    }
}
