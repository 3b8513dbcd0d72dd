//! The command line.

use std::time::Duration;

use lexopt::prelude::*;
use ws_client::{ConnectError, ConnectOptions};
use ws_core::Config;

use crate::{Runtime, runtime};

pub(crate) const USAGE: &str = "\
usage: testee connect RUNTIME URL [--header 'Name: value']... [--subprotocol NAME]...
                      [--ping-interval SECONDS] [--pong-timeout SECONDS] [--max-message BYTES]
       testee serve RUNTIME PORT
       testee autobahn RUNTIME URL AGENT

RUNTIME is tokio or blocking.
";

pub(crate) enum Command {
    Help,
    /// The options may be refused: that is an outcome to report, not a wrong command line.
    Connect {
        runtime: Runtime,
        options: Box<Result<ConnectOptions, ConnectError>>,
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

pub(crate) fn parse() -> Result<Command, lexopt::Error> {
    let mut parser = lexopt::Parser::from_env();
    let mut words: Vec<String> = Vec::new();
    let mut headers: Vec<(String, String)> = Vec::new();
    let mut subprotocols: Vec<String> = Vec::new();
    let mut config = Config::default();
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
            other => return Err(other.unexpected()),
        }
    }
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let known = |name: &str| runtime(name).ok_or_else(|| format!("there is no runtime {name:?}"));
    Ok(match words[..] {
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

fn seconds(parser: &mut lexopt::Parser) -> Result<Duration, lexopt::Error> {
    let seconds: f64 = parser.value()?.parse()?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string().into())
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
