//! `tuan reserve`, `tuan difference` and `tuan unclaimed`: money that belongs to no running group buy.
//!
//! Source: FUND-RULES G39, G44, G45.

use crate::{
    directory::Tags,
    exit::Failure,
    input,
    lang::{say, word},
    names::channel_name,
    output,
    pay::{Money, payout, propose, receipt},
    session::{Session, balance},
};
use clap::{Args, Subcommand};
use ledger_core::{
    api::AccountView,
    fund::{AccountId, Beneficiary, Movement, Payout},
    types::{Code, Fen, GroupBuyId, PaymentNo},
};

/// `tuan reserve`.
#[derive(Debug, Subcommand)]
pub(crate) enum ReserveCommand {
    /// Lists community funds by purpose
    List,
    /// Custodian: proposes to book a grant or gift with a purpose
    Give {
        /// What it is for
        #[arg(long)]
        purpose: Code<16>,
        #[command(flatten)]
        money: Money,
    },
    /// Property: proposes to spend community funds for their purpose
    Spend {
        /// What it is for
        #[arg(long)]
        purpose: Code<16>,
        #[command(flatten)]
        money: Money,
        /// The filing that says what for: a file, or its SHA-256
        #[arg(long, value_name = "FILE-OR-HASH")]
        document: String,
    },
}

/// `tuan difference`.
#[derive(Debug, Subcommand)]
pub(crate) enum DifferenceCommand {
    /// Lists what is missing in channels, and what members owe for it
    List,
    /// Custodian: proposes to book that a channel holds less than the books say
    Missing {
        #[command(flatten)]
        money: Money,
        /// The count: a file, or its SHA-256
        #[arg(long, value_name = "FILE-OR-HASH")]
        document: String,
    },
    /// Property or committee: proposes that a member owes what is missing
    Charge {
        /// Which channel
        #[arg(long)]
        channel: Code<16>,
        /// Who owes it
        #[arg(long, value_name = "NAME")]
        member: String,
        /// How much, in yuan
        #[arg(long, value_name = "YUAN", value_parser = input::yuan)]
        amount: Fen,
        /// The finding: a file, or its SHA-256
        #[arg(long, value_name = "FILE-OR-HASH")]
        document: String,
    },
    /// Custodian: proposes to book that missing money was found again
    Found {
        #[command(flatten)]
        money: Money,
    },
    /// Custodian: proposes to book that a member pays what it owes
    Repay {
        /// Who pays
        #[arg(long, value_name = "NAME")]
        member: String,
        #[command(flatten)]
        money: Money,
    },
}

/// `tuan unclaimed`.
#[derive(Debug, Subcommand)]
pub(crate) enum UnclaimedCommand {
    /// Lists what ended group buys could not pay out
    List,
    /// Custodian: proposes to pay it to whom it belongs
    Pay(PayArgs),
}

/// `tuan unclaimed pay`.
#[derive(Debug, Args)]
#[command(
    override_usage = "tuan unclaimed pay [OPTIONS] --channel <CHANNEL> --number <NUMBER> <GROUP_BUY> \
       (--household <HOUSEHOLD> | --supplier <NAME> | --payee <NAME>)"
)]
pub(crate) struct PayArgs {
    /// The group buy that it was left from
    group_buy: GroupBuyId,
    /// A household, by its number
    #[arg(long, required_unless_present_any = ["supplier", "payee"])]
    household: Option<String>,
    /// The supplier, by its name
    #[arg(long, value_name = "NAME", conflicts_with = "household")]
    supplier: Option<String>,
    /// A payee of a part of the price, by its name
    #[arg(long, value_name = "NAME", conflicts_with_all = ["household", "supplier"])]
    payee: Option<String>,
    /// Which channel
    #[arg(long)]
    channel: Code<16>,
    /// Number that the channel gave it
    #[arg(long)]
    number: PaymentNo,
    /// How much, in yuan; else all of it
    #[arg(long, value_name = "YUAN", value_parser = input::yuan)]
    amount: Option<Fen>,
}

