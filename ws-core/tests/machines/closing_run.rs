//! A connection that is given one input after another, and a digest of all that can be seen of it.

use ws_core::bytes::Buf;
use ws_core::{
    CloseCode, CloseFrame, Closed, Config, Connection, DataPoll, Error, Event, Initiator, Instant, Machine,
    MessageKind, Role, SendError, Timeout, TransportError,
};

use crate::support::*;

/// One input, a second after the one before.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Input {
    Close,
    PeerClose,
    Eof,
    WriteError,
    WriteSome,
    WriteAll,
    Deadline,
    Violation,
    Take,
    // Those above are walked to a greater depth.
    ReadError,
    Abort,
    Message,
    IncompleteMessage,
    TakeOne,
    TakeData,
    ReadAhead,
    ReadToClose,
    Send,
    Stream,
    AbortStream,
    Ping,
    PeerPing,
    IllegalClose,
    Blocked,
    TakeOut,
    Written,
    Progress,
    Pause,
    Resume,
    Withhold,
    AcceptReplies,
    Answer,
    AnswerWithholding,
}

use Input::*;

/// A digest of numbers, of 64 bits.
pub(crate) struct Digest(pub(crate) u64);

impl Digest {
    pub(crate) const EMPTY: Self = Self(0xCBF2_9CE4_8422_2325);

    pub(crate) fn number(&mut self, number: impl TryInto<u64>) {
        let number = number.try_into().unwrap_or(u64::MAX);
        self.0 = (self.0 ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(29);
    }

    fn string(&mut self, bytes: &[u8]) {
        self.number(bytes.len());
        bytes.iter().for_each(|byte| self.number(*byte));
    }

    fn closed(&mut self, closed: &Closed) {
        self.number(closed.code);
        self.string(closed.reason.as_bytes());
        self.number(closed.initiator == Initiator::Local);
        self.number(closed.clean);
        self.number(closed.unsent);
        self.number(closed.violation().map_or(0, |violation| 1 + violation.offset));
    }

    fn close_frame(&mut self, frame: &CloseFrame) {
        self.number(frame.status());
        self.string(frame.reason().as_bytes());
    }
}

/// A connection, and all that can be seen of it.
pub(crate) struct Run {
    pub(crate) connection: Connection,
    role: Role,
    pub(crate) now: Instant,
    /// All bytes that the transport has taken.
    written: Vec<u8>,
    /// Bytes that were taken out and not reported.
    in_flight: usize,
    pub(crate) digest: Digest,
    number_closed: usize,
}

impl Run {
    pub(crate) fn new(role: Role, config: &Config) -> Self {
        let mut connection = open(role, config);
        connection.send("first").unwrap();
        connection.send("second").unwrap();
        Self {
            connection,
            role,
            now: at(0),
            written: Vec::new(),
            in_flight: 0,
            digest: Digest::EMPTY,
            number_closed: 0,
        }
    }

    pub(crate) fn input(&mut self, input: Input) {
        self.now = self.now + seconds(1);
        let (peer, now) = (self.role.peer(), self.now);
        match input {
            Close => self.connection.close(CloseFrame::new(CloseCode::GOING_AWAY, "ours").unwrap(), now),
            PeerClose => feed(&mut self.connection, &close(peer, 3001, b"theirs"), now),
            IllegalClose => feed(&mut self.connection, &close(peer, 999, b"theirs"), now),
            Eof => self.connection.handle_read(0, now),
            ReadError => self.connection.handle_error(TransportError::read("reset"), now),
            WriteError => self.connection.handle_error(TransportError::write("broken pipe"), now),
            WriteSome => self.write(3),
            WriteAll => self.write(usize::MAX),
            Deadline => self.deadline(),
            Abort => self.connection.abort(),
            // RFC 6455 §5.2: a reserved opcode.
            Violation => feed(&mut self.connection, &frame(peer, 0x83, b""), now),
            Message => feed(&mut self.connection, &frame(peer, TEXT, b"message"), now),
            IncompleteMessage => feed(&mut self.connection, &frame(peer, TEXT, b"message")[..8], now),
            PeerPing => feed(&mut self.connection, &frame(peer, PING, b"ping"), now),
            Take => while self.take_event() {},
            TakeOne => _ = self.take_event(),
            TakeData => while self.take_data() {},
            ReadAhead => {
                let reads_on = self.connection.read_ahead();
                self.digest.number(reads_on);
            }
            ReadToClose => {
                let reads_on = self.connection.read_to_close();
                self.digest.number(reads_on);
            }
            Send => {
                let result = self.connection.send("reply");
                self.digest.number(result.map_or_else(|error| number_of_refusal(&error), |()| 0));
            }
            Stream => {
                if self.connection.start_message(MessageKind::Binary).is_ok() {
                    self.connection.continue_message(b"part").unwrap();
                }
            }
            AbortStream => self.connection.abort_message(now),
            Ping => {
                let is_queued = self.connection.ping("ping").is_ok();
                self.digest.number(is_queued);
            }
            Blocked => self.connection.handle_write(0, now),
            TakeOut => {
                let taken = self.connection.outbound().take_out(1);
                taken.iter().for_each(|bytes| self.written.extend_from_slice(bytes));
                self.in_flight += taken.iter().map(|bytes| bytes.len()).sum::<usize>();
            }
            Written => self.write(0),
            Progress => self.connection.handle_progress(1, now),
            Pause => self.connection.pause(now),
            Resume => self.connection.resume(now),
            Withhold => self.connection.withhold_from_a_closing_peer(),
            AcceptReplies => self.connection.accept_replies(),
            Answer => self.connection.answer_closing_peer(false),
            AnswerWithholding => self.connection.answer_closing_peer(true),
        }
    }

