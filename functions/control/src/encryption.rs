//! Keys that callers name for the files of jobs.

use domain::ApiError;

use crate::Control;

impl Control {
    /// Refuses a key that nothing here could encrypt with. `member` is where the caller gave it.
    pub(crate) fn may_encrypt(&self, member: &str, kms_key: Option<&str>) -> Result<(), ApiError> {
        if kms_key.is_none() || self.has_kms {
            return Ok(());
        }
        Err(ApiError::invalid(format!(
            "'{member}.kmsKeyArn' is set, but S3 is a folder of this machine here, without AWS KMS: leave it out. \
             A deployed stack writes and reads with such a key."
        )))
    }
}
