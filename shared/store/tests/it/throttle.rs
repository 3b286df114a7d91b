//! A DynamoDB that is short of throughput, which no emulator is by itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use aws_sdk_dynamodb::config::{HttpClient, RuntimeComponents, SharedHttpClient};
use aws_smithy_runtime_api::client::http::{
    HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::{HttpRequest, HttpResponse};
use aws_smithy_types::body::SdkBody;
use serde_json::{Value, json};

/// What happens to a batch.
#[derive(Clone, Copy, Debug)]
pub enum Fault {
    /// Its last requests are not done and come back as unprocessed.
    PartTaken,
    /// DynamoDB refuses it as a whole.
    NothingTaken,
}

/// Does that to the first batches that are written to `table`.
pub fn throttle(inner: SharedHttpClient, fault: Fault, table: String, batches: usize) -> SharedHttpClient {
    SharedHttpClient::new(Throttle { inner, fault, table, batches_left: Arc::new(AtomicUsize::new(batches)) })
}

#[derive(Clone, Debug)]
struct Throttle<I> {
    inner: I,
    fault: Fault,
    table: String,
    batches_left: Arc<AtomicUsize>,
}

impl HttpClient for Throttle<SharedHttpClient> {
    fn http_connector(
        &self,
        settings: &HttpConnectorSettings,
        components: &RuntimeComponents,
    ) -> SharedHttpConnector {
        SharedHttpConnector::new(Throttle {
            inner: self.inner.http_connector(settings, components),
            fault: self.fault,
            table: self.table.clone(),
            batches_left: Arc::clone(&self.batches_left),
        })
    }
}

impl HttpConnector for Throttle<SharedHttpConnector> {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let is_batch = request.headers().get("x-amz-target").is_some_and(|t| t.ends_with("BatchWriteItem"));
        let take = |n: usize| n.checked_sub(1);
        if !is_batch || self.batches_left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, take).is_err() {
            return self.inner.call(request);
        }
        if let Fault::NothingTaken = self.fault {
            let error = json!({
                "__type": "com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException",
                "message": "The level of configured provisioned throughput for the table was exceeded."
            });
            return HttpConnectorFuture::ready(Ok(answer(400, &error)));
        }
        let table = self.table.clone();
        let mut body: Value = serde_json::from_slice(request.body().bytes().expect("a body")).expect("JSON");
        let requests = body["RequestItems"][&table].as_array_mut().expect("a batch");
        let held_back = requests.split_off(requests.len() / 3);
        if requests.is_empty() {
            return HttpConnectorFuture::ready(Ok(answer(
                200,
                &json!({"UnprocessedItems": {table: held_back}}),
            )));
        }
        let length = body.to_string().len().to_string();
        request.headers_mut().insert("content-length", length);
        *request.body_mut() = SdkBody::from(body.to_string());
        let sent = self.inner.call(request);
        HttpConnectorFuture::new(async move {
            let taken = sent.await?;
            // What was taken is charged, so the rest of the answer stays.
            let mut body: Value =
                serde_json::from_slice(taken.body().bytes().expect("a body")).expect("JSON");
            body["UnprocessedItems"] = json!({table: held_back});
            Ok(answer(200, &body))
        })
    }
}

fn answer(status: u16, body: &Value) -> HttpResponse {
    HttpResponse::new(status.try_into().expect("a status"), SdkBody::from(body.to_string()))
}
