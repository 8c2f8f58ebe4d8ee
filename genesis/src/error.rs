//! Why a document founds no chain.

use ledger_core::{
    consensus::ValidatorSetError,
    crypto::{KeyError, KeyPurpose, PublicKey},
    fund::Role,
};

/// Why a document founds no chain.
///
/// Blame: whoever wrote it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum GenesisError {
    /// The text is longer than any genesis file.
    #[error("{bytes} bytes exceed the limit of {max}")]
    TooLong {
        /// Length of the text.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// Not TOML, a field is missing, or one is not known.
    #[error("not a genesis document: {detail}")]
    Form {
        /// What the parser says, with the place.
        detail: String,
    },
    /// Written for another version of the program.
    #[error("format {format} is not known here, only {known}")]
    UnknownFormat {
        /// What the document says.
        format: u16,
        /// What this program reads.
        known: u16,
    },
    /// A duration is zero, or so long that it must be a mistake.
    #[error("{field} is {value}, not 1 to {max}")]
    OutOfRange {
        /// Which setting.
        field: &'static str,
        /// What it says.
        value: u64,
        /// The largest value.
        max: u64,
    },
    /// More members than the founding registry holds.
    #[error("{count} members exceed the limit of {max}")]
    TooManyMembers {
        /// How many there are.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// Two members share a name.
    #[error("two members are called {name}")]
    NameTwice {
        /// The name.
        name: String,
    },
    /// A key stands twice, whatever for.
    #[error("key {key} of {member} stands twice in the document")]
    KeyTwice {
        /// The second member with the key.
        member: String,
        /// The key.
        key: PublicKey,
    },
    /// A key is not admissible, or its proof does not verify for this name, member and purpose.
    #[error("the {purpose:?} key of {member} is not admitted")]
    Key {
        /// Whose key.
        member: String,
        /// What it is for.
        purpose: KeyPurpose,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// A name that no member has.
    #[error("{by} names {name}, who is no member")]
    UnknownMember {
        /// Where it is named.
        by: String,
        /// The name.
        name: String,
    },
    /// A member declares a relation to itself, to one member twice, or to too many.
    #[error("the relations of {member} name {other} twice, itself, or too many")]
    BadRelation {
        /// Whose relations.
        member: String,
        /// The one in question.
        other: String,
    },
    /// Nobody has a role that the money needs.
    #[error("there is no {}", role.name())]
    RoleMissing {
        /// The role.
        role: Role,
    },
    /// More than one property company.
    #[error("{first} and {second} are both property")]
    SecondProperty {
        /// The first.
        first: String,
        /// The second.
        second: String,
    },
    /// There is no way of paying.
    #[error("there is no payment channel")]
    NoChannels,
    /// More channels than a policy holds.
    #[error("{count} payment channels exceed the limit of {max}")]
    TooManyChannels {
        /// How many there are.
        count: usize,
        /// The limit.
        max: usize,
    },
    /// Two channels share a name.
    #[error("two payment channels are called {name}")]
    ChannelTwice {
        /// The name.
        name: String,
    },
    /// A leader would hold money.
    #[error("channel {channel} is kept by {member}, who is no organisation")]
    CustodianIsNoOrganisation {
        /// The channel.
        channel: String,
        /// Its custodian.
        member: String,
    },
    /// A leader would vote.
    #[error("{member} is no organisation and cannot run a validator")]
    ValidatorIsNoOrganisation {
        /// The member.
        member: String,
    },
    /// A validator that nobody can connect to.
    #[error("{member} runs a validator but no node")]
    ValidatorWithoutNode {
        /// The member.
        member: String,
    },
    /// The validators make no set.
    #[error("the validators cannot decide")]
    Validators(#[from] ValidatorSetError),
    /// An address is none.
    #[error("{address:?} of {member} is no multiaddress")]
    BadAddress {
        /// Whose node.
        member: String,
        /// The text.
        address: String,
    },
}

impl GenesisError {
    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> &'static str {
        match self {
            Self::TooLong { .. } | Self::Form { .. } => {
                "make a new one with `tuan genesis new`; `tuan genesis new --help` has an example"
            }
            Self::UnknownFormat { .. } => "use the version of `tuan` that wrote the file",
            Self::OutOfRange { .. } => "correct the value; every duration is in milliseconds",
            Self::TooManyMembers { .. } => "found the chain with fewer; others join by vote",
            Self::NameTwice { .. } => "give every member a name of its own",
            Self::KeyTwice { .. } => {
                "make a key for each member and purpose with `tuan key new` and `tuand init`"
            }
            Self::Key { .. } => {
                "make the card again with this chain's --chain-name and --created-ms and this member's --name"
            }
            Self::UnknownMember { .. } | Self::BadRelation { .. } => {
                "name each member once, by the `name` of its section"
            }
            Self::RoleMissing { .. } | Self::SecondProperty { .. } => {
                "name one property company and at least one committee, supplier and leader"
            }
            Self::NoChannels | Self::TooManyChannels { .. } | Self::ChannelTwice { .. } => {
                "list each way of paying once, under [[channels]]"
            }
            Self::CustodianIsNoOrganisation { .. } => {
                "name property, committee, supplier or auditor as custodian; a leader never holds money"
            }
            Self::ValidatorIsNoOrganisation { .. } => {
                "remove its [members.validator] section; a leader takes part with the CLI alone"
            }
            Self::ValidatorWithoutNode { .. } => "add the [members.transport] of its node card",
            Self::Validators(_) => "name 1 to 31 validators, each with a key and power of its own",
            Self::BadAddress { .. } => "write addresses like /ip4/192.0.2.7/tcp/7001",
        }
    }
}
