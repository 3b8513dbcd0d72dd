//! The thread that moves the bytes of one connection in one way.

use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::ops::ControlFlow;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

use super::link::{Course, Link, TICK};
use super::{Fault, RelayShared, Way};

/// Largest number of bytes that wait for the end of a delay.
const MAX_WAITING: usize = 1024 * 1024;

/// Bytes that were read at one time.
struct Parcel {
    bytes: Vec<u8>,
    read_at: Instant,
}

impl Parcel {
    /// The time from which on the bytes may pass. It is computed when it is needed, because the fault may be switched while the bytes wait, and
    /// while a read is under way.
    fn due(&self, fault: Fault) -> Instant {
        match fault {
            Fault::Delay(delay) => self.read_at + delay,
            Fault::Throttle(rate) => {
                self.read_at + Duration::from_secs_f64(self.bytes.len() as f64 / f64::from(rate.max(1)))
            }
            _ => self.read_at,
        }
    }
}

/// One way of one connection.
struct Pump<'a> {
    shared: &'a RelayShared,
    link: &'a Link,
    way: Way,
    number: usize,
    waiting: VecDeque<Parcel>,
    /// Number of bytes that have passed since the latest switch.
    passed: usize,
    switches: u64,
    has_ended: bool,
}

impl RelayShared {
    /// Moves bytes one way, to the end of the stream or of the connection.
    pub(super) fn pump(&self, link: &Link, way: Way, number: usize) {
        let mut pump = Pump {
            shared: self,
            link,
            way,
            number,
            waiting: VecDeque::new(),
            passed: 0,
            switches: 0,
            has_ended: false,
        };
        let mut buffer = vec![0; 16 * 1024];
        while !self.is_over.load(SeqCst) {
            if pump.turn(&mut buffer).is_break() {
                return;
            }
        }
    }
}

impl Pump<'_> {
    fn turn(&mut self, buffer: &mut [u8]) -> ControlFlow<()> {
        let (from, to) = self.link.ends(self.way);
        let course = self.link.course();
        if course.switches != self.switches {
            (self.switches, self.passed) = (course.switches, 0);
        }
        if course.trigger(self.way) == Some(self.passed) && !course.has_struck {
            self.link.strike(course.switches);
            return ControlFlow::Continue(());
        }
        if course.has_struck {
            return self.survive(&course, from);
        }
        if course.fault == Fault::Stop(self.way) {
            self.link.wait(course.switches, TICK);
            return ControlFlow::Continue(());
        }
        self.write(&course, to);
        if self.has_ended && self.waiting.is_empty() {
            // An end that has left needs to hear of no end.
            let _ = to.shutdown(Shutdown::Write);
            return ControlFlow::Break(());
        }
        self.read(&course, from, buffer);
        ControlFlow::Continue(())
    }

    /// A turn after the fault has struck.
    fn survive(&self, course: &Course, mut from: &TcpStream) -> ControlFlow<()> {
        match course.fault {
            Fault::Cut(..) => {
                // A socket that is closed with unread bytes resets the connection.
                let mut rest = [0; 4096];
                match from.read(&mut rest) {
                    Ok(1..) => ControlFlow::Continue(()),
                    Err(error) if is_tick(&error) => ControlFlow::Continue(()),
                    Ok(0) | Err(_) => ControlFlow::Break(()),
                }
            }
            // Neither end learns of the end of the other.
            Fault::Stall(..) | Fault::HalfOpen(..) => {
                self.link.wait(course.switches, TICK);
                ControlFlow::Continue(())
            }
            _ => ControlFlow::Break(()),
        }
    }

    /// Writes the bytes whose time has come, up to the fault.
    fn write(&mut self, course: &Course, mut to: &TcpStream) {
        let trigger = course.trigger(self.way);
        let now = Instant::now();
        while let Some(parcel) = self.waiting.front_mut().filter(|parcel| parcel.due(course.fault) <= now) {
            let room = trigger.map_or(usize::MAX, |after| after.saturating_sub(self.passed));
            let most = if course.fault == Fault::Trickle { 1 } else { parcel.bytes.len() }.min(room);
            if most == 0 {
                return;
            }
            match to.write(&parcel.bytes[..most]) {
                Ok(n) => {
                    self.shared.record(self.number, self.way, &parcel.bytes[..n]);
                    self.passed += n;
                    parcel.bytes.drain(..n);
                    if parcel.bytes.is_empty() {
                        self.waiting.pop_front();
                    }
                }
                Err(error) if is_tick(&error) => return,
                Err(_) => {
                    self.waiting.clear();
                    self.has_ended = true;
                }
            }
            // Another thread may have switched the fault, or it has struck in the other way.
            let latest = self.link.course();
            if latest.switches != course.switches || latest.has_struck {
                return;
            }
        }
    }

    /// Reads once, if there is room for bytes, and waits otherwise.
    fn read(&mut self, course: &Course, mut from: &TcpStream, buffer: &mut [u8]) {
        let waiting: usize = self.waiting.iter().map(|parcel| parcel.bytes.len()).sum();
        let room = match course.fault {
            Fault::Delay(_) => MAX_WAITING.saturating_sub(waiting),
            _ if waiting > 0 => 0,
            Fault::Trickle => 1,
            // The bytes of one tick.
            Fault::Throttle(rate) => (rate as usize / 100).max(1),
            _ => course.trigger(self.way).map_or(usize::MAX, |after| after.saturating_sub(self.passed)),
        };
        let patience = self.patience(course.fault);
        if room == 0 || self.has_ended {
            self.link.wait(course.switches, patience);
            return;
        }
        // A socket that is gone fails in the read, too.
        let _ = from.set_read_timeout(Some(patience));
        let most = room.min(buffer.len());
        match from.read(&mut buffer[..most]) {
            Ok(n @ 1..) => {
                self.waiting.push_back(Parcel { bytes: buffer[..n].to_vec(), read_at: Instant::now() });
            }
            Err(error) if is_tick(&error) => {}
            Ok(0) | Err(_) => self.has_ended = true,
        }
    }

    /// The time until the next bytes may pass, within a tick.
    fn patience(&self, fault: Fault) -> Duration {
        let next =
            self.waiting.front().map(|parcel| parcel.due(fault).saturating_duration_since(Instant::now()));
        next.unwrap_or(TICK).clamp(Duration::from_millis(1), TICK)
    }
}

fn is_tick(error: &std::io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
