//! Whole connections: what the codec's tables leave out.

mod child;
mod connections;
mod deflate;
mod echo;
mod grid;
mod idle;
mod measure;
pub mod socket;
mod stream;
mod syscalls;
mod tls;

use std::io;

/// Something that is measured by one command, which prints one or several tables.
pub struct Command {
    pub name: &'static str,
    pub about: &'static str,
    pub help: &'static str,
    /// Without words it measures and prints; with words it is one of the runs that this is made of.
    pub run: fn(&Options, &[String]) -> io::Result<()>,
}

pub const COMMANDS: &[Command] = &[
    echo::COMMAND,
    syscalls::COMMAND,
    idle::COMMAND,
    tls::COMMAND,
    deflate::COMMAND,
    connections::COMMAND,
    stream::COMMAND,
];

pub struct Options {
    /// Those that take part; all if none is named.
    pub contenders: Vec<String>,
    pub rounds: Option<usize>,
    pub jobs: usize,
    /// How many bytes are allocated, where the allocator counts them.
    pub heap: Option<fn() -> usize>,
}

pub fn command_named(name: &str) -> Option<&'static Command> {
    COMMANDS.iter().find(|command| command.name == name)
}

impl Options {
    /// Those of `names` that take part, in their order.
    fn select(&self, names: impl IntoIterator<Item = &'static str>) -> io::Result<Vec<&'static str>> {
        let mut names: Vec<_> = names.into_iter().collect();
        if let Some(unknown) = self.contenders.iter().find(|wanted| !names.contains(&wanted.as_str())) {
            let there_are = names.join(", ");
            return Err(io::Error::other(format!("no contender {unknown:?} here; there are {there_are}")));
        }
        names
            .retain(|name| self.contenders.is_empty() || self.contenders.iter().any(|wanted| wanted == name));
        Ok(names)
    }
}

/// The next word of a run's arguments.
fn word<T: std::str::FromStr>(words: &[String], place: usize) -> io::Result<T> {
    let word = words.get(place).and_then(|word| word.parse().ok());
    word.ok_or_else(|| io::Error::other(format!("argument {} of this run is missing or wrong", place + 1)))
}
