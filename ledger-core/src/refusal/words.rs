//! The values in a refusal's sentence, each in both languages.
//!
//! Nothing here is stored, hashed or signed: nodes of different versions may word a refusal
//! differently, and only its number is the same for ever.

use crate::{
    fund::Phase,
    types::{Fen, MemberId, TimestampMs},
};
use serde::{Deserialize, Serialize};

/// A value that a sentence names.
pub(super) trait Told {
    /// As an English sentence has it.
    fn english(&self) -> String;

    /// As a Chinese sentence has it.
    fn chinese(&self) -> String;
}

/// Numbers and names are the same in every language.
macro_rules! told_alike {
    ($($type:ty),*) => {
        $(impl Told for $type {
            fn english(&self) -> String {
                self.to_string()
            }

            fn chinese(&self) -> String {
                self.to_string()
            }
        })*
    };
}

told_alike!(String, u8, u16, u32, u64, Fen, MemberId);

impl Told for TimestampMs {
    fn english(&self) -> String {
        format!("{} (UTC+8)", self.to_china_time())
    }

    fn chinese(&self) -> String {
        format!("北京时间 {}", self.to_china_time())
    }
}

impl Told for Phase {
    fn english(&self) -> String {
        self.name().to_owned()
    }

    fn chinese(&self) -> String {
        format!("“{}”", Phase::chinese(*self))
    }
}

impl Told for Vec<Phase> {
    fn english(&self) -> String {
        self.iter().map(Told::english).collect::<Vec<_>>().join(" or ")
    }

    fn chinese(&self) -> String {
        self.iter().map(Told::chinese).collect::<Vec<_>>().join("或")
    }
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident { $($variant:ident $en:literal $zh:literal)* }) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum $name {
            $(#[doc = $en] $variant,)*
        }

        impl $name {
            /// In English.
            #[must_use]
            pub const fn english(self) -> &'static str {
                match self { $(Self::$variant => $en,)* }
            }

            /// In Chinese.
            #[must_use]
            pub const fn chinese(self) -> &'static str {
                match self { $(Self::$variant => $zh,)* }
            }
        }

        impl Told for $name {
            fn english(&self) -> String {
                Self::english(*self).to_owned()
            }

            fn chinese(&self) -> String {
                Self::chinese(*self).to_owned()
            }
        }
    };
}

words! {
    /// Who may do something.
    Party {
        Leader "a group leader" "团长"
        Property "the property company" "物业"
        Committee "the committee" "居委会"
        Board "property company or committee" "物业或居委会"
        OtherOfBoard "the other of property company and committee" "物业与居委会中的另一方"
        FiledSupplier "the supplier that the filing names" "报备中写明的供应商"
        BoardOrFiledSupplier "property company, committee or the supplier that the filing names"
            "物业、居委会或报备中写明的供应商"
        Receiver "leader, property company or the supplier" "团长、物业或供应商"
        OtherSideOfNote "the other side of the goods note" "验收单的另一方"
        OtherOrganisation "an organisation other than the custodian" "保管人以外的单位"
        ChannelCustodian "the custodian of the channel" "该渠道的保管人"
        OtherChannelCustodian "the custodian of the other channel" "另一渠道的保管人"
    }
}

words! {
    /// What is wrong with a filing.
    FilingFault {
        NoSupplier "the supplier is not a registered supplier" "供应商不是登记在册的供应商"
        NoProperty "the property payee is not the registered property company"
            "物业收款方不是登记在册的物业"
        UnknownPayee "a payee is not a registered member" "有收款方不是登记成员"
        NoOffers "it offers nothing" "没有商品"
        NoPrice "an offer has no price" "有商品没有售价"
        PartsDiffer "the parts of a price do not add up to it" "货款与各分成之和不等于售价"
        GoodsDiffer "the goods part must be the quote, or the price where the quote is above it"
            "货款须等于供应商报价；报价高于售价时等于售价"
        OfferedTwice "an item is offered twice at one price" "同一商品以同一售价出现了两次"
        DeadlinesDisordered "deadlines must lie ahead, in the order cut_off, confirm_by, deliver_by"
            "各期限须在将来，且依次为截单（cut_off）、确认（confirm_by）、交付（deliver_by）"
        RetainsTooMuch "more than everything would be retained" "质保金比例超过 100%"
    }
}
