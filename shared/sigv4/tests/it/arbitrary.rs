//! Nothing that arrives makes the verifier panic, and nothing that nobody signed gets through.

use proptest::prelude::*;

use crate::support::{KEY_ID, NOW, PERSONALIZE, Sent, keys};

/// A value that is nearly right, so that reading goes on to the later steps, or anything at all.
fn nearly(right: &'static str) -> impl Strategy<Value = String> {
    prop_oneof![2 => Just(right.to_owned()), 1 => any::<String>()]
}

fn authorization() -> impl Strategy<Value = String> {
    let parts = (
        nearly("AWS4-HMAC-SHA256"),
        nearly(KEY_ID),
        nearly("20150830"),
        nearly("us-east-1"),
        nearly("personalize"),
        nearly("aws4_request"),
        nearly("host;x-amz-date"),
        any::<String>(),
    );
    let built = parts.prop_map(|(algorithm, id, day, region, service, end, headers, signature)| {
        format!(
            "{algorithm} Credential={id}/{day}/{region}/{service}/{end}, SignedHeaders={headers}, \
             Signature={signature}"
        )
    });
    prop_oneof![3 => built, 1 => any::<String>()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn arbitrary_requests_are_refused_without_a_panic(
        method: String,
        path: String,
        query: String,
        authorization in authorization(),
        date in nearly("20150830T123600Z"),
        http_date in nearly("Sun, 30 Aug 2015 12:36:00 GMT"),
        dates in 0..4,
        more in prop::collection::vec((any::<String>(), any::<String>()), 0..4),
        body: Vec<u8>,
        now in prop_oneof![3 => Just(NOW), 1 => any::<i64>()],
    ) {
        let mut sent = Sent { method, path, query, headers: more, body }
            .with("Host", "localhost")
            .with("Authorization", &authorization);
        if dates & 1 == 1 {
            sent = sent.with("x-amz-date", &date);
        }
        if dates & 2 == 2 {
            sent = sent.with("date", &http_date);
        }
        let denied = sent.verify(&keys(), PERSONALIZE, now);
        prop_assert!(denied.is_err());
        let denied = denied.unwrap_err();
        prop_assert!(denied.exception().ends_with("Exception") && !denied.to_string().is_empty());
    }
}
