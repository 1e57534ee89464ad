//! Whose certificates an endpoint is believed with.

use std::{fs, sync::OnceLock};

use aws_smithy_http_client::tls::TrustStore;
use rustls::{
    RootCertStore,
    pki_types::{CertificateDer, pem::PemObject as _},
};

/// The certificates of this machine, as `curl` takes them: from the one file that has all of them.
///
/// The SDK reads that file and then every file of the directories beside it, which have the same certificates again,
/// each in a file of its own: a third of what a function's cold start computes. Where somebody says where certificates
/// are (`SSL_CERT_FILE`, `SSL_CERT_DIR`), where there is no such file, or anything in it that is no certificate, it is
/// left to the SDK, which passes over what it cannot read.
pub(crate) fn trusted() -> TrustStore {
    static TRUSTED: OnceLock<TrustStore> = OnceLock::new();
    TRUSTED.get_or_init(of_this_machine).clone()
}

fn of_this_machine() -> TrustStore {
    if openssl_probe::has_ssl_cert_env_vars() {
        return TrustStore::default();
    }
    openssl_probe::probe()
        .cert_file
        .and_then(|file| fs::read(file).ok())
        .filter(|bundle| is_sound(bundle))
        .map_or_else(TrustStore::default, |bundle| {
            TrustStore::empty().with_pem_certificate(bundle)
        })
}

/// Whether these are certificates, one at least, and nothing else: the SDK panics over what is not.
fn is_sound(bundle: &[u8]) -> bool {
    let mut roots = RootCertStore::empty();
    let mut certificates = CertificateDer::pem_slice_iter(bundle);
    certificates.all(|read| read.is_ok_and(|certificate| roots.add(certificate).is_ok()))
        && !roots.is_empty()
}

#[cfg(test)]
mod tests {
    use usher_testkit::authority::Authority;

    use super::is_sound;

    #[test]
    fn a_bundle_is_sound_when_all_of_it_is_certificates() {
        let (one, another) = (Authority::new("one").pem(), Authority::new("another").pem());
        assert!(is_sound(one.as_bytes()));
        assert!(is_sound(
            format!("# one\n{one}\n# another\n{another}").as_bytes()
        ));
    }

    #[test]
    fn a_bundle_with_anything_else_in_it_is_not() {
        let sound = Authority::new("one").pem();
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        let cut = &sound[..sound.len() / 2];
        for bundle in ["", "no certificate", broken, cut] {
            assert!(!is_sound(bundle.as_bytes()), "{bundle}");
            if bundle.contains("BEGIN") {
                assert!(
                    !is_sound(format!("{sound}\n{bundle}").as_bytes()),
                    "{bundle}"
                );
            }
        }
    }
}
