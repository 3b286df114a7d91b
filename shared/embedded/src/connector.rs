//! Lets an SDK client call a service in this process instead of opening a connection.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;

pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The HTTP client that hands each request to `service`. An error of the service itself reaches the
/// caller as a failed connection.
pub(crate) fn http_client<S, F>(service: S) -> SharedHttpClient
where
    S: Fn(http::Request<SdkBody>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<http::Response<SdkBody>, BoxError>> + Send + 'static,
{
    let connector = SharedHttpConnector::new(InProcess(Arc::new(service)));
    http_client_fn(move |_, _| connector.clone())
}

struct InProcess<S>(Arc<S>);

impl<S, F> HttpConnector for InProcess<S>
where
    S: Fn(http::Request<SdkBody>) -> F + Send + Sync + 'static,
    F: Future<Output = Result<http::Response<SdkBody>, BoxError>> + Send + 'static,
{
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let service = Arc::clone(&self.0);
        HttpConnectorFuture::new_boxed(Box::pin(async move {
            let request = request.try_into_http1x().map_err(|e| ConnectorError::user(e.into()))?;
            let response = service(request).await.map_err(|e| ConnectorError::other(e, None))?;
            HttpResponse::try_from(response).map_err(|e| ConnectorError::user(e.into()))
        }))
    }
}

impl<S> fmt::Debug for InProcess<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InProcess")
    }
}
