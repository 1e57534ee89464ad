//! A start without a database.

use usher_testkit::{
    process::Process,
    proxy::{Proxy, Weather},
};

use super::spec;
use crate::support::issuer::TestIssuer;

/// What a start over a store says that is not there, or does not answer.
async fn start_over(weather: Weather, url: impl Fn(&Proxy) -> String) -> String {
    // Port 1 is not listened on.
    let proxy = Proxy::start(([127, 0, 0, 1], 1).into()).await;
    proxy.set(weather);
    let (folder, issuer) = (tempfile::tempdir().expect("a folder"), TestIssuer::new());
    let mut spec = spec(&url(&proxy), &issuer, &folder);
    spec.args.push("serve".to_owned());
    let ended = Process::spawn(spec).expect("a process").ended().await;
    let ended = ended.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended.status.code(), Some(69), "{}", ended.stderr);
    ended.stderr
}

#[tokio::test]
async fn a_database_out_of_reach_stops_the_start_with_69_and_shows_no_secret() {
    for weather in [Weather::Down, Weather::Stalled] {
        let said = start_over(weather, |proxy| {
            format!("postgres://usher:hunter2@{}/marked", proxy.address())
        })
        .await;
        assert!(said.contains("Postgres: could not connect"), "{said}");
        assert!(
            !said.contains("hunter2") && !said.contains("postgres://"),
            "{said}"
        );
        let said = start_over(weather, |proxy| {
            format!(
                "dynamodb://marked?region=eu-west-1&endpoint=http://{}",
                proxy.address()
            )
        })
        .await;
        assert!(
            said.contains("DynamoDB: could not read the table marked"),
            "{said}"
        );
    }
}
