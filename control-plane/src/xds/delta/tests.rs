//! Conversations between a gateway and the server, one line per message.
//!
//! `> clusters *` subscribes, `> secrets a -b` also unsubscribes, `> ack clusters`,
//! `> nack clusters [name]`, `= clusters:a@1 routes:r@1` publishes, `> late` runs out of patience.
//! The secret of cluster or listener `a` is `a-key`, if there is one.
//! `< clusters +a -b` is a response; every response must be in the script, in order.

use envoy_types::pb::google::protobuf::StringValue;

use super::*;

fn kind(label: &str) -> Kind {
    Kind::ALL
        .into_iter()
        .find(|kind| kind.label() == label)
        .expect(label)
}

fn snapshot(text: &str) -> Arc<Snapshot> {
    let resource = |item: &str| {
        let (label, rest) = item.split_once(':').expect(item);
        let (name, content) = rest.split_once('@').expect(item);
        let message = StringValue {
            value: content.into(),
        };
        let key = format!("{name}-key");
        let secret = (matches!(label, "clusters" | "listeners")
            && text.contains(&format!("secrets:{key}@")))
        .then_some(key);
        let resource = Resource::new(&message).with_secret(secret);
        (kind(label), name.to_owned(), resource)
    };
    Arc::new(text.split_whitespace().map(resource).collect())
}

fn show(response: &Response) -> String {
    let mut line = format!("< {}", response.kind.label());
    for (name, _) in &response.resources {
        line += &format!(" +{name}");
    }
    for name in &response.removed {
        line += &format!(" -{name}");
    }
    line
}

fn check(script: &str) {
    play(script);
}

fn play(script: &str) -> Stream {
    let mut stream = Stream::new(snapshot(""));
    let mut nonces: BTreeMap<Kind, String> = BTreeMap::new();
    let mut seen = Vec::new();
    for line in script
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
    {
        let words: Vec<&str> = line.split_whitespace().collect();
        match words[0] {
            "<" => {}
            "=" => stream.publish(snapshot(&words[1..].join(" "))),
            ">" if words[1] == "late" => stream.lose_patience(),
            ">" if words[1] == "ack" || words[1] == "nack" => {
                let kind = kind(words[2]);
                let error = (words[1] == "nack").then(|| format!("no: {}", words[3..].join(" ")));
                let nonce = nonces.get(&kind).cloned().unwrap_or_default();
                let refusal = stream.request(
                    kind,
                    Request {
                        nonce,
                        error,
                        ..Request::default()
                    },
                );
                assert_eq!(refusal.is_some(), words[1] == "nack");
            }
            ">" => {
                let mut request = Request::default();
                for word in &words[2..] {
                    match (word.strip_prefix('-'), word.split_once('@')) {
                        (Some(name), _) => request.unsubscribe.push(name.into()),
                        (None, Some((name, content))) => {
                            let held = snapshot(&format!("clusters:{name}@{content}"));
                            let version = &held.resource(Kind::Cluster, name).unwrap().version;
                            request
                                .initial_versions
                                .insert(name.into(), version.clone());
                        }
                        (None, None) => request.subscribe.push((*word).into()),
                    }
                }
                stream.request(kind(words[1]), request);
            }
            other => panic!("{other}"),
        }
        if words[0] != "<" {
            seen.push(line.to_owned());
        } else {
            continue;
        }
        while let Some(response) = stream.respond() {
            nonces.insert(response.kind, response.nonce.clone());
            seen.push(show(&response));
        }
    }
    let expected: Vec<_> = script
        .lines()
        .map(str::trim)
        .filter(|l| !l.is_empty())
        .collect();
    assert_eq!(seen, expected);
    stream
}

/// A gateway that has everything of `= clusters:a@1 secrets:a-key@1 routes:r@1 extensions:g@1`.
const STARTED: &str = "
    = clusters:a@1 secrets:a-key@1 listeners:l@1 routes:r@1 extensions:g@1
    > clusters *
    < clusters +a
    > secrets a-key
    < secrets +a-key
    > ack clusters
    > ack secrets
    > listeners *
    < listeners +l
    > routes r
    < routes +r
    > extensions g
    > ack listeners
    > ack routes
    < extensions +g
    > ack extensions";

