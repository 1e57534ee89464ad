//! Every failure that a client can see: the contract's row, and all of the answer as a snapshot.

mod callers;
mod contract;
mod patches;
mod profiles;
mod writes;

use usher_http::problem::ErrorCode;
use usher_testkit::fakes::{FAULT_SAYS, PANIC_SAYS};

use contract::CONTRACT;

use crate::support::Answer;

/// Makes a test of every row, and the list of the codes that they produce.
macro_rules! rows {
    ($($name:ident: $code:ident $answer:block)*) => {
        pub(super) const PRODUCED: &[usher_http::problem::ErrorCode] =
            &[$(usher_http::problem::ErrorCode::$code),*];

        $(
            #[tokio::test(start_paused = true)]
            async fn $name() {
                let answer: crate::support::Answer = $answer;
                super::judge(usher_http::problem::ErrorCode::$code, &answer);
                insta::assert_json_snapshot!(stringify!($name), answer.snapshot());
            }
        )*
    };
}
use rows;

#[test]
fn every_code_has_a_row_and_a_place_in_the_contract() {
    let produced = [
        callers::PRODUCED,
        profiles::PRODUCED,
        patches::PRODUCED,
        writes::PRODUCED,
    ]
    .concat();
    for code in ErrorCode::ALL {
        assert!(produced.contains(code), "no row produces {code:?}");
        let rows = CONTRACT.iter().filter(|row| row.1 == code.as_str());
        assert_eq!(rows.count(), 1, "{code:?} in the contract");
    }
    assert_eq!(CONTRACT.len(), ErrorCode::ALL.len());
}

fn judge(expected: ErrorCode, answer: &Answer) {
    let body = answer.json();
    let &(status, code, message, kind) = CONTRACT
        .iter()
        .find(|row| row.1 == expected.as_str())
        .expect("a row of the contract");
    assert_eq!(answer.status.as_u16(), status);
    assert_eq!(body["status"], status);
    assert_eq!(body["code"], code);
    assert_eq!(body["message"], message);
    assert_eq!(answer.header("x-amzn-errortype"), Some(kind));
    assert_eq!(body["type"], format!("urn:usher:problem:{code}"));
    assert_eq!(
        answer.header("content-type"),
        Some("application/problem+json")
    );
    assert!(body["title"].is_string());
    assert!(status < 500 || body.get("detail").is_none(), "{body}");
    assert_eq!(
        answer.header("www-authenticate").is_some(),
        status == 401 || code == "insufficient_scope"
    );
    assert_eq!(
        answer.header("retry-after").is_some(),
        matches!(status, 429 | 503)
    );
    // Whatever is wrong with content is shown, and nothing else has places.
    let of_content = matches!(status, 422) || code == "patch_test_failed";
    let of_some = of_content
        || matches!(
            code,
            "invalid_patch" | "attribute_read_only" | "attribute_not_granted"
        );
    assert_eq!(body.get("errors").is_some(), of_some, "{body}");
    for error in body["errors"].as_array().into_iter().flatten() {
        let members = error.as_object().expect("an object");
        assert_eq!(members.len(), 2, "{error}");
        assert!(error["pointer"].is_string() && error["detail"].is_string());
    }
    let everything = answer.snapshot().to_string();
    for secret in FAULT_SAYS.into_iter().chain([PANIC_SAYS, "marked"]) {
        assert!(!everything.contains(secret), "{everything}");
    }
}
