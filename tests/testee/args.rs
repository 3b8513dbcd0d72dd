//! The command line.

use std::time::Duration;

use lexopt::prelude::*;
use ws_client::{ClientBuilder, ConnectError, ConnectOptions, Delivery, Reconnect, Session};
use ws_core::Config;

use crate::{Runtime, runtime};

pub(crate) const USAGE: &str = "\
usage: testee connect RUNTIME URL [--header 'Name: value']... [--subprotocol NAME]...
                      [--ping-interval SECONDS] [--pong-timeout SECONDS] [--max-message BYTES]
                      [--reconnect fixed:SECONDS|backoff|never] [--send TEXT]...
                      [--delivery at-most-once|confirmed] [--stop-after SECONDS]
       testee serve RUNTIME PORT
       testee autobahn RUNTIME URL AGENT

RUNTIME is tokio or blocking. With any option of the last two lines, connect uses the client that stays connected: --send
is queued before there is a connection, and --stop-after closes with code 1000.
";

pub(crate) enum Command {
    Help,
    /// The options may be refused: that is an outcome to report, not a wrong command line.
    Connect {
        runtime: Runtime,
        options: Box<Result<ConnectOptions, ConnectError>>,
    },
    /// The same with the client that stays connected.
    Stay {
        runtime: Runtime,
        stay: Box<Stay>,
    },
    Serve {
        runtime: Runtime,
        port: u16,
    },
    Autobahn {
        runtime: Runtime,
        url: String,
        agent: String,
    },
}

/// What the client that stays connected is to do.
pub(crate) struct Stay {
    url: String,
    headers: Vec<(String, String)>,
    subprotocols: Vec<String>,
    config: Config,
    reconnect: Reconnect,
    delivery: Delivery,
    pub(crate) send: Vec<String>,
    pub(crate) stop_after: Option<Duration>,
}

impl Stay {
    pub(crate) fn build<C: From<Session>>(&self) -> Result<C, ConnectError> {
        let mut builder = ClientBuilder::new(&self.url)
            .config(self.config.clone())
            .reconnect(self.reconnect.clone())
            .delivery(self.delivery);
        for (name, value) in &self.headers {
            builder = builder.header(name, value);
        }
        for name in &self.subprotocols {
            builder = builder.subprotocol(name);
        }
        builder.build()
    }
}

pub(crate) fn parse() -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let mut words: Vec<String> = Vec::new();
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut subprotocols: Vec<String> = Vec::new();
    let mut config = Config::default();
    let mut stays = false;
    let (mut reconnect, mut delivery) = (Reconnect::never(), Delivery::default());
    let (mut send, mut stop_after): (Vec<String>, _) = (Vec::new(), None);
    while let Some(argument) = parser.next()? {
        match argument {
            Value(word) => words.push(word.string()?),
            Short('h') | Long("help") => return Ok(Command::Help),
            Long("header") => {
                let header = parser.value()?.string()?;
                let (name, value) = header.split_once(':').ok_or("--header wants 'Name: value'")?;
                headers.push((name.into(), value.trim_start_matches(' ').into()));
            }
            Long("subprotocol") => subprotocols.push(parser.value()?.string()?),
            Long("ping-interval") => config = config.ping_interval(seconds(&mut parser)?),
            Long("pong-timeout") => config = config.pong_timeout(seconds(&mut parser)?),
            Long("max-message") => config = config.max_message_size(parser.value()?.parse()?),
            Long("reconnect") => {
                reconnect = policy(&parser.value()?.string()?)?;
                stays = true;
            }
            Long("delivery") => {
                delivery = match &*parser.value()?.string()? {
                    "at-most-once" => Delivery::AtMostOnce,
                    "confirmed" => Delivery::Confirmed,
                    other => return Err(format!("there is no delivery {other:?}").into()),
                };
                stays = true;
            }
            Long("send") => {
                send.push(parser.value()?.string()?);
                stays = true;
            }
            Long("stop-after") => {
                stop_after = Some(seconds(&mut parser)?);
                stays = true;
            }
            other => return Err(other.unexpected()),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let known = |name: &str| runtime(name).ok_or_else(|| format!("there is no runtime {name:?}"));
    Ok(match words[..] {
        ["connect", name, url] if stays => {
            let url = url.into();
            let stay = Stay { url, headers, subprotocols, config, reconnect, delivery, send, stop_after };
            Command::Stay { runtime: known(name)?, stay: Box::new(stay) }
        }
        ["connect", name, url] => {
            let options = options(url, config, &headers, &subprotocols);
            Command::Connect { runtime: known(name)?, options: Box::new(options) }
        }
        ["serve", name, port] => Command::Serve {
            runtime: known(name)?,
            port: port.parse().map_err(|_| format!("{port:?} is not a port"))?,
        },
        ["autobahn", name, url, agent] => {
            Command::Autobahn { runtime: known(name)?, url: url.into(), agent: agent.into() }
        }
        _ => return Err("see testee --help".into()),
    })
}

fn policy(name: &str) -> Result<Reconnect, lexopt::Error> {
    Ok(match name.split_once(':') {
        None if name == "never" => Reconnect::never(),
        None if name == "backoff" => Reconnect::backoff(),
        Some(("fixed", seconds)) => Reconnect::after(duration(seconds)?),
        _ => return Err(format!("there is no policy {name:?}").into()),
    })
}

fn duration(seconds: &str) -> Result<Duration, lexopt::Error> {
    let seconds: f64 = seconds.parse().map_err(|_| format!("{seconds:?} is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string().into())
}

fn seconds(parser: &mut lexopt::Parser) -> Result<Duration, lexopt::Error> {
    duration(&parser.value()?.string()?)
}

fn options(
    url: &str,
    config: Config,
    headers: &[(String, String)],
    subprotocols: &[String],
) -> Result<ConnectOptions, ConnectError> {
    let mut options = ConnectOptions::new(url)?.config(config);
    for (name, value) in headers {
        options = options.header(name, value)?;
    }
    for name in subprotocols {
        options = options.subprotocol(name)?;
    }
    Ok(options)
}
