//! The cases. Each starts from an empty store, or from users whom nobody else has.

pub(crate) mod article;
pub(crate) mod bodies;
pub(crate) mod conditions;
pub(crate) mod life_cycle;
pub(crate) mod limits;
pub(crate) mod pages;
pub(crate) mod parity;
pub(crate) mod patches;
pub(crate) mod routes;
pub(crate) mod strict;
pub(crate) mod tokens;
pub(crate) mod user_ids;
pub(crate) mod writers;
