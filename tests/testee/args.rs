//! The command line.

mod destination;

use std::time::Duration;

use destination::{Destination, Identity};
use lexopt::prelude::*;
use ws_common::{
    AcceptOptions, ConnectError, ConnectOptions, TrustedProxy,
    reconnect::{Backoff, Reconnect},
    session::{ClientBuilder, Delivery, Session},
};
use ws_core::{Config, Deflate};

use crate::load::Load;
use crate::{Runtime, runtime};

pub(crate) const USAGE: &str = "\
usage: testee connect RUNTIME URL [--header 'Name: value']... [--subprotocol NAME]...
                      [--ping-interval SECONDS] [--pong-timeout SECONDS] [--max-message BYTES]
                      [--write-timeout SECONDS] [--message-timeout SECONDS]
                      [--open-timeout SECONDS] [--deflate PARAMETERS|off]
                      [--proxy URL | --proxy-from-env] [--proxy-ca FILE]
                      [--ca FILE] [--client-cert FILE --client-key FILE] [--server-name NAME] [--insecure]
                      [--reconnect fixed:SECONDS|backoff|backoff:BASE:CAP|never] [--send TEXT]...
                      [--send-every SECONDS:TEXT] [--delivery at-most-once|confirmed]
                      [--stop-after SECONDS] [--load COUNT:BYTES[:SECONDS]]
                      [--notsent-lowat BYTES|none] [--on-open TEXT]... [--idle-timeout SECONDS]
                      [--heartbeat SECONDS:TEXT] [--background]
       testee serve RUNTIME PORT [--deflate PARAMETERS] [--max-message BYTES]
                      [--cert FILE --key FILE [--client-ca FILE]]
                      [--trusted-proxy proxy-protocol|forwarded|x-forwarded-for]
       testee autobahn RUNTIME URL AGENT [--deflate PARAMETERS|off]

RUNTIME is tokio, async-std, smol or blocking. With --reconnect, --send, --send-every, --delivery, --stop-after, --load, --on-open,
--idle-timeout, --heartbeat or --background, connect uses the client that stays connected. --send is queued before there is a connection, and --stop-after closes with code 1000.
--send-every queues TEXT every SECONDS, {n} in it being the number of the message, from 0. A message that finds no room in the outbox
is tried again the next time. --on-open is sent first on each connection, and --heartbeat every SECONDS while one is open. --load sends COUNT texts of BYTES as there is room in the outbox, SECONDS apart (0 by default). Each is
its number from 0, a space and a row of x. With --background, the client runs in a task or thread of its own. --notsent-lowat is for that client, too. BASE and CAP are in seconds. `reconnecting` tells the `cause`, and the last line is
`gave_up` with its `reason`.

--deflate sets compression as the extension's header writes it: 'permessage-deflate; client_max_window_bits=12'. A client that
is not told offers it with every default, a server does not compress.

Files are in PEM. --ca is trusted in place of the platform's authorities, for the server alone; --proxy-ca is the same for a
proxy https://. Other proxies are http://, socks5:// and socks5h://, with user:password@ if need be; --proxy-from-env takes that
of HTTPS_PROXY, HTTP_PROXY or ALL_PROXY, but for what NO_PROXY lists. --insecure believes every server. With --cert, serve speaks
TLS, and with --client-ca it takes only clients with a certificate of that authority. It answers with the field X-Client, the address
of the client, which --trusted-proxy tells.
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
        options: Box<AcceptOptions>,
    },
    Autobahn {
        runtime: Runtime,
        url: String,
        agent: String,
        config: Box<Config>,
    },
}

/// What the client that stays connected is to do.
pub(crate) struct Stay {
    url: String,
    headers: Vec<(String, String)>,
    subprotocols: Vec<String>,
    config: Config,
    /// `Some(None)` leaves it to the system.
    notsent_lowat: Option<Option<u32>>,
    pub(crate) load: Option<Load>,
    reach: Destination,
    reconnect: Reconnect,
    delivery: Delivery,
    on_open: Vec<String>,
    idle_timeout: Option<Duration>,
    heartbeat: Option<(Duration, String)>,
    pub(crate) send: Vec<String>,
    pub(crate) send_every: Option<SendEvery>,
    pub(crate) stop_after: Option<Duration>,
    /// The client runs in a task or a thread of its own.
    pub(crate) is_in_background: bool,
}

/// A message that is sent again and again.
#[derive(Clone)]
pub(crate) struct SendEvery {
    pub(crate) interval: Duration,
    text: String,
    /// The number of messages so far.
    count: u64,
}

impl SendEvery {
    fn new(argument: &str) -> Result<Self, lexopt::Error> {
        let (interval, text) = repeated("--send-every", argument)?;
        Ok(Self { interval, text, count: 0 })
    }

    /// Sends the next message, unless `send` refuses it.
    pub(crate) fn send<E>(&mut self, send: impl FnOnce(String) -> Result<(), E>) {
        if send(self.text.replace("{n}", &self.count.to_string())).is_ok() {
            self.count += 1;
        }
    }
}

/// The value SECONDS:TEXT of an option.
fn repeated(option: &str, argument: &str) -> Result<(Duration, String), lexopt::Error> {
    let (seconds, text) = argument.split_once(':').ok_or_else(|| format!("{option} wants SECONDS:TEXT"))?;
    let interval = duration(seconds)?;
    if interval.is_zero() {
        return Err(format!("{option} wants more than no time").into());
    }
    Ok((interval, text.into()))
}

