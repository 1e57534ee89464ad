//! What every implementation of a port must do, as one suite for each port, and what the domain's
//! services over any store must do for clients that come at once and for those who run a deployment.
//!
//! A store's `tests/conformance.rs` calls the suite's macro with an async function that makes an
//! isolated, empty store and whatever has to stay alive as long as it:
//!
//! ```ignore
//! usher_testkit::profile_store_conformance!(fresh);
//! ```
//!
//! Each case becomes a test of its own, under the same name for every store. There are no
//! exceptions and no skips.

mod clients;
pub mod concurrent_writers;
pub mod control_plane;
mod course;
mod history;
mod key_calls;
pub mod key_import;
pub mod key_store;
mod overtaken;
pub mod plans;
pub mod profile_store;
pub mod usage_store;
pub mod values;

use std::sync::Arc;

use usher_domain::ports::{KeyStore, UsageStore};

/// The stores that a control plane works over.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "ports have none")]
pub struct ControlStores {
    /// Plans and keys.
    pub keys: Arc<dyn KeyStore>,
    /// What was spent of them.
    pub usage: Arc<dyn UsageStore>,
}

/// Defines the cases of a suite and the macro that makes tests of them, so that no case can be
/// written and then forgotten.
#[macro_export]
#[doc(hidden)]
macro_rules! suite {
    (
        ($d:tt) $macro_name:ident for $port:ident in $module:ident;
        $($cases:tt)*
    ) => {
        $crate::suite! {
            ($d) $macro_name over (std::sync::Arc<dyn usher_domain::ports::$port>) in $module;
            $($cases)*
        }
    };
    (
        ($d:tt) $macro_name:ident over ($store_type:ty) in $module:ident;
        $($(#[doc = $doc:literal])* async fn $name:ident($store:ident) $body:block)*
    ) => {
        $(
            $(#[doc = $doc])*
            pub async fn $name($store: $store_type) $body
        )*

        /// Makes a test of every case. The argument is an async function that returns an empty
        /// store and a guard.
        #[macro_export]
        macro_rules! $macro_name {
            ($d fresh:path) => {
                $(
                    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                    async fn $name() {
                        let (store, _guard) = $d fresh().await;
                        $crate::conformance::$module::$name(store).await;
                    }
                )*
            };
        }
    };
}
