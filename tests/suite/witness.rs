//! A server that notes what it gets, connection by connection. It takes every end for granted, since faults are what it is
//! for; its handshake and frames are made by hand.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use crate::peer::{field, response_to};
use crate::wire::{self, CLOSE, FIN, PING, PONG, RSV1, TEXT};
use crate::zlib::Zlib;

/// So long it waits for what must come.
const PATIENCE: Duration = Duration::from_secs(60);

/// How a [`Witness`] treats its clients.
#[derive(Clone, Debug)]
pub struct Manner {
    /// Sent right behind the response.
    pub greetings: &'static [&'static str],
    /// Whether every text is sent back.
    pub echoes: bool,
    /// Whether pings are answered.
    pub pongs: bool,
    /// Whether Close is answered.
    pub closes: bool,
    /// Whether it accepts permessage-deflate, and compresses what it sends.
    pub compresses: bool,
}

impl Default for Manner {
    fn default() -> Self {
        Self { greetings: &[], echoes: false, pongs: true, closes: true, compresses: false }
    }
}

/// What was received on one connection after its handshake.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Testimony {
    /// The beginnings of the messages.
    pub texts: Vec<String>,
    /// The code of the Close frame; 1005 if it had none.
    pub close: Option<u16>,
    pub is_over: bool,
}

pub struct Witness {
    shared: Arc<Shared>,
    address: SocketAddr,
    accepting: Option<JoinHandle<()>>,
}

struct Shared {
    manner: Manner,
    /// By the order in which they were accepted: under load, handshakes may end in another.
    testimonies: Mutex<BTreeMap<usize, Testimony>>,
    changed: Condvar,
    is_over: AtomicBool,
}

impl Witness {
    pub fn new(manner: Manner) -> Self {
        Self::on(TcpListener::bind("127.0.0.1:0").unwrap(), manner)
    }

    pub fn on(listener: TcpListener, manner: Manner) -> Self {
        let address = listener.local_addr().unwrap();
        let (testimonies, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { manner, testimonies, changed, is_over: AtomicBool::new(false) });
        let accepting = {
            let shared = shared.clone();
            Some(thread::spawn(move || shared.accept(&listener)))
        };
        Self { shared, address, accepting }
    }

    pub fn address(&self) -> SocketAddr {
        self.address
    }

    pub fn url(&self) -> String {
        format!("ws://{}/", self.address)
    }

    /// What was received on each connection whose handshake was done.
    pub fn testimonies(&self) -> Vec<Testimony> {
        self.shared.testimonies.lock().unwrap().values().cloned().collect()
    }

    /// All that was received, in order.
    pub fn texts(&self) -> Vec<String> {
        self.testimonies().into_iter().flat_map(|testimony| testimony.texts).collect()
    }

    /// Waits until so much was received.
    pub fn wait_until(&self, what: &str, is_true: impl Fn(&[Testimony]) -> bool) -> Vec<Testimony> {
        let in_order =
            |testimonies: &BTreeMap<_, Testimony>| testimonies.values().cloned().collect::<Vec<_>>();
        let testimonies = self.shared.testimonies.lock().unwrap();
        let (testimonies, late) = self
            .shared
            .changed
            .wait_timeout_while(testimonies, PATIENCE, |testimonies| !is_true(&in_order(testimonies)))
            .unwrap();
        assert!(!late.timed_out(), "the server waits in vain for {what}: {testimonies:?}");
        in_order(&testimonies)
    }
}

impl Drop for Witness {
    fn drop(&mut self) {
        self.shared.is_over.store(true, SeqCst);
        // It waits for a connection.
        let _ = TcpStream::connect(self.address);
        if let Some(accepting) = self.accepting.take() {
            let panicked = accepting.join().is_err();
            assert!(!panicked || thread::panicking(), "the server has panicked");
        }
    }
}

