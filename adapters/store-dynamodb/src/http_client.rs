//! The connections to `DynamoDB`, which are thrown away together when nothing comes over them.

use std::{
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use aws_sdk_dynamodb::config::ConfigBag;
use aws_smithy_http_client::{
    Builder, Connector,
    proxy::ProxyConfig,
    tls::{Provider, rustls_provider::CryptoMode},
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

/// The SDK's own client, and another in its place when it has gone silent.
///
/// It keeps connections as long as nobody closes them. Those that a firewall has forgotten look like
/// all others, and each would cost a call its whole time to find out.
#[derive(Clone, Debug)]
pub(crate) struct RenewedClient {
    /// So long an answer may take when there are no others meanwhile.
    silence: Duration,
    now: Arc<Mutex<Now>>,
}

#[derive(Debug)]
struct Now {
    client: SharedHttpClient,
    /// Counts clients.
    number: u64,
    /// When the last answer came.
    heard: Instant,
}

impl RenewedClient {
    pub(crate) fn new(silence: Duration) -> Self {
        let now = Now {
            client: fresh(),
            number: 0,
            heard: Instant::now(),
        };
        Self {
            silence,
            now: Arc::new(Mutex::new(now)),
        }
    }

    fn now(&self) -> MutexGuard<'_, Now> {
        self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn client(&self) -> SharedHttpClient {
        self.now().client.clone()
    }

    /// Client `number` has not answered what was sent at `sent`.
    fn is_silent(&self, number: u64, sent: Instant) {
        let mut now = self.now();
        if now.number == number && now.heard < sent {
            now.client = fresh();
            now.number += 1;
        }
    }
}

/// As the SDK makes one when it is not told otherwise, the machine's proxy included.
fn fresh() -> SharedHttpClient {
    Builder::new().build_with_connector_fn(|settings, components| {
        let provider = Provider::Rustls(CryptoMode::AwsLc);
        let mut connector = Connector::builder().tls_provider(provider);
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
        let (client, number) = {
            let now = self.now();
            (now.client.clone(), now.number)
        };
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
                client.now().heard = Instant::now();
            }
            answer
        })
    }
}
