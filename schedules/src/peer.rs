//! The far end of a connection: a WebSocket peer that does, byte by byte, as a script says.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;

use ws_core::{Instant, Machine, Random, Role, ServerHandshake};

use crate::flags::{Flag, Flags};
use crate::pipe::End;

/// Payload of each message of the peer, in bytes.
pub const MESSAGE: usize = 30;

/// Payload of the first message of the connection under test. It fills its send buffer.
pub const LARGE: [u8; 400] = [b'L'; 400];

/// The message that follows the operation.
pub const MARKER: &[u8] = b"M";

/// What a peer does next.
#[derive(Clone, Debug)]
pub enum Step {
    /// Sends so many messages.
    Send(usize),
    /// Sends a pong that nobody asked for.
    Pong,
    /// Sends Close 1000.
    Close,
    /// Ends the direction that the peer writes.
    End,
    /// Reads so many bytes.
    Take(usize),
    /// Reads until this message has come.
    Until(&'static [u8]),
    /// Reads until the Close frame has come.
    UntilClose,
    /// Waits for a moment.
    Await(Flag),
    /// Tells that this has happened.
    Tell(Flag),
    /// Answers pings and the Close frame until the end of the stream.
    Answer,
}

const TEXT: u8 = 1;
const BINARY: u8 = 2;
const CLOSE: u8 = 8;
const PING: u8 = 9;
const PONG: u8 = 10;

const REQUEST: &str = "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
     Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nSec-WebSocket-Version: 13\r\n\r\n";

/// The far end.
pub struct Peer {
    end: End,
    role: Role,
    /// Bytes that came and are not parsed.
    unparsed: Vec<u8>,
    /// The data messages that came.
    messages: Vec<Vec<u8>>,
    pings: VecDeque<Vec<u8>>,
    has_close: bool,
    has_sent_close: bool,
}

/// The stream has ended.
struct Ended;

impl Peer {
    /// A peer whose handshake is done.
    pub fn new(end: End, role: Role) -> Self {
        Self {
            end,
            role,
            unparsed: Vec::new(),
            messages: Vec::new(),
            pings: VecDeque::new(),
            has_close: false,
            has_sent_close: false,
        }
    }

    /// The transport.
    pub fn end(&self) -> &End {
        &self.end
    }

    /// Plays a script until the scenario is over. Gives the messages that came.
    pub async fn play(mut self, script: Vec<Step>, flags: Flags) -> Vec<Vec<u8>> {
        {
            let mut over = pin!(flags.wait(Flag::Over));
            let mut play = pin!(self.steps(script, &flags));
            poll_fn(|cx| {
                let is_over = over.as_mut().poll(cx).is_ready();
                if is_over || play.as_mut().poll(cx).is_ready() { Poll::Ready(()) } else { Poll::Pending }
            })
            .await;
        }
        flags.wait(Flag::Over).await;
        self.messages
    }

    async fn steps(&mut self, script: Vec<Step>, flags: &Flags) {
        for step in script {
            if let Err(Ended) = self.step(step, flags).await {
                // A peer that has read the end closes its side as well.
                return self.end.shut();
            }
        }
    }

    async fn step(&mut self, step: Step, flags: &Flags) -> Result<(), Ended> {
        match step {
            Step::Send(n) => {
                for _ in 0..n {
                    self.send(BINARY, &[b'p'; MESSAGE]).await?;
                }
            }
            Step::Pong => self.send(PONG, b"").await?,
            Step::Close => {
                self.has_sent_close = true;
                self.send(CLOSE, &1000_u16.to_be_bytes()).await?;
            }
            Step::End => self.end.end(),
            Step::Take(n) => {
                let mut left = n;
                while left > 0 {
                    left -= self.read(left).await?;
                }
            }
            Step::Until(wanted) => {
                while !self.messages.iter().any(|message| message.first() == wanted.first()) {
                    self.read(usize::MAX).await?;
                }
            }
            Step::UntilClose => {
                while !self.has_close {
                    self.read(usize::MAX).await?;
                }
            }
            Step::Await(flag) => flags.wait(flag).await,
            Step::Tell(flag) => flags.raise(flag),
            Step::Answer => loop {
                self.answer().await?;
                self.read(usize::MAX).await?;
            },
        }
        Ok(())
    }

