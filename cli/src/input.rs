//! Reading what people write: amounts, quantities, times, names, files.
//!
//! Amounts and quantities are decimal texts read into integers; no number here is ever a float.

use crate::{exit::Failure, files::because, lang::say};
use ledger_core::{
    crypto::Digest,
    types::{DurationMs, Fen, Quantity, TimestampMs, Unit, UnitPrice, parse_decimal},
};
use sha2::Digest as _;
use std::{fs, io::Read as _, path::Path};

/// Largest text file that a command reads.
pub(crate) const FILE_BYTES_MAX: u64 = 16 * 1024 * 1024;
/// Longest household number, in bytes.
pub(crate) const HOUSEHOLD_BYTES_MAX: usize = 64;

/// An amount in yuan, at least one fen.
pub(crate) fn yuan(text: &str) -> Result<Fen, String> {
    match Fen::from_yuan(text.trim()) {
        Some(Fen::ZERO) => Err(say!(
            "{text:?} is zero; an amount is at least 0.01",
            "“{text}”为零；金额至少 0.01 元"
        )),
        Some(amount) => Ok(amount),
        None => Err(say!(
            "{text:?} is no amount in yuan; write digits and at most two decimals, like 42.50",
            "{text:?} 不是金额；请写数字，最多两位小数，如 42.50"
        )),
    }
}

/// A price in yuan for a kilogram or a piece; zero is allowed (a part of a price may be).
pub(crate) fn price(text: &str) -> Result<UnitPrice, String> {
    let fen = parse_decimal(text.trim(), 2).and_then(|fen| u32::try_from(fen).ok());
    fen.map(UnitPrice::new).ok_or_else(|| {
        say!(
            "{text:?} is no price in yuan; write digits and at most two decimals, like 3.98",
            "{text:?} 不是单价；请写数字，最多两位小数，如 3.98"
        )
    })
}

/// A quantity: kilograms with up to three decimals, or pieces; more than nothing.
pub(crate) fn quantity(text: &str, unit: Unit) -> Result<Quantity, String> {
    match Quantity::parse(text.trim(), unit) {
        Some(Quantity::ZERO) => Err(say!("the quantity is zero", "数量为零")),
        Some(quantity) => Ok(quantity),
        None if unit == Unit::Weight => Err(say!(
            "{text:?} is no weight; write kilograms with at most three decimals, like 1.5",
            "{text:?} 不是重量；请写公斤数，最多三位小数，如 1.5"
        )),
        None => Err(say!(
            "{text:?} is no number of pieces; write a whole number, like 2",
            "{text:?} 不是件数；请写整数，如 2"
        )),
    }
}

/// A moment: RFC 3339, or a date and time as in China, or milliseconds since 1970.
pub(crate) fn time(text: &str) -> Result<TimestampMs, String> {
    let text = text.trim();
    let wrong = || {
        say!(
            "{text:?} is no time; write 2026-01-05T18:00:00+08:00, 2026-01-05 18:00 (as in China), or milliseconds since 1970",
            "{text:?} 不是时间；请写 2026-01-05 18:00（北京时间）、2026-01-05T18:00:00+08:00，或自 1970 年起的毫秒数"
        )
    };
    if text.len() > 10 && text.bytes().all(|b| b.is_ascii_digit()) {
        return text.parse().map(TimestampMs::new).map_err(|_| wrong());
    }
    let moment = text.parse::<jiff::Timestamp>().ok().or_else(|| {
        let local: jiff::civil::DateTime = text.parse().ok()?;
        let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
        // A bare date says nothing about the hour of a deadline.
        let has_time = text.contains(':');
        has_time.then(|| zone.to_timestamp(local).ok())?
    });
    let ms = moment.and_then(|moment| u64::try_from(moment.as_millisecond()).ok());
    ms.map(TimestampMs::new).ok_or_else(wrong)
}

