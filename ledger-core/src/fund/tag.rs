//! Pseudonyms of households (rule G60).

use crate::types::HouseholdTag;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The tag of a household in one group buy: HMAC-SHA-256 under the group buy's key of the household's
/// number and its own random salt, cut to 16 bytes.
///
/// Without the key nobody links a household's purchases across group buys; without its salt nobody
/// links one household.
#[must_use]
pub fn household_tag(key: &[u8; 32], number: &str, salt: &[u8; 16]) -> HouseholdTag {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(&(number.len() as u64).to_le_bytes());
    mac.update(number.as_bytes());
    mac.update(salt);
    let digest: [u8; 32] = mac.finalize().into_bytes().into();
    let mut tag = [0; 16];
    tag.copy_from_slice(&digest[..16]);
    HouseholdTag::new(tag)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tag_depends_on_key_number_and_salt() {
        let tag = household_tag(&[1; 32], "3-201", &[2; 16]);
        assert_eq!(tag, household_tag(&[1; 32], "3-201", &[2; 16]));
        assert_ne!(tag, household_tag(&[9; 32], "3-201", &[2; 16]));
        assert_ne!(tag, household_tag(&[1; 32], "3-202", &[2; 16]));
        assert_ne!(tag, household_tag(&[1; 32], "3-201", &[3; 16]));
    }
}