    async fn answer(&mut self) -> Result<(), Ended> {
        while let Some(payload) = self.pings.pop_front() {
            self.send(PONG, &payload).await?;
        }
        if self.has_close && !self.has_sent_close {
            self.has_sent_close = true;
            self.send(CLOSE, &1000_u16.to_be_bytes()).await?;
        }
        if self.has_close && self.role == Role::Server {
            self.end.end();
        }
        Ok(())
    }

    async fn read(&mut self, limit: usize) -> Result<usize, Ended> {
        let Self { end, unparsed, .. } = self;
        let n = poll_fn(|cx| end.poll_read(cx, limit, unparsed)).await.map_err(|_| Ended)?;
        while let Some((opcode, payload)) = take_frame(&mut self.unparsed) {
            match opcode {
                TEXT | BINARY => self.messages.push(payload),
                PING => self.pings.push_back(payload),
                CLOSE => self.has_close = true,
                _ => {}
            }
        }
        if n == 0 { Err(Ended) } else { Ok(n) }
    }

    async fn send(&mut self, opcode: u8, payload: &[u8]) -> Result<(), Ended> {
        let mask = self.role == Role::Client;
        let mut bytes = vec![0x80 | opcode, payload.len() as u8 | if mask { 0x80 } else { 0 }];
        if mask {
            bytes.extend([0; 4]);
        }
        bytes.extend(payload);
        self.write(&bytes).await
    }

    async fn write(&mut self, mut bytes: &[u8]) -> Result<(), Ended> {
        while !bytes.is_empty() {
            let n = poll_fn(|cx| self.end.poll_write(cx, bytes)).await.map_err(|_| Ended)?;
            bytes = &bytes[n..];
        }
        Ok(())
    }

    /// Asks a server for a connection. Nothing is read yet.
    pub async fn ask(&mut self) {
        let _ = self.write(REQUEST.as_bytes()).await;
    }

    /// The same, but the second part follows when the operation has completed.
    pub async fn ask_in_two(&mut self, flags: &Flags) {
        let (first, second) = REQUEST.split_at(40);
        let _ = self.write(first.as_bytes()).await;
        flags.wait(Flag::Completed).await;
        let _ = self.write(second.as_bytes()).await;
    }

    /// Reads the head of a response, or less if the stream ends.
    pub async fn read_response(&mut self) -> Vec<u8> {
        while !self.unparsed.ends_with(b"\r\n\r\n") {
            let Self { end, unparsed, .. } = self;
            if !matches!(poll_fn(|cx| end.poll_read(cx, 1, unparsed)).await, Ok(1..)) {
                break;
            }
        }
        std::mem::take(&mut self.unparsed)
    }

    /// Gives back so many messages, each before the next is read.
    pub async fn echo(mut self, count: usize) {
        let mut echoed = 0;
        while echoed < count {
            if self.read(usize::MAX).await.is_err() {
                return;
            }
            for message in std::mem::take(&mut self.messages) {
                echoed += 1;
                if self.send(BINARY, &message).await.is_err() {
                    return;
                }
            }
        }
        while self.read(usize::MAX).await.is_ok() {}
    }

    /// Accepts a client, if it asks.
    pub async fn accept(&mut self) -> bool {
        let mut handshake =
            ServerHandshake::new(Default::default(), Random::from_seed([1; 32]), Instant::EPOCH);
        loop {
            let inbound = handshake.inbound();
            let read = poll_fn(|cx| self.end.poll_read(cx, usize::MAX, inbound)).await;
            let Ok(n @ 1..) = read else {
                self.end.shut();
                return false;
            };
            handshake.handle_read(n, Instant::EPOCH);
            if handshake.poll_event().is_ok_and(|event| event.is_some()) {
                break;
            }
        }
        let Ok(mut connection) = handshake.accept(&Default::default(), Instant::EPOCH) else { return false };
        let bytes: Vec<u8> = connection.outbound().take_out(usize::MAX).iter().flatten().copied().collect();
        self.write(&bytes).await.is_ok()
    }
}

/// A whole frame from the front. No frame here is fragmented.
fn take_frame(bytes: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let &[first, second, ..] = &**bytes else { return None };
    let (length, mut at) = match second & 0x7f {
        126 => (usize::from(u16::from_be_bytes([*bytes.get(2)?, *bytes.get(3)?])), 4),
        short => (usize::from(short), 2),
    };
    let mut key = [0; 4];
    if second & 0x80 != 0 {
        key.copy_from_slice(bytes.get(at..at + 4)?);
        at += 4;
    }
    let payload = bytes.get(at..at + length)?;
    let payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    bytes.drain(..at + length);
    Some((first & 0x0f, payload))
}
