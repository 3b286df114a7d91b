//! `osusume serve` as a child process, and clients for it.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use aws_credential_types::Credentials;

use crate::plain_http;

const REGION: &str = "us-east-1";

/// A server over a directory of its own; both end with the value.
pub struct Server {
    process: Child,
    api: String,
    s3: String,
    _data: tempfile::TempDir,
}

impl Server {
    pub fn start() -> Self {
        let data = tempfile::tempdir().unwrap();
        let mut process = Command::new(binary())
            .args(["serve", "--port", "0", "--s3-port", "0", "--data"])
            .arg(data.path().join("data"))
            .stdout(Stdio::piped())
            .spawn()
            .expect("the osusume command starts");
        let mut lines = BufReader::new(process.stdout.take().unwrap()).lines();
        let (mut api, mut s3) = (None, None);
        while api.is_none() || s3.is_none() {
            let line = lines.next().expect("the server listens before it ends").unwrap();
            let url = || line.find("http://").map(|at| line[at..].trim().to_owned());
            if line.contains("Personalize API") {
                api = url();
            } else if line.contains("S3") {
                s3 = s3.or_else(url);
            }
        }
        // Whatever it prints later must not fill the pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { process, api: api.unwrap(), s3: s3.unwrap(), _data: data }
    }

    pub fn personalize(&self) -> aws_sdk_personalize::Client {
        let config = aws_sdk_personalize::Config::builder()
            .behavior_version(aws_sdk_personalize::config::BehaviorVersion::latest())
            .region(aws_sdk_personalize::config::Region::new(REGION))
            .endpoint_url(&self.api)
            .credentials_provider(credentials())
            .http_client(plain_http::client());
        aws_sdk_personalize::Client::from_conf(config.build())
    }

    pub fn runtime(&self) -> aws_sdk_personalizeruntime::Client {
        let config = aws_sdk_personalizeruntime::Config::builder()
            .behavior_version(aws_sdk_personalizeruntime::config::BehaviorVersion::latest())
            .region(aws_sdk_personalizeruntime::config::Region::new(REGION))
            .endpoint_url(&self.api)
            .credentials_provider(credentials())
            .http_client(plain_http::client());
        aws_sdk_personalizeruntime::Client::from_conf(config.build())
    }

    pub fn s3(&self) -> aws_sdk_s3::Client {
        let config = aws_sdk_s3::Config::builder()
            .behavior_version(aws_sdk_s3::config::BehaviorVersion::latest())
            .region(aws_sdk_s3::config::Region::new(REGION))
            .endpoint_url(&self.s3)
            .force_path_style(true)
            .credentials_provider(credentials())
            .http_client(plain_http::client());
        aws_sdk_s3::Client::from_conf(config.build())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; then there is nothing to end.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn credentials() -> Credentials {
    Credentials::new("anything", "anything", None, None, "test")
}

/// The command under test: `OSUSUME_BIN`, or what cargo builds now.
fn binary() -> PathBuf {
    static BUILT: OnceLock<PathBuf> = OnceLock::new();
    let build = || {
        if let Some(given) = std::env::var_os("OSUSUME_BIN") {
            return given.into();
        }
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
        let status = Command::new(env!("CARGO"))
            .args(["build", "--release", "--locked", "--quiet", "-p", "local"])
            .current_dir(&root)
            .status()
            .expect("cargo runs");
        assert!(status.success(), "the osusume command builds");
        let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
        target.join("release/osusume")
    };
    BUILT.get_or_init(build).clone()
}
