//! What a client says about the bytes that it sends.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use s3s::checksum::ChecksumHasher;
use s3s::crypto::{Checksum as _, Crc32, Crc32c, Crc64Nvme, Sha1, Sha256};
use s3s::dto::Checksum;
use s3s::{S3Result, s3_error};

/// `Content-MD5` and the `x-amz-checksum-…` headers of an upload, in base64; what is absent is not checked.
#[derive(Debug, Default)]
pub(super) struct Digests {
    pub md5: Option<String>,
    pub checksums: Checksum,
}

impl Digests {
    /// Computes the checksums that were declared.
    pub(super) fn hasher(&self) -> ChecksumHasher {
        let declared = &self.checksums;
        ChecksumHasher {
            crc32: declared.checksum_crc32.as_ref().map(|_| Crc32::new()),
            crc32c: declared.checksum_crc32c.as_ref().map(|_| Crc32c::new()),
            sha1: declared.checksum_sha1.as_ref().map(|_| Sha1::new()),
            sha256: declared.checksum_sha256.as_ref().map(|_| Sha256::new()),
            crc64nvme: declared.checksum_crc64nvme.as_ref().map(|_| Crc64Nvme::new()),
        }
    }

    /// Fails with `BadDigest`, which says what was sent and what arrived, when anything declared is not so.
    pub(super) fn check(&self, md5: &[u8], arrived: &Checksum) -> S3Result<()> {
        let (declared, md5) = (&self.checksums, Some(STANDARD.encode(md5)));
        for (name, declared, arrived) in [
            ("Content-MD5", &self.md5, &md5),
            ("CRC32", &declared.checksum_crc32, &arrived.checksum_crc32),
            ("CRC32C", &declared.checksum_crc32c, &arrived.checksum_crc32c),
            ("SHA1", &declared.checksum_sha1, &arrived.checksum_sha1),
            ("SHA256", &declared.checksum_sha256, &arrived.checksum_sha256),
            ("CRC64NVME", &declared.checksum_crc64nvme, &arrived.checksum_crc64nvme),
        ] {
            if let (Some(declared), Some(arrived)) = (declared, arrived)
                && declared != arrived
            {
                return Err(s3_error!(
                    BadDigest,
                    "The {name} you specified, {declared}, did not match what was received, {arrived}."
                ));
            }
        }
        Ok(())
    }
}

/// The digests of an input of the protocol, which are taken out of it.
macro_rules! declared {
    ($input:expr) => {
        Digests {
            md5: $input.content_md5.take(),
            checksums: s3s::dto::Checksum {
                checksum_crc32: $input.checksum_crc32.take(),
                checksum_crc32c: $input.checksum_crc32c.take(),
                checksum_sha1: $input.checksum_sha1.take(),
                checksum_sha256: $input.checksum_sha256.take(),
                checksum_crc64nvme: $input.checksum_crc64nvme.take(),
                ..Default::default()
            },
        }
    };
}
pub(super) use declared;
