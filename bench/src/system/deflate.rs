//! Compressed messages: what they cost, and what a connection holds for them.

mod contender;
mod content;

use std::io;

use self::contender::Parameters;
use self::content::Content;
use super::child::{self, Run};
use super::grid::{Grid, Row};
use super::{Command, Options, word};
use crate::callgrind;

pub const COMMAND: Command = Command {
    name: "deflate",
    about: "instructions, size and memory of compressed messages",
    help: "\
usage: ws-bench deflate [--contender NAME]... [--jobs N]
       ws-bench-heap deflate --rounds 0

Instructions per message, counted by valgrind as for `table`, of sending and receiving messages compressed by permessage-deflate:
lines of JSON of about 200 B and 2 KiB, no two alike, and a log of 1 MiB, with context takeover (a message may refer to those
before it) and without. A server sends, a client receives, so that masking is left out. Level 6 and a window of 15 bits for all,
every message compressed; all of them compress by zlib-rs. `raw` is zlib-rs alone with the same settings, the limit, and one in the
brackets. All receive the same bytes, which ours has compressed. wtx knows no context takeover.

Then the bytes on the wire per message; and with `ws-bench-heap` the bytes of the heap that an open connection holds after it has
received a message of 2 KiB and sent one. `--rounds 0` leaves the instructions out.",
    run,
};

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    Send,
    Receive,
}

/// What a run does.
#[derive(Clone, Copy)]
pub struct Spec {
    direction: Direction,
    takeover: bool,
    content: Content,
    count: usize,
}

const DIRECTIONS: [(Direction, &str); 2] = [(Direction::Send, "send"), (Direction::Receive, "receive")];
const TAKEOVERS: [(bool, &str); 2] = [(true, "takeover"), (false, "no-takeover")];

const TITLES: [&str; 2] = ["with context takeover", "without context takeover"];

fn run(options: &Options, words: &[String]) -> io::Result<()> {
    if words.is_empty() {
        return tables(options);
    }
    let contender = contender::named(&word::<String>(words, 0)?)?;
    let takeover = named(&TAKEOVERS, &word::<String>(words, 2)?)?;
    let direction = match &*word::<String>(words, 1)? {
        "hold" => {
            let heap = options.heap.ok_or_else(|| io::Error::other("only ws-bench-heap counts"))?;
            child::report(&[(contender.hold)(Parameters { takeover }, heap)]);
            return Ok(());
        }
        direction => named(&DIRECTIONS, direction)?,
    };
    let content = Content::named(&word::<String>(words, 3)?)?;
    let spec = Spec { direction, takeover, content, count: word(words, 4)? };
    child::report(&[(contender.run)(spec) as f64 / spec.count as f64]);
    Ok(())
}

fn named<T: Copy>(all: &[(T, &str)], name: &str) -> io::Result<T> {
    let found = all.iter().find(|(_, known)| *known == name);
    found.map(|(value, _)| *value).ok_or_else(|| io::Error::other(format!("what is {name:?}?")))
}

fn tables(options: &Options) -> io::Result<()> {
    let names = options.select(contender::ALL.iter().map(|contender| contender.name))?;
    let columns: Vec<String> = Content::ALL.iter().map(|content| content.title().to_string()).collect();
    let contenders = |takeover: bool| names.iter().filter(move |name| !takeover || **name != "wtx");
    if options.rounds != Some(0) {
        callgrind::find_valgrind()?;
        for (direction, takeover) in [(0, 0), (0, 1), (1, 0), (1, 1)] {
            let names: Vec<_> = contenders(TAKEOVERS[takeover].0).copied().collect::<Vec<&'static str>>();
            let cells: Vec<(&str, Content)> =
                names.iter().flat_map(|name| Content::ALL.map(|content| (*name, content))).collect();
            let counts = callgrind::in_parallel(&cells, options.jobs, |(name, content)| {
                let run =
                    |count| arguments(name, DIRECTIONS[direction].1, TAKEOVERS[takeover].1, *content, count);
                Ok(per_message(run, content.count()).unwrap_or_else(|error| {
                    eprintln!("{error}");
                    f64::NAN
                }))
            })?;
            let rows = names.iter().zip(counts.chunks(columns.len())).map(|(name, counts)| Row {
                name: name.to_string(),
                cells: counts.iter().map(|count| Some(*count).filter(|count| !count.is_nan())).collect(),
                limit: Some("raw"),
            });
            let direction = ["Server sends compressed", "Client receives compressed"][direction];
            let takeover = TITLES[takeover];
            print!(
                "{}",
                Grid {
                    title: format!("{direction}, {takeover}"),
                    unit: "instructions per message, and in brackets: times zlib-rs alone".into(),
                    columns: columns.clone(),
                    rows: rows.collect(),
                }
            );
        }
    }
    for (takeover, word) in TAKEOVERS {
        let names: Vec<_> = contenders(takeover).copied().collect();
        let mut rows = Vec::new();
        for name in names {
            let sizes = Content::ALL.map(|content| {
                let values = child::measure(&arguments(name, "send", word, content, content.count())).ok();
                values.and_then(|values| values.first().copied())
            });
            let held = options.heap.and_then(|_| {
                let run: Run = ["deflate", name, "hold", word].map(String::from).into();
                child::measure(&run).ok()?.first().copied()
            });
            let cells = sizes.into_iter().chain(options.heap.map(|_| held)).collect();
            rows.push(Row { name: name.to_string(), cells, limit: None });
        }
        let held = options.heap.map(|_| "heap of a connection".to_string());
        print!(
            "{}",
            Grid {
                title: format!("Size and memory, {}", TITLES[usize::from(!takeover)]),
                unit: match held {
                    Some(_) =>
                        "bytes on the wire per message, and bytes of the heap that an open connection holds",
                    None => "bytes on the wire per message",
                }
                .into(),
                columns: columns.iter().cloned().chain(held).collect(),
                rows,
            }
        );
    }
    Ok(())
}

fn arguments(name: &str, direction: &str, takeover: &str, content: Content, count: usize) -> Run {
    ["deflate", name, direction, takeover, content.name(), &count.to_string()].map(String::from).into()
}

/// Whatever two runs have in common cancels out; beside a single large message it is nothing.
fn per_message(run: impl Fn(usize) -> Run, count: usize) -> io::Result<f64> {
    if count == 1 {
        return Ok(callgrind::collected(&run(1))? as f64);
    }
    let once = callgrind::collected(&run(count))?;
    let twice = callgrind::collected(&run(2 * count))?;
    Ok((twice as f64 - once as f64) / count as f64)
}
