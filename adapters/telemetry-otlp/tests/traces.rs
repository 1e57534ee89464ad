//! What a receiver of OTLP gets.

use std::{
    collections::{BTreeMap, BTreeSet, HashSet},
    sync::Arc,
    time::Duration,
};

use tokio::net::TcpListener;
use usher_domain::{
    ports::{Answered, Phase, Phases, Rule, Telemetry as _, TraceContext},
    service::Trail,
    time::Timestamp,
    usage::{
        account::Limits,
        plan::{PlanId, PlanInForce},
    },
};
use usher_telemetry_otlp::{OtlpSettings, SPANS, Traces};
use usher_testkit::otlp::{OtlpReceiver, ReceivedSpan};

const NOON: Timestamp = Timestamp::from_seconds(1_795_348_800);
const SERVER: i32 = 2;
const ID: u128 = 0x5bd2_1e6b_44e0_8f4c_a3a1_5f3a_0d2c_6f2e;

fn after(micros: u64) -> Timestamp {
    NOON.plus(Duration::from_micros(micros))
}

fn call(trail: &Trail) -> Answered<'_> {
    Answered {
        request_id: ID,
        at: NOON,
        method: "GET",
        resource: Some("/users/{userId}/profile"),
        status: 200,
        latency: Duration::from_micros(900),
        phases: Phases {
            verification: Some(Phase::between(after(10), after(100))),
            admission: Some(Phase::between(after(100), after(150))),
            decision: Some(Phase::between(after(160), after(170))),
            store: Some(Phase::between(after(200), after(800))),
        },
        trail,
        error: None,
        rule: None,
        trace: None,
    }
}

fn traces(receiver: &OtlpReceiver, sample_ratio: f64) -> Traces {
    traces_to(receiver.endpoint(), sample_ratio, Duration::from_secs(5))
}

fn traces_to(endpoint: String, sample_ratio: f64, timeout: Duration) -> Traces {
    Traces::open(&OtlpSettings {
        endpoint,
        sample_ratio,
        timeout,
        stage: "prod".to_owned(),
    })
    .expect("an endpoint")
}

fn attribute<'a>(span: &'a ReceivedSpan, name: &str) -> Option<&'a str> {
    let mut found = span.attributes.iter().filter(|(known, _)| known == name);
    found.next().map(|(_, value)| value.as_str())
}

#[tokio::test]
async fn a_request_is_a_span_with_one_for_each_part_of_it() {
    let receiver = OtlpReceiver::start().await;
    let traces = traces(&receiver, 1.0);
    let trail = Trail {
        gateway_key: Some("key-1".into()),
        ..Trail::default()
    };
    traces.answered(&call(&trail));
    assert_eq!(receiver.exports(), 0, "nobody waits for it");
    traces.flush().await;
    let spans = receiver.spans();
    let names: Vec<_> = spans.iter().map(|span| span.name.as_str()).collect();
    let parts: Vec<_> = SPANS.iter().skip(1).map(|span| span.name).collect();
    assert_eq!(names[0], "GET /users/{userId}/profile");
    assert_eq!(names[1..], parts);
    let root = &spans[0];
    assert_eq!(
        root.trace_id,
        format!("{ID:032x}"),
        "a new trace has the request's id"
    );
    assert_eq!(
        (root.parent_span_id.as_str(), root.kind, root.is_error),
        ("", SERVER, false)
    );
    assert_eq!(root.end - root.start, 900_000);
    for (name, value) in [
        ("http.request.method", "GET"),
        ("http.route", "/users/{userId}/profile"),
        ("http.response.status_code", "200"),
        ("usher.request_id", "5bd21e6b-44e0-8f4c-a3a1-5f3a0d2c6f2e"),
        ("usher.api_key_id", "key-1"),
    ] {
        assert_eq!(attribute(root, name), Some(value), "{name}");
    }
    for part in &spans[1..] {
        assert_eq!(
            (&part.trace_id, &part.parent_span_id),
            (&root.trace_id, &root.span_id)
        );
        assert!(root.start <= part.start && part.end <= root.end, "{part:?}");
        assert_eq!(part.attributes, []);
    }
    assert_eq!(spans[4].end - spans[4].start, 600_000);
    let ids: HashSet<_> = spans.iter().map(|span| &span.span_id).collect();
    assert_eq!(ids.len(), 5);
    let resource = receiver.resource();
    for (name, value) in [
        ("service.name", "usher"),
        ("service.version", env!("CARGO_PKG_VERSION")),
        ("deployment.environment.name", "prod"),
    ] {
        assert!(
            resource.contains(&(name.to_owned(), value.to_owned())),
            "{resource:?}"
        );
    }
}

#[tokio::test]
async fn the_callers_trace_goes_on_and_its_choice_is_kept() {
    let receiver = OtlpReceiver::start().await;
    let (all, none) = (traces(&receiver, 1.0), traces(&receiver, 0.0));
    let trail = Trail::default();
    let traced = |sampled| Answered {
        trace: Some(TraceContext {
            trace_id: 0xabc,
            parent: Some(0xdef),
            sampled,
        }),
        ..call(&trail)
    };
    all.answered(&traced(Some(false)));
    none.answered(&traced(None));
    none.answered(&call(&trail));
    all.flush().await;
    none.flush().await;
    assert_eq!(receiver.exports(), 0);
    none.answered(&traced(Some(true)));
    none.flush().await;
    let root = receiver.spans().remove(0);
    assert_eq!(root.trace_id, format!("{:032x}", 0xabc));
    assert_eq!(root.parent_span_id, format!("{:016x}", 0xdef));
}

