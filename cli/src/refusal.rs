//! What a refusal says, in the words of this chain.
//!
//! A node's sentence names members by number, accounts by their technical names and amounts in fen: it does
//! not know what the user has at hand. Where a refusal comes with its values ([`Problem::reason`]), those
//! sentences are said anew here; all others, and those of nodes that send no values, stay as the node
//! words them.

use crate::{
    directory::Tags,
    exit::Failure,
    lang::say,
    names::{Names, account_of_text},
};
use ledger_core::{api::Problem, fund::Policy, refusal::Refusal, types::Fen};

/// What is needed to say a refusal in the words of a chain.
pub(crate) struct Words<'a> {
    /// What members are called.
    pub(crate) names: &'a Names,
    /// What channels are called and who holds their money, if that is known.
    pub(crate) policy: Option<&'a Policy>,
    /// Which households are known.
    pub(crate) tags: &'a Tags,
}

impl Words<'_> {
    /// A refusal with names and yuan; `None` where the node's sentence is as good.
    pub(crate) fn tell(&self, refusal: &Refusal) -> Option<String> {
        let name = |member| self.names.name(member);
        Some(match refusal {
            Refusal::UnknownAuthor { author } => {
                let author = name(*author);
                say!(
                    "{author} is not in the registry; check your member name",
                    "{author} 未登记；请检查成员名"
                )
            }
            Refusal::NotTheLeader { leader } => {
                let leader = name(*leader);
                say!(
                    "only its leader, {leader}, may do this for this group buy",
                    "只有该团的团长 {leader} 可以这样做"
                )
            }
            Refusal::Related { other } => {
                let other = name(*other);
                say!(
                    "related to {other}, who is the other party to this; an unrelated member has to sign",
                    "与另一方 {other} 有关联；须由无关联成员签名"
                )
            }
            Refusal::PaidByIt { member } => {
                let member = name(*member);
                say!(
                    "{member} is paid by this and may not approve it; another member has to",
                    "{member} 是收款方，不得批准；须由另一成员批准"
                )
            }
            Refusal::NotTheCustodian { custodian } => {
                let custodian = name(*custodian);
                say!(
                    "only its custodian, {custodian}, may say what happened in this channel; ask them to sign it",
                    "只有该渠道的保管人 {custodian} 可以登记；请由其签名"
                )
            }
            Refusal::UndeclaredRelation { supplier } => {
                let supplier = name(*supplier);
                say!(
                    "the leader is related to the supplier {supplier}; declare it in the filing",
                    "团长与供应商 {supplier} 有关联；请在报备中申明"
                )
            }
            Refusal::PaymentDiffers { number, recorded, confirmed } => {
                let (recorded, confirmed) = (yuan(*recorded), yuan(*confirmed));
                say!(
                    "payment {number} was recorded as {recorded}, the confirmation says {confirmed}; refuse the record and have it entered again",
                    "付款 {number} 登记为 {recorded}，确认为 {confirmed}；请拒绝该登记后重新录入"
                )
            }
            Refusal::PaymentShareExceeded { number, left } => {
                let left = yuan(*left);
                say!(
                    "payment {number} has {left} left to give back for this household; ask for no more than that",
                    "付款 {number} 对该住户可退余额为 {left}；退款不能超过此数"
                )
            }
            Refusal::TotalDiffers { expected, given } => {
                let (expected, given) = (yuan(*expected), yuan(*given));
                say!(
                    "the total is {expected}, the transaction says {given}; look at it again",
                    "总额应为 {expected}，交易写为 {given}；请核对"
                )
            }
            Refusal::InsufficientFunds { account, balance, amount } => {
                let account = account_of_text(account, self.names, self.policy, self.tags);
                let (balance, amount) = (yuan(*balance), yuan(*amount));
                say!(
                    "{account}: {balance} is there, this needs {amount}; make it less, or enter first what is missing",
                    "{account}：现有 {balance}，需要 {amount}；请减少金额，或先补足缺少的款项"
                )
            }
            _ => return None,
        })
    }
}

fn yuan(amount: Fen) -> String {
    format!("¥{}", amount.to_yuan())
}

/// The failure that a refusal is. Refusals say what happened, then what to do.
pub(crate) fn failure(number: Option<u16>, text: &str) -> Failure {
    let split = text.split_once("; ").or_else(|| text.split_once('；'));
    let (what, help) = split.map_or((text, None), |(what, help)| (what, Some(help)));
    let failure = match number {
        // The mempool is full: nothing is decided about the transaction itself.
        Some(110) => Failure::incomplete(what),
        Some(number) => {
            Failure::refused(say!("{what} (refusal {number})", "{what}（拒绝编号 {number}）"))
        }
        None => Failure::refused(what),
    };
    match help {
        Some(help) => failure.help(help),
        None => failure,
    }
}

