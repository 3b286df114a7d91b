//! `osusume serve`: the APIs on this machine.

use std::io::Write;
use std::net::SocketAddr;
use std::sync::Arc;

use anyhow::Context;
use steps::DeviceChoice;
use tokio::net::TcpListener;

use crate::app::App;
use crate::cli::Serve;
use crate::http;

/// Listens until it is interrupted.
pub async fn run(app: App, options: &Serve) -> anyhow::Result<()> {
    let s3_port = options.s3_port.unwrap_or(match options.port {
        0 => 0,
        port => port.checked_add(1).context("there is no port after 65535; choose one with --s3-port")?,
    });
    let api = bind(options, options.port, "--port").await?;
    let s3 = bind(options, s3_port, "--s3-port").await?;
    let (api_address, s3_address) = (api.local_addr()?, s3.local_addr()?);

    let resumed = app.launcher.resume().await?;
    let app = Arc::new(app);
    let uploads = app.clone();
    tokio::spawn(async move { uploads.import_uploads().await });
    let launcher = app.launcher.clone();
    tokio::spawn(async move { launcher.keep_schedules().await });
    tokio::spawn(http::serve(api, app.clone()));
    let buckets = app.embedded.s3.clone();
    tokio::spawn(async move {
        if let Err(error) = buckets.serve(s3).await {
            tracing::error!(%error, "S3 is no longer served");
        }
    });

    announce(api_address, s3_address, options, resumed)?;
    let device = options.common.device;
    // A GPU is checked first, which takes seconds; nobody waits for it.
    tokio::task::spawn_blocking(move || {
        if let Some(line) = device.explain().ok().filter(|_| device != DeviceChoice::Cpu) {
            eprintln!("{line}");
        }
    });
    shutdown().await;
    eprintln!("stopping; what was under way goes on at the next start");
    Ok(())
}

async fn bind(options: &Serve, port: u16, flag: &str) -> anyhow::Result<TcpListener> {
    let address = SocketAddr::new(options.host, port);
    TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot listen on {address}; is it taken? Choose another with {flag}, or 0"))
}

/// The lines that people read and scripts parse: one service a line, its address at the end.
fn announce(api: SocketAddr, s3: SocketAddr, options: &Serve, resumed: usize) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    if options.common.json {
        let document = serde_json::json!({
            "personalize": format!("http://{api}"),
            "s3": format!("http://{s3}"),
            "data": options.common.data,
            "resumedJobs": resumed,
        });
        writeln!(out, "{document}")?;
        return out.flush();
    }
    writeln!(out, "Personalize API  http://{api}")?;
    writeln!(out, "S3               http://{s3}")?;
    writeln!(out, "data             {}", options.common.data.display())?;
    if resumed > 0 {
        writeln!(out, "resumed          {resumed} jobs that an earlier process left unfinished")?;
    }
    writeln!(out, "\n  export AWS_ENDPOINT_URL_PERSONALIZE=http://{api} \\")?;
    writeln!(
        out,
        "         AWS_ENDPOINT_URL_PERSONALIZE_RUNTIME=http://{api} AWS_ENDPOINT_URL_PERSONALIZE_EVENTS=http://{api} \\"
    )?;
    writeln!(out, "         AWS_ENDPOINT_URL_S3=http://{s3} \\")?;
    writeln!(out, "         AWS_ACCESS_KEY_ID=any AWS_SECRET_ACCESS_KEY=any AWS_DEFAULT_REGION=us-east-1\n")?;
    out.flush()
}

/// Returns at Ctrl-C or, where there is such a thing, at SIGTERM.
async fn shutdown() {
    let interrupt = tokio::signal::ctrl_c();
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = interrupt => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    let _ = interrupt.await;
}
