//! The people: what each of them types into `tuan`, step by step.
//!
//! Everything that a person says goes through the real program with that person's key, to that
//! person's node first. The demo itself signs nothing.

use super::{
    cluster::Cluster,
    founding::{AFTER_SALE_MS, CASH, COMMITTEE, LEADERS, PROPERTY, WECHAT},
    week::GroupBuy,
};
use anyhow::{Context as _, Result, bail, ensure};
use ledger_core::{
    api::{GroupBuyView, OpenGroupBuy},
    fund::{AccountId, Cover, FeePart, Phase},
    types::{Fen, GroupBuyId, Height, Quantity, TimestampMs, Unit, UnitPrice},
};
use serde_json::Value;
use std::{
    collections::BTreeMap,
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

/// Exit codes of `tuan` after which the same command may simply be typed again.
const TYPE_AGAIN: [i32; 2] = [3, 5];
/// How often.
const TRIES: u32 = 3;
/// How long something may take that the ledger does by itself once it is due.
const PATIENCE: Duration = Duration::from_secs(120);

/// The program `tuan` and the files that people give it.
pub(super) struct Tuan {
    /// Where the program is.
    pub(super) program: PathBuf,
    /// The demo's folder: commands run in it.
    pub(super) home: PathBuf,
}

impl Tuan {
    /// The file with the passphrase of all keys.
    pub(super) fn passphrase(&self) -> PathBuf {
        self.home.join("passphrase.txt")
    }

    /// Runs a command; its answers, of which there is one for each thing that was done.
    pub(super) fn run(&self, arguments: &[&str]) -> Result<Vec<Value>> {
        let mut last = None;
        for _ in 0..TRIES {
            ensure!(!super::interrupted(), "interrupted");
            let output = Command::new(&self.program)
                .args(arguments)
                .args(["--passphrase-file", "passphrase.txt", "--json", "--lang", "en"])
                .args(["--state", "state"])
                .current_dir(&self.home)
                .stdin(Stdio::null())
                .output()
                .with_context(|| format!("cannot run {}", self.program.display()))?;
            if output.status.success() {
                let answers = serde_json::Deserializer::from_slice(&output.stdout).into_iter();
                return answers
                    .collect::<Result<_, _>>()
                    .context("tuan answers other than in JSON");
            }
            let again = output.status.code().is_some_and(|code| TYPE_AGAIN.contains(&code));
            last = Some(output);
            if !again {
                break;
            }
        }
        let stderr = last.map(|output| output.stderr).unwrap_or_default();
        let stderr = String::from_utf8_lossy(&stderr);
        // Before an error come the facts that a person reads before signing.
        let error = stderr.find("error: ").map_or(&*stderr, |at| &stderr[at..]);
        bail!("`tuan {}`: {}", arguments.join(" "), error.trim())
    }
}

/// Everyone, with their nodes.
pub(super) struct People<'a> {
    /// The program.
    pub(super) tuan: &'a Tuan,
    /// The nodes.
    pub(super) cluster: &'a Cluster,
    /// Names of the suppliers.
    pub(super) suppliers: &'a [String],
    /// The highest block that anybody has been told of.
    pub(super) height: AtomicU64,
}

/// What became of a group buy, as the ledger has it.
#[derive(Debug, Clone)]
pub(super) struct Account {
    /// Its name.
    pub(super) id: GroupBuyId,
    /// Who filed it.
    pub(super) leader: String,
    /// Who delivered.
    pub(super) supplier: String,
    /// How it ended.
    pub(super) phase: Phase,
    /// Households that ordered.
    pub(super) households: usize,
    /// Lines on the purchase order, before shortages.
    pub(super) lines: u64,
    /// Sum of the purchase order.
    pub(super) purchase: Fen,
    /// Confirmed payments.
    pub(super) paid: Fen,
    /// What the supplier earned.
    pub(super) goods: Fen,
    /// What the payees earned, in the order of [`FeePart::ALL`].
    pub(super) fees: [Fen; 4],
    /// What went back to households.
    pub(super) refunded: Fen,
}

