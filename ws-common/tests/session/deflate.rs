//! Compression where this is built with it, and nothing where it is not.

use ws_common::session::{ClientBuilder, Session};
use ws_core::Config;
#[cfg(feature = "deflate")]
use ws_core::Deflate;

use crate::support::client;

/// A client that compresses everything, if the server wants it.
pub(crate) fn compressing() -> ClientBuilder<Session> {
    #[cfg(feature = "deflate")]
    return client().deflate(Deflate::default().min_size(0));
    #[cfg(not(feature = "deflate"))]
    client()
}

/// The settings of a server that accepts permessage-deflate or does not.
pub(crate) fn server(compresses: bool) -> Config {
    let config = Config::default().ping_interval(None);
    #[cfg(feature = "deflate")]
    return config.deflate(compresses.then(Deflate::default));
    #[cfg(not(feature = "deflate"))]
    (compresses, config).1
}

/// The user says whether what it sends from now on is to be compressed, or (`None`) gives back the memory for that.
pub(crate) fn say(session: &mut Session, wanted: Option<bool>) {
    #[cfg(feature = "deflate")]
    match wanted {
        Some(wanted) => session.compress(wanted),
        None => session.release_compressor(),
    }
    #[cfg(not(feature = "deflate"))]
    let _ = (session, wanted);
}
