//! What a connection leaves behind.

use std::thread;
use std::time::Duration;

use ws_common::ConnectOptions;
use ws_core::CloseCode;

use crate::adapter::{Adapter, Receiving, Sending, Socket};
use crate::ends::{client, pair, quiet, server};
use crate::peer::Server;
use crate::watch::{alone, eventually, proc_status};
use crate::wire::{FIN, TEXT};

fn open_files() -> usize {
    std::fs::read_dir("/proc/self/fd").unwrap().count()
}

fn threads() -> u64 {
    proc_status("self", "Threads:")
}

pub fn two_hundred_connections_leave_nothing_behind<A: Adapter>() {
    alone(|| {
        // Whatever a runtime keeps for good, it has after the first round.
        let ways: [fn(); 7] = [
            closed::<A>,
            dropped::<A>,
            dropped_by_the_peer::<A>,
            halves::<A>,
            violated::<A>,
            refused::<A>,
            timed_out::<A>,
        ];
        ways.iter().for_each(|way| way());
        let (files, tasks) = (open_files(), threads());
        for way in ways.iter().cycle().take(200) {
            way();
        }
        eventually("that every file is closed", || open_files() <= files);
        // A runtime may keep threads for blocking work, and more of them for a while; those do not grow with the number of
        // connections.
        eventually("that every thread has ended", || threads() <= tasks + 4);
        println!("{} open files (first {files}), {} threads (first {tasks})", open_files(), threads());
    });
}

fn closed<A: Adapter>() {
    let (mut client, mut server) = pair::<A>(quiet());
    thread::scope(|scope| {
        scope.spawn(move || while server.recv().unwrap().is_some() {});
        client.send("hello").unwrap();
        assert!(client.close(CloseCode::NORMAL).clean);
    });
}

fn dropped<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    socket.feed("never sent").unwrap();
    drop(socket);
    peer.expect_end();
}

fn dropped_by_the_peer<A: Adapter>() {
    let (mut socket, peer) = server::<A>(quiet());
    drop(peer);
    assert!(socket.recv().is_err());
}

fn halves<A: Adapter>() {
    let (socket, mut peer) = server::<A>(quiet());
    let (mut sender, mut receiver) = socket.split();
    thread::scope(|scope| {
        scope.spawn(move || {
            assert_eq!(receiver.recv().unwrap(), Some("hello".into()));
        });
        peer.text("hello");
        sender.send("hello").unwrap();
    });
    drop(sender);
    assert_eq!(peer.receive_text(), "hello");
    peer.expect_end();
}

fn violated<A: Adapter>() {
    let (mut socket, mut peer) = client::<A>(quiet());
    peer.frame(FIN | TEXT, [0xFF]);
    peer.end();
    assert!(socket.recv().is_err());
}

fn refused<A: Adapter>() {
    let server = Server::new();
    let options = ConnectOptions::new(server.url());
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut peer = server.accept();
            peer.read_head();
            peer.send("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
            peer.expect_end();
        });
        assert!(A::connect(options).is_err());
    });
}

fn timed_out<A: Adapter>() {
    let (mut socket, _peer) = client::<A>(quiet().close_timeout(Duration::from_millis(20)));
    assert!(!socket.close(CloseCode::NORMAL).clean);
}
