//! A table that the article's Python code filled, in `DynamoDB`'s own types and with attributes of
//! other programs: it is read at once, and what is written through Usher leaves what it does not touch.
//! The other half of the test is `e2e/dynamodb/table.py`.

use serde_json::{Value, json};
use usher_testkit::containers::{self, unique_name};

use crate::support::{
    Deployment, Entrypoint,
    deployment::{Host, Tokens},
    issuer::TestIssuer,
    scripts,
};

/// A table, and who else uses it.
struct Table {
    name: String,
    endpoint: String,
}

impl Table {
    async fn filled() -> Self {
        let table = Self {
            name: unique_name("UsersProfileTable"),
            endpoint: containers::dynamodb().await,
        };
        table.python(&["fill"]).await;
        table
    }

    async fn python(&self, words: &[&str]) {
        let (command, rest) = words.split_first().expect("a command");
        let words = [&[*command, &self.endpoint, &self.name], rest].concat();
        let words: Vec<_> = words.into_iter().map(str::to_owned).collect();
        scripts::output("dynamodb/table.py", &words).await;
    }

    /// Demands that boto3 reads what this step left.
    async fn is(&self, step: &str) {
        self.python(&["check", step]).await;
    }

    /// A server over it, which does not make it.
    async fn served(&self) -> Deployment {
        let Self { name, endpoint } = self;
        let (folder, issuer) = (tempfile::tempdir().expect("a folder"), TestIssuer::new());
        let url = format!("dynamodb://{name}?region=eu-west-1&endpoint={endpoint}");
        let env = [
            ("USHER_STORE__URL", url),
            ("USHER_STORE__MIGRATE", "false".to_owned()),
            ("USHER_USAGE__API_KEY_REQUIRED", "false".to_owned()),
            ("USHER_IDENTITY__ISSUERS", issuer.configuration()),
        ];
        let env = env.map(|(name, value)| (name.to_owned(), value)).into();
        let host = Host::server(env, folder.path()).await;
        let tokens = Tokens::Issuer(Box::new(issuer));
        Deployment::new(host, Entrypoint::Server, tokens, "", Some(folder))
    }
}

fn alice() -> Value {
    json!({
        "userId": "alice",
        "displayName": "Alice",
        "age": 30,
        "score": 12.5,
        "pi": std::f64::consts::PI,
        "account": 1.234_567_890_123_456_8e37,
        "verified": true,
        "middleName": null,
        "roles": ["editor", "reader"],
        "luckyNumbers": [-0.5, std::f64::consts::PI, 7],
        "avatar": "AAEC/f7/",
        "keys": ["AQI=", "Aw=="],
        "address": {
            "city": "Ulm",
            "geo": {"lat": 48.398_412_345_678_9, "lon": 9.99155},
            "flags": ["billing", "shipping"],
        },
        "devices": [
            {"id": "phone", "token": "//4=", "topics": ["news"]},
            {"id": "laptop", "token": "/Q==", "topics": ["news", "sport"]},
        ],
    })
}

#[tokio::test]
async fn a_table_that_boto3_filled_is_served_and_its_types_are_kept() {
    let table = Table::filled().await;
    let usher = table.served().await;
    let (alice, bob) = (alice(), usher.caller("bob"));
    let caller = usher.caller("alice");

    // It is read at once, and has tags that work; nothing is written for that.
    let read = caller.get().await.is(200);
    assert_eq!(read.json(), alice);
    let tag = read.tag();
    let again = caller.get().header("if-none-match", &tag).await.is(304);
    assert_eq!(again.tag(), tag);
    let put = caller.put(&read.body).header("if-match", "\"other\"").await;
    put.is_refused(412, "precondition_failed");
    table.is("unchanged").await;

    // What was read is put back: all of it is what it was.
    for call in [
        caller.put(&read.body),
        caller.put(&read.body).header("if-match", &tag),
    ] {
        let put = call.await.is(200);
        assert_eq!((put.json(), put.tag()), (alice.clone(), tag.clone()));
        table.is("unchanged").await;
    }

    // A merge patch, with a tag.
    let merge =
        r#"{"displayName":"Alice B.","age":31,"middleName":null,"address":{"city":"Neu-Ulm"}}"#;
    let merged = caller.merge(merge).header("if-match", &tag).await.is(200);
    assert_eq!(merged.json()["address"]["city"], "Neu-Ulm");
    table.is("merged").await;
    let stale = caller.merge(merge).header("if-match", &tag).await;
    stale.is_refused(412, "precondition_failed");

    // What the types cannot hold is refused, at its place, and nothing is written.
    for (patch, place) in [
        (json!({"roles": []}), "/roles"),
        (json!({"roles": ["editor", "editor"]}), "/roles/1"),
        (json!({"luckyNumbers": [7, "seven"]}), "/luckyNumbers/1"),
        (json!({"avatar": "a picture"}), "/avatar"),
        (json!({"keys": ["AQI"]}), "/keys/0"),
        (
            json!({"age": 32, "address": {"flags": ["x", "x"]}}),
            "/address/flags/1",
        ),
    ] {
        let problem = caller
            .merge(&patch.to_string())
            .await
            .is_refused(422, "not_portable");
        assert_eq!(problem["errors"][0]["pointer"], place, "{patch}");
        assert_ne!(problem["errors"][0]["detail"], "", "{patch}");
    }
    table.is("merged").await;

    // A JSON Patch within lists and sets. The answer has the order that the next reader sees, and its
    // tag.
    let operations = json!([
        {"op": "test", "path": "/devices/1/id", "value": "laptop"},
        {"op": "remove", "path": "/devices/1"},
        {"op": "add", "path": "/devices/0/topics/-", "value": "weather"},
        {"op": "add", "path": "/roles/-", "value": "admin"},
    ]);
    let operated = caller.operations(&operations.to_string()).await.is(200);
    assert_eq!(
        operated.json()["roles"],
        json!(["admin", "editor", "reader"])
    );
    table.is("operated").await;
    let read = caller.get().header("if-none-match", &operated.tag()).await;
    read.is(304);

    // A job changes an item in place that Usher has written before, and a caller puts all of it.
    bob.merge(r#"{"displayName":"Robert"}"#).await.is(200);
    table.python(&["expire"]).await;
    let body = r#"{"displayName":"Robert","tags":["two","one"]}"#;
    let put = bob.put(body).await.is(200);
    assert_eq!(put.json()["tags"], json!(["one", "two"]));
    table.is("replaced").await;

    // Erasure is of everything.
    bob.delete().await.is(204);
    bob.get().await.is_refused(404, "profile_not_found");
    table.is("deleted").await;
    usher.end().await;
}
