//! `decisions.md` holds every decision of a few policies, and each is what the specification says.

use std::{collections::BTreeSet, fs, path::Path};

use usher_domain::access::{Action, decide};

use crate::{
    oracle::{self, Answer},
    page,
    policies::chapters,
    table::{product, rows},
};

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/access/decisions.md");

#[test]
fn the_page_has_every_decision() {
    let page = page::page(&chapters());
    let committed = Path::new(PAGE);
    #[allow(
        clippy::disallowed_methods,
        reason = "it is the developer who sets it, by hand"
    )]
    if std::env::var_os("UPDATE_DOCS").is_some() {
        fs::write(committed, &page).expect("decisions.md can be written");
    }
    let found = fs::read_to_string(committed).unwrap_or_default();
    let lines = page.lines().zip(found.lines());
    let first = lines.into_iter().find(|(ours, theirs)| ours != theirs);
    assert!(
        found == page,
        "{PAGE} is not what is decided, first in {first:?}: UPDATE_DOCS=1 cargo nextest run -p \
         usher-domain --test access writes it anew; read its diff, each line of it lets somebody in or out"
    );
}

#[test]
fn every_decision_of_the_page_is_that_of_the_specification() {
    for chapter in chapters() {
        for point in product(&chapter.dimensions) {
            let (caller, target) = (chapter.caller)(&point);
            for action in Action::ALL {
                let decision = decide(&caller, action, &target, &chapter.policy);
                assert_eq!(
                    oracle::said(&decision, &chapter.policy),
                    oracle::answer(&caller, action, &target, &chapter.policy),
                    "{}: {caller:?} {action:?} {target:?}",
                    chapter.title
                );
            }
        }
    }
}

/// Rows that were drawn together hide nobody.
#[test]
fn every_caller_of_the_product_is_in_one_row_with_its_own_answers() {
    for chapter in chapters() {
        let rows = rows(&chapter.dimensions, |point| page::cells(&chapter, point));
        let points = product(&chapter.dimensions);
        let options = chapter.dimensions.iter().map(|one| one.options.len());
        assert_eq!(points.len(), options.product::<usize>());
        assert_eq!(points.iter().collect::<BTreeSet<_>>().len(), points.len());
        for point in points {
            let found: Vec<_> = rows.iter().filter(|row| row.holds(&point)).collect();
            assert_eq!(found.len(), 1, "{}: {point:?}", chapter.title);
            assert_eq!(found[0].cells, page::cells(&chapter, &point));
        }
    }
}

/// Every reason and every basis is on the page: a table of refusals alone would be a poor one.
#[test]
fn every_kind_of_answer_is_on_the_page() {
    let mut seen = BTreeSet::new();
    for chapter in chapters() {
        for point in product(&chapter.dimensions) {
            let (caller, target) = (chapter.caller)(&point);
            for action in Action::ALL {
                seen.insert(
                    match oracle::answer(&caller, action, &target, &chapter.policy) {
                        Answer::ScopeIsMissing(_) => "scope",
                        Answer::NotYours => "not yours",
                        Answer::PartOnly => "part",
                        Answer::Permit { by: None, .. } => "owner",
                        Answer::Permit { by: Some(by), .. } if by.len() > 1 => "grants",
                        Answer::Permit { .. } => "grant",
                    },
                );
            }
        }
    }
    let all = ["grant", "grants", "not yours", "owner", "part", "scope"];
    assert_eq!(seen, BTreeSet::from(all));
}
