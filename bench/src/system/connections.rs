//! What a message costs among many connections.

use std::io::{self, Read, Write};
use std::net::TcpStream as Blocking;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::LocalSet;

use super::child::{self, Companion, Run};
use super::echo::runtime;
use super::grid::{Grid, Row};
use super::measure::{Clock, allow_files, frame, frame_len};
use super::socket::{Fastwebsockets, Open, Ours, Sockudo, TokioTungstenite, TokioWebsockets, Wtx, Yawc};
use super::{Command, Options, word};
use crate::scenario::Role;

pub const COMMAND: Command = Command {
    name: "connections",
    about: "processor time of a message among 1 to 10 000 connections",
    help: "\
usage: ws-bench connections [--contender NAME]... [--rounds N]

A server on tokio, one thread, echoes messages of 32 B. The client is another process, the same for all, without a protocol: it
writes one frame on every connection, reads all the echoes, and begins anew, 20 000 messages in all at least. What is counted is
the server's processor time. It falls from one connection to some, for tokio then finds several ready at once, and rises with
what no longer stays in the caches; `raw`, an echo of the same bytes, shows both, and is one in the brackets.
Needs about 10 100 open files in each process (`ulimit -n`).",
    run,
};

const COUNTS: [usize; 4] = [1, 100, 1000, 10_000];
const SIZE: usize = 32;
const MESSAGES: usize = 20_000;

struct Contender {
    name: &'static str,
    serve: fn(TcpStream) -> std::pin::Pin<Box<dyn Future<Output = ()>>>,
}

const CONTENDERS: &[Contender] = &[
    Contender { name: "raw", serve: |stream| Box::pin(raw(stream)) },
    Contender { name: "ours", serve: |stream| Box::pin(serve::<Ours<_>>(stream)) },
    Contender { name: "tokio-tungstenite", serve: |stream| Box::pin(serve::<TokioTungstenite<_>>(stream)) },
    Contender { name: "fastwebsockets", serve: |stream| Box::pin(serve::<Fastwebsockets<_>>(stream)) },
    Contender { name: "tokio-websockets", serve: |stream| Box::pin(serve::<TokioWebsockets<_>>(stream)) },
    Contender { name: "sockudo-ws", serve: |stream| Box::pin(serve::<Sockudo<_>>(stream)) },
    Contender { name: "yawc", serve: |stream| Box::pin(serve::<Yawc<_>>(stream)) },
    Contender { name: "wtx", serve: |stream| Box::pin(serve::<Wtx<_>>(stream)) },
];

async fn serve<W: Open<TcpStream>>(stream: TcpStream) {
    W::open(Role::Server, stream).await.serve().await;
}

/// Leaves the masking key out of its answer.
async fn raw(mut stream: TcpStream) {
    let mut buffer = [0; 4 * SIZE];
    while let Ok(n @ 1..) = stream.read(&mut buffer).await {
        if stream
            .write_all(&buffer[..n / frame_len(SIZE, Role::Server) * frame_len(SIZE, Role::Client)])
            .await
            .is_err()
        {
            break;
        }
    }
}

fn run(options: &Options, words: &[String]) -> io::Result<()> {
    match words.first().map(String::as_str) {
        None => table(options),
        Some("client") => ask(word(words, 1)?, word(words, 2)?),
        Some(name) => {
            let found = CONTENDERS.iter().find(|contender| contender.name == name);
            let contender = found.ok_or_else(|| io::Error::other(format!("no contender {name:?}")))?;
            child::report(&[measured(contender, word(words, 1)?)?]);
            Ok(())
        }
    }
}

fn table(options: &Options) -> io::Result<()> {
    let names = options.select(CONTENDERS.iter().map(|contender| contender.name))?;
    let arguments = |name: &str, count: usize| vec!["connections".into(), name.into(), count.to_string()];
    let runs: Vec<Run> = names.iter().flat_map(|name| COUNTS.map(|count| arguments(name, count))).collect();
    let seen = child::in_turn(&runs, options.rounds.unwrap_or(3));
    let rows = names.iter().zip(seen.chunks(COUNTS.len())).map(|(name, seen)| Row {
        name: name.to_string(),
        cells: seen.iter().map(|values| Some(values.as_ref()?[0])).collect(),
        limit: Some("raw"),
    });
    print!(
        "{}",
        Grid {
            title: "Many connections, all active".into(),
            unit: "nanoseconds of the server on a processor per message of 32 B, and in brackets: times the raw echo".into(),
            columns: COUNTS.map(|count| format!("{count} open")).into(),
            rows: rows.collect(),
        }
    );
    Ok(())
}

/// The server's processor time per message.
fn measured(contender: &Contender, count: usize) -> io::Result<f64> {
    allow_files(count + 100)?;
    let serve = contender.serve;
    LocalSet::new().block_on(&runtime(), async move {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let port = listener.local_addr()?.port();
        tokio::task::spawn_local(async move {
            while let Ok((stream, _)) = listener.accept().await {
                stream.set_nodelay(true).expect("a TCP option");
                tokio::task::spawn_local(serve(stream));
            }
        });
        let (sender, mut receiver) = tokio::sync::mpsc::channel(1);
        // Waiting for the client's lines is left to a thread, since it blocks.
        let control = std::thread::spawn(move || -> io::Result<()> {
            let run = ["connections", "client"].map(String::from).into_iter();
            let mut client = Companion::start(&run.chain([port.to_string(), count.to_string()]).collect())?;
            for _ in 0..2 {
                client.wait()?;
                let _ = sender.blocking_send(());
                client.go_on()?;
            }
            Ok(())
        });
        let mut clock = None;
        while receiver.recv().await.is_some() {
            match clock.take() {
                None => clock = Some(Clock::start()),
                Some(started) => {
                    let passed = started.stop();
                    control.join().map_err(|_| io::Error::other("the control thread has panicked"))??;
                    return Ok(passed.cpu.as_secs_f64() * 1e9 / messages(count) as f64);
                }
            }
        }
        Err(io::Error::other("the client has failed"))
    })
}

/// Whole rounds of all connections.
fn messages(count: usize) -> usize {
    MESSAGES.next_multiple_of(count).max(2 * count)
}

/// The other process.
fn ask(port: u16, count: usize) -> io::Result<()> {
    allow_files(count + 100)?;
    let request = frame(SIZE, Role::Server);
    let mut answer = vec![0; frame_len(SIZE, Role::Client)];
    let mut streams = Vec::with_capacity(count);
    for _ in 0..count {
        let stream = Blocking::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(Duration::from_secs(20)))?;
        streams.push(stream);
        let stream = streams.last_mut().expect("it was just pushed");
        // So that it is accepted: no more than so many may wait for that.
        stream.write_all(&request)?;
        stream.read_exact(&mut answer)?;
    }
    let mut wave = || -> io::Result<()> {
        for stream in &mut streams {
            stream.write_all(&request)?;
        }
        for stream in &mut streams {
            stream.read_exact(&mut answer)?;
        }
        Ok(())
    };
    wave()?;
    child::pause("open")?;
    for _ in 0..messages(count) / count {
        wave()?;
    }
    child::pause("done")
}
