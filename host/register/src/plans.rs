// SPDX-License-Identifier: Apache-2.0
//! Plans for many reads: what reads of one shape have in common is made once.

use std::{
    collections::HashMap,
    fmt,
    mem::take,
    sync::{Arc, PoisonError, RwLock},
};

use crate::{
    description::Description,
    plan::{Outline, Plan, PlanError, Shape},
    read::Read,
    sql::Dialect,
};

/// How many outlines are kept. A host has some hundred services, and a client mostly asks one of them for the same
/// fields, so this is more than are in use.
///
/// When there are so many, all are let go and those in use are made anew. A client that asks for other fields each time
/// takes no more room than this, and costs the others no more than planning each of their shapes once again, some
/// microseconds each, for a thousand queries of its own. Letting go of the one that was used least lately would save
/// them that, but every query would have to write down what it used.
const KEPT: usize = 1024;

/// The longest outline with its shape that is kept, in bytes. All fields of the example's persons take less than half
/// of it. What is longer asks for hundreds of keys: its read takes so long that planning it makes no difference.
const LONGEST: usize = 16 * 1024;

/// Plans reads of one register. An outline that was made is kept for the next read of the same shape, and only values
/// are bound anew. Neither shape nor outline holds a value of a read, and only what could be planned is kept, so all
/// names in it are the description's.
pub struct Plans {
    description: Arc<Description>,
    dialect: Dialect,
    kept: RwLock<HashMap<Shape, Arc<Outline>>>,
}

impl Plans {
    /// For a register and the database that holds it.
    #[must_use]
    pub fn new(description: Arc<Description>, dialect: Dialect) -> Self {
        Self { description, dialect, kept: RwLock::default() }
    }

    /// The same as [`Plan::new`].
    ///
    /// # Errors
    /// As there.
    pub fn plan<N: AsRef<str>>(&self, read: &Read<N>) -> Result<Plan, PlanError> {
        let shape = Shape::of(read);
        match self.outline(&shape) {
            Some(outline) if !read.asks_too_much() => Ok(Plan::of(outline, read)),
            _ => {
                let plan = Plan::new(&self.description, self.dialect, read)?;
                self.keep(shape, plan.outline());
                Ok(plan)
            }
        }
    }

    fn outline(&self, shape: &Shape) -> Option<Arc<Outline>> {
        self.kept.read().unwrap_or_else(PoisonError::into_inner).get(shape).cloned()
    }

    fn keep(&self, shape: Shape, outline: &Arc<Outline>) {
        if shape.len() + outline.len() > LONGEST {
            return;
        }
        let mut kept = self.kept.write().unwrap_or_else(PoisonError::into_inner);
        let let_go = if kept.len() < KEPT { HashMap::new() } else { take(&mut *kept) };
        kept.insert(shape, Arc::clone(outline));
        // It takes a while to free them: others do not wait for that.
        drop(kept);
        drop(let_go);
    }
}

impl fmt::Debug for Plans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plans").field("dialect", &self.dialect).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
