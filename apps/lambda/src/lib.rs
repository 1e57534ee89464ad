//! Usher as a Lambda function: the events it is called with, as requests, and what it answers.
//!
//! The library reads events itself. `lambda_http`'s own types refuse an event with a claim that is no
//! text, panic at a `Host` that is none and at a body that is no base64, and keep the last of a repeated
//! header alone.

pub mod answer;
pub mod event;
