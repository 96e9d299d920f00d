//! Names on which the control plane and the filters must agree.

/// Every role runs under this VM id with the same code and VM configuration, so that they share
/// one VM per worker, its statics, and Envoy's shared data.
pub const VM_ID: &str = "tollgate";

/// Root id of the plugin; the role comes from the plugin configuration.
pub const ROOT_ID: &str = "tollgate";

/// Name of the gateway filter in the listener and of its ECDS resource.
pub const GATEWAY_FILTER: &str = "tollgate.gateway";

/// Filter-state key, as Envoy sees it, that names the cluster of the current attempt. The route's
/// matcher cluster specifier reads it again before every retry. Filter state instead of a request
/// header, because what attempt N writes must be there for attempt N+1 and a header would travel
/// to the provider with attempt N.
pub const CLUSTER_STATE: &str = "wasm.tollgate_cluster";

/// The same key as a Proxy-Wasm property (the host adds the `wasm.` prefix).
pub const CLUSTER_PROPERTY: &str = "tollgate_cluster";

/// Request header by which an upstream attempt finds the request that it serves. The gateway role
/// sets it to the id that the caller is told, whatever the caller sent; Envoy makes none.
pub const REQUEST_ID_HEADER: &str = "x-request-id";

/// Request header that names the one channel to serve a call, by its id. Only the control plane's
/// own token has a say in that; from anybody else it means nothing.
pub const CHANNEL_HEADER: &str = "x-tollgate-channel";

/// Request header of a call that the control plane makes for a caller who does not wait for it. Like
/// [`CHANNEL_HEADER`], it means nothing without the control plane's own token. Three words: the
/// [key](token_key) of the caller's token, the id that the request gets, and the address that the
/// caller had (`-`: not known).
pub const CALLER_HEADER: &str = "x-tollgate-caller";

/// Cluster of the control plane's gRPC port (xDS and meter), in the bootstrap.
pub const CONTROL_CLUSTER: &str = "tollgate-control";

/// Cluster of the control plane's HTTP port (admin API and console).
pub const ADMIN_CLUSTER: &str = "tollgate-admin";

/// Shared queue on which workers leave usage events for the meter.
pub const USAGE_QUEUE: &str = "tollgate.usage";

/// Shared-data key that exists once the meter holds a whole token snapshot. Until then an unknown
/// token is answered with 503, because it may well be valid.
pub const READY_KEY: &str = "tollgate.ready";

/// Shared-data key of the [`Share`](crate::meter::Share) that the gateway has of every limit.
pub const SHARE_KEY: &str = "tollgate.share";

/// Shared-data key of a slot of limits' counters.
#[must_use]
pub fn limits_key(slot: u16) -> String {
    let mut key = String::from("l/");
    key.push_str(&slot.to_string());
    key
}

/// Shared-data key of what workers show the control plane when they call it: the node token, if one
/// is asked for.
pub const NODE_TOKEN_KEY: &str = "tollgate.node_token";

/// gRPC service and method of the meter stream.
pub const METER_SERVICE: &str = "tollgate.meter.v1.Meter";
pub const METER_METHOD: &str = "Connect";

/// Prefix of a token as its owner sees it; it is not part of what is hashed.
pub const TOKEN_PREFIX: &str = "sk-";

/// Shared-data key of a token's record.
///
/// `hash` is the SHA-256 of the token without [`TOKEN_PREFIX`].
#[must_use]
pub fn token_key(hash: &[u8]) -> String {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    let mut key = String::with_capacity(2 + hash.len() * 2);
    key.push_str("t/");
    for byte in hash {
        for nibble in [byte >> 4, byte & 15] {
            key.push(char::from(*HEX.get(usize::from(nibble)).unwrap_or(&b'0')));
        }
    }
    key
}

/// What the name of a channel's cluster begins with; a hash of its address follows.
#[must_use]
pub fn channel_cluster(channel_id: i64) -> String {
    format!("channel-{channel_id}")
}

/// What the name of the SDS secret with a channel's key begins with; the same hash follows.
#[must_use]
pub fn channel_secret(channel_id: i64) -> String {
    format!("channel-{channel_id}-key")
}

/// Of things that are named after models, the one with this name. Callers, channels and administrators
/// spell a model in any case, so it may differ in that; where two names differ in nothing else, the one
/// that is spelled like this.
pub fn of_model<'a, T>(
    things: &'a [T],
    model: &str,
    name: impl Fn(&'a T) -> &'a str,
) -> Option<&'a T> {
    let exact = things.iter().find(|thing| name(thing) == model);
    exact.or_else(|| {
        let mut things = things.iter();
        things.find(|thing| name(thing).eq_ignore_ascii_case(model))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_key_is_the_hash_in_hex() {
        assert_eq!(token_key(&[0x00, 0xaf, 0x9c]), "t/00af9c");
    }

    #[test]
    fn a_model_is_the_same_in_any_case() {
        let names = ["GPT-5".to_owned(), "gpt-5".to_owned(), "Other".to_owned()];
        for (model, found) in [
            ("GPT-5", Some("GPT-5")),
            ("gpt-5", Some("gpt-5")),
            ("Gpt-5", Some("GPT-5")),
            ("other", Some("Other")),
            ("gpt-5-mini", None),
        ] {
            let name = of_model(&names, model, |name| name).map(String::as_str);
            assert_eq!(name, found, "{model}");
        }
    }
}
