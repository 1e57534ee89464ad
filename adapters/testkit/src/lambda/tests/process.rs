//! The start of a process, as far as it goes without a real function.

use std::path::PathBuf;

use crate::lambda::{Front, LambdaHost, LambdaSpec, StartError};

#[tokio::test]
async fn a_binary_that_ends_at_once_fails_the_start_with_its_output() {
    let spec = LambdaSpec {
        binary: PathBuf::from("/usr/bin/env"),
        env: vec![
            ("USHER_TEST".to_owned(), "a value".to_owned()),
            ("AWS_REGION".to_owned(), "eu-north-1".to_owned()),
        ],
        front: Front::RestApi,
    };
    let Err(StartError::Exited { status, output }) = LambdaHost::start(spec).await else {
        panic!("it printed its environment and ended");
    };
    assert_eq!(status, "exit status: 0");
    let mut names: Vec<&str> = output
        .lines()
        .filter_map(|line| Some(line.split_once('=')?.0))
        .collect();
    names.sort_unstable();
    let expected = [
        "AWS_LAMBDA_FUNCTION_MEMORY_SIZE",
        "AWS_LAMBDA_FUNCTION_NAME",
        "AWS_LAMBDA_FUNCTION_VERSION",
        "AWS_LAMBDA_LOG_GROUP_NAME",
        "AWS_LAMBDA_LOG_STREAM_NAME",
        "AWS_LAMBDA_RUNTIME_API",
        "AWS_REGION",
        "PATH",
        "USHER_TEST",
        "_HANDLER",
    ];
    assert_eq!(
        names, expected,
        "nothing of the caller's environment but PATH"
    );
    assert!(output.contains("AWS_LAMBDA_RUNTIME_API=127.0.0.1:"));
    assert!(output.contains("AWS_REGION=eu-north-1\n"));
}

#[tokio::test]
async fn a_binary_that_does_not_exist_fails_the_start_with_its_name() {
    let binary = PathBuf::from("/nonexistent/bootstrap");
    let spec = LambdaSpec {
        binary,
        env: Vec::new(),
        front: Front::HttpApi,
    };
    let error = LambdaHost::start(spec).await.expect_err("nothing to run");
    assert!(
        error.to_string().contains("/nonexistent/bootstrap"),
        "{error}"
    );
}