#[tokio::test]
async fn what_went_wrong_and_what_refused_are_attributes_and_every_one_is_documented() {
    let receiver = OtlpReceiver::start().await;
    let traces = traces(&receiver, 1.0);
    let plan = PlanInForce {
        id: PlanId::new("gold"),
        limits: Limits::default(),
        per_user: None,
        methods: BTreeMap::new(),
        generation: 0,
    };
    let trail = Trail {
        plan: Some(Arc::new(plan)),
        gateway_key: Some("key-1".into()),
        ..Trail::default()
    };
    traces.answered(&Answered {
        status: 504,
        error: Some("timeout"),
        resource: None,
        method: "BREW",
        ..call(&trail)
    });
    traces.answered(&Answered {
        status: 429,
        error: Some("throttled"),
        rule: Some(Rule::Throttle),
        phases: Phases::default(),
        ..call(&trail)
    });
    traces.flush().await;
    let spans = receiver.spans();
    let roots: Vec<_> = spans.iter().filter(|span| span.kind == SERVER).collect();
    assert_eq!(
        (roots[0].name.as_str(), roots[0].is_error),
        ("_OTHER", true)
    );
    assert_eq!(attribute(roots[0], "error.type"), Some("timeout"));
    assert!(!roots[1].is_error, "a refusal is no fault of ours");
    assert_eq!(attribute(roots[1], "usher.rule"), Some("throttle"));
    let documented: BTreeSet<_> = SPANS[0].attributes.iter().map(|(name, _)| *name).collect();
    let told = roots.iter().flat_map(|root| &root.attributes);
    let told: BTreeSet<_> = told.map(|(name, _)| name.as_str()).collect();
    assert_eq!(told, documented);
    assert_eq!(attribute(roots[1], "usher.usage_plan_id"), Some("gold"));
    assert_eq!(attribute(roots[1], "usher.api_key_id"), Some("key-1"));
}

#[tokio::test]
async fn spans_are_sent_in_the_background_before_long() {
    let receiver = OtlpReceiver::start().await;
    let traces = traces(&receiver, 1.0);
    traces.send_in_background();
    let trail = Trail::default();
    traces.answered(&call(&trail));
    receiver.wait_for(5).await;
    // What is enough by itself is sent at once, and not after a second.
    for _ in 0..110 {
        traces.answered(&call(&trail));
    }
    receiver.wait_for(5 + 110 * 5).await;
}

/// A collector that is away costs its wait once, nothing is kept without bound, and it is found again.
#[tokio::test(start_paused = true)]
async fn a_collector_that_is_away_is_not_waited_for_again_and_again() {
    let receiver = OtlpReceiver::start().await;
    let (address, traces) = (receiver.address(), traces(&receiver, 1.0));
    drop(receiver);
    let trail = Trail::default();
    let tokio_now = tokio::time::Instant::now;
    traces.answered(&call(&trail));
    traces.flush().await;
    let began = tokio_now();
    for _ in 0..100 {
        traces.answered(&call(&trail));
        traces.flush().await;
    }
    assert_eq!(began.elapsed(), Duration::ZERO, "left out at once");
    tokio::time::advance(Duration::from_secs(11)).await;
    let receiver = OtlpReceiver::start_at(address).await;
    tokio::time::resume();
    traces.answered(&call(&trail));
    traces.flush().await;
    assert_eq!(receiver.spans().len(), 5, "{}", receiver.text());
}

#[tokio::test]
async fn what_waits_is_bounded() {
    let receiver = OtlpReceiver::start().await;
    let traces = Arc::new(traces(&receiver, 1.0));
    let trail = Trail::default();
    for number in 0..100_000_u32 {
        let request_id = u128::from(number) + 1;
        traces.answered(&Answered {
            request_id,
            ..call(&trail)
        });
    }
    traces.flush().await;
    let spans = receiver.spans().len();
    assert!((4000..=4096).contains(&spans), "{spans}");
}

#[tokio::test]
async fn what_is_being_sent_is_waited_for_at_the_end() {
    let receiver = OtlpReceiver::start_slow(Duration::from_secs(2)).await;
    let traces = traces(&receiver, 1.0);
    traces.send_in_background();
    let trail = Trail::default();
    for _ in 0..110 {
        traces.answered(&call(&trail));
    }
    // Enough to be sent at once: by now it is on its way, and nothing waits any more.
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(receiver.exports(), 0, "it is slow");
    traces.flush().await;
    assert_eq!(receiver.spans().len(), 110 * 5);
}

/// As when a machine is gone without a word: its connection stays open, and nobody answers.
#[tokio::test]
async fn a_connection_that_nobody_answers_on_is_given_up() {
    let gone = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = gone.local_addr().expect("an address");
    let traces = traces_to(format!("http://{address}"), 1.0, Duration::from_millis(100));
    let trail = Trail::default();
    traces.answered(&call(&trail));
    let (accepted, ()) = tokio::join!(gone.accept(), traces.flush());
    let _kept = accepted.expect("a connection");
    drop(gone);
    let receiver = OtlpReceiver::start_at(address).await;
    let found = async {
        while receiver.spans().is_empty() {
            traces.answered(&call(&trail));
            traces.flush().await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    let found = tokio::time::timeout(Duration::from_secs(30), found).await;
    found.expect("another connection");
}
