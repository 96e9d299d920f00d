//! The framing by itself: no byte is lost, cuts change nothing, events survive being
//! written again, and none is longer than allowed.

use tollgate_protocol::sse::{Parser, TooLarge, write};

use crate::dice::Dice;

#[derive(Debug, PartialEq)]
struct Seen {
    name: String,
    data: Option<String>,
    raw: Vec<u8>,
    terminated: bool,
}

pub fn sse(bytes: &[u8]) {
    let chunks = Dice::of(bytes).cut(bytes);
    let whole = parse(&[bytes], usize::MAX).expect("nothing is too large");
    assert_eq!(Ok(&whole), parse(&chunks, usize::MAX).as_ref());
    let raw: Vec<u8> = whole.iter().flat_map(|seen| seen.raw.clone()).collect();
    assert_eq!(raw, bytes);

    for seen in &whole {
        if let Some(data) = &seen.data {
            let mut written = Vec::new();
            write(&seen.name, data, &mut written);
            let again = parse(&[&written], usize::MAX).expect("nothing is too large");
            let [again] = again.as_slice() else {
                panic!("one event became {again:?}");
            };
            assert_eq!((&again.name, &again.data), (&seen.name, &seen.data));
        }
    }

    const LIMIT: usize = 64;
    if let Ok(seen) = parse(&chunks, LIMIT) {
        assert!(seen.iter().all(|seen| seen.raw.len() <= LIMIT));
    }
}

fn parse(chunks: &[&[u8]], max_event_bytes: usize) -> Result<Vec<Seen>, TooLarge> {
    let mut all = Vec::new();
    let mut parser = Parser::new(max_event_bytes);
    let mut take = |event: &tollgate_protocol::sse::Event<'_>| {
        all.push(Seen {
            name: event.name.to_owned(),
            data: event.data.as_deref().map(str::to_owned),
            raw: event.raw.to_vec(),
            terminated: event.terminated,
        });
        Ok(())
    };
    for chunk in chunks {
        parser.push(chunk, &mut take)?;
    }
    parser.finish(&mut take)?;
    Ok(all)
}
