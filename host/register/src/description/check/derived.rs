// SPDX-License-Identifier: Apache-2.0
//! Validation of derived fields: of their forms one by one, and of their inputs once all fields are known.

use super::{Check, Sources};
use crate::description::{
    derivation::{AGE_YEARS_MAX, Criterion, Derivation, Input},
    entity::{ColumnRef, Entity, Join},
    field::{FieldDescription, FieldType},
    file,
    needs::table_of,
    syntax::item,
};

impl Check {
    /// How a field is derived.
    pub(super) fn derivation(&mut self, path: &str, file: file::Derived, sources: &Sources) -> Derivation {
        let file::Derived { age, age_at_least, is_absent, equals, all } = file;
        let criterion = match (age, all, age_at_least, is_absent, equals) {
            (Some(age), None, None, None, None) => {
                return Derivation::Age(self.place(&format!("{path}.age"), age.source, age.column, sources));
            }
            (None, Some(all), None, None, None) => return self.all(&format!("{path}.all"), all, sources),
            (None, None, age_at_least, is_absent, equals) => {
                self.criterion(path, age_at_least, is_absent, equals, sources)
            }
            _ => None,
        };
        if criterion.is_none() {
            let message = "must have exactly one of `age`, `age-at-least`, `is-absent`, `equals` and `all`; what must hold \
                           together goes into `all`";
            self.syntax.add(path, message);
        }
        Derivation::All(criterion.into_iter().collect())
    }

    fn all(&mut self, path: &str, files: Vec<file::Derived>, sources: &Sources) -> Derivation {
        if files.is_empty() {
            self.syntax.add(path, "is empty: say in it what must hold");
        }
        let mut criteria = Vec::new();
        for (nth, file) in files.into_iter().enumerate() {
            let path = format!("{path}[{nth}]");
            let file::Derived { age, age_at_least, is_absent, equals, all } = file;
            let criterion = match (age, all) {
                (None, None) => self.criterion(&path, age_at_least, is_absent, equals, sources),
                _ => None,
            };
            if criterion.is_none() {
                self.syntax.add(&path, "must have exactly one of `age-at-least`, `is-absent` and `equals`");
            }
            criteria.extend(criterion);
        }
        Derivation::All(criteria)
    }

    /// None when there is not exactly one.
    fn criterion(
        &mut self,
        path: &str,
        age_at_least: Option<file::AgeAtLeast>,
        is_absent: Option<file::Input>,
        equals: Option<file::InputEquals>,
        sources: &Sources,
    ) -> Option<Criterion> {
        match (age_at_least, is_absent, equals) {
            (Some(file), None, None) => {
                let path = format!("{path}.age-at-least");
                let born = self.place(&path, file.source, file.column, sources);
                let years = file.years.and_then(|years| u8::try_from(years).ok());
                let years = years.filter(|years| (1..=AGE_YEARS_MAX).contains(years)).unwrap_or_else(|| {
                    let message = format!("must be a number of years from 1 to {AGE_YEARS_MAX}");
                    self.syntax.add(format!("{path}.years"), message);
                    AGE_YEARS_MAX
                });
                Some(Criterion::AgeAtLeast { born, years })
            }
            (None, Some(file), None) => {
                let path = format!("{path}.is-absent");
                Some(Criterion::IsAbsent(self.place(&path, file.source, file.column, sources)))
            }
            (None, None, Some(file)) => {
                let path = format!("{path}.equals");
                let column = self.place(&path, file.source, file.column, sources);
                Some(Criterion::Equals(column, self.syntax.text(format!("{path}.value"), file.value)))
            }
            _ => None,
        }
    }

