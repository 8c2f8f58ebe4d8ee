//! Help in Chinese.
//!
//! English help stands in the doc comments of the commands. Here each of its texts has its Chinese
//! beside it: whoever adds a command or an argument adds a row to [`TEXTS`], and to [`VALUES`] for a
//! new name of a value. A test walks every command and fails for texts without a row and for rows that
//! no command has any more.

use crate::{buy, genesis};
use clap::Command;
use commandline::Words;

/// English help and its Chinese.
const TEXTS: &[(&str, &str)] = &[
    // The program.
    ("Ledger for the money of community group buying", "社区团购资金账本"),
    // Options of every command.
    (
        "Nodes to ask, in this order; repeat it or separate them by commas",
        "依次询问的节点；可写多次，也可用逗号分隔",
    ),
    ("Founding document of the chain", "本链的创世文件"),
    ("Your signing key", "您的签名密钥"),
    (
        "File with the passphrase of the key; else TUAN_PASSPHRASE, else a prompt",
        "存放密钥口令的文件；不写则用 TUAN_PASSPHRASE，再没有就当场询问",
    ),
    (
        "Your member name, if the key alone does not say it",
        "您的成员名称，仅凭密钥无法判断时才需要",
    ),
    ("Language; else that of the environment", "语言；不写则按系统设置"),
    ("Answer in JSON", "以 JSON 输出结果"),
    ("Directory of households", "住户名册"),
    (
        "Folder for what tuan keeps on this computer: outbox, receipts, remembered names",
        "tuan 在本机保存数据的文件夹：待发箱、回执、记住的名称",
    ),
    ("Do not wait until the ledger has decided", "不等账本作出决定"),
    ("How long to wait for the decision", "最多等待决定多少秒"),
    // tuan key
    ("Makes a signing key, encrypted with a passphrase", "生成签名密钥，用口令加密"),
    ("Where to write it", "写到哪个文件"),
    ("Shows the public half of the key named with --key", "显示 --key 所指密钥的公钥"),
    // tuan genesis
    ("Name of the chain", "链的名称"),
    ("Where to write the document", "创世文件写到哪里"),
    (genesis::INVITE_EXAMPLE, genesis::INVITE_EXAMPLE_ZH),
    ("The document", "创世文件"),
    // tuan directory
    ("The directory of households, which stays off the ledger", "住户名册，不进入账本"),
    (
        "Makes a directory with fresh secrets for households listed one a line",
        "按每行一户的清单生成名册，并配上新的随机密钥",
    ),
    ("Text file with one household number a line", "文本文件，每行一个户号"),
    ("Where to write the directory", "名册写到哪个文件"),
    // tuan member, status
    ("Who takes part", "参与各方"),
    ("Lists the registry", "列出登记的成员"),
    ("How a node is", "节点的状态"),
    // tuan buy
    (
        "Group buys: file, approve, accept, cancel, list, show, watch",
        "团购：报备、审批、接单、取消、列表、查看、关注",
    ),
    ("Leader: files a group buy", "团长：报备一个团购"),
    (buy::FILING_EXAMPLE, buy::FILING_EXAMPLE_ZH),
    ("The filing as TOML", "报备文件（TOML）"),
    ("Property, committee: approves a filing", "物业、居委会：同意报备"),
    ("Which group buy", "哪个团购"),
    ("Property, committee, supplier: rejects a filing", "物业、居委会、供应商：驳回报备"),
    ("Number of the reason in the published list", "公布的理由清单中的编号"),
    ("Supplier: accepts a filing; the quotes are its own", "供应商：接单；其中的报价为本方所报"),
    (
        "Property or committee: proposes to give a group buy up, and refund everybody",
        "物业或居委会：提议取消团购，全部退款",
    ),
    ("Approve the proposal that waits", "同意正在等待的提案"),
    ("Lists group buys that are not closed", "列出尚未关闭的团购"),
    ("Shows a group buy", "查看一个团购"),
    (
        "Shows a group buy filling up, until it closes or Ctrl-C",
        "实时关注一个团购，直到关闭或按 Ctrl-C",
    ),
    // tuan order
    ("Orders of households", "住户的订单"),
    ("Check everything and send nothing", "只检查，不发送"),
    ("Do not ask before sending", "发送前不再询问"),
    ("Enters one order", "录入一个订单"),
    ("Its number", "订单号"),
    (
        "ITEM=QUANTITY, or ITEM=QUANTITY@PRICE where an item has several prices; repeatable",
        "商品=数量；同一商品有几个价格时写 商品=数量@价格；可写多次",
    ),
    ("Whose it is", "哪一户的"),
    (
        "32 hexadecimal digits that the household shows when it takes the goods",
        "住户取货时出示的 32 位十六进制取货码",
    ),
    ("Replaces the lines of an order", "更改订单的内容"),
    ("The version that you have seen; else the current one", "您看到的版本；不写则为当前版本"),
    ("Withdraws an order; what was paid for it is refunded", "撤回订单；已付款项退回"),
    ("Lists the orders of a group buy", "列出一个团购的订单"),
    ("Only of this household", "只看这一户"),
    // tuan pay
    ("Money that came in, and channels", "收到的款项与收款渠道"),
    ("Leader: records payments of households", "团长：登记住户的付款"),
    (
        "CSV with the columns number,channel,household,amount,paid_at",
        "CSV 文件，列为 number,channel,household,amount,paid_at",
    ),
    ("Number that the channel gave it", "渠道给出的流水号"),
    ("Which channel", "哪个渠道"),
    ("For which household", "哪一户"),
    ("How much, in yuan", "金额（元）"),
    ("When it was paid; else now", "付款时间；不写则为现在"),
    ("Custodian: confirms recorded payments that arrived", "保管方：确认已登记的付款到账"),
    ("One payment, with --amount", "一笔付款，须同时写 --amount"),
    ("What arrived, in yuan", "到账金额（元）"),
    (
        "CSV of the channel with the columns number,channel,amount: confirms what matches",
        "渠道账单 CSV，列为 number,channel,amount：相符的予以确认",
    ),
    ("Everything recorded for channels that you keep", "您保管的渠道中所有已登记的付款"),
    ("Custodian: refuses a record, which frees its number", "保管方：拒绝一笔登记，流水号随之释放"),
    ("Which payment", "哪笔付款"),
    ("Lists the payments of a group buy", "列出一个团购的付款"),
    ("Custodian: books money whose payer is not known", "保管方：登记不知付款人的款项"),
    ("When it came; else now", "到账时间；不写则为现在"),
    ("Leader: proposes whose payment it was", "团长：提议认领这笔付款"),
    ("The payment", "付款流水号"),
    ("The group buy it was for", "属于哪个团购"),
    ("HOUSEHOLD=YUAN; repeatable", "户号=金额；可写多次"),
    (
        "Custodian: proposes to give money back that came too late or belongs to nobody",
        "保管方：提议退回迟到或无主的款项",
    ),
    ("The channel that it came by", "收款渠道"),
    (
        "Number that the channel gave to the return; else one made from the payment's",
        "退款的渠道流水号；不写则由付款流水号生成",
    ),
    (
        "Every late payment of this group buy in channels that you keep",
        "您保管的渠道中该团购的所有迟到付款",
    ),
    ("Custodian: proposes to book what a channel kept", "保管方：提议登记渠道扣下的手续费"),
    ("The bill: a file, or its SHA-256", "账单：文件，或其 SHA-256"),
    (
        "Property: proposes that its fee of a group buy bears what a channel kept",
        "物业：提议由本方在该团购的分成承担渠道手续费",
    ),
    ("Whose property fee", "用哪个团购的物业分成"),
    ("Which channel's fee", "哪个渠道的手续费"),
    (
        "Custodian: proposes to book that the property company makes up for what a channel kept",
        "保管方：提议登记物业补足渠道手续费",
    ),
    ("Custodian: proposes to move money between channels", "保管方：提议在渠道之间转账"),
    ("Where it leaves", "转出渠道"),
    ("Where it arrives", "转入渠道"),
    ("Custodian: proposes to book a payout that came back", "保管方：提议登记被退回的付款"),
    ("The payout", "原付款流水号"),
    // tuan goods
    ("Purchase order, goods note, deliveries", "采购单、收货单、交付"),
    (
        "Supplier: confirms the purchase order, after adding it up from the paid lines",
        "供应商：按已付款的订单行核算后，确认采购单",
    ),
    (
        "Leader (or property) and supplier: each signs what arrived",
        "团长（或物业）与供应商：各自签收到货",
    ),
    (
        "CSV with the columns item_code,unit_price,accepted; without it, everything arrived",
        "CSV 文件，列为 item_code,unit_price,accepted；不写则视为全部到货",
    ),
    (
        "Property and committee: propose what arrived when one side does not sign",
        "物业与居委会：一方不签时，提议认定到货数量",
    ),
    (
        "Leader: who has its goods, by the households' codes or by evidence",
        "团长：登记哪些住户已取货，凭取货码或凭证据",
    ),
    ("CSV with the columns household,code", "CSV 文件，列为 household,code"),
    (
        "Text file with one household number a line; proposes the delivery",
        "文本文件，每行一个户号；提议确认交付",
    ),
    ("Every household that still waits; proposes the delivery", "所有还未取货的住户；提议确认交付"),
    ("Photographs or signatures: a file, or its SHA-256", "照片或签名：文件，或其 SHA-256"),
    // tuan settle, refund
    ("Settlement and payouts", "结算与付款"),
    (
        "Property: proposes to end the after-sale window, so that payees may be paid",
        "物业：提议结束售后期，以便向各收款方付款",
    ),
    (
        "Approves what waits for this group buy: its settlement and its payouts",
        "同意该团购等待中的结算和付款",
    ),
    ("A group buy, or the id of one proposal", "一个团购，或一个提案的编号"),
    (
        "Custodian: proposes to pay a payee of a settled group buy",
        "保管方：提议向已结算团购的收款方付款",
    ),
    (
        "Whom: a part (supplier, leader, property, delivery, packing), or the name of the member who earns it",
        "付给谁：写收入项目（supplier、leader、property、delivery、packing，或 供应商、团长、物业、配送、分拣），或收款成员的名称",
    ),
    ("Every payee that has earned something", "所有应得款项的收款方"),
    (
        "From which channel; else one of yours that holds enough",
        "从哪个渠道付；不写则用您余额足够的渠道",
    ),
    (
        "Number that the channel gave it; else one made from the group buy's name",
        "渠道给出的流水号；不写则由团购名称生成",
    ),
    ("How much, in yuan; else everything earned", "金额（元）；不写则为全部应得"),
    ("Refunds, back the way they came", "退款，原路返回"),
    (
        "Custodian: proposes to give every open refund back the way it came",
        "保管方：提议把所有待退款项原路退回",
    ),
    ("Every group buy that is not closed", "所有尚未关闭的团购"),
    ("Approves the refunds that wait for this group buy", "同意该团购等待中的退款"),
    // tuan reserve, difference, unclaimed
    ("Community funds, each for one purpose", "公益金，专款专用"),
    ("Lists community funds by purpose", "按用途列出公益金"),
    (
        "Custodian: proposes to book a grant or gift with a purpose",
        "保管方：提议登记一笔指定用途的拨款或捐款",
    ),
    ("What it is for", "用途"),
    ("Property: proposes to spend community funds for their purpose", "物业：提议按用途动用公益金"),
    ("The filing that says what for: a file, or its SHA-256", "说明用途的批件：文件，或其 SHA-256"),
    ("Money missing in channels, and who owes it", "渠道短缺的款项，以及由谁承担"),
    (
        "Lists what is missing in channels, and what members owe for it",
        "列出各渠道的短缺和成员应还的款项",
    ),
    (
        "Custodian: proposes to book that a channel holds less than the books say",
        "保管方：提议登记渠道余额少于账面",
    ),
    ("The count: a file, or its SHA-256", "盘点单：文件，或其 SHA-256"),
    (
        "Property or committee: proposes that a member owes what is missing",
        "物业或居委会：提议由某成员承担短缺",
    ),
    ("Who owes it", "由谁承担"),
    ("The finding: a file, or its SHA-256", "认定书：文件，或其 SHA-256"),
    (
        "Custodian: proposes to book that missing money was found again",
        "保管方：提议登记短缺款已找回",
    ),
    ("Custodian: proposes to book that a member pays what it owes", "保管方：提议登记成员归还欠款"),
    ("Who pays", "由谁归还"),
    ("What ended group buys could not pay out", "已结束的团购未能付出的款项"),
    ("Lists what ended group buys could not pay out", "列出已结束的团购未能付出的款项"),
    ("Custodian: proposes to pay it to whom it belongs", "保管方：提议付给应得的人"),
    ("The group buy that it was left from", "款项来自哪个团购"),
    ("A household, by its number", "住户，写户号"),
    ("The supplier, by its name", "供应商，写成员名称"),
    ("A payee of a part of the price, by its name", "分成收款方，写成员名称"),
    ("How much, in yuan; else all of it", "金额（元）；不写则为全部"),
    // tuan approve
    ("The second of two signatures", "两方签字中的第二个"),
    ("Ids of proposals, or their beginnings", "编号，或编号的开头"),
    ("Every proposal of a group buy that you may approve", "该团购中您可以同意的所有提案"),
    ("Every proposal that you may approve", "您可以同意的所有提案"),
    ("Lists what waits for an approval", "列出等待同意的提案"),
    ("Ends a proposal without carrying it out", "否决提案，不予执行"),
    ("Its id, or the beginning of it", "编号，或编号的开头"),
    // tuan tx
    ("Entries of the ledger and their receipts", "账本条目及其回执"),
    ("Shows an entry", "查看一个条目"),
    ("Id of a transaction, or place in the log", "交易编号，或日志中的序号"),
    ("Prints or writes the receipt of an entry", "显示或写出一个条目的回执"),
    (
        "Verifies a receipt against the founding document, without any node",
        "只凭创世文件验证回执，不需要任何节点",
    ),
    ("The receipt", "回执文件"),
    // tuan audit
    ("The chain as files, and a verdict on them", "把整条链存成文件，并作出审计结论"),
    (
        "Copies the chain from a node; continues a copy that was begun",
        "从节点复制整条链；可接着上次继续",
    ),
    ("Folder for the copy", "存放副本的文件夹"),
    (
        "Checks a copy from the founding document alone: 0 intact, 1 tampered, 3 incomplete",
        "只凭创世文件核查副本：0 完好，1 被篡改，3 不完整",
    ),
    ("Folder with the copy", "副本所在的文件夹"),
    (
        "A receipt or checkpoint kept from elsewhere: the chain cannot be shorter than it",
        "另外保存的回执或检查点：链不能比它更短",
    ),
    // tuan key, genesis
    ("Signing keys", "签名密钥"),
    (
        "Founding a chain together: invite, join, collect, seal, check",
        "共同建链：邀请、加入、收集、定稿、核对",
    ),
    (
        "Founder: proposes a chain: who takes part, who holds the money, by which policy",
        "发起方：提议建链：谁参与、谁保管款项、按什么规则",
    ),
    (
        "Who takes part: NAME=ROLE or NAME=ROLE:VOTES, or a role that is the name too",
        "参与方：名称=角色[:票数]；角色与名称相同时只写角色",
    ),
    (
        "A way of paying and who holds its money; repeat for each",
        "收款渠道及其保管方：渠道=名称；每个渠道写一次",
    ),
    (
        "Two members of whom the first is related to the second; members can declare more",
        "有关联关系的两个成员：名称=名称；成员加入时还可自行申报",
    ),
    (
        "A duration or limit other than the default, such as heartbeat=30m or payment-max=50000",
        "与默认不同的时长或限额，如 heartbeat=30m、payment-max=50000",
    ),
    (
        "Founding time, such as \"2026-01-05 18:00\"; else now",
        "创世时间，如“2026-01-05 18:00”；不写则为现在",
    ),
    ("Where to write the invitation", "邀请文件写到哪里"),
    (
        "Member: says yes to an invitation, with keys and proofs, in one signed file",
        "成员：接受邀请，把密钥与证明写进一个签名文件",
    ),
    ("The invitation", "邀请文件"),
    ("Your name in it", "您在其中的名称"),
    (
        "The node-card.toml of your node, from `tuand init`",
        "您节点的 node-card.toml，由 `tuand init` 写出",
    ),
    ("A member to whom you are related; repeat for each", "与您有关联关系的成员；每个写一次"),
    (
        "Founder: checks what has come so far, and says who is missing",
        "发起方：检查已收到的文件，并说明还缺谁",
    ),
    ("Contributions, or folders of them", "各方的加入文件，或存放它们的文件夹"),
    (
        "Founder: writes the founding document once everybody has joined",
        "发起方：全部加入后，写出创世文件",
    ),
    (
        "Everyone: checks a founding document and shows the phrase to compare by telephone",
        "各方：检查创世文件，并显示供电话核对的数字",
    ),
    (
        "Your contribution: does it stand in the document unchanged?",
        "您的加入文件：核对它是否原样写在创世文件中",
    ),
    ("The phrase that somebody else read to you", "别人读给您听的核对数字"),
    (
        "Shows members, channels and policy of a founding document or an invitation",
        "显示创世文件或邀请文件中的成员、渠道和规则",
    ),
    ("The file", "文件"),
    // tuan order import
    (
        "Enters the orders of a CSV file or of a relay list; importing it again changes nothing",
        "录入 CSV 文件或接龙中的订单；重复导入不会改变任何内容",
    ),
    (
        "CSV with the columns order_no,household,item_code,quantity,unit_price; or the pasted text of a relay list, `-` for standard input",
        "CSV 文件，列为 order_no,household,item_code,quantity,unit_price；或粘贴的接龙文字，写 - 则从标准输入读取",
    ),
    ("What the file is", "文件的类型"),
    (
        "Relay list: WORD=ITEM or WORD=ITEM@PRICE for a good, WORD=- for a name or remark, WORD/UNIT=AMOUNT for what one unit is; repeatable",
        "接龙：词=商品 或 词=商品@价格 表示商品，词=- 表示人名或备注，词/单位=数量 表示一个单位是多少；可写多次",
    ),
    ("Relay list: who a name is; repeatable", "接龙：某个称呼是哪一户，称呼=户号；可写多次"),
    (
        "Relay list: its name, if the group buy has several lists",
        "接龙：接龙的名称，一个团购有几个接龙时才需要",
    ),
    (
        "Relay list: withdraw orders whose households it does not mention any more",
        "接龙：撤回其中不再出现的住户的订单",
    ),
    ("What was answered about the words of relay lists", "关于接龙用词曾作出的回答"),
    (
        "Lists what was answered about words, households and entries",
        "列出关于用词、住户和条目的回答",
    ),
    ("Forgets a word, a household's name, or a group buy", "忘掉一个词、一户的称呼，或一个团购"),
    ("The word", "这个词"),
    // tuan outbox, receipt
    (
        "What was signed here and is not proven to be in the ledger",
        "待发箱：在本机签名、尚未证明已入账的交易",
    ),
    (
        "Lists what was signed here and is not proven to be in the ledger",
        "列出在本机签名、尚未证明已入账的交易",
    ),
    (
        "Sends it again; what has expired is signed again, for which --key is needed",
        "重新发送；已过期的重新签名，须写 --key",
    ),
    (
        "Forgets a transaction; if it was ever sent, it may still be decided",
        "忘掉一笔交易；若曾发出，仍可能入账",
    ),
    ("Do not ask", "不再询问"),
    ("Ids, or their beginnings; else everything", "编号，或编号的开头；不写则为全部"),
    ("Everything, oldest first", "全部，从最早的开始"),
    ("The receipts kept on this computer; works without a network", "保存在本机的回执；不需要网络"),
    ("Lists the receipts kept on this computer", "列出保存在本机的回执"),
    ("Only those of a group buy", "只看某个团购的"),
    ("Shows what a kept receipt proves", "显示一份回执证明了什么"),
    (
        "Place in the log, or id of the transaction, or the beginning of it",
        "日志中的序号，或交易编号，或编号的开头",
    ),
    ("Also write the receipt to a file, to share it", "同时把回执写到文件，便于转交"),
    (
        "Verifies receipts against the founding document: files, or else all that are kept",
        "凭创世文件验证回执：写文件名，不写则验证本机保存的全部",
    ),
    ("The receipts", "回执文件"),
    // tuan status, access tokens
    (
        "File with the access token of the nodes; else TUAN_TOKEN. On the node's own machine none is needed",
        "存放节点访问令牌的文件；不写则用 TUAN_TOKEN。在节点本机上不需要令牌",
    ),
    (
        "Say why the chain stands still or is slow; exit code 3 if it cannot go on",
        "说明链为何停滞或缓慢；无法继续时退出码为 3",
    ),
    // tuan completions, man
    ("Prints a script that completes commands in a shell", "输出命令行补全脚本"),
    ("Which shell", "哪种命令行外壳"),
    ("Writes manual pages, one for each command", "写出手册页，每个命令一页"),
    ("Folder for the pages", "存放手册页的文件夹"),
];

