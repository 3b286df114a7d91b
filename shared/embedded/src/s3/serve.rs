//! The buckets on a port.

use std::convert::Infallible;
use std::net::IpAddr;
use std::time::Duration;

use http::header::{CONNECTION, HOST, HeaderValue};
use http::{Request, Response, StatusCode};
use hyper::body::{Body as _, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use s3s::Body;
use s3s::service::S3Service;
use tokio::net::TcpListener;

use super::unsigned::unsigned;

/// How long a client may take to send its headers.
const HEADERS_TIMEOUT: Duration = Duration::from_secs(30);

pub(super) async fn serve(service: S3Service, listener: TcpListener) -> std::io::Result<()> {
    let is_loopback = listener.local_addr()?.ip().is_loopback();
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            // Ended connections are taken out, or the set would grow for ever.
            Some(_) = connections.join_next() => continue,
        };
        let stream = match accepted {
            Ok((stream, _)) => stream,
            Err(error) => {
                // Out of file descriptors, or a client that gave up: neither is a reason to stop.
                tracing::warn!(%error, "cannot accept an S3 connection");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let service = service.clone();
        connections.spawn(async move {
            let answer = service_fn(|request| {
                let service = service.clone();
                async move { Ok::<_, Infallible>(answer(&service, is_loopback, request).await) }
            });
            let connection = hyper::server::conn::http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(HEADERS_TIMEOUT)
                .serve_connection(TokioIo::new(stream), answer);
            if let Err(error) = connection.await {
                tracing::debug!(%error, "S3 connection ended early");
            }
        });
    }
}

async fn answer(service: &S3Service, is_loopback: bool, request: Request<Incoming>) -> Response<Body> {
    let host = request.headers().get(HOST).and_then(|h| h.to_str().ok()).unwrap_or_default();
    if is_loopback && !names_this_machine(host) {
        let text = format!("the host '{host}' is not this machine: use localhost or 127.0.0.1");
        return refusal(StatusCode::FORBIDDEN, "AccessDenied", &text);
    }
    let has_body = !request.body().is_end_stream();
    let mut response = match unsigned(request.map(Body::from)) {
        Ok(request) => match service.call(request).await {
            Ok(response) => response,
            Err(error) => {
                tracing::error!(?error, "S3 request failed");
                refusal(StatusCode::INTERNAL_SERVER_ERROR, "InternalError", "see the log of the server")
            }
        },
        Err(error) => refusal(StatusCode::BAD_REQUEST, "InvalidRequest", &error.to_string()),
    };
    // The rest of a body that nobody reads ends the connection. A client that is not told so might send its
    // next request into the end of it.
    if has_body && !response.status().is_success() {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}

/// Whether a `Host` header is an IP address, `localhost` or a name under it, with or without port.
fn names_this_machine(host: &str) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => host.split(':').next().unwrap_or_default(),
    };
    name.eq_ignore_ascii_case("localhost")
        || name.to_ascii_lowercase().ends_with(".localhost")
        || name.parse::<IpAddr>().is_ok()
}

fn refusal(status: StatusCode, code: &str, message: &str) -> Response<Body> {
    let escape = |c: char| match c {
        '&' => "&amp;".to_owned(),
        '<' => "&lt;".to_owned(),
        '>' => "&gt;".to_owned(),
        c => c.to_string(),
    };
    let message: String = message.chars().map(escape).collect();
    let xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>"
    );
    let mut response = Response::new(Body::from(xml));
    *response.status_mut() = status;
    let kind = http::HeaderValue::from_static("application/xml");
    response.headers_mut().insert(http::header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_of_this_machine_are_answered_on_loopback() {
        for host in ["localhost", "localhost:9000", "films.localhost:9000", "127.0.0.1:80", "[::1]:9000"] {
            assert!(names_this_machine(host), "{host}");
        }
        for host in ["", "example.org", "localhost.example.org:9000", "evil-localhost"] {
            assert!(!names_this_machine(host), "{host}");
        }
    }
}
