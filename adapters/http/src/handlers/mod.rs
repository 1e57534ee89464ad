pub(crate) mod development;
pub(crate) mod failure;
pub(crate) mod health;
pub(crate) mod profile;
