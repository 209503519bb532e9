// SPDX-License-Identifier: Apache-2.0
//! Validation of a description file. It goes on after a problem, to name them all.

mod derived;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use jiff::tz::TimeZone;

use super::{
    Description,
    entity::{About, ColumnRef, Entity, Fact, FactReading, Group, Join},
    field::{Coarser, Compare, FieldDescription, FieldReading, FieldType, ValueKind},
    file,
    problem::Problem,
    publisher::{Contact, Licence},
    syntax::{SyntaxCheck, item},
};

type CodeLists = BTreeMap<String, BTreeMap<String, String>>;

/// The names that columns of one entity or group may be under, own table first.
struct Sources {
    own: String,
    aliases: BTreeSet<String>,
}

/// Checks the whole file.
pub(super) fn description(file: file::Register) -> Result<Description, Vec<Problem>> {
    let mut check = Check {
        syntax: SyntaxCheck { problems: Vec::new(), prefixes: file.prefixes },
        code_lists: file.code_lists,
        entity_names: file.entities.iter().filter_map(|entity| entity.name.clone()).collect(),
        fields: 0,
    };
    let syntax = &mut check.syntax;
    syntax.check_prefixes();
    let name = syntax.text("name", file.name);
    let title = syntax.text("title", file.title);
    let iri = syntax.iri("iri", file.iri);
    let zone = syntax.text("time-zone", file.time_zone);
    // Programmers who build on a service need a title and a contact.
    let contact = file.contact.unwrap_or_else(|| Contact { name: title.clone(), ..Contact::default() });
    let licence = file.licence.unwrap_or_else(|| Licence {
        name: "By an access right of the register only".to_owned(),
        url: iri.clone(),
    });
    let time_zone = TimeZone::get(&zone).unwrap_or_else(|_| {
        if !zone.is_empty() {
            syntax.add("time-zone", "is no time zone that this machine knows (IANA, e.g. `Europe/Tallinn`)");
        }
        TimeZone::UTC
    });
    if file.entities.is_empty() {
        syntax.add("entities", "is empty");
    }
    let mut used = BTreeSet::new();
    let mut entities = Vec::new();
    for (index, entity) in file.entities.into_iter().enumerate() {
        let path = item("", "entities", index, entity.name.as_ref());
        let checked = check.entity(&path, entity, &mut used);
        entities.push(checked);
    }
    check.fact_kinds(&entities);
    check.inputs(&entities);
    if check.syntax.problems.is_empty() {
        let Check { syntax, code_lists, .. } = check;
        let for_rules = Arc::new(for_rules(&entities));
        Ok(Description {
            name,
            title,
            iri,
            time_zone,
            prefixes: syntax.prefixes,
            code_lists,
            entities,
            for_rules,
            contact,
            licence,
        })
    } else {
        Err(check.syntax.problems)
    }
}

/// The register as rules are given it.
fn for_rules(entities: &[Entity]) -> paasla_core::Register {
    let of_entity = |entity: &Entity| {
        let entity_name = entity.name.clone();
        let field = move |field: &FieldDescription| paasla_core::RegisterField {
            entity: entity_name.clone(),
            field: Arc::clone(&field.core),
        };
        entity.fields().map(field).collect::<Vec<_>>()
    };
    let fact = |(entity, fact): (&Entity, &Fact)| paasla_core::RowFact {
        entity: entity.name.clone(),
        name: fact.name.clone(),
        kind: fact.kind.name(),
        category: fact.category.clone(),
    };
    let facts = entities.iter().flat_map(|entity| entity.facts.iter().map(move |fact| (entity, fact)));
    paasla_core::Register::new(entities.iter().flat_map(of_entity).collect(), facts.map(fact).collect())
}

struct Check {
    syntax: SyntaxCheck,
    code_lists: CodeLists,
    entity_names: BTreeSet<String>,
    /// How many fields there are so far.
    fields: usize,
}

