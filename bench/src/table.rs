//! A table in markdown, with ratios.

use std::fmt;

use crate::contender::{Entry, Rank};

pub struct Table<'a> {
    pub title: &'a str,
    pub unit: &'a str,
    pub sizes: &'a [usize],
    pub rows: Vec<(&'static Entry, Vec<f64>)>,
}

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n", self.title)?;
        writeln!(f, "{}, and in brackets: times the best peer, times memcpy\n", self.unit)?;
        write!(f, "| |")?;
        for size in self.sizes {
            write!(f, " {} |", Bytes(*size))?;
        }
        write!(f, "\n|---|")?;
        for _ in self.sizes {
            write!(f, "---:|")?;
        }
        writeln!(f)?;
        let best: Vec<_> = (0..self.sizes.len()).map(|column| self.least(column, Rank::Peer)).collect();
        let floor: Vec<_> = (0..self.sizes.len()).map(|column| self.least(column, Rank::Floor)).collect();
        for (entry, cells) in &self.rows {
            write!(f, "| {} |", entry.name)?;
            for ((value, best), floor) in cells.iter().zip(&best).zip(&floor) {
                write!(f, " {value:.0} ({}, {}) |", Ratio(*value, *best), Ratio(*value, *floor))?;
            }
            writeln!(f)?;
        }
        writeln!(f)
    }
}

impl Table<'_> {
    fn least(&self, column: usize, rank: Rank) -> Option<f64> {
        let rows = self.rows.iter().filter(|(entry, _)| entry.rank == rank);
        rows.map(|(_, cells)| cells[column]).min_by(f64::total_cmp)
    }
}

struct Ratio(f64, Option<f64>);

impl fmt::Display for Ratio {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1.map(|unit| self.0 / unit) {
            None => f.write_str("–"),
            Some(ratio) if ratio < 10.0 => write!(f, "{ratio:.2}"),
            Some(ratio) => write!(f, "{ratio:.0}"),
        }
    }
}

struct Bytes(usize);

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            size if size >= 1 << 20 && size % (1 << 20) == 0 => write!(f, "{} MiB", size >> 20),
            size if size >= 1 << 10 && size % (1 << 10) == 0 => write!(f, "{} KiB", size >> 10),
            size => write!(f, "{size} B"),
        }
    }
}
