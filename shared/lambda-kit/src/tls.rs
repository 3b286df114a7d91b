//! Whom a function trusts: the roots that AWS's endpoints hang on.
//!
//! Reading the machine's hundred and forty certificates takes four milliseconds of a cold start, longer
//! than everything else together, and a function talks to AWS alone. The five roots are those of Amazon
//! Trust Services (its repository page, "Root CAs"; AWS advises to trust all five). `SSL_CERT_FILE` names
//! others, for endpoints behind a proxy of one's own.

use std::sync::OnceLock;

use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode};

/// Amazon Root CA 1 to 4, and Starfield Services Root Certificate Authority G2.
const AMAZON_ROOTS: &[u8] = include_bytes!("amazon-roots.pem");

/// TLS by rustls over ring.
pub const PROVIDER: Provider = Provider::Rustls(CryptoMode::Ring);

/// What connections check certificates against.
pub fn context() -> TlsContext {
    static CONTEXT: OnceLock<TlsContext> = OnceLock::new();
    let make = || {
        let roots = match crate::config::optional("SSL_CERT_FILE") {
            Some(_) => TrustStore::default(),
            None => TrustStore::empty().with_pem_certificate(AMAZON_ROOTS),
        };
        TlsContext::builder().with_trust_store(roots).build().expect("a trust store is all that is set")
    };
    CONTEXT.get_or_init(make).clone()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roots_are_five_certificates() {
        let text = std::str::from_utf8(AMAZON_ROOTS).unwrap();
        assert_eq!(text.matches("-----BEGIN CERTIFICATE-----").count(), 5);
        assert_eq!(text.matches("CN = Amazon Root CA").count(), 4);
        // A root that cannot be read would be found out here, and not by the first call.
        aws_smithy_http_client::Builder::new().tls_provider(PROVIDER).tls_context(context()).build_https();
    }
}
