//! Lists as leaders and households write them, each with a snapshot of what was understood, asked and
//! ignored; and what holds for every text.

use super::{
    door::Doors,
    lines::total_of,
    list,
    memory::{Fact, Memory},
    plan::{self, Kind, Plan},
    reader::{self, Knowledge, read},
    reading::{Reading, Understood},
    show, text,
};
use crate::{
    directory::{self, Tags},
    lang::{self, Language},
    testing,
};
use ledger_core::{
    api::OpenGroupBuy,
    codec::List,
    fund::{Offer, OrderLine, Split},
    types::{Fen, Quantity, Unit, UnitPrice},
};
use proptest::prelude::*;
use std::sync::LazyLock;
use unicode_width::UnicodeWidthStr as _;

/// Households of the community: buildings 1 to 6 with plain doors, building 12 with units, tower A.
fn households() -> Vec<String> {
    let mut numbers = Vec::new();
    for building in 1..=6 {
        for floor in 1..=6 {
            for flat in 1..=3 {
                numbers.push(format!("{building}-{floor}0{flat}"));
            }
        }
    }
    for unit in 1..=2 {
        for floor in 1..=12 {
            numbers.push(format!("12-{unit}-{floor}01"));
            numbers.push(format!("12-{unit}-{floor}02"));
        }
    }
    numbers.extend(["A-1203", "A-1204", "A-601"].map(str::to_owned));
    numbers
}

/// Pseudonyms in the group buy that all tests use.
fn tags(view: &OpenGroupBuy) -> &'static Tags {
    static TAGS: LazyLock<Tags> = LazyLock::new(|| {
        let numbers = households();
        let numbers: Vec<&str> = numbers.iter().map(String::as_str).collect();
        directory::tests::directory(&numbers).tags(&testing::group_buy().id)
    });
    assert_eq!(view.id, testing::group_buy().id);
    &TAGS
}

/// A group buy that offers these: item, unit, price in fen.
fn shop(offers: &[(&str, Unit, u32)]) -> OpenGroupBuy {
    let mut view = testing::group_buy();
    let offers = offers.iter().map(|(item, unit, price)| {
        let price = UnitPrice::new(*price);
        let split = Split { goods: price, ..Split::default() };
        Offer {
            item: item.parse().expect("a code"),
            unit: *unit,
            price,
            quote: price,
            split,
            stock: None,
            cap: None,
        }
    });
    view.filing.offers = List::new(offers.collect()).expect("they fit");
    view
}

const KG: Unit = Unit::Weight;
const PC: Unit = Unit::Piece;

