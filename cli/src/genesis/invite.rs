//! The founder proposes a chain.

use super::{
    document::{heading, here, write},
    settings::Settings,
    show::show_invitation,
};
use crate::{clock::now, exit::Failure, input, lang::say, output::Output};
use clap::Args;
use genesis::{ChannelSection, Invitation, Invited};
use ledger_core::{
    fund::Role,
    types::{Code, TimestampMs},
};
use std::{path::PathBuf, str::FromStr};

/// What both examples say: a command is the same in every language.
macro_rules! example {
    ($before:literal, $after:literal) => {
        concat!(
            $before,
            "  tuan genesis invite --name orchard-1 \\
    --member property --member committee \\
    --member supplier-a=supplier --member supplier-b=supplier \\
    --member auditor=auditor:0 --member leader-li=leader \\
    --channel wechat=property --channel cash=committee \\
    --related supplier-b=property --set heartbeat=30m \\
    --out invitation.toml",
            $after
        )
    };
}

/// Shown by `tuan genesis invite --help`.
pub(crate) const INVITE_EXAMPLE: &str = example!(
    "Example:\n\n",
    "\n\nWhat --set can change, with the defaults: see `tuan genesis show` on an invitation."
);

/// The same in Chinese.
pub(crate) const INVITE_EXAMPLE_ZH: &str = example!(
    "示例：\n\n",
    "\n\n角色：property 物业、committee 居委会、supplier 供应商、leader 团长、auditor 审计；冒号后是票数。\n\
     --set 可改的设置及默认值，可对邀请文件用 `tuan genesis show` 查看。"
);

/// `tuan genesis invite`.
#[derive(Debug, Args)]
pub(crate) struct InviteArgs {
    /// Name of the chain
    #[arg(long)]
    name: Code<32>,
    /// Who takes part: NAME=ROLE or NAME=ROLE:VOTES, or a role that is the name too
    #[arg(long = "member", value_name = "NAME=ROLE[:VOTES]", required = true)]
    members: Vec<MemberOption>,
    /// A way of paying and who holds its money; repeat for each
    #[arg(long = "channel", value_name = "CHANNEL=NAME", required = true)]
    channels: Vec<Pair>,
    /// Two members of whom the first is related to the second; members can declare more
    #[arg(long, value_name = "NAME=NAME")]
    related: Vec<Pair>,
    /// A duration or limit other than the default, such as heartbeat=30m or payment-max=50000
    #[arg(long, value_name = "SETTING=VALUE")]
    set: Vec<Pair>,
    /// Founding time, such as "2026-01-05 18:00"; else now
    #[arg(long, value_name = "TIME", value_parser = input::time)]
    founded: Option<TimestampMs>,
    /// Where to write the invitation
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

/// `NAME=NAME`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Pair(String, String);

impl FromStr for Pair {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((left, right)) if !left.is_empty() && !right.is_empty() => {
                Ok(Self(left.to_owned(), right.to_owned()))
            }
            _ => Err(say!("write it as NAME=VALUE", "请写成 名称=值 的形式")),
        }
    }
}

/// `NAME=ROLE[:VOTES]`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MemberOption(Invited);

impl FromStr for MemberOption {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (rest, votes) = match text.rsplit_once(':') {
            None => (text, None),
            Some((rest, votes)) => (rest, Some(votes)),
        };
        let (name, role) = rest.split_once('=').unwrap_or((rest, rest));
        let roles = [Role::Property, Role::Committee, Role::Supplier, Role::Leader, Role::Auditor];
        let role = roles.into_iter().find(|known| known.name() == role).ok_or_else(|| {
            let known = roles.map(Role::name).join(", ");
            say!("{role} is no role; the roles are {known}", "没有 {role} 这个角色；角色有 {known}")
        })?;
        // An organisation votes with weight 1 unless it is said otherwise.
        let votes = match votes {
            None => u64::from(role.is_organisation()),
            Some(votes) => votes
                .parse()
                .map_err(|_| say!("{votes} is no number of votes", "{votes} 不是票数"))?,
        };
        let name = name.parse().map_err(|error| {
            say!(
                "{error}",
                "{name:?} 不能作名称：只能用 1 到 32 个英文字母、数字、点、下划线或连字符"
            )
        })?;
        Ok(Self(Invited { name, role, votes, related: Vec::new() }))
    }
}

/// Runs `tuan genesis invite`.
pub(super) fn invite(args: &InviteArgs, output: Output) -> Result<(), Failure> {
    let founded = args.founded.map_or_else(now, Ok)?;
    let invitation =
        invitation(args.name, founded, &args.members, &args.channels, &args.related, &args.set)?;
    write(&args.out, &heading(&invitation), &invitation.to_toml())?;
    let file = args.out.display();
    let first = say!("ok: invitation in {file}", "邀请已写入 {file}");
    output.data(&format!("{first}\n\n{}", show_invitation(&invitation)?), &invitation)?;
    output.note(&say!(
        "send it to every member; each answers with the file that `tuan genesis join` makes",
        "请发给每个成员；各成员用 `tuan genesis join` 生成加入文件后发回"
    ));
    Ok(())
}

/// The invitation that the options describe.
pub(super) fn invitation(
    name: Code<32>,
    founded: TimestampMs,
    members: &[MemberOption],
    channels: &[Pair],
    related: &[Pair],
    set: &[Pair],
) -> Result<Invitation, Failure> {
    let mut members: Vec<Invited> = members.iter().map(|MemberOption(m)| m.clone()).collect();
    for Pair(member, other) in related {
        let invited = members.iter_mut().find(|invited| invited.name.as_str() == member);
        let invited = invited.ok_or_else(|| {
            Failure::usage(say!(
                "--related names {member}, who is not invited",
                "--related 里的 {member} 不在受邀成员中"
            ))
            .help(say!("name it with --member too", "请同时用 --member 邀请该成员"))
        })?;
        invited.related.push(other.clone());
    }
    let channel = |Pair(name, custodian): &Pair| {
        let name = name.parse().map_err(|error: ledger_core::types::CodeError| {
            Failure::usage(say!("--channel: {error}", "--channel：{name:?} 不能作渠道名称")).help(
                say!("write it like --channel wechat=property", "请写成 --channel wechat=property"),
            )
        })?;
        Ok(ChannelSection { name, custodian: custodian.clone() })
    };
    let channels = channels.iter().map(channel).collect::<Result<_, Failure>>()?;
    let mut settings = Settings::new()?;
    for Pair(setting, value) in set {
        settings.set(setting, value)?;
    }
    let (policy, consensus) = settings.done()?;
    Invitation::new(name, founded, policy, consensus, channels, members)
        .map_err(|error| Failure::usage(here(error.text())).help(here(error.help())))
}
