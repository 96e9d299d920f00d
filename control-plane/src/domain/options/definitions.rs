//! Every option there is.

use tollgate_config::RETRIES_MAX;

use super::{Definition, Reach, Rule};

pub const DISABLE_SERVE: &Definition = &Definition {
    name: "DisableServe",
    env: "DISABLE_SERVE",
    default: "false",
    rule: Rule::Flag,
    reach: Reach::Gateways,
    about: "Refuse every model call with 503, for maintenance.",
};

pub const RETRY_TIMES: &Definition = &Definition {
    name: "RetryTimes",
    env: "RETRY_TIMES",
    default: "0",
    rule: Rule::Whole {
        min: 0,
        max: RETRIES_MAX as i64,
    },
    reach: Reach::Gateways,
    about: "Further attempts after a failed one, 8 at most, for models that do not say; 0: as many as \
            there are channels.",
};

pub const GROUP_MAX_TOKEN_NUM: &Definition = &Definition {
    name: "GroupMaxTokenNum",
    env: "GROUP_MAX_TOKEN_NUM",
    default: "0",
    rule: Rule::Whole {
        min: 0,
        max: 1_000_000,
    },
    reach: Reach::ControlPlane,
    about: "Tokens that one group may have; 0: any number.",
};

pub const USER_MAX_TOKEN_NUM: &Definition = &Definition {
    name: "UserMaxTokenNum",
    env: "USER_MAX_TOKEN_NUM",
    default: "100",
    rule: Rule::Whole {
        min: 0,
        max: 1_000_000,
    },
    reach: Reach::ControlPlane,
    about: "Tokens that the group of a user may have, if GroupMaxTokenNum does not allow fewer; 0: \
            as many as that allows.",
};

pub const GROUP_MAX_CONVERSATION_MEGABYTES: &Definition = &Definition {
    name: "GroupMaxConversationMegabytes",
    env: "GROUP_MAX_CONVERSATION_MEGABYTES",
    default: "1024",
    rule: Rule::Whole {
        min: 0,
        max: 1_000_000,
    },
    reach: Reach::ControlPlane,
    about: "Megabytes (MiB) that the conversations of one group may have in all; 0: any number.",
};

pub const TIME_ZONE: &Definition = &Definition {
    name: "TimeZone",
    env: "TZ",
    default: "UTC",
    rule: Rule::Zone,
    reach: Reach::ControlPlane,
    about: "IANA name of the time zone in which days, weeks and months begin.",
};

pub const GROUP_CONSUME_LEVEL_RATIO: &Definition = &Definition {
    name: "GroupConsumeLevelRatio",
    env: "GROUP_CONSUME_LEVEL_RATIO",
    default: "{}",
    rule: Rule::Ratios,
    reach: Reach::Tokens,
    about: "What models' limits are multiplied with for groups that have spent so much, on top of \
            their own ratios; the highest level that is reached counts.",
};

pub const IP_RPM: &Definition = &Definition {
    name: "IPRPM",
    env: "IP_RPM",
    default: "0",
    rule: PER_MINUTE,
    reach: Reach::Tokens,
    about: "Model calls per minute from one address (of IPv6: from one /64); 0: any number.",
};

pub const IP_TPM: &Definition = &Definition {
    name: "IPTPM",
    env: "IP_TPM",
    default: "0",
    rule: PER_MINUTE,
    reach: Reach::Tokens,
    about: "Tokens per minute of calls from one address; 0: any number.",
};

pub const IP_MAX_CONCURRENCY: &Definition = &Definition {
    name: "IPMaxConcurrency",
    env: "IP_MAX_CONCURRENCY",
    default: "0",
    rule: Rule::Whole {
        min: 0,
        max: 1_000_000,
    },
    reach: Reach::Tokens,
    about: "Model calls from one address at the same time; 0: any number.",
};

pub const IP_GROUPS_THRESHOLD: &Definition = &Definition {
    name: "IPGroupsThreshold",
    env: "IP_GROUPS_THRESHOLD",
    default: "0",
    rule: GROUPS,
    reach: Reach::ControlPlane,
    about: "Groups whose keys one address may use within an hour before somebody is warned; 0: any \
            number. Not for where all callers come through one proxy.",
};

pub const IP_GROUPS_BAN_THRESHOLD: &Definition = &Definition {
    name: "IPGroupsBanThreshold",
    env: "IP_GROUPS_BAN_THRESHOLD",
    default: "0",
    rule: GROUPS,
    reach: Reach::ControlPlane,
    about: "The same, before these groups are disabled and the address is black-listed for 48 \
            hours; 0: never.",
};

const GROUPS: Rule = Rule::Whole {
    min: 0,
    max: 1_000_000,
};

