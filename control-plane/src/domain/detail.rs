//! The bodies of one request, as they are kept, and of which requests they are.

use tollgate_config::detail::Details;

use super::ModelSettings;
use super::options::{
    LOG_DETAIL_REQUEST_BODY_MAX_SIZE, LOG_DETAIL_RESPONSE_BODY_MAX_SIZE, Options,
    SAVE_ALL_LOG_DETAIL, SAVE_ERROR_LOG_DETAIL,
};

/// What a caller sent and got: shortened, and without secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Detail {
    /// Of the log row.
    pub request_id: String,
    pub group: String,
    /// When it came here, in Unix milliseconds.
    pub created_at_ms: i64,
    /// Empty when none was kept.
    pub request_body: String,
    pub response_body: String,
    /// There was more of it.
    pub request_body_truncated: bool,
    pub response_body_truncated: bool,
}

/// Which bodies gateways are told to send: the options, with what a model's config says in their
/// place.
#[must_use]
pub fn wanted_details(settings: &ModelSettings, options: &Options) -> Details {
    let bytes = |own: i64, option| {
        let bytes = if own == 0 { options.whole(option) } else { own };
        u32::try_from(bytes.max(0)).unwrap_or(u32::MAX)
    };
    Details {
        all: settings.force_save_detail || options.flag(SAVE_ALL_LOG_DETAIL),
        errors: options.flag(SAVE_ERROR_LOG_DETAIL),
        request_bytes: bytes(
            settings.request_body_storage_max_size,
            LOG_DETAIL_REQUEST_BODY_MAX_SIZE,
        ),
        response_bytes: bytes(
            settings.response_body_storage_max_size,
            LOG_DETAIL_RESPONSE_BODY_MAX_SIZE,
        ),
    }
}
