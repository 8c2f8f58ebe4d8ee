//! Why a transaction cannot enter the ledger: stable numbers, sentences, and what to do.
//!
//! A number never changes its meaning. When several reasons apply, every node gives the same one: the
//! checks run in the order of docs/fund-rules.md section "Refusals", form before authority before
//! state before money, and stop at the first.

mod words;

pub use words::{FilingFault, Party};

use crate::{
    fund::Phase,
    types::{Fen, MemberId, TimestampMs},
};
use serde::{Deserialize, Serialize};
use words::Told;

macro_rules! refusals {
    ($($(#[$doc:meta])* $number:literal $name:ident { $($field:ident: $type:ty),* } $en:literal $zh:literal)*) => {
        /// Why a transaction cannot enter the ledger.
        ///
        /// Blame: the author, unless the text says otherwise. Peers that relayed it are not penalised.
        #[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        #[allow(missing_docs, reason = "each variant's sentence is its documentation")]
        pub enum Refusal {
            $($(#[$doc])* #[doc = $en] $name { $($field: $type),* },)*
        }

        impl Refusal {
            /// Every number with its name, in ascending order.
            pub const ALL: &'static [(u16, &'static str)] = &[$(($number, stringify!($name))),*];

            /// The stable number.
            #[must_use]
            pub fn number(&self) -> u16 {
                match self { $(Self::$name { .. } => $number,)* }
            }

            /// The name of the reason.
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self { $(Self::$name { .. } => stringify!($name),)* }
            }

            /// What happened and what to do, in English.
            #[must_use]
            pub fn english(&self) -> String {
                match self { $(Self::$name { $($field),* } => {
                    $(let $field = Told::english($field);)*
                    format!($en)
                })* }
            }

            /// What happened and what to do, in Chinese.
            #[must_use]
            pub fn chinese(&self) -> String {
                match self { $(Self::$name { $($field),* } => {
                    $(let $field = Told::chinese($field);)*
                    format!($zh)
                })* }
            }
        }

        impl std::fmt::Display for Refusal {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(f, "{} (refusal {})", self.english(), self.number())
            }
        }

        impl std::error::Error for Refusal {}
    };
}

