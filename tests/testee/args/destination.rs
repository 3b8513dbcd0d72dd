//! How the server is reached, and the server's own side of it: proxies and TLS, from the command line.

use std::time::Duration;

use lexopt::prelude::*;
use ws_common::{
    AcceptOptions, ConnectError, ConnectOptions,
    tls::{TlsAcceptor, TlsConfigError, TlsConnector, TlsOptions},
};

/// What a client was told. Files are read as soon as they are named: one that is not there is a wrong command line, one that
/// is of no use is an outcome.
#[derive(Default)]
pub(crate) struct Destination {
    proxy: Option<String>,
    is_proxy_from_environment: bool,
    proxy_ca: Option<Vec<u8>>,
    ca: Option<Vec<u8>>,
    certificate: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
    server_name: Option<String>,
    is_insecure: bool,
    open_timeout: Option<Duration>,
}

/// What a server was told.
#[derive(Default)]
pub(crate) struct Identity {
    certificate: Option<Vec<u8>>,
    key: Option<Vec<u8>>,
    client_ca: Option<Vec<u8>>,
}

impl Destination {
    /// Takes an option of the command line, if it is one of these.
    pub(crate) fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<bool, lexopt::Error> {
        match name {
            "proxy" => self.proxy = Some(parser.value()?.string()?),
            "proxy-from-env" => self.is_proxy_from_environment = true,
            "proxy-ca" => self.proxy_ca = Some(file(parser)?),
            "ca" => self.ca = Some(file(parser)?),
            "client-cert" => self.certificate = Some(file(parser)?),
            "client-key" => self.key = Some(file(parser)?),
            "server-name" => self.server_name = Some(parser.value()?.string()?),
            "insecure" => self.is_insecure = true,
            "open-timeout" => self.open_timeout = Some(super::seconds(parser)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(crate) fn check(&self) -> Result<(), lexopt::Error> {
        together("--client-cert", &self.certificate, "--client-key", &self.key)
    }

    pub(crate) fn apply(&self, mut options: ConnectOptions) -> Result<ConnectOptions, ConnectError> {
        if let Some(timeout) = self.open_timeout {
            options = options.open_timeout(timeout);
        }
        if let Some(tls) = self.tls()? {
            options = options.tls(tls);
        }
        if let Some(tls) = self.proxy_tls()? {
            options = options.proxy_tls(tls);
        }
        if self.is_proxy_from_environment {
            options = options.proxy_from_environment();
        }
        Ok(match &self.proxy {
            Some(url) => options.proxy(url),
            None => options,
        })
    }

    /// The TLS of the target; `None` is the default.
    fn tls(&self) -> Result<Option<TlsConnector>, TlsConfigError> {
        let mut is_default = true;
        let mut tls = TlsOptions::new();
        if let Some(ca) = &self.ca {
            tls = tls.ca(ca)?;
            is_default = false;
        }
        if let (Some(certificate), Some(key)) = (&self.certificate, &self.key) {
            tls = tls.client_certificate(certificate, key)?;
            is_default = false;
        }
        if let Some(name) = &self.server_name {
            tls = tls.server_name(name)?;
            is_default = false;
        }
        if self.is_insecure {
            tls = tls.dangerous_accept_any_certificate();
            is_default = false;
        }
        if is_default { Ok(None) } else { tls.build().map(Some) }
    }

    fn proxy_tls(&self) -> Result<Option<TlsConnector>, TlsConfigError> {
        match &self.proxy_ca {
            Some(ca) => TlsOptions::new().ca(ca)?.build().map(Some),
            None => Ok(None),
        }
    }
}

impl Identity {
    /// Takes an option of the command line, if it is one of these.
    pub(crate) fn take(&mut self, name: &str, parser: &mut lexopt::Parser) -> Result<bool, lexopt::Error> {
        match name {
            "cert" => self.certificate = Some(file(parser)?),
            "key" => self.key = Some(file(parser)?),
            "client-ca" => self.client_ca = Some(file(parser)?),
            _ => return Ok(false),
        }
        Ok(true)
    }

    pub(crate) fn options(&self) -> Result<AcceptOptions, lexopt::Error> {
        together("--cert", &self.certificate, "--key", &self.key)?;
        let (Some(certificate), Some(key)) = (&self.certificate, &self.key) else {
            return match &self.client_ca {
                None => Ok(AcceptOptions::default()),
                Some(_) => Err("--client-ca wants --cert and --key".into()),
            };
        };
        let tls = match &self.client_ca {
            None => TlsAcceptor::new(certificate, key),
            Some(ca) => TlsAcceptor::with_client_ca(certificate, key, ca),
        };
        Ok(AcceptOptions::default().tls(tls.map_err(|error| error.to_string())?))
    }
}

fn together<T>(one: &str, first: &Option<T>, other: &str, second: &Option<T>) -> Result<(), lexopt::Error> {
    if first.is_some() == second.is_some() {
        return Ok(());
    }
    Err(format!("{one} and {other} want each other").into())
}

fn file(parser: &mut lexopt::Parser) -> Result<Vec<u8>, lexopt::Error> {
    let path = parser.value()?;
    std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()).into())
}
