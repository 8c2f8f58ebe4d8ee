//! Why the files of a node cannot be used, in the operator's words, and what to do about it.
//!
//! The errors of the store and of the vote guard say what happened. What helps depends on it: a full
//! disk wants room, a damaged store wants to be fetched again, and a folder of another chain wants
//! another `--home`. The advice is in one place so that `run`, `check` and `archive` give the same.

use crate::{
    exit::{BUG, Failure},
    guard::GuardError,
    lang::say,
    network::NetworkError,
    store::StoreError,
};
use genesis::{Text, text};
use machine_token::LeaveError;
use replica::chain_store::ChainStoreError;
use std::{
    io::{Error, ErrorKind},
    net::SocketAddr,
    path::Path,
};

/// How to start over with what the other nodes have.
pub(crate) fn fetch_again() -> Text {
    text!(
        "stop the node, move `store` and `vote.guard` away together and keep them, then start it: it fetches the chain from the others",
        "请停止节点，把 `store` 和 `vote.guard` 一起移到别处保留，再启动：节点会从其他节点重新取回账本"
    )
}

fn check_disk() -> Text {
    text!(
        "see what the system says of the disk (`journalctl -k`), then start the node again",
        "请查看系统对硬盘的报告（`journalctl -k`），解决后再启动节点"
    )
}

/// Whose files they should be.
fn give_back() -> Text {
    text!(
        "the folder and everything in it must belong to the user that runs the node: use `sudo -u tuanzhang tuand …`, or give it back with `chown -R tuanzhang: FOLDER`",
        "文件夹及其中所有文件应属于运行节点的用户：请用 `sudo -u tuanzhang tuand …` 执行，或用 `chown -R tuanzhang: 文件夹` 归还"
    )
}

/// What the operating system says, in the operator's language where it is common.
fn reason(error: &Error) -> Text {
    let kind = match error.kind() {
        ErrorKind::NotFound => "不存在",
        ErrorKind::PermissionDenied => "没有权限",
        ErrorKind::AlreadyExists => "已存在",
        ErrorKind::AddrInUse => "端口已被占用",
        ErrorKind::AddrNotAvailable => "本机没有这个地址",
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => "硬盘已满",
        ErrorKind::ReadOnlyFilesystem => "文件系统只读",
        ErrorKind::InvalidData => "内容不是文本",
        _ => return text!("{error}", "{error}"),
    };
    text!("{error}", "{kind}")
}

/// A file that cannot be read; `missing` is the advice if it is just not there.
pub(crate) fn unreadable(file: &Path, error: &Error, missing: Text) -> Failure {
    let Text { en, zh } = reason(error);
    let path = file.display();
    let help = match error.kind() {
        ErrorKind::NotFound => {
            let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty());
            if let Some(folder) = folder.filter(|folder| !folder.exists()) {
                let folder = folder.display();
                return Failure::said(text!("there is no folder {folder}", "没有文件夹 {folder}"))
                    .help(say(text!(
                        "check the name; a node's folder is given with --home",
                        "请确认名称；节点的文件夹用 --home 指明"
                    )));
            }
            missing
        }
        ErrorKind::PermissionDenied => give_back(),
        ErrorKind::InvalidData => text!(
            "it is another kind of file: name the right one",
            "这是别的文件：请指明正确的文件"
        ),
        _ => check_disk(),
    };
    Failure::said(text!("cannot read {path}: {en}", "无法读取 {path}：{zh}")).help(say(help))
}

/// A file or folder that cannot be written.
pub(crate) fn unwritable(file: &Path, error: &Error) -> Failure {
    let Text { en, zh } = reason(error);
    let path = file.display();
    let help = match error.kind() {
        ErrorKind::PermissionDenied => give_back(),
        ErrorKind::AlreadyExists => text!(
            "it is never overwritten: name another, or move it away",
            "已有的内容不会被覆盖：请另取名称，或把它移开"
        ),
        ErrorKind::NotFound => {
            text!("make the folder above it first", "请先建立它的上级文件夹")
        }
        ErrorKind::StorageFull | ErrorKind::QuotaExceeded => make_room(),
        ErrorKind::ReadOnlyFilesystem => writable_again(),
        _ => check_disk(),
    };
    Failure::said(text!("cannot write {path}: {en}", "无法写入 {path}：{zh}")).help(say(help))
}

fn make_room() -> Text {
    text!(
        "make room on the disk and start the node again; delete nothing in its folder",
        "请腾出硬盘空间后再启动节点；不要删除节点文件夹里的任何东西"
    )
}

