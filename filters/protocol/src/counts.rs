//! Numbers that an answer tells, such as its usage: every object is walked once, however many of its
//! members are of interest.

use crate::json::Json;

/// The members of an object that may not be there.
pub(crate) fn inside<'a, const N: usize>(
    object: Option<Json<'a>>,
    keys: [&str; N],
) -> [Option<Json<'a>>; N] {
    object.map_or([None; N], |object| object.members(keys))
}

/// Those of its members that are whole numbers from 0 up.
pub(crate) fn counts<const N: usize>(
    object: Option<Json<'_>>,
    keys: [&str; N],
) -> [Option<u64>; N] {
    inside(object, keys).map(count)
}

pub(crate) fn count(member: Option<Json<'_>>) -> Option<u64> {
    member.and_then(Json::as_u64)
}
