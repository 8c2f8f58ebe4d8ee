//! The offers of a filing: how people name them, and the action that orders what they offer.

use crate::lang::say;
use ledger_core::{
    api::OpenGroupBuy,
    codec::List,
    fund::{Action, Filing, OfferIndex, OrderRequest},
    types::{Fen, ItemCode, UnitPrice},
};

/// A price in yuan.
pub(crate) fn yuan(price: UnitPrice) -> String {
    Fen::new(u64::from(price.get())).to_yuan()
}

/// The offer of an item at a price, or its only one.
///
/// # Errors
/// Why there is none, or not one alone, in words.
pub(crate) fn find_offer(
    filing: &Filing,
    item: ItemCode,
    price: Option<UnitPrice>,
) -> Result<OfferIndex, String> {
    let offers: Vec<_> = (0u16..).zip(&filing.offers).filter(|(_, o)| o.item == item).collect();
    let prices = || {
        let prices = offers.iter().map(|(_, offer)| yuan(offer.price));
        prices.collect::<Vec<_>>().join(", ")
    };
    match (offers.as_slice(), price) {
        ([], _) => Err(say!("item {item} is not offered", "没有商品 {item}")),
        ([(index, _)], None) => Ok(*index),
        (_, None) => {
            let prices = prices();
            Err(say!(
                "item {item} has several prices ({prices}); say which",
                "商品 {item} 有几个单价（{prices}），请写明是哪一个"
            ))
        }
        (_, Some(price)) => {
            let found = offers.iter().find(|(_, offer)| offer.price == price);
            found.map(|(index, _)| *index).ok_or_else(|| {
                let (price, prices) = (yuan(price), prices());
                say!(
                    "item {item} is not offered at {price}, but at {prices}",
                    "商品 {item} 的单价不是 {price}，而是 {prices}"
                )
            })
        }
    }
}

/// The action that enters orders at the prices of the filing.
pub(crate) fn order_action(view: &OpenGroupBuy, requests: Vec<OrderRequest>) -> Action {
    let orders = List::new(requests).unwrap_or_default();
    Action::Order { group_buy: view.id, filing: view.header.filing, orders }
}