/// Shops by name, with the words that the leader has answered in earlier weeks.
fn shop_named(name: &str) -> (OpenGroupBuy, Vec<(&'static str, &'static str)>) {
    match name {
        "potato" => (shop(&[("potato", PC, 990)]), vec![("土豆", "potato")]),
        "potato_new" => (shop(&[("potato", PC, 990)]), vec![]),
        "veg" => (
            shop(&[
                ("potato", KG, 396),
                ("tomato", KG, 700),
                ("cabbage", KG, 300),
                ("egg", PC, 1_200),
                ("garlic", KG, 1_600),
            ]),
            vec![
                ("土豆", "potato"),
                ("西红柿", "tomato"),
                ("番茄", "tomato"),
                ("白菜", "cabbage"),
                ("大白菜", "cabbage"),
                ("鸡蛋", "egg"),
                ("大蒜", "garlic"),
            ],
        ),
        "veg_new" => {
            (shop(&[("potato", KG, 396), ("tomato", KG, 700), ("egg", PC, 1_200)]), vec![])
        }
        "packs" => (
            shop(&[
                ("potato5", PC, 990),
                ("tomato3", PC, 1_050),
                ("egg30", PC, 1_880),
                ("corn", PC, 1_500),
            ]),
            vec![("土豆", "potato5"), ("西红柿", "tomato3"), ("鸡蛋", "egg30"), ("玉米", "corn")],
        ),
        "fruit" => (
            shop(&[
                ("apple5", PC, 2_990),
                ("apple10", PC, 5_500),
                ("orange", PC, 1_990),
                ("grape", KG, 1_960),
            ]),
            vec![
                ("苹果2500克", "apple5"),
                ("苹果5000克", "apple10"),
                ("橙子", "orange"),
                ("葡萄", "grape"),
                ("脐橙", "orange"),
            ],
        ),
        "milk" => (
            shop(&[("milk", PC, 4_500), ("yogurt", PC, 3_200)]),
            vec![("纯牛奶", "milk"), ("牛奶", "milk"), ("酸奶", "yogurt")],
        ),
        "meat" => (
            shop(&[("belly", KG, 3_960), ("ribs", KG, 5_960), ("beef", KG, 7_980)]),
            vec![("五花肉", "belly"), ("排骨", "ribs"), ("牛肉", "beef"), ("牛腩", "beef")],
        ),
        "sea" => (
            shop(&[("shrimp", KG, 7_960), ("bass", PC, 2_500), ("crab", PC, 8_800)]),
            vec![("基围虾", "shrimp"), ("鲈鱼", "bass"), ("大闸蟹", "crab")],
        ),
        "paper" => (
            shop(&[("tissue", PC, 2_990), ("roll", PC, 1_990)]),
            vec![("抽纸", "tissue"), ("卷纸", "roll")],
        ),
        "moon" => (
            shop(&[("lotus", PC, 8_800), ("custard", PC, 12_800), ("nuts", PC, 6_800)]),
            vec![("蛋黄莲蓉", "lotus"), ("流心奶黄", "custard"), ("五仁", "nuts")],
        ),
        "rice" => {
            (shop(&[("rice10", PC, 5_900)]), vec![("大米", "rice10"), ("崇明大米", "rice10")])
        }
        other => panic!("no shop {other}"),
    }
}

fn remembered(view: &OpenGroupBuy, words: &[(&str, &str)]) -> Memory {
    let mut memory = Memory::default();
    for (word, item) in words {
        let item = Some((item.parse().expect("a code"), None));
        memory.learn(&Fact::Good { word: (*word).to_owned(), item }, &view.filing);
    }
    memory
}

fn doors() -> &'static Doors {
    static DOORS: LazyLock<Doors> =
        LazyLock::new(|| Doors::new(households().iter().map(String::as_str)));
    &DOORS
}

fn read_with(list: &str, view: &OpenGroupBuy, memory: &Memory) -> Reading {
    read(
        &text::lines(list),
        Knowledge { filing: &view.filing, doors: doors(), memory, one_by_one: false },
    )
}

fn plan_of(reading: &Reading, view: &OpenGroupBuy) -> Plan {
    plan::plan(reading, view, tags(view), "")
}

/// What a leader would see, and what the heading was taken for.
fn seen(list: &str, shop: &str) -> String {
    let (view, words) = shop_named(shop);
    let memory = remembered(&view, &words);
    let reading = read_with(list, &view, &memory);
    let relay = reader::split(&text::lines(list), doors(), &reader::vocabulary_of(&memory));
    let offered: Vec<String> = relay
        .offered
        .iter()
        .map(|good| {
            let label = good.label.as_ref().map_or(String::new(), |label| format!("{label} "));
            let pack = good.pack.map_or(String::new(), |grams| format!(" {grams}g"));
            let unit = good.unit.as_ref().map_or(String::new(), |unit| format!(" per {unit}"));
            let contents =
                good.contents.as_ref().map_or(String::new(), |(n, of)| format!(" of {n}{of}"));
            format!("offered: {label}{}{pack}{unit}{contents} at {}", good.name, good.prices_text())
        })
        .collect();
    check(&reading, &view);
    format!(
        "{}\n\n{}\n\n{}",
        offered.join("\n"),
        show::entries(&reading, &view.filing, None),
        show::questions(&reading, &view.filing, None)
    )
}

