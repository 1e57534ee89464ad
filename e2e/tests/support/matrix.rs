//! One named test for each case on each entrypoint over each store.

use super::{Deployment, Entrypoint, Rules, Store, external};

/// Makes the tests `<entrypoint>::<store>::<case>` of all cases, and `external::<case>` of those
/// that need no plans, keys and tokens of the suite's own.
macro_rules! on_every_deployment {
    (
        anywhere { $($group:ident: $($case:ident),+;)+ }
        with_own_plans_and_tokens { $($own_group:ident: $($own_case:ident),+;)+ }
        under_strict_rules { $($strict_group:ident: $($strict_case:ident),+;)+ }
    ) => {
        crate::support::matrix::on_every_store!(server, Server, {
            $($($group $case Defaults)+)+ $($($own_group $own_case Defaults)+)+
            $($($strict_group $strict_case Strict)+)+
        });
        crate::support::matrix::on_every_store!(lambda_rest, LambdaRest, {
            $($($group $case Defaults)+)+ $($($own_group $own_case Defaults)+)+
            $($($strict_group $strict_case Strict)+)+
        });
        crate::support::matrix::on_every_store!(lambda_http, LambdaHttp, {
            $($($group $case Defaults)+)+ $($($own_group $own_case Defaults)+)+
            $($($strict_group $strict_case Strict)+)+
        });
        crate::support::matrix::on_every_store!(lambda_http_v1, LambdaHttpV1, {
            $($($group $case Defaults)+)+ $($($own_group $own_case Defaults)+)+
            $($($strict_group $strict_case Strict)+)+
        });
        crate::support::matrix::on_every_store!(lambda_url, LambdaUrl, {
            $($($group $case Defaults)+)+ $($($own_group $own_case Defaults)+)+
            $($($strict_group $strict_case Strict)+)+
        });
        crate::support::matrix::on_every_store!(lambda_alb, LambdaAlb, {
            $($($group $case Defaults)+)+ $($($own_group $own_case Defaults)+)+
            $($($strict_group $strict_case Strict)+)+
        });
        crate::support::matrix::on_every_store!(lambda_alb_multi, LambdaAlbMulti, {
            $($($group $case Defaults)+)+ $($($own_group $own_case Defaults)+)+
            $($($strict_group $strict_case Strict)+)+
        });
        mod external {
            $($(
                #[tokio::test]
                async fn $case() {
                    crate::support::matrix::run_external(crate::cases::$group::$case).await;
                }
            )+)+
        }
    };
}

macro_rules! on_every_store {
    ($module:ident, $entrypoint:ident, $cases:tt) => {
        mod $module {
            crate::support::matrix::on_one_store!(memory, $entrypoint, Memory, $cases);
            crate::support::matrix::on_one_store!(sqlite, $entrypoint, Sqlite, $cases);
            crate::support::matrix::on_one_store!(postgres, $entrypoint, Postgres, $cases);
            crate::support::matrix::on_one_store!(dynamodb, $entrypoint, Dynamodb, $cases);
        }
    };
}

macro_rules! on_one_store {
    ($module:ident, $entrypoint:ident, $store:ident, { $($group:ident $case:ident $rules:ident)+ }) => {
        mod $module {
            use crate::support::{Entrypoint, Rules, Store, matrix};

            $(
                #[tokio::test]
                async fn $case() {
                    let case = crate::cases::$group::$case;
                    let (entrypoint, store) = (Entrypoint::$entrypoint, Store::$store);
                    matrix::run(entrypoint, store, Rules::$rules, case).await;
                }
            )+
        }
    };
}

pub(crate) use {on_every_deployment, on_every_store, on_one_store};

/// Runs a case on a deployment of its own.
pub(crate) async fn run(
    entrypoint: Entrypoint,
    store: Store,
    rules: Rules,
    case: impl AsyncFnOnce(&Deployment),
) {
    let deployment = Deployment::start(entrypoint, store, rules).await;
    case(&deployment).await;
    deployment.end().await;
}

/// Runs a case on the deployment that the environment names.
pub(crate) async fn run_external(case: impl AsyncFnOnce(&Deployment)) {
    let deployment = external::deployment().await;
    case(&deployment).await;
    deployment.end().await;
}