refusals! {
    // 1xx: form and time of the transaction.
    100 Malformed { detail: String }
        "the transaction is not in canonical form: {detail}; build it with a current `tuan`"
        "交易格式不规范：{detail}；请用最新的 tuan 重新生成"
    101 WrongVersion { version: u16 }
        "transaction version {version} is not spoken here; update `tuan`"
        "交易版本 {version} 不被支持；请升级 tuan"
    102 WrongChain {}
        "the transaction is for another chain; check which genesis file you use"
        "交易属于另一条链；请检查所用的创世文件"
    103 UnknownAuthor { author: MemberId }
        "member {author} is not in the registry; check your member name"
        "成员 {author} 未登记；请检查成员名"
    104 BadSignature {}
        "the signature does not match the member's key; check which key file you use"
        "签名与成员密钥不符；请检查密钥文件"
    105 Expired { expires: TimestampMs, now: TimestampMs }
        "the transaction expired at {expires}, the ledger is at {now}; sign it again"
        "交易已于{expires} 过期，账本时间为{now}；请重新签名"
    106 ExpiresTooLate { max: TimestampMs }
        "the expiry lies too far ahead, at most {max} is allowed; check your clock and sign again"
        "有效期过长，最晚为{max}；请检查时钟后重新签名"
    107 AlreadyInLedger { log_index: u64 }
        "this transaction is entry {log_index} of the ledger already; nothing more to do"
        "该交易已在账本中，序号 {log_index}；无需重复提交"
    108 TooManyLive { max: u64 }
        "the author has {max} transactions that have not expired yet; wait, or let them expire sooner"
        "该成员未过期的交易已达 {max} 笔；请稍候，或缩短有效期"
    109 TooMuchWork { max: u32 }
        "the transaction touches more than {max} lines and accounts; split it"
        "交易涉及的行与账户超过 {max}；请拆分"
    110 MempoolFull { retry_after_ms: u64 }
        "the node has no room for more transactions now; try again in {retry_after_ms} ms, or another node"
        "节点暂时已满；请在 {retry_after_ms} 毫秒后重试，或换一个节点"
    111 RuleBroken {}
        "a rule of the program itself is wrong, so nothing was done; please report what you wanted to do"
        "程序自身的规则有误，因此没有执行；请把您想做的事报告给开发者"

    // 2xx: who may do this.
    200 WrongRole { needed: Party }
        "only {needed} may do this; ask them to sign it"
        "只有{needed}可以这样做；请由其签名"
    201 NotTheLeader { leader: MemberId }
        "only its leader, member {leader}, may do this for this group buy"
        "只有该团的团长（成员 {leader}）可以这样做"
    202 SubmitterMayNotApprove {}
        "whoever submits may not approve; another member has to"
        "提交者不得自行批准；须由另一成员批准"
    203 Related { other: MemberId }
        "related to member {other}, who is the other party to this; an unrelated member has to sign"
        "与另一方（成员 {other}）有关联；须由无关联成员签名"
    204 PaidByIt { member: MemberId }
        "member {member} is paid by this and may not approve it"
        "成员 {member} 是收款方，不得批准"
    205 AlreadyApproved {}
        "you have approved this already; nothing more to do"
        "您已批准过；无需重复"
    206 NotTheCustodian { custodian: MemberId }
        "only its custodian, member {custodian}, may say what happened in this channel"
        "只有该渠道的保管人（成员 {custodian}）可以登记"
    207 UndeclaredRelation { supplier: MemberId }
        "the leader is related to supplier {supplier}: declare it in the filing"
        "团长与供应商 {supplier} 有关联：请在报备中申明"

    // 3xx: group buys and their state.
    300 GroupBuyUnknown {}
        "there is no open group buy of that name; check the name with `tuan buy list`"
        "没有此名称的团购；请用 tuan buy list 查看"
    301 GroupBuyExists {}
        "a group buy of that name exists, with other content; choose another name"
        "同名团购已存在且内容不同；请换一个名称"
    302 GroupBuyClosed {}
        "that group buy is closed; its receipts and seal remain"
        "该团购已结清关闭；回执与封存仍可查"
    303 WrongPhase { phase: Phase, needed: Vec<Phase> }
        "the group buy is {phase}, this needs {needed}"
        "团购状态为{phase}，此操作要求{needed}"
    304 FilingDiffers {}
        "the filing named is not that of this group buy; read it again with `tuan buy show`"
        "所引报备与该团购不符；请用 tuan buy show 重新查看"
    305 BadFiling { detail: FilingFault }
        "the filing cannot be accepted: {detail}"
        "报备不能受理：{detail}"
    306 CutOffPassed { cut_off: TimestampMs }
        "orders closed at {cut_off}; ask the leader about the next group buy"
        "已于{cut_off} 截单；请等下一团"
    307 TooManyGroupBuys { max: u32 }
        "{max} group buys are open already; close some first"
        "同时进行的团购已达 {max} 个；请先结清一些"
    308 FilingExists {}
        "this very filing is in the ledger already; nothing more to do"
        "该报备已入账；无需重复"

    // 4xx: orders, deliveries.
    400 NoOrders {}
        "the transaction lists nothing to do"
        "交易内容为空"
    401 OrderDiffers { order: String }
        "order {order} exists with other content; to change it, name the version it replaces"
        "订单 {order} 已存在且内容不同；如需修改请注明所替换的版本"
    402 OrderExists { order: String }
        "order {order} is in the ledger already with the same content; nothing more to do"
        "订单 {order} 已入账且内容相同；无需重复"
    403 OrderUnknown { order: String }
        "there is no order {order} to change; enter it first"
        "没有可修改的订单 {order}；请先录入"
    404 StaleVersion { order: String, version: u32 }
        "order {order} is at version {version} now; look at it again and repeat the change"
        "订单 {order} 当前版本为 {version}；请查看后重试"
    405 UnknownOffer { order: String, position: u16 }
        "line {position} of order {order} names an offer that was not filed"
        "订单 {order} 第 {position} 行的商品未报备"
    406 ZeroQuantity { order: String, position: u16 }
        "line {position} of order {order} has no quantity"
        "订单 {order} 第 {position} 行数量为零"
    407 TooManyLines { max: u32 }
        "a group buy holds at most {max} lines; file another for the rest"
        "一个团购最多 {max} 行；其余请另开一团"
    408 OverStock { order: String, position: u16 }
        "line {position} of order {order} exceeds the stock that was filed"
        "订单 {order} 第 {position} 行超过报备库存"
    409 OverCap { order: String, position: u16 }
        "line {position} of order {order} exceeds what one household may take"
        "订单 {order} 第 {position} 行超过每户限购"
    410 OtherHousehold { order: String }
        "order {order} belongs to another household"
        "订单 {order} 属于另一户"
    411 UnknownHousehold { household: String }
        "household {household} has no order in this group buy; enter its order first"
        "该团购中没有住户 {household} 的订单；请先录入订单"
    412 AlreadyDelivered { household: String }
        "household {household} has its goods already; nothing more to do"
        "住户 {household} 已收货；无需重复"
    413 WrongDeliveryCode { household: String }
        "the delivery code of household {household} is wrong"
        "住户 {household} 的取货码不对"

    // 5xx: payments.
    500 UnknownChannel { channel: u8 }
        "channel {channel} is not in the policy"
        "渠道 {channel} 不在规则中"
    501 PaymentNumberUsed { number: String }
        "payment number {number} stands in the ledger already with other content; check the number in the channel"
        "付款号 {number} 已入账且内容不同；请核对渠道单号"
    502 PaymentExists { number: String }
        "payment {number} is in the ledger already with the same content; nothing more to do"
        "付款 {number} 已入账且内容相同；无需重复"
    503 PaymentUnknown { number: String }
        "there is no payment {number} here; record it first"
        "没有付款 {number}；请先登记"
    504 PaymentNotPending { number: String }
        "payment {number} is not waiting for confirmation any more"
        "付款 {number} 已不在待确认状态"
    505 PaymentDiffers { number: String, recorded: Fen, confirmed: Fen }
        "payment {number} was recorded as {recorded} fen, the confirmation says {confirmed}; refuse the record and have it entered again"
        "付款 {number} 登记为 {recorded} 分，确认为 {confirmed} 分；请拒绝该登记后重新录入"
    506 ZeroAmount {}
        "an amount of zero moves nothing"
        "金额不能为零"
    507 AmountTooLarge {}
        "the amount is larger than the ledger can hold"
        "金额过大"
    508 PaymentShareExceeded { number: String, left: Fen }
        "payment {number} has {left} fen left to give back for this household"
        "付款 {number} 对该住户可退余额为 {left} 分"

    // 6xx: purchase, goods, settlement and movements that need two.
    600 TotalDiffers { expected: Fen, given: Fen }
        "the total is {expected} fen, the transaction says {given}; look at it again"
        "总额应为 {expected} 分，交易写为 {given} 分；请核对"
    601 PurchaseOrderDiffers {}
        "the lines confirmed are not those that were paid; read the purchase order again"
        "确认的明细与已付明细不符；请重新读取采购单"
    602 AcceptedExceedsOrdered { offer: u16 }
        "more was accepted of offer {offer} than was ordered"
        "商品 {offer} 的验收数量超过采购数量"
    603 BadGoodsNote {}
        "the goods note must list offers once, in ascending order"
        "验收单须按商品顺序列出且不得重复"
    604 NoteDiffers {}
        "the other side signed another goods note; compare the counts, or ask committee and property to decide"
        "对方签的是另一份验收单；请核对数量，或由物业与居委会裁定"
    605 NoteAlreadySigned {}
        "you have signed this goods note already; the other side has to sign"
        "您已签过该验收单；等待对方签名"
    606 TooEarly { at: TimestampMs }
        "this is possible from {at} on"
        "须到{at} 之后方可进行"
    607 ProposalUnknown {}
        "there is no such proposal waiting; it was carried out, rejected, or has lapsed"
        "没有此待批事项；它已执行、被否决或已失效"
    608 ProposalDiffers {}
        "the proposal says something else than you approved; read it again"
        "待批内容与您批准的不符；请重新查看"
    609 TooManyProposals { max: u32 }
        "{max} proposals are waiting already; decide some first"
        "待批事项已达 {max} 件；请先处理"
    610 PayoutUnknown { number: String }
        "payout {number} is not in the ledger"
        "账本中没有付出单 {number}"

    // 7xx: money.
    700 InsufficientFunds { account: String, balance: Fen, amount: Fen }
        "account {account} holds {balance} fen, this needs {amount}"
        "账户 {account} 余额 {balance} 分，需要 {amount} 分"

    // 8xx: what the machinery itself may not say.
    800 BadEvidence {}
        "the evidence does not prove an equivocation"
        "证据不能证明重复签名"
    801 EvidenceKnown {}
        "that equivocation is on the ledger already"
        "该重复签名已入账"
}

