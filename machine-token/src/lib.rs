//! The machine token: how a node knows that whoever asks is a user of its own machine.
//!
//! An address and a `Host` do not show it: a proxy on the machine has both, whoever it asks for. So `tuand` makes a
//! token anew at each start and leaves it in a file that only users of the machine can read, and removes it at a
//! clean stop. `tuan` and the tools of the project look for it under the address that they ask, show it there and
//! nowhere else.
//!
//! | folder | if | who can read |
//! |---|---|---|
//! | `$RUNTIME_DIRECTORY` | a service manager runs the node; the unit makes it [`SYSTEM_FOLDER`] | every user of the machine |
//! | `$XDG_RUNTIME_DIR/tuanzhang` | a user runs it, in a session | that user |
//! | `tuanzhang-UID` in the folder for temporary files | else | that user |
//!
//! The file's name is the address, such as `127.0.0.1:7101.token`: two nodes never share one, and a program that
//! listens at another address of the same port is shown nothing.
//!
//! Source: docs/decisions/0009-machine-token.md.
#![warn(missing_docs)]

use std::{
    fs,
    io::{self, Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    os::unix::fs::{
        DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _,
    },
    path::{Path, PathBuf},
    time::SystemTime,
};

/// The folder of the nodes that the system runs, as the systemd unit makes it.
pub const SYSTEM_FOLDER: &str = "/run/tuanzhang";
/// What every machine token begins with. Nothing else is taken from a file, so that no file that somebody puts
/// there is told to whoever listens.
pub const PREFIX: &str = "tuan-machine-";

/// Random bytes in a token.
const SECRET_BYTES: usize = 32;
/// Characters of a token.
const TOKEN_LENGTH: usize = PREFIX.len() + 2 * SECRET_BYTES;
const NAME: &str = "tuanzhang";
const EVERY_USER: u32 = 0o644;
const THIS_USER: u32 = 0o600;
const DEFAULT_HTTP_PORT: u16 = 80;

/// Why a node can leave no token.
#[derive(Debug, thiserror::Error)]
pub enum LeaveError {
    /// Somebody else could read it, or take it away.
    #[error("{0} is no folder of this user alone (mode 700)")]
    NotPrivate(PathBuf),
    /// A file cannot be written.
    #[error("cannot write {path}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// The system has no randomness.
    #[error("no randomness: {0}")]
    NoRandomness(String),
}

/// The token of a running node, in its file for as long as this lives.
#[derive(Debug)]
pub struct MachineToken {
    path: PathBuf,
    token: String,
    mode: u32,
}

impl MachineToken {
    /// Makes the token of a node that listens on `api` and leaves it for the users of the machine; `None` if nobody
    /// can reach `api` over loopback. What an earlier start has left is replaced.
    ///
    /// # Errors
    /// [`LeaveError`]; the node can run without.
    pub fn leave(
        api: SocketAddr,
        environment: impl Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, LeaveError> {
        let Some(name) = loopback(api).map(file_name) else { return Ok(None) };
        let mut secret = [0; SECRET_BYTES];
        getrandom::fill(&mut secret)
            .map_err(|error| LeaveError::NoRandomness(error.to_string()))?;
        let token = format!("{PREFIX}{}", hex::encode(secret));
        let leave = |folder: PathBuf, mode| {
            let left = Self { path: folder.join(&name), token: token.clone(), mode };
            left.write().map(|()| left)
        };
        if let Some(folder) = system_folder(&environment) {
            return leave(folder, EVERY_USER).map(Some);
        }
        // What the environment names may be gone, or another user's.
        let session = session_folder(&environment).and_then(|folder| leave(folder, THIS_USER).ok());
        match session {
            Some(left) => Ok(Some(left)),
            None => leave(temporary_folder(&environment), THIS_USER).map(Some),
        }
    }

    /// Leaves the token anew if it is gone: a session that ends takes its folder with it, and what lies long
    /// unused among temporary files is cleared away. To be called now and then.
    ///
    /// # Errors
    /// [`LeaveError`].
    pub fn keep(&self) -> Result<(), LeaveError> {
        match read(&self.path) {
            None => self.write(),
            Some((_, token)) if token == self.token => {
                let touched = fs::File::options().write(true).open(&self.path);
                let touched = touched.and_then(|file| file.set_modified(SystemTime::now()));
                touched.map_err(|source| LeaveError::Io { path: self.path.clone(), source })
            }
            Some(_) => Ok(()),
        }
    }

    fn write(&self) -> Result<(), LeaveError> {
        let failed = |source| LeaveError::Io { path: self.path.clone(), source };
        if self.mode == THIS_USER {
            make_private(self.path.parent().unwrap_or(Path::new("/")))?;
        }
        write(&self.path, &self.token, self.mode).map_err(failed)
    }

    /// The token.
    #[must_use]
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Its file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for MachineToken {
    fn drop(&mut self) {
        // The next node at this address may have left its own already.
        if read(&self.path).is_some_and(|(_, token)| token == self.token) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Where to look for the tokens of nodes on this machine.
#[derive(Debug, Clone)]
pub struct Folders(Vec<PathBuf>);

impl Folders {
    /// The folders that this user's environment names, and those that are always looked into.
    #[must_use]
    pub fn of(environment: impl Fn(&str) -> Option<String>) -> Self {
        let session = session_folder(&environment);
        let system = PathBuf::from(SYSTEM_FOLDER);
        Self(
            [Some(system), session, Some(temporary_folder(&environment))]
                .into_iter()
                .flatten()
                .collect(),
        )
    }

    /// The tokens that nodes at this address have left, the last one first. All but one are of nodes that did not
    /// stop cleanly.
    #[must_use]
    pub fn tokens(&self, address: SocketAddr) -> Vec<String> {
        let Some(name) = loopback(address).map(file_name) else { return Vec::new() };
        let mut found: Vec<_> =
            self.0.iter().filter_map(|folder| read(&folder.join(&name))).collect();
        found.sort_by_key(|(left_at, _)| std::cmp::Reverse(*left_at));
        let mut tokens: Vec<_> = found.into_iter().map(|(_, token)| token).collect();
        tokens.dedup();
        tokens
    }

    /// The tokens for a node's URL: none but for an `http` URL with a loopback address in it. A name such as
    /// `localhost` leads to more than one address, and at another of them somebody else may listen.
    #[must_use]
    pub fn tokens_for_url(&self, url: &str) -> Vec<String> {
        address_in(url).map_or_else(Vec::new, |address| self.tokens(address))
    }
}

/// The address that a URL names, if it is one and no name.
fn address_in(url: &str) -> Option<SocketAddr> {
    let rest = url.strip_prefix("http://")?;
    let authority = rest.split(['/', '?', '#']).next()?;
    if let Ok(address) = authority.parse() {
        return Some(address);
    }
    let ip = authority.strip_prefix('[').and_then(|ip| ip.strip_suffix(']'));
    let ip: IpAddr = match ip {
        Some(ip) => IpAddr::V6(ip.parse().ok()?),
        None => IpAddr::V4(authority.parse().ok()?),
    };
    Some(SocketAddr::new(ip, DEFAULT_HTTP_PORT))
}

/// Where clients on the machine reach a node that listens on `api`; `None` if they do not over loopback.
fn loopback(api: SocketAddr) -> Option<SocketAddr> {
    let ip = match api.ip().to_canonical() {
        IpAddr::V4(ip) if ip.is_unspecified() => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(ip) if ip.is_unspecified() => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    ip.is_loopback().then(|| SocketAddr::new(ip, api.port()))
}

fn file_name(address: SocketAddr) -> String {
    format!("{address}.token")
}

fn set(environment: impl Fn(&str) -> Option<String>, name: &str) -> Option<PathBuf> {
    environment(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// A unit may ask for several, with colons between.
fn system_folder(environment: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    let first = |name: &str| environment(name)?.split(':').next().map(str::to_owned);
    set(first, "RUNTIME_DIRECTORY")
}

fn session_folder(environment: impl Fn(&str) -> Option<String>) -> Option<PathBuf> {
    set(environment, "XDG_RUNTIME_DIR").map(|folder| folder.join(NAME))
}

fn temporary_folder(environment: impl Fn(&str) -> Option<String>) -> PathBuf {
    let parent = set(environment, "TMPDIR").unwrap_or_else(|| "/tmp".into());
    parent.join(format!("{NAME}-{}", rustix::process::geteuid().as_raw()))
}

/// Makes a folder that only this user can look into. One that is there already must be such a one: whoever made it
/// before us in a place that is open to all could read every token.
fn make_private(folder: &Path) -> Result<(), LeaveError> {
    let failed = |source| LeaveError::Io { path: folder.to_owned(), source };
    match fs::DirBuilder::new().mode(0o700).create(folder) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(failed(error)),
        _ => {}
    }
    // Not what a link leads to.
    let found = fs::symlink_metadata(folder).map_err(failed)?;
    let own = found.uid() == rustix::process::geteuid().as_raw();
    if found.is_dir() && own && found.mode() & 0o077 == 0 {
        Ok(())
    } else {
        Err(LeaveError::NotPrivate(folder.to_owned()))
    }
}

/// Writes a file whole or not at all, with this mode whatever the umask is.
fn write(path: &Path, token: &str, mode: u32) -> io::Result<()> {
    let new = path.with_extension("token.new");
    match fs::remove_file(&new) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&new)?;
    writeln!(file, "{token}")?;
    file.set_permissions(fs::Permissions::from_mode(mode))?;
    fs::rename(&new, path)
}

/// A token, and when it was left there.
fn read(path: &Path) -> Option<(SystemTime, String)> {
    // A pipe would be waited for.
    if !fs::symlink_metadata(path).ok()?.is_file() {
        return None;
    }
    let file = fs::File::open(path).ok()?;
    let left_at = file.metadata().ok()?.modified().ok()?;
    let mut text = String::new();
    file.take(TOKEN_LENGTH as u64 + 2).read_to_string(&mut text).ok()?;
    let token = text.trim_end();
    let secret = token.strip_prefix(PREFIX)?;
    let whole = token.len() == TOKEN_LENGTH && secret.bytes().all(|b| b.is_ascii_hexdigit());
    whole.then(|| (left_at, token.to_owned()))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use std::os::unix::fs::symlink;

    fn environment<'a>(set: &'a [(&str, &Path)]) -> impl Fn(&str) -> Option<String> + use<'a> {
        |name| {
            let (_, path) = set.iter().find(|(one, _)| *one == name)?;
            Some(path.to_str().unwrap().to_owned())
        }
    }

    fn api() -> SocketAddr {
        "127.0.0.1:7101".parse().unwrap()
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().mode() & 0o7777
    }

    #[test]
    fn a_token_is_there_from_the_start_to_the_stop_and_another_at_each_start() {
        let folder = tempfile::tempdir().unwrap();
        let set = [("XDG_RUNTIME_DIR", folder.path())];
        let folders = Folders::of(environment(&set));
        let first = MachineToken::leave(api(), environment(&set)).unwrap().unwrap();
        assert_eq!(folders.tokens(api()), [first.token()]);
        assert_eq!(folders.tokens_for_url("http://127.0.0.1:7101"), [first.token()]);
        // A crash leaves it there; the next start replaces it, and the late end of the first takes nothing away.
        let second = MachineToken::leave(api(), environment(&set)).unwrap().unwrap();
        assert_ne!(first.token(), second.token());
        drop(first);
        assert_eq!(folders.tokens(api()), [second.token()]);
        let path = second.path().to_owned();
        drop(second);
        assert!(!path.exists());
        assert_eq!(folders.tokens(api()), [""; 0]);
    }

    #[test]
    fn a_running_node_leaves_it_again_when_it_was_cleared_away() {
        let folder = tempfile::tempdir().unwrap();
        let set = [("XDG_RUNTIME_DIR", folder.path())];
        let left = MachineToken::leave(api(), environment(&set)).unwrap().unwrap();
        fs::remove_dir_all(left.path().parent().unwrap()).unwrap();
        left.keep().unwrap();
        assert_eq!(Folders::of(environment(&set)).tokens(api()), [left.token()]);
        let file = fs::File::options().write(true).open(left.path()).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        left.keep().unwrap();
        assert!(fs::metadata(left.path()).unwrap().modified().unwrap() > SystemTime::UNIX_EPOCH);
        // That of another node is none of its business.
        let other = MachineToken::leave(api(), environment(&set)).unwrap().unwrap();
        left.keep().unwrap();
        assert_eq!(Folders::of(environment(&set)).tokens(api()), [other.token()]);
    }

    #[test]
    fn only_the_user_can_read_it_unless_the_system_runs_the_node() {
        let folder = tempfile::tempdir().unwrap();
        let session = [("XDG_RUNTIME_DIR", folder.path())];
        let own = MachineToken::leave(api(), environment(&session)).unwrap().unwrap();
        assert_eq!(own.path(), folder.path().join("tuanzhang/127.0.0.1:7101.token"));
        assert_eq!((mode(own.path()), mode(own.path().parent().unwrap())), (0o600, 0o700));

        let temporary = [("TMPDIR", folder.path())];
        let own = MachineToken::leave(api(), environment(&temporary)).unwrap().unwrap();
        let name = format!("tuanzhang-{}", rustix::process::geteuid().as_raw());
        assert_eq!(own.path().parent().unwrap(), folder.path().join(name));
        assert_eq!((mode(own.path()), mode(own.path().parent().unwrap())), (0o600, 0o700));

        let system = format!("{}:/elsewhere", folder.path().to_str().unwrap());
        let set = [("RUNTIME_DIRECTORY", Path::new(&system)), ("XDG_RUNTIME_DIR", folder.path())];
        let shared = MachineToken::leave(api(), environment(&set)).unwrap().unwrap();
        assert_eq!(shared.path(), folder.path().join("127.0.0.1:7101.token"));
        assert_eq!(mode(shared.path()), 0o644);
    }

    #[test]
    fn a_folder_that_somebody_else_could_look_into_gets_no_token() {
        let folder = tempfile::tempdir().unwrap();
        let set = [("TMPDIR", folder.path())];
        let place = temporary_folder(environment(&set));
        let refused = || {
            let left = MachineToken::leave(api(), environment(&set));
            assert!(
                matches!(left, Err(LeaveError::NotPrivate(ref path)) if *path == place),
                "{left:?}"
            );
        };
        fs::create_dir(&place).unwrap();
        fs::set_permissions(&place, fs::Permissions::from_mode(0o750)).unwrap();
        refused();
        fs::remove_dir(&place).unwrap();
        let elsewhere = tempfile::tempdir().unwrap();
        symlink(elsewhere.path(), &place).unwrap();
        refused();
        fs::remove_file(&place).unwrap();
        fs::write(&place, "").unwrap();
        refused();
        fs::remove_file(&place).unwrap();
        // A session that is gone leads to the other folder.
        let gone = folder.path().join("gone");
        let set = [("XDG_RUNTIME_DIR", gone.as_path()), ("TMPDIR", folder.path())];
        let left = MachineToken::leave(api(), environment(&set)).unwrap().unwrap();
        assert_eq!(left.path().parent().unwrap(), place);
    }

    #[test]
    fn nothing_but_a_token_is_taken_from_a_file_and_the_last_one_comes_first() {
        let folder = tempfile::tempdir().unwrap();
        let places = [folder.path().join("a"), folder.path().join("b")];
        places.iter().for_each(|place| fs::create_dir(place).unwrap());
        let folders = Folders(places.to_vec());
        let files = places.map(|place| place.join("127.0.0.1:7101.token"));
        let token = |digit: &str| format!("{PREFIX}{}", digit.repeat(64));
        for (file, digit) in files.iter().zip(["1", "2"]) {
            fs::write(file, token(digit)).unwrap();
        }
        let old = fs::File::options().write(true).open(&files[1]).unwrap();
        old.set_modified(SystemTime::UNIX_EPOCH).unwrap();
        assert_eq!(folders.tokens(api()), [token("1"), token("2")]);
        for bad in ["", "secret", &token("1")[1..], &format!("{}0", token("1")), &token("x")] {
            fs::write(&files[0], bad).unwrap();
            assert_eq!(folders.tokens(api()), [token("2")], "{bad}");
        }
        // What lies elsewhere is not told either.
        fs::remove_file(&files[0]).unwrap();
        symlink(&files[1], &files[0]).unwrap();
        assert_eq!(folders.tokens(api()), [token("2")]);
        fs::remove_file(&files[1]).unwrap();
        fs::create_dir(&files[1]).unwrap();
        assert_eq!(folders.tokens(api()), [""; 0]);
    }

    #[test]
    fn a_token_is_for_one_loopback_address() {
        let name = |api: &str| loopback(api.parse().unwrap()).map(file_name);
        assert_eq!(name("127.0.0.1:7101").as_deref(), Some("127.0.0.1:7101.token"));
        assert_eq!(name("0.0.0.0:7101").as_deref(), Some("127.0.0.1:7101.token"));
        assert_eq!(name("[::1]:7101").as_deref(), Some("[::1]:7101.token"));
        assert_eq!(name("[::]:7101").as_deref(), Some("[::1]:7101.token"));
        assert_eq!(name("[::ffff:127.0.0.1]:7101").as_deref(), Some("127.0.0.1:7101.token"));
        assert_eq!(name("192.0.2.7:7101"), None);
        let address = |url| address_in(url).map(|address| address.to_string());
        assert_eq!(address("http://127.0.0.1:7101").as_deref(), Some("127.0.0.1:7101"));
        assert_eq!(address("http://127.0.0.2:7101/v1?x#y").as_deref(), Some("127.0.0.2:7101"));
        assert_eq!(address("http://127.0.0.1").as_deref(), Some("127.0.0.1:80"));
        assert_eq!(address("http://[::1]").as_deref(), Some("[::1]:80"));
        assert_eq!(address("http://[::1]:7101").as_deref(), Some("[::1]:7101"));
        for other in [
            "http://localhost:7101",
            "https://127.0.0.1:7101",
            "http://127.0.0.1:7101@evil.example",
            "http://127.0.0.1:7101\\@evil.example",
            "http://evil.example/127.0.0.1:7101",
            "http://127.1:7101",
            "http://::1:7101",
            "127.0.0.1:7101",
            "",
        ] {
            assert_eq!(address(other), None, "{other}");
        }
        let folders = Folders::of(|_| None);
        assert_eq!(folders.tokens_for_url("http://192.0.2.7:7101"), [""; 0]);
    }
}
