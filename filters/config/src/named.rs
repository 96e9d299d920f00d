//! Values of the protocol crate, by their names: a name that is not known refuses the
//! configuration.

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serializer};
use tollgate_protocol::neutral::Effort;
use tollgate_protocol::{Quirk, Thinking};

/// What has a name in configurations.
pub(crate) trait Named: Copy {
    const WHAT: &'static str;
    fn name(self) -> &'static str;
    fn read(name: &str) -> Option<Self>;
}

pub(crate) fn serialize<T: Named, S: Serializer>(
    values: &[T],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(values.iter().map(|value| value.name()))
}

pub(crate) fn deserialize<'de, T: Named, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<T>, D::Error> {
    let names = Vec::<String>::deserialize(deserializer)?;
    names.iter().map(|name| read(name)).collect()
}

/// The same for one value instead of a list.
pub(crate) mod one {
    use super::{Deserialize, Deserializer, Named, Serializer, read};

    pub(crate) fn serialize<T: Named, S: Serializer>(
        value: &T,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(value.name())
    }

    pub(crate) fn deserialize<'de, T: Named, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<T, D::Error> {
        read(&String::deserialize(deserializer)?)
    }
}

fn read<T: Named, E: Error>(name: &str) -> Result<T, E> {
    T::read(name).ok_or_else(|| E::custom(format_args!("unknown {} {name:?}", T::WHAT)))
}

impl Named for Quirk {
    const WHAT: &'static str = "quirk";

    fn name(self) -> &'static str {
        self.as_str()
    }

    fn read(name: &str) -> Option<Self> {
        name.parse().ok()
    }
}

impl Named for Effort {
    const WHAT: &'static str = "effort";

    fn name(self) -> &'static str {
        self.as_str()
    }

    fn read(name: &str) -> Option<Self> {
        Self::read(name)
    }
}

impl Named for Thinking {
    const WHAT: &'static str = "kind of thinking";

    fn name(self) -> &'static str {
        self.as_str()
    }

    fn read(name: &str) -> Option<Self> {
        Self::read(name)
    }
}
