//! Who may use which routes.

use http::Method;

use super::principal::Principal;
use crate::domain::Role;

/// Who may use a path, by what a request wants there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Allowed {
    /// With `GET` and `HEAD`.
    pub reading: Access,
    /// With every other method.
    pub writing: Access,
}

/// Who may come in. Each is more than the one before it, but for [`Access::Owners`], whom
/// read-only users are not among.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// The admin key, and users with the role of an administrator.
    Administrators,
    /// They, and users who may see everything and change nothing.
    Readers,
    /// Users who may change what is their own.
    Owners,
    /// Everybody who is signed in.
    SignedIn,
    Anyone,
}

// === impl Allowed ===

impl Allowed {
    pub const ADMINISTRATORS: Self = Self::all(Access::Administrators);

    /// Reading is for read-only users too.
    pub const READ: Self = Self {
        reading: Access::Readers,
        writing: Access::Administrators,
    };

    pub(super) const fn all(access: Access) -> Self {
        Self {
            reading: access,
            writing: access,
        }
    }

    pub(super) fn to(self, method: &Method) -> Access {
        match *method {
            Method::GET | Method::HEAD => self.reading,
            _ => self.writing,
        }
    }
}

impl Access {
    /// Whether whoever this is may come in.
    pub(super) fn admits(self, who: &Principal) -> bool {
        let role = match who {
            Principal::AdminKey => Role::Administrator,
            Principal::User(session) => session.user.role,
        };
        match self {
            Self::Administrators => role == Role::Administrator,
            Self::Readers => matches!(role, Role::Administrator | Role::ReadOnly),
            Self::Owners => matches!(role, Role::Administrator | Role::User),
            Self::SignedIn | Self::Anyone => true,
        }
    }
}
