//! Dataset groups: `CreateDatasetGroup` and what describe and list show.

use domain::ApiError;
use domain::resource::DatasetGroup;
use serde_json::Value;

use crate::members::{Member, Members};
use crate::schema::DOMAINS;
use crate::shape::Shape;

/// `CreateDatasetGroup`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreateDatasetGroup {
    /// Unique in the region.
    pub name: String,
    /// Echoed to the caller.
    pub role_arn: Option<String>,
    /// `ECOMMERCE`, `VIDEO_ON_DEMAND`, or nothing for a custom group.
    pub domain: Option<String>,
}

impl CreateDatasetGroup {
    /// Checks the request. A key of the group's own is refused: what is kept of all groups lies in the same
    /// tables, which have one key.
    pub fn parse(members: &Members<'_>) -> Result<Self, ApiError> {
        let name = members.required("name", Member::name)?;
        let role_arn = members.optional("roleArn", Member::role_arn)?;
        let domain = members.optional("domain", |m| m.word(DOMAINS))?.map(str::to_owned);
        members.optional("kmsKeyArn", Member::kms_key_arn)?;
        if members.get("kmsKeyArn").is_some() {
            return Err(ApiError::invalid(
                "'kmsKeyArn' is set, but a key for one dataset group alone is not available in Osusume yet, because \
                 the rows and lists of all groups lie in the same tables: leave it out. The parameter KmsKeyArn \
                 of the template encrypts the bucket, the tables and the logs of a whole stack with a key of \
                 yours, and 'kmsKeyArn' of batch and export jobs their files.",
            ));
        }
        Ok(Self { name, role_arn, domain })
    }
}

/// `datasetGroup` of `DescribeDatasetGroup`.
pub fn describe(group: &DatasetGroup) -> Value {
    summary_shape(group)
        .with_some("roleArn", group.role_arn.as_deref())
        .with_some("kmsKeyArn", group.kms_key_arn.as_deref())
        .into()
}

/// An element of `ListDatasetGroups`.
pub fn summary(group: &DatasetGroup) -> Value {
    summary_shape(group).into()
}

fn summary_shape(group: &DatasetGroup) -> Shape {
    Shape::new()
        .with("name", group.name.as_str())
        .arn("datasetGroupArn", &group.arn)
        .lifecycle(&group.lifecycle)
        .with_some("domain", group.domain.as_deref())
}
