//! The provider's side of HTTP/1.1, down to the reset.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use socket2::SockRef;

use super::answer::{Answer, Told};
use super::asked::Asked;
use super::fault::{Cut, Fault};
use super::{Call, Script, State, until, wire};
use crate::dialect::Dialect;

/// A part of a streamed body that is written at once.
#[derive(Debug)]
pub(super) struct Piece {
    bytes: Vec<u8>,
    told: Told,
    /// Of the call that it answers.
    model: String,
}

/// How the bytes of a body are delimited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Framing {
    Chunked,
    Close,
}

/// Whether the connection can take another request.
type Reusable = bool;

impl Piece {
    pub(super) fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self {
            bytes: bytes.into(),
            told: Told::default(),
            model: String::new(),
        }
    }

    /// The same in other bytes.
    pub(super) fn wrapped(mut self, wrap: impl FnOnce(&[u8]) -> Vec<u8>) -> Self {
        self.bytes = wrap(&self.bytes);
        self
    }

    /// The piece holds these usage figures.
    pub(super) fn tells(mut self, told: Told) -> Self {
        self.told = told;
        self
    }
}

pub(super) fn accept(listener: &TcpListener, dialect: Dialect, state: &Arc<State>) {
    for stream in listener.incoming().flatten() {
        if state.books.lock().expect("not poisoned").stopped {
            return;
        }
        let state = Arc::clone(state);
        thread::spawn(move || {
            // A connection that breaks is what many scripts are about.
            let _ = Connection {
                dialect,
                state,
                out: stream,
            }
            .serve();
        });
    }
}

struct Connection {
    dialect: Dialect,
    state: Arc<State>,
    out: TcpStream,
}

impl Connection {
    fn serve(mut self) -> io::Result<()> {
        self.out.set_nodelay(true)?;
        let mut reader = BufReader::new(self.out.try_clone()?);
        while let Some(call) = read_call(&mut reader)? {
            let asked = Asked::read(self.dialect, &call);
            let admitted = self.state.admits(&call);
            let script = self.state.enter(call);
            let reusable = match script {
                _ if admitted.is_err() => self.refuse(403, &admitted.unwrap_err(), &[])?,
                Script::Answer(answer) => self.answer(&answer, &asked)?,
                Script::Fault(fault) => self.fail(&fault, &asked)?,
                Script::Each(_) | Script::EveryNth(..) => unreachable!("`turn` has resolved it"),
            };
            if !reusable || self.state.books.lock().expect("not poisoned").stopped {
                return Ok(());
            }
        }
        Ok(())
    }

    fn answer(&mut self, answer: &Answer, asked: &Asked) -> io::Result<Reusable> {
        if let Some(json) = &answer.verbatim {
            let body = json.to_string();
            return self.respond(200, "application/json", body.as_bytes(), &answer.headers);
        }
        if let Some(reason) = wire::refusal(self.dialect, answer, asked) {
            return self.refuse(400, &reason, &[]);
        }
        self.pause(answer.first_byte_delay)?;
        if asked.stream {
            let pieces = self.pieces(answer, asked);
            let kind = wire::stream_type(self.dialect, asked);
            self.head(200, kind, Framing::Chunked, &answer.headers)?;
            for piece in pieces {
                self.piece(&piece, Framing::Chunked)?;
                self.pause(answer.delay)?;
            }
            self.out.write_all(b"0\r\n\r\n")?;
            return Ok(true);
        }
        let body = wire::whole(self.dialect, answer, asked);
        let told = Told {
            answers: 1,
            ..wire::tellable(self.dialect, answer.usage)
        };
        self.state.tell(&asked.model, told);
        self.respond(
            200,
            "application/json",
            body.to_string().as_bytes(),
            &answer.headers,
        )
    }