impl Check {
    fn entity(&mut self, path: &str, file: file::Entity, used: &mut BTreeSet<String>) -> Entity {
        let name = self.syntax.unique(format!("{path}.name"), file.name, used);
        let table = self.syntax.identifier(format!("{path}.table"), file.table);
        self.syntax.alias(format!("{path}.table"), &table);
        let key = self.syntax.identifier(format!("{path}.key"), file.key);
        let mut sources = Sources { own: table.clone(), aliases: [table.clone()].into() };
        let joins = self.joins(path, file.joins, &mut sources);
        let mut names = BTreeSet::new();
        let own_fields = self.fields(path, &name, None, file.fields, &sources, &mut names);
        let facts = self.facts(path, file.facts, &sources);
        let groups = file.groups.into_iter().enumerate();
        let groups = groups.map(|(index, group)| self.group(path, index, &name, group, &mut names)).collect();
        Entity { name, table, key, joins, own_fields, facts, groups }
    }

    fn group(
        &mut self,
        base: &str,
        index: usize,
        entity: &str,
        file: file::Group,
        names: &mut BTreeSet<String>,
    ) -> Group {
        let path = item(base, "groups", index, file.name.as_ref());
        let name = self.syntax.unique(format!("{path}.name"), file.name, names);
        let table = self.syntax.identifier(format!("{path}.table"), file.table);
        self.syntax.alias(format!("{path}.table"), &table);
        let parent = self.syntax.identifier(format!("{path}.parent"), file.parent);
        let order_by = self.syntax.optional_identifier(format!("{path}.order-by"), file.order_by);
        let mut sources = Sources { own: table.clone(), aliases: [table.clone()].into() };
        let about = file.about.map(|about| {
            sources.aliases.insert("about".to_owned());
            if !self.entity_names.contains(&about.entity) {
                self.syntax.add(format!("{path}.about.entity"), "is no entity of this register");
            }
            let column = self.syntax.identifier(format!("{path}.about.column"), Some(about.column));
            About { entity: about.entity, column }
        });
        let joins = self.joins(&path, file.joins, &mut sources);
        if file.fields.is_empty() {
            self.syntax.add(format!("{path}.fields"), "is empty");
        }
        let fields = self.fields(&path, entity, Some(&name), file.fields, &sources, &mut BTreeSet::new());
        Group { name, table, parent, order_by, about, joins, fields }
    }

    /// Joins may refer to what stands before them only, so they can be written in this order.
    fn joins(&mut self, base: &str, files: Vec<file::Join>, sources: &mut Sources) -> Vec<Join> {
        let mut joins = Vec::new();
        for (index, file) in files.into_iter().enumerate() {
            let path = item(base, "joins", index, file.alias.as_ref());
            let from = match file.from {
                Some(from) => self.column(format!("{path}.from"), from, sources),
                None => {
                    self.syntax.add(format!("{path}.from"), "is missing");
                    ColumnRef { source: sources.own.clone(), column: String::new() }
                }
            };
            let alias = self.syntax.unique(format!("{path}.alias"), file.alias, &mut sources.aliases);
            self.syntax.alias(format!("{path}.alias"), &alias);
            let table = self.syntax.identifier(format!("{path}.table"), file.table);
            let to = self.syntax.identifier(format!("{path}.to"), file.to);
            joins.push(Join { alias, table, from, to });
        }
        joins
    }

    fn column(&mut self, path: String, file: file::Column, sources: &Sources) -> ColumnRef {
        self.place(&path, file.source, Some(file.column), sources)
    }

    fn place(
        &mut self,
        path: &str,
        source: Option<String>,
        column: Option<String>,
        sources: &Sources,
    ) -> ColumnRef {
        let source = source.unwrap_or_else(|| sources.own.clone());
        if !sources.aliases.contains(&source) {
            let message =
                "is neither the own table, nor a join declared before, nor `about` in a group that has it";
            self.syntax.add(format!("{path}.source"), message);
        }
        let column = self.syntax.identifier(format!("{path}.column"), column);
        ColumnRef { source, column }
    }

