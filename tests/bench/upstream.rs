//! The upstream: as fast as can be, so that it is Envoy that is measured. Fixed answers, in the
//! dialect of the path; streams in pieces that tell when they left.

use std::net::SocketAddr;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Pieces of text in a stream.
pub(crate) const PIECES: usize = 40;
const BETWEEN_PIECES: Duration = Duration::from_millis(5);

const OPENAI: &str = r#"{"id":"chatcmpl-1","object":"chat.completion","created":1763600000,"model":"bench","choices":[{"index":0,"message":{"role":"assistant","content":"The answer has a sentence or two, as answers have that are asked for by people in a hurry.","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":{"prompt_tokens":9,"completion_tokens":20,"total_tokens":29}}"#;
const ANTHROPIC: &str = r#"{"id":"msg_1","type":"message","role":"assistant","model":"bench","content":[{"type":"text","text":"The answer has a sentence or two, as answers have that are asked for by people in a hurry."}],"stop_reason":"end_turn","stop_sequence":null,"usage":{"input_tokens":9,"output_tokens":20}}"#;

/// Microseconds since the benchmark began.
pub(crate) fn now_micros() -> u64 {
    static BEGAN: LazyLock<Instant> = LazyLock::new(Instant::now);
    u64::try_from(BEGAN.elapsed().as_micros()).unwrap_or(u64::MAX)
}

pub(crate) async fn start() -> anyhow::Result<SocketAddr> {
    now_micros();
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A connection ends when Envoy closes it.
            tokio::spawn(async move { serve(stream).await.ok() });
        }
    });
    Ok(address)
}

async fn serve(mut stream: TcpStream) -> anyhow::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::with_capacity(64 << 10);
    loop {
        buffer.clear();
        let Some(call) = Call::read(&mut stream, &mut buffer).await? else {
            return Ok(());
        };
        if call.stream {
            stream_answer(&mut stream, call.anthropic).await?;
        } else {
            let body = if call.anthropic { ANTHROPIC } else { OPENAI };
            let length = body.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {length}\r\n\r\n{body}"
            );
            stream.write_all(answer.as_bytes()).await?;
        }
    }
}

struct Call {
    anthropic: bool,
    stream: bool,
}

impl Call {
    async fn read(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> anyhow::Result<Option<Self>> {
        let mut body = None;
        loop {
            if stream.read_buf(buffer).await? == 0 {
                return Ok(None);
            }
            if body.is_none() {
                body = Extent::of(buffer);
            }
            match body {
                Some(Extent::Until(end)) if buffer.len() >= end => break,
                Some(Extent::Chunked) if buffer.ends_with(b"0\r\n\r\n") => break,
                _ => {}
            }
        }
        // `stream` stands behind the messages or before them; prompts here never say it.
        let has = |text: &[u8]| buffer.windows(text.len()).any(|w| w == text);
        Ok(Some(Self {
            anthropic: buffer.starts_with(b"POST /v1/messages"),
            stream: buffer.len() < 4096 && has(b"\"stream\":true"),
        }))
    }
}

#[derive(Clone, Copy)]
enum Extent {
    Until(usize),
    Chunked,
}

impl Extent {
    fn of(buffer: &[u8]) -> Option<Self> {
        let end = buffer.windows(4).position(|w| w == b"\r\n\r\n")? + 4;
        let head = std::str::from_utf8(&buffer[..end])
            .ok()?
            .to_ascii_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length:"));
        let length: Option<usize> = length.and_then(|value| value.trim().parse().ok());
        if length.is_none() && head.contains("chunked") {
            return Some(Self::Chunked);
        }
        Some(Self::Until(end + length.unwrap_or(0)))
    }
}

async fn stream_answer(stream: &mut TcpStream, anthropic: bool) -> anyhow::Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
    stream.write_all(head.as_bytes()).await?;
    let (begin, end): (&[&str], &[&str]) = if anthropic {
        ANTHROPIC_STREAM
    } else {
        OPENAI_STREAM
    };
    for event in begin {
        chunk(stream, event).await?;
    }
    for _ in 0..PIECES {
        let text = format!("@{};", now_micros());
        let event = if anthropic {
            format!(
                "event: content_block_delta\ndata: {{\"type\":\"content_block_delta\",\"index\":0,\"delta\":{{\"type\":\"text_delta\",\"text\":\"{text}\"}}}}\n\n"
            )
        } else {
            format!(
                "data: {{\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bench\",\"choices\":[{{\"index\":0,\"delta\":{{\"content\":\"{text}\"}},\"finish_reason\":null}}]}}\n\n"
            )
        };
        chunk(stream, &event).await?;
        tokio::time::sleep(BETWEEN_PIECES).await;
    }
    for event in end {
        chunk(stream, event).await?;
    }
    stream.write_all(b"0\r\n\r\n").await?;
    Ok(())
}

async fn chunk(stream: &mut TcpStream, event: &str) -> std::io::Result<()> {
    stream
        .write_all(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes())
        .await
}

type Frame = (&'static [&'static str], &'static [&'static str]);

const OPENAI_STREAM: Frame = (
    &[
        "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{\"role\":\"assistant\",\"content\":\"\"},\"finish_reason\":null}]}\n\n",
    ],
    &[
        "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bench\",\"choices\":[{\"index\":0,\"delta\":{},\"finish_reason\":\"stop\"}]}\n\n",
        "data: {\"id\":\"c\",\"object\":\"chat.completion.chunk\",\"created\":1,\"model\":\"bench\",\"choices\":[],\"usage\":{\"prompt_tokens\":9,\"completion_tokens\":40,\"total_tokens\":49}}\n\n",
        "data: [DONE]\n\n",
    ],
);

const ANTHROPIC_STREAM: Frame = (
    &[
        "event: message_start\ndata: {\"type\":\"message_start\",\"message\":{\"id\":\"m\",\"type\":\"message\",\"role\":\"assistant\",\"model\":\"bench\",\"content\":[],\"stop_reason\":null,\"stop_sequence\":null,\"usage\":{\"input_tokens\":9,\"output_tokens\":1}}}\n\n",
        "event: content_block_start\ndata: {\"type\":\"content_block_start\",\"index\":0,\"content_block\":{\"type\":\"text\",\"text\":\"\"}}\n\n",
    ],
    &[
        "event: content_block_stop\ndata: {\"type\":\"content_block_stop\",\"index\":0}\n\n",
        "event: message_delta\ndata: {\"type\":\"message_delta\",\"delta\":{\"stop_reason\":\"end_turn\",\"stop_sequence\":null},\"usage\":{\"output_tokens\":40}}\n\n",
        "event: message_stop\ndata: {\"type\":\"message_stop\"}\n\n",
    ],
);
