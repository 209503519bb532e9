// SPDX-License-Identifier: Apache-2.0
//! Services, access rights and terms in a running host: each is put in, or taken out, by its name. What loosens needs a
//! second person, as everywhere ([`proposals`](super::proposals)).

use std::collections::BTreeSet;

use paasla_core::{
    Concept, Edit, Object, ObjectId, ObjectKind, Rulebook,
    text::{check_line, is_invisible},
};
use paasla_store::governance::{object::ObjectVersion, proposal::Effect};
use serde_json::Value;

use super::{
    ActContext, Governance,
    actor::Actor,
    plan::Plan,
    proposals::{How, Outcome},
    refusal::Refusal,
};
use crate::{active::grant_unmet, problem::Problem};

/// The longest id of an access right, in characters.
const MAX_ID_CHARACTERS: usize = 100;

/// The longest title, label and IRI, in characters.
const MAX_TEXT_CHARACTERS: usize = 500;

/// An object of the rulebook at work, with its history.
#[derive(Debug, Clone, PartialEq)]
pub struct ObjectView {
    /// What it is.
    pub id: ObjectId,
    /// As it is at work; none when it was taken out.
    pub content: Option<Value>,
    /// What stood under its name, newest first. Nothing for an institution: it tells of other people's acts.
    pub history: Vec<ObjectVersion>,
}

impl Governance {
    /// The full form of a compact IRI; anything else comes back as it is.
    #[must_use]
    pub fn expand(&self, iri: &str) -> String {
        self.active.load().rulebook.vocabulary.expand(iri)
    }

    /// The objects of these kinds at work, by kind and name, as somebody sees them.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn objects(
        &self,
        actor: &Actor,
        kinds: &[ObjectKind],
    ) -> Result<Vec<(ObjectId, Value)>, Refusal> {
        let rulebook = self.seen(actor, self.rulebook()).await?;
        Ok(rulebook.objects().into_iter().filter(|(id, _)| kinds.contains(&id.kind)).collect())
    }

    /// The object of this name that is of one of these kinds, at work or taken out.
    ///
    /// # Errors
    /// When there never was one, or none that the actor may see, or the store cannot be read.
    pub async fn object(
        &self,
        actor: &Actor,
        kinds: &[ObjectKind],
        name: &str,
    ) -> Result<ObjectView, Refusal> {
        let rulebook = self.seen(actor, self.rulebook()).await?;
        for kind in kinds {
            let id = ObjectId::new(*kind, name);
            let content = rulebook.object(&id);
            let history = match actor.institution {
                None => self.store.object_history(&id).await?,
                Some(_) => Vec::new(),
            };
            if content.is_some() || !history.is_empty() {
                return Ok(ObjectView { id, content, history });
            }
        }
        Err(Refusal::not_found(kinds.first().map_or("object", |kind| kind.name()), name))
    }

    /// Puts an object into the rulebook, in the place of the one of its name: at an instant to come (milliseconds since
    /// 1970-01-01T00:00:00Z), or at once. IRIs in it may be compact.
    ///
    /// # Errors
    /// When it is wrong, the rulebook with it would be, it is so already, or the actor is of an institution.
    pub async fn put_object(
        &self,
        actor: &Actor,
        object: Object,
        at: Option<i64>,
        how: How,
        reason: &str,
    ) -> Result<Outcome, Refusal> {
        let object = object.expanded(&self.active.load().rulebook.vocabulary);
        self.edit(actor, vec![Edit::Put { object }], at, how, reason).await
    }

    /// Takes an object out of the rulebook, at an instant to come or at once.
    ///
    /// # Errors
    /// When it is not there, something else needs it, or the actor is of an institution.
    pub async fn take_out_object(
        &self,
        actor: &Actor,
        id: ObjectId,
        at: Option<i64>,
        how: How,
        reason: &str,
    ) -> Result<Outcome, Refusal> {
        self.edit(actor, vec![Edit::TakeOut { id }], at, how, reason).await
    }

    /// Makes services, access rights and vocabulary what `files` say; policies stay. Nothing is done unless the
    /// generation `how.base` is at work.
    ///
    /// # Errors
    /// As [`put_object`](Self::put_object), or when another generation is at work.
    pub async fn apply(
        &self,
        actor: &Actor,
        files: &Rulebook,
        how: How,
        reason: &str,
    ) -> Result<Outcome, Refusal> {
        let edits = self.active.load().rulebook.edits_to(files);
        if edits.is_empty() && how.dry_run {
            return Ok(Outcome::DryRun { effect: Effect::default(), second_person: false });
        }
        self.edit(actor, edits, None, how, reason).await
    }

    /// What edits would make of the rulebook at work.
    pub(super) async fn plan_edits(&self, context: ActContext<'_>, edits: &[Edit]) -> Result<Plan, Refusal> {
        context.actor.check_ministry()?;
        self.catch_up().await?;
        let now = self.rulebook();
        let here = now.objects();
        if let Some(gone) = edits.iter().find_map(|edit| match edit {
            Edit::TakeOut { id } if !here.contains_key(id) => Some(id),
            _ => None,
        }) {
            return Err(Refusal::not_found(gone.kind.name(), &gone.name));
        }
        let next = now.edited(edits);
        Refusal::all(problems(&next, edits, |id| !here.contains_key(id)))?;
        let changes = now.diff(&next);
        if changes.is_empty() {
            return Err(Refusal::conflict("nothing_changes", "it is so already: nothing would change"));
        }
        let before = self.store.held_before().await?;
        let is_back = |id: &ObjectId| !here.contains_key(id) && before.contains(id);
        let brought_back = edits.iter().map(Edit::id).filter(is_back).collect();
        Ok(Plan::of(now.generation, Effect { changes, brought_back, ..Effect::default() }, next))
    }
}

