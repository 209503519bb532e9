// SPDX-License-Identifier: Apache-2.0
//! Bind parameters: which value of a read stands at one placeholder of an SQL text.

use jiff::Span;
use paasla_core::Value;

use crate::read::Read;

/// Which value of a read is bound at one place of its SQL. Holds no value of a read itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Bind {
    /// The read's date.
    Date,
    /// The same day so many years earlier; 28 February where that year has no 29th. Whoever was born later has not completed
    /// so many years on the read's date.
    YearsEarlier(u8),
    /// One more than the most rows: so it is seen that there are more.
    Limit,
    /// A value of a key, by their places. Past the key's last value it is the last one again.
    Key {
        /// Which key.
        key: usize,
        /// Which of its values.
        value: usize,
    },
    /// What a condition compares with, by the condition's place.
    Condition(usize),
    /// A text of the description.
    Fixed(String),
}

impl Bind {
    /// The value in this read. A value that is not there is NULL, which equals nothing: no row would be found.
    pub(crate) fn value<N>(&self, read: &Read<N>) -> Value {
        match self {
            Self::Date => Value::Date(read.date),
            Self::YearsEarlier(years) => {
                let earlier = read.date.checked_sub(Span::new().years(i64::from(*years)));
                earlier.map_or(Value::Absent, Value::Date)
            }
            Self::Limit => Value::Integer(i64::from(read.limit) + 1),
            Self::Key { key, value } => {
                let values = read.keys.get(*key).map(|(_, values)| values.as_slice()).unwrap_or_default();
                values.get(*value).or(values.last()).cloned().unwrap_or(Value::Absent)
            }
            Self::Condition(place) => {
                read.conditions.get(*place).map_or(Value::Absent, |condition| condition.value.clone())
            }
            Self::Fixed(text) => Value::Text(text.clone()),
        }
    }
}
