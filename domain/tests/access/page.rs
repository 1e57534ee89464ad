//! The decisions as a page of Markdown.

use std::{collections::BTreeSet, fmt::Write as _};

use usher_domain::access::{Action, Attributes, Grant, Holder, Policy, decide};

use crate::{
    oracle::{self, Answer, Name},
    policies::Chapter,
    table::{self, Point},
};

const INTRODUCTION: &str = "# Every decision

<!-- Computed from `decide`: `UPDATE_DOCS=1 cargo nextest run -p usher-domain --test access` writes it anew. -->

What the access decision answers to every caller of a few policies. Each table is a whole product: its first columns
are what callers differ in, and *any* stands for every option of a column. The caller is Alice, with the id `alice`;
another's profile is Bob's. [docs/access.md](../../../docs/access.md) explains the rules.

A cell says yes and by which rule: the owner's, or grants by the names of their holders. Then which attributes are
written, which of these also where the schema marks them `readOnly` (guarded), and which are seen: in the body, and
through the entity tag. Or it says no, with the error's code. A `PUT` needs a write of all attributes.
";

/// The page of these chapters.
pub(crate) fn page(chapters: &[Chapter]) -> String {
    let mut page = INTRODUCTION.to_owned();
    for chapter in chapters {
        write_chapter(chapter, &mut page).expect("a String takes everything");
    }
    page
}

/// What the three actions of a caller come to.
pub(crate) fn cells(chapter: &Chapter, point: &Point) -> Vec<String> {
    let (caller, target) = (chapter.caller)(point);
    let cell = |action| {
        let decision = decide(&caller, action, &target, &chapter.policy);
        cell(action, &oracle::said(&decision, &chapter.policy))
    };
    Action::ALL.map(cell).to_vec()
}

fn cell(action: Action, answer: &Answer) -> String {
    let (by, sees, writes, guarded) = match answer {
        Answer::ScopeIsMissing(needed) => {
            let needed: Vec<_> = needed.iter().map(|scope| format!("`{scope}`")).collect();
            return format!("no: `insufficient_scope`, needs {}", needed.join(" or "));
        }
        Answer::NotYours => return "no: `not_your_profile`".to_owned(),
        // The HTTP surface's word for `PartOnly`.
        Answer::PartOnly => return "no: `attribute_not_granted`".to_owned(),
        Answer::Permit {
            by,
            sees,
            writes,
            guarded,
        } => (by, sees, writes, guarded),
    };
    let mut cell = "yes, ".to_owned();
    match by {
        None => cell.push_str("owner"),
        Some(holders) => {
            let holders: Vec<_> = holders.iter().map(|one| format!("`{one}`")).collect();
            cell.push_str(&holders.join(" "));
        }
    }
    // What could be written is of no consequence to who reads or deletes.
    if action == Action::Write {
        let _ = write!(cell, "; writes {}", list(writes));
        if !guarded.is_empty() {
            let _ = write!(cell, "; guarded {}", list(guarded));
        }
    }
    let _ = write!(cell, "; sees {}", list(sees));
    cell
}

fn list(names: &BTreeSet<Name>) -> String {
    if names.is_empty() {
        "nothing".to_owned()
    } else if names.contains(&None) {
        "all".to_owned()
    } else {
        let names: Vec<_> = names.iter().flatten().map(String::as_str).collect();
        names.join(" ")
    }
}

fn write_chapter(chapter: &Chapter, page: &mut String) -> std::fmt::Result {
    let dimensions = &chapter.dimensions;
    writeln!(page, "\n## {}\n\n{}\n", chapter.title, chapter.text)?;
    let toml = toml(&chapter.policy)?;
    writeln!(page, "```toml\n{}{toml}```\n", chapter.preamble)?;
    let names: Vec<_> = dimensions.iter().map(|one| one.name).collect();
    writeln!(page, "| {} | read | write | delete |", names.join(" | "))?;
    writeln!(page, "|{}", "---|".repeat(dimensions.len() + 3))?;
    for row in table::rows(dimensions, |point| cells(chapter, point)) {
        for (options, dimension) in row.at.iter().zip(dimensions) {
            let some: Vec<_> = options.iter().map(|one| dimension.options[*one]).collect();
            let is_any = options.len() == dimension.options.len();
            let some = if is_any {
                "*any*".to_owned()
            } else {
                some.join(", ")
            };
            write!(page, "| {some} ")?;
        }
        writeln!(page, "| {} |", row.cells.join(" | "))?;
    }
    Ok(())
}

/// The policy as a user writes it.
fn toml(policy: &Policy) -> Result<String, std::fmt::Error> {
    let mut toml = String::new();
    let scopes = |action| policy.required_scopes(action);
    if !Action::ALL.iter().all(|action| scopes(*action).is_empty()) {
        writeln!(toml, "[access.scopes]")?;
        for action in Action::ALL {
            let names = quoted(scopes(action).iter().map(AsRef::as_ref));
            writeln!(toml, "{} = {names}", action.as_str())?;
        }
    }
    for grant in &policy.grants {
        if !toml.is_empty() {
            toml.push('\n');
        }
        write_grant(grant, &mut toml)?;
    }
    Ok(toml)
}

fn write_grant(grant: &Grant, toml: &mut String) -> std::fmt::Result {
    writeln!(toml, "[[access.grants]]")?;
    match &grant.holder {
        Holder::Group(name) => writeln!(toml, "group = {name:?}")?,
        Holder::Scope(name) => writeln!(toml, "scope = {name:?}")?,
    }
    if let Some(issuer) = &grant.issuer {
        writeln!(toml, "issuer = {issuer:?}")?;
    }
    let actions = quoted(grant.actions.iter().map(|action| action.as_str()));
    writeln!(toml, "actions = {actions}")?;
    if let Attributes::Only(names) = &grant.attributes {
        writeln!(
            toml,
            "attributes = {}",
            quoted(names.iter().map(AsRef::as_ref))
        )?;
    }
    if grant.read_only {
        writeln!(toml, "read_only = true")?;
    }
    Ok(())
}

fn quoted<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let names: Vec<_> = names.map(|name| format!("{name:?}")).collect();
    format!("[{}]", names.join(", "))
}