    /// Takes out of a derived field what only a field that is a column has, and tells it.
    pub(super) fn nothing_of_a_column(&mut self, path: &str, file: &mut file::Field, field_type: &FieldType) {
        if file.r#type.take().is_some_and(|named| named != field_type.name()) {
            let message =
                format!("is `{}` by what `derived` says: write that, or leave it out", field_type.name());
            self.syntax.add(format!("{path}.type"), message);
        }
        if std::mem::take(&mut file.key) {
            let message =
                "a derived field is no key: leave this out, and look up by a field that is a column";
            self.syntax.add(format!("{path}.key"), message);
        }
        let of_a_column = [
            ("source", file.source.take().is_some()),
            ("column", file.column.take().is_some()),
            ("list", file.list.take().is_some()),
            ("compare", file.compare.take().is_some()),
            ("compare-column", file.compare_column.take().is_some()),
            ("coarser", file.coarser.take().is_some()),
            ("pseudonym-domain", file.pseudonym_domain.take().is_some()),
        ];
        for (name, _) in of_a_column.into_iter().filter(|(_, is_there)| *is_there) {
            let message = "goes with a field that is a column, and this one is derived: leave it out";
            self.syntax.add(format!("{path}.{name}"), message);
        }
    }

    /// Compares the inputs of derived fields with what other fields say of the same columns.
    pub(super) fn inputs(&mut self, entities: &[Entity]) {
        let scopes: Vec<Scope<'_>> = entities.iter().flat_map(|own| Scope::all(own, entities)).collect();
        for scope in &scopes {
            for (nth, field) in scope.fields.iter().enumerate() {
                for input in field.derivation().into_iter().flat_map(Derivation::inputs) {
                    let cell = scope.cell(input.column());
                    let holders = scopes.iter().flat_map(|other| other.holders(cell));
                    holders.for_each(|holder| self.input(&scope.path(nth, field), field, input, holder));
                }
            }
        }
    }

    /// Compares an input with a field that is the same column.
    fn input(&mut self, path: &str, field: &FieldDescription, input: Input<'_>, holder: &FieldDescription) {
        let name = holder.name();
        if holder.is_special() && !field.is_special() {
            let message =
                format!("is computed from `{name}`, a special category: write `special = true` here, too");
            self.add_once(&format!("{path}.special"), message);
        }
        let wrong = match (input, holder.field_type()) {
            (Input::Date(_), FieldType::Date) => return,
            (Input::Date(_), other) => format!(
                "counts years from `{name}`, which is of type {}: name a column of type date",
                other.name()
            ),
            (Input::Code(_, value), FieldType::Code(list)) => match self.code_lists.get(list) {
                Some(codes) if !value.is_empty() && !codes.contains_key(value) => {
                    format!(
                        "compares `{name}` with a code that its list `{list}` lacks: name one that it has"
                    )
                }
                _ => return,
            },
            (Input::Code(..) | Input::Presence(_), _) => return,
        };
        self.add_once(&format!("{path}.derived"), wrong);
    }

    /// Several fields may be one column.
    fn add_once(&mut self, path: &str, message: String) {
        if !self.syntax.problems.iter().any(|problem| problem.path == path && problem.message == message) {
            self.syntax.add(path, message);
        }
    }
}

/// Fields with the tables that their columns are in: those of an entity, or of a group.
struct Scope<'e> {
    entity: &'e str,
    group: Option<&'e str>,
    table: &'e str,
    /// The table of whom the group's rows are about.
    about: Option<&'e str>,
    joins: &'e [Join],
    fields: &'e [FieldDescription],
}

impl<'e> Scope<'e> {
    /// The scopes of an entity: its own, and those of its groups.
    fn all(entity: &'e Entity, entities: &'e [Entity]) -> impl Iterator<Item = Self> {
        let own = Self {
            entity: &entity.name,
            group: None,
            table: &entity.table,
            about: None,
            joins: &entity.joins,
            fields: &entity.own_fields,
        };
        let groups = entity.groups.iter().map(move |group| {
            let about = group.about.as_ref();
            let about = about.and_then(|about| entities.iter().find(|other| other.name == about.entity));
            Self {
                entity: &entity.name,
                group: Some(&group.name),
                table: &group.table,
                about: about.map(|other| other.table.as_str()),
                joins: &group.joins,
                fields: &group.fields,
            }
        });
        std::iter::once(own).chain(groups)
    }

    /// The table and the name of a column.
    fn cell<'s>(&'s self, column: &'s ColumnRef) -> (&'s str, &'s str) {
        (table_of(self.table, self.about, self.joins, column), &column.column)
    }

    /// Its fields that are this column.
    fn holders<'s>(&'s self, cell: (&'s str, &'s str)) -> impl Iterator<Item = &'s FieldDescription> {
        self.fields.iter().filter(move |field| field.column().is_some_and(|column| self.cell(column) == cell))
    }

    /// Where a field of it stands.
    fn path(&self, nth: usize, field: &FieldDescription) -> String {
        let short = field.name().rsplit('.').next().map(str::to_owned);
        let base = match self.group {
            Some(group) => format!("entities.{}.groups.{group}", self.entity),
            None => format!("entities.{}", self.entity),
        };
        item(&base, "fields", nth, short.as_ref())
    }
}