fn writable_again() -> Text {
    text!(
        "the file system is read-only: often the system's answer to a failing disk (`journalctl -k`); make it writable, then start the node again",
        "文件系统是只读的：往往是硬盘出错后系统的保护（见 `journalctl -k`）；恢复可写后再启动节点"
    )
}

/// The store.
pub(crate) fn store(error: &StoreError) -> Failure {
    let (zh, help) = match error {
        StoreError::Foreign { path, expected, found } => {
            let path = path.display();
            (
                format!("{path} 的数据属于链 {found}，而创世文件是链 {expected} 的"),
                text!(
                    "name the right --home or --genesis; every node has a folder of its own, for one chain",
                    "请用 --home 或 --genesis 指明正确的一个；每个节点文件夹只用于一条链"
                ),
            )
        }
        StoreError::NewerFormat { path, found, supported } => {
            let path = path.display();
            (
                format!("{path} 的数据格式为 {found}，本程序只认识到 {supported}"),
                text!("use the newer `tuand` that wrote it", "请使用写出它的那个较新的 `tuand`"),
            )
        }
        StoreError::OlderFormat { path, found, supported } => {
            let path = path.display();
            (
                format!("{path} 的数据格式为旧的 {found}，本程序使用格式 {supported}"),
                text!(
                    "move the folder's store away and start again: the node fetches the chain from the others; or use the older `tuand`",
                    "请移走该文件夹中的数据后重新启动，节点会从其他节点重新取得账本；或使用旧版 `tuand`"
                ),
            )
        }
        StoreError::InUse { path } => {
            (format!("{} 正被另一个运行中的节点使用", path.display()), stop_first())
        }
        StoreError::Full { detail } => (format!("硬盘已满：{detail}"), make_room()),
        StoreError::Corrupt { detail } => (format!("数据已损坏：{detail}"), fetch_again()),
        StoreError::UnknownColumn { .. } | StoreError::KeyTooLong { .. } => {
            return bug(&error.to_string());
        }
        StoreError::Io { detail } => {
            // RocksDB has no kind of its own for these.
            let help = if detail.contains("Permission denied") {
                give_back()
            } else if detail.contains("Read-only file system") {
                writable_again()
            } else {
                check_disk()
            };
            (format!("数据无法读写：{detail}"), help)
        }
    };
    Failure::said(text!("{error}", "{zh}")).help(say(help))
}

fn stop_first() -> Text {
    text!(
        "this node is running already (`systemctl status 'tuand@*'`): stop it first, and never run two",
        "这个节点已在运行（`systemctl status 'tuand@*'`）：请先停止它，绝不能同时运行两个"
    )
}

/// The chain in the store.
pub(crate) fn chain(error: &ChainStoreError) -> Failure {
    let zh = match error {
        ChainStoreError::Store(error) => return store(error),
        ChainStoreError::State(error) => format!("账本状态对不上：{error}"),
        ChainStoreError::Record(_) => "有一条记录无法读懂".to_owned(),
        ChainStoreError::Missing(what) => format!("缺少 {what}"),
    };
    Failure::said(text!("the store is damaged: {error}", "数据已损坏：{zh}"))
        .help(say(fetch_again()))
}

/// Whether what is stored is not what was written, so that a check says no.
pub(crate) fn is_damage(error: &ChainStoreError) -> bool {
    match error {
        ChainStoreError::Store(error) => matches!(error, StoreError::Corrupt { .. }),
        ChainStoreError::State(_) | ChainStoreError::Record(_) | ChainStoreError::Missing(_) => {
            true
        }
    }
}

/// The vote guard.
pub(crate) fn guard(error: &GuardError) -> Failure {
    match error {
        GuardError::Io { path, source } => unwritable(path, source),
        GuardError::InUse { path } => {
            let path = path.display();
            Failure::said(text!("{error}", "{path} 正被另一个运行中的节点使用"))
                .help(say(stop_first()))
        }
        GuardError::Missing { path } | GuardError::Corrupt { path, .. } => {
            guard_damaged(path, &error.to_string())
        }
        GuardError::AlreadyExists { path } => {
            let path = path.display();
            Failure::said(text!("{error}", "{path} 已存在")).help(say(stop_first()))
        }
        GuardError::WriteFailedBefore { path } => {
            let path = path.display();
            Failure::said(text!("{error}", "{path} 之前写入失败，不再接受写入"))
                .help(say(check_disk()))
        }
        GuardError::PayloadTooLong { .. } => bug(&error.to_string()),
    }
}

