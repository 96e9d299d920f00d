//! Callers that read slowly. What they have not read stays with the provider: Envoy stops reading
//! there, and holds no more of an answer than its buffers take.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use tollgate_tests::process::children_of;
use tollgate_tests::{Dialect, Gateway, Scene, eventually};

const MIB: usize = 1 << 20;
const EVENTS: usize = 2_048;
const EVENT_BYTES: usize = 32 << 10;

/// Of it, this much is on its way at the most: Envoy's buffers, and four of the kernel's.
const ON_ITS_WAY: usize = 40 * MIB;

/// How long nothing must move, to be held back.
const QUIET: Duration = Duration::from_millis(500);

/// A provider that writes as fast as it is read.
struct Fountain {
    address: SocketAddr,
    written: Arc<AtomicUsize>,
}

impl Fountain {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let written = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&written);
        thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a call");
            // Whoever leaves early is seen by what does not arrive.
            let _ = play(stream, &counter);
        });
        Self { address, written }
    }

    fn written(&self) -> usize {
        self.written.load(Ordering::SeqCst)
    }

    /// Waits until it cannot write any more, and says how much it has written by then.
    fn held_back(&self) -> usize {
        let (mut last, mut since) = (0, Instant::now());
        eventually("the provider is held back", || {
            let written = self.written();
            if written != last {
                (last, since) = (written, Instant::now());
            }
            if last > 0 && since.elapsed() > QUIET {
                Ok(last)
            } else {
                Err(format!("{written} bytes written"))
            }
        })
    }
}

fn play(mut stream: TcpStream, written: &AtomicUsize) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().unwrap_or(0);
        }
        if line.trim().is_empty() {
            break;
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
    stream.write_all(head.as_bytes())?;
    for number in 0..EVENTS {
        let chunk = json!({"id": "c", "object": "chat.completion.chunk", "model": "m",
            "choices": [{"index": 0, "delta": {"content": text(number)}}]});
        let event = format!("data: {chunk}\n\n");
        stream.write_all(event.as_bytes())?;
        written.fetch_add(event.len(), Ordering::SeqCst);
    }
    let last = json!({"id": "c", "object": "chat.completion.chunk", "model": "m",
        "choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18}});
    stream.write_all(format!("data: {last}\n\ndata: [DONE]\n\n").as_bytes())
}

fn text(number: usize) -> String {
    format!("{number:0EVENT_BYTES$}")
}

fn resident(pid: u32) -> usize {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).expect("Envoy runs");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok());
    kib.expect("a number") << 10
}

#[test]
fn k17_what_a_slow_caller_has_not_read_stays_with_the_provider() {
    // Of its own: what others ask for at the same time takes memory too.
    let gateway = Gateway::start();
    let envoys = children_of(gateway.process().pid());
    let [envoy] = envoys[..] else {
        panic!("{envoys:?}");
    };
    let provider = Fountain::start();
    let base_url = format!("http://{}/v1", provider.address);
    let scene = Scene::on(&gateway)
        .channel_to(Dialect::OpenAi, &base_url, json!({}))
        .ready();
    let before = resident(envoy);
    let mut stream = scene.open_stream(Dialect::Anthropic, "hello");
    assert_eq!(stream.status, 200);

    let (mut events, mut read) = (Vec::new(), 0);
    for _ in 0..3 {
        let written = provider.held_back();
        assert!(
            written - read < ON_ITS_WAY,
            "{} MiB of {} are on their way",
            (written - read) / MIB,
            EVENTS * EVENT_BYTES / MIB
        );
        let grown = resident(envoy).saturating_sub(before);
        assert!(grown < ON_ITS_WAY, "Envoy has taken {} MiB", grown / MIB);
        // As much as gets it going again.
        let enough = read + 8 * MIB;
        while read < enough {
            let event = stream.next_event().expect("more of it");
            read += event.data.len();
            events.push(event);
        }
    }
    while let Some(event) = stream.next_event() {
        events.push(event);
    }
    assert!(Dialect::Anthropic.is_ended(&events));
    let told = Dialect::Anthropic.text_of_stream(&events);
    let expected: String = (0..EVENTS).map(text).collect();
    assert!(told == expected, "{} of {}", told.len(), expected.len());
    let grown = resident(envoy).saturating_sub(before);
    assert!(grown < ON_ITS_WAY, "Envoy has taken {} MiB", grown / MIB);

    let row = scene.log();
    assert_eq!((row.code(), row.outcome()), (200, "success"), "{row:?}");
    assert_eq!(row.tokens(), (11, 7), "{row:?}");
}
