//! A message that is never whole in memory.

use std::io;

use ws_core::bytes::Bytes;
use ws_tokio::MessageKind;

use super::child::{self, Run};
use super::echo::two_ends_on_tokio;
use super::grid::{Grid, Row, size};
use super::measure::{Clock, payload, peak_rss};
use super::socket::{Open, Ours};
use super::{Command, Options, word};
use crate::scenario::Role;

pub const COMMAND: Command = Command {
    name: "stream",
    about: "memory and time of one message in fragments, up to 1 GiB",
    help: "\
usage: ws-bench stream [--rounds N]

A client on tokio sends one binary message in parts of 64 KiB (`send_stream`), each of which is a frame, to a server in the
same process, which receives it in chunks (`recv_stream`), over loopback TCP. Prints the most memory that the process has had in RAM
(VmHWM), of which the first row is what it has without a message, and the processor time of both ends per byte. Ours only.",
    run,
};

const PART: usize = 64 * 1024;
const SIZES: [usize; 4] = [PART, 1 << 20, 64 << 20, 1 << 30];

fn run(options: &Options, words: &[String]) -> io::Result<()> {
    if !words.is_empty() {
        return child::report_all(streamed(word(words, 0)?));
    }
    let runs: Vec<Run> = SIZES.iter().map(|size| vec!["stream".into(), size.to_string()]).collect();
    let seen = child::in_turn(&runs, options.rounds.unwrap_or(3));
    let rows = SIZES.iter().zip(seen).map(|(&bytes, values)| Row {
        name: size(bytes),
        cells: (0..2).map(|place| Some(values.as_ref()?[place])).collect(),
        limit: None,
    });
    print!(
        "{}",
        Grid {
            title: "One message in fragments of 64 KiB, sent and received in chunks".into(),
            unit: "both ends in one process".into(),
            columns: vec!["peak memory, KiB".into(), "processor time, ns per KiB".into()],
            rows: rows.collect(),
        }
    );
    Ok(())
}

/// The peak of memory in KiB, and the processor time per KiB in nanoseconds.
fn streamed(bytes: usize) -> io::Result<[f64; 2]> {
    let serve = async move |stream| {
        let mut socket = Ours::open(Role::Server, stream).await;
        let mut reader = socket.recv_stream().await.expect("no violation").expect("a message");
        let mut came = 0;
        while let Some(chunk) = reader.next_chunk().await.expect("no violation") {
            came += Bytes::len(&chunk);
        }
        assert_eq!(came, bytes);
        // The client waits for an answer, so that all is over when the clock stops.
        socket.send(vec![0]).await.expect("sent");
    };
    let passed = two_ends_on_tokio(serve, async |stream| {
        let mut socket = Ours::open(Role::Client, stream).await;
        let part = payload(PART);
        let clock = Clock::start();
        let mut writer = socket.send_stream(MessageKind::Binary).expect("none is under way");
        for _ in 0..bytes / PART {
            writer.write(&part).await.expect("sent");
        }
        writer.finish().await.expect("sent");
        socket.recv().await.expect("no violation").expect("an answer");
        clock.stop()
    });
    Ok([peak_rss()? as f64 / 1024.0, passed.cpu.as_secs_f64() * 1e9 / (bytes as f64 / 1024.0)])
}