/// Names of values and their Chinese; those that are the same in both languages stand here as well.
const VALUES: &[(&str, &str)] = &[
    ("URL", "网址"),
    ("FILE", "文件"),
    ("NAME", "名称"),
    ("LANG", "语言"),
    ("DIR", "文件夹"),
    ("SECONDS", "秒"),
    ("GROUP_BUY", "团购"),
    ("REASON", "编号"),
    ("ORDER", "订单号"),
    ("LINE", "订单行"),
    ("HOUSEHOLD", "户号"),
    ("CODE", "取货码"),
    ("PURPOSE", "用途"),
    ("VERSION", "版本"),
    ("NUMBER", "流水号"),
    ("CHANNEL", "渠道"),
    ("YUAN", "元"),
    ("TIME", "时间"),
    ("SHARE", "份额"),
    ("RETURN_NUMBER", "流水号"),
    ("FILE-OR-HASH", "文件或哈希"),
    ("PAYOUT", "流水号"),
    ("TO", "收款方"),
    ("GROUP-BUY|PROPOSAL", "团购|提案"),
    ("PROPOSAL", "提案"),
    ("ID|LOG-INDEX", "编号|序号"),
    ("ARCHIVE", "文件夹"),
    ("CHANNEL=NAME", "渠道=名称"),
    ("DIGITS", "数字"),
    ("FILES", "文件"),
    ("FILE|DIR", "文件|文件夹"),
    ("FORMAT", "类型"),
    ("ID", "编号"),
    ("INVITATION", "邀请文件"),
    ("LOG-INDEX|ID", "序号|编号"),
    ("NAME=HOUSEHOLD", "称呼=户号"),
    ("NAME=NAME", "名称=名称"),
    ("NAME=ROLE[:VOTES]", "名称=角色[:票数]"),
    ("SETTING=VALUE", "设置=值"),
    ("WORD", "词"),
    ("WORD=MEANING", "词=含义"),
    ("SHELL", "外壳"),
];

