//! Proxies on loopback that do what they are asked: by CONNECT, over TLS or not, and by SOCKS5. They note what they are told.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ws_common::rustls::{ServerConnection, StreamOwned};

use crate::tls::Identity;

/// The user name and password that a relay asks for.
pub const USER: &str = "ada";
pub const PASSWORD: &str = "s3cret:word";

/// Names that every relay knows besides those of the system: they lead to the loopback address.
const KNOWN: &str = ".test";

/// What a relay speaks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Speech {
    Http,
    Socks5,
}

pub struct Relay {
    shared: Arc<Shared>,
    address: SocketAddr,
}

struct Shared {
    speech: Speech,
    asks_for_credentials: bool,
    /// What each client said before its tunnel: the head of its request, or the target.
    heard: Mutex<Vec<String>>,
    is_over: AtomicBool,
}

impl Relay {
    pub fn new(speech: Speech, asks_for_credentials: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (heard, is_over) = (Mutex::default(), AtomicBool::new(false));
        let shared = Arc::new(Shared { speech, asks_for_credentials, heard, is_over });
        let accepting = shared.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let shared = accepting.clone();
                if shared.is_over.load(SeqCst) {
                    return;
                }
                // A client that leaves, or that is refused, is nobody's concern.
                thread::spawn(move || shared.serve(&client.unwrap()));
            }
        });
        Self { shared, address }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was said to it, client by client.
    pub fn heard(&self) -> Vec<String> {
        self.shared.heard.lock().unwrap().clone()
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.shared.is_over.store(true, SeqCst);
        let _ = TcpStream::connect(self.address);
    }
}

impl Shared {
    fn serve(&self, client: &TcpStream) -> io::Result<()> {
        let target = match self.speech {
            Speech::Http => self.hear_connect(client)?.find(),
            Speech::Socks5 => self.hear_socks5(client)?.find(),
        };
        let server = target.and_then(TcpStream::connect);
        let mut client_writer = client;
        match (&server, self.speech) {
            (Ok(_), Speech::Http) => {
                client_writer.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            }
            (Err(_), Speech::Http) => {
                client_writer.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n")?;
            }
            (Ok(_), Speech::Socks5) => client_writer.write_all(&[5, 0, 0, 1, 0, 0, 0, 0, 0, 0])?,
            (Err(_), Speech::Socks5) => client_writer.write_all(&[5, 5, 0, 1, 0, 0, 0, 0, 0, 0])?,
        }
        let server = server?;
        thread::scope(|scope| {
            scope.spawn(|| pass(client, &server));
            pass(&server, client);
        });
        Ok(())
    }

    fn hear_connect(&self, mut client: &TcpStream) -> io::Result<Asked> {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            client.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap();
        self.heard.lock().unwrap().push(head.clone());
        let expected = format!("Basic {}\r\n", BASE64.encode(format!("{USER}:{PASSWORD}")));
        if self.asks_for_credentials && !head.contains(&expected) {
            client.write_all(
                b"HTTP/1.1 407 Proxy Authentication Required\r\n\
                  Proxy-Authenticate: Basic realm=\"tests\"\r\nContent-Length: 0\r\n\r\n",
            )?;
            return Err(ErrorKind::PermissionDenied.into());
        }
        let authority = head.split(' ').nth(1).unwrap();
        let (host, port) = authority.rsplit_once(':').unwrap();
        Ok(Asked { host: host.trim_matches(['[', ']']).into(), port: port.parse().unwrap() })
    }

