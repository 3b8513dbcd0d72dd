//! The protocol alone on mio: `ws-core` does no I/O, and this loop does all of it, on a socket that does not block.
//! `cargo run -p ws-examples --example core_on_mio`. Its echo server reads late, so that the socket refuses bytes for a while.

use std::io::{ErrorKind, Read, Write};
use std::net::Shutdown;
use std::thread;
use std::time::{Duration, Instant as Clock};

use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use ws_core::bytes::Buf;
use ws_core::{
    ClientHandshake, ClientRequest, CloseCode, Config, Event, Instant, Machine, Random, TransportError,
};
use ws_examples::Outcome;

/// More than the system buffers for a connection, and less than `max_message_size`.
const SIZE: usize = 15 << 20;

/// A socket, and all that runs a machine on it.
struct Driver {
    tcp: TcpStream,
    poll: Poll,
    events: Events,
    epoch: Clock,
    /// Whether reading has ended, with the end of the stream or an error.
    has_ended: bool,
    /// Number of writes that the socket refused.
    refusals: u32,
}

impl Driver {
    fn new(mut tcp: TcpStream) -> std::io::Result<Self> {
        let poll = Poll::new()?;
        poll.registry().register(&mut tcp, Token(0), Interest::READABLE | Interest::WRITABLE)?;
        Ok(Self {
            tcp,
            poll,
            events: Events::with_capacity(8),
            epoch: Clock::now(),
            has_ended: false,
            refusals: 0,
        })
    }

    fn now(&self) -> Instant {
        Instant::since_epoch(self.epoch.elapsed())
    }

    /// Runs `machine` to its next event.
    fn run<M: Machine<Error: Into<Box<dyn std::error::Error + Send + Sync>>>>(
        &mut self,
        machine: &mut M,
    ) -> Outcome<M::Event> {
        loop {
            self.write(machine);
            match machine.poll_event() {
                Ok(Some(event)) => return Ok(event),
                Ok(None) => {}
                Err(failure) => {
                    // The answer to a failure: the refusal of a handshake, or a Close frame.
                    self.write(machine);
                    return Err(failure.into());
                }
            }
            // mio reports a change of readiness once. So the loop waits only after the socket has refused to read, and to write if
            // there is something to write, such as the pong that `poll_event` has just queued.
            if !self.write(machine) && !self.read(machine) {
                let wait = machine.poll_timeout().map(|deadline| deadline - self.now());
                match self.poll.poll(&mut self.events, wait) {
                    Err(error) if error.kind() != ErrorKind::Interrupted => return Err(error.into()),
                    _ => {}
                }
            }
            // Bytes that came are a sign of life. So the clock is read after them.
            if machine.poll_timeout().is_some_and(|deadline| deadline <= self.now()) {
                machine.handle_timeout(self.now());
            }
        }
    }

    /// Writes until the machine has no more bytes or the socket refuses them. Gives whether bytes were written.
    fn write(&mut self, machine: &mut impl Machine) -> bool {
        let mut written = false;
        while machine.outbound().has_remaining() {
            match self.tcp.write(machine.outbound().chunk()) {
                Ok(n) => {
                    written = true;
                    machine.handle_write(n, self.now());
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    // From here on, `write_timeout` of the machine runs.
                    machine.handle_write(0, self.now());
                    self.refusals += 1;
                    return written;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                // The machine drops its bytes, which ends the loop.
                Err(error) => machine.handle_error(TransportError::write(error), self.now()),
            }
        }
        if machine.outbound().is_finished() {
            // The peer may have gone before; reading tells how the connection ended.
            let _ = self.tcp.shutdown(Shutdown::Write);
        }
        written
    }

    /// Reads once. Gives whether there was something: bytes, the end or an error.
    fn read(&mut self, machine: &mut impl Machine) -> bool {
        if self.has_ended {
            return false;
        }
        let mut buffer = [0; 16 * 1024];
        match self.tcp.read(&mut buffer) {
            Ok(n) => {
                self.has_ended = n == 0;
                machine.inbound().extend_from_slice(&buffer[..n]);
                machine.handle_read(n, self.now());
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => return false,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => {
                self.has_ended = true;
                machine.handle_error(TransportError::read(error), self.now());
            }
        }
        true
    }
}

fn main() -> Outcome {
    let listener = ws_blocking::Listener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let server = thread::spawn(move || serve(&listener));

    // Only this call blocks.
    let tcp = std::net::TcpStream::connect(address)?;
    tcp.set_nonblocking(true)?;
    let mut driver = Driver::new(TcpStream::from_std(tcp))?;
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)?;

    let request = ClientRequest::new(&address.to_string(), "/")?;
    let deadline = driver.now() + Duration::from_secs(10);
    let mut handshake = ClientHandshake::new(&request, Config::default(), Random::from_seed(seed), deadline);
    let response = driver.run(&mut handshake)?;
    println!("connected: {}", response.status());
    let mut connection = handshake.open(driver.now()).map_err(|_| "the handshake is not complete")?;

    connection.send(vec![7; SIZE])?;
    let mut echoed = false;
    let closed = loop {
        match driver.run(&mut connection)? {
            Event::Message(message) => {
                echoed = message == vec![7; SIZE];
                connection.close(CloseCode::NORMAL, driver.now());
            }
            Event::Closed(closed) => break closed,
            _ => {}
        }
    };
    // The server waits for the end of the stream.
    let refusals = driver.refusals;
    drop(driver);
    println!("{SIZE} bytes came back; the socket refused {refusals} writes; {closed}");
    assert!(echoed && closed.clean && refusals > 0);
    server.join().map_err(|_| "the server panicked")?
}

/// Echoes one message of one client.
fn serve(listener: &ws_blocking::Listener) -> Outcome {
    let (incoming, _peer) = listener.accept()?;
    let (mut ws, _request) = incoming.accept()?;
    thread::sleep(Duration::from_millis(100));
    while let Some(message) = ws.recv()? {
        ws.send(message)?;
    }
    Ok(())
}
