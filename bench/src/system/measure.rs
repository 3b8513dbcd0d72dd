//! What a process has used, as the system says.

use std::fs;
use std::io;
use std::time::{Duration, Instant};

use bytes::Bytes;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::time::{ClockId, clock_gettime};

use crate::scenario::{self, Case, Role};

/// Reads the time that has passed, and the time of all threads on a processor.
pub struct Clock {
    start: Instant,
    cpu: Duration,
}

/// What passed between two readings.
pub struct Passed {
    pub elapsed: Duration,
    /// In user and in system mode.
    pub cpu: Duration,
}

impl Clock {
    pub fn start() -> Self {
        Clock { cpu: cpu(), start: Instant::now() }
    }

    pub fn stop(&self) -> Passed {
        Passed { elapsed: self.start.elapsed(), cpu: cpu() - self.cpu }
    }
}

fn cpu() -> Duration {
    clock_gettime(ClockId::ProcessCPUTime).try_into().expect("it does not go back")
}

/// The memory of this process that lies in RAM, in bytes.
#[derive(Clone, Copy)]
pub struct Memory {
    pub rss: usize,
    /// Pages that several processes share count in parts.
    pub pss: usize,
}

impl Memory {
    pub fn now() -> io::Result<Self> {
        let text = fs::read_to_string("/proc/self/smaps_rollup")?;
        Ok(Memory { rss: field(&text, "Rss:")?, pss: field(&text, "Pss:")? })
    }
}

/// The most memory that this process has had in RAM, in bytes.
pub fn peak_rss() -> io::Result<usize> {
    field(&fs::read_to_string("/proc/self/status")?, "VmHWM:")
}

/// A line of a file in `/proc`, which counts in units of 1024 bytes.
fn field(text: &str, name: &str) -> io::Result<usize> {
    let line = text.lines().find_map(|line| line.strip_prefix(name));
    let number = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    number.map(|kib| kib * 1024).ok_or_else(|| io::Error::other(format!("no line {name} in /proc")))
}

/// Lets this process, and those that it starts, open `files` files, if the system allows it.
pub fn allow_files(files: usize) -> io::Result<()> {
    let files = files as u64;
    let limit = getrlimit(Resource::Nofile);
    if limit.current.is_none_or(|current| current >= files) {
        return Ok(());
    }
    if limit.maximum.is_some_and(|maximum| maximum < files) {
        return Err(io::Error::other(format!("needs {files} open files: raise the limit with `ulimit -n`")));
    }
    Ok(setrlimit(Resource::Nofile, Rlimit { current: Some(files), ..limit })?)
}

/// What is sent: `size` bytes, the same in every run.
pub fn payload(size: usize) -> Bytes {
    case(size, Role::Server).payload()
}

/// The same in one frame, as one that is to be received by `role`.
pub fn frame(size: usize, role: Role) -> Bytes {
    case(size, role).frames().slice(..frame_len(size, role))
}

/// The length of that frame.
pub fn frame_len(size: usize, role: Role) -> usize {
    case(size, role).frame_len(role == Role::Server)
}

fn case(size: usize, role: Role) -> Case {
    let is_binary = |scenario: &&scenario::Scenario| {
        scenario.content == scenario::Content::Binary && scenario.role == role
    };
    let scenario = scenario::ALL.iter().find(is_binary).expect("either role receives binary");
    Case { scenario, size, count: 1 }
}
