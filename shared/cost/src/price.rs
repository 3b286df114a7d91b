//! What AWS asks, in US dollars, in us-east-1, without free tiers.
//!
//! A price says as of when it holds and how well it was checked. Only one could be read off AWS's own
//! page; the pages fill in their tables by script, so stored copies of the others lack the numbers.

/// A price of something.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Price {
    /// What is priced.
    pub name: &'static str,
    /// US dollars for [`Price::per`] units.
    pub usd: f64,
    /// How many units that buys.
    pub per: f64,
    /// The unit, in the plural.
    pub unit: &'static str,
    /// The page that sets the price.
    pub source: &'static str,
    /// As of when, and how it was checked.
    pub as_of: &'static str,
}

/// The region of all prices.
pub const REGION: &str = "us-east-1";

/// Read in a worked example of the page itself.
const PAGE: &str = "the page as of September 2026";
/// At least one public write-up gives the same number.
const CROSS_CHECKED: &str =
    "as known in November 2026; found in public write-ups of 2024 to 2026, not read off the page";
/// From the public price list, by memory.
const KNOWN: &str = "as known in November 2026, not checked against the page";
/// Spot prices move.
const SPOT: &str = "spot moves: public quotes of 2021 to 2026 lie between 0.16 and 0.25, the highest is taken; on demand asks 0.526";
/// Secondary source for Personalize.
const HOSTED: &str = "a public transcript of the page of 2026; the same in AWS's notebooks of 2018 to 2021";
/// The same, for what the notebooks do not mention.
const HOSTED_TIERS: &str = "a public transcript of the page of 2026";

/// API Gateway HTTP API, first 300 million a month.
pub const HTTP_API_FIRST: Price = Price {
    name: "API Gateway HTTP API, first 300 million a month",
    usd: 1.0,
    per: 1e6,
    unit: "requests",
    source: "https://aws.amazon.com/api-gateway/pricing/",
    as_of: PAGE,
};

/// API Gateway HTTP API, above 300 million a month.
pub const HTTP_API_NEXT: Price = Price {
    name: "API Gateway HTTP API, above 300 million a month",
    usd: 0.9,
    per: 1e6,
    unit: "requests",
    source: "https://aws.amazon.com/api-gateway/pricing/",
    as_of: PAGE,
};

/// Lambda requests.
pub const LAMBDA_REQUEST: Price = Price {
    name: "Lambda requests",
    usd: 0.2,
    per: 1e6,
    unit: "requests",
    source: "https://aws.amazon.com/lambda/pricing/",
    as_of: CROSS_CHECKED,
};

/// Lambda duration, x86, first 6 billion GB-seconds.
pub const LAMBDA_GB_SECOND: Price = Price {
    name: "Lambda duration, x86, first 6 billion GB-seconds",
    usd: 0.0000166667,
    per: 1.0,
    unit: "GB-seconds",
    source: "https://aws.amazon.com/lambda/pricing/",
    as_of: CROSS_CHECKED,
};

/// DynamoDB on-demand writes.
pub const DYNAMODB_WRITE: Price = Price {
    name: "DynamoDB on-demand writes",
    usd: 0.625,
    per: 1e6,
    unit: "write units",
    source: "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    as_of: CROSS_CHECKED,
};

/// DynamoDB on-demand reads.
pub const DYNAMODB_READ: Price = Price {
    name: "DynamoDB on-demand reads",
    usd: 0.125,
    per: 1e6,
    unit: "read units",
    source: "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    as_of: CROSS_CHECKED,
};

/// DynamoDB storage, standard class.
pub const DYNAMODB_STORAGE: Price = Price {
    name: "DynamoDB storage, standard class",
    usd: 0.25,
    per: 1.0,
    unit: "GB-months",
    source: "https://aws.amazon.com/dynamodb/pricing/on-demand/",
    as_of: KNOWN,
};

/// S3 Standard storage, first 50 TB.
pub const S3_STORAGE: Price = Price {
    name: "S3 Standard storage, first 50 TB",
    usd: 0.023,
    per: 1.0,
    unit: "GB-months",
    source: "https://aws.amazon.com/s3/pricing/",
    as_of: KNOWN,
};

/// S3 PUT requests.
pub const S3_PUT: Price = Price {
    name: "S3 PUT requests",
    usd: 0.005,
    per: 1e3,
    unit: "requests",
    source: "https://aws.amazon.com/s3/pricing/",
    as_of: KNOWN,
};

/// S3 GET requests.
pub const S3_GET: Price = Price {
    name: "S3 GET requests",
    usd: 0.0004,
    per: 1e3,
    unit: "requests",
    source: "https://aws.amazon.com/s3/pricing/",
    as_of: KNOWN,
};

/// Step Functions standard.
pub const STATE_TRANSITION: Price = Price {
    name: "Step Functions standard",
    usd: 0.025,
    per: 1e3,
    unit: "transitions",
    source: "https://aws.amazon.com/step-functions/pricing/",
    as_of: CROSS_CHECKED,
};

