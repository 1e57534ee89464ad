use std::collections::BTreeSet;

use usher_auth_jwt::Issuer;
use usher_domain::access::{Action, Attributes, Grant, Holder, Policy, RequiredScopes};

use crate::config::reader::Reader;

/// Reads `[access]`. Several `issuers` may name their groups and scopes alike.
pub(super) fn access(reader: &mut Reader, issuers: &[Issuer]) -> Policy {
    let mut scopes = |key: &str| -> RequiredScopes {
        let names = reader.texts(key).unwrap_or_default();
        if !names.iter().all(|name| is_scope(name)) {
            reader.wrong(key, NOT_A_SCOPE.to_owned());
        }
        names.into_iter().map(Into::into).collect()
    };
    let names: BTreeSet<_> = issuers.iter().map(|one| one.settings().name()).collect();
    Policy {
        read_scopes: scopes("access.scopes.read"),
        write_scopes: scopes("access.scopes.write"),
        delete_scopes: scopes("access.scopes.delete"),
        grants: reader.tables("access.grants", |reader| grant(reader, &names)),
    }
}

const NOT_A_SCOPE: &str = "a scope has no spaces, quotes or backslashes";

fn is_scope(name: &str) -> bool {
    !name.is_empty() && !name.contains([' ', '"', '\\'])
}

fn grant(reader: &mut Reader, issuers: &BTreeSet<&str>) -> Option<Grant> {
    let (group, scope) = (reader.text("group"), reader.text("scope"));
    let holder = match (group, scope) {
        (Some(group), None) if !group.is_empty() => Some(Holder::Group(group.into())),
        (None, Some(scope)) if is_scope(&scope) => Some(Holder::Scope(scope.into())),
        (None, Some(_)) => {
            reader.wrong("scope", NOT_A_SCOPE.to_owned());
            None
        }
        _ => {
            reader.missing("group", "a grant is held by one group or by one scope");
            None
        }
    };
    let issuer = reader.text("issuer");
    match &issuer {
        None if issuers.len() > 1 => reader.missing(
            "issuer",
            "with several issuers a grant names the one whose groups and scopes count",
        ),
        Some(named) if !issuers.contains(named.as_str()) => {
            reader.wrong("issuer", "is none of identity.issuers".to_owned());
        }
        _ => {}
    }
    let attributes = match reader.texts("attributes") {
        None => Attributes::All,
        Some(names) => {
            // A name that no profile can have would be a right to nothing, and most likely a slip.
            let is_attribute =
                |name: &String| !name.is_empty() && !name.starts_with('_') && !name.contains('\0');
            if names.is_empty() || !names.iter().all(is_attribute) {
                let detail = "must name attributes at the top of a profile; left out, it is all";
                reader.wrong("attributes", detail.to_owned());
            }
            Attributes::Only(names.into_iter().map(Into::into).collect())
        }
    };
    let actions = actions(reader);
    if actions.contains(&Action::Delete) && !attributes.is_all() {
        let detail = "a profile is deleted as a whole: leave attributes out";
        reader.wrong("actions", detail.to_owned());
    }
    let read_only = reader.flag("read_only");
    let read_only = reader.default("read_only", read_only, false);
    Some(Grant {
        holder: holder?,
        issuer: issuer.map(Into::into),
        actions,
        attributes,
        read_only,
    })
}

fn actions(reader: &mut Reader) -> BTreeSet<Action> {
    let names = reader.texts("actions").unwrap_or_default();
    let action = |name: &String| {
        Action::ALL
            .into_iter()
            .find(|action| action.as_str() == name)
    };
    let actions: Option<BTreeSet<Action>> = names.iter().map(action).collect();
    match actions {
        Some(actions) if !actions.is_empty() => actions,
        _ => {
            reader.missing("actions", "must be a list of read, write and delete");
            BTreeSet::new()
        }
    }
}
