//! The policies of the page, and who comes under each.

use usher_domain::{
    access::{Action, Attributes, Grant, Holder, Policy, RequiredScopes},
    principal::Principal,
    user_id::UserId,
};

use crate::table::{Dimension, Point, either};

pub(crate) const OURS: &str = "https://idp.example.com/";
pub(crate) const THEIRS: &str = "https://partner.example.com/";

/// A policy, and the dimensions of the callers that come under it.
pub(crate) struct Chapter {
    pub(crate) title: &'static str,
    pub(crate) text: &'static str,
    /// What of the configuration is no part of the policy.
    pub(crate) preamble: &'static str,
    pub(crate) policy: Policy,
    pub(crate) dimensions: Vec<Dimension>,
    pub(crate) caller: fn(&Point) -> (Principal, UserId),
}

const PROFILE: Dimension = Dimension {
    name: "profile",
    options: &["own", "another's"],
};

fn names(names: &[&str]) -> RequiredScopes {
    names.iter().map(|name| Box::from(*name)).collect()
}

/// To do something with some attributes; with none named, with all.
fn to(holder: Holder, actions: &[Action], attributes: &[&str]) -> Grant {
    Grant {
        holder,
        issuer: None,
        actions: actions.iter().copied().collect(),
        attributes: if attributes.is_empty() {
            Attributes::All
        } else {
            Attributes::Only(names(attributes))
        },
        read_only: false,
    }
}

fn group(name: &str) -> Holder {
    Holder::Group(name.into())
}

fn scope(name: &str) -> Holder {
    Holder::Scope(name.into())
}

fn guarded(grant: Grant) -> Grant {
    Grant {
        read_only: true,
        ..grant
    }
}

fn of(issuer: &str, grant: Grant) -> Grant {
    Grant {
        issuer: Some(issuer.into()),
        ..grant
    }
}

fn user(id: &str) -> UserId {
    UserId::parse(id).expect("an id")
}

/// Alice, and her profile, or Bob's, or that of an id like hers; with those of `held` that the point has a `yes` for.
fn alice(point: &Point, held: &[Holder]) -> (Principal, UserId) {
    let mut alice = Principal::new("alice", OURS);
    for (holder, _) in held.iter().zip(&point[1..]).filter(|(_, has)| **has == 1) {
        match holder {
            Holder::Group(name) => alice.groups.insert(name.clone()),
            Holder::Scope(name) => alice.scopes.insert(name.clone()),
        };
    }
    (alice, user(["alice", "bob", "Alice"][point[0]]))
}

pub(crate) fn chapters() -> [Chapter; 5] {
    [scopes(), grants(), both(), issuers(), parts()]
}

fn scopes() -> Chapter {
    Chapter {
        title: "Scopes",
        text: "A token needs one of the scopes of an action, byte by byte, whoever's profile it is. An id in another case is
somebody else's.",
        preamble: "",
        policy: Policy {
            read_scopes: names(&["profiles/read", "profiles/all"]),
            write_scopes: names(&["profiles/write", "profiles/all"]),
            delete_scopes: names(&["profiles/delete"]),
            grants: Vec::new(),
        },
        dimensions: vec![
            Dimension {
                name: "profile",
                options: &["own", "another's", "of `Alice`"],
            },
            either("`profiles/read`"),
            either("`profiles/all`"),
            either("`profiles/write`"),
            either("`profiles/delete`"),
            either("`Profiles/READ`"),
        ],
        caller: |point| {
            let held = [
                "profiles/read",
                "profiles/all",
                "profiles/write",
                "profiles/delete",
                "Profiles/READ",
            ];
            alice(point, &held.map(scope))
        },
    }
}

