//! Compressed messages: what they cost, and what a connection holds for them.

mod contender;
mod content;
mod python;

use std::io;

use self::contender::Parameters;
use self::content::Content;
use super::child::{self, Run};
use super::grid::{Grid, Row};
use super::{Command, Options, word};
use crate::callgrind;

pub const COMMAND: Command = Command {
    name: "deflate",
    about: "instructions, time, size and memory of compressed messages",
    help: "\
usage: ws-bench deflate [--contender NAME]... [--rounds N] [--jobs N]
       ws-bench-heap deflate --rounds 0

Instructions per message, counted by valgrind as for `table`, of sending and receiving messages compressed by permessage-deflate:
lines of JSON of about 200 B and 2 KiB, no two alike, and a log of 1 MiB, with context takeover (a message may refer to those
before it) and without. A server sends, a client receives, so that masking is left out. Level 6 and a window of 15 bits for all,
every message compressed; all of them compress by zlib-rs. `raw` is zlib-rs alone with the same settings, the limit, and one in the
brackets. All receive the same bytes, which ours has compressed. wtx knows no context takeover.

Then the time of the same, as the median of the rounds (default 7), in which contenders take turns; for orientation also that of Python
`websockets`, with zlib, where `python3` can import it.

Then the bytes on the wire per message; and with `ws-bench-heap` the bytes of the heap that an open connection holds after it has
received a message of 2 KiB and sent one. `--rounds 0` leaves the instructions and the time out.",
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

/// The tables: places in `DIRECTIONS` and in `TAKEOVERS`.
const GROUPS: [(usize, usize); 4] = [(0, 0), (0, 1), (1, 0), (1, 1)];

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
    let passed = (contender.run)(spec);
    child::report(
        &[passed.bytes as f64, passed.elapsed.as_nanos() as f64].map(|sum| sum / spec.count as f64),
    );
    Ok(())
}

fn named<T: Copy>(all: &[(T, &str)], name: &str) -> io::Result<T> {
    let found = all.iter().find(|(_, known)| *known == name);
    found.map(|(value, _)| *value).ok_or_else(|| io::Error::other(format!("what is {name:?}?")))
}

fn tables(options: &Options) -> io::Result<()> {
    let names = options.select(contender::ALL.iter().map(|contender| contender.name))?;
    let columns: Vec<String> = Content::ALL.iter().map(|content| content.title().to_string()).collect();
    let heading = |direction: usize, takeover: usize| {
        format!(
            "{}, {}",
            ["Server sends compressed", "Client receives compressed"][direction],
            TITLES[takeover]
        )
    };
    if options.rounds != Some(0) {
        callgrind::find_valgrind()?;
        for (direction, takeover) in GROUPS {
            let names = contenders(&names, takeover);
            let rows = instructions(&names, direction, takeover, options.jobs)?;
            let unit = "instructions per message, and in brackets: times zlib-rs alone".into();
            print!("{}", Grid { title: heading(direction, takeover), unit, columns: columns.clone(), rows });
        }
        let python = python::Peer::find(&options.contenders);
        for (direction, takeover) in GROUPS {
            let names = contenders(&names, takeover);
            let rows = times(&names, python.as_ref(), direction, takeover, options.rounds.unwrap_or(7));
            let unit = "microseconds per message, and in brackets: times zlib-rs alone".into();
            print!("{}", Grid { title: heading(direction, takeover), unit, columns: columns.clone(), rows });
        }
    }
    for takeover in [0, 1] {
        let held = options.heap.map(|_| "heap of a connection".to_string());
        let unit = match held {
            Some(_) => "bytes on the wire per message, and bytes of the heap that an open connection holds",
            None => "bytes on the wire per message",
        };
        let names = contenders(&names, takeover);
        print!(
            "{}",
            Grid {
                title: format!("Size and memory, {}", TITLES[takeover]),
                unit: unit.into(),
                columns: columns.iter().cloned().chain(held).collect(),
                rows: sizes(&names, takeover, options.heap.is_some()),
            }
        );
    }
    Ok(())
}

/// Those that know it.
fn contenders(names: &[&'static str], takeover: usize) -> Vec<&'static str> {
    names.iter().copied().filter(|name| !TAKEOVERS[takeover].0 || *name != "wtx").collect()
}

fn instructions(names: &[&str], direction: usize, takeover: usize, jobs: usize) -> io::Result<Vec<Row>> {
    let cells: Vec<(&str, Content)> =
        names.iter().flat_map(|name| Content::ALL.map(|content| (*name, content))).collect();
    let counts = callgrind::in_parallel(&cells, jobs, |(name, content)| {
        let run = |count| arguments(name, direction, takeover, *content, count);
        Ok(per_message(run, content.count()).unwrap_or_else(|error| {
            eprintln!("{error}");
            f64::NAN
        }))
    })?;
    let cell = |count: &f64| Some(*count).filter(|count| !count.is_nan());
    let rows = names.iter().zip(counts.chunks(Content::ALL.len()));
    Ok(rows.map(|(name, counts)| row(name, counts.iter().map(cell).collect())).collect())
}

fn times(
    names: &[&str],
    python: Option<&python::Peer>,
    direction: usize,
    takeover: usize,
    rounds: usize,
) -> Vec<Row> {
    let runs: Vec<Run> = names
        .iter()
        .flat_map(|name| {
            Content::ALL.map(|content| arguments(name, direction, takeover, content, content.count()))
        })
        .collect();
    let microseconds = |values: &Option<child::Values>| Some(values.as_ref()?.get(1)? / 1000.0);
    let seen = child::in_turn(&runs, rounds);
    let rows = names.iter().zip(seen.chunks(Content::ALL.len()));
    let rows = rows.map(|(name, seen)| row(name, seen.iter().map(microseconds).collect()));
    let python = python.map(|python| {
        let cells = Content::ALL.map(|content| {
            let spec = spec(direction, takeover, content, content.count());
            python
                .measure(spec)
                .map_err(|error| eprintln!("{error}"))
                .ok()
                .map(|time| time.as_secs_f64() * 1e6)
        });
        row(python::NAME, cells.to_vec())
    });
    rows.chain(python).collect()
}

fn sizes(names: &[&str], takeover: usize, with_heap: bool) -> Vec<Row> {
    let first = |run: &Run| child::measure(run).ok()?.first().copied();
    let cells = |name: &str| {
        let sizes =
            Content::ALL.map(|content| first(&arguments(name, 0, takeover, content, content.count())));
        let hold: Run = ["deflate", name, "hold", TAKEOVERS[takeover].1].map(String::from).into();
        sizes.into_iter().chain(with_heap.then(|| first(&hold))).collect()
    };
    names.iter().map(|name| Row { name: name.to_string(), cells: cells(name), limit: None }).collect()
}

fn row(name: &str, cells: Vec<Option<f64>>) -> Row {
    Row { name: name.to_string(), cells, limit: Some("raw") }
}

fn spec(direction: usize, takeover: usize, content: Content, count: usize) -> Spec {
    Spec { direction: DIRECTIONS[direction].0, takeover: TAKEOVERS[takeover].0, content, count }
}

fn arguments(name: &str, direction: usize, takeover: usize, content: Content, count: usize) -> Run {
    let (direction, takeover) = (DIRECTIONS[direction].1, TAKEOVERS[takeover].1);
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
