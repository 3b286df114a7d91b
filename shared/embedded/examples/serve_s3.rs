//! Serves the embedded S3 on a port of the loopback address until it is stopped.
//!
//! `cargo run --release -p embedded --example serve_s3 -- DIRECTORY [PORT]`; port 0 picks a free one.
//! Prints the address, then one line of JSON for each object that appears.

use std::io::Write;
use std::path::Path;

use embedded::Embedded;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = arguments.next().ok_or("name a directory")?;
    let port: u16 = arguments.next().map_or(Ok(0), |port| port.parse())?;

    let embedded = Embedded::open(Path::new(&directory)).await?;
    let listener = TcpListener::bind(("127.0.0.1", port)).await?;
    println!("http://{}", listener.local_addr()?);
    std::io::stdout().flush()?;

    let mut created = embedded.s3.object_created();
    tokio::spawn(async move {
        while let Some(event) = created.recv().await {
            println!("{}", event.to_json());
        }
    });
    embedded.s3.serve(listener).await?;
    Ok(())
}