/// Step Functions express executions.
pub const EXPRESS_REQUEST: Price = Price {
    name: "Step Functions express executions",
    usd: 1.0,
    per: 1e6,
    unit: "executions",
    source: "https://aws.amazon.com/step-functions/pricing/",
    as_of: CROSS_CHECKED,
};

/// Step Functions express duration, first tier.
pub const EXPRESS_GB_SECOND: Price = Price {
    name: "Step Functions express duration, first tier",
    usd: 0.00001667,
    per: 1.0,
    unit: "GB-seconds",
    source: "https://aws.amazon.com/step-functions/pricing/",
    as_of: CROSS_CHECKED,
};

/// EC2 g4dn.xlarge spot.
pub const GPU_SPOT_HOUR: Price = Price {
    name: "EC2 g4dn.xlarge spot",
    usd: 0.25,
    per: 1.0,
    unit: "hours",
    source: "https://aws.amazon.com/ec2/spot/pricing/",
    as_of: SPOT,
};

/// EBS gp3.
pub const DISK: Price = Price {
    name: "EBS gp3",
    usd: 0.08,
    per: 1.0,
    unit: "GB-months",
    source: "https://aws.amazon.com/ebs/pricing/",
    as_of: KNOWN,
};

/// Public IPv4 address.
pub const PUBLIC_ADDRESS_HOUR: Price = Price {
    name: "Public IPv4 address",
    usd: 0.005,
    per: 1.0,
    unit: "hours",
    source: "https://aws.amazon.com/vpc/pricing/",
    as_of: KNOWN,
};

/// ECR private storage.
pub const IMAGE_STORAGE: Price = Price {
    name: "ECR private storage",
    usd: 0.1,
    per: 1.0,
    unit: "GB-months",
    source: "https://aws.amazon.com/ecr/pricing/",
    as_of: KNOWN,
};

/// Secrets Manager.
pub const SECRET: Price = Price {
    name: "Secrets Manager",
    usd: 0.4,
    per: 1.0,
    unit: "secret-months",
    source: "https://aws.amazon.com/secrets-manager/pricing/",
    as_of: KNOWN,
};

/// CloudWatch alarms, beyond ten.
pub const ALARM: Price = Price {
    name: "CloudWatch alarms, beyond ten",
    usd: 0.1,
    per: 1.0,
    unit: "alarm-months",
    source: "https://aws.amazon.com/cloudwatch/pricing/",
    as_of: KNOWN,
};

/// CloudWatch Logs ingestion.
pub const LOGS: Price = Price {
    name: "CloudWatch Logs ingestion",
    usd: 0.5,
    per: 1.0,
    unit: "GB",
    source: "https://aws.amazon.com/cloudwatch/pricing/",
    as_of: KNOWN,
};

/// Data transfer to the internet, first 10 TB.
pub const TRANSFER_OUT: Price = Price {
    name: "Data transfer to the internet, first 10 TB",
    usd: 0.09,
    per: 1.0,
    unit: "GB",
    source: "https://aws.amazon.com/ec2/pricing/on-demand/",
    as_of: KNOWN,
};

/// Personalize ingestion.
pub const HOSTED_INGESTION: Price = Price {
    name: "Personalize ingestion",
    usd: 0.05,
    per: 1.0,
    unit: "GB",
    source: "https://aws.amazon.com/personalize/pricing/",
    as_of: HOSTED,
};

/// Personalize training.
pub const HOSTED_TRAINING: Price = Price {
    name: "Personalize training",
    usd: 0.24,
    per: 1.0,
    unit: "training hours",
    source: "https://aws.amazon.com/personalize/pricing/",
    as_of: HOSTED,
};

/// Personalize real-time recommendations, first 72 million a month.
pub const HOSTED_REQUEST_FIRST: Price = Price {
    name: "Personalize real-time recommendations, first 72 million a month",
    usd: 0.0556,
    per: 1e3,
    unit: "requests",
    source: "https://aws.amazon.com/personalize/pricing/",
    as_of: HOSTED,
};

/// Personalize real-time recommendations, next 648 million.
pub const HOSTED_REQUEST_NEXT: Price = Price {
    name: "Personalize real-time recommendations, next 648 million",
    usd: 0.0278,
    per: 1e3,
    unit: "requests",
    source: "https://aws.amazon.com/personalize/pricing/",
    as_of: HOSTED_TIERS,
};

/// Personalize real-time recommendations, above 720 million.
pub const HOSTED_REQUEST_LAST: Price = Price {
    name: "Personalize real-time recommendations, above 720 million",
    usd: 0.0139,
    per: 1e3,
    unit: "requests",
    source: "https://aws.amazon.com/personalize/pricing/",
    as_of: HOSTED_TIERS,
};