/// A length of time: a whole number and `ms`, `s`, `m`, `h` or `d`.
pub(crate) fn duration(text: &str) -> Result<DurationMs, String> {
    let text = text.trim();
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    let unit_ms = match unit.trim() {
        "ms" => Some(1),
        "s" => Some(1_000),
        "m" => Some(60_000),
        "h" => Some(3_600_000),
        "d" => Some(86_400_000),
        _ => None,
    };
    let number: Option<u64> = number.parse().ok();
    let ms = number.zip(unit_ms).and_then(|(number, ms)| number.checked_mul(ms));
    ms.map(DurationMs::new).ok_or_else(|| {
        say!(
            "{text:?} is no length of time; write a whole number and ms, s, m, h or d, like 24h",
            "{text:?} 不是时长；请写整数加单位 ms、s、m、h 或 d，如 24h"
        )
    })
}

/// The number of a household, as the directory has it.
pub(crate) fn household(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        Err(say!("the household number is empty", "户号为空"))
    } else if text.len() > HOUSEHOLD_BYTES_MAX || text.chars().any(char::is_control) {
        Err(say!("{text:?} is no household number", "{text:?} 不是户号"))
    } else {
        Ok(text.to_owned())
    }
}

/// A hash of a document: 64 hexadecimal digits, or the SHA-256 of the file of that name.
pub(crate) fn document(text: &str) -> Result<Digest, Failure> {
    if let Ok(digest) = text.parse::<Digest>() {
        return Ok(digest);
    }
    let path = Path::new(text);
    let unreadable = |error: std::io::Error| {
        Failure::setup(say!(
            "cannot read the document {}: {}",
            "无法读取文件 {}：{}",
            path.display(),
            because(&error)
        ))
        .help(say!(
            "name a file, or give its SHA-256 as 64 hexadecimal digits",
            "请写文件名，或写它的 SHA-256（64 位十六进制）"
        ))
    };
    let mut file = fs::File::open(path).map_err(unreadable)?;
    let mut hasher = sha2::Sha256::new();
    let mut buffer = [0; 64 * 1024];
    loop {
        let count = file.read(&mut buffer).map_err(unreadable)?;
        if count == 0 {
            return Ok(Digest::new(hasher.finalize().into()));
        }
        hasher.update(buffer.get(..count).unwrap_or_default());
    }
}

/// The bytes of a file that is not too long.
pub(crate) fn file_bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let unreadable = |error| {
        let (path, error) = (path.display(), because(&error));
        Failure::setup(say!("cannot read {path}: {error}", "无法读取 {path}：{error}")).help(say!(
            "check the name of the file, and that you may read it",
            "请检查文件名，以及您是否有权读取"
        ))
    };
    let file = fs::File::open(path).map_err(unreadable)?;
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        let mib = FILE_BYTES_MAX / (1024 * 1024);
        return Err(Failure::usage(say!(
            "{} is larger than {mib} MiB",
            "{} 超过 {mib} MiB",
            path.display()
        ))
        .help(say!("split the file", "请把文件拆小")));
    }
    Ok(bytes)
}

/// The text of a file: UTF-8, with or without a byte order mark.
pub(crate) fn file_text(path: &Path) -> Result<String, Failure> {
    text_of(file_bytes(path)?, &path.display().to_string())
}

/// Reads bytes as UTF-8, and says what they look like instead.
pub(crate) fn text_of(bytes: Vec<u8>, name: &str) -> Result<String, Failure> {
    let looks_like = match bytes.as_slice() {
        [0xff, 0xfe, ..] | [0xfe, 0xff, ..] => Some("UTF-16"),
        bytes if looks_like_gbk(bytes) => Some("GBK"),
        _ => None,
    };
    match String::from_utf8(bytes) {
        Ok(text) => Ok(text.strip_prefix('\u{feff}').map(str::to_owned).unwrap_or(text)),
        Err(_) => {
            let guess = looks_like
                .map_or(String::new(), |it| say!(", it looks like {it}", "，看起来是 {it}"));
            Err(Failure::usage(say!(
                "{name}: the file is not UTF-8{guess}",
                "{name}：文件不是 UTF-8 编码{guess}"
            ))
            .help(say!(
                "save it as UTF-8 (in Excel: \"CSV UTF-8\")",
                "请另存为 UTF-8（Excel 中选“CSV UTF-8”）"
            )))
        }
    }
}

