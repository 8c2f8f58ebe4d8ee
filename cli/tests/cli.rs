//! What `tuan` says, in both languages, as a person at a pipe sees it.

use std::{
    fs,
    net::TcpListener,
    path::Path,
    process::{Command, Output, Stdio},
};

const ENGLISH: (&str, &str) = ("en", "en_US.UTF-8");
const CHINESE: (&str, &str) = ("zh", "zh_CN.UTF-8");

fn tuan(locale: &str, folder: &Path, line: &str) -> Output {
    Command::new(env!("CARGO_BIN_EXE_tuan"))
        .args(line.split(' '))
        .env_clear()
        .env("LANG", locale)
        .env("HOME", folder)
        .current_dir(folder)
        .output()
        .expect("runs")
}

/// Exit code, stdout and stderr, without what differs between runs.
fn told(locale: &str, folder: &Path, line: &str) -> String {
    let output = tuan(locale, folder, line);
    let text = |bytes: &[u8]| {
        let text = String::from_utf8(bytes.to_vec()).expect("UTF-8");
        assert!(!text.contains('\x1b'), "colour in a pipe: {text:?}");
        text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
    };
    let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
    let code = output.status.code().expect("ends by itself");
    format!("$ tuan {line}\n{stdout}{stderr}exit code {code}\n")
}

fn snapshot(name: &str, lines: &[&str], files: &[(&str, &[u8])]) {
    let folder = tempfile::tempdir().expect("a folder");
    for (file, content) in files {
        fs::write(folder.path().join(file), content).expect("writes");
    }
    for (language, locale) in [ENGLISH, CHINESE] {
        let told: Vec<_> = lines.iter().map(|line| told(locale, folder.path(), line)).collect();
        insta::assert_snapshot!(format!("{name}_{language}"), told.join("\n"));
    }
}

#[test]
fn help_is_there_in_both_languages() {
    snapshot("help", &["--help", "--version"], &[]);
    snapshot("help_of_commands", &["buy --help", "buy watch --help", "settle pay -h"], &[]);
    snapshot("help_with_example", &["buy file --help"], &[]);
}

#[test]
fn mistakes_in_the_command_line_say_what_to_do() {
    let lines =
        ["bay", "buy show", "order import f --group-buy g --format x", "status --wait soon"];
    snapshot("usage", &lines, &[]);
}

#[test]
fn files_that_cannot_be_read_say_what_to_do() {
    let files: [(&str, &[u8]); 3] = [
        // "户号" in GBK.
        ("gbk.csv", &[0xbb, 0xa7, 0xba, 0xc5]),
        ("columns.csv", b"order_no,household\n"),
        ("twice.txt", b"3-201\n3-201\n"),
    ];
    let lines = [
        "order import gbk.csv --group-buy veg-0105",
        "order import columns.csv --group-buy veg-0105",
        "directory new --households twice.txt --out d.toml",
        "directory new --households missing.txt --out d.toml",
    ];
    snapshot("files", &lines, &files);
}

#[test]
fn setup_mistakes_and_silence_end_with_their_codes() {
    let folder = tempfile::tempdir().expect("a folder");
    for (line, code) in [
        ("audit verify archive", 4),
        // Nobody listens on the port for discarding.
        ("--node http://127.0.0.1:9 status", 5),
        ("--node http://127.0.0.1:9 buy watch veg-0105", 5),
    ] {
        for ((_, locale), error, help) in
            [(ENGLISH, "error: ", "\nhelp: "), (CHINESE, "错误：", "\n提示：")]
        {
            let output = tuan(locale, folder.path(), line);
            let stderr = String::from_utf8(output.stderr).expect("UTF-8");
            assert_eq!(output.status.code(), Some(code), "{line}: {stderr}");
            assert!(stderr.starts_with(error) && stderr.contains(help), "{line}: {stderr}");
            assert!(output.stdout.is_empty(), "{line}");
        }
    }
}

/// A signal that nobody listens for would end it without an exit code.
#[cfg(unix)]
#[test]
fn watching_ends_by_itself_when_it_is_asked_to() {
    for signal in ["INT", "TERM", "HUP"] {
        let folder = tempfile::tempdir().expect("a folder");
        let node = TcpListener::bind("127.0.0.1:0").expect("a port");
        let url = format!("http://{}", node.local_addr().expect("has an address"));
        let mut watching = Command::new(env!("CARGO_BIN_EXE_tuan"))
            .args(["--node", &url, "buy", "watch", "veg-0105"])
            .env_clear()
            .env("HOME", folder.path())
            .stderr(Stdio::null())
            .spawn()
            .expect("runs");
        // It listens for signals before it asks a node, and waits for the answer now.
        let asked = node.accept().expect("asks");
        let process = watching.id().to_string();
        let kill = Command::new("kill").args(["-s", signal, &process]).status();
        assert!(kill.expect("runs").success());
        // Nor does anybody answer if it asks again.
        drop((asked, node));
        let status = watching.wait().expect("ends");
        assert_eq!(status.code(), Some(5), "{signal}: {status}");
    }
}

#[test]
fn the_option_beats_the_environment() {
    let folder = tempfile::tempdir().expect("a folder");
    let help = |locale: &str, line: &str| told(locale, folder.path(), line);
    for language in ["zh", "zh-CN"] {
        assert!(help("C", &format!("--lang {language} --help")).contains("用法："), "{language}");
    }
    assert!(help(CHINESE.1, "--help --lang=en").contains("Usage:"));
}

#[test]
fn colour_is_for_terminals_and_whoever_asks_for_it() {
    let run = |variables: &[(&str, &str)]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tuan"));
        command.args(["directory", "new", "--households", "missing.txt", "--out", "d.toml"]);
        command.env_clear().envs(variables.iter().copied());
        String::from_utf8(command.output().expect("runs").stderr).expect("UTF-8")
    };
    assert!(run(&[]).starts_with("error: "));
    assert!(run(&[("CLICOLOR_FORCE", "1")]).starts_with("\x1b["));
    assert!(run(&[("CLICOLOR_FORCE", "1"), ("NO_COLOR", "1")]).starts_with("error: "));
}

#[test]
fn completions_and_manual_pages_speak_the_language() {
    let folder = tempfile::tempdir().expect("a folder");
    for ((_, locale), word) in [(ENGLISH, "the quotes are its own"), (CHINESE, "报价为本方所报")]
    {
        let script = told(locale, folder.path(), "completions zsh");
        assert!(script.starts_with("$ tuan completions zsh\n#compdef tuan"), "{script}");
        assert!(script.contains(word), "{script}");
        assert!(told(locale, folder.path(), "man --out pages").ends_with("exit code 0\n"));
        let page = fs::read_to_string(folder.path().join("pages/tuan-buy-accept.1"));
        assert!(page.expect("is there").contains(word));
    }
}