fn check_after_start(script: &str) {
    check(&format!("{STARTED}\n{script}"));
}

#[test]
fn a_gateway_starts_in_order() {
    check(STARTED);
}

#[test]
fn unchanged_content_is_not_sent_again() {
    check_after_start("= clusters:a@1 secrets:a-key@1 listeners:l@1 routes:r@1 extensions:g@1");
}

#[test]
fn a_new_channel_is_usable_before_anything_names_it() {
    check_after_start(
        "= clusters:a@1 clusters:b@1 secrets:a-key@1 secrets:b-key@1 listeners:l@1 routes:r@2 extensions:g@2
         < clusters +b
         > ack clusters
         > secrets b-key
         < secrets +b-key
         > ack secrets
         < routes +r
         > ack routes
         < extensions +g
         > ack extensions",
    );
}

#[test]
fn a_new_proxy_is_usable_before_anything_names_its_channel() {
    let all = "= clusters:a@1 clusters:b@1 secrets:a-key@1 listeners:l@1 listeners:p@1 secrets:p-key@1 routes:r@2 extensions:g@2
         < clusters +b
         > ack clusters
         < listeners +p
         < routes +r";
    check_after_start(&format!(
        "{all}
         > ack routes
         > ack listeners
         > secrets p-key
         < secrets +p-key
         > ack secrets
         < extensions +g
         > ack extensions"
    ));
    // Envoy that was told of no internal listeners.
    check_after_start(&format!(
        "{all}
         > ack routes
         > nack listeners p
         < extensions +g
         > ack extensions"
    ));
}

#[test]
fn a_removed_channel_goes_last() {
    check_after_start(
        "= listeners:l@1 routes:r@2 extensions:g@2
         < routes +r
         > ack routes
         < extensions +g
         > ack extensions
         < clusters -a
         > ack clusters
         < secrets -a-key
         > ack secrets",
    );
}

#[test]
fn a_gateway_that_drops_a_secret_itself_is_not_told_to() {
    check_after_start(
        "= listeners:l@1 routes:r@2 extensions:g@2
         < routes +r
         > ack routes
         < extensions +g
         > ack extensions
         < clusters -a
         > secrets -a-key
         > ack clusters",
    );
}

#[test]
fn a_rotated_key_touches_nothing_else() {
    check_after_start(
        "= clusters:a@1 secrets:a-key@2 listeners:l@1 routes:r@1 extensions:g@1
         < secrets +a-key
         > ack secrets",
    );
}

#[test]
fn one_response_per_kind_is_in_flight() {
    check_after_start(
        "= clusters:a@2 secrets:a-key@1 listeners:l@1 routes:r@1 extensions:g@1
         < clusters +a
         = clusters:a@3 secrets:a-key@1 listeners:l@1 routes:r@1 extensions:g@1
         > ack clusters
         < clusters +a
         > ack clusters",
    );
}

#[test]
fn a_refusal_keeps_the_last_good_version_and_lets_the_rest_pass() {
    check_after_start(
        "= clusters:a@2 secrets:a-key@1 listeners:l@1 routes:r@2 extensions:g@1
         < clusters +a
         > nack clusters
         < routes +r
         > ack routes
         = clusters:a@3 secrets:a-key@1 listeners:l@1 routes:r@2 extensions:g@1
         < clusters +a
         > ack clusters",
    );
}

#[test]
fn a_gateway_starts_without_any_channel() {
    check(
        "= listeners:l@1 routes:r@1 extensions:g@1
         > clusters *
         < clusters
         > ack clusters
         > listeners *
         < listeners +l
         > routes r
         < routes +r
         > extensions g
         > ack listeners
         > ack routes
         < extensions +g
         > ack extensions
         = clusters:a@1 listeners:l@1 routes:r@1 extensions:g@1
         < clusters +a
         > ack clusters",
    );
    let nothing = snapshot("");
    assert!(!nothing.version(Kind::Cluster).is_empty());
}

