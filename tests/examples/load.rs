//! Asks a running service for recommendations at a fixed rate and prints the latencies.
//!
//! Open loop: request n is due at start + n / rate whether or not earlier ones were answered, and its
//! latency counts from the moment it was due, so a stall of the server is seen by every request that
//! it delayed (no coordinated omission).
//!
//! ```text
//! cargo run --release -p tests --example load -- HOST:PORT CAMPAIGN_ARN USERS.txt RATE SECONDS [MEMBERS]
//! ```
//!
//! `USERS.txt` has one user id a line; `MEMBERS` is a JSON object that is added to each request, for
//! example a filter. Prints one JSON line: p50, p90, p99, max in milliseconds.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use bytes::Bytes;
use http::Request;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1::{SendRequest, handshake};
use hyper_util::rt::TokioIo;
use serde_json::{Map, Value};
use tokio::net::TcpStream;
use tokio::sync::{Mutex, mpsc};

/// Keep-alive connections; more than are ever busy at once on a healthy server.
const CONNECTIONS: usize = 16;

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [address, campaign, users, rate, seconds, more @ ..] = arguments.as_slice() else {
        bail!("usage: load HOST:PORT CAMPAIGN_ARN USERS.txt RATE SECONDS [MEMBERS]");
    };
    let more = more.first().map_or("{}", String::as_str);
    let mut members: Map<String, Value> = serde_json::from_str(more).context("MEMBERS is a JSON object")?;
    members.insert("campaignArn".into(), campaign.as_str().into());
    members.insert("numResults".into(), 25.into());
    let rate: f64 = rate.parse().context("RATE is a number of requests a second")?;
    let seconds: f64 = seconds.parse().context("SECONDS is a number")?;
    let users: Vec<String> = std::fs::read_to_string(users)?.lines().map(str::to_owned).collect();
    ensure!(!users.is_empty(), "the file of users is empty");

    let warm = (rate * seconds.min(2.0)) as usize;
    run(address, &members, &users, rate, warm).await?;
    let mut latencies = run(address, &members, &users, rate, (rate * seconds) as usize).await?;
    latencies.sort_unstable_by(f64::total_cmp);
    let at = |q: f64| latencies[((latencies.len() - 1) as f64 * q).round() as usize];
    println!(
        "{{\"requests\":{},\"rate\":{rate},\"p50_ms\":{:.3},\"p90_ms\":{:.3},\"p99_ms\":{:.3},\"max_ms\":{:.3}}}",
        latencies.len(),
        at(0.5),
        at(0.9),
        at(0.99),
        at(1.0)
    );
    Ok(())
}

/// Sends `count` requests at `rate` and returns each one's latency in milliseconds.
async fn run(
    address: &str,
    members: &Map<String, Value>,
    users: &[String],
    rate: f64,
    count: usize,
) -> anyhow::Result<Vec<f64>> {
    let (due, jobs) = mpsc::unbounded_channel::<(Instant, Bytes)>();
    let jobs = Arc::new(Mutex::new(jobs));
    let (done, mut results) = mpsc::unbounded_channel();
    for _ in 0..CONNECTIONS {
        let mut connection = connect(address).await?;
        let (jobs, done, host) = (jobs.clone(), done.clone(), address.to_owned());
        tokio::spawn(async move {
            loop {
                let Some((scheduled, body)) = jobs.lock().await.recv().await else { return };
                let outcome = request(&mut connection, &host, body).await;
                if done.send(outcome.map(|()| scheduled.elapsed().as_secs_f64() * 1e3)).is_err() {
                    return;
                }
            }
        });
    }
    drop(done);
    let start = Instant::now();
    let feeder = async {
        for n in 0..count {
            let scheduled = start + Duration::from_secs_f64(n as f64 / rate);
            // The timer of the runtime ticks in milliseconds; the last stretch is yielded away.
            if let Some(wait) = scheduled.checked_duration_since(Instant::now()) {
                if wait > Duration::from_millis(1) {
                    tokio::time::sleep(wait - Duration::from_millis(1)).await;
                }
                while Instant::now() < scheduled {
                    tokio::task::yield_now().await;
                }
            }
            // Users in a scattered order, so that no cache is flattered.
            let user = &users[n.wrapping_mul(7919) % users.len()];
            let mut body = members.clone();
            body.insert("userId".into(), user.as_str().into());
            if due.send((scheduled, Bytes::from(Value::Object(body).to_string()))).is_err() {
                break;
            }
        }
        drop(due);
    };
    let collector = async {
        let mut latencies = Vec::with_capacity(count);
        while let Some(result) = results.recv().await {
            latencies.push(result?);
        }
        anyhow::Ok(latencies)
    };
    let ((), latencies) = tokio::join!(feeder, collector);
    latencies
}

async fn connect(address: &str) -> anyhow::Result<SendRequest<Full<Bytes>>> {
    let stream = TcpStream::connect(address).await.with_context(|| format!("cannot connect to {address}"))?;
    stream.set_nodelay(true)?;
    let (sender, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(sender)
}

async fn request(sender: &mut SendRequest<Full<Bytes>>, host: &str, body: Bytes) -> anyhow::Result<()> {
    sender.ready().await?;
    let request = Request::post("/recommendations")
        .header("host", host)
        .header("content-type", "application/json")
        .body(Full::new(body))?;
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = response.into_body().collect().await?.to_bytes();
    ensure!(status.is_success(), "{status}: {}", String::from_utf8_lossy(&body));
    Ok(())
}