/// Runs `tuan reserve`.
pub(crate) fn reserve(command: &ReserveCommand, session: &Session) -> Result<(), Failure> {
    match command {
        ReserveCommand::List => {
            let accounts = accounts(session, |account| matches!(account, AccountId::Reserve(_)))?;
            session.output.data(&reserves(&accounts), &accounts)
        }
        ReserveCommand::Give { purpose, money } => {
            let (purpose, receipt) = (*purpose, receipt(money, None, session)?);
            propose(Movement::GiveReserve { purpose, receipt }, session)
        }
        ReserveCommand::Spend { purpose, money, document } => {
            let (purpose, document) = (*purpose, input::document(document)?);
            let payout = payout(money, session)?;
            propose(Movement::SpendReserve { purpose, payout, document }, session)
        }
    }
}

/// Runs `tuan difference`.
pub(crate) fn difference(command: &DifferenceCommand, session: &Session) -> Result<(), Failure> {
    match command {
        DifferenceCommand::List => {
            let accounts = accounts(session, |account| {
                matches!(account, AccountId::Difference(_) | AccountId::Receivable(_))
            })?;
            let (names, policy) = (session.names()?, session.policy()?);
            let rows = accounts.iter().filter_map(|view| {
                let (what, whose) = match &view.account {
                    AccountId::Difference(channel) => {
                        (word!("missing", "短缺"), channel_name(&policy, *channel))
                    }
                    AccountId::Receivable(member) => (word!("owed", "应还"), names.name(*member)),
                    _ => return None,
                };
                Some(vec![what.to_owned(), whose, view.balance.to_yuan()])
            });
            let headings =
                [word!("WHAT", "事项"), word!("WHERE", "渠道或成员"), word!("AMOUNT", "金额")];
            session.output.data(&output::table(&headings, rows), &accounts)
        }
        DifferenceCommand::Missing { money, document } => {
            let document = input::document(document)?;
            propose(Movement::Difference { missing: payout(money, session)?, document }, session)
        }
        DifferenceCommand::Charge { channel, member, amount, document } => {
            let (channel, amount) = (session.channel(channel)?, *amount);
            let (member, document) = (session.names()?.id(member)?, input::document(document)?);
            propose(Movement::ChargeDifference { channel, member, amount, document }, session)
        }
        DifferenceCommand::Found { money } => {
            let receipt = receipt(money, None, session)?;
            propose(Movement::FoundDifference { receipt }, session)
        }
        DifferenceCommand::Repay { member, money } => {
            let member = session.names()?.id(member)?;
            let receipt = receipt(money, None, session)?;
            propose(Movement::RepayReceivable { member, receipt }, session)
        }
    }
}

/// Runs `tuan unclaimed`.
pub(crate) fn unclaimed(command: &UnclaimedCommand, session: &Session) -> Result<(), Failure> {
    let accounts = accounts(session, |account| matches!(account, AccountId::Unclaimed(..)))?;
    match command {
        UnclaimedCommand::List => {
            let names = session.names()?;
            let mut rows = Vec::new();
            for view in &accounts {
                let AccountId::Unclaimed(group_buy, beneficiary) = &view.account else { continue };
                let (what, whose) = match beneficiary {
                    Beneficiary::Household(tag) => {
                        let tags = session.tags_if_known(group_buy)?;
                        (word!("household", "住户"), tags.number(tag))
                    }
                    Beneficiary::Supplier(member) => {
                        (word!("supplier", "供应商"), names.name(*member))
                    }
                    Beneficiary::Payee(member) => {
                        (word!("payee", "分成收款方"), names.name(*member))
                    }
                };
                let amount = view.balance.to_yuan();
                rows.push(vec![group_buy.to_string(), what.to_owned(), whose, amount]);
            }
            let headings = [
                word!("GROUP BUY", "团购"),
                word!("AS", "身份"),
                word!("WHOSE", "归属"),
                word!("AMOUNT", "金额"),
            ];
            session.output.data(&output::table(&headings, rows), &accounts)
        }
        UnclaimedCommand::Pay(args) => {
            let PayArgs { group_buy, household, supplier, payee, channel, number, amount } = args;
            let member = |name: &String| session.names()?.id(name);
            let beneficiary = match (household, supplier, payee) {
                (Some(number), ..) => household_of(number, &session.tags(group_buy)?)?,
                (None, Some(name), _) => Beneficiary::Supplier(member(name)?),
                (None, None, Some(name)) => Beneficiary::Payee(member(name)?),
                (None, None, None) => return Err(nobody_named()),
            };
            let left = balance(&accounts, &AccountId::Unclaimed(*group_buy, beneficiary));
            if left == Fen::ZERO {
                return Err(Failure::refused(say!(
                    "{group_buy} left nothing unclaimed for them",
                    "{group_buy} 没有为其留下待领款"
                ))
                .help(say!("see `tuan unclaimed list`", "请看 `tuan unclaimed list`")));
            }
            let (channel, amount) = (session.channel(channel)?, amount.unwrap_or(left));
            let payout = Payout { channel, number: *number, amount };
            let group_buy = *group_buy;
            propose(Movement::PayUnclaimed { group_buy, beneficiary, payout }, session)
        }
    }
}