    fn hear_socks5(&self, mut client: &TcpStream) -> io::Result<Asked> {
        let [version, n] = take(client)?;
        assert_eq!(version, 5);
        let mut methods = vec![0; n.into()];
        client.read_exact(&mut methods)?;
        let method = if self.asks_for_credentials { 2 } else { 0 };
        if !methods.contains(&method) {
            client.write_all(&[5, 0xff])?;
            return Err(ErrorKind::PermissionDenied.into());
        }
        client.write_all(&[5, method])?;
        if self.asks_for_credentials {
            let [1] = take(client)? else { return Err(ErrorKind::InvalidData.into()) };
            let user = take_text(client)?;
            let is_right = (&*user, &*take_text(client)?) == (USER, PASSWORD);
            client.write_all(&[1, u8::from(!is_right)])?;
            if !is_right {
                return Err(ErrorKind::PermissionDenied.into());
            }
        }
        let [5, 1, 0, kind] = take(client)? else { return Err(ErrorKind::InvalidData.into()) };
        let host = match kind {
            1 => IpAddr::from(Ipv4Addr::from(take::<4>(client)?)).to_string(),
            4 => IpAddr::from(Ipv6Addr::from(take::<16>(client)?)).to_string(),
            _ => take_text(client)?,
        };
        let port = u16::from_be_bytes(take(client)?);
        self.heard.lock().unwrap().push(format!("{host}:{port}"));
        Ok(Asked { host, port })
    }
}

fn take<const N: usize>(mut client: &TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    client.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn take_text(mut client: &TcpStream) -> io::Result<String> {
    let [n] = take(client)?;
    let mut text = vec![0; n.into()];
    client.read_exact(&mut text)?;
    String::from_utf8(text).map_err(io::Error::other)
}

/// What a client wants to be connected to.
struct Asked {
    host: String,
    port: u16,
}

impl Asked {
    fn find(&self) -> io::Result<SocketAddr> {
        match self.host.parse() {
            Ok(address) => Ok(SocketAddr::new(address, self.port)),
            Err(_) if self.host.ends_with(KNOWN) || self.host == "localhost" => {
                Ok((Ipv4Addr::LOCALHOST, self.port).into())
            }
            Err(_) => Err(ErrorKind::NotFound.into()),
        }
    }
}

/// Until one end has no more to say, which the other is told.
fn pass(mut from: &TcpStream, mut to: &TcpStream) {
    let mut bytes = [0; 16 * 1024];
    while let Ok(n @ 1..) = from.read(&mut bytes) {
        if to.write_all(&bytes[..n]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(Shutdown::Write);
}

/// A port behind whose TLS there is another, plain one: an `http` relay becomes an `https` one by it. Serves one client at a
/// time, and as many as `clients`.
pub(crate) fn terminate(identity: &Identity, behind: SocketAddr, clients: usize) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let config = identity.server_config();
    thread::spawn(move || {
        for _ in 0..clients {
            let client = listener.accept().unwrap().0;
            let session = ServerConnection::new(config.clone()).unwrap();
            let _ = pump(StreamOwned::new(session, client), &TcpStream::connect(behind).unwrap());
        }
    });
    address
}

/// One thread for both ways: a session of TLS cannot be shared by two.
fn pump(mut tls: StreamOwned<ServerConnection, TcpStream>, mut plain: &TcpStream) -> io::Result<()> {
    let tick = Some(Duration::from_millis(1));
    tls.sock.set_read_timeout(tick)?;
    plain.set_read_timeout(tick)?;
    let mut bytes = [0; 16 * 1024];
    let is_idle = |error: &io::Error| matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut);
    loop {
        match tls.read(&mut bytes) {
            Ok(0) => return plain.shutdown(Shutdown::Both),
            Ok(n) => plain.write_all(&bytes[..n])?,
            Err(error) if is_idle(&error) => {}
            Err(error) => return Err(error),
        }
        match plain.read(&mut bytes) {
            Ok(0) => {
                tls.conn.send_close_notify();
                tls.flush()?;
                return tls.sock.shutdown(Shutdown::Both);
            }
            Ok(n) => tls.write_all(&bytes[..n])?,
            Err(error) if is_idle(&error) => {}
            Err(error) => return Err(error),
        }
    }
}