const PER_MINUTE: Rule = Rule::Whole {
    min: 0,
    max: 1_000_000_000_000,
};

/// Hours that something is kept.
const HOURS: Rule = Rule::Whole {
    min: 0,
    max: 1_000_000,
};

pub const LOG_STORAGE_HOURS: &Definition = &Definition {
    name: "LogStorageHours",
    env: "LOG_STORAGE_HOURS",
    default: "0",
    rule: HOURS,
    reach: Reach::ControlPlane,
    about: "Hours that log rows are kept, at least 24, and bodies with them; 0: for ever.",
};

pub const LOG_DETAIL_STORAGE_HOURS: &Definition = &Definition {
    name: "LogDetailStorageHours",
    env: "LOG_DETAIL_STORAGE_HOURS",
    default: "72",
    rule: HOURS,
    reach: Reach::ControlPlane,
    about: "Hours that the bodies of requests and answers are kept; 0: for ever.",
};

pub const AUDIT_LOG_STORAGE_HOURS: &Definition = &Definition {
    name: "AuditLogStorageHours",
    env: "AUDIT_LOG_STORAGE_HOURS",
    default: "0",
    rule: HOURS,
    reach: Reach::ControlPlane,
    about: "Hours that it is kept who changed what, at least 24; 0: for ever.",
};

pub const SUMMARY_MINUTE_STORAGE_HOURS: &Definition = &Definition {
    name: "SummaryMinuteStorageHours",
    env: "SUMMARY_MINUTE_STORAGE_HOURS",
    default: "168",
    rule: HOURS,
    reach: Reach::ControlPlane,
    about: "Hours that summaries of minutes are kept; 0: for ever. Those of hours and days stay.",
};

pub const CLEAN_LOG_BATCH_SIZE: &Definition = &Definition {
    name: "CleanLogBatchSize",
    env: "CLEAN_LOG_BATCH_SIZE",
    default: "1000",
    rule: Rule::Whole {
        min: 1,
        max: 100_000,
    },
    reach: Reach::ControlPlane,
    about: "Rows that are deleted at a time when old ones go; bookings wait meanwhile.",
};

pub const SAVE_ALL_LOG_DETAIL: &Definition = &Definition {
    name: "SaveAllLogDetail",
    env: "SAVE_ALL_LOG_DETAIL",
    default: "false",
    rule: Rule::Flag,
    reach: Reach::Gateways,
    about: "Keep the bodies of every request and its answer, redacted.",
};

pub const SAVE_ERROR_LOG_DETAIL: &Definition = &Definition {
    name: "SaveErrorLogDetail",
    env: "SAVE_ERROR_LOG_DETAIL",
    default: "false",
    rule: Rule::Flag,
    reach: Reach::Gateways,
    about: "Keep the bodies of requests that failed, redacted; never of those refused with 429.",
};

/// Bytes of a body that are kept.
const BODY_BYTES: Rule = Rule::Whole {
    min: 0,
    max: 65_536,
};

pub const LOG_DETAIL_REQUEST_BODY_MAX_SIZE: &Definition = &Definition {
    name: "LogDetailRequestBodyMaxSize",
    env: "LOG_DETAIL_REQUEST_BODY_MAX_SIZE",
    default: "8192",
    rule: BODY_BYTES,
    reach: Reach::Gateways,
    about: "Bytes of a request's body that are kept where bodies are; 0: none.",
};

pub const LOG_DETAIL_RESPONSE_BODY_MAX_SIZE: &Definition = &Definition {
    name: "LogDetailResponseBodyMaxSize",
    env: "LOG_DETAIL_RESPONSE_BODY_MAX_SIZE",
    default: "8192",
    rule: BODY_BYTES,
    reach: Reach::Gateways,
    about: "Bytes of an answer's body that are kept where bodies are; 0: none.",
};

pub const REGISTRATION_ENABLED: &Definition = &Definition {
    name: "RegistrationEnabled",
    env: "REGISTRATION_ENABLED",
    default: "false",
    rule: Rule::Flag,
    reach: Reach::ControlPlane,
    about: "Let anybody make a user for themselves.",
};

pub const OIDC_REGISTRATION_ENABLED: &Definition = &Definition {
    name: "OIDCRegistrationEnabled",
    env: "OIDC_REGISTRATION_ENABLED",
    default: "false",
    rule: Rule::Flag,
    reach: Reach::ControlPlane,
    about: "Make a user for whoever signs in at the OpenID provider for the first time.",
};

