use aws_sdk_dynamodb::{
    config::http::HttpResponse,
    error::{ProvideErrorMetadata, SdkError},
};
use usher_domain::{
    json::Violation,
    ports::{StoreError, StoreErrorKind},
};

/// What an SDK error means to a caller.
pub(crate) fn store_error<E>(doing: &str, error: SdkError<E, HttpResponse>) -> StoreError
where
    E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
{
    let kind = match &error {
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) | SdkError::ResponseError(_) => {
            StoreErrorKind::Unavailable
        }
        SdkError::ServiceError(service) => match service.err().code() {
            Some(
                "ProvisionedThroughputExceededException"
                | "ThrottlingException"
                | "RequestLimitExceeded"
                // Somebody else's transaction or replication has the item at this moment; nothing
                // was done.
                | "TransactionConflictException"
                | "TransactionCanceledException"
                | "TransactionInProgressException"
                | "ReplicatedWriteConflictException",
            ) => StoreErrorKind::Overloaded,
            // Credentials that are being changed, and a clock that is being set: it passes, or an operator
            // has to see to it. The caller has done nothing wrong, and neither has the program.
            Some(
                "ExpiredTokenException"
                | "UnrecognizedClientException"
                | "InvalidSignatureException"
                | "RequestExpired"
                | "MissingAuthenticationTokenException",
            ) => StoreErrorKind::Unavailable,
            _ if service.raw().status().is_server_error() => StoreErrorKind::Unavailable,
            _ => StoreErrorKind::Internal,
        },
        _ => StoreErrorKind::Internal,
    };
    StoreError::new(kind, format!("DynamoDB: could not {doing}")).caused_by(error)
}

const TOO_LARGE: &str =
    "the item would be larger than the 400 KB of DynamoDB, with what other programs keep in it";
const INDEXED: &str = "an index of the table does not take one of the attributes like this: it wants another type, text that \
     is not empty, or a shorter one";

/// What the table does not take of a profile, which every other would: that is for the caller to change.
///
/// `DynamoDB` has one code for whatever is wrong with a request, so that its words have to tell.
pub(crate) fn refusal<E>(error: &SdkError<E, HttpResponse>) -> Option<Violation>
where
    E: ProvideErrorMetadata,
{
    let metadata = error.as_service_error()?.meta();
    if metadata.code() != Some("ValidationException") {
        return None;
    }
    let said = metadata.message()?.to_ascii_lowercase();
    let is = |words: &str| said.contains(words);
    let detail = if is("item size") && is("exceeded") {
        TOO_LARGE
    } else if is("index key") || is("size of hashkey") || is("size of rangekey") {
        INDEXED
    } else {
        return None;
    };
    Some(Violation {
        pointer: String::new(),
        detail: detail.into(),
    })
}
