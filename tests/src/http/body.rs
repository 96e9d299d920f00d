//! How the body of an answer is delimited, and whether it ended as HTTP demands.

use std::io::{self, BufRead, BufReader, Read};
use std::net::TcpStream;

use super::find;

#[derive(Debug)]
pub(super) struct Body {
    pub(super) reader: BufReader<TcpStream>,
    pub(super) framing: Framing,
}

#[derive(Debug)]
pub(super) enum Framing {
    Length(u64),
    Chunked,
    /// Until the connection closes (RFC 9112, section 6.3, rule 8).
    Close,
}

impl Framing {
    pub(super) fn of(status: u16, headers: &[(String, String)]) -> Self {
        if status == 204 || status == 304 {
            return Self::Length(0);
        }
        if find(headers, "transfer-encoding").is_some_and(|v| v.contains("chunked")) {
            return Self::Chunked;
        }
        find(headers, "content-length")
            .and_then(|v| v.parse().ok())
            .map_or(Self::Close, Self::Length)
    }
}

impl Body {
    /// The next bytes; `None` at a proper end; an error when the connection ends before that.
    pub(super) fn read(&mut self) -> io::Result<Option<Vec<u8>>> {
        match &mut self.framing {
            Framing::Length(0) => Ok(None),
            Framing::Length(left) => {
                let mut buffer = vec![0; usize::try_from(*left).unwrap_or(usize::MAX).min(65_536)];
                let n = self.reader.read(&mut buffer)?;
                if n == 0 {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                *left -= n as u64;
                buffer.truncate(n);
                Ok(Some(buffer))
            }
            Framing::Chunked => {
                let size = read_line(&mut self.reader)?;
                let size = size.split(';').next().unwrap_or_default().trim().to_owned();
                let size = usize::from_str_radix(&size, 16)
                    .map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
                let mut buffer = vec![0; size];
                self.reader.read_exact(&mut buffer)?;
                if size == 0 {
                    while !read_line(&mut self.reader)?.is_empty() {} // trailers
                    self.framing = Framing::Length(0);
                    return Ok(None);
                }
                read_line(&mut self.reader)?;
                Ok(Some(buffer))
            }
            Framing::Close => {
                let mut buffer = vec![0; 65_536];
                let n = self.reader.read(&mut buffer)?;
                buffer.truncate(n);
                Ok((n > 0).then_some(buffer))
            }
        }
    }
}

pub(super) fn read_head(
    reader: &mut BufReader<TcpStream>,
) -> io::Result<(u16, Vec<(String, String)>)> {
    let line = read_line(reader)?;
    let status = line.split(' ').nth(1).and_then(|s| s.parse().ok());
    let status = status.ok_or_else(|| io::Error::other(format!("no status line: {line:?}")))?;
    let mut headers = Vec::new();
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            return Ok((status, headers));
        }
        if let Some((name, value)) = line.split_once(':') {
            headers.push((name.to_ascii_lowercase(), value.trim().to_owned()));
        }
    }
}

fn read_line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    if reader.read_until(b'\n', &mut line)? == 0 {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line)
        .trim_end_matches(['\r', '\n'])
        .to_owned())
}