impl Refusal {
    /// Whether the ledger already says what the transaction wanted to say, so its author is served
    /// by the first receipt.
    #[must_use]
    pub fn is_already_done(&self) -> bool {
        matches!(
            self,
            Self::AlreadyInLedger { .. }
                | Self::FilingExists { .. }
                | Self::OrderExists { .. }
                | Self::PaymentExists { .. }
                | Self::AlreadyApproved { .. }
                | Self::AlreadyDelivered { .. }
                | Self::NoteAlreadySigned { .. }
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_ascend_so_none_is_given_twice() {
        assert!(Refusal::ALL.windows(2).all(|pair| pair[0].0 < pair[1].0));
        let cut_off = TimestampMs::new(1_767_607_200_000);
        let refusal = Refusal::CutOffPassed { cut_off };
        assert_eq!((refusal.number(), refusal.name()), (306, "CutOffPassed"));
        assert!(refusal.english().contains("2026-01-05 18:00:00 (UTC+8)"), "{refusal}");
        assert!(refusal.chinese().contains("已于北京时间 2026-01-05 18:00:00 截单"));
    }

    #[test]
    fn a_chinese_refusal_has_no_english_in_it() {
        let refusals = [
            Refusal::WrongRole { needed: Party::FiledSupplier },
            Refusal::WrongPhase {
                phase: Phase::Received,
                needed: vec![Phase::Delivered, Phase::Settled],
            },
            Refusal::TooEarly { at: TimestampMs::new(1_795_402_440_492) },
            Refusal::BadFiling { detail: FilingFault::NoOffers },
        ];
        for refusal in &refusals {
            let text = refusal.chinese();
            assert!(!text.chars().any(|c| c.is_ascii_alphabetic()), "{text}");
        }
        assert_eq!(refusals[1].chinese(), "团购状态为“已到货”，此操作要求“已交付”或“已结算”");
        assert_eq!(
            refusals[1].english(),
            "the group buy is RECEIVED, this needs DELIVERED or SETTLED"
        );
    }
}
