//! Python `websockets`, for orientation: its protocol without I/O, with zlib.

use std::fs;
use std::io::{self, Write};
use std::process::{Command, Stdio};
use std::time::Duration;

use super::content::Content;
use super::{Direction, Spec, child, contender};

pub const NAME: &str = "websockets (Python)";

const SCRIPT: &str = include_str!("python.py");

/// The interpreter, which can import it.
pub struct Peer(());

impl Peer {
    /// There is none where `python3` cannot import it, or where others were asked for.
    pub fn find(wanted: &[String]) -> Option<Self> {
        if !wanted.is_empty() {
            return None;
        }
        let imported = Command::new("python3")
            .args(["-c", "import websockets.sync.client"])
            .stderr(Stdio::null())
            .status();
        let is_there = imported.is_ok_and(|status| status.success());
        if !is_there {
            eprintln!("{NAME} is left out: python3 cannot import it");
        }
        is_there.then_some(Peer(()))
    }

    /// The time of a message.
    pub fn measure(&self, spec: Spec) -> io::Result<Duration> {
        let (direction, chunks) = match spec.direction {
            Direction::Send => ("send", spec.content.messages(spec.count)),
            Direction::Receive => ("receive", vec![contender::frames(spec)]),
        };
        let file = File::of(&chunks, spec.content)?;
        let mut python = Command::new("python3");
        python.args([
            "-c",
            SCRIPT,
            file.0.to_str().ok_or_else(|| io::Error::other("a path that is no text"))?,
        ]);
        let takeover = if spec.takeover { "takeover" } else { "no-takeover" };
        let run = [direction, takeover, &spec.count.to_string()].map(String::from);
        let values = child::measure_under(python, &run.into())?;
        let time = values.first().ok_or_else(|| io::Error::other("it said nothing"))?;
        Ok(Duration::from_nanos((time / spec.count as f64) as u64))
    }
}

/// What is handed over, each chunk behind its length. It is removed in the end.
struct File(std::path::PathBuf);

impl File {
    fn of(chunks: &[bytes::Bytes], content: Content) -> io::Result<Self> {
        let name = format!("ws-bench-{}-{}", std::process::id(), content.name());
        let file = File(std::env::temp_dir().join(name));
        let mut writer = io::BufWriter::new(fs::File::create_new(&file.0)?);
        for chunk in chunks {
            writer.write_all(&(chunk.len() as u32).to_be_bytes())?;
            writer.write_all(chunk)?;
        }
        writer.flush()?;
        Ok(file)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
