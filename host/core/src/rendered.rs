// SPDX-License-Identifier: Apache-2.0
//! Fields as JSON, each put into words once. The same fields, shared by all queries that ask for them, are half of what is
//! written of a query.

use std::{cell::RefCell, collections::HashMap, sync::Arc};

use serde::{Serializer, ser::SerializeSeq as _};
use serde_json::value::RawValue;

use crate::query::Field;

/// How many fields a thread keeps in words. A register has some hundreds; where there are more, all are let go and those
/// in use come again.
const KEPT: usize = 1_024;

/// By address. Holding the field itself keeps its address from becoming another's.
type Rendered = HashMap<usize, (Arc<Field>, Box<RawValue>)>;

thread_local! {
    static RENDERED: RefCell<Rendered> = RefCell::default();
}

/// Writes fields as `serde` would. For JSON only.
///
/// # Errors
/// Those of the serializer.
pub(crate) fn fields<S: Serializer>(fields: &[Arc<Field>], serializer: S) -> Result<S::Ok, S::Error> {
    let mut list = serializer.serialize_seq(Some(fields.len()))?;
    RENDERED.with_borrow_mut(|rendered| {
        fields.iter().try_for_each(|field| {
            let address = Arc::as_ptr(field).addr();
            if let Some((_, json)) = rendered.get(&address) {
                return list.serialize_element(json);
            }
            // Nobody else shares it: it will not come again.
            if Arc::strong_count(field) == 1 {
                return list.serialize_element(&**field);
            }
            let json = serde_json::value::to_raw_value(&**field).map_err(serde::ser::Error::custom)?;
            if rendered.len() >= KEPT {
                rendered.clear();
            }
            let (_, json) = rendered.entry(address).insert_entry((Arc::clone(field), json)).into_mut();
            list.serialize_element(json)
        })
    })?;
    list.end()
}

#[cfg(test)]
mod tests {
    use serde::Serialize;

    use super::*;

    #[derive(Serialize)]
    struct Plain<'a>(Vec<&'a Field>);

    #[derive(Serialize)]
    struct Once<'a>(#[serde(serialize_with = "fields")] &'a [Arc<Field>]);

    fn field(n: usize) -> Arc<Field> {
        Arc::new(Field {
            name: format!("field\"{n}\u{1}õ"),
            group: n.is_multiple_of(3).then(|| "custody".into()),
            iri: format!("urn:{n}"),
            category: "urn:c".into(),
            special: n.is_multiple_of(2),
            reveals: (0..n % 3).map(|n| n.to_string()).collect(),
        })
    }

    /// Whatever was written before, also of fields that are gone and whose place others have, and of more than are kept.
    #[test]
    fn it_is_what_serde_writes() {
        for round in 0..40 {
            let shared: Vec<Arc<Field>> = (round..round + 90).map(field).collect();
            for times in 0..3 {
                let mut asked: Vec<Arc<Field>> =
                    shared.iter().skip(round % 7).step_by(1 + times).cloned().collect();
                asked.push(field(times));
                let plain =
                    serde_json::to_string(&Plain(asked.iter().map(|field| &**field).collect())).unwrap();
                assert_eq!(serde_json::to_string(&Once(&asked)).unwrap(), plain);
                assert_eq!(serde_json::to_value(Once(&asked)).unwrap().to_string(), plain);
            }
        }
        assert!(RENDERED.with_borrow(HashMap::len) <= KEPT);
    }
}