impl Stay {
    pub(crate) fn build<C: From<Session>>(&self) -> Result<C, ConnectError> {
        let options =
            options(&self.url, self.config.clone(), &self.reach, &self.headers, &self.subprotocols)?;
        let mut builder = ClientBuilder::new(options)
            .reconnect(self.reconnect.clone())
            .delivery(self.delivery)
            .idle_timeout(self.idle_timeout);
        if !self.on_open.is_empty() {
            let texts = self.on_open.clone();
            builder = builder.on_open(move |_response| texts.clone());
        }
        if let Some((every, text)) = &self.heartbeat {
            builder = builder.heartbeat(*every, text.clone());
        }
        if let Some(bytes) = self.notsent_lowat {
            builder = builder.notsent_lowat(bytes);
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
    let (mut reach, mut identity) = (Destination::default(), Identity::default());
    let (mut load, mut notsent_lowat, mut trusted_proxy) = (None, None, None);
    let (mut stays, mut is_in_background) = (false, false);
    let (mut reconnect, mut delivery) = (Reconnect::never(), Delivery::default());
    let (mut send, mut send_every, mut stop_after): (Vec<String>, _, _) = (Vec::new(), None, None);
    let (mut on_open, mut idle_timeout, mut heartbeat) = (Vec::new(), None, None);
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
            Long("write-timeout") => config = config.write_timeout(seconds(&mut parser)?),
            Long("message-timeout") => config = config.message_timeout(seconds(&mut parser)?),
            Long("max-message") => config = config.max_message_size(parser.value()?.parse()?),
            Long("deflate") => config = deflate(config, &parser.value()?.string()?)?,
            Long("load") => {
                let text = parser.value()?.string()?;
                load = Some(Load::parse(&text).ok_or("--load wants COUNT:BYTES or COUNT:BYTES:SECONDS")?);
                stays = true;
            }
            Long("notsent-lowat") => {
                let text = parser.value()?.string()?;
                notsent_lowat = Some(match &*text {
                    "none" => None,
                    bytes => Some(bytes.parse().map_err(|_| "--notsent-lowat wants BYTES or none")?),
                });
            }
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
            Long("send-every") => {
                send_every = Some(SendEvery::new(&parser.value()?.string()?)?);
                stays = true;
            }
            Long("on-open") => {
                on_open.push(parser.value()?.string()?);
                stays = true;
            }
            Long("idle-timeout") => {
                idle_timeout = Some(seconds(&mut parser)?);
                stays = true;
            }
            Long("heartbeat") => {
                heartbeat = Some(repeated("--heartbeat", &parser.value()?.string()?)?);
                stays = true;
            }
            Long("stop-after") => {
                stop_after = Some(seconds(&mut parser)?);
                stays = true;
            }
            Long("background") => {
                is_in_background = true;
                stays = true;
            }
            Long("trusted-proxy") => {
                trusted_proxy = Some(match &*parser.value()?.string()? {
                    "proxy-protocol" => TrustedProxy::ProxyProtocol,
                    "forwarded" => TrustedProxy::Forwarded,
                    "x-forwarded-for" => TrustedProxy::XForwardedFor,
                    other => return Err(format!("there is no trusted proxy {other:?}").into()),
                });
            }
            Long(name) => {
                let name = name.to_owned();
                if !reach.take(&name, &mut parser)? && !identity.take(&name, &mut parser)? {
                    return Err(Long(&name).unexpected());
                }
            }
            other => return Err(other.unexpected()),
        }
    }
    reach.check()?;
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let known = |name: &str| runtime(name).ok_or_else(|| format!("there is no runtime {name:?}"));
    Ok(match words[..] {
        ["connect", name, url] if stays => {
            let url = url.into();
            let stay = Stay {
                url,
                headers,
                subprotocols,
                config,
                notsent_lowat,
                load,
                reach,
                reconnect,
                delivery,
                on_open,
                idle_timeout,
                heartbeat,
                send,
                send_every,
                stop_after,
                is_in_background,
            };
            Command::Stay { runtime: known(name)?, stay: Box::new(stay) }
        }
        ["connect", name, url] => {
            let options = options(url, config, &reach, &headers, &subprotocols);
            Command::Connect { runtime: known(name)?, options: Box::new(options) }
        }
        ["serve", name, port] => Command::Serve {
            runtime: known(name)?,
            port: port.parse().map_err(|_| format!("{port:?} is not a port"))?,
            options: Box::new(identity.options()?.config(config).trusted_proxy(trusted_proxy)),
        },
        ["autobahn", name, url, agent] => Command::Autobahn {
            runtime: known(name)?,
            url: url.into(),
            agent: agent.into(),
            config: Box::new(config),
        },
        _ => return Err("see testee --help".into()),
    })
}

fn deflate(config: Config, text: &str) -> Result<Config, lexopt::Error> {
    if text == "off" {
        return Ok(config.deflate(None));
    }
    let deflate: Deflate = text.parse().map_err(|error| format!("--deflate: {error}"))?;
    Ok(config.deflate(deflate))
}

fn policy(name: &str) -> Result<Reconnect, lexopt::Error> {
    Ok(match name.split_once(':') {
        None if name == "never" => Reconnect::never(),
        None if name == "backoff" => Reconnect::backoff(),
        Some(("fixed", seconds)) => Reconnect::after(duration(seconds)?),
        Some(("backoff", range)) => {
            let (base, cap) = range.split_once(':').ok_or("--reconnect wants backoff:BASE:CAP")?;
            Backoff::default().base(duration(base)?).cap(duration(cap)?).into()
        }
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
    reach: &Destination,
    headers: &[(String, String)],
    subprotocols: &[String],
) -> Result<ConnectOptions, ConnectError> {
    let mut options = reach.apply(ConnectOptions::new(url).config(config))?;
    for (name, value) in headers {
        options = options.header(name, value);
    }
    for name in subprotocols {
        options = options.subprotocol(name);
    }
    Ok(options)
}