/// Whether no later block can take what was refused so: a number or a name is taken by something else, an
/// order was replaced, a time is over. `replaces` says which version of an order the transaction changes.
pub(crate) fn is_for_good(problem: &Problem, replaces: impl Fn(&str) -> Option<u32>) -> bool {
    match (problem.refusal, problem.reason.as_deref()) {
        // A node that lags behind would name an older version, which says nothing of the future.
        (_, Some(Refusal::StaleVersion { order, version })) => {
            replaces(order).is_some_and(|replaced| *version > replaced)
        }
        // Form, chain and signature; names and numbers in use; the cut-off.
        (Some(number), _) => {
            matches!(number, 100..=102 | 104 | 301 | 302 | 306 | 401 | 410 | 501)
        }
        (None, _) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        exit,
        genesis::tests::orchard,
        lang::{self, Language},
    };
    use ledger_core::types::MemberId;

    #[test]
    fn a_refusal_says_what_happened_and_what_to_do() {
        let english = failure(Some(700), "the account holds 2 fen; wait for more");
        assert_eq!(
            english.to_string(),
            "error: the account holds 2 fen (refusal 700)\nhelp: wait for more"
        );
        let chinese = failure(Some(600), "总额不符；请核对");
        assert_eq!(chinese.to_string(), "error: 总额不符 (refusal 600)\nhelp: 请核对");
        assert_eq!(failure(Some(110), "full").number(), exit::INCOMPLETE);
    }

    #[test]
    fn members_accounts_and_amounts_are_told_as_people_say_them() {
        let genesis = orchard();
        let (names, tags) = (Names::of_genesis(&genesis), Tags::default());
        let words = Words { names: &names, policy: Some(&genesis.policy), tags: &tags };
        let member = MemberId::new(1);
        let fen = Fen::new;
        for refusal in [
            Refusal::UnknownAuthor { author: member },
            Refusal::NotTheLeader { leader: member },
            Refusal::Related { other: member },
            Refusal::PaidByIt { member },
            Refusal::NotTheCustodian { custodian: member },
            Refusal::UndeclaredRelation { supplier: member },
            Refusal::PaymentDiffers {
                number: "W1".into(),
                recorded: fen(5),
                confirmed: fen(1_234),
            },
            Refusal::PaymentShareExceeded { number: "W1".into(), left: fen(1_234) },
            Refusal::TotalDiffers { expected: fen(1_234), given: fen(5) },
            Refusal::InsufficientFunds {
                account: "Custody/1".into(),
                balance: fen(5),
                amount: fen(1_234),
            },
        ] {
            for language in [Language::En, Language::Zh] {
                let told = lang::within(language, || words.tell(&refusal)).expect("told anew");
                let names_it = told.contains("committee") || told.contains("¥12.34");
                let is_plain = !told.contains("fen") && !told.contains('分');
                let numbers = ["member 1", "成员 1", "Custody"];
                assert!(names_it && is_plain, "{told}");
                assert!(!numbers.iter().any(|number| told.contains(number)), "{told}");
            }
        }
        let poor = Refusal::InsufficientFunds {
            account: "Custody/0".into(),
            balance: fen(0),
            amount: fen(4_200),
        };
        let chinese = lang::within(Language::Zh, || words.tell(&poor)).expect("told anew");
        assert_eq!(
            chinese,
            "property 保管的渠道 wechat 的资金：现有 ¥0.00，需要 ¥42.00；请减少金额，或先补足缺少的款项"
        );
    }

    #[test]
    fn a_reason_comes_with_its_values_and_one_of_another_version_is_no_mistake() {
        let refusal = Refusal::TotalDiffers { expected: Fen::new(1_234), given: Fen::new(5) };
        let problem = Problem::refusal(&refusal);
        let json = serde_json::to_string(&problem).expect("is JSON");
        assert!(
            json.contains(r#""reason":{"total_differs":{"expected":1234,"given":5}}"#),
            "{json}"
        );
        assert_eq!(serde_json::from_str::<Problem>(&json).expect("reads"), problem);
        for other in ["total_differs2", "malformed"] {
            let json = json.replace("total_differs", other);
            let read = serde_json::from_str::<Problem>(&json).expect("reads");
            assert_eq!(read, Problem { reason: None, ..problem.clone() });
        }
    }

    #[test]
    fn only_what_can_never_be_taken_again_is_refused_for_good() {
        let no_order = |_: &str| None;
        let problem = |refusal: Refusal| Problem::refusal(&refusal);
        let used = problem(Refusal::PaymentNumberUsed { number: "W1".into() });
        assert!(is_for_good(&used, no_order));
        let unknown = problem(Refusal::GroupBuyUnknown {});
        assert!(!is_for_good(&unknown, no_order));
        let stale = problem(Refusal::StaleVersion { order: "D1".into(), version: 3 });
        assert!(is_for_good(&stale, |order| (order == "D1").then_some(2)));
        // This node has not seen the version yet that the change is made to.
        assert!(!is_for_good(&stale, |_| Some(4)));
        assert!(!is_for_good(&stale, no_order));
    }
}
