//! The help of `tuand` in Chinese; in English it stands in the doc comments of the commands.

use commandline::Words;

/// What the command line of `tuand` says, in both languages.
pub(crate) const WORDS: Words = Words {
    texts: &[
        ("A node of a Tuanzhang chain", "团账的节点"),
        // tuand init
        (
            "Make a node's folder and keys from an invitation; later, give it the founding document",
            "凭邀请文件建立节点的文件夹和密钥；之后再把创世文件交给它",
        ),
        ("The node's folder", "节点的文件夹"),
        (
            "The founder's invitation: makes the folder, fresh keys and node-card.toml",
            "发起人的邀请文件：建立文件夹、新密钥和 node-card.toml",
        ),
        (
            "The sealed founding document: checks that it has this node's keys, and keeps it in the folder",
            "已封存的创世文件：核对其中有本节点的密钥，并存入文件夹",
        ),
        (
            "The member whose node this is, as the invitation calls it",
            "这是哪个成员的节点，按邀请文件中的名称写",
        ),
        ("Where to listen for other nodes", "在哪里等候其他节点连接"),
        (
            "Where other nodes reach this one, if not where it listens: 203.0.113.7:7001 or node.example.cn:7001; repeat it for several",
            "其他节点连接本节点用的地址，与监听地址不同时才写：203.0.113.7:7001 或 node.example.cn:7001；有几个就写几次",
        ),
        ("Where the HTTP API listens", "HTTP 接口的监听地址"),
        // tuand run, archive, check
        ("Run the node until SIGTERM or Ctrl-C", "运行节点，直到收到 SIGTERM 或 Ctrl-C"),
        (
            "The founding document, if not the one in the folder",
            "创世文件；不写则用文件夹里的那一份",
        ),
        (
            "Write the chain of a stopped node as an archive that anyone can verify",
            "把已停止的节点上的账本写成任何人都能验证的归档",
        ),
        ("The folder to make", "要建立的文件夹"),
        ("Check everything that a stopped node has on disk", "检查已停止的节点在硬盘上的全部数据"),
        // tuand token
        (
            "Access tokens for clients of the API that are on other machines",
            "访问令牌，供其他机器上的客户端使用接口",
        ),
        ("Make a token and print it, once", "生成令牌并显示，仅此一次"),
        ("List the names of the tokens and since when they are", "列出令牌的名称和生成时间"),
        ("Remove a token: nobody gets in with it any more", "删除令牌：从此不能再凭它访问"),
        ("Whose it is: lower-case letters, digits and hyphens", "给谁用：小写字母、数字和连字符"),
        ("Whose it is", "给谁用"),
    ],
    values: &[("DIR", "文件夹"), ("FILE", "文件"), ("NAME", "名称"), ("ADDRESS", "地址")],
};

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::command;
    use commandline::Mistake;
    use genesis::Language;

    #[test]
    fn the_command_line_is_consistent_in_both_languages() {
        command(Language::En).debug_assert();
        command(Language::Zh).debug_assert();
    }

    #[test]
    fn every_text_has_its_chinese_and_none_is_left_over() {
        let gaps = WORDS.gaps(command(Language::En));
        assert!(gaps.is_empty(), "{}", gaps.join("\n"));
    }

    #[test]
    fn help_and_mistakes_are_told_in_chinese() {
        let told = |line: &str| {
            let error = command(Language::Zh).try_get_matches_from(line.split(' ')).unwrap_err();
            (
                error.to_string(),
                Mistake::of(&error).map(|Mistake { what, help }| what + "\n" + &help),
            )
        };
        let (help, mistake) = told("tuand init --help");
        assert!(help.contains("用法：tuand init [选项] --home <文件夹>"), "{help}");
        assert!(help.contains("默认 0.0.0.0:7001") && !help.contains("Options"), "{help}");
        assert_eq!(mistake, None);
        for (line, said) in [
            ("tuand rum", "没有“rum”这个命令"),
            ("tuand run", "缺少 --home <文件夹>"),
            ("tuand init --home a --invitation i --name n --api 7101", "请写成 地址:端口"),
            ("tuand token add --home a --name 小李", "只能用字母"),
        ] {
            let mistake = told(line).1.unwrap();
            assert!(mistake.contains(said), "{line}: {mistake}");
        }
    }
}
