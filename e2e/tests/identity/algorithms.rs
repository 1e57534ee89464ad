//! Every algorithm, with keys and tokens of two libraries that issuers are built on.

use std::{collections::BTreeMap, fmt::Write as _};

use serde::Deserialize;
use serde_json::{Value, json};

use super::{Verdict, printed, usher, verdict};

const ISSUER: &str = "https://issuer.test/";
const ALL: [&str; 10] = [
    "RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "EdDSA", "Ed25519",
];

#[tokio::test]
async fn tokens_of_jose_are_accepted_in_every_algorithm_and_refused_for_every_fault() {
    let jose = Minted::by("jose.cjs").await;
    let mut table = Table::default();
    table
        .ask("as exported", &jose, "bare", &ALL, |kind, _| kind != "bad")
        .await;
    table
        .ask("with alg and use", &jose, "labelled", &ALL, |kind, _| {
            kind == "good"
        })
        .await;
    table
        .ask("by default", &jose, "bare", &[], |_, name| name == "RS256")
        .await;
    table.check();
}

#[tokio::test]
async fn tokens_of_pyjwt_are_accepted_in_every_algorithm_and_refused_for_every_fault() {
    let pyjwt = Minted::by("pyjwt.py").await;
    let mut table = Table::default();
    table
        .ask("as exported", &pyjwt, "bare", &ALL, |kind, _| kind != "bad")
        .await;
    table
        .ask("by default", &pyjwt, "bare", &[], |_, name| name == "RS256")
        .await;
    table.check();
}

/// What a script prints.
#[derive(Deserialize)]
struct Minted {
    /// `bare` and `labelled`, or one of them.
    sets: BTreeMap<String, Value>,
    /// `good`, `bad`, and `swapped`: by a key of the right kind that its label gives to another
    /// algorithm. Each has a name.
    tokens: BTreeMap<String, Vec<(String, String)>>,
}

impl Minted {
    async fn by(script: &str) -> Self {
        let claims = json!({ "iss": ISSUER, "aud": "usher", "sub": "alice" });
        printed(script, &[claims.to_string()]).await
    }
}

/// What became of each token.
#[derive(Default)]
struct Table {
    lines: String,
    wrong: usize,
}

impl Table {
    /// Asks a server with this key set for every token. Without algorithms it has the default.
    async fn ask(
        &mut self,
        title: &str,
        minted: &Minted,
        set: &str,
        algorithms: &[&str],
        is_accepted: impl Fn(&str, &str) -> bool,
    ) {
        let jwks = minted.sets.get(set).expect("a key set").to_string();
        let mut issuer =
            json!({ "kind": "oidc", "issuer": ISSUER, "audiences": ["usher"], "jwks": jwks });
        if !algorithms.is_empty() {
            issuer["algorithms"] = json!(algorithms);
        }
        let deployment = usher(&[issuer], &[]).await;
        for (kind, tokens) in &minted.tokens {
            for (name, token) in tokens {
                let expected = if is_accepted(kind, name) {
                    Verdict::Accepted
                } else {
                    Verdict::Refused
                };
                let seen = verdict(&deployment, token).await;
                let mark = if seen == expected { "" } else { "   <- WRONG" };
                self.wrong += usize::from(seen != expected);
                writeln!(
                    self.lines,
                    "{title:16} | {kind:7} | {name:32} | {seen}{mark}"
                )
                .expect("a line");
            }
        }
        deployment.end().await;
    }

    #[track_caller]
    fn check(self) {
        let Self { lines, wrong } = self;
        assert!(lines.lines().count() > 40, "too few tokens:\n{lines}");
        assert_eq!(wrong, 0, "tokens were judged wrongly:\n{lines}");
    }
}