    fn fields(
        &mut self,
        base: &str,
        entity: &str,
        group: Option<&str>,
        files: Vec<file::Field>,
        sources: &Sources,
        names: &mut BTreeSet<String>,
    ) -> Vec<FieldDescription> {
        let mut fields = Vec::new();
        for (index, mut file) in files.into_iter().enumerate() {
            let path = item(base, "fields", index, file.name.as_ref());
            let short = self.syntax.unique(format!("{path}.name"), file.name.take(), names);
            let name = group.map_or_else(|| short.clone(), |group| format!("{group}.{short}"));
            let (reading, field_type) = self.reading(&path, &mut file, sources);
            if file.key && group.is_some() {
                self.syntax.add(format!("{path}.key"), "only the entity's own fields can be keys");
            }
            let is_text_key = file.key && field_type == FieldType::Text;
            let compare = self.compare(&path, is_text_key, file.compare, file.compare_column, sources);
            let coarser = file.coarser.map_or_else(Coarser::default, |coarser| Coarser {
                municipality: coarser
                    .municipality
                    .map(|column| self.column(format!("{path}.coarser.municipality"), column, sources)),
                county: coarser
                    .county
                    .map(|column| self.column(format!("{path}.coarser.county"), column, sources)),
            });
            let reveals = file.reveals.into_iter().enumerate();
            let reveals = reveals
                .map(|(nth, iri)| self.syntax.iri(format!("{path}.reveals[{nth}]"), Some(iri)))
                .collect();
            // A name of our own cannot be mistaken for a domain: it holds a `/`.
            let pseudonym_domain = match file.pseudonym_domain {
                Some(domain) => self.syntax.identifier(format!("{path}.pseudonym-domain"), Some(domain)),
                None => format!("{entity}/{name}"),
            };
            let core = paasla_core::Field {
                index: u32::try_from(self.fields).unwrap_or(u32::MAX),
                name,
                group: group.map(str::to_owned),
                iri: self.syntax.iri(format!("{path}.iri"), file.iri),
                category: self.syntax.iri(format!("{path}.category"), file.category),
                special: file.special,
                reveals,
            };
            self.fields += 1;
            fields.push(FieldDescription {
                core: Arc::new(core),
                reading,
                field_type,
                title: file.title,
                title_et: file.title_et,
                key: file.key,
                compare,
                coarser,
                pseudonym_domain,
            });
        }
        fields
    }