    /// The transport takes all that is in flight, and so many bytes more.
    fn write(&mut self, limit: usize) {
        let in_flight = std::mem::take(&mut self.in_flight);
        if in_flight > 0 {
            self.connection.handle_write(in_flight, self.now);
        }
        self.written.extend(write_some(&mut self.connection, limit, self.now));
    }

    fn deadline(&mut self) {
        if let Some(deadline) = self.connection.poll_timeout() {
            self.now = self.now.max(deadline);
        }
        self.connection.handle_timeout(self.now);
    }

    fn take_event(&mut self) -> bool {
        match self.connection.poll_event() {
            Ok(None) => return false,
            Ok(Some(event)) => self.event(&event),
            Err(error) => self.error(&error),
        }
        true
    }

    fn take_data(&mut self) -> bool {
        match self.connection.poll_data() {
            Ok(DataPoll::Message(message)) => self.event(&Event::Message(message)),
            Ok(DataPoll::Pending) => return false,
            Ok(DataPoll::Ended) => {
                self.digest.number(30);
                return false;
            }
            Ok(_) => self.digest.number(31),
            Err(error) => self.error(&error),
        }
        true
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Message(_) => self.digest.number(10),
            Event::Ping(_) => self.digest.number(11),
            Event::Chunk(_) => self.digest.number(14),
            Event::Closing(frame) => {
                self.digest.number(12);
                self.digest.close_frame(frame);
            }
            Event::Closed(closed) => {
                self.digest.number(13);
                self.digest.closed(closed);
                self.number_closed += 1;
            }
            other => panic!("not expected: {other:?}"),
        }
    }

    fn error(&mut self, error: &Error) {
        match error {
            Error::Violation(violation) => {
                self.digest.number(20);
                self.digest.number(violation.offset);
            }
            Error::UnexpectedEof => self.digest.number(21),
            Error::Timeout(timeout) => self.digest.number(match timeout {
                Timeout::Close(_) => 22,
                Timeout::Pong(_) => 23,
                Timeout::Write(_) => 24,
                Timeout::Message(_) => 26,
                Timeout::Chunk(_) => 27,
                other => panic!("not expected: {other:?}"),
            }),
            Error::Transport(broken) => {
                self.digest.number(25);
                self.digest.number(broken.direction() == ws_core::Direction::Read);
            }
            other => panic!("not expected: {other:?}"),
        }
    }

    /// Digests all that can be seen of the connection as it is.
    pub(crate) fn look(&mut self) {
        let connection = &mut self.connection;
        let digest = &mut self.digest;
        digest.number(connection.is_open());
        digest.number(number_of_refusal(&connection.refused(None)));
        digest.number(connection.must_reset());
        digest.number(connection.has_missed_deadline());
        digest.number(connection.poll_timeout().map_or(0, |at| 1 + at.elapsed().as_millis() as u64));
        digest.number(connection.unsent());
        digest.number(connection.inbound().len());
        digest.number(connection.outbound().remaining());
        digest.number(connection.outbound().is_finished());
        match connection.closed() {
            None => digest.number(0),
            Some(closed) => digest.closed(closed),
        }
    }

    /// Lets the connection run to its end without any more input, and looks at all that it wrote.
    pub(crate) fn run_out(&mut self) {
        while self.take_event() {}
        self.write(usize::MAX);
        for _ in 0..9 {
            while self.take_event() {}
            self.look();
            if self.connection.poll_timeout().is_none() {
                break;
            }
            self.deadline();
        }
        assert!(self.number_closed <= 1);
        // A frame that broke off is the last.
        let mut bytes = &self.written[..];
        while let Some((first, payload, rest)) = split_frame(bytes) {
            self.digest.number(first);
            self.digest.string(&payload);
            bytes = rest;
        }
        self.digest.number(bytes.len());
    }
}

fn number_of_refusal(error: &SendError) -> u64 {
    match error {
        SendError::Closed(_) => 1,
        SendError::TooLate(_) => 2,
        SendError::Streaming(_) => 3,
        other => panic!("not expected: {other:?}"),
    }
}

/// The first frame, which is a short one, without its mask.
fn split_frame(bytes: &[u8]) -> Option<(u8, Vec<u8>, &[u8])> {
    let (&[first, second], rest) = bytes.split_first_chunk()?;
    let (key, rest) = if second & 0x80 == 0 { (&[0; 4], rest) } else { rest.split_first_chunk()? };
    let (payload, rest) = rest.split_at_checked(usize::from(second & 0x7F))?;
    let payload = payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key).collect();
    Some((first, payload, rest))
}
