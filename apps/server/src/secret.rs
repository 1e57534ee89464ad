//! Secrets that this program makes up.

use anyhow::anyhow;

/// As many characters as API Gateway's own keys have.
const KEY_LENGTH: usize = 40;

/// A new API key: letters and digits, 238 bits of chance.
pub(crate) fn random_key() -> anyhow::Result<String> {
    const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut key = String::new();
    while key.len() < KEY_LENGTH {
        let mut random = [0_u8; 64];
        aws_lc_rs::rand::fill(&mut random).map_err(|_| anyhow!("no randomness"))?;
        // Values past the last whole multiple would make some letters more likely than others.
        let letters = random
            .iter()
            .filter(|byte| **byte < 248)
            .map(|byte| LETTERS[usize::from(*byte) % 62]);
        key.extend(letters.take(KEY_LENGTH - key.len()).map(char::from));
    }
    Ok(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_letters_and_digits() {
        let key = random_key().unwrap();
        assert_eq!(key.len(), KEY_LENGTH);
        assert!(key.bytes().all(|byte| byte.is_ascii_alphanumeric()));
        assert_ne!(key, random_key().unwrap());
    }
}