fn grants() -> Chapter {
    use Action::{Delete, Read, Write};
    Chapter {
        title: "Grants",
        text: "No scope is demanded. `admins` do everything, `support` reads a part, `editors` write a part that they cannot
see, `billing` reads and writes an attribute that the schema may mark `readOnly`, `erasers` delete. Whatever somebody
holds adds up.",
        preamble: "",
        policy: Policy {
            grants: vec![
                guarded(to(group("admins"), &[Read, Write, Delete], &[])),
                to(group("support"), &[Read], &["displayName", "email"]),
                to(group("editors"), &[Write], &["displayName"]),
                guarded(to(group("billing"), &[Read, Write], &["tier"])),
                to(group("erasers"), &[Delete], &[]),
            ],
            ..Policy::default()
        },
        dimensions: vec![
            PROFILE,
            either("admins"),
            either("support"),
            either("editors"),
            either("billing"),
            either("erasers"),
        ],
        caller: |point| {
            let held = ["admins", "support", "editors", "billing", "erasers"];
            alice(point, &held.map(group))
        },
    }
}

fn both() -> Chapter {
    use Action::{Delete, Read, Write};
    Chapter {
        title: "Scopes and grants",
        text: "A grant is no scope and a scope is no grant: an action on another's profile needs both. A grant may be held by a
scope too, also by one that is demanded. Without the scope to read nothing is seen of another's profile in the answer
to a write either.",
        preamble: "",
        policy: Policy {
            read_scopes: names(&["profiles/read"]),
            write_scopes: names(&["profiles/write"]),
            delete_scopes: names(&["profiles/delete"]),
            grants: vec![
                guarded(to(group("billing"), &[Read, Write], &["tier"])),
                to(scope("backoffice"), &[Read], &[]),
                to(scope("profiles/delete"), &[Delete], &[]),
            ],
        },
        dimensions: vec![
            PROFILE,
            either("`profiles/read`"),
            either("`profiles/write`"),
            either("`profiles/delete`"),
            either("billing"),
            either("`backoffice`"),
        ],
        caller: |point| {
            let held = [
                scope("profiles/read"),
                scope("profiles/write"),
                scope("profiles/delete"),
                group("billing"),
                scope("backoffice"),
            ];
            alice(point, &held)
        },
    }
}

fn issuers() -> Chapter {
    use Action::{Read, Write};
    Chapter {
        title: "Two issuers",
        text: "A group or a scope counts for the issuer that the grant names. Another case is another name, a group is no scope, a
scope no group.",
        preamble: r#"[[identity.issuers]]
kind = "oidc"
issuer = "https://idp.example.com/"
audiences = ["profiles"]

[[identity.issuers]]
kind = "oidc"
issuer = "https://partner.example.com/"
audiences = ["profiles"]
subject_prefix = "partner:"

"#,
        policy: Policy {
            grants: vec![
                of(
                    OURS,
                    to(group("support"), &[Read], &["displayName", "email"]),
                ),
                of(THEIRS, to(group("support"), &[Read], &["displayName"])),
                of(OURS, to(scope("desk"), &[Write], &["note"])),
            ],
            ..Policy::default()
        },
        dimensions: vec![
            PROFILE,
            Dimension {
                name: "issuer",
                options: &["idp", "partner"],
            },
            either("group support"),
            either("group Support"),
            either("scope support"),
            either("scope desk"),
            either("group desk"),
        ],
        caller: |point| {
            let held = [
                group("support"),
                group("Support"),
                scope("support"),
                scope("desk"),
                group("desk"),
            ];
            let (mut caller, mut target) = alice(&[&point[..1], &point[2..]].concat(), &held);
            if point[1] == 1 {
                caller.issuer = THEIRS.into();
                caller.id = "partner:alice".into();
                // Another's profile is that of the user whom the other issuer calls the same.
                target = user(["partner:alice", "alice"][point[0]]);
            }
            (caller, target)
        },
    }
}

fn parts() -> Chapter {
    Chapter {
        title: "A part of a deletion",
        text: "There is none. Usher does not start with this configuration: a grant to delete names no attributes. The decision
denies all the same, unless another grant deletes it all.",
        preamble: "",
        policy: Policy {
            grants: vec![
                to(group("cleaners"), &[Action::Delete], &["displayName"]),
                to(group("sweepers"), &[Action::Delete], &["email"]),
                to(group("erasers"), &[Action::Delete], &[]),
            ],
            ..Policy::default()
        },
        dimensions: vec![
            PROFILE,
            either("cleaners"),
            either("sweepers"),
            either("erasers"),
        ],
        caller: |point| alice(point, &["cleaners", "sweepers", "erasers"].map(group)),
    }
}