pub const NEW_USER_BALANCE: &Definition = &Definition {
    name: "NewUserBalance",
    env: "NEW_USER_BALANCE",
    default: "0",
    rule: Rule::Amount,
    reach: Reach::ControlPlane,
    about: "USD that a new user's wallet has in it; 0: their calls are refused until somebody \
            recharges it, or they redeem a code. Groups that administrators make have no wallet, \
            and spend without limit, until they are given one.",
};

pub const DEFAULT_CHANNEL_MODELS: &Definition = &Definition {
    name: "DefaultChannelModels",
    env: "DEFAULT_CHANNEL_MODELS",
    default: "{}",
    rule: Rule::ModelsByType,
    reach: Reach::ControlPlane,
    about: "Models that a new channel of a type gets when it names none.",
};

pub const DEFAULT_CHANNEL_MODEL_MAPPING: &Definition = &Definition {
    name: "DefaultChannelModelMapping",
    env: "DEFAULT_CHANNEL_MODEL_MAPPING",
    default: "{}",
    rule: Rule::MappingsByType,
    reach: Reach::ControlPlane,
    about: "The mapping of model names that a new channel of a type gets when it has none.",
};

pub const DEFAULT_WARN_NOTIFY_ERROR_RATE: &Definition = &Definition {
    name: "DefaultWarnNotifyErrorRate",
    env: "DEFAULT_WARN_NOTIFY_ERROR_RATE",
    default: "0.5",
    rule: Rule::Share,
    reach: Reach::ControlPlane,
    about: "Share of the attempts of two minutes (ten or more) at a model of a channel that may \
            fail before somebody is warned, for channels that do not say; 0: nobody is.",
};

pub const USAGE_ALERT_THRESHOLD: &Definition = &Definition {
    name: "UsageAlertThreshold",
    env: "USAGE_ALERT_THRESHOLD",
    default: "0",
    rule: USD,
    reach: Reach::ControlPlane,
    about: "USD that a group must have spent today before somebody is warned that this is far more \
            than on the three days before; 0: nobody is.",
};

pub const USAGE_ALERT_MIN_AVG_THRESHOLD: &Definition = &Definition {
    name: "UsageAlertMinAvgThreshold",
    env: "USAGE_ALERT_MIN_AVG_THRESHOLD",
    default: "0",
    rule: USD,
    reach: Reach::ControlPlane,
    about: "USD a day that it must have spent on average on these three days.",
};

pub const USAGE_ALERT_WHITELIST: &Definition = &Definition {
    name: "UsageAlertWhitelist",
    env: "USAGE_ALERT_WHITELIST",
    default: "[]",
    rule: Rule::Groups,
    reach: Reach::ControlPlane,
    about: "Groups that may spend what they like.",
};

/// Whole dollars.
const USD: Rule = Rule::Whole {
    min: 0,
    max: 1_000_000_000,
};

pub const NOTIFY_NOTE: &Definition = &Definition {
    name: "NotifyNote",
    env: "NOTIFY_NOTE",
    default: "",
    rule: Rule::Line { max: 256 },
    reach: Reach::ControlPlane,
    about: "What stands below every alert, such as the name of this installation; empty: Tollgate.",
};

/// Every option there is.
pub const ALL: &[&Definition] = &[
    DISABLE_SERVE,
    RETRY_TIMES,
    GROUP_MAX_TOKEN_NUM,
    USER_MAX_TOKEN_NUM,
    GROUP_MAX_CONVERSATION_MEGABYTES,
    TIME_ZONE,
    GROUP_CONSUME_LEVEL_RATIO,
    IP_RPM,
    IP_TPM,
    IP_MAX_CONCURRENCY,
    IP_GROUPS_THRESHOLD,
    IP_GROUPS_BAN_THRESHOLD,
    LOG_STORAGE_HOURS,
    LOG_DETAIL_STORAGE_HOURS,
    AUDIT_LOG_STORAGE_HOURS,
    SUMMARY_MINUTE_STORAGE_HOURS,
    CLEAN_LOG_BATCH_SIZE,
    SAVE_ALL_LOG_DETAIL,
    SAVE_ERROR_LOG_DETAIL,
    LOG_DETAIL_REQUEST_BODY_MAX_SIZE,
    LOG_DETAIL_RESPONSE_BODY_MAX_SIZE,
    REGISTRATION_ENABLED,
    OIDC_REGISTRATION_ENABLED,
    NEW_USER_BALANCE,
    DEFAULT_CHANNEL_MODELS,
    DEFAULT_CHANNEL_MODEL_MAPPING,
    DEFAULT_WARN_NOTIFY_ERROR_RATE,
    USAGE_ALERT_THRESHOLD,
    USAGE_ALERT_MIN_AVG_THRESHOLD,
    USAGE_ALERT_WHITELIST,
    NOTIFY_NOTE,
];
