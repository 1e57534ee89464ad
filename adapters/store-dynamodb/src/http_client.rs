//! The connections to `DynamoDB`, which are thrown away together when nothing comes over them.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, SystemTime},
};

use aws_sdk_dynamodb::config::ConfigBag;
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        connector_metadata::ConnectorMetadata,
        http::{
            HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings,
            SharedHttpClient, SharedHttpConnector,
        },
        orchestrator::HttpRequest,
        runtime_components::{RuntimeComponents, RuntimeComponentsBuilder},
    },
};
use tokio::time::{Instant, timeout};

use crate::trust::trusted;

/// A connection that nothing has come over for so long is not used again.
const FORGOTTEN: Duration = Duration::from_secs(45);

/// The SDK's own client, and another in its place when it has gone silent.
///
/// It keeps connections as long as nobody closes them. Those that a firewall has forgotten look like
/// all others, and each would cost a call its whole time to find out. So do those that were closed while a function's
/// sandbox was frozen, where a write over one could not be sent again: hence the clock on the wall, for a frozen
/// process's own may stand still.
#[derive(Clone, Debug)]
pub(crate) struct RenewedClient {
    /// So long an answer may take when there are no others meanwhile.
    silence: Duration,
    now: Arc<Mutex<Now>>,
    wall: fn() -> SystemTime,
}

#[derive(Debug)]
struct Now {
    client: SharedHttpClient,
    /// Counts clients.
    number: u64,
    /// When the last answer came.
    heard: Instant,
    /// The same, by the clock on the wall; of a client without an answer, when it was made.
    heard_at: SystemTime,
}

impl RenewedClient {
    #[allow(
        clippy::disallowed_methods,
        reason = "nothing that is decided depends on it, only which connection is used"
    )]
    pub(crate) fn new(silence: Duration) -> Self {
        Self::by(SystemTime::now, silence)
    }

    fn by(wall: fn() -> SystemTime, silence: Duration) -> Self {
        let now = Now {
            client: fresh(),
            number: 0,
            heard: Instant::now(),
            heard_at: wall(),
        };
        Self {
            silence,
            now: Arc::new(Mutex::new(now)),
            wall,
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self) -> SharedHttpClient {
        self.now().client.clone()
    }

    /// The client that a call is to use, and its number.
    fn for_a_call(&self) -> (SharedHttpClient, u64) {
        let at = (self.wall)();
        let mut now = self.now();
        // A clock that was set back says nothing.
        if at
            .duration_since(now.heard_at)
            .is_ok_and(|ago| ago > FORGOTTEN)
        {
            now.renew(at);
        }
        (now.client.clone(), now.number)
    }

    /// Client `number` has not answered what was sent at `sent`.
    fn is_silent(&self, number: u64, sent: Instant) {
        let mut now = self.now();
        if now.number == number && now.heard < sent {
            now.renew((self.wall)());
        }
    }
}

impl Now {
    fn renew(&mut self, at: SystemTime) {
        self.client = fresh();
        self.number += 1;
        self.heard_at = at;
    }
}

/// As the SDK makes one when it is not told otherwise, the machine's proxy included, but for where certificates are
/// read from.
fn fresh() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let provider = Provider::Rustls(CryptoMode::AwsLc);
        let mut connector = Connector::builder().tls_provider(provider);
        if let Ok(context) = TlsContext::builder().with_trust_store(trusted()).build() {
            connector = connector.tls_context(context);
        }
        connector.set_connector_settings(settings.cloned());
        connector.set_proxy_config(Some(ProxyConfig::from_env()));
        if let Some(components) = components {
            connector.set_sleep_impl(components.sleep_impl());
        }
        connector.build()
    })
}

impl HttpClient for RenewedClient {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        let (client, number) = self.for_a_call();
        SharedHttpConnector::new(Connection {
            inner: client.http_connector(settings, components),
            number,
            client: self.clone(),
        })
    }

    fn validate_base_client_config(
        &self,
        components: &RuntimeComponentsBuilder,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.client()
            .validate_base_client_config(components, config)
    }

    fn validate_final_config(
        &self,
        components: &RuntimeComponents,
        config: &ConfigBag,
    ) -> Result<(), BoxError> {
        self.client().validate_final_config(components, config)
    }

    fn connector_metadata(&self) -> Option<ConnectorMetadata> {
        self.client().connector_metadata()
    }
}

/// The connections of one client.
#[derive(Debug)]
struct Connection {
    inner: SharedHttpConnector,
    number: u64,
    client: RenewedClient,
}

impl HttpConnector for Connection {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let (number, client) = (self.number, self.client.clone());
        let answer = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let sent = Instant::now();
            let mut answer = pin!(answer);
            let answer = if let Ok(answer) = timeout(client.silence, &mut answer).await {
                answer
            } else {
                client.is_silent(number, sent);
                answer.await
            };
            if answer.is_ok() {
                let at = (client.wall)();
                let mut now = client.now();
                now.heard = Instant::now();
                now.heard_at = at;
            }
            answer
        })
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    static SECONDS: AtomicU64 = AtomicU64::new(1_000_000);

    fn wall() -> SystemTime {
        SystemTime::UNIX_EPOCH + Duration::from_secs(SECONDS.load(Ordering::SeqCst))
    }

    fn number_after(client: &RenewedClient, seconds: u64) -> u64 {
        SECONDS.fetch_add(seconds, Ordering::SeqCst);
        client.for_a_call().1
    }

    #[test]
    fn connections_from_before_a_freeze_are_not_used_again() {
        let client = RenewedClient::by(wall, Duration::from_secs(1));
        assert_eq!(number_after(&client, 45), 0, "its time is not over");
        assert_eq!(number_after(&client, 1), 1);
        assert_eq!(number_after(&client, 45), 1, "this one is young");
        client.now().heard_at = wall();
        assert_eq!(number_after(&client, 45), 1, "something came over it");
        assert_eq!(number_after(&client, 600), 2);
        SECONDS.fetch_sub(5000, Ordering::SeqCst);
        assert_eq!(client.for_a_call().1, 2, "the clock was set back");
    }
}