/// What holds for every list.
fn check(reading: &Reading, view: &OpenGroupBuy) {
    assert!(reading.households.len() <= reading.entries.len(), "more households than entries");
    let plan = plan_of(reading, view);
    for change in &plan.changes {
        let request = change.request.as_ref().expect("nothing stands in the ledger yet");
        let by_filing = request.lines.iter().map(|line| {
            let offer =
                view.filing.offers.get(usize::from(line.offer)).expect("an offer of the filing");
            offer.total(line.quantity)
        });
        let sum = by_filing.fold(Fen::ZERO, Fen::saturating_add);
        assert_eq!(sum, total_of(&change.after, &view.filing), "money by the filing's prices");
        assert_ne!(sum, Fen::ZERO);
        assert!(!reading.households[&change.household].open);
    }
    for entry in reading.entries.iter().filter(|entry| matches!(entry.result, Understood::Asked(_)))
    {
        let known = entry.household.as_ref().and_then(|number| reading.households.get(number));
        assert!(known.is_none_or(|wanted| wanted.open), "an open entry holds its household back");
        let asked = reading.questions.iter().any(|question| question.rows.contains(&entry.row));
        assert!(asked, "an entry that is not clear is asked about: {entry:?}");
    }
}

macro_rules! lists {
    ($($name:ident: $shop:literal,)*) => {
        mod snapshots {
            $(
                #[test]
                fn $name() {
                    let list = include_str!(concat!("lists/", stringify!($name), ".txt"));
                    insta::with_settings!({ snapshot_path => "lists", prepend_module_to_snapshot => false, omit_expression => true }, {
                        insta::assert_snapshot!(stringify!($name), super::seen(list, $shop));
                    });
                }
            )*
        }
    };
}

lists! {
    a01_wechat_own_format: "potato",
    a02_first_time_nothing_known: "potato_new",
    a03_vegetables_by_weight: "veg",
    a04_vegetables_first_time: "veg_new",
    a05_packs_and_pieces: "packs",
    a06_fruit_in_two_sizes: "fruit",
    a07_milk_by_the_box: "milk",
    a08_meat_with_wishes: "meat",
    a09_seafood: "sea",
    a10_toilet_paper: "paper",
    a11_moon_cakes_by_letter: "moon",
    a12_numbers_in_circles: "packs",
    a13_keycaps_and_emoji: "packs",
    a14_crossed_out: "packs",
    a15_cancelled: "packs",
    a16_corrections: "packs",
    a17_twice_the_same: "packs",
    a18_twice_with_other_goods: "packs",
    a19_plus_one: "potato",
    a20_plus_one_of_many: "packs",
    a21_the_same_as_above: "packs",
    a22_one_of_each: "packs",
    a23_each: "veg",
    a24_full_width: "packs",
    a25_traditional: "packs",
    a26_windows_line_ends: "packs",
    a27_phone_numbers: "packs",
    a28_names_before_doors: "packs",
    a29_names_after_doors: "packs",
    a30_only_names: "packs",
    a31_doors_in_every_spelling: "potato",
    a32_doors_that_are_not_there: "potato",
    a33_prices_that_differ: "packs",
    a34_amounts_of_money: "packs",
    a35_nobody_offers_that: "packs",
    a36_no_numbers: "packs",
    a37_several_lines_an_entry: "packs",
    a38_copied_from_a_shop_app: "packs",
    a39_empty: "packs",
    a40_empty_places: "packs",
    a41_numbered_goods: "packs",
    a42_chinese_numerals: "veg",
    a43_chatter_between: "packs",
    a44_prefix_style: "packs",
    a45_ambiguous_amounts: "packs",
    a46_many_marks: "packs",
    a47_two_households_in_one: "packs",
    a48_units_nobody_defined: "packs",
    a49_chaos: "veg",
    a50_stairs_and_units: "packs",
    a51_orders_above_the_first_number: "packs",
    a52_two_batches: "packs",
    a53_units_that_differ: "potato",
    a54_lines_below_an_entry: "packs",
    a55_words_that_change_an_order: "veg",
    a56_times_floors_and_numbers: "veg",
    a57_halves_and_multiples: "veg",
    a58_halves_and_multiples_of_packs: "packs",
    a59_packs_that_the_filing_does_not_know: "packs",
    a60_a_pack_of_several_pieces: "packs",
    b01_the_evening_in_pudong: "veg",
    b02_typed_by_voice: "veg",
    b03_price_corrected_in_the_middle: "packs",
    b04_after_the_list_was_closed: "potato",
    b05_quotes_of_others: "packs",
    b06_full_and_half_width_in_hong_kong: "packs",
    b07_emoji_for_goods: "packs",
    b08_numbers_that_moved: "packs",
    b09_corrections_late_in_the_evening: "veg",
    b10_the_only_good_and_many_words: "rice",
    b11_totals_that_agree_and_do_not: "veg",
}

