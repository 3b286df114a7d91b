//! Plain HTTP for the SDK, one connection for each request. The SDK's own client would bring parts
//! of a TLS stack into the build, and the server listens on loopback.

use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, SharedHttpClient, SharedHttpConnector, http_client_fn,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_runtime_api::client::result::ConnectorError;
use aws_smithy_types::body::SdkBody;
use http_body_util::BodyExt;
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// The client to hand to an SDK configuration.
pub fn client() -> SharedHttpClient {
    let connector = SharedHttpConnector::new(PlainHttp);
    http_client_fn(move |_, _| connector.clone())
}

#[derive(Debug)]
struct PlainHttp;

impl HttpConnector for PlainHttp {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        HttpConnectorFuture::new_boxed(Box::pin(async move {
            let request = request.try_into_http1x().map_err(|e| ConnectorError::user(e.into()))?;
            let response = send(request).await.map_err(ConnectorError::io)?;
            HttpResponse::try_from(response).map_err(|e| ConnectorError::user(e.into()))
        }))
    }
}

async fn send(mut request: http::Request<SdkBody>) -> Result<http::Response<SdkBody>, BoxError> {
    let authority = request.uri().authority().ok_or("a request without a host")?.to_string();
    let stream = TokioIo::new(TcpStream::connect(&authority).await?);
    let (mut sender, connection) = hyper::client::conn::http1::handshake(stream).await?;
    let connection = tokio::spawn(connection);
    if !request.headers().contains_key(http::header::HOST) {
        request.headers_mut().insert(http::header::HOST, authority.parse()?);
    }
    // HTTP/1.1 asks for the path alone.
    let path = request.uri().path_and_query().map_or("/", |path| path.as_str()).parse()?;
    *request.uri_mut() = path;
    let (parts, body) = sender.send_request(request).await?.into_parts();
    let body = body.collect().await?.to_bytes();
    connection.abort();
    Ok(http::Response::from_parts(parts, SdkBody::from(body)))
}
