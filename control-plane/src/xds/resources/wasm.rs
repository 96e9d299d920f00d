//! The filter's plugin configurations.
//!
//! VM id, code and runtime are the same in every role, here and in the bootstrap: that is what
//! makes the roles share one VM per worker, its statics and Envoy's shared data.

use std::path::Path;

use envoy_types::pb::envoy::config::core::v3 as core;
use envoy_types::pb::envoy::extensions::filters::http::wasm::v3::Wasm;
use envoy_types::pb::envoy::extensions::wasm::v3 as wasm;
use tollgate_config::{GatewayConfig, RoleConfig, names};

use super::pb;

pub const RUNTIME: &str = "envoy.wasm.runtime.v8";

pub(super) fn gateway(code: &Path, config: &GatewayConfig) -> core::TypedExtensionConfig {
    let role = RoleConfig::Gateway {
        config: config.clone(),
    };
    pb::extension(
        names::GATEWAY_FILTER,
        Wasm {
            config: Some(plugin(code, "gateway", &role)),
        },
    )
}

pub(super) fn upstream(code: &Path) -> Wasm {
    Wasm {
        config: Some(plugin(code, "upstream", &RoleConfig::Upstream)),
    }
}

fn plugin(code: &Path, name: &str, role: &RoleConfig) -> wasm::PluginConfig {
    wasm::PluginConfig {
        name: name.into(),
        root_id: names::ROOT_ID.into(),
        configuration: Some(pb::string_any(role_json(role))),
        // A trap costs the requests on that worker, then the VM is made anew. Never FAIL_OPEN: it
        // would send the caller's own credentials to a provider.
        failure_policy: wasm::FailurePolicy::FailReload.into(),
        // Headers can wait while the body is read.
        allow_on_headers_stop_iteration: pb::boolean(true),
        vm: Some(wasm::plugin_config::Vm::VmConfig(vm(code))),
        ..Default::default()
    }
}

fn vm(code: &Path) -> wasm::VmConfig {
    let local = core::DataSource {
        specifier: Some(core::data_source::Specifier::Filename(
            code.display().to_string(),
        )),
        ..Default::default()
    };
    wasm::VmConfig {
        vm_id: names::VM_ID.into(),
        runtime: RUNTIME.into(),
        code: Some(core::AsyncDataSource {
            specifier: Some(core::async_data_source::Specifier::Local(local)),
        }),
        ..Default::default()
    }
}

/// A role's configuration as the plugin reads it.
#[must_use]
pub fn role_json(role: &RoleConfig) -> String {
    // Strings, integers and maps with string keys always have a JSON form; were it ever otherwise,
    // the empty text is refused by the filter, and Envoy keeps the last good configuration.
    serde_json::to_string(role).unwrap_or_default()
}