#[test]
fn a_list_of_five_hundred_is_read_whole() {
    let (view, words) = shop_named("potato");
    let mut list = String::from("#接龙\n土豆5斤 9.9元\n\n");
    let numbers = households();
    for i in 0..500 {
        let household = &numbers[i % numbers.len()];
        list.push_str(&format!("{}. {household} {}份\n", i + 1, i % 3 + 1));
    }
    let reading = read_with(&list, &view, &remembered(&view, &words));
    assert_eq!(reading.entries.len(), 500);
    check(&reading, &view);
}

#[test]
fn a_list_beyond_the_bounds_is_never_half_understood_in_silence() {
    let (view, words) = shop_named("potato");
    let mut list = String::from("土豆5斤 9.9元\n");
    for i in 0..list::ENTRIES_MAX + 10 {
        list.push_str(&format!("{}. 3-201 1份\n", i % 9_999 + 1));
    }
    let memory = remembered(&view, &words);
    let reading = read_with(&list, &view, &memory);
    assert_eq!(reading.too_many, 10);
    let long = format!("土豆5斤 9.9元\n1. 3-201 1份{}\n", "好".repeat(5_000));
    let reading = read_with(&long, &view, &memory);
    assert!(reading.households.get("3-201").is_none_or(|wanted| wanted.open));
}

/// Enters what a plan sends, as the ledger would.
fn enter(view: &mut OpenGroupBuy, plan: &Plan) {
    for request in
        plan.changes.iter().chain(&plan.missing).filter_map(|change| change.request.as_ref())
    {
        let known = view.orders.iter_mut().find(|(number, _)| *number == request.order);
        match known {
            None => {
                assert_eq!(request.replaces, None);
                view.orders.push((request.order, testing::order_of(request)));
            }
            Some((_, order)) => {
                assert_eq!(request.replaces, Some(order.version));
                order.version += 1;
                let lines = request.lines.iter().map(|line| OrderLine {
                    offer: line.offer,
                    quantity: line.quantity,
                    allocated: Quantity::ZERO,
                });
                order.lines = List::new(lines.collect()).expect("fits");
            }
        }
    }
}

fn kinds(plan: &Plan) -> Vec<(&str, Kind)> {
    plan.changes
        .iter()
        .chain(&plan.missing)
        .map(|change| (change.household.as_str(), change.kind))
        .collect()
}

const MONDAY: &str =
    "#接龙\n土豆5斤 9.9元\n\n1. 3-201 2份\n2. 3-202 1份\n3. 3-203 1份\n4. 3-301 1份\n";

#[test]
fn a_pasted_update_becomes_additions_changes_and_withdrawals() {
    let (mut view, words) = shop_named("potato");
    let memory = remembered(&view, &words);
    let first = plan_of(&read_with(MONDAY, &view, &memory), &view);
    assert_eq!(first.changes.len(), 4);
    enter(&mut view, &first);

    let again = plan_of(&read_with(MONDAY, &view, &memory), &view);
    assert!(kinds(&again).iter().all(|(_, kind)| *kind == Kind::Unchanged), "{:?}", kinds(&again));

    let update =
        "#接龙\n土豆5斤 9.9元\n\n1. 3-201 3份\n2. 3-202 取消\n3. 3-203 1份\n5. 4-101 2份\n";
    let plan = plan_of(&read_with(update, &view, &memory), &view);
    assert_eq!(
        kinds(&plan),
        [
            ("3-201", Kind::Changed),
            ("3-202", Kind::Withdrawn),
            ("3-203", Kind::Unchanged),
            ("4-101", Kind::New),
            ("3-301", Kind::Missing)
        ]
    );
    enter(&mut view, &plan);
    // Who withdrew may come back.
    let back = update.replace("取消", "1份");
    let plan = plan_of(&read_with(&back, &view, &memory), &view);
    assert!(kinds(&plan).contains(&("3-202", Kind::Changed)));
}

