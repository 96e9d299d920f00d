//! The exceptions of Amazon Bedrock, whichever dialect its model speaks.
//!
//! <https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_InvokeModel.html#API_runtime_InvokeModel_Errors>

use crate::error::ErrorKind;

/// The meaning of an exception's name, as streams and bodies spell it: with or without
/// a namespace before it, and with any first letter.
pub(crate) fn kind(name: &str) -> Option<ErrorKind> {
    let name = name.rsplit(['#', '.']).next().unwrap_or(name);
    Some(match name.to_ascii_lowercase().as_str() {
        "validationexception" => ErrorKind::InvalidRequest,
        "accessdeniedexception" | "unrecognizedclientexception" | "expiredtokenexception" => {
            ErrorKind::PermissionDenied
        }
        "resourcenotfoundexception" => ErrorKind::NotFound,
        "throttlingexception" | "servicequotaexceededexception" => ErrorKind::RateLimited,
        "serviceunavailableexception" | "modelnotreadyexception" => ErrorKind::Overloaded,
        "modeltimeoutexception" => ErrorKind::Timeout,
        "internalserverexception" | "modelerrorexception" | "modelstreamerrorexception" => {
            ErrorKind::Upstream
        }
        _ => return None,
    })
}
