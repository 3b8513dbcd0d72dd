//! The beginning of the body of a response that is not 101.

use bytes::{Buf, Bytes, BytesMut};

use super::http::Response;

/// So much of a body is kept, in bytes.
const MAX_BODY: usize = 16 * 1024;
/// The longest line with the size of a chunk, in bytes. It may have extensions, which mean nothing here.
const MAX_SIZE_LINE: usize = 1024;

/// Collects the body of an HTTP/1.1 or HTTP/1.0 response (RFC 9112 §6.3), up to a limit.
pub struct ResponseBody {
    collected: BytesMut,
    framing: Framing,
}

enum Framing {
    /// So many bytes are to come.
    Length(u64),
    /// A chunk's size line is next, of which so many bytes were looked at without finding its end.
    ChunkSize(usize),
    /// So many bytes of a chunk are to come, and its line break.
    Chunk(u64),
    /// Nothing says where it ends.
    UntilEof,
}

impl ResponseBody {
    /// The body of this response.
    pub fn of(response: &Response) -> Self {
        Self { collected: BytesMut::new(), framing: Framing::of(response) }
    }

    /// Takes what came. Says whether the body is complete, or enough of it is there.
    pub fn feed(&mut self, inbound: &mut BytesMut) -> bool {
        loop {
            let room = MAX_BODY - self.collected.len();
            if room == 0 {
                return true;
            }
            match &mut self.framing {
                Framing::Length(0) => return true,
                Framing::Length(left) | Framing::Chunk(left @ 1..) => {
                    let there = usize::try_from(*left).map_or(inbound.len(), |left| left.min(inbound.len()));
                    let n = there.min(room);
                    if n == 0 {
                        return false;
                    }
                    *left -= n as u64;
                    self.collected.extend_from_slice(&inbound.split_to(n));
                }
                Framing::Chunk(_) => {
                    let Some(line_break) = inbound.get(..2) else { return false };
                    if line_break != b"\r\n" {
                        return true;
                    }
                    inbound.advance(2);
                    self.framing = Framing::ChunkSize(0);
                }
                Framing::ChunkSize(scanned) => {
                    let there = inbound.len().min(MAX_SIZE_LINE);
                    let Some(end) = inbound[*scanned..there].iter().position(|&byte| byte == b'\n') else {
                        *scanned = there;
                        return there == MAX_SIZE_LINE;
                    };
                    let line = *scanned + end + 1;
                    match httparse::parse_chunk_size(&inbound[..line]) {
                        Ok(httparse::Status::Complete((_, size @ 1..))) => {
                            inbound.advance(line);
                            self.framing = Framing::Chunk(size);
                        }
                        Ok(_) | Err(_) => return true,
                    }
                }
                Framing::UntilEof => {
                    let n = inbound.len().min(room);
                    if n == 0 {
                        return false;
                    }
                    self.collected.extend_from_slice(&inbound.split_to(n));
                }
            }
        }
    }

    /// The bytes that came, at most 16 KiB.
    pub fn into_bytes(self) -> Bytes {
        self.collected.freeze()
    }
}

impl Framing {
    fn of(response: &Response) -> Self {
        if matches!(response.status(), 204 | 304) {
            return Self::Length(0);
        }
        let headers = response.headers();
        // RFC 9112 §6.1: HTTP/1.0 has no chunks.
        if response.minor_version() > 0 && headers.has_token("Transfer-Encoding", "chunked") {
            return Self::ChunkSize(0);
        }
        match headers.get("Content-Length").map(str::parse) {
            Some(Ok(length)) => Self::Length(length),
            Some(Err(_)) | None => Self::UntilEof,
        }
    }
}
