//! Requests as boto3 sends them.

use serde_json::Value;
use sigv4::{Denied, Keys};

use crate::support::{PERSONALIZE, Sent};

fn fixture() -> (Keys, i64, Vec<(String, Sent)>) {
    let fixture: Value = serde_json::from_str(include_str!("../fixtures/botocore_requests.json"))
        .expect("the fixture is JSON");
    let requests = fixture["requests"].as_array().expect("requests");
    let requests =
        requests.iter().map(|json| (json["name"].as_str().expect("name").to_owned(), Sent::from_json(json)));
    let keys = Keys::parse(&fixture["keys"].to_string()).expect("valid keys");
    (keys, fixture["now"].as_i64().expect("now"), requests.collect())
}

#[test]
fn the_clients_of_all_three_apis_are_accepted() {
    let (keys, now, requests) = fixture();
    assert_eq!(requests.len(), 7);
    for (name, sent) in requests {
        let identity = sent.verify(&keys, PERSONALIZE, now);
        assert_eq!(identity.unwrap().access_key_id, "AKIAIOSFODNN7EXAMPLE", "{name}");
    }
}

#[test]
fn the_header_date_will_do() {
    let (keys, now, requests) = fixture();
    let (_, mut sent) = requests.into_iter().find(|(name, _)| name.ends_with("with Date")).unwrap();
    assert!(sent.headers.iter().all(|(name, _)| !name.eq_ignore_ascii_case("x-amz-date")));
    assert_eq!(sent.header("Date"), "Sat, 28 Feb 2026 23:59:30 -0000");
    sent.verify(&keys, PERSONALIZE, now).unwrap();
    *sent.header("Date") = "Sat, 28 Feb 2026 23:59:31 -0000".into();
    assert_eq!(sent.verify(&keys, PERSONALIZE, now), Err(Denied::Mismatch));
    assert!(matches!(sent.verify(&keys, PERSONALIZE, now + 600), Err(Denied::Expired { .. })));
}

#[test]
fn what_a_proxy_adds_or_renames_in_case_does_no_harm() {
    let (keys, now, requests) = fixture();
    for (_, mut sent) in requests {
        for (name, _) in &mut sent.headers {
            *name = name.to_lowercase();
        }
        sent = sent
            .with("x-forwarded-for", "203.0.113.7")
            .with("X-Amzn-Trace-Id", "Root=1")
            .with("accept", "*/*");
        assert!(sent.verify(&keys, PERSONALIZE, now).is_ok());
    }
}

#[test]
fn a_session_token_must_be_the_signed_one_and_does_not_stand_in_for_a_key() {
    let (keys, now, requests) = fixture();
    let tokens: Vec<Sent> =
        requests.into_iter().filter(|(name, _)| name.ends_with("token")).map(|(_, sent)| sent).collect();
    assert_eq!(tokens.len(), 2);
    for mut sent in tokens {
        assert_eq!(sent.verify(&Keys::default(), PERSONALIZE, now), Err(Denied::UnknownKey));
        sent.header("X-Amz-Security-Token").push('x');
        assert_eq!(sent.verify(&keys, PERSONALIZE, now), Err(Denied::Mismatch));
    }
}
