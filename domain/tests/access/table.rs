//! A table of every combination of some dimensions, in which a dimension that makes no difference is
//! written once.

use std::collections::{BTreeMap, BTreeSet};

/// Something that callers differ in.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dimension {
    pub(crate) name: &'static str,
    pub(crate) options: &'static [&'static str],
}

/// What somebody may have or not have.
pub(crate) const fn either(name: &'static str) -> Dimension {
    Dimension {
        name,
        options: &["–", "yes"],
    }
}

/// One option of each dimension.
pub(crate) type Point = Vec<usize>;

/// All who have one of some options in each dimension, and the same answers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row {
    pub(crate) at: Vec<BTreeSet<usize>>,
    pub(crate) cells: Vec<String>,
}

impl Row {
    pub(crate) fn holds(&self, point: &Point) -> bool {
        let mut pairs = self.at.iter().zip(point);
        pairs.all(|(options, option)| options.contains(option))
    }
}

/// Every point, the last dimension turning fastest.
pub(crate) fn product(dimensions: &[Dimension]) -> Vec<Point> {
    dimensions.iter().fold(vec![Vec::new()], |points, next| {
        let extended = |point: Point| {
            let options = 0..next.options.len();
            options.map(move |option| [point.clone(), vec![option]].concat())
        };
        points.into_iter().flat_map(extended).collect()
    })
}

/// Rows that hold every point once: those that differ in nothing but one dimension become one.
pub(crate) fn rows(dimensions: &[Dimension], cells: impl Fn(&Point) -> Vec<String>) -> Vec<Row> {
    let row = |point: Point| Row {
        cells: cells(&point),
        at: point.into_iter().map(|option| [option].into()).collect(),
    };
    let mut rows: Vec<Row> = product(dimensions).into_iter().map(row).collect();
    for index in (0..dimensions.len()).rev() {
        let mut merged: BTreeMap<Row, BTreeSet<usize>> = BTreeMap::new();
        for mut row in rows {
            let options = std::mem::take(&mut row.at[index]);
            merged.entry(row).or_default().extend(options);
        }
        let whole = |(mut row, options): (Row, _)| {
            row.at[index] = options;
            row
        };
        rows = merged.into_iter().map(whole).collect();
    }
    rows.sort();
    rows
}
