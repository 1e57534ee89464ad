//! The black-box suite: the same cases against every entrypoint over every store.
//!
//! The suite knows Usher by its two binaries and by HTTP alone. It is one test target, `e2e`:
//!
//! * `server::sqlite::…`, `lambda_rest::dynamodb::…` and so on: each case of `tests/cases` on each
//!   of three entrypoints (the container's server, and the Lambda binary behind an emulated REST API
//!   and HTTP API) over each of four stores. A case has one name everywhere.
//! * `…::transcript_is_the_same_everywhere`, among them: one conversation, compared with one
//!   snapshot for all twelve, so that they are equal to each other. What an entrypoint may do
//!   differently is listed, with its reason, in `tests/support/differences.rs` and nowhere else.
//! * `external::…`: the cases that need nothing but an address, an API key and tokens of a
//!   development key; see below.
//! * `command::…`, `dev::…`: exit codes, signals and what `usher dev` prints.
//! * `durability::…`: `kill -9` while writing.
//! * `filled_tables::…`: a `DynamoDB` table that `boto3` filled, with types that JSON does not have.
//! * `usage::…`: plans, keys and quotas over the lives of servers.
//! * `identity::…`: tokens of others, with the tools that `.ci/identity-tools` installs: npm's
//!   cognito-local and jose, `PyPI`'s `PyJWT`, and npm's aws-jwt-verify for its judgement.
//! * `tls::…`: issuers' keys over TLS, under an authority of the tests' own.
//!
//! # The binaries
//!
//! They are looked for beside the test's own executable, in `target/debug`. Cargo does not know that
//! these tests run them, so they are built first:
//!
//! ```sh
//! cargo build --workspace --bins
//! cargo nextest run --workspace -E 'package(usher-e2e)'
//! ```
//!
//! The whole workspace at once, because then both binaries are built with all four stores: on its
//! own the Lambda binary has `DynamoDB` only. `USHER_E2E_SERVER` and `USHER_E2E_LAMBDA` name other
//! binaries.
//!
//! # Against a deployment that runs already
//!
//! `external::…` starts a server of its own unless `USHER_E2E_URL` names another:
//!
//! | Variable | |
//! |---|---|
//! | `USHER_E2E_URL` | where it is, without a trailing slash |
//! | `USHER_E2E_API_KEY` | an API key of a plan that lets a few hundred calls pass at once |
//! | `USHER_E2E_KEY_DIR` | the folder that `usher token init` made; the deployment trusts its `jwks.json` for the issuer `urn:usher:development` and the audience `usher` |
//! | `USHER_E2E_ENTRYPOINT` | `server` (the default), `lambda_rest` or `lambda_http`: whose listed differences apply |
//!
//! ```sh
//! cargo nextest run --workspace -E 'package(usher-e2e) & test(/^external::/)'
//! ```
//!
//! The users of these cases have random names; their profiles stay behind. `.ci/containers` asks
//! the container image so, over Postgres and over `DynamoDB` Local.