fn household_of(number: &str, tags: &Tags) -> Result<Beneficiary, Failure> {
    let tag = tags.tag(number).map_err(|detail| {
        Failure::usage(detail).help(say!(
            "check the number, and that --directory is the right one",
            "请检查户号，以及 --directory 是否正确"
        ))
    })?;
    Ok(Beneficiary::Household(tag))
}

fn nobody_named() -> Failure {
    Failure::usage(say!("nobody is named", "未指定付给谁")).help(say!(
        "give --household, --supplier or --payee",
        "请写 --household、--supplier 或 --payee"
    ))
}

/// The chain's own accounts of a kind that hold something.
fn accounts(
    session: &Session,
    kind: impl Fn(&AccountId) -> bool,
) -> Result<Vec<AccountView>, Failure> {
    let accounts: Vec<AccountView> = session.client.get("/v1/accounts")?;
    let wanted = |view: &AccountView| kind(&view.account) && view.balance > Fen::ZERO;
    Ok(accounts.into_iter().filter(wanted).collect())
}

fn reserves(accounts: &[AccountView]) -> String {
    let rows = accounts.iter().filter_map(|view| match &view.account {
        AccountId::Reserve(purpose) => Some(vec![
            purpose.to_string(),
            view.credits.to_yuan(),
            view.debits.to_yuan(),
            view.balance.to_yuan(),
        ]),
        _ => None,
    });
    let headings = [
        word!("PURPOSE", "用途"),
        word!("GIVEN", "收入"),
        word!("SPENT", "支出"),
        word!("LEFT", "余额"),
    ];
    output::table(&headings, rows)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        directory,
        lang::{self, Language},
        testing,
    };

    #[test]
    fn reserves_are_listed_by_purpose() {
        let purpose = "elevator".parse().expect("a purpose");
        let mut account = testing::credit(AccountId::Reserve(purpose), 50_000);
        account.debits = Fen::new(12_000);
        account.balance = Fen::new(38_000);
        let others = testing::credit(AccountId::Custody(0), 1);
        let text = lang::within(Language::Zh, || reserves(&[account, others]));
        assert_eq!(text, "用途        收入    支出    余额\nelevator  500.00  120.00  380.00");
    }

    #[test]
    fn unclaimed_money_of_a_household_is_found_by_its_number() {
        let id = "veg-0105".parse().expect("an id");
        let tags = directory::tests::directory(&["3-201"]).tags(&id);
        let tag = tags.tag("3-201").expect("known");
        assert_eq!(household_of("3-201", &tags), Ok(Beneficiary::Household(tag)));
        let unknown = household_of("9-999", &tags).expect_err("unknown");
        assert_eq!(unknown.number(), crate::exit::USAGE);
    }
}
