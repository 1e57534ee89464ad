//! What is counted for each combination of route, method and plan, found without making anything.
//!
//! Labels cannot grow with the number of users, keys or paths: routes and methods are those of this API, and plans are
//! shown up to a bound.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock},
};

use usher_domain::usage::plan::PlanId;

use super::{
    emf::Waiting,
    series::{CellSeries, Series},
};

/// So many plans have numbers of their own; all others share one name. Plans are the operator's, and few; but they can be
/// made by a program, and each is a series, which has to be paid for.
pub const PLANS_SHOWN: usize = 100;
/// The name of all other plans, and of methods that this API does not have.
pub(super) const OTHER: &str = "other";
/// No route, no plan.
pub(super) const NONE: &str = "-";

/// Methods by their own names (RFC 9110, section 9; RFC 5789).
const METHODS: [&str; 7] = ["GET", "HEAD", "PUT", "PATCH", "DELETE", "OPTIONS", "POST"];

/// All combinations that there have been.
#[derive(Debug, Default)]
pub(super) struct Cells {
    without_plan: OfPlan,
    shown: RwLock<HashMap<PlanId, Arc<OfPlan>>>,
    others: OfPlan,
}

/// Those of one plan: few, so that they are looked through.
#[derive(Debug, Default)]
struct OfPlan(RwLock<Vec<Arc<Cell>>>);

/// One combination.
#[derive(Debug)]
pub(super) struct Cell {
    /// The route's template.
    pub(super) resource: &'static str,
    pub(super) method: &'static str,
    pub(super) plan: Option<Box<str>>,
    pub(super) series: Option<CellSeries>,
    waiting: Mutex<Waiting>,
}

impl Cell {
    pub(super) fn waiting(&self) -> MutexGuard<'_, Waiting> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cells {
    pub(super) fn find(
        &self,
        resource: Option<&'static str>,
        method: &str,
        plan: Option<&PlanId>,
        series: Option<&Series>,
    ) -> Arc<Cell> {
        let resource = resource.unwrap_or(NONE);
        let known = METHODS.iter().find(|known| **known == method);
        let method = known.unwrap_or(&OTHER);
        match plan {
            None => self.without_plan.find(resource, method, None, series),
            Some(plan) => self.of(plan, |label, of_plan| {
                of_plan.find(resource, method, Some(label), series)
            }),
        }
    }

    /// The name that a plan is shown by.
    pub(super) fn label<'a>(&self, plan: &'a PlanId) -> &'a str {
        let is_other = self.of(plan, |label, _| label == OTHER && plan.as_str() != OTHER);
        if is_other { OTHER } else { plan.as_str() }
    }

    fn of<T>(&self, plan: &PlanId, then: impl FnOnce(&str, &OfPlan) -> T) -> T {
        {
            let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(of_plan) = shown.get(plan) {
                return then(plan.as_str(), of_plan);
            }
            if shown.len() >= PLANS_SHOWN {
                return then(OTHER, &self.others);
            }
        }
        let of_plan = {
            let mut shown = self.shown.write().unwrap_or_else(PoisonError::into_inner);
            // Others may have been faster.
            if shown.len() >= PLANS_SHOWN && !shown.contains_key(plan) {
                return then(OTHER, &self.others);
            }
            Arc::clone(shown.entry(plan.clone()).or_default())
        };
        then(plan.as_str(), &of_plan)
    }

    /// Every combination.
    pub(super) fn all(&self) -> Vec<Arc<Cell>> {
        let shown = self.shown.read().unwrap_or_else(PoisonError::into_inner);
        let of_plans = shown.values().map(|of_plan| &**of_plan);
        let all = of_plans.chain([&self.without_plan, &self.others]);
        all.flat_map(|of_plan| {
            let cells = of_plan.0.read().unwrap_or_else(PoisonError::into_inner);
            cells.clone()
        })
        .collect()
    }
}

impl OfPlan {
    fn find(
        &self,
        resource: &'static str,
        method: &'static str,
        plan: Option<&str>,
        series: Option<&Series>,
    ) -> Arc<Cell> {
        let is_it = |cell: &&Arc<Cell>| cell.resource == resource && cell.method == method;
        {
            let cells = self.0.read().unwrap_or_else(PoisonError::into_inner);
            if let Some(cell) = cells.iter().find(is_it) {
                return Arc::clone(cell);
            }
        }
        let mut cells = self.0.write().unwrap_or_else(PoisonError::into_inner);
        if let Some(cell) = cells.iter().find(is_it) {
            return Arc::clone(cell);
        }
        let cell = Arc::new(Cell {
            resource,
            method,
            plan: plan.map(Into::into),
            series: series.map(|series| series.cell(resource, method, plan)),
            waiting: Mutex::default(),
        });
        cells.push(Arc::clone(&cell));
        cell
    }
}
