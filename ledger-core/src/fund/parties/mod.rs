//! Who people are, and whose words something needs. Knows no money.

pub(super) mod mandate;
mod registry;

pub(super) use self::registry::Registry;
pub use self::registry::{Member, Role};
