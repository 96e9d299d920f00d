//! A user: somebody who signs in, with a role and a group of their own.

use super::Status;
use crate::secrets::{Secret, SecretTag};

/// What a user may do in the admin API.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Role {
    /// Everything.
    Administrator,
    /// What concerns their own group.
    #[default]
    User,
    /// Sees everything that an administrator sees except secrets, and changes nothing.
    ReadOnly,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    pub id: i64,
    pub created_at_ms: i64,
    /// Unique, in lower case; it never changes.
    pub username: String,
    /// Empty: not told.
    pub email: String,
    pub role: Role,
    pub status: Status,
    /// The group that was made with the user, and is removed with it.
    pub group: String,
    /// `None`: never yet.
    pub last_login_at_ms: Option<i64>,
    /// Access tokens that name another one are void.
    pub token_version: i64,
    /// Without one, the user signs in elsewhere.
    pub has_password: bool,
    /// Another one once it was written.
    pub password_tag: SecretTag,
}

/// A password as it is kept: argon2id, as a PHC string. It does not print.
#[derive(Debug, Clone)]
pub struct PasswordHash(pub Secret);

/// A user who is to be made.
#[derive(Debug, Clone)]
pub struct NewUser {
    /// In lower case.
    pub username: String,
    pub email: String,
    pub role: Role,
    pub status: Status,
    pub password: Option<PasswordHash>,
}

/// What a request wants a user to be.
#[derive(Debug, Clone, Default)]
pub struct UserPatch {
    pub email: Option<String>,
    /// A change ends all sessions.
    pub role: Option<Role>,
    /// A change ends all sessions, and holds for the user's group as well, so that its tokens stop
    /// or start to work.
    pub status: Option<Status>,
    /// A change ends all sessions.
    pub password: Option<PasswordHash>,
}

// === impl Role ===

impl Role {
    pub const ALL: [Self; 3] = [Self::Administrator, Self::User, Self::ReadOnly];

    /// As it is stored and shown.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Administrator => "administrator",
            Self::User => "user",
            Self::ReadOnly => "read_only",
        }
    }

    #[must_use]
    pub fn read(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|role| role.as_str() == text)
    }
}