/// What is wrong with what is put in, each at its place in it; of several things with the name of each. What the whole
/// rulebook must fulfil is checked when it is made ready. `is_new` says whether there is nothing of a name yet.
fn problems(next: &Rulebook, edits: &[Edit], is_new: impl Fn(&ObjectId) -> bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    for edit in edits {
        let Edit::Put { object } = edit else { continue };
        let id = object.id();
        let mut own = misspelled(object, is_new(&id));
        match object {
            Object::Grant(grant) => {
                let unmet = grant_unmet(next, grant).into_iter();
                own.extend(unmet.map(|what| Problem::new("grant_unmet", "/content", what)));
            }
            Object::Concept(concept) => own.extend(misplaced(next, concept)),
            Object::Service(_) | Object::Prefix { .. } => {}
        }
        if edits.len() > 1 {
            own.iter_mut().for_each(|problem| problem.message = format!("{id}: {}", problem.message));
        }
        problems.extend(own);
    }
    problems
}

/// Names that stand in addresses, lists and names of files, and texts that lists show in one line.
fn misspelled(object: &Object, is_new: bool) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut line = |place: &str, text: &str| {
        if let Err(error) = check_line(text, MAX_TEXT_CHARACTERS) {
            let message = format!("this cannot be shown in one line: {error}");
            problems.push(Problem::new("text_invalid", format!("/content/{place}"), message));
        }
    };
    match object {
        Object::Service(service) => line("title", &service.title),
        Object::Concept(concept) => {
            line("iri", &concept.iri);
            line("label", &concept.label);
            concept.label_et.iter().for_each(|label| line("label-et", label));
            if concept.iri.chars().any(|c| c.is_whitespace() || is_invisible(c)) {
                problems.push(Problem::new("iri_invalid", "/content/iri", "an IRI has no blanks in it"));
            }
        }
        Object::Grant(grant) => {
            let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
            let begins = grant.id.starts_with(|c: char| c.is_ascii_alphanumeric());
            // What is there already may be narrowed, whatever it is called.
            if is_new && !(begins && grant.id.len() <= MAX_ID_CHARACTERS && grant.id.chars().all(fits)) {
                let message = format!(
                    "an access right's id has 1 to {MAX_ID_CHARACTERS} letters, digits, `-`, `.` and `_`, and begins with a \
                     letter or a digit"
                );
                problems.push(Problem::new("name_invalid", "/content/id", message));
            }
        }
        Object::Prefix { name, iri } => {
            line("prefixes", name);
            line("prefixes", iri);
        }
    }
    problems
}

/// Why a concept cannot stand where it does: what is broader must be there, and not be narrower at once.
fn misplaced(next: &Rulebook, concept: &Concept) -> Vec<Problem> {
    let words = &next.vocabulary;
    let mut problems = Vec::new();
    if concept.iri.split_once(':').is_none_or(|(scheme, rest)| scheme.is_empty() || rest.is_empty()) {
        let message = "a term is named by an IRI, full or with a prefix of the vocabulary";
        problems.push(Problem::new("iri_invalid", "/content/iri", message));
    }
    for (place, broader) in concept.broader.iter().enumerate() {
        if words.concept(concept.kind, broader).is_none() {
            let message = format!("the vocabulary has no such term: {broader}");
            problems.push(Problem::new("term_unknown", format!("/content/broader/{place}"), message));
        }
    }
    let (mut above, mut open) = (BTreeSet::new(), concept.broader.clone());
    while let Some(iri) = open.pop() {
        if above.insert(iri.clone()) {
            open.extend(words.concept(concept.kind, &iri).map(|own| own.broader.clone()).unwrap_or_default());
        }
    }
    if above.contains(&concept.iri) {
        let message = "it would be broader than itself: look at what its broader terms have as broader";
        problems.push(Problem::new("term_circular", "/content/broader", message));
    }
    problems
}

#[cfg(test)]
mod tests {
    use paasla_core::{Vocabulary, term::ConceptKind};

    use super::*;

    #[test]
    fn a_term_stands_below_what_is_there_and_in_no_circle() {
        let concept = |iri: &str, broader: &[&str]| Concept {
            iri: iri.to_owned(),
            kind: ConceptKind::Purpose,
            label: iri.to_owned(),
            label_et: None,
            broader: broader.iter().map(|&iri| iri.to_owned()).collect(),
        };
        let codes = |new: Concept| {
            let concepts = vec![concept("u:a", &[]), concept("u:b", &["u:a"]), concept("u:c", &["u:b"])];
            let vocabulary = Vocabulary { concepts, ..Vocabulary::default() };
            let now = Rulebook { vocabulary, ..Rulebook::default() };
            let next = now.edited(&[Edit::Put { object: Object::Concept(new.clone()) }]);
            misplaced(&next, &new).into_iter().map(|problem| problem.code).collect::<Vec<_>>()
        };
        assert_eq!(codes(concept("u:d", &["u:c", "u:a"])), [""; 0]);
        assert_eq!(codes(concept("u:a", &[])), [""; 0]);
        assert_eq!(codes(concept("u:d", &["u:x"])), ["term_unknown"]);
        assert_eq!(codes(concept("u:a", &["u:c"])), ["term_circular"]);
        assert_eq!(codes(concept("u:d", &["u:d"])), ["term_circular"]);
        assert_eq!(codes(concept("d", &[])), ["iri_invalid"]);
    }
}
