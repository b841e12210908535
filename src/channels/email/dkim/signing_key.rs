//! A private key that is ready to sign hashes.

use openssl::error::ErrorStack;
use openssl::md::Md;
use openssl::md_ctx::MdCtx;
use openssl::pkey::{PKey, Private};
use openssl::pkey_ctx::PkeyCtx;
use openssl::rsa::Padding;

use crate::config::email::dkim::{DkimAlgorithm, DkimKey};

/// One for each lane: OpenSSL's contexts are used by one thread at a time.
pub(super) enum SigningKey {
    Rsa(PkeyCtx<Private>),
    /// OpenSSL takes no context for Ed25519 twice.
    Ed25519(MdCtx, PKey<Private>),
}

impl SigningKey {
    /// # Errors
    /// When OpenSSL cannot use the key.
    pub fn new(key: &DkimKey) -> Result<Self, ErrorStack> {
        match key.algorithm {
            DkimAlgorithm::RsaSha256 => {
                let mut context = PkeyCtx::new(&key.private)?;
                context.sign_init()?;
                context.set_rsa_padding(Padding::PKCS1)?;
                context.set_signature_md(Md::sha256())?;
                Ok(Self::Rsa(context))
            }
            DkimAlgorithm::Ed25519Sha256 => Ok(Self::Ed25519(MdCtx::new()?, key.private.clone())),
        }
    }

    /// The signature of a SHA-256 hash. Ed25519 signs the hash as if it were a message (RFC 8463 section 3).
    ///
    /// # Errors
    /// When OpenSSL refuses.
    pub fn sign(&mut self, hash: &[u8; 32]) -> Result<Vec<u8>, ErrorStack> {
        let mut signature = Vec::new();
        match self {
            Self::Rsa(context) => {
                context.sign_to_vec(hash, &mut signature)?;
            }
            Self::Ed25519(context, key) => {
                context.digest_sign_init(None, key)?;
                context.digest_sign_to_vec(hash, &mut signature)?;
            }
        }
        Ok(signature)
    }
}
