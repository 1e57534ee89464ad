//! What `DynamoDB` answers at times and DynamoDB Local never: an endpoint of ours says it.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
};
use usher_domain::{
    ports::{Expected, ProfileStore as _, Put, StoreErrorKind},
    profile::Profile,
    user_id::UserId,
};
use usher_store_dynamodb::{Dynamo, DynamoProfileStore, DynamoSettings};

/// By the operation, what is answered to one call after the other; the last one stays.
type Script = Arc<Mutex<HashMap<&'static str, Vec<Said>>>>;
type Said = (u16, String);

fn table(status: &str) -> Said {
    let said = serde_json::json!({"Table": {
        "TableName": "T",
        "TableStatus": status,
        "KeySchema": [{"AttributeName": "userId", "KeyType": "HASH"}],
        "AttributeDefinitions": [{"AttributeName": "userId", "AttributeType": "S"}],
    }});
    (200, said.to_string())
}

/// The answer to a read of an item that is not in a table that is.
fn there() -> Said {
    (200, "{}".to_owned())
}

fn error(code: &str) -> Said {
    error_saying(code, "as it was told")
}

fn error_saying(code: &str, message: &str) -> Said {
    let kind = format!("com.amazonaws.dynamodb.v20120810#{code}");
    let said = serde_json::json!({"__type": kind, "message": message});
    (400, said.to_string())
}

struct Endpoint {
    script: Script,
    settings: DynamoSettings,
}

impl Endpoint {
    async fn saying(script: impl IntoIterator<Item = (&'static str, Vec<Said>)>) -> Self {
        let script: Script = Arc::new(Mutex::new(script.into_iter().collect()));
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let told = Arc::clone(&script);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(stream, Arc::clone(&told)));
            }
        });
        let settings = DynamoSettings {
            table: "T".to_owned(),
            control: "C".to_owned(),
            region: Some("eu-west-1".to_owned()),
            endpoint: Some(format!("http://{address}")),
            migrate: true,
            timeout: Duration::from_secs(5),
            consistent_reads: true,
        };
        Self { script, settings }
    }

    fn left(&self, operation: &str) -> usize {
        self.script.lock().unwrap()[operation].len()
    }
}

