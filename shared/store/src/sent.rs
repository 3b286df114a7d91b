//! Requests of the SDKs, each sent by one function that is compiled here.
//!
//! An `async fn` is compiled where it is polled: each of the binaries and tests put the SDKs' machinery
//! together once more, which was most of their build. A boxed future is compiled where it is boxed. The
//! allocation is nothing beside the request.

use aws_sdk_dynamodb::operation as dynamodb;
use aws_sdk_s3::operation as s3;
use futures::future::BoxFuture;

/// Sends a request of one operation.
pub(crate) trait Sent {
    /// What comes back, or the operation's error.
    type Answer;

    /// As the SDK's `send`.
    fn sent(self) -> BoxFuture<'static, Self::Answer>;
}

macro_rules! sent {
    ($($client:ident::$operation:ident: $request:ident, $output:ident, $error:ident;)*) => {$(
        impl Sent for $client::$operation::builders::$request {
            type Answer = Result<
                $client::$operation::$output,
                aws_sdk_s3::error::SdkError<$client::$operation::$error>,
            >;

            fn sent(self) -> BoxFuture<'static, Self::Answer> {
                Box::pin(self.send())
            }
        }
    )*};
}

sent! {
    dynamodb::batch_write_item: BatchWriteItemFluentBuilder, BatchWriteItemOutput, BatchWriteItemError;
    dynamodb::create_table: CreateTableFluentBuilder, CreateTableOutput, CreateTableError;
    dynamodb::delete_item: DeleteItemFluentBuilder, DeleteItemOutput, DeleteItemError;
    dynamodb::describe_table: DescribeTableFluentBuilder, DescribeTableOutput, DescribeTableError;
    dynamodb::get_item: GetItemFluentBuilder, GetItemOutput, GetItemError;
    dynamodb::put_item: PutItemFluentBuilder, PutItemOutput, PutItemError;
    dynamodb::query: QueryFluentBuilder, QueryOutput, QueryError;
    dynamodb::update_time_to_live: UpdateTimeToLiveFluentBuilder, UpdateTimeToLiveOutput, UpdateTimeToLiveError;
    s3::create_bucket: CreateBucketFluentBuilder, CreateBucketOutput, CreateBucketError;
    s3::delete_object: DeleteObjectFluentBuilder, DeleteObjectOutput, DeleteObjectError;
    s3::delete_objects: DeleteObjectsFluentBuilder, DeleteObjectsOutput, DeleteObjectsError;
    s3::get_object: GetObjectFluentBuilder, GetObjectOutput, GetObjectError;
    s3::head_bucket: HeadBucketFluentBuilder, HeadBucketOutput, HeadBucketError;
    s3::head_object: HeadObjectFluentBuilder, HeadObjectOutput, HeadObjectError;
    s3::list_objects_v2: ListObjectsV2FluentBuilder, ListObjectsV2Output, ListObjectsV2Error;
    s3::put_object: PutObjectFluentBuilder, PutObjectOutput, PutObjectError;
}