    fn fail(&mut self, fault: &Fault, asked: &Asked) -> io::Result<Reusable> {
        let sample = Answer::text("This answer does not come to its end.").chunks(8);
        match fault {
            Fault::Status(status) => {
                self.refuse(*status, "The scripted provider refuses this call.", &[])
            }
            Fault::Says(status, message, headers) => self.refuse(*status, message, headers),
            Fault::Reset => self.reset(),
            Fault::Close => Ok(false),
            Fault::Html => {
                let page = b"<!DOCTYPE html><html><body><h1>502 Bad Gateway</h1></body></html>";
                self.respond(200, "text/html", page, &[])
            }
            Fault::Empty => self.respond(200, "application/json", b"", &[]),
            Fault::HalfJson => {
                let body = wire::whole(self.dialect, &sample, asked).to_string();
                self.respond(
                    200,
                    "application/json",
                    &body.as_bytes()[..body.len() / 2],
                    &[],
                )
            }
            Fault::ErrorInJson => {
                let body = wire::error(self.dialect, 500, "Something went wrong inside a 200.");
                self.respond(200, "application/json", body.to_string().as_bytes(), &[])
            }
            Fault::ErrorInStream => self.broken_stream(asked, 0, self.error_piece(asked)),
            Fault::ErrorAfter(n) => self.broken_stream(asked, *n, self.error_piece(asked)),
            Fault::GarbageInStream => {
                let garbage =
                    b"data: {\"choices\":[{\"delta\":{\"content\":\"\xff\xfe\n\ndata: \x00\x01\n\n";
                self.broken_stream(asked, 3, garbage.to_vec())
            }
            Fault::Garbage => {
                self.out
                    .write_all(b"SMTP ready, this is no HTTP\r\n\r\n\x00\xff\xfe")?;
                Ok(false)
            }
            Fault::Cut(n, cut) => self.cut_stream(asked, *n, *cut),
        }
    }

    /// The first `n` pieces of a stream, then `last`, then a proper end of the body.
    fn broken_stream(&mut self, asked: &Asked, n: usize, last: Vec<u8>) -> io::Result<Reusable> {
        let kind = wire::stream_type(self.dialect, asked);
        self.head(200, kind, Framing::Chunked, &[])?;
        self.first_pieces(asked, n, Framing::Chunked)?;
        self.piece(&Piece::new(last), Framing::Chunked)?;
        self.out.write_all(b"0\r\n\r\n")?;
        Ok(true)
    }

    fn cut_stream(&mut self, asked: &Asked, n: usize, cut: Cut) -> io::Result<Reusable> {
        let framing = if cut == Cut::Clean {
            Framing::Close
        } else {
            Framing::Chunked
        };
        let kind = wire::stream_type(self.dialect, asked);
        self.head(200, kind, framing, &[])?;
        self.first_pieces(asked, n, framing)?;
        // A reset overtakes bytes that the other side has not read yet; give them a moment, so
        // that the cut comes after the pieces and not instead of them.
        self.pause(Duration::from_millis(100))?;
        if cut == Cut::Reset {
            self.reset()
        } else {
            Ok(false)
        }
    }

    fn first_pieces(&mut self, asked: &Asked, n: usize, framing: Framing) -> io::Result<()> {
        let sample = Answer::text("This answer does not come to its end.").chunks(8);
        for piece in self.pieces(&sample, asked).into_iter().take(n) {
            self.piece(&piece, framing)?;
            self.pause(Duration::from_millis(5))?;
        }
        Ok(())
    }

    fn pieces(&self, answer: &Answer, asked: &Asked) -> Vec<Piece> {
        let mut pieces = wire::stream(self.dialect, answer, asked);
        for piece in &mut pieces {
            piece.model.clone_from(&asked.model);
        }
        // A stream counts as an answer with usage once, however many events tell it.
        if let Some(piece) = pieces.iter_mut().find(|p| p.told != Told::default()) {
            piece.told.answers = 1;
        }
        pieces
    }

    fn error_piece(&self, asked: &Asked) -> Vec<u8> {
        wire::error_piece(self.dialect, asked)
    }

    fn refuse(
        &mut self,
        status: u16,
        message: &str,
        headers: &[(String, String)],
    ) -> io::Result<Reusable> {
        let body = wire::error(self.dialect, status, message).to_string();
        let headers = [headers, &wire::error_headers(self.dialect, status)].concat();
        self.respond(status, "application/json", body.as_bytes(), &headers)
    }