impl People<'_> {
    /// A person types a command; `turn` says which node somebody without an own one asks first.
    pub(super) fn say(&self, who: &str, turn: usize, words: &[&str]) -> Result<Vec<Value>> {
        let urls = self.cluster.urls_for(who, turn)?;
        let key = format!("keys/{who}.pem");
        let options =
            ["--node", &urls, "--genesis", "genesis.toml", "--key", &key, "--wait", "120"];
        // Only who meets the households has their directory.
        let directory: &[&str] = if LEADERS.contains(&who) || who == PROPERTY || who == COMMITTEE {
            &["--directory", "directory.toml"]
        } else {
            &[]
        };
        // People are slower than the network; a demo is not, so it waits until what one person did
        // has reached the next one's node.
        let height = Height::new(self.height.load(Ordering::Relaxed));
        self.cluster.catch_up(self.cluster.node_of(who, turn)?, height)?;
        let words: Vec<&str> = [words, &options, directory].concat();
        let answers = self.tuan.run(&words).with_context(|| format!("{who} cannot go on"))?;
        let inner = answers.iter().filter_map(|answer| answer.get("transactions")?.as_array());
        let entered = answers.iter().chain(inner.flatten());
        let heights = entered.filter_map(|entered| entered.get("height")?.as_u64());
        self.height.fetch_max(heights.max().unwrap_or(0), Ordering::Relaxed);
        Ok(answers)
    }

    /// Who leads and who delivers a group buy.
    pub(super) fn parties(&self, group_buy: &GroupBuy) -> (&'static str, &str) {
        let leader = LEADERS[group_buy.leader % LEADERS.len()];
        (leader, &self.suppliers[group_buy.supplier % self.suppliers.len()])
    }

    /// A filing that the committee turns down; how long the slower of the two commands took.
    ///
    /// It shows that a rejection closes a group buy, and tells how fast this machine is before any
    /// deadline has to be set.
    pub(super) fn rejected_filing(&self, like: &GroupBuy) -> Result<Duration> {
        let id = "trial";
        let filing = self.write_filing(like, id, now_ms()? + 600_000)?;
        let (leader, _) = self.parties(like);
        let started = Instant::now();
        self.say(leader, 0, &["buy", "file", &filing])?;
        let filed = started.elapsed();
        self.say(COMMITTEE, 0, &["buy", "reject", id, "--reason", "1"])?;
        Ok(filed.max(started.elapsed().saturating_sub(filed)))
    }

    /// From the filing to the last confirmed payment; `turn` spreads the leaders over the nodes.
    ///
    /// # Errors
    /// Somebody's command fails, for example because `cut_off` came first.
    pub(super) fn enter(
        &self,
        group_buy: &GroupBuy,
        turn: usize,
        cut_off: TimestampMs,
        step: &dyn Fn(),
    ) -> Result<()> {
        let id = group_buy.id.as_str();
        let (leader, supplier) = self.parties(group_buy);
        let filing = self.write_filing(group_buy, id, cut_off.get())?;
        let orders = self.write_orders(group_buy)?;
        let say = |who: &str, words: &[&str]| {
            let answer = self.say(who, turn, words);
            step();
            answer
        };
        say(leader, &["buy", "file", &filing])?;
        say(PROPERTY, &["buy", "approve", id])?;
        say(COMMITTEE, &["buy", "approve", id])?;
        say(supplier, &["buy", "accept", id])?;
        say(leader, &["order", "import", &orders, "--group-buy", id, "--yes"])?;
        let (payments, bill) = self.write_payments(group_buy)?;
        say(leader, &["pay", "record", &payments, "--group-buy", id])?;
        say(PROPERTY, &["pay", "confirm", "--group-buy", id, "--bill", &bill])?;
        if !group_buy.cash.is_empty() {
            // The committee counted the cash at its counter when it gave the slips out.
            self.say(COMMITTEE, turn, &["pay", "confirm", "--group-buy", id, "--all-recorded"])?;
        }
        for order in &group_buy.withdrawn {
            self.say(leader, turn, &["order", "withdraw", "--group-buy", id, "--order", order])?;
        }
        Ok(())
    }

    /// The purchase order is confirmed and the goods are received; nothing of that if it failed.
    pub(super) fn receive(
        &self,
        group_buy: &GroupBuy,
        turn: usize,
        step: &dyn Fn(),
    ) -> Result<Received> {
        let id = group_buy.id.as_str();
        let (leader, supplier) = self.parties(group_buy);
        let (formed, view) = self.wait_for(id, turn, "its confirm_by", |view| {
            matches!(view.header.phase, Phase::Formed | Phase::Failed).then(|| view.header.phase)
        })?;
        if formed == Phase::Failed {
            return Ok(Received::Failed);
        }
        let note = self.write_note(group_buy, &view)?;
        let mut received = vec!["goods", "receive", id];
        if let Some(note) = &note {
            received.extend(["--note", note]);
        }
        let steps: [(&str, &[&str]); 3] =
            [(supplier, &["goods", "order", id]), (leader, &received), (supplier, &received)];
        for (who, words) in steps {
            self.say(who, turn, words)?;
            step();
        }
        Ok(Received::Waiting)
    }

    /// Settles and pays everybody, until the ledger closes the group buy.
    pub(super) fn settle(
        &self,
        group_buy: &GroupBuy,
        turn: usize,
        step: &dyn Fn(),
    ) -> Result<Account> {
        let id = group_buy.id.as_str();
        let say = |who: &str, words: &[&str]| {
            let answer = self.say(who, turn, words);
            step();
            answer
        };
        let (_, view) = self.wait_for(id, turn, "delivery and the end of its claims", |view| {
            let ends = view.header.last_delivery.get().saturating_add(AFTER_SALE_MS);
            let over = now_ms().is_ok_and(|now| now > ends + CLOCK_SLACK_MS);
            match view.header.phase {
                Phase::Delivered => over.then_some(()),
                Phase::Failed | Phase::Settled => Some(()),
                _ => None,
            }
        })?;
        let failed = view.header.phase == Phase::Failed;
        if !failed {
            say(PROPERTY, &["settle", "propose", id])?;
            say(COMMITTEE, &["settle", "approve", id])?;
        }
        let view = self.view(id, turn)?.context("it closed before anybody was paid")?;
        let account = self.account(group_buy, &view);
        self.bring_cash(&view, turn)?;
        if account.refunded > Fen::ZERO {
            self.say(PROPERTY, turn, &["refund", "pay", id])?;
        }
        if !failed {
            say(PROPERTY, &["settle", "pay", id, "--all", "--channel", WECHAT])?;
        }
        // One look at everything that waits for this group buy, and one signature for each.
        say(COMMITTEE, &["approve", "--group-buy", id])?;
        self.cluster.wait(&format!("{id} to close"), PATIENCE, |_| {
            Ok(self.view(id, turn)?.is_none().then_some(()))
        })?;
        Ok(account)
    }

    /// Cash goes back to households from the committee's box; the rest goes to the property
    /// company, which pays everybody.
    fn bring_cash(&self, view: &OpenGroupBuy, turn: usize) -> Result<()> {
        let id = view.id.as_str();
        let refunds: BTreeMap<_, _> = view
            .accounts
            .iter()
            .filter_map(|account| match account.account {
                AccountId::Refund(tag) => Some((tag, account.balance)),
                _ => None,
            })
            .collect();
        let (mut kept, mut refunded) = (Fen::ZERO, Fen::ZERO);
        // The cash box is the second channel of the founding document.
        for (_, payment) in view.payments.iter().filter(|(_, payment)| payment.record.channel == 1)
        {
            for share in &payment.record.shares {
                let back = refunds.get(&share.household).copied().unwrap_or_default();
                let back = back.min(share.amount);
                refunded = refunded.saturating_add(back);
                kept = kept.saturating_add(share.amount.saturating_sub(back));
            }
        }
        if refunded > Fen::ZERO {
            self.say(COMMITTEE, turn, &["refund", "pay", id])?;
            self.say(PROPERTY, turn, &["refund", "approve", id])?;
        }
        if kept > Fen::ZERO {
            let (number, amount) = (format!("CASH-{id}"), kept.to_yuan());
            let words = [
                "pay", "transfer", "--from", CASH, "--to", WECHAT, "--number", &number, "--amount",
                &amount,
            ];
            let answers = self.say(COMMITTEE, turn, &words)?;
            let proposal = answers.iter().find_map(|answer| answer.get("id")?.as_str());
            let proposal = proposal.context("`tuan pay transfer` names no proposal")?;
            self.say(PROPERTY, turn, &["approve", proposal])?;
        }
        Ok(())
    }

    /// What the ledger says of a group buy that is about to pay everybody.
    fn account(&self, group_buy: &GroupBuy, view: &OpenGroupBuy) -> Account {
        let credits = |wanted: AccountId| {
            let found = view.accounts.iter().find(|account| account.account == wanted);
            found.map_or(Fen::ZERO, |account| account.credits)
        };
        let retention = view.accounts.iter().find(|a| a.account == AccountId::Retention);
        let retained = retention.map_or(Fen::ZERO, |account| account.balance);
        // A group buy that failed has no purchase order.
        let bought = view.header.purchase_total > Fen::ZERO;
        let covered =
            view.orders.iter().filter(|(_, order)| bought && order.cover == Cover::Covered);
        let refunds = view.accounts.iter().filter(|a| matches!(a.account, AccountId::Refund(_)));
        let (leader, supplier) = self.parties(group_buy);
        Account {
            id: group_buy.id,
            leader: leader.to_owned(),
            supplier: supplier.to_owned(),
            phase: view.header.phase,
            households: view.households.len(),
            lines: covered.map(|(_, order)| order.lines.len() as u64).sum(),
            purchase: view.header.purchase_total,
            paid: view.header.paid,
            // The node that was asked may be a block behind and still hold the retention.
            goods: credits(AccountId::Payable).saturating_add(retained),
            fees: FeePart::ALL.map(|part| credits(AccountId::Fee(part))),
            refunded: refunds.fold(Fen::ZERO, |sum, a| sum.saturating_add(a.credits)),
        }
    }

    /// The group buy as the node at `turn` has it; nothing once it is closed.
    fn view(&self, id: &str, turn: usize) -> Result<Option<OpenGroupBuy>> {
        let node = self.cluster.node_of("", turn)?;
        match self.cluster.get(node, &format!("/v1/group-buys/{id}"))? {
            GroupBuyView::Open(view) => Ok(Some(*view)),
            GroupBuyView::Closed { .. } => Ok(None),
        }
    }

    fn wait_for<T>(
        &self,
        id: &str,
        turn: usize,
        what: &str,
        look: impl Fn(&OpenGroupBuy) -> Option<T>,
    ) -> Result<(T, OpenGroupBuy)> {
        self.cluster.wait(&format!("{what}, in {id}"), PATIENCE, |_| {
            let view = self.view(id, turn)?.with_context(|| format!("{id} is closed already"))?;
            Ok(look(&view).map(|found| (found, view)))
        })
    }

    /// Where the files of a group buy are, for reading and for typing.
    fn file(&self, id: &str, name: &str) -> Result<(PathBuf, String)> {
        let relative = Path::new("week").join(id);
        fs::create_dir_all(self.tuan.home.join(&relative))?;
        let relative = relative.join(name);
        Ok((self.tuan.home.join(&relative), relative.to_string_lossy().into_owned()))
    }

    /// The filing as the leader writes it.
    fn write_filing(&self, group_buy: &GroupBuy, id: &str, cut_off_ms: u64) -> Result<String> {
        let (leader, supplier) = self.parties(group_buy);
        let mut text = format!(
            "group_buy = \"{id}\"\nbusiness_date = \"{}\"\nsupplier = \"{supplier}\"\n\
             delivery = \"{leader}\"\npacking = \"{supplier}\"\ncut_off = {cut_off_ms}\n\
             confirm_by = {cut_off_ms}\ndeliver_by = {}\nafter_sale_window = \"{AFTER_SALE_MS}ms\"\n\
             retention_percent = \"10\"\n\n[minimum]\nhouseholds = {}\n",
            group_buy.business_date(),
            cut_off_ms + 3_600_000,
            group_buy.minimum_households,
        );
        for offer in &group_buy.offers {
            let unit = match offer.unit {
                Unit::Weight => "kg",
                Unit::Piece => "piece",
            };
            let yuan = |price: UnitPrice| Fen::new(price.get().into()).to_yuan();
            write!(
                text,
                "\n[[offers]]\nitem = \"{}\"\nunit = \"{unit}\"\nprice = \"{}\"\nquote = \"{}\"\n\
                 leader = \"{}\"\nproperty = \"{}\"\ndelivery = \"{}\"\npacking = \"{}\"\n",
                offer.item,
                yuan(offer.price),
                yuan(offer.quote),
                yuan(offer.split.leader),
                yuan(offer.split.property),
                yuan(offer.split.delivery),
                yuan(offer.split.packing),
            )?;
        }
        let (path, name) = self.file(id, "filing.toml")?;
        fs::write(path, text)?;
        Ok(name)
    }

    /// The orders as `tuan order import` reads them.
    fn write_orders(&self, group_buy: &GroupBuy) -> Result<String> {
        let (path, name) = self.file(group_buy.id.as_str(), "orders.csv")?;
        let mut file = csv::Writer::from_path(path)?;
        file.write_record(["order_no", "household", "item_code", "quantity", "unit_price"])?;
        for line in &group_buy.lines {
            let offer = &group_buy.offers[line.offer];
            let price = Fen::new(offer.price.get().into()).to_yuan();
            let quantity = line.quantity.to_text(offer.unit);
            let item = offer.item.as_str();
            file.write_record([&line.order, &line.household, item, &quantity, &price])?;
        }
        file.flush()?;
        Ok(name)
    }

    /// The payments as the leader records them, and the bill of the channel that confirms them.
    fn write_payments(&self, group_buy: &GroupBuy) -> Result<(String, String)> {
        let id = group_buy.id.as_str();
        let (payments_path, payments) = self.file(id, "payments.csv")?;
        let (bill_path, bill) = self.file(id, "wechat-bill.csv")?;
        let mut payments_file = csv::Writer::from_path(payments_path)?;
        let mut bill_file = csv::Writer::from_path(bill_path)?;
        payments_file.write_record(["number", "channel", "household", "amount", "paid_at"])?;
        bill_file.write_record(["number", "channel", "amount"])?;
        // Paid a moment ago: the record may not be dated later than the ledger's clock.
        let paid_at = now_ms()?.to_string();
        for (household, amount) in group_buy.to_pay() {
            let amount = amount.to_yuan();
            if group_buy.cash.contains(household) {
                let number = format!("SLIP-{id}-{household}");
                payments_file.write_record([&number, CASH, household, &amount, &paid_at])?;
            } else {
                let number = format!("WX-{id}-{household}");
                payments_file.write_record([&number, WECHAT, household, &amount, &paid_at])?;
                bill_file.write_record([&number, WECHAT, &amount])?;
            }
        }
        payments_file.flush()?;
        bill_file.flush()?;
        Ok((payments, bill))
    }

    /// What was counted when the goods came; nothing if everything arrived.
    fn write_note(&self, group_buy: &GroupBuy, view: &OpenGroupBuy) -> Result<Option<String>> {
        if group_buy.short.is_empty() {
            return Ok(None);
        }
        let (path, name) = self.file(group_buy.id.as_str(), "goods-note.csv")?;
        let mut file = csv::Writer::from_path(path)?;
        file.write_record(["item_code", "unit_price", "accepted"])?;
        for (index, tally) in view.offers.iter().filter(|(_, tally)| tally.purchased > 0) {
            let offer = view.filing.offers.get(usize::from(*index)).context("an unknown offer")?;
            let arrived = group_buy.short.get(&offer.item).copied().unwrap_or(u64::MAX);
            let accepted = u32::try_from(tally.purchased.min(arrived))?;
            let accepted = Quantity::new(accepted).to_text(offer.unit);
            let price = Fen::new(offer.price.get().into()).to_yuan();
            file.write_record([offer.item.as_str(), &price, &accepted])?;
        }
        file.flush()?;
        Ok(Some(name))
    }
}

/// What came of the goods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// Both sides signed; delivery follows by itself.
    Waiting,
    /// Too few came together.
    Failed,
}

/// Block time may lie behind this machine's clock by the time that a block takes.
const CLOCK_SLACK_MS: u64 = 300;

/// The wall clock in milliseconds.
pub(super) fn now_ms() -> Result<u64> {
    Ok(u64::try_from(SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis())?)
}
