//! Any text is a schema or an error that explains itself.
#![no_main]

use dataset::Schema;
use domain::resource::DatasetType;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    match Schema::parse(text) {
        Err(error) => assert!(error.to_string().ends_with('.')),
        Ok(schema) => {
            assert!(!schema.fields.is_empty());
            for dataset_type in [DatasetType::Interactions, DatasetType::Items, DatasetType::Users] {
                for domain in [None, Some("ECOMMERCE"), Some("VIDEO_ON_DEMAND")] {
                    let _ = schema.check_for_domain(dataset_type, domain);
                }
            }
        }
    }
});
