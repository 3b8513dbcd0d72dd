//! A server that has no file descriptor left waits, and goes on when its clients have gone. A server that has no thread left refuses
//! clients, and goes on, too.

#![cfg(unix)]
#![allow(clippy::unwrap_used, reason = "what panics here is a failed test")]

use std::io::{BufRead, BufReader};
#[cfg(target_os = "linux")]
use std::io::{ErrorKind, Read};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;
#[cfg(target_os = "linux")]
use std::time::Instant;

use ws_blocking::{CloseCode, WebSocket};

/// File descriptors that the server may have, and clients that would need more.
const LIMIT: usize = 40;
const CLIENTS: usize = 60;
/// Long enough for several failed attempts to accept.
const EXHAUSTED: Duration = Duration::from_millis(400);
/// Time after which the server has accepted as many clients as it can.
#[cfg(target_os = "linux")]
const SETTLED: Duration = Duration::from_millis(200);

/// A server process with few file descriptors. Dropped, it is killed.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    /// `limit` is a command of the shell.
    fn start(runtime: &str, limit: &str) -> Self {
        let mut child = Command::new("sh")
            .args(["-c", &format!("{limit} && exec \"$0\" serve \"$1\" 0")])
            .args([env!("CARGO_BIN_EXE_testee"), runtime])
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let address = line.trim().strip_prefix("listening on ").unwrap().parse().unwrap();
        Self { child, address }
    }

    /// Processor time of all its threads. The system counts it in hundredths of a second.
    #[cfg(target_os = "linux")]
    fn processor_time(&self) -> Duration {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        // The name of the program, in parentheses, may hold spaces.
        let (_, fields) = stat.rsplit_once(") ").unwrap();
        let ticks: u64 = fields.split(' ').skip(11).take(2).map(|field| field.parse::<u64>().unwrap()).sum();
        Duration::from_millis(10 * ticks)
    }

    /// Waits while the server has no descriptor left. It must not be busy meanwhile.
    fn be_exhausted(&self, runtime: &str) {
        #[cfg(target_os = "linux")]
        {
            thread::sleep(SETTLED);
            let before = self.processor_time();
            thread::sleep(EXHAUSTED);
            let used = self.processor_time() - before;
            println!("{runtime}: {used:?} of processor time in {EXHAUSTED:?}");
            assert!(used < EXHAUSTED / 4, "{runtime}: {used:?} of processor time in {EXHAUSTED:?}");
        }
        #[cfg(not(target_os = "linux"))]
        {
            let _ = runtime;
            thread::sleep(EXHAUSTED);
        }
    }

    fn echo(&self) {
        let (mut ws, _) = WebSocket::connect(format!("ws://{}/", self.address)).unwrap();
        ws.send("hello").unwrap();
        assert_eq!(ws.recv().unwrap(), Some("hello".into()));
        assert!(ws.close(CloseCode::NORMAL).clean);
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn idle_clients_use_up_the_descriptors_and_leave(runtime: &str) {
    let mut server = Server::start(runtime, &format!("ulimit -n {LIMIT}"));
    server.echo();
    let idle: Vec<TcpStream> = (0..CLIENTS).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    server.be_exhausted(runtime);
    assert_eq!(server.child.try_wait().unwrap(), None, "{runtime}: the server has ended");
    drop(idle);
    server.echo();
}

#[test]
fn a_server_on_tokio_survives_its_clients() {
    idle_clients_use_up_the_descriptors_and_leave("tokio");
}

#[test]
fn a_server_on_smol_survives_its_clients() {
    idle_clients_use_up_the_descriptors_and_leave("smol");
}

#[test]
fn a_server_on_async_std_survives_its_clients() {
    idle_clients_use_up_the_descriptors_and_leave("async-std");
}

#[test]
fn a_server_of_threads_survives_its_clients() {
    idle_clients_use_up_the_descriptors_and_leave("blocking");
}

/// The system refuses a thread (EAGAIN) whose stack finds no room in the address space, as it does at a limit of processes. root has no
/// limit of processes, but it has this one.
#[cfg(target_os = "linux")]
#[test]
fn a_server_whose_system_refuses_threads_survives_its_clients() {
    // 256 MiB of each stack and 4 GiB in all leave room for fewer than 16 threads, and for the heap.
    let limit = "export RUST_MIN_STACK=268435456 MALLOC_ARENA_MAX=1 && ulimit -v 4194304";
    let mut server = Server::start("blocking", limit);
    server.echo();
    let clients: Vec<TcpStream> = (0..CLIENTS).map(|_| TcpStream::connect(server.address).unwrap()).collect();
    wait_until("most clients are refused", || {
        assert_eq!(server.child.try_wait().unwrap(), None, "the server has ended");
        clients.iter().filter(|client| has_ended(client)).count() >= CLIENTS - 16
    });
    assert!(clients.iter().any(|client| !has_ended(client)), "the first clients have threads");
    drop(clients);
    // Each thread ends after its client.
    let url = format!("ws://{}/", server.address);
    wait_until("a client gets a thread", || WebSocket::connect(&url).is_ok());
    server.echo();
}

#[cfg(target_os = "linux")]
fn wait_until(name: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < Duration::from_secs(20), "{name}: not within 20 s");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Whether the server has disconnected this client, which has sent nothing.
#[cfg(target_os = "linux")]
fn has_ended(mut client: &TcpStream) -> bool {
    client.set_nonblocking(true).unwrap();
    match client.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() != ErrorKind::WouldBlock,
    }
}
