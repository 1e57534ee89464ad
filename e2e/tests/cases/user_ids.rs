//! User ids on their way through a path.

use usher_testkit::containers::unique_name;

use crate::support::{Deployment, Difference, call::profile_path};

pub(crate) async fn a_user_id_is_decoded_exactly_once(d: &Deployment) {
    let user = unique_name("user");
    // How the path spells what follows the name, and what it stands for.
    for (spelled, stands_for) in [
        ("%20b%20", " b "),
        ("+b", "+b"),
        ("%2Bb", "+b"),
        ("%2bb", "+b"),
        ("@example.com", "@example.com"),
        ("%40example.com", "@example.com"),
        ("|5f7c", "|5f7c"),
        ("%7C5f7c", "|5f7c"),
        ("Zoë", "Zoë"),
        ("Zo%C3%AB", "Zoë"),
        ("%E6%97%A5%E6%9C%AC", "日本"),
        ("%F0%9F%98%80", "😀"),
        ("100%25", "100%"),
        ("%2520", "%20"),
        ("%252F", "%2F"),
        ("%2525", "%25"),
        ("%23%3B;:,=&!$'()*", "#;;:,=&!$'()*"),
        ("%22%3C%3E%5B%5C%5D%5E%60%7B%7D", "\"<>[\\]^`{}"),
    ] {
        let caller = d.caller(&format!("{user}{stands_for}"));
        let path = format!("/users/{user}{spelled}/profile");
        let put = caller.call("PUT", &path).json("{}").await;
        let created = !matches!(
            spelled,
            "%2Bb" | "%2bb" | "%40example.com" | "%7C5f7c" | "Zo%C3%AB"
        );
        let put = put.is(if created { 201 } else { 200 });
        assert_eq!(put.json()["userId"], caller.id, "{spelled}");
        if let Some(location) = put.header("location") {
            let own = location.replacen("..", "/users", 1);
            let got = caller.call("GET", &own).await.is(200);
            assert_eq!(got.body, put.body, "{spelled}");
        }
        // However the id is spelled, it is that user's.
        assert_eq!(caller.get().await.is(200).body, put.body, "{spelled}");
    }
    let question = d.caller(&format!("{user}?b"));
    let put = question.put("{}").await;
    if d.has(Difference::DecodedPath) {
        put.is_refused(404, "route_not_found");
    } else {
        assert_eq!(put.is(201).json()["userId"], question.id);
    }
}

pub(crate) async fn ids_that_look_alike_are_different_users(d: &Deployment) {
    let user = unique_name("user");
    let ids = ["", " ", "A", "a", "é", "e\u{301}", "\u{200b}"].map(|end| format!("{user}{end}"));
    for (n, id) in ids.iter().enumerate() {
        d.caller(id).put(&format!(r#"{{"n":{n}}}"#)).await.is(201);
    }
    for (n, id) in ids.iter().enumerate() {
        assert_eq!(d.caller(id).get().await.is(200).json()["n"], n, "{id:?}");
    }
    let denied = d.caller(&ids[2]).call("GET", &profile_path(&ids[3])).await;
    denied.is_refused(403, "not_your_profile");
}

pub(crate) async fn what_cannot_be_a_user_id_is_400(d: &Deployment) {
    let alice = d.somebody();
    let long = "a".repeat(257);
    let too_long_in_bytes = "%C3%A4".repeat(129);
    let control = "The user id contains a control character.";
    let length = "The user id is longer than 256 bytes.";
    for (spelled, detail) in [
        ("a%00", control),
        ("a%0Ab", control),
        ("%7F", control),
        ("a%C2%85", control),
        (&long, length),
        (&too_long_in_bytes, length),
    ] {
        let path = format!("/users/{spelled}/profile");
        let problem = alice.call("GET", &path).await;
        let problem = problem.is_refused(400, "invalid_user_id");
        assert_eq!(problem["detail"], detail, "{spelled}");
        // It is judged before the caller is.
        d.call("GET", &path)
            .await
            .is_refused(400, "invalid_user_id");
    }
    let longest = "a".repeat(256);
    let denied = alice.call("GET", &profile_path(&longest)).await;
    denied.is_refused(403, "not_your_profile");

    let slash = alice.call("GET", "/users/a%2Fb/profile").await;
    let not_utf8 = alice.call("GET", "/users/a%FF/profile").await;
    if d.has(Difference::DecodedPath) {
        slash.is_refused(404, "route_not_found");
        not_utf8.is_refused(403, "not_your_profile");
    } else {
        let problem = slash.is_refused(400, "invalid_user_id");
        assert_eq!(problem["detail"], "The user id contains a slash.");
        let problem = not_utf8.is_refused(400, "invalid_user_id");
        assert_eq!(problem["detail"], "The user id is not UTF-8.");
    }
}

pub(crate) async fn an_empty_user_id_is_a_missing_parameter(d: &Deployment) {
    for method in ["GET", "PUT", "DELETE"] {
        let answer = d.call(method, "/users//profile").await;
        answer.is_refused(400, "missing_parameter");
    }
}
