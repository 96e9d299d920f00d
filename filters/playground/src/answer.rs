//! The way down: what an upstream says, as the caller would get it.

use tollgate_protocol::neutral::Usage;
use tollgate_protocol::stream::{Observer, ObserverOptions, Outcome as End, Status, Translator};
use tollgate_protocol::{
    Dialect, Passed, Reply, pass_response, read_error, translate_response, write_error,
};

use crate::outcome::{Outcome, Verdict};

pub(crate) fn translate(caller: Dialect, upstream: Dialect, model: &str, body: &[u8]) -> Outcome {
    let is_object = body.trim_ascii_start().first() == Some(&b'{');
    if upstream.takes_as_it_is(caller) && is_object {
        let model = Some(model).filter(|model| !model.is_empty());
        return match pass_response(upstream, body, model) {
            Ok(Passed { edited, usage }) => match edited {
                Some(edited) => Outcome::answer(Verdict::Edited, &edited, &usage),
                None => Outcome::answer(Verdict::Passed, body, &usage),
            },
            Err(error) => Outcome::refused(caller, &error),
        };
    }
    match translate_response(upstream, caller, body.to_vec(), &identity(model)) {
        Ok((written, usage)) => Outcome::answer(Verdict::Translated, &written, &usage),
        Err(error) => Outcome::refused(caller, &error),
    }
}

pub(crate) fn translate_stream(
    caller: Dialect,
    upstream: Dialect,
    model: &str,
    body: &[u8],
) -> Outcome {
    let mut out = Vec::new();
    if upstream.takes_as_it_is(caller) {
        let options = ObserverOptions {
            model: Some(model.to_owned()).filter(|model| !model.is_empty()),
            ..ObserverOptions::default()
        };
        let mut observer = Observer::new(upstream, options);
        if let Err(fault) = observer.push(body, &mut out) {
            observer.fail(&fault.into(), &mut out);
        }
        let end = observer.finish(identity(model), &mut out);
        let verdict = if out == body {
            Verdict::Passed
        } else {
            Verdict::Edited
        };
        return shown(
            caller,
            observer.status(),
            end,
            verdict,
            &out,
            &observer.usage(),
        );
    }
    let mut translator = Translator::new(upstream, caller, identity(model));
    if let Err(fault) = translator.push(body, &mut out) {
        translator.fail(&fault.into(), &mut out);
    }
    let end = translator.finish(&mut out);
    let (status, usage) = (translator.status(), translator.usage());
    shown(caller, status, end, Verdict::Translated, &out, &usage)
}

fn shown(
    caller: Dialect,
    status: &Status,
    end: End,
    verdict: Verdict,
    out: &[u8],
    usage: &Usage,
) -> Outcome {
    match (status, end) {
        (Status::Error(error), _) => Outcome::refused(caller, error),
        (_, End::Complete) => Outcome::answer(verdict, out, usage),
        _ => Outcome::answer(Verdict::Interrupted, out, usage),
    }
}

pub(crate) fn translate_error(
    caller: Dialect,
    upstream: Dialect,
    status: u16,
    body: &[u8],
) -> Outcome {
    let (status, written) = write_error(caller, &read_error(upstream, status, body));
    Outcome {
        status: Some(status),
        ..Outcome::new(Verdict::Translated, &written)
    }
}

/// There is no clock and no request id here: what an answer says of itself is the same
/// every time.
fn identity(model: &str) -> Reply {
    let model = if model.is_empty() { "model" } else { model };
    Reply {
        model: model.to_owned(),
        id: "playground".to_owned(),
        include_usage: true,
        ..Reply::default()
    }
}