    fn respond(
        &mut self,
        status: u16,
        content_type: &str,
        body: &[u8],
        headers: &[(String, String)],
    ) -> io::Result<Reusable> {
        let mut out = format!(
            "HTTP/1.1 {status} Scripted\r\ncontent-type: {content_type}\r\ncontent-length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            out.push_str(&format!("{name}: {value}\r\n"));
        }
        out.push_str("\r\n");
        self.out.write_all(&[out.as_bytes(), body].concat())?;
        Ok(true)
    }

    fn head(
        &mut self,
        status: u16,
        content_type: &str,
        framing: Framing,
        headers: &[(String, String)],
    ) -> io::Result<()> {
        let delimiter = match framing {
            Framing::Chunked => "transfer-encoding: chunked",
            Framing::Close => "connection: close",
        };
        let headers: String = headers
            .iter()
            .map(|(n, v)| format!("{n}: {v}\r\n"))
            .collect();
        let head = format!(
            "HTTP/1.1 {status} Scripted\r\ncontent-type: {content_type}\r\n{delimiter}\r\n{headers}\r\n"
        );
        self.out.write_all(head.as_bytes())
    }

    fn piece(&mut self, piece: &Piece, framing: Framing) -> io::Result<()> {
        let written = match framing {
            Framing::Close => self.out.write_all(&piece.bytes),
            Framing::Chunked => {
                let size = format!("{:x}\r\n", piece.bytes.len());
                self.out
                    .write_all(&[size.as_bytes(), &piece.bytes, b"\r\n"].concat())
            }
        };
        if let Err(error) = written {
            self.state.abandon();
            return Err(error);
        }
        self.state.tell(&piece.model, piece.told);
        Ok(())
    }

    /// Waits, and notices a caller that closes the connection meanwhile.
    fn pause(&mut self, delay: Duration) -> io::Result<()> {
        let due = Instant::now() + delay;
        while !until(due).is_zero() {
            self.out
                .set_read_timeout(Some(until(due).max(Duration::from_millis(1))))?;
            let seen = self.out.peek(&mut [0]);
            self.out.set_read_timeout(None)?;
            match seen {
                Ok(0) => {
                    self.state.abandon();
                    return Err(io::ErrorKind::ConnectionAborted.into());
                }
                Ok(_) => {
                    thread::sleep(until(due));
                }
                Err(e)
                    if matches!(
                        e.kind(),
                        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut
                    ) => {}
                Err(e) => {
                    self.state.abandon();
                    return Err(e);
                }
            }
        }
        Ok(())
    }

    /// Closes with RST instead of FIN.
    fn reset(&mut self) -> io::Result<Reusable> {
        SockRef::from(&self.out).set_linger(Some(Duration::ZERO))?;
        Ok(false)
    }
}

pub(crate) fn read_call(reader: &mut BufReader<TcpStream>) -> io::Result<Option<Call>> {
    let line = read_line(reader)?;
    if line.is_empty() {
        return Ok(None);
    }
    let mut words = line.split(' ').map(str::to_owned);
    let (method, path) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let mut call = Call {
        method,
        path,
        headers: Vec::new(),
        body: Vec::new(),
    };
    loop {
        let line = read_line(reader)?;
        if line.is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':') {
            call.headers
                .push((name.to_owned(), value.trim().to_owned()));
        }
    }
    if call
        .header("transfer-encoding")
        .is_some_and(|v| v.contains("chunked"))
    {
        loop {
            let size = usize::from_str_radix(read_line(reader)?.trim(), 16);
            let size = size.map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            let mut chunk = vec![0; size];
            reader.read_exact(&mut chunk)?;
            read_line(reader)?;
            if size == 0 {
                break;
            }
            call.body.extend(chunk);
        }
    } else if let Some(length) = call.header("content-length").and_then(|v| v.parse().ok()) {
        call.body = vec![0; length];
        reader.read_exact(&mut call.body)?;
    }
    Ok(Some(call))
}

/// A line without its end; "" also at the end of the connection.
fn read_line(reader: &mut BufReader<TcpStream>) -> io::Result<String> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    Ok(String::from_utf8_lossy(&line)
        .trim_end_matches(['\r', '\n'])
        .to_owned())
}
