//! What the control plane manages, as plain types without IO.
//!
//! Field names follow AI Proxy's admin API. Times are Unix milliseconds, money is integer
//! nano-USD. A `…Patch` says what a request wants to change: a field that is `None` stays as it
//! is, or gets its default when something new is made.

mod alert;
mod audit;
mod balance_service;
mod ban;
mod base_url;
mod catalogued;
mod ceiling;
mod channel;
mod channel_care;
mod channel_configs;
mod channel_key;
mod channel_test;
mod detail;
pub(crate) mod google_key;
mod group;
mod group_model;
mod identity;
mod item;
mod key_way;
mod limits;
mod log;
mod model_config;
mod model_settings;
pub mod options;
mod page;
mod period;
mod price;
mod proxy_url;
mod summary;
mod token;
mod user;
mod verdict;
mod wallet;

use std::time::{SystemTime, UNIX_EPOCH};

pub use alert::{Alert, Delivery, Level, NewAlert};
pub use audit::Audit;
pub use balance_service::{BalanceService, BalanceServicePatch, Consumption};
pub use ban::{Ban, BanPatch, block, is_within};
pub use base_url::{BaseUrl, InvalidBaseUrl};
pub use catalogued::{ImportedModels, Unpriced, catalogued};
pub use ceiling::{ceiling, millionths};
pub use channel::{Channel, ChannelPatch, DEFAULT_PRIORITY, PublishedChannel};
pub use channel_care::{ChannelBalance, ChannelBan, ChannelCare, ChannelCarePatch, Share};
pub use channel_configs::{ChannelConfigs, InvalidConfigs, config_schema};
pub use channel_key::{Access, AwsKey, ChannelKey, InvalidChannelKey, on_one_line};
pub use channel_test::{ChannelTest, TestKind};
pub use detail::{Detail, wanted_details};
pub use google_key::{GoogleKey, Grant};
pub use group::{DEFAULT_SET, Group, GroupPatch};
pub use group_model::{GroupModelConfig, LimitOverride, NewGroupModel, Overrides};
pub use identity::{Identity, LinkedIdentity};
pub(crate) use item::named_item;
pub(crate) use key_way::key_again;
pub use limits::{ConsumeLevels, GroupLimits, GroupLimitsPatch, Limits, LimitsPatch, Ratio};
pub use log::{
    AttemptRecord, Circumstances, Draw, Log, MAX_CALL_AMOUNT, TokenCounts, outcome_name,
};
pub use model_config::{ModelConfig, ModelConfigPatch};
pub use model_settings::{ModelSettings, Timeouts};
pub use page::{Listed, Order, Page};
pub use period::{Period, Window, day, shown};
pub use price::{
    BookedPrice, ConditionFields, PriceChange, PriceValue, tariff_from_json, tariff_to_json,
};
pub use proxy_url::{InvalidProxyUrl, ProxyUrl};
pub use summary::{Span, Tally};
pub use token::{Token, TokenPatch};
pub use user::{NewUser, PasswordHash, Role, User, UserPatch};
pub use verdict::Verdict;
pub use wallet::{Charge, RedemptionCode, TransactionKind, Wallet, WalletTransaction};

/// Channels, groups and tokens can be switched off; as numbers, these are AI Proxy's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Status {
    #[default]
    Enabled = 1,
    Disabled = 2,
}

impl Status {
    #[must_use]
    pub fn from_number(number: i64) -> Option<Self> {
        match number {
            1 => Some(Self::Enabled),
            2 => Some(Self::Disabled),
            _ => None,
        }
    }

    #[must_use]
    pub fn number(self) -> i64 {
        self as i64
    }

    #[must_use]
    pub fn is_enabled(self) -> bool {
        self == Self::Enabled
    }
}

/// The present, in Unix milliseconds.
#[must_use]
pub fn now_unix_ms() -> i64 {
    let since = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