#[test]
fn nothing_is_withdrawn_while_anything_may_be_meant_by_an_entry() {
    let (mut view, words) = shop_named("potato");
    let memory = remembered(&view, &words);
    let first = plan_of(&read_with(MONDAY, &view, &memory), &view);
    enter(&mut view, &first);
    for (list, why) in [
        ("#接龙\n土豆5斤 9.9元\n\n1. 王姐 2份\n2. 3-202 1份\n", "王姐 may be any of the others"),
        ("#接龙\n土豆5斤 9.9元\n\n", "an empty list is a mistake"),
        ("今天没有", "no list at all"),
    ] {
        let plan = plan_of(&read_with(list, &view, &memory), &view);
        assert!(plan.missing.is_empty(), "{why}");
    }
    // A household whose entry is not clear keeps what stands.
    let unclear = MONDAY.replace("3-201 2份", "3-201 2份 还是3份");
    let plan = plan_of(&read_with(&unclear, &view, &memory), &view);
    assert!(kinds(&plan).iter().all(|(household, _)| *household != "3-201"), "{:?}", kinds(&plan));
}

#[test]
fn nothing_is_withdrawn_while_a_line_may_be_an_order_that_was_not_read() {
    let (mut view, words) = shop_named("potato");
    let memory = remembered(&view, &words);
    let first = plan_of(&read_with(MONDAY, &view, &memory), &view);
    enter(&mut view, &first);
    let list = "#接龙\n土豆5斤 9.9元\n老张 土豆1份\n\n1. 3-201 2份\n";
    let reading = read_with(list, &view, &memory);
    assert_eq!(reading.heading, [(3, "老张 土豆1份".to_owned())]);
    let plan = plan_of(&reading, &view);
    assert!(plan.missing.is_empty() && plan.unread == [3], "老张 may be one of the others");
    let plain = list.replace("老张 土豆1份\n", "");
    assert_eq!(plan_of(&read_with(&plain, &view, &memory), &view).missing.len(), 3);
}

#[test]
fn an_amount_that_is_not_certain_is_asked_about() {
    let (view, words) = shop_named("veg");
    let memory = remembered(&view, &words);
    for text in ["土豆四五斤", "土豆两三斤", "土豆 3 .5斤", "土豆1.斤", "土豆2斤？"]
    {
        let reading = read_with(&format!("1. 3-201 {text}\n"), &view, &memory);
        let about = |question: &super::question::Question| {
            matches!(question.subject, super::question::Subject::Entry { .. })
        };
        assert!(reading.households["3-201"].open, "{text}");
        assert!(reading.questions.iter().all(about), "{text}: {:?}", reading.questions);
    }
}

#[test]
fn a_word_that_changes_an_order_is_never_learned_as_a_name() {
    let (view, words) = shop_named("potato");
    let mut memory = remembered(&view, &words);
    let harmful = ["X", "OR", "以上双份", "已取货", "不够"].map(str::to_owned);
    memory.learn(&Fact::Words(harmful.to_vec()), &view.filing);
    for word in harmful {
        let reading = read_with(&format!("1. 3-201 土豆2份 {word}\n"), &view, &memory);
        assert!(reading.households["3-201"].open, "{word}");
    }
}

