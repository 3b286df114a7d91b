//! The HTTP edge: requests in, replies out, nothing else.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Incoming;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;
use wire::HttpReply;

use crate::app::App;

/// Largest request body, in bytes. API Gateway's limit for HTTP APIs is 10 MB; no call needs more.
const BODY_BYTES_MAX: usize = 10 * 1024 * 1024;

/// Answers the three Personalize APIs on `listener` until the task is dropped.
pub async fn serve(listener: TcpListener, app: Arc<App>) {
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, most likely: others have to close first.
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        // Small replies must not wait for more to send.
        let _ = stream.set_nodelay(true);
        let app = app.clone();
        tokio::spawn(async move {
            let service = hyper::service::service_fn(move |request| {
                let app = app.clone();
                async move { Ok::<_, std::convert::Infallible>(answer(&app, request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(Duration::from_secs(60))
                .serve_connection(TokioIo::new(stream), service);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "connection ended");
            }
        });
    }
}

async fn answer(app: &App, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let (head, body) = request.into_parts();
    let path = head.uri.path();
    if head.method == Method::GET && (path == "/" || path == "/health") {
        return plain(StatusCode::OK, "Osusume answers the Amazon Personalize APIs here, by POST.\n");
    }
    if head.method == Method::GET && path.starts_with("/campaigns/") {
        let query = head.uri.query().unwrap_or_default();
        return respond(campaign::handle_get(&app.campaign, &app.control.scope, path, query).await);
    }
    if head.method != Method::POST {
        return plain(StatusCode::METHOD_NOT_ALLOWED, "The Personalize APIs are called by POST.\n");
    }
    let body = match Limited::new(body, BODY_BYTES_MAX).collect().await {
        Ok(body) => body.to_bytes(),
        Err(_) => return plain(StatusCode::PAYLOAD_TOO_LARGE, "The request body is larger than 10 MiB.\n"),
    };
    let target = head.headers.get("x-amz-target").and_then(|value| value.to_str().ok());
    let reply = match path {
        "/" => control::handle(&app.control, target, &body).await,
        path if events::OPERATIONS.iter().any(|&(_, of)| of == path) => {
            events::handle(&app.events, path, &body).await
        }
        _ => campaign::handle(&app.campaign, path, &body).await,
    };
    respond(reply)
}

fn respond(reply: HttpReply) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(reply.body)));
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    for (name, value) in reply.headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            response.headers_mut().insert(name, value);
        }
    }
    response
}

fn plain(status: StatusCode, text: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from_static(text.as_bytes())));
    *response.status_mut() = status;
    response
        .headers_mut()
        .insert(http::header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}
