//! Streams: from every upstream to every caller, whole and in pieces.

use tollgate_protocol::neutral::Usage;
use tollgate_protocol::stream::{Observer, ObserverOptions, Outcome, Status, Translator};
use tollgate_protocol::{ALL, CALLERS, Dialect};

use crate::answer::reply;
use crate::assert_bounded;
use crate::dice::Dice;

pub fn stream(bytes: &[u8]) {
    // Where it is cut depends on the input alone, so that a crash repeats.
    let mut dice = Dice::of(bytes);
    for &upstream in ALL {
        for &caller in CALLERS {
            let whole = translate(upstream, caller, &[bytes]);
            assert_bounded(&whole.out, bytes);
            assert_eq!(whole, translate(upstream, caller, &dice.cut(bytes)));
        }
    }
    for &dialect in ALL {
        if !CALLERS.iter().any(|caller| dialect.takes_as_it_is(*caller)) {
            continue;
        }
        for options in [ObserverOptions::default(), edits()] {
            let whole = observe(dialect, &options, &[bytes]);
            assert_bounded(&whole.out, bytes);
            assert_eq!(whole, observe(dialect, &options, &dice.cut(bytes)));
        }
    }
}

fn edits() -> ObserverOptions {
    ObserverOptions {
        model: Some("other".into()),
        drops_usage_chunk: true,
        ..ObserverOptions::default()
    }
}

/// All that a caller, the router and the bill get of a stream.
#[derive(Debug, PartialEq)]
struct Told {
    out: Vec<u8>,
    status: Status,
    outcome: Outcome,
    usage: Usage,
}

fn translate(from: Dialect, to: Dialect, chunks: &[&[u8]]) -> Told {
    let mut out = Vec::new();
    let mut translator = Translator::new(from, to, reply());
    for chunk in chunks {
        if let Err(fault) = translator.push(chunk, &mut out) {
            translator.fail(&fault.into(), &mut out);
            break;
        }
    }
    let outcome = translator.finish(&mut out);
    assert_ne!(outcome, Outcome::Running);
    Told {
        status: translator.status().clone(),
        usage: translator.usage(),
        outcome,
        out,
    }
}

fn observe(dialect: Dialect, options: &ObserverOptions, chunks: &[&[u8]]) -> Told {
    let mut out = Vec::new();
    let mut observer = Observer::new(dialect, options.clone());
    for chunk in chunks {
        if let Err(fault) = observer.push(chunk, &mut out) {
            observer.fail(&fault.into(), &mut out);
            break;
        }
    }
    let outcome = observer.finish(reply(), &mut out);
    assert_ne!(outcome, Outcome::Running);
    Told {
        status: observer.status().clone(),
        usage: observer.usage(),
        outcome,
        out,
    }
}