impl Shared {
    fn accept(self: &Arc<Self>, listener: &TcpListener) {
        let mut clients: Vec<(TcpStream, JoinHandle<Option<()>>)> = Vec::new();
        for (number, client) in listener.incoming().enumerate() {
            if self.is_over.load(SeqCst) {
                break;
            }
            let Ok(client) = client else { continue };
            let shared = self.clone();
            let socket = client.try_clone().unwrap();
            clients.push((socket, thread::spawn(move || shared.serve(number, client))));
            clients.retain(|(_, serving)| !serving.is_finished());
        }
        for (socket, serving) in clients {
            let _ = socket.shutdown(Shutdown::Both);
            serving.join().unwrap();
        }
    }

    fn change(&self, number: usize, change: impl FnOnce(&mut Testimony)) {
        change(self.testimonies.lock().unwrap().entry(number).or_default());
        self.changed.notify_all();
    }

    /// `None`: the connection has ended before.
    fn serve(&self, number: usize, mut client: TcpStream) -> Option<()> {
        client.set_nodelay(true).ok()?;
        let mut buffer = Vec::new();
        let head = loop {
            if let Some(head) = wire::take_head(&mut buffer) {
                break head;
            }
            fill(&mut client, &mut buffer)?;
        };
        self.testimonies.lock().unwrap().insert(number, Testimony::default());
        let mut zlib = self.manner.compresses.then(Zlib::default);
        let mut first = if zlib.is_some() {
            let offer = field(&head, "Sec-WebSocket-Extensions").unwrap();
            assert!(offer.starts_with("permessage-deflate"), "{offer}");
            response_to(&head, "Sec-WebSocket-Extensions: permessage-deflate\r\n").into_bytes()
        } else {
            response_to(&head, "").into_bytes()
        };
        for greeting in self.manner.greetings {
            first.extend(text(zlib.as_mut(), greeting.as_bytes()));
        }
        let mut end = client.write_all(&first).ok();
        while end.is_some() {
            end = self.turn(number, &mut client, &mut buffer, zlib.as_mut());
        }
        self.change(number, |testimony| testimony.is_over = true);
        Some(())
    }

    /// The next frame.
    fn turn(
        &self,
        number: usize,
        client: &mut TcpStream,
        buffer: &mut Vec<u8>,
        mut zlib: Option<&mut Zlib>,
    ) -> Option<()> {
        let mut frame = loop {
            match wire::take_frame(buffer) {
                Some(frame) => break frame,
                None => fill(client, buffer)?,
            }
        };
        assert!(!frame.rsv2_or_3, "a reserved bit that no extension uses is set");
        if frame.rsv1 {
            let zlib = zlib.as_mut().expect("no extension was negotiated, and RSV1 is set");
            frame.payload = zlib.inflate(&frame.payload);
        }
        match frame.opcode {
            TEXT => {
                let payload = std::str::from_utf8(&frame.payload).unwrap();
                let beginning = payload.chars().take(16).collect();
                self.change(number, |testimony| testimony.texts.push(beginning));
                if self.manner.echoes {
                    client.write_all(&text(zlib, &frame.payload)).ok()?;
                }
            }
            PING if self.manner.pongs => {
                client.write_all(&wire::frame(FIN | PONG, false, &frame.payload)).ok()?;
            }
            CLOSE => {
                let code = frame.payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code));
                self.change(number, |testimony| testimony.close = Some(code));
                if self.manner.closes {
                    client.write_all(&wire::frame(FIN | CLOSE, false, &frame.payload)).ok()?;
                    client.shutdown(Shutdown::Write).ok()?;
                }
            }
            _ => {}
        }
        Some(())
    }
}

/// The frame of a text.
fn text(zlib: Option<&mut Zlib>, text: &[u8]) -> Vec<u8> {
    match zlib {
        Some(zlib) => wire::frame(FIN | RSV1 | TEXT, false, &zlib.deflate(text)),
        None => wire::frame(FIN | TEXT, false, text),
    }
}

fn fill(client: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<()> {
    let mut chunk = [0; 16 * 1024];
    let n = client.read(&mut chunk).ok().filter(|n| *n > 0)?;
    buffer.extend_from_slice(&chunk[..n]);
    Some(())
}
