//! Which limits a call is under.

use std::net::IpAddr;

use tollgate_config::meter::{Limits, TokenRecord};
use tollgate_host::Host;
use tollgate_policy::limits::{Key, Ratios, Scope, Whose};

use crate::gateway::admit::peer;
use crate::state::Active;
use crate::stream::{Plan, Stream};

/// The limits that the call is under. One without a plan uses no model: what counts is that it came.
pub(super) fn scopes(host: &dyn Host, stream: &Stream, plan: Option<&Plan>) -> Vec<Scope> {
    let (Some(token), Some(active)) = (&stream.token, &stream.active) else {
        return Vec::new();
    };
    let mut scopes = Vec::new();
    let mut add = |whose, limits: Option<Limits>, parts: &[&[u8]]| {
        let limits = limits.map(|limits| match plan {
            Some(_) => limits,
            None => Limits {
                rpm: limits.rpm,
                ..Limits::default()
            },
        });
        if let Some(limits) = limits.filter(|limits| !limits.is_none()) {
            let key = Key::of(whose, parts);
            scopes.push(Scope { whose, key, limits });
        }
    };
    let group = token.group.as_bytes();
    if let Some(address) = token
        .ip_limits
        .and_then(|_| stream.caller.or_else(|| peer(host)))
    {
        add(Whose::Address, token.ip_limits, &[&network(address)]);
    }
    add(Whose::Token, token.limits, &[&token.id.to_le_bytes()]);
    if let Some(user) = plan.and_then(|plan| plan.peek.user.as_deref()) {
        add(Whose::User, token.user_limits, &[group, user.as_bytes()]);
    }
    if let Some(Plan { model, .. }) = plan {
        let of_model = of_model(active, token, model);
        add(Whose::Model, of_model, &[group, model.as_bytes()]);
    }
    scopes
}

/// What the token's group may ask of a model.
fn of_model(active: &Active, token: &TokenRecord, model: &str) -> Option<Limits> {
    let own = token.own(model);
    let of_all = active.model(model).map(|model| Limits {
        rpm: model.rpm,
        tpm: model.tpm,
        max_concurrency: model.max_concurrency,
    });
    let limits = match own.and_then(|own| own.limits) {
        // Groups have rates of their own; how many calls go on at once is the model's matter.
        Some(own) => Limits {
            max_concurrency: match own.max_concurrency {
                0 => of_all.map_or(0, |of_all| of_all.max_concurrency),
                own => own,
            },
            ..own
        },
        None => of_all?,
    };
    let ratios = Ratios {
        rpm: token.rpm_ratio,
        tpm: token.tpm_ratio,
    };
    Some(ratios.of(&limits))
}

/// Whoever has an IPv6 address has 2⁶⁴ of them.
fn network(address: IpAddr) -> [u8; 8] {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            [0, 0, 0, 0, a, b, c, d]
        }
        IpAddr::V6(address) => {
            let [a, b, c, d, e, f, g, h, ..] = address.octets();
            [a, b, c, d, e, f, g, h]
        }
    }
}