#[test]
fn a_change_takes_one_line_and_names_what_would_be_lost() {
    let (mut view, words) = shop_named("veg");
    let memory = remembered(&view, &words);
    let before = "1. 3-201 土豆2斤 白菜1斤\n2. 3-202 土豆2斤\n";
    let first = plan_of(&read_with(before, &view, &memory), &view);
    enter(&mut view, &first);
    let plan = plan_of(&read_with("1. 3-201 土豆3斤 白菜1斤\n", &view, &memory), &view);
    let text = show::changes(&plan, &view.filing, None);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(
        lines.get(2..5),
        Some(
            &[
                "change                    3-201      potato 1.000 kg → potato 1.500 kg  5.46 → 7.44",
                "not in the list any more  3-202      potato 1.000 kg                    3.96 → 0.00",
                "orders that are not in the list any more are withdrawn only if you say so",
            ][..]
        ),
        "{text}"
    );
    let none = plan_of(&read_with(before, &view, &memory), &view);
    let none = show::changes(&none, &view.filing, None);
    assert!(none.starts_with("Changes in the ledger: none"), "{none}");
}

#[test]
fn a_wide_import_fits_the_terminal_and_loses_nothing() {
    let (mut view, words) = shop_named("veg");
    let memory = remembered(&view, &words);
    let all = "土豆2斤 西红柿3斤 白菜4斤 鸡蛋2盒 大蒜1斤";
    let before = format!("1. 3-201 {all}\n2. 3-202 {all}\n");
    let first = plan_of(&read_with(&before, &view, &memory), &view);
    enter(&mut view, &first);
    let after = "晚上八点截止，明天上午十点到小区东门自提，带好袋子，迟到的请提前在群里说一声，谢谢各位邻居\n\
        1. 3-201 土豆3斤 西红柿4斤 白菜5斤 鸡蛋3盒 大蒜2斤\n3. 3-203 土豆2斤 香菜1把 鸡蛋半盒\n";
    let reading = read_with(after, &view, &memory);
    let plan = plan_of(&reading, &view);
    for language in [Language::En, Language::Zh] {
        lang::within(language, || {
            let shown = |width| {
                [
                    show::entries(&reading, &view.filing, width),
                    show::questions(&reading, &view.filing, width),
                    show::changes(&plan, &view.filing, width),
                ]
                .join("\n")
            };
            let letters = |text: &str| {
                let mut letters: Vec<char> = text.chars().filter(|c| !c.is_whitespace()).collect();
                letters.sort_unstable();
                letters
            };
            let whole = shown(None);
            assert!(whole.lines().any(|line| line.width() > 100), "{whole}");
            let folded = shown(Some(100));
            assert!(folded.lines().all(|line| line.width() <= 100), "{folded}");
            assert_eq!(letters(&folded), letters(&whole), "{folded}");
            let narrow = shown(Some(50));
            assert!(narrow.lines().all(|line| line.width() <= 50), "{narrow}");
        });
    }
}

#[test]
fn an_order_number_finds_its_household_and_tells_nothing() {
    let (view, _) = shop_named("potato");
    let tags = tags(&view);
    let number = |household: &str, list: &str| {
        plan::order_no(&tags.tag(household).expect("known"), list).expect("a number")
    };
    assert_eq!(number("3-201", ""), number("3-201", ""));
    assert_ne!(number("3-201", ""), number("3-202", ""));
    assert_ne!(number("3-201", ""), number("3-201", "night"));
    assert!(
        number("3-201", "").as_str().len() == 16 && !number("3-201", "").as_str().contains("201")
    );
    let other = directory::tests::directory(&["3-202", "3-201"]).tags(&view.id);
    assert_ne!(
        plan::order_no(&other.tag("3-201").expect("known"), ""),
        Some(number("3-201", "")),
        "the secret decides"
    );
}

#[test]
fn no_phone_number_is_ever_kept() {
    let (view, words) = shop_named("packs");
    let mut memory = remembered(&view, &words);
    let list = "土豆5斤 9.9\n鸡蛋 18.8/盒\n1. 王姐13812345678 土豆2份\n2. 3-201 随便 13912345678\n";
    let reading = read_with(list, &view, &memory);
    for question in &reading.questions {
        for choice in &question.choices {
            memory.learn(&choice.fact, &view.filing);
        }
    }
    let kept = memory.to_toml();
    assert!(kept.contains("王姐") && !kept.contains("1234"), "{kept}");
}

