//! One connection through a relay, and its fault.

use std::io;
use std::net::{Shutdown, TcpStream};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use socket2::SockRef;

use super::{Fault, Way};

/// Longest wait of a thread that reads or writes before it looks at the fault again.
pub(super) const TICK: Duration = Duration::from_millis(10);

pub(super) struct Link {
    client: TcpStream,
    server: TcpStream,
    course: Mutex<Course>,
    changed: Condvar,
}

/// The fault of a connection, and whether it has happened.
#[derive(Clone, Copy)]
pub(super) struct Course {
    pub(super) fault: Fault,
    /// Number of calls of [`Link::switch`].
    pub(super) switches: u64,
    pub(super) has_struck: bool,
}

impl Course {
    /// The number of bytes in this way after which the fault strikes.
    pub(super) fn trigger(&self, way: Way) -> Option<usize> {
        let (of, after) = match self.fault {
            Fault::Reset => (way, 0),
            Fault::Cut(of, after)
            | Fault::ResetAfter(of, after)
            | Fault::Stall(of, after)
            | Fault::HalfOpen(of, after) => (of, after),
            Fault::None | Fault::Stop(_) | Fault::Trickle | Fault::Delay(_) | Fault::Throttle(_) => {
                return None;
            }
        };
        (of == way).then_some(after)
    }

    /// The connection is lost: no other fault can take the place of this one.
    fn is_final(&self) -> bool {
        self.has_struck && !matches!(self.fault, Fault::Stall(..))
    }
}

impl Link {
    pub(super) fn new(client: TcpStream, server: TcpStream, fault: Fault) -> io::Result<Self> {
        for socket in [&client, &server] {
            socket.set_nodelay(true)?;
            socket.set_read_timeout(Some(TICK))?;
            socket.set_write_timeout(Some(TICK))?;
        }
        let course = Mutex::new(Course { fault, switches: 0, has_struck: false });
        Ok(Self { client, server, course, changed: Condvar::new() })
    }

    /// The sockets that bytes of this way come from and go to.
    pub(super) fn ends(&self, way: Way) -> (&TcpStream, &TcpStream) {
        match way {
            Way::Up => (&self.client, &self.server),
            Way::Down => (&self.server, &self.client),
        }
    }

    pub(super) fn course(&self) -> Course {
        *self.lock()
    }

    fn lock(&self) -> MutexGuard<'_, Course> {
        self.course.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn switch(&self, fault: Fault) {
        let mut course = self.lock();
        if !course.is_final() {
            *course = Course { fault, switches: course.switches + 1, has_struck: false };
        }
        drop(course);
        self.wake();
    }

    pub(super) fn wake(&self) {
        self.changed.notify_all();
    }

    /// Waits until the fault is switched, or for this time.
    pub(super) fn wait(&self, switches: u64, time: Duration) {
        let is_same = |course: &mut Course| course.switches == switches;
        // The lock is released at once; a poisoned one has the same course.
        drop(self.changed.wait_timeout_while(self.lock(), time, is_same));
    }

    pub(super) fn shut_down(&self) {
        // One end may have left already.
        let _ = self.client.shutdown(Shutdown::Both);
        let _ = self.server.shutdown(Shutdown::Both);
    }

    /// The fault strikes, unless it was switched meanwhile.
    pub(super) fn strike(&self, switches: u64) {
        let mut course = self.lock();
        if course.has_struck || course.switches != switches {
            return;
        }
        course.has_struck = true;
        // An end that has left already needs none of this.
        match course.fault {
            Fault::Cut(..) => {
                let _ = self.client.shutdown(Shutdown::Write);
                let _ = self.server.shutdown(Shutdown::Write);
            }
            Fault::Reset | Fault::ResetAfter(..) => {
                // The reset is sent when both pumps have left and the sockets are closed.
                let _ = SockRef::from(&self.client).set_linger(Some(Duration::ZERO));
                let _ = SockRef::from(&self.server).set_linger(Some(Duration::ZERO));
            }
            Fault::HalfOpen(..) => {
                let _ = self.server.shutdown(Shutdown::Both);
            }
            Fault::None
            | Fault::Stall(..)
            | Fault::Stop(_)
            | Fault::Trickle
            | Fault::Delay(_)
            | Fault::Throttle(_) => {}
        }
    }
}