async fn answer(stream: TcpStream, script: Script) {
    let mut stream = BufReader::new(stream);
    loop {
        let (mut operation, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if stream.read_line(&mut line).await.unwrap_or(0) == 0 {
                return;
            }
            let line = line.trim_end();
            if line.is_empty() {
                break;
            }
            let (name, value) = line.split_once(": ").unwrap_or((line, ""));
            match name.to_ascii_lowercase().as_str() {
                "x-amz-target" => value.rsplit('.').next().unwrap().clone_into(&mut operation),
                "content-length" => length = value.parse().unwrap(),
                _ => {}
            }
        }
        stream.read_exact(&mut vec![0; length]).await.unwrap();
        let (status, body) = {
            let mut script = script.lock().unwrap();
            let said = script.get_mut(operation.as_str());
            let said = said.unwrap_or_else(|| panic!("nothing to say to {operation}"));
            if said.len() > 1 {
                said.remove(0)
            } else {
                said[0].clone()
            }
        };
        let answer = format!(
            "HTTP/1.1 {status} X\r\ncontent-type: application/x-amz-json-1.0\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
}

#[tokio::test]
async fn what_passes_is_no_fault_of_the_program() {
    for (code, kind) in [
        ("TransactionConflictException", StoreErrorKind::Overloaded),
        (
            "ProvisionedThroughputExceededException",
            StoreErrorKind::Overloaded,
        ),
        ("ThrottlingException", StoreErrorKind::Overloaded),
        ("RequestLimitExceeded", StoreErrorKind::Overloaded),
        (
            "ReplicatedWriteConflictException",
            StoreErrorKind::Overloaded,
        ),
        ("ExpiredTokenException", StoreErrorKind::Unavailable),
        ("UnrecognizedClientException", StoreErrorKind::Unavailable),
        ("InvalidSignatureException", StoreErrorKind::Unavailable),
        ("ValidationException", StoreErrorKind::Internal),
        ("AccessDeniedException", StoreErrorKind::Internal),
    ] {
        let endpoint = Endpoint::saying([
            ("GetItem", vec![there(), error(code)]),
            ("PutItem", vec![error(code)]),
            ("DeleteItem", vec![error(code)]),
        ])
        .await;
        let store = DynamoProfileStore::new(Dynamo::open(&endpoint.settings).await.unwrap());
        let alice = UserId::parse("alice").unwrap();
        let profile = Profile::from_stored_json(b"{}").unwrap();
        let get = store.get(&alice).await.unwrap_err().kind();
        let put = store.put(&alice, &profile, &Expected::Absent).await;
        let delete = store.delete(&alice, &Expected::Anything).await;
        let kinds = [get, put.unwrap_err().kind(), delete.unwrap_err().kind()];
        assert_eq!(kinds, [kind; 3], "{code}");
    }
}

/// An index that is being built takes up to an hour, in which the table serves as ever.
#[tokio::test]
async fn a_table_that_is_being_changed_does_not_stop_the_start() {
    // Somebody else is making it.
    let endpoint = Endpoint::saying([
        ("GetItem", vec![error("ResourceNotFoundException")]),
        (
            "DescribeTable",
            vec![table("CREATING"), table("CREATING"), table("UPDATING")],
        ),
    ])
    .await;
    Dynamo::open(&endpoint.settings).await.unwrap();
    assert_eq!(endpoint.left("DescribeTable"), 1);
    // Another process makes it, or it is being restored: this one may not, and waits.
    let mut endpoint = Endpoint::saying([
        ("GetItem", vec![error("ResourceNotFoundException")]),
        ("DescribeTable", vec![table("CREATING"), table("ACTIVE")]),
    ])
    .await;
    endpoint.settings.migrate = false;
    Dynamo::open(&endpoint.settings).await.unwrap();
}

/// A function may read and write its tables, and nothing else.
#[tokio::test]
async fn a_table_that_is_there_is_not_described() {
    let mut endpoint = Endpoint::saying([("GetItem", vec![there()])]).await;
    for migrate in [true, false] {
        endpoint.settings.migrate = migrate;
        Dynamo::open(&endpoint.settings).await.unwrap();
    }
}

#[tokio::test]
async fn a_table_that_is_missing_or_another_stops_the_start_and_is_named() {
    let schema = "The provided key element does not match the schema";
    let missing = || error("ResourceNotFoundException");
    let denied = error("AccessDeniedException");
    for (read, described, said) in [
        (
            missing(),
            missing(),
            "does not exist, or not yet: run `usher migrate`",
        ),
        (
            missing(),
            denied,
            "does not exist, or not yet: run `usher migrate`",
        ),
        (
            error_saying("ValidationException", schema),
            missing(),
            "has another key than userId, text, and nothing else",
        ),
        (
            error_saying("ValidationException", "Invalid table/index name."),
            missing(),
            "could not read the table",
        ),
    ] {
        let script = [("GetItem", vec![read]), ("DescribeTable", vec![described])];
        let mut endpoint = Endpoint::saying(script).await;
        endpoint.settings.migrate = false;
        let error = Dynamo::open(&endpoint.settings).await.unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains(&endpoint.settings.table) && text.contains(said),
            "{text}"
        );
    }
}

#[tokio::test]
async fn backups_of_a_new_table_are_switched_on_as_soon_as_it_can_be() {
    let not_yet = || error("ContinuousBackupsUnavailableException");
    let endpoint = Endpoint::saying([
        ("GetItem", vec![error("ResourceNotFoundException")]),
        (
            "DescribeTable",
            vec![
                error("ResourceNotFoundException"),
                table("CREATING"),
                table("ACTIVE"),
            ],
        ),
        ("CreateTable", vec![table("CREATING")]),
        (
            "UpdateContinuousBackups",
            vec![not_yet(), not_yet(), (200, "{}".to_owned())],
        ),
    ])
    .await;
    Dynamo::open(&endpoint.settings).await.unwrap();
    assert_eq!(
        endpoint.left("UpdateContinuousBackups"),
        1,
        "until it was taken"
    );
}

/// DynamoDB's own words for what it does not take of an item.
#[tokio::test]
async fn what_the_table_does_not_take_is_refused_and_all_else_is_a_fault() {
    let alice = UserId::parse("alice").unwrap();
    let profile = Profile::from_stored_json(b"{}").unwrap();
    for (message, is_refused) in [
        (
            "One or more parameter values were invalid: Type mismatch for Index Key email Expected: S Actual: NULL IndexName: byEmail",
            true,
        ),
        (
            "One or more parameter values are not valid. A value specified for a secondary index key is not supported. The \
          AttributeValue for a key attribute cannot contain an empty string value. IndexName: byEmail, IndexKey: email",
            true,
        ),
        (
            "One or more parameter values were invalid: Size of hashkey has exceeded the maximum size limit of2048 bytes",
            true,
        ),
        ("Item size has exceeded the maximum allowed size", true),
        (
            "Item size to update has exceeded the maximum allowed size",
            true,
        ),
        ("Invalid UpdateExpression: Syntax error", false),
    ] {
        let endpoint = Endpoint::saying([
            ("GetItem", vec![there()]),
            (
                "PutItem",
                vec![error_saying("ValidationException", message)],
            ),
        ])
        .await;
        let store = DynamoProfileStore::new(Dynamo::open(&endpoint.settings).await.unwrap());
        let put = store.put(&alice, &profile, &Expected::Anything).await;
        match put {
            Ok(Put::Refused(places)) => {
                assert!(is_refused, "{message}");
                assert!(places.len() == 1 && !places[0].detail.contains("email"));
            }
            Err(error) => assert!(
                !is_refused && error.kind() == StoreErrorKind::Internal,
                "{message}"
            ),
            Ok(put) => panic!("{put:?}"),
        }
    }
}