#[test]
fn a_pack_is_counted_in_pieces_of_the_filing_once_that_is_said() {
    let (view, words) = shop_named("packs");
    let mut memory = remembered(&view, &words);
    let list =
        "#接龙\n土豆 10斤装 19.8\n西红柿 3斤装\n\n1. 3-201 土豆2份 西红柿1份\n2. 3-202 土豆30斤\n";
    for _ in 0..2 {
        let reading = read_with(list, &view, &memory);
        let choice = &reading.questions.first().expect("a pack is asked about").choices[0];
        memory.learn(&choice.fact, &view.filing);
    }
    let reading = read_with(list, &view, &memory);
    assert_eq!(reading.questions, []);
    // Ten jin are two pieces of the filing, which are 5 jin for 9.90.
    assert_eq!(reading.households["3-201"].lines, [(0, 4), (1, 1)].into());
    assert_eq!(reading.households["3-202"].lines, [(0, 6)].into());
    // Another pack next week is another question.
    let next = list.replace("10斤装 19.8", "15斤装").replace("30斤", "1份");
    let reading = read_with(&next, &view, &memory);
    assert!(reading.households.values().all(|wanted| wanted.open), "{reading:?}");
}

#[test]
fn what_one_portion_was_last_week_does_not_hold_for_another_pack() {
    let (view, words) = shop_named("veg");
    let mut memory = remembered(&view, &words);
    let portion = |word: &str, unit: &str, amount: &str| Fact::Portion {
        word: word.into(),
        unit: unit.into(),
        amount: amount.into(),
    };
    memory.learn(&portion("土豆", "份", "3000g"), &view.filing);
    let list = "土豆 3斤装 5.94\n1. 3-201 土豆2份\n";
    assert!(read_with(list, &view, &memory).households["3-201"].open);
    memory.learn(&portion("土豆", "份", "1500g"), &view.filing);
    let reading = read_with(list, &view, &memory);
    assert_eq!(reading.households["3-201"].lines, [(0, 3_000)].into());
    // Half a portion of what is sold by weight is a weight.
    let loose = "土豆 1.98/斤\n1. 3-201 土豆半份\n";
    assert_eq!(read_with(loose, &view, &memory).households["3-201"].lines, [(0, 750)].into());
}

