//! Everything that issue-level promises say, shown from outside on real Envoy. One binary, so that
//! scenarios can share a gateway; each module is one promise.

mod background;
mod bodies;
mod books;
mod budgets;
mod changes;
mod channel_tests;
mod clouds;
mod completions;
mod compressed;
mod configuration;
mod control_plane;
mod counting;
mod documented;
mod failover;
mod first_start;
mod hostile;
mod imports;
mod interrupted;
mod keys;
mod lifecycle;
mod limits;
mod limits_together;
mod mutual_tls;
mod passthrough;
mod refusals;
mod runs;
mod sdk;
mod sdk_content;
mod secrets;
mod sign_in;
mod slow_callers;
mod stored;
mod the_provider;
mod users;
mod wallets;
