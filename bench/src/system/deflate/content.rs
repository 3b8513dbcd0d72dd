//! What is compressed: made up, but like what is sent.

use std::fmt::Write;
use std::io;

use bytes::Bytes;

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Content {
    Trade,
    Book,
    Log,
}

impl Content {
    pub const ALL: [Content; 3] = [Content::Trade, Content::Book, Content::Log];

    pub fn name(self) -> &'static str {
        match self {
            Content::Trade => "trade",
            Content::Book => "book",
            Content::Log => "log",
        }
    }

    pub fn title(self) -> &'static str {
        match self {
            Content::Trade => "JSON, 200 B",
            Content::Book => "JSON, 2 KiB",
            Content::Log => "log, 1 MiB",
        }
    }

    pub fn named(name: &str) -> io::Result<Self> {
        let found = Content::ALL.into_iter().find(|content| content.name() == name);
        found.ok_or_else(|| io::Error::other(format!("no content {name:?}")))
    }

    /// How many messages a run has.
    pub fn count(self) -> usize {
        match self {
            Content::Trade => 500,
            Content::Book => 100,
            Content::Log => 1,
        }
    }

    /// The messages of a run, no two alike.
    pub fn messages(self, count: usize) -> Vec<Bytes> {
        let mut dice = Dice(0x9E37_79B9_7F4A_7C15);
        (0..count).map(|n| self.message(n, &mut dice).into()).collect()
    }

    fn message(self, n: usize, dice: &mut Dice) -> String {
        match self {
            Content::Trade => trade(n, dice),
            Content::Book => book(n, dice),
            Content::Log => log(n, dice),
        }
    }
}

/// xorshift64
struct Dice(u64);

impl Dice {
    fn throw(&mut self, sides: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) % sides
    }

    fn one_of<'a>(&mut self, all: &[&'a str]) -> &'a str {
        all[self.throw(all.len() as u64) as usize]
    }
}

const SYMBOLS: [&str; 8] =
    ["BTC-USD", "ETH-USD", "SOL-USD", "ADA-EUR", "XRP-USD", "LTC-EUR", "DOT-USD", "LINK-USD"];

fn trade(n: usize, dice: &mut Dice) -> String {
    format!(
        "{{\"type\":\"trade\",\"channel\":\"ticker\",\"symbol\":\"{}\",\"sequence\":{},\"price\":\"{}.{:02}\",\
        \"size\":\"0.{:08}\",\"side\":\"{}\",\"maker\":{},\"trade_id\":{},\"time\":\"2026-03-14T09:{:02}:{:02}.{:06}Z\"}}",
        dice.one_of(&SYMBOLS),
        81_430_000 + 3 * n,
        64_000 + dice.throw(400),
        dice.throw(100),
        dice.throw(100_000_000),
        dice.one_of(&["buy", "sell"]),
        dice.throw(2) == 0,
        512_000_000 + n,
        n / 600 % 60,
        n / 10 % 60,
        dice.throw(1_000_000),
    )
}

fn book(n: usize, dice: &mut Dice) -> String {
    let symbol = dice.one_of(&SYMBOLS);
    let mut text =
        format!("{{\"type\":\"l2update\",\"symbol\":\"{symbol}\",\"sequence\":{},\"changes\":[", 91_000 + n);
    while text.len() < 2010 {
        let side = dice.one_of(&["buy", "sell"]);
        let (price, cents, size) = (64_000 + dice.throw(400), dice.throw(100), dice.throw(100_000_000));
        write!(text, "[\"{side}\",\"{price}.{cents:02}\",\"0.{size:08}\"],").expect("a string takes it");
    }
    text.pop();
    text + "]}"
}

fn log(n: usize, dice: &mut Dice) -> String {
    let mut text = String::with_capacity((1 << 20) + 256);
    let mut micros = n as u64 * 1_000_000;
    while text.len() < 1 << 20 {
        micros += dice.throw(5000);
        let level = dice.one_of(&["INFO ", "INFO ", "INFO ", "DEBUG", "WARN "]);
        let target = dice.one_of(&["http::server", "http::server", "db::pool", "auth::session", "cache"]);
        let method = dice.one_of(&["GET", "GET", "GET", "POST", "PUT", "DELETE"]);
        let path =
            dice.one_of(&["/api/v1/items", "/api/v1/users", "/api/v1/orders", "/health", "/static/app.js"]);
        let status = dice.one_of(&["200", "200", "200", "201", "304", "404", "500"]);
        writeln!(
            text,
            "2026-03-14T09:{:02}:{:02}.{:06}Z {level} [worker-{}] {target}: {method} {path}/{} {status} {}us \
            bytes={} request_id={:016x}",
            micros / 60_000_000 % 60,
            micros / 1_000_000 % 60,
            micros % 1_000_000,
            dice.throw(16),
            dice.throw(10_000),
            200 + dice.throw(20_000),
            dice.throw(65_536),
            dice.throw(u64::MAX),
        )
        .expect("a string takes it");
    }
    text.truncate(1 << 20);
    text
}