/// The tables of this program.
const WORDS: Words = Words { texts: TEXTS, values: VALUES };

/// A whole command line in Chinese, with texts cut for a terminal of so many columns; without a number
/// nothing is cut.
pub(crate) fn chinese(command: Command, width: Option<usize>) -> Command {
    WORDS.chinese(command, width)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::english_command;
    use unicode_width::UnicodeWidthStr as _;

    #[test]
    fn the_tables_have_everything_once_and_nothing_else() {
        let gaps = WORDS.gaps(english_command());
        assert!(gaps.is_empty(), "{}", gaps.join("\n"));
    }

    #[test]
    fn usage_names_what_must_be_written_in_both_languages() {
        for (path, english_part, chinese_part) in [
            (["settle", "pay"], "(--to <TO> | --all)", "(--to <收款方> | --all)"),
            (["refund", "pay"], "(<GROUP_BUY> | --all)", "(<团购> | --all)"),
            (["pay", "record"], "--household <HOUSEHOLD> --amount <YUAN>", "--amount <元>"),
            (["pay", "confirm"], "| --bill <FILE> |", "--amount <元> | --bill <文件>"),
            (["pay", "return"], "--number <NUMBER> --channel", "--number <流水号> --channel"),
            (["goods", "deliver"], "(--codes <FILE> |", "(--codes <文件> |"),
            (["unclaimed", "pay"], "(--household <HOUSEHOLD> |", "(--household <户号> |"),
        ] {
            let mut english = english_command();
            english.build();
            for (command, part) in
                [(english, english_part), (chinese(english_command(), Some(100)), chinese_part)]
            {
                let inner = path.iter().fold(&command, |command, name| {
                    command.find_subcommand(name).expect("is there")
                });
                let usage = inner.clone().render_usage().to_string();
                assert!(usage.contains(part), "{part} in {usage}");
            }
        }
    }

    #[test]
    fn no_english_is_left_in_chinese_help() {
        fn walk(command: &Command) {
            let help = command.clone().render_long_help().to_string();
            for english in
                ["Usage", "Options", "Commands", "Arguments", "OPTIONS", "default:", "env:"]
            {
                assert!(!help.contains(english), "{english} in:\n{help}");
            }
            command.get_subcommands().filter(|c| c.get_name() != "help").for_each(walk);
        }
        walk(&chinese(english_command(), Some(100)));
    }

    #[test]
    fn chinese_help_fits_a_narrow_terminal() {
        let command = chinese(english_command(), Some(50));
        for path in [["buy", "watch"], ["settle", "pay"], ["pay", "record"]] {
            let inner = path
                .iter()
                .fold(&command, |command, name| command.find_subcommand(name).expect("is there"));
            let help = inner.clone().render_help().to_string();
            let lists = help.splitn(3, "\n\n").nth(2).expect("what it is, its usage, then lists");
            let lists = lists.lines();
            let wide: Vec<_> = lists.filter(|line| line.width() > 50).collect();
            assert!(wide.is_empty(), "{path:?}: {wide:?}\n{help}");
        }
    }
}
