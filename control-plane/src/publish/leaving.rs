//! Which clusters are published: those that are wanted, and for a while those that no longer are.
//! Pure: the time is an argument.

use std::collections::BTreeMap;
use std::time::Duration;

use tokio::time::Instant;

use crate::xds::resources::Upstream;

/// How long an unwanted cluster stays. A request has its list of channels when it begins, and may
/// still move on to the next one while nothing has been answered.
const LINGER: Duration = Duration::from_secs(60);

/// How long one stays whose provider is behind a proxy. What leads there is a listener, and Envoy cuts
/// the connections of one that is removed: an answer that comes through it may take as long as that.
const LINGER_BEHIND_PROXY: Duration = Duration::from_secs(30 * 60);

#[derive(Debug, Default)]
pub(super) struct Upstreams {
    current: BTreeMap<String, Upstream>,
    leaving: BTreeMap<String, (Upstream, Instant)>,
}

impl Upstreams {
    /// From now on these are wanted, and no others.
    pub(super) fn replace(&mut self, wanted: Vec<Upstream>, now: Instant) {
        let wanted: BTreeMap<_, _> = wanted.into_iter().map(|u| (u.cluster.clone(), u)).collect();
        for (name, upstream) in std::mem::replace(&mut self.current, wanted) {
            let linger = match upstream.proxy {
                Some(_) => LINGER_BEHIND_PROXY,
                None => LINGER,
            };
            self.leaving.insert(name, (upstream, now + linger));
        }
        let current = &self.current;
        self.leaving
            .retain(|name, (_, until)| *until > now && !current.contains_key(name));
    }

    /// All that are to be published.
    pub(super) fn published(&self) -> impl Iterator<Item = &Upstream> {
        let leaving = self.leaving.values().map(|(upstream, _)| upstream);
        self.current.values().chain(leaving)
    }

    /// When the next one is to go.
    pub(super) fn next_leave(&self) -> Option<Instant> {
        self.leaving.values().map(|(_, until)| *until).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::xds::resources::Proxy;

    fn upstream(cluster: &str, behind_proxy: bool) -> Upstream {
        Upstream {
            cluster: cluster.into(),
            host: "a.example".into(),
            port: 80,
            tls: None,
            proxy: behind_proxy.then(|| Proxy {
                name: format!("{cluster}-proxy"),
                host: "proxy.example".into(),
                port: 80,
                https: false,
                authorization: None,
            }),
            credential: None,
            signing: None,
        }
    }

    #[test]
    fn what_is_no_longer_wanted_stays_for_a_while() {
        let mut upstreams = Upstreams::default();
        let start = Instant::now();
        let both = || vec![upstream("a", false), upstream("b", true)];
        upstreams.replace(both(), start);
        assert_eq!(upstreams.next_leave(), None);
        let mut check = |wanted: Vec<Upstream>, seconds, expected: &[&str]| {
            upstreams.replace(wanted, start + Duration::from_secs(seconds));
            let names = upstreams.published().map(|it| it.cluster.as_str());
            assert_eq!(names.collect::<Vec<_>>(), expected, "after {seconds} s");
            upstreams.next_leave().map(|at| (at - start).as_secs())
        };
        assert_eq!(check(Vec::new(), 10, &["a", "b"]), Some(70));
        assert_eq!(check(Vec::new(), 69, &["a", "b"]), Some(70));
        assert_eq!(check(Vec::new(), 70, &["b"]), Some(1810));
        // It comes back, and leaves anew.
        assert_eq!(check(vec![upstream("b", true)], 100, &["b"]), None);
        assert_eq!(check(Vec::new(), 200, &["b"]), Some(2000));
        assert_eq!(check(Vec::new(), 2000, &[]), None);
    }
}