#[test]
fn what_is_written_below_the_close_counts_if_the_leader_says_so_and_else_changes_nothing() {
    let (view, words) = shop_named("potato");
    let list = "土豆5斤 9.9元\n1. 3-201 2份\n截单了\n2. 3-201 取消\n3. 3-202 1份\n4. 3-201 2份\n";
    let reading = read_with(list, &view, &remembered(&view, &words));
    let [question] = reading.questions.as_slice() else { panic!("{:?}", reading.questions) };
    assert_eq!((question.rows.as_slice(), question.choices.len()), (&[4, 5][..], 2));
    let answered = |choice: usize| {
        let mut memory = remembered(&view, &words);
        memory.learn(&question.choices[choice].fact, &view.filing);
        let mut reading = read_with(list, &view, &memory);
        // Who has withdrawn and comes again says something new.
        if let [again] = reading.questions.as_slice() {
            memory.learn(&again.choices[choice].fact, &view.filing);
            reading = read_with(list, &view, &memory);
        }
        assert_eq!(reading.questions, []);
        kinds(&plan_of(&reading, &view))
            .into_iter()
            .map(|(household, _)| household.to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(answered(0), ["3-201", "3-202"]);
    assert_eq!(answered(1), ["3-201"], "what was written in time stands");
    // Somebody who writes later is asked about again.
    let mut memory = remembered(&view, &words);
    memory.learn(&question.choices[0].fact, &view.filing);
    let later = read_with(&format!("{list}5. 3-203 1份\n"), &view, &memory);
    assert_eq!(later.questions[0].rows, [6, 7]);
}

#[test]
fn a_quotation_is_no_second_order() {
    let (view, words) = shop_named("potato");
    let mut memory = remembered(&view, &words);
    let list =
        "土豆5斤 9.9元\n1. 3-201 2份\n「3-201：2份」\n3-202 我也要1份\n\n「3-203：土豆3份」\n";
    let reading = read_with(list, &view, &memory);
    assert_eq!(reading.households["3-201"].lines, [(0, 2)].into());
    assert_eq!(reading.households["3-202"].lines, [(0, 1)].into());
    let [question] = reading.questions.as_slice() else { panic!("{:?}", reading.questions) };
    memory.learn(&question.choices[1].fact, &view.filing);
    let reading = read_with(list, &view, &memory);
    assert!(reading.questions.is_empty() && !reading.households.contains_key("3-203"));
}

#[test]
fn an_answer_about_part_of_a_piece_books_what_it_says() {
    let (view, words) = shop_named("packs");
    let mut memory = remembered(&view, &words);
    let list = "土豆 5斤/份 9.9元\n鸡蛋 30枚/盒 18.8元\n1. 3-201 鸡蛋1盒\n2. 3-201 再加土豆1份半 鸡蛋1盒\n";
    let reading = read_with(list, &view, &memory);
    let [question] = reading.questions.as_slice() else { panic!("{:?}", reading.questions) };
    assert_eq!(question.choices[1].text, "potato5 2, egg30 1: 38.60 yuan");
    memory.learn(&question.choices[1].fact, &view.filing);
    let reading = read_with(list, &view, &memory);
    assert_eq!(reading.households["3-201"].lines, [(0, 2), (2, 2)].into());
}

#[test]
fn packs_of_nothing_and_numbers_without_end_are_no_mistakes_of_the_program() {
    let names = [
        ("土豆", "0斤"),
        ("鸡蛋", "0枚/盒"),
        ("土豆", "9999999999斤/份"),
        ("鸡蛋", "9999999999枚/盒"),
    ];
    for shop in ["packs", "veg", "fruit", "potato"] {
        let (view, words) = shop_named(shop);
        for (name, pack) in names {
            let mut list = format!("{name}{pack} 9999999999元\n");
            for (number, amount) in
                ["0", "1份", "0.001", "0斤", "9999999999", "9999999999斤", "9999999999盒"]
                    .iter()
                    .enumerate()
            {
                list.push_str(&format!("{}. 3-20{number} {name}{amount}\n", number + 1));
            }
            check(&read_with(&list, &view, &remembered(&view, &words)), &view);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]

    #[test]
    fn no_text_panics_or_costs_other_than_the_filing_says(text in "\\PC{0,300}") {
        for shop in ["veg", "fruit"] {
            let (view, words) = shop_named(shop);
            check(&read_with(&text, &view, &remembered(&view, &words)), &view);
        }
    }

    #[test]
    fn no_list_of_likely_words_panics_or_loses_an_entry(
        entries in prop::collection::vec(prop::collection::vec(prop::sample::select(vec![
            "3-201", "3栋202", " ", "土豆", "鸡蛋", "西红柿", "2", "两", "半", "斤", "份", "盒", "5斤", "×", "+1", "各", "取消", "改成",
            "不要了", "同上", "每样", "共", "9.9元", "王姐", "，", "~~", "(", ")", "一", "12-1-301", "加", "-", "/", "13812345678", "1️⃣",
        ]), 1..9), 1..12)
    ) {
        let (view, words) = shop_named("packs");
        let mut list = String::from("#接龙\n土豆5斤 9.9\n西红柿3斤 10.5\n鸡蛋30枚/盒 18.8\n玉米 15/份\n1. 6-101 玉米1份\n");
        for (number, words) in entries.iter().enumerate() {
            list.push_str(&format!("{}. {}\n", number + 2, words.concat()));
        }
        let reading = read_with(&list, &view, &remembered(&view, &words));
        prop_assert_eq!(reading.entries.len(), entries.len() + 1);
        check(&reading, &view);
    }
}
