//! Why a document founds no chain.

use crate::{Text, text};
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
    #[error("not a document of this kind: {detail}")]
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
    #[error("{address:?} of {member} is no address that others can reach")]
    BadAddress {
        /// Whose node.
        member: String,
        /// The text.
        address: String,
    },
}

impl GenesisError {
    /// What is wrong, with its cause.
    #[must_use]
    pub fn text(&self) -> Text {
        let en = match self {
            Self::Key { source, .. } => format!("{self}: {source}"),
            Self::Validators(source) => format!("{self}: {source}"),
            _ => self.to_string(),
        };
        Text { en, zh: self.zh() }
    }

    fn zh(&self) -> String {
        match self {
            Self::TooLong { bytes, max } => format!("共 {bytes} 字节，超过上限 {max}"),
            Self::Form { detail } => format!("内容格式不对：{detail}"),
            Self::UnknownFormat { format, known } => {
                format!("格式 {format} 无法识别，本程序只认识 {known}")
            }
            Self::OutOfRange { field, value, max } => {
                format!("{field} 为 {value}，应在 1 到 {max} 之间")
            }
            Self::TooManyMembers { count, max } => format!("成员 {count} 个，超过上限 {max}"),
            Self::NameTwice { name } => format!("有两个成员都叫 {name}"),
            Self::KeyTwice { member, key } => format!("{member} 的密钥 {key} 出现了两次"),
            Self::Key { member, purpose, source } => {
                format!("{member} 的{}不能用：{}", purpose_zh(*purpose), key_error_zh(source))
            }
            Self::UnknownMember { by, name } => format!("{by} 提到 {name}，但没有这个成员"),
            Self::BadRelation { member, other } => {
                format!("{member} 的关联关系里，{other} 重复、是其本身，或关系过多")
            }
            Self::RoleMissing { role } => format!("缺少{}", role_zh(*role)),
            Self::SecondProperty { first, second } => format!("{first} 和 {second} 都是物业"),
            Self::NoChannels => "没有任何付款渠道".to_owned(),
            Self::TooManyChannels { count, max } => {
                format!("付款渠道 {count} 个，超过上限 {max}")
            }
            Self::ChannelTwice { name } => format!("有两个付款渠道都叫 {name}"),
            Self::CustodianIsNoOrganisation { channel, member } => {
                format!("渠道 {channel} 由 {member} 保管资金，但它不是机构")
            }
            Self::ValidatorIsNoOrganisation { member } => {
                format!("{member} 不是机构，不能参与出块投票")
            }
            Self::ValidatorWithoutNode { member } => format!("{member} 有投票权，却没有节点"),
            Self::Validators(source) => {
                let source = match source {
                    ValidatorSetError::Empty => "没有任何机构投票".to_owned(),
                    ValidatorSetError::TooMany { count } => format!("投票机构 {count} 个，太多"),
                    ValidatorSetError::PowerOutOfRange { member, power } => {
                        format!("第 {member} 个成员的票数 {power} 超出范围")
                    }
                    ValidatorSetError::KeyTwice { member, .. } => {
                        format!("第 {member} 个成员的投票密钥与别人重复")
                    }
                };
                format!("投票机构的组成不成立：{source}")
            }
            Self::BadAddress { member, address } => {
                format!("{member} 的地址 {address:?} 别的机构无法连接")
            }
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn help(&self) -> Text {
        match self {
            Self::TooLong { .. } | Self::Form { .. } => text!(
                "name the right file, and ask whoever sent it to send it again as a file; nobody edits these files by hand",
                "请确认文件没有选错，并请对方以文件形式重新发送；这类文件不用手工修改"
            ),
            Self::UnknownFormat { .. } => text!(
                "use the version of `tuan` that wrote the file",
                "请使用写出该文件的那个版本的 `tuan`"
            ),
            Self::OutOfRange { .. } => text!(
                "choose another value with --set; see `tuan genesis invite --help`",
                "用 --set 另选一个值；见 `tuan genesis invite --help`"
            ),
            Self::TooManyMembers { .. } => {
                text!("found the chain with fewer", "请减少创世成员")
            }
            Self::NameTwice { .. } => {
                text!("give every member a name of its own", "请为每个成员取不同的名称")
            }
            Self::KeyTwice { .. } => text!(
                "make a key for each member and purpose with `tuan key new` and `tuand init`",
                "请用 `tuan key new` 和 `tuand init` 为每个成员、每种用途各生成一个密钥"
            ),
            Self::Key { .. } => text!(
                "make it again with `tuand init` and `tuan genesis join` from this chain's invitation",
                "请用本链的邀请文件重新执行 `tuand init` 和 `tuan genesis join`"
            ),
            Self::UnknownMember { .. } | Self::BadRelation { .. } => {
                text!(
                    "name each member once, by its name in the invitation",
                    "请按邀请文件中的名称填写，每个成员一次"
                )
            }
            Self::RoleMissing { .. } | Self::SecondProperty { .. } => text!(
                "name one property company and at least one committee, supplier and leader",
                "需要一家物业，以及至少一个居委会、一个供应商和一个团长"
            ),
            Self::NoChannels | Self::TooManyChannels { .. } | Self::ChannelTwice { .. } => text!(
                "name each way of paying once, with --channel wechat=property",
                "用 --channel wechat=property 的形式写明每个付款渠道，每个一次"
            ),
            Self::CustodianIsNoOrganisation { .. } => text!(
                "name property, committee, supplier or auditor as custodian; a leader never holds money",
                "资金只能由物业、居委会、供应商或审计保管；团长不经手资金"
            ),
            Self::ValidatorIsNoOrganisation { .. } => text!(
                "a leader takes part with `tuan` alone: leave out its votes",
                "团长只用 `tuan` 参与：请不要给团长票数"
            ),
            Self::ValidatorWithoutNode { .. } => text!(
                "let it make a node with `tuand init`, or invite it without votes",
                "请其用 `tuand init` 建立节点，或邀请时不给票数"
            ),
            Self::Validators(_) => text!(
                "name 1 to 31 validators, each with a key and 1 to 1000 votes of its own",
                "投票机构应为 1 到 31 个，各有自己的密钥和 1 到 1000 票"
            ),
            Self::BadAddress { .. } => text!(
                "write addresses like /ip4/203.0.113.7/tcp/7001",
                "地址应写成 /ip4/203.0.113.7/tcp/7001 的形式"
            ),
        }
    }
}

pub(crate) fn purpose_zh(purpose: KeyPurpose) -> &'static str {
    match purpose {
        KeyPurpose::Member => "签名密钥",
        KeyPurpose::Validator => "投票密钥",
        KeyPurpose::Transport => "网络密钥",
    }
}

pub(crate) fn key_error_zh(error: &KeyError) -> String {
    match error {
        KeyError::NotCanonical(_) => "不是规范的密钥编码".to_owned(),
        KeyError::Weak(_) | KeyError::Torsion(_) => "是弱密钥".to_owned(),
        KeyError::BadProof(_) => "持有证明不成立".to_owned(),
    }
}

/// What people call a role.
#[must_use]
pub fn role_zh(role: Role) -> &'static str {
    match role {
        Role::Property => "物业",
        Role::Committee => "居委会",
        Role::Supplier => "供应商",
        Role::Leader => "团长",
        Role::Auditor => "审计",
    }
}