    /// How a field is read, and what type it has.
    fn reading(
        &mut self,
        path: &str,
        file: &mut file::Field,
        sources: &Sources,
    ) -> (FieldReading, FieldType) {
        if let Some(derived) = file.derived.take() {
            let derivation = self.derivation(&format!("{path}.derived"), derived, sources);
            let field_type = derivation.field_type();
            self.nothing_of_a_column(path, file, &field_type);
            return (FieldReading::Derived(derivation), field_type);
        }
        let field_type = self.field_type(path, file.r#type.take(), file.list.take());
        (FieldReading::Column(self.place(path, file.source.take(), file.column.take(), sources)), field_type)
    }

    fn compare(
        &mut self,
        path: &str,
        is_text_key: bool,
        how: Option<String>,
        column: Option<file::Column>,
        sources: &Sources,
    ) -> Compare {
        let column = column.map(|column| self.column(format!("{path}.compare-column"), column, sources));
        if how.is_some() && !is_text_key {
            self.syntax.add(format!("{path}.compare"), "only a key of type `text` says how it is compared");
        }
        match how.as_deref() {
            Some("name") => return Compare::Name(column),
            None | Some("exact") => {}
            Some(_) => self.syntax.add(format!("{path}.compare"), "is neither `exact` nor `name`"),
        }
        if column.is_some() {
            self.syntax.add(format!("{path}.compare-column"), "goes with `compare = \"name\"` only");
        }
        Compare::Exact
    }

    fn field_type(&mut self, path: &str, name: Option<String>, list: Option<String>) -> FieldType {
        let name = self.syntax.text(format!("{path}.type"), name);
        if list.is_some() && name != "code" {
            self.syntax.add(format!("{path}.list"), "only a field of type `code` has a list");
        }
        match name.as_str() {
            "text" => FieldType::Text,
            "date" => FieldType::Date,
            "boolean" => FieldType::Boolean,
            "integer" => FieldType::Integer,
            "personal-code" => FieldType::PersonalCode,
            "code" => {
                let list = self.syntax.text(format!("{path}.list"), list);
                if !list.is_empty() && !self.code_lists.contains_key(&list) {
                    self.syntax.add(format!("{path}.list"), "is no code list of this register");
                }
                FieldType::Code(list)
            }
            "" => FieldType::Text,
            _ => {
                let message = "is none of text, date, boolean, integer, code, personal-code";
                self.syntax.add(format!("{path}.type"), message);
                FieldType::Text
            }
        }
    }

    fn facts(&mut self, base: &str, files: Vec<file::Fact>, sources: &Sources) -> Vec<Fact> {
        let mut used = BTreeSet::new();
        let mut facts = Vec::new();
        for (index, file) in files.into_iter().enumerate() {
            let path = item(base, "facts", index, file.name.as_ref());
            let name = self.syntax.fact_name(format!("{path}.name"), file.name, &mut used);
            let (kind, reading) = match (file.column, file.exists, file.equals) {
                (Some(column), None, None) => {
                    let kind = self.fact_type(&format!("{path}.column.type"), &column.r#type);
                    let place =
                        self.place(&format!("{path}.column"), column.source, Some(column.column), sources);
                    (kind, FactReading::Column(place))
                }
                (None, Some(exists), None) => (ValueKind::Truth, self.exists(&path, exists)),
                (None, None, Some(equals)) => {
                    let path = format!("{path}.equals");
                    let place = self.place(&path, equals.source, Some(equals.column), sources);
                    (ValueKind::Truth, FactReading::Equals(place, equals.value))
                }
                _ => {
                    self.syntax.add(&path, "must have exactly one of `column`, `exists` and `equals`");
                    continue;
                }
            };
            let category = file.category.map(|iri| self.syntax.iri(format!("{path}.category"), Some(iri)));
            facts.push(Fact { name, category, kind, reading });
        }
        facts
    }

    fn exists(&mut self, base: &str, file: file::FactExists) -> FactReading {
        let path = format!("{base}.exists");
        FactReading::Exists {
            table: self.syntax.identifier(format!("{path}.table"), Some(file.table)),
            column: self.syntax.identifier(format!("{path}.column"), Some(file.column)),
            valid_from: self.syntax.optional_identifier(format!("{path}.valid-from"), file.valid_from),
            valid_until: self.syntax.optional_identifier(format!("{path}.valid-until"), file.valid_until),
        }
    }

    fn fact_type(&mut self, path: &str, name: &str) -> ValueKind {
        match name {
            "text" => ValueKind::Text,
            "date" => ValueKind::Date,
            "boolean" => ValueKind::Truth,
            "integer" => ValueKind::Integer,
            _ => {
                self.syntax.add(path, "is none of text, date, boolean, integer");
                ValueKind::Text
            }
        }
    }

    /// A condition is checked once and may then apply to two entities: one name, one type.
    fn fact_kinds(&mut self, entities: &[Entity]) {
        let mut kinds: BTreeMap<&str, ValueKind> = BTreeMap::new();
        for (entity, fact) in entities.iter().flat_map(|e| e.facts.iter().map(move |fact| (e, fact))) {
            if *kinds.entry(&fact.name).or_insert(fact.kind) != fact.kind {
                let path = format!("entities.{}.facts.{}", entity.name, fact.name);
                self.syntax.add(path, "another entity has a fact of this name and of another type");
            }
        }
    }
}
