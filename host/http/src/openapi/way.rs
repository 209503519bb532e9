// SPDX-License-Identifier: Apache-2.0
//! The ways to ask a service: by which keys, for which fields. One for each lookup, or a single one where it has none.

use paasla_core::{Lookup, Requirement, Service};
use paasla_register::Description;
use serde_json::{Map, Value, json};

use super::{Names, capital, value};
use crate::xroad::query::ALL;

/// One way to ask a service.
pub(super) struct Way<'a> {
    /// None where the service has no lookups: any of its keys, all of its fields.
    pub(super) lookup: Option<&'a Lookup>,
    /// What its schema and its example are called.
    pub(super) query: String,
}

/// Every way to ask a service.
pub(super) fn all<'a>(service: &'a Service, names: &Names) -> Vec<Way<'a>> {
    if service.lookups.is_empty() {
        return vec![Way { lookup: None, query: names.query.clone() }];
    }
    let mut ways: Vec<Way<'a>> = Vec::new();
    for lookup in &service.lookups {
        let mut query = format!("{}{}Query", names.row, by(lookup));
        if ways.iter().any(|way| way.query == query) {
            query += &ways.len().to_string();
        }
        ways.push(Way { lookup: Some(lookup), query });
    }
    ways
}

/// The keys of a lookup as a part of a name.
fn by(lookup: &Lookup) -> String {
    let keys: Vec<String> = lookup.keys.iter().map(|key| capital(key)).collect();
    format!("By{}", keys.join("And"))
}

impl<'a> Way<'a> {
    /// The keys that must all be given.
    pub(super) fn required_keys(&self) -> &'a [String] {
        self.lookup.map_or(&[], |lookup| lookup.keys.as_slice())
    }

    /// All keys that may be given.
    pub(super) fn keys(&self, service: &'a Service) -> impl Iterator<Item = &'a String> + use<'a> {
        let keys = self.lookup.map_or(&service.keys, |lookup| &lookup.keys);
        let optional = self.lookup.map_or(&[] as &[String], |lookup| lookup.optional_keys.as_slice());
        keys.iter().chain(optional)
    }

    /// Whether the service selects fields by itself where a query names none.
    pub(super) fn has_default(&self, service: &Service) -> bool {
        service.default_fields_by(self.lookup).next().is_some()
    }

    /// What may be asked so, in words.
    pub(super) fn text(&self, service: &Service) -> String {
        let Some(lookup) = self.lookup else { return String::new() };
        let code = |names: &[String]| names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>();
        let mut text = format!("by {}", code(&lookup.keys).join(" and "));
        if !lookup.optional_keys.is_empty() {
            text += &format!(" (and {}, if known)", code(&lookup.optional_keys).join(", "));
        }
        let fields: Vec<String> = service.fields_by(self.lookup).map(str::to_owned).collect();
        match fields.len() == service.fields.len() {
            true => text += ": all fields",
            false => text += &format!(": {}", code(&fields).join(", ")),
        }
        if let Some(most) = lookup.max_rows {
            text += &format!(
                "; where more than {most} records match, the query is refused (`host.too-many-records`)"
            );
        }
        text
    }

    /// A query in this way. Nobody is found by it.
    pub(super) fn example(&self, description: &Description, service: &Service) -> Value {
        let keys = match self.required_keys() {
            [] => service.keys.get(..1).unwrap_or_default(),
            keys => keys,
        };
        let one = |key: &String| {
            let field = description.field(&service.entity, key)?;
            Some((key.clone(), value::example(field, description)))
        };
        let keys: Map<String, Value> = keys.iter().filter_map(one).collect();
        let mut query = json!({ "select": ALL, "where": keys });
        let mut context = Map::new();
        if service.requires.contains(&Requirement::Case) {
            context.insert("case".to_owned(), "1-2/345".into());
        }
        if service.requires.contains(&Requirement::Provision) {
            context.insert("provision".to_owned(), "The provision that you rely on".into());
        }
        if let Some(query) = query.as_object_mut().filter(|_| !context.is_empty()) {
            query.insert("context".to_owned(), context.into());
        }
        let summary = match self.lookup {
            Some(lookup) => format!("By {lookup}"),
            None => service.title.clone(),
        };
        json!({ "summary": summary, "value": query })
    }
}