/// A vote guard that does not say what this node signed last.
pub(crate) fn guard_damaged(path: &Path, detail: &str) -> Failure {
    let path = path.display();
    Failure::said(text!("{detail}", "投票记录 {path} 已损坏：{detail}")).help(say(text!(
        "stop the node, move `store` and `vote.guard` away together and keep them, then start it: before it votes it asks the others what it has signed",
        "请停止节点，把 `store` 和 `vote.guard` 一起移到别处保留，再启动：节点在投票之前会先向其他节点问清自己签过什么"
    )))
}

/// The address of the API cannot be listened on.
pub(crate) fn api_port(address: SocketAddr, error: &Error) -> Failure {
    let Text { en, zh } = reason(error);
    let help = match error.kind() {
        ErrorKind::AddrInUse => text!(
            "another program uses the port, perhaps this node, running already; else change `api` in node.toml and tell clients with `tuan --node`",
            "端口被别的程序占用，也可能这个节点已在运行；否则请修改 node.toml 中的 `api`，并用 `tuan --node` 告知客户端"
        ),
        _ => text!("change `api` in node.toml", "请修改 node.toml 中的 `api`"),
    };
    Failure::said(text!(
        "cannot listen on {address} for the API: {en}",
        "接口无法在 {address} 监听：{zh}"
    ))
    .help(say(help))
}

/// The machine token cannot be left for the users of this machine.
pub(crate) fn machine_token(error: &LeaveError) -> Text {
    let Text { en, zh } = match error {
        LeaveError::NotPrivate(folder) => {
            let folder = folder.display();
            text!(
                "{folder} is not this user's alone (mode 700); remove it",
                "{folder} 不是本用户专有（权限 700）；请删除它"
            )
        }
        LeaveError::Io { path, source } => {
            let (Text { en, zh }, path) = (reason(source), path.display());
            text!("cannot write {path}: {en}", "无法写入 {path}：{zh}")
        }
        LeaveError::NoRandomness(detail) => {
            text!("no randomness: {detail}", "取不到随机数：{detail}")
        }
    };
    text!(
        "`tuan` on this machine needs an access token, as from elsewhere (`tuand token add`): {en}",
        "本机上的 tuan 也要像别处一样使用访问令牌（`tuand token add`）：{zh}"
    )
}

/// The network cannot start.
pub(crate) fn network(error: NetworkError) -> Failure {
    let NetworkError::ListenFailed { address, source } = &error else {
        return Failure::setup(error).help(say(text!(
            "the founding document or node.toml does not fit this program: use the version of `tuand` that the others use",
            "创世文件或 node.toml 与本程序不符：请使用与其他节点相同版本的 `tuand`"
        )));
    };
    let Text { en, zh } = reason(source);
    let help = match source.kind() {
        ErrorKind::AddrInUse => text!(
            "another program uses the port, perhaps this node, running already; else change `listen` in node.toml, and let the address in the founding document still lead here: the others call that one",
            "端口被别的程序占用，也可能这个节点已在运行；否则请修改 node.toml 中的 `listen`，并确保创世文件中的地址仍通到这里：其他节点连的是那个地址"
        ),
        ErrorKind::AddrNotAvailable => text!(
            "`listen` in node.toml takes an address of this machine, or /ip4/0.0.0.0/tcp/7001 for all; that of a router in front of it belongs into --address of `tuand init`",
            "node.toml 中的 `listen` 应为本机地址，或用 /ip4/0.0.0.0/tcp/7001 表示全部；前面路由器的地址应写在 `tuand init` 的 --address 里"
        ),
        ErrorKind::PermissionDenied => text!(
            "ports below 1024 are for root: change `listen` in node.toml",
            "1024 以下的端口只有 root 能用：请修改 node.toml 中的 `listen`"
        ),
        _ => text!("check `listen` in node.toml", "请检查 node.toml 中的 `listen`"),
    };
    Failure::said(text!("cannot listen on {address}: {en}", "无法在 {address} 监听：{zh}"))
        .help(say(help))
}

/// A mistake of this program.
pub(crate) fn bug(detail: &str) -> Failure {
    let mut failure = Failure::said(text!("{detail}", "{detail}")).help(say(text!(
        "this is a mistake of tuand itself; keep the log and report it",
        "这是 tuand 自身的错误；请保留日志并告知开发者"
    )));
    failure.code = BUG;
    failure
}