#[test]
fn what_was_refused_is_outstanding_until_it_is_accepted_or_gone() {
    let check = |script: &str, acked: bool| {
        let stream = play(&format!("{STARTED}\n{script}"));
        let status = stream.status(Kind::Cluster).expect("asked for");
        assert_eq!(status.acked, acked, "{script}");
    };
    let rest = "secrets:a-key@1 listeners:l@1 routes:r@1 extensions:g@1";
    let refused = format!(
        "= clusters:a@2 clusters:b@1 {rest}
         < clusters +a +b
         > nack clusters a"
    );
    check(&refused, false);
    let another = format!(
        "{refused}
         = clusters:a@2 clusters:b@1 clusters:c@1 {rest}
         < clusters +c
         > ack clusters"
    );
    check(&another, false);
    let mended = format!(
        "{another}
         = clusters:a@3 clusters:b@1 clusters:c@1 {rest}
         < clusters +a
         > ack clusters"
    );
    check(&mended, true);
    let gone = format!(
        "{another}
         = clusters:b@1 clusters:c@1 {rest}
         < clusters -a
         > ack clusters"
    );
    check(&gone, true);
}

#[test]
fn a_refused_cluster_does_not_hold_back_the_next() {
    check_after_start(
        "= clusters:a@1 clusters:b@1 secrets:a-key@1 secrets:b-key@1 listeners:l@1 routes:r@1 extensions:g@1
         < clusters +b
         > nack clusters b
         = clusters:a@1 clusters:b@1 clusters:c@1 secrets:a-key@1 secrets:b-key@1 secrets:c-key@1 listeners:l@1 routes:r@2 extensions:g@1
         < clusters +c
         > ack clusters
         > secrets c-key
         < secrets +c-key
         > ack secrets
         < routes +r
         > ack routes",
    );
}

#[test]
fn a_secret_that_nobody_asks_for_holds_back_only_until_patience_ends() {
    check_after_start(
        "= clusters:a@1 clusters:b@1 secrets:a-key@1 secrets:b-key@1 listeners:l@1 routes:r@2 extensions:g@1
         < clusters +b
         > ack clusters
         > late
         < routes +r",
    );
}

#[test]
fn an_unknown_name_is_answered_as_removed() {
    check_after_start(
        "> secrets nobody
         < secrets -nobody",
    );
}

#[test]
fn a_repeated_subscription_is_answered() {
    check_after_start(
        "> routes r
         < routes +r",
    );
}

#[test]
fn after_a_reconnect_only_the_difference_is_sent() {
    check(
        "= clusters:a@1 clusters:b@2 clusters:d@1
         > clusters * a@1 b@1 c@1
         < clusters +b +d
         > ack clusters
         < clusters -c",
    );
}

#[test]
fn a_stale_nonce_is_no_answer() {
    let mut stream = Stream::new(snapshot("clusters:a@1"));
    stream.request(Kind::Cluster, Request::default());
    stream.respond().expect("clusters");
    stream.request(
        Kind::Cluster,
        Request {
            nonce: "0".into(),
            ..Request::default()
        },
    );
    assert!(stream.is_waiting());
    assert!(!stream.status(Kind::Cluster).expect("asked for").acked);
    stream.request(
        Kind::Cluster,
        Request {
            nonce: "1".into(),
            ..Request::default()
        },
    );
    assert!(stream.status(Kind::Cluster).expect("asked for").acked);
}

#[test]
fn a_version_is_the_content_and_not_the_order() {
    let one = snapshot("clusters:a@1 clusters:b@1");
    assert_eq!(
        one.version(Kind::Cluster),
        snapshot("clusters:b@1 clusters:a@1").version(Kind::Cluster)
    );
    assert_ne!(
        one.version(Kind::Cluster),
        snapshot("clusters:a@1").version(Kind::Cluster)
    );
}
