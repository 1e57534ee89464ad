//! Every `If-Match` with every `If-None-Match`, on every method, of profiles that are there and not,
//! where `If-Match` is required and where it is not: each compared with what the standards say.

use axum::http::{Method, StatusCode};

use crate::support::{ALICE, Answer, Ask, Setup, World};

const BEFORE: &str = r#"{"userId":"alice","n":1}"#;
const AFTER: &str = r#"{"userId":"alice","n":2}"#;

/// What a client may send in either field, and what it says of a profile whose tag is `TAG`.
#[derive(Debug, Clone, Copy)]
struct Demand {
    /// The fields of one name; `None` stands for no field.
    fields: &'static [&'static str],
    /// Whether the tag is among them by the strong comparison (RFC 9110, 8.8.3.2).
    strong: bool,
    /// And by the weak one.
    weak: bool,
}

const fn demand(fields: &'static [&'static str], strong: bool, weak: bool) -> Demand {
    Demand {
        fields,
        strong,
        weak,
    }
}

const DEMANDS: [Demand; 12] = [
    demand(&[], false, false),
    demand(&["*"], true, true),
    demand(&["*", "*"], true, true),
    demand(&["*,"], true, true),
    demand(&["TAG"], true, true),
    demand(&["W/TAG"], false, true),
    demand(&[r#""other""#], false, false),
    demand(&[r#"W/"other", TAG ,"#], true, true),
    demand(&[r#""other""#, "TAG"], true, true),
    demand(&[r#""other""#, "W/TAG"], false, true),
    demand(&["nonsense"], false, false),
    demand(&[""], false, false),
];

#[derive(Debug, Clone)]
struct Case {
    method: Method,
    exists: bool,
    required: bool,
    if_match: Demand,
    if_none_match: Demand,
}

/// RFC 9110, 13.2.2, RFC 6585, section 3, and the contract. Nothing of the domain's is used here.
fn expected(case: &Case) -> u16 {
    let Case {
        exists, required, ..
    } = *case;
    let is_read = matches!(case.method, Method::GET | Method::HEAD);
    let (has_match, has_none_match) = (
        !case.if_match.fields.is_empty(),
        !case.if_none_match.fields.is_empty(),
    );
    // 13.2.1: preconditions are for requests that would otherwise succeed. On what is absent only PUT
    // does; there `If-Match` fails, `*` too, and `If-None-Match` holds, `*` too.
    if !exists {
        return match case.method {
            Method::PUT if has_match => 412,
            Method::PUT => 201,
            _ => 404,
        };
    }
    // Step 1.
    if has_match && !case.if_match.strong {
        return 412;
    }
    // Step 3.
    if has_none_match && case.if_none_match.weak {
        return if is_read { 304 } else { 412 };
    }
    // What cannot be read may have been meant to protect what is there.
    if !is_read && matches!(case.if_none_match.fields, ["nonsense" | ""]) {
        return 412;
    }
    // What another precondition refuses is no unconditional write; what it lets pass is held to
    // what is required.
    if !is_read && required && !has_match {
        return 428;
    }
    if case.method == Method::DELETE {
        204
    } else {
        200
    }
}

async fn world(case: &Case) -> (World, String) {
    let mut setup = Setup::default();
    setup.rules.require_if_match = case.required;
    let world = setup.start();
    let tag = world.alice_was_given(r#"{"n":1}"#);
    if !case.exists {
        let delete = Ask::delete(ALICE).header("if-match", "*");
        assert_eq!(world.ask(delete).await.status, StatusCode::NO_CONTENT);
    }
    (world, tag)
}

fn request(case: &Case, tag: &str) -> Ask {
    let mut ask = match case.method {
        Method::PUT => Ask::put(ALICE, AFTER),
        Method::PATCH => Ask::merge(ALICE, r#"{"n":2}"#),
        _ => Ask::new(case.method.clone(), ALICE),
    };
    for (name, demand) in [
        ("if-match", case.if_match),
        ("if-none-match", case.if_none_match),
    ] {
        for field in demand.fields {
            ask = ask.another(name, &field.replace("TAG", tag));
        }
    }
    ask
}

/// Answers the status.
async fn found(case: &Case) -> u16 {
    let (world, tag) = world(case).await;
    let puts = world.profiles.puts();
    let answer = world.ask(request(case, &tag)).await;
    let status = answer.status.as_u16();
    assert_is_whole(case, &answer, &tag);
    let left = world.ask(Ask::get(ALICE)).await;
    let left = (left.status == StatusCode::OK).then(|| left.text().to_owned());
    let wrote = matches!(case.method, Method::PUT | Method::PATCH) && matches!(status, 200 | 201);
    let expected_left = match status {
        204 => None,
        _ if wrote => Some(AFTER),
        _ => case.exists.then_some(BEFORE),
    };
    assert_eq!(left.as_deref(), expected_left, "what is left of {case:?}");
    // `If-None-Match: *` may leave it to the store to find out that there is a profile already.
    let most = usize::from(case.method == Method::PUT || wrote);
    assert!(world.profiles.puts() - puts <= most, "{case:?}");
    status
}

fn assert_is_whole(case: &Case, answer: &Answer, tag: &str) {
    let status = answer.status.as_u16();
    let code = match status {
        404 => "profile_not_found",
        412 => "precondition_failed",
        428 => "precondition_required",
        _ => "-",
    };
    if case.method == Method::HEAD {
        assert_eq!(answer.text(), "");
        let is_problem = answer.header("content-type") == Some("application/problem+json");
        assert_eq!(is_problem, code != "-", "{case:?}");
    } else {
        assert_eq!(answer.code(), code, "{case:?}");
    }
    let describes = matches!(status, 200 | 201 | 304);
    assert_eq!(answer.header("etag").is_some(), describes, "{case:?}");
    if status == 304 {
        assert_eq!((answer.tag(), answer.text()), (tag, ""), "{case:?}");
    }
}

fn cells(method: &Method) -> Vec<Case> {
    let mut cells = Vec::new();
    for exists in [true, false] {
        for required in [true, false] {
            for if_match in DEMANDS {
                for if_none_match in DEMANDS {
                    cells.push(Case {
                        method: method.clone(),
                        exists,
                        required,
                        if_match,
                        if_none_match,
                    });
                }
            }
        }
    }
    cells
}

async fn assert_cells(method: Method) {
    let mut wrong = Vec::new();
    for case in cells(&method) {
        let (expected, found) = (expected(&case), found(&case).await);
        if found != expected {
            wrong.push(format!("{found} for {expected}: {case:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn every_get_answers_as_the_table_says() {
    assert_cells(Method::GET).await;
}

#[tokio::test]
async fn every_head_answers_as_the_table_says() {
    assert_cells(Method::HEAD).await;
}

#[tokio::test]
async fn every_put_answers_as_the_table_says() {
    assert_cells(Method::PUT).await;
}

#[tokio::test]
async fn every_patch_answers_as_the_table_says() {
    assert_cells(Method::PATCH).await;
}

#[tokio::test]
async fn every_delete_answers_as_the_table_says() {
    assert_cells(Method::DELETE).await;
}

/// A schema with attributes that are read only makes a PUT read before it writes: by another way it
/// comes to the same answers.
#[tokio::test]
async fn a_put_that_has_to_read_first_answers_the_same() {
    let mut wrong = Vec::new();
    for case in cells(&Method::PUT) {
        let mut setup = Setup::with_schema(&["tier"]);
        setup.rules.require_if_match = case.required;
        let world = setup.start();
        let tag = if case.exists {
            world.alice_was_given(r#"{"n":1}"#)
        } else {
            r#""gone""#.to_owned()
        };
        let answer = world.ask(request(&case, &tag)).await;
        let (expected, found) = (expected(&case), answer.status.as_u16());
        if found != expected {
            wrong.push(format!("{found} for {expected}: {case:?}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
