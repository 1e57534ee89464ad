//! The least that a Lambda function in Rust can do about a profile: one `GetItem` by the id in the path, and the item
//! as JSON. No check of anything. `TABLE` names the table.

use std::collections::HashMap;

use aws_config::BehaviorVersion;
use aws_sdk_dynamodb::{Client, types::AttributeValue};
use lambda_http::{
    Error, LambdaEvent,
    lambda_runtime::{run, service_fn},
};
use serde_json::{Map, Value, json};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    let config = aws_config::load_defaults(BehaviorVersion::latest()).await;
    let client = Client::new(&config);
    let table = table();
    run(service_fn(|event: LambdaEvent<Value>| {
        get(&client, &table, event.payload)
    }))
    .await
}

#[allow(
    clippy::disallowed_methods,
    reason = "this is the least that reads its configuration"
)]
fn table() -> String {
    std::env::var("TABLE").unwrap_or_default()
}

async fn get(client: &Client, table: &str, event: Value) -> Result<Value, Error> {
    let user = event["pathParameters"]["userId"].as_str();
    let user = AttributeValue::S(user.unwrap_or_default().to_owned());
    let found = client.get_item().table_name(table).key("userId", user);
    Ok(match found.send().await?.item {
        Some(item) => json!({ "statusCode": 200, "body": plain(item).to_string() }),
        None => json!({ "statusCode": 404, "body": "" }),
    })
}

fn plain(item: HashMap<String, AttributeValue>) -> Value {
    let members = item.into_iter().map(|(name, value)| {
        let value = match value {
            AttributeValue::S(text) => Value::from(text),
            AttributeValue::N(number) => number.parse().map_or(Value::Null, Value::Number),
            AttributeValue::Bool(flag) => flag.into(),
            AttributeValue::M(map) => plain(map),
            _ => Value::Null,
        };
        (name, value)
    });
    Value::Object(members.collect::<Map<_, _>>())
}
