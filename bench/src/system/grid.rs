//! A table in markdown, in which some rows are compared with others.

use std::fmt;

pub struct Grid {
    pub title: String,
    pub unit: String,
    pub columns: Vec<String>,
    pub rows: Vec<Row>,
}

pub struct Row {
    pub name: String,
    pub cells: Vec<Option<f64>>,
    /// The row whose cells are one in the brackets of this one.
    pub limit: Option<&'static str>,
}

impl fmt::Display for Grid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "### {}\n\n{}\n", self.title, self.unit)?;
        writeln!(f, "| | {} |", self.columns.join(" | "))?;
        writeln!(f, "|---|{}", "---:|".repeat(self.columns.len()))?;
        for row in &self.rows {
            write!(f, "| {} |", row.name)?;
            for (place, cell) in row.cells.iter().enumerate() {
                let limit = row.limit.and_then(|limit| self.cell(limit, place)).filter(|limit| *limit > 0.0);
                match (cell, limit) {
                    (None, _) => write!(f, " – |")?,
                    (Some(value), None) => write!(f, " {} |", Number(*value))?,
                    (Some(value), Some(limit)) => {
                        write!(f, " {} ({:.2}) |", Number(*value), value / limit)?;
                    }
                }
            }
            writeln!(f)?;
        }
        writeln!(f)
    }
}

impl Grid {
    fn cell(&self, name: &str, place: usize) -> Option<f64> {
        self.rows.iter().find(|row| row.name == name)?.cells[place]
    }
}

/// Three digits at least.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.abs() {
            value if value >= 100.0 || value.fract() == 0.0 => write!(f, "{:.0}", self.0),
            value if value >= 10.0 => write!(f, "{:.1}", self.0),
            _ => write!(f, "{:.2}", self.0),
        }
    }
}

/// A size as a heading.
pub fn size(bytes: usize) -> String {
    match bytes {
        bytes if bytes >= 1 << 20 && bytes % (1 << 20) == 0 => format!("{} MiB", bytes >> 20),
        bytes if bytes >= 1 << 10 && bytes % (1 << 10) == 0 => format!("{} KiB", bytes >> 10),
        bytes => format!("{bytes} B"),
    }
}
