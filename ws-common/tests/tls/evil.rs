//! A server that shakes hands by the book, and then puts into well-formed records whatever it likes.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::crypto::cipher::{MessageEncrypter, OutboundChunks, OutboundPlainMessage};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{
    CipherSuite, ConnectionTrafficSecrets, ContentType, ProtocolVersion, ServerConfig, ServerConnection,
    SupportedCipherSuite, SupportedProtocolVersion,
};
use ws_common::rustls;
use ws_core::Machine;

use crate::authority::{Identity, provider};
use crate::support::{at, feed, write_some};

pub(crate) struct Evil {
    encrypter: Box<dyn MessageEncrypter>,
    sequence: u64,
}

/// Suites whose keys have 32 bytes, and whose nonces are made of the sequence number alone.
const SUITES: [CipherSuite; 2] =
    [CipherSuite::TLS13_CHACHA20_POLY1305_SHA256, CipherSuite::TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256];

impl Evil {
    /// Shakes hands with `client`.
    pub(crate) fn meet<M: Machine>(
        identity: &Identity,
        version: &'static SupportedProtocolVersion,
        client: &mut M,
    ) -> Self {
        let mut provider: CryptoProvider = Arc::unwrap_or_clone(provider());
        provider.cipher_suites.retain(|suite| SUITES.contains(&suite.suite()));
        let chain = CertificateDer::pem_slice_iter(identity.chain.as_bytes()).map(Result::unwrap).collect();
        let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
        let mut config = ServerConfig::builder_with_provider(Arc::new(provider))
            .with_protocol_versions(&[version])
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(chain, key)
            .unwrap();
        config.enable_secret_extraction = true;
        let mut server = ServerConnection::new(Arc::new(config)).unwrap();
        loop {
            let bytes = write_some(client, usize::MAX, at(0));
            server.read_tls(&mut &bytes[..]).unwrap();
            server.process_new_packets().unwrap();
            let mut answer = Vec::new();
            while server.wants_write() {
                server.write_tls(&mut answer).unwrap();
            }
            if answer.is_empty() {
                break;
            }
            feed(client, &answer, at(0));
        }
        let suite = server.negotiated_cipher_suite().unwrap();
        let (sequence, secrets) = server.dangerous_extract_secrets().unwrap().tx;
        let ConnectionTrafficSecrets::Chacha20Poly1305 { key, iv } = secrets else { panic!("another suite") };
        let encrypter = match suite {
            SupportedCipherSuite::Tls13(suite) => suite.aead_alg.encrypter(key, iv),
            SupportedCipherSuite::Tls12(suite) => suite.aead_alg.encrypter(key, iv.as_ref(), &[]),
        };
        Self { encrypter, sequence }
    }

    /// A record of this type.
    pub(crate) fn record(&mut self, typ: ContentType, payload: &[u8]) -> Vec<u8> {
        let payload = OutboundChunks::Single(payload);
        let message = OutboundPlainMessage { typ, version: ProtocolVersion::TLSv1_2, payload };
        self.sequence += 1;
        self.encrypter.encrypt(message, self.sequence - 1).unwrap().encode()
    }
}

/// RFC 8446 §4.6.1: a ticket with this ordinal, of no use.
pub(crate) fn ticket(n: u32, len: u16) -> Vec<u8> {
    let mut body = Vec::new();
    body.extend_from_slice(&7200u32.to_be_bytes());
    body.extend_from_slice(&n.to_be_bytes());
    body.extend_from_slice(&[4]);
    body.extend_from_slice(&n.to_be_bytes());
    body.extend_from_slice(&len.to_be_bytes());
    body.resize(body.len() + usize::from(len), 7);
    body.extend_from_slice(&[0, 0]);
    let mut message = vec![4];
    message.extend_from_slice(&(body.len() as u32).to_be_bytes()[1..]);
    message.extend(body);
    message
}