/// Whether every byte above ASCII begins a pair as GBK has it.
fn looks_like_gbk(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    let mut pairs = 0;
    while let [first, after @ ..] = rest {
        rest = match (first, after) {
            (0..=0x7f, after) => after,
            (0x81..=0xfe, [0x40..=0x7e | 0x80..=0xfe, after @ ..]) => {
                pairs += 1;
                after
            }
            _ => return false,
        };
    }
    pairs > 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_exact_or_refused() {
        assert_eq!(yuan(" 42.5 "), Ok(Fen::new(4250)));
        for bad in ["0", "0.00", "-1", "1e300", "NaN", "1.005", "1,000", "", "１"] {
            assert!(yuan(bad).is_err(), "{bad}");
        }
        assert_eq!(price("0"), Ok(UnitPrice::new(0)));
        assert!(price("42949672.96").is_err());
    }

    #[test]
    fn quantities_follow_the_unit() {
        assert_eq!(quantity("1.25", Unit::Weight), Ok(Quantity::new(1250)));
        assert_eq!(quantity("3", Unit::Piece), Ok(Quantity::new(3)));
        for bad in ["-1", "1e300", "0", "0.0001", "inf", ""] {
            assert!(quantity(bad, Unit::Weight).is_err(), "{bad}");
        }
        assert!(quantity("1.5", Unit::Piece).is_err());
        assert!(quantity("4294967.296", Unit::Weight).is_err());
    }

    #[test]
    fn times_are_read_in_three_spellings() {
        let moment = TimestampMs::new(1_767_610_800_000);
        for text in [
            "1767610800000",
            "2026-01-05T11:00:00Z",
            "2026-01-05T19:00:00+08:00",
            "2026-01-05 19:00",
        ] {
            assert_eq!(time(text), Ok(moment), "{text}");
        }
        for bad in
            ["", "20260105", "2026-01-05", "soon", "1960-01-01T00:00:00Z", "99999999999999999999"]
        {
            assert!(time(bad).is_err(), "{bad}");
        }
        assert_eq!(duration("24h"), Ok(DurationMs::new(86_400_000)));
        for bad in ["", "h", "24", "-1h", "1.5h", "99999999999999999d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_text_in_another_encoding_is_named() {
        // "白菜" in GBK.
        let gbk = text_of(vec![0xb0, 0xd7, 0xb2, 0xcb], "orders.csv").expect_err("not UTF-8");
        assert_eq!(
            gbk.to_string(),
            "error: orders.csv: the file is not UTF-8, it looks like GBK\n\
             help: save it as UTF-8 (in Excel: \"CSV UTF-8\")"
        );
        let utf16 = text_of(vec![0xff, 0xfe, b'a', 0, 0, 0xd8], "x").expect_err("not UTF-8");
        assert!(utf16.to_string().contains("UTF-16"));
        assert_eq!(text_of("\u{feff}白菜".into(), "x"), Ok("白菜".into()));
        assert!(text_of(vec![0xff], "x").is_err());
    }

    #[test]
    fn a_document_is_named_by_hash_or_file() {
        let hex = "ab".repeat(32);
        assert_eq!(document(&hex).map(|d| d.to_string()), Ok(hex));
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("bill.csv");
        fs::write(&path, "abc").expect("writes");
        let digest = document(path.to_str().expect("a name")).expect("reads");
        assert!(digest.to_string().starts_with("ba7816bf8f01cfea"));
        assert!(document("nowhere.csv").is_err());
    }
}
