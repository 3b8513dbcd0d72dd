//! A file of any size as one message: neither side ever holds more than a part of it in memory.
//! `cargo run -p ws-examples --example big_file [FILE]`. Without a file, it makes one that is larger than `max_message_size`.

use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::thread;

use ws_blocking::{CloseCode, Listener, MessageKind, WebSocket};
use ws_examples::Outcome;

fn main() -> Outcome {
    let folder = std::env::temp_dir().join(format!("ws-examples-{}", std::process::id()));
    std::fs::create_dir(&folder)?;
    let outcome = transfer(&folder, std::env::args_os().nth(1).map(PathBuf::from));
    std::fs::remove_dir_all(&folder)?;
    outcome
}

fn transfer(folder: &Path, file: Option<PathBuf>) -> Outcome {
    let source = match file {
        Some(file) => file,
        None => make_file(folder.join("sent"))?,
    };
    let target = folder.join("received");
    let listener = Listener::bind("127.0.0.1:0")?;
    let url = format!("ws://{}/", listener.local_addr()?);
    let path = target.clone();
    let server = thread::spawn(move || receive(&listener, &path));

    let (mut ws, _response) = WebSocket::connect(url.as_str())?;
    let mut writer = ws.send_stream(MessageKind::Binary)?;
    let mut file = File::open(&source)?;
    let mut buffer = vec![0; 64 * 1024];
    loop {
        match file.read(&mut buffer)? {
            0 => break,
            n => writer.write(&buffer[..n])?,
        }
    }
    writer.finish()?;
    let answer = ws.recv()?.ok_or("the server closed early")?;
    println!("{}: the server received {:?}", source.display(), answer.as_text());
    ws.close(CloseCode::NORMAL);
    server.join().map_err(|_| "the server panicked")??;

    assert_eq!(answer, format!("{} bytes", std::fs::metadata(&source)?.len()));
    assert!(are_equal(&source, &target)?);
    println!("both files are equal");
    Ok(())
}

/// Writes the message of one client to a file, and answers with its length.
fn receive(listener: &Listener, path: &Path) -> Outcome {
    let (incoming, _peer) = listener.accept()?;
    let (mut ws, _request) = incoming.accept()?;
    let mut file = File::create(path)?;
    let mut len = 0;
    if let Some(mut message) = ws.recv_stream()? {
        while let Some(chunk) = message.next_chunk()? {
            file.write_all(&chunk)?;
            len += chunk.len();
        }
    }
    ws.send(format!("{len} bytes"))?;
    while ws.recv()?.is_some() {}
    Ok(())
}

/// 20 MiB and a few bytes.
fn make_file(path: PathBuf) -> Outcome<PathBuf> {
    let mut file = BufWriter::new(File::create(&path)?);
    for number in 0..5 * 1024 * 1024_u32 {
        file.write_all(&number.to_le_bytes())?;
    }
    file.write_all(b"the end")?;
    file.flush()?;
    Ok(path)
}

fn are_equal(one: &Path, other: &Path) -> Outcome<bool> {
    if std::fs::metadata(one)?.len() != std::fs::metadata(other)?.len() {
        return Ok(false);
    }
    let (mut one, mut other) = (BufReader::new(File::open(one)?), BufReader::new(File::open(other)?));
    loop {
        let (a, b) = (one.fill_buf()?, other.fill_buf()?);
        let n = a.len().min(b.len());
        if a[..n] != b[..n] {
            return Ok(false);
        }
        if n == 0 {
            return Ok(true);
        }
        one.consume(n);
        other.consume(n);
    }
}
