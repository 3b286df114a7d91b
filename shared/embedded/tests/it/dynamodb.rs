//! What the embedded DynamoDB says when something is wrong.

use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use embedded::Embedded;

#[tokio::test]
async fn errors_carry_the_names_that_the_sdk_knows() {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let client = embedded.dynamodb.client();
    let text = |s: &str| AttributeValue::S(s.into());

    let missing = client.get_item().table_name("nobody").key("k", text("1")).send().await;
    let missing = missing.expect_err("no such table").into_service_error();
    assert!(missing.is_resource_not_found_exception(), "{missing:?}");

    let table = "osusume-resources";
    let keyless = client.put_item().table_name(table).item("kind", text("x")).send().await;
    let keyless = keyless.expect_err("no sort key").into_service_error();
    assert_eq!(keyless.code(), Some("ValidationException"), "{keyless:?}");

    let put = client.put_item().table_name(table).item("kind", text("x")).item("arn", text("y"));
    put.clone().send().await.expect("a put");
    let again = put.condition_expression("attribute_not_exists(arn)").send().await;
    let again = again.expect_err("a condition").into_service_error();
    assert!(again.is_conditional_check_failed_exception(), "{again:?}");
}

#[tokio::test]
async fn an_operation_that_is_not_offered_says_so() {
    let embedded = Embedded::in_memory().await.expect("empty services");
    let refused = embedded.dynamodb.client().scan().table_name("osusume-resources").send().await;
    let refused = refused.expect_err("scans are not offered").into_service_error();
    assert!(refused.message().is_some_and(|m| m.contains("Scan")), "{refused:?}");
}
