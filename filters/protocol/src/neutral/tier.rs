//! As what a call is served, where a provider sells the same model at several prices.

use crate::json::Json;

/// A tier, under OpenAI's name for it; other providers have other names for the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ServiceTier {
    /// What everybody gets.
    Default,
    /// Cheaper, and slower or not at all when there is much to do.
    Flex,
    /// Capacity that was bought beforehand.
    Scale,
    /// Dearer and faster.
    Priority,
    /// Dearer and faster still.
    Ultrafast,
    /// Cheaper, and answered within a day.
    Batch,
}

impl ServiceTier {
    pub const ALL: [Self; 6] = [
        Self::Default,
        Self::Flex,
        Self::Scale,
        Self::Priority,
        Self::Ultrafast,
        Self::Batch,
    ];

    /// Any provider's name. `auto` is none: it leaves the choice to the provider.
    pub fn read(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_lowercase();
        Some(match name.as_str() {
            "default" | "standard" | "standard_only" | "on_demand" => Self::Default,
            "flex" | "on_demand_flex" => Self::Flex,
            "scale" | "provisioned" | "provisioned_throughput" | "reserved" => Self::Scale,
            // Groq's, Vertex's, and OpenAI's newer name.
            "priority" | "performance" | "on_demand_priority" | "fast" => Self::Priority,
            "ultrafast" => Self::Ultrafast,
            "batch" => Self::Batch,
            _ => return None,
        })
    }

    pub(crate) fn of(name: Option<Json<'_>>) -> Option<Self> {
        Self::read(&name?.as_str()?)
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Flex => "flex",
            Self::Scale => "scale",
            Self::Priority => "priority",
            Self::Ultrafast => "ultrafast",
            Self::Batch => "batch",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tier_has_one_name_here_and_many_elsewhere() {
        for tier in ServiceTier::ALL {
            assert_eq!(ServiceTier::read(tier.as_str()), Some(tier));
        }
        for (name, tier) in [
            ("standard", Some(ServiceTier::Default)),
            ("ON_DEMAND", Some(ServiceTier::Default)),
            ("ON_DEMAND_FLEX", Some(ServiceTier::Flex)),
            ("PROVISIONED_THROUGHPUT", Some(ServiceTier::Scale)),
            (" Fast ", Some(ServiceTier::Priority)),
            ("auto", None),
            ("", None),
        ] {
            assert_eq!(ServiceTier::read(name), tier, "{name}");
        }
    }
}
