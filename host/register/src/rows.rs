// SPDX-License-Identifier: Apache-2.0
//! Rows that were read. `Debug` shows their shape, never a value.

use std::{collections::HashMap, fmt};

use paasla_core::{Value, Visibility};

use crate::{
    plan::{Part, Plan, Statement},
    read::GROUP_ROWS_MAX,
};

/// What was read of one field in one row. The value in full is out of reach unless it may be shown in full; what
/// else may be seen, a [`crate::Masker`] tells.
#[derive(Clone, PartialEq, Eq)]
pub struct Cell {
    planned: Visibility,
    pub(crate) raw: Option<Value>,
    pub(crate) municipality: Option<Value>,
    pub(crate) county: Option<Value>,
    presence: Option<bool>,
}

impl Cell {
    pub(crate) fn new(planned: Visibility) -> Self {
        Self { planned, raw: None, municipality: None, county: None, presence: None }
    }

    fn add(&mut self, part: Part, value: Value) {
        match part {
            Part::Raw(_) => self.raw = Some(value),
            Part::Municipality(_) => self.municipality = Some(value),
            Part::County(_) => self.county = Some(value),
            Part::Presence(_) => self.presence = Some(value == Value::Truth(true)),
        }
    }

    /// The most that may be seen of it.
    #[must_use]
    pub fn planned(&self) -> Visibility {
        self.planned
    }

    /// The whole value, where it may be shown in full. This is what a rule that reviews rows is given.
    #[must_use]
    pub fn shown(&self) -> Option<&Value> {
        self.raw.as_ref().filter(|_| self.planned == Visibility::Show)
    }

    /// Whether there is a value. Where only a municipality or county was read: whether there is one of these.
    #[must_use]
    pub fn is_present(&self) -> bool {
        let held = |value: &Option<Value>| value.as_ref().map(|value| !value.is_absent());
        self.presence
            .or_else(|| held(&self.raw))
            .unwrap_or_else(|| [&self.municipality, &self.county].into_iter().any(|v| held(v) == Some(true)))
    }
}

impl fmt::Debug for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cell({}, …)", self.planned)
    }
}

/// The id of a row of an entity: its key in the database. The value is out of reach.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct RowId(Value);

impl fmt::Debug for RowId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowId(…)")
    }
}

/// One row: of the entity itself, or of one of its groups.
#[derive(Clone, PartialEq, Eq)]
pub struct Row {
    /// The group; none for a row of the entity.
    pub group: Option<String>,
    /// Which row of the entity it is, or belongs to.
    pub id: RowId,
    /// For a row of a group, the index of the row it belongs to in [`Rows::rows`].
    pub parent: Option<usize>,
    /// The facts of whom the row is about, in the order the read asked for them. All are absent in a group that is
    /// about nobody else (its rows stand under one of the entity, which has the facts), and in a row about nobody.
    pub facts: Vec<Value>,
    /// What was read, with the field's index in the read, ascending. Hidden fields have no cell.
    pub cells: Vec<(usize, Cell)>,
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Row")
            .field("group", &self.group)
            .field("parent", &self.parent)
            .field("cells", &self.cells)
            .finish_non_exhaustive()
    }
}

/// Everything that was read: the rows of the entity first, then those of each group, in their order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Rows {
    /// The rows.
    pub rows: Vec<Row>,
    /// Whether there are more rows than the limit let through.
    pub more: bool,
    /// The groups of which some row has more than [`GROUP_ROWS_MAX`] rows; the rest was left out.
    pub cut: Vec<String>,
}

/// The register answered in a shape that the plan did not ask for.
#[derive(Debug)]
pub(crate) struct Misshapen;

/// Puts the answers of a plan's statements together.
pub(crate) struct Collector<'a> {
    plan: &'a Plan,
    keys: Vec<Value>,
    places: HashMap<Value, usize>,
    rows: Rows,
}

impl<'a> Collector<'a> {
    pub(crate) fn new(plan: &'a Plan) -> Self {
        Self { plan, keys: Vec::new(), places: HashMap::new(), rows: Rows::default() }
    }

    /// The keys of the rows of the entity, in their order, if there is more to read of them.
    pub(crate) fn keys(&self) -> &[Value] {
        &self.keys
    }

    /// Takes the rows of the entity.
    pub(crate) fn entity_rows(
        &mut self,
        statement: &Statement,
        answer: Vec<Vec<Value>>,
    ) -> Result<(), Misshapen> {
        let limit = usize::try_from(self.plan.limit()).unwrap_or(usize::MAX);
        self.rows.more = answer.len() > limit;
        self.rows.rows.reserve_exact(answer.len().min(limit));
        let has_groups = !self.plan.is_one_statement();
        for values in answer.into_iter().take(limit) {
            let (key, row) = self.row(statement, values)?;
            if has_groups {
                self.places.entry(key.clone()).or_insert(self.rows.rows.len());
                self.keys.push(key);
            }
            self.rows.rows.push(row);
        }
        Ok(())
    }

    /// Takes rows of a group.
    pub(crate) fn group_rows(
        &mut self,
        statement: &Statement,
        answer: Vec<Vec<Value>>,
    ) -> Result<(), Misshapen> {
        let mut counts: HashMap<usize, u32> = HashMap::new();
        for values in answer {
            let (key, mut row) = self.row(statement, values)?;
            let place = *self.places.get(&key).ok_or(Misshapen)?;
            let count = counts.entry(place).or_default();
            *count += 1;
            if *count <= GROUP_ROWS_MAX {
                row.parent = Some(place);
                self.rows.rows.push(row);
            } else if let Some(group) = statement.group().filter(|&g| self.rows.cut.iter().all(|c| c != g)) {
                self.rows.cut.push(group.to_owned());
            }
        }
        Ok(())
    }

    pub(crate) fn finish(self) -> Rows {
        self.rows
    }

    fn row(&self, statement: &Statement, values: Vec<Value>) -> Result<(Value, Row), Misshapen> {
        let mut values = values.into_iter();
        let key = values.next().ok_or(Misshapen)?;
        let mut facts = Vec::with_capacity(statement.facts().len());
        for &read in statement.facts() {
            facts.push(if read { values.next().ok_or(Misshapen)? } else { Value::Absent });
        }
        let mut cells: Vec<(usize, Cell)> = Vec::with_capacity(statement.fields());
        for &part in statement.parts() {
            let value = values.next().ok_or(Misshapen)?;
            match cells.last_mut() {
                Some((index, cell)) if *index == part.field() => cell.add(part, value),
                _ => {
                    let planned = self.plan.visibilities().get(part.field()).ok_or(Misshapen)?;
                    let mut cell = Cell::new(*planned);
                    cell.add(part, value);
                    cells.push((part.field(), cell));
                }
            }
        }
        let (group, id) = (statement.group().map(str::to_owned), RowId(key.clone()));
        Ok((key, Row { group, id, parent: None, facts, cells }))
    }
}
