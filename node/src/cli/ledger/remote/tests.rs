//! Fetched from a server of this machine that serves an export, well or badly.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

use quorate_core::Keypair;
use quorate_ledger::{AuditError, Log, MemoryStore, audit_directory};

use super::*;

/// Entries: a full bundle and a partial one.
const SIZE: u64 = 300;

const BUNDLE: &str = "/tile/entries/001.p/44";

/// What a server does when it is asked for a file.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Manner {
    /// Sends half of it, and says that this is all.
    Half,
    /// Sends half of what it announces, the first so many times.
    BreaksOff(u32),
    /// Flips a bit.
    Altered,
    /// Never stops.
    Endless,
    /// Has it not.
    Missing,
    /// Fails.
    Fails,
}

/// A server until the test's process ends.
struct Server {
    url: String,
    asked: Arc<Mutex<Vec<String>>>,
}

fn key() -> VerifierKey {
    VerifierKey::new("test/log".parse().unwrap(), keypair().public())
}

fn keypair() -> Keypair {
    Keypair::from_secret([7; 32])
}

fn export(into: &Path) {
    let scratch = tempfile::tempdir().unwrap();
    let mut log = Log::open(MemoryStore::default(), scratch.path(), key()).unwrap();
    let entries: Vec<String> = (0..SIZE).map(|number| format!("entry {number}")).collect();
    log.append_batch(&entries).unwrap();
    log.sign_checkpoint(&keypair()).unwrap();
    log.export(into).unwrap();
}

/// Serves an export below `/log`; files named in `manners` in their own manner.
fn serve(manners: &[(&str, Manner)]) -> Server {
    let folder = tempfile::tempdir().unwrap();
    export(folder.path());
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/log/", listener.local_addr().unwrap());
    let asked = Arc::new(Mutex::new(Vec::new()));
    let server = Server {
        url,
        asked: Arc::clone(&asked),
    };
    let mut manners: BTreeMap<String, Manner> = manners
        .iter()
        .map(|(path, manner)| ((*path).to_owned(), *manner))
        .collect();
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            // Whoever has had enough of an endless file hangs up.
            let _ = answer(stream, folder.path(), &mut manners, &asked);
        }
    });
    server
}

fn answer(
    mut stream: TcpStream,
    folder: &Path,
    manners: &mut BTreeMap<String, Manner>,
    asked: &Mutex<Vec<String>>,
) -> io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let path = request.split(' ').nth(1).unwrap_or_default();
    let path = path.strip_prefix("/log").unwrap_or("/outside").to_owned();
    asked.lock().unwrap().push(path.clone());
    let manner = manners.get(&path).copied();
    let file = fs::read(folder.join(path.trim_start_matches('/')));
    let (Ok(mut bytes), true) = (file, manner != Some(Manner::Missing)) else {
        return head(&mut stream, "404 Not Found", Some(0));
    };
    match manner {
        Some(Manner::Fails) => return head(&mut stream, "500 Internal Server Error", Some(0)),
        Some(Manner::Half) => bytes.truncate(bytes.len() / 2),
        Some(Manner::Altered) => bytes[40] ^= 1,
        Some(Manner::BreaksOff(times)) if times > 0 => {
            manners.insert(path, Manner::BreaksOff(times - 1));
            head(&mut stream, "200 OK", Some(bytes.len()))?;
            return stream.write_all(&bytes[..bytes.len() / 2]);
        }
        Some(Manner::Endless) => {
            head(&mut stream, "200 OK", None)?;
            loop {
                stream.write_all(&[b'x'; 1 << 16])?;
            }
        }
        _ => {}
    }
    head(&mut stream, "200 OK", Some(bytes.len()))?;
    stream.write_all(&bytes)
}

fn head(stream: &mut TcpStream, status: &str, length: Option<usize>) -> io::Result<()> {
    let length = length.map_or_else(String::new, |length| format!("Content-Length: {length}\r\n"));
    write!(stream, "HTTP/1.1 {status}\r\n{length}Connection: close\r\n\r\n")
}

fn fetched(server: &Server) -> (Result<(), RemoteError>, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    (fetch(&server.url, &key(), folder.path()), folder)
}

#[test]
fn an_export_is_fetched_whole_and_is_sound() {
    let (result, folder) = fetched(&serve(&[]));
    result.unwrap();
    assert_eq!(audit_directory(folder.path(), &key()).unwrap().entries, SIZE);
}

#[test]
fn what_breaks_off_is_asked_for_again_and_nothing_else_is() {
    let server = serve(&[(BUNDLE, Manner::BreaksOff(2))]);
    let (result, folder) = fetched(&server);
    result.unwrap();
    audit_directory(folder.path(), &key()).unwrap();
    let asked = server.asked.lock().unwrap();
    let times = |path: &str| asked.iter().filter(|one| *one == path).count();
    assert_eq!(
        (times(BUNDLE), times("/tile/0/000"), times("/checkpoint")),
        (3, 1, 1)
    );
}

#[test]
fn a_server_that_keeps_failing_is_given_up() {
    for (manner, tries) in [
        (Manner::BreaksOff(9), 3),
        (Manner::Fails, 3),
        (Manner::Missing, 1),
    ] {
        let server = serve(&[("/tile/0/000", manner)]);
        let error = fetched(&server).0.unwrap_err();
        assert_eq!(error.is_finding(), manner == Manner::Missing, "{error}");
        let asked = server.asked.lock().unwrap();
        assert_eq!(asked.iter().filter(|one| *one == "/tile/0/000").count(), tries);
    }
}

#[test]
fn a_file_that_is_cut_or_altered_is_found_by_the_audit() {
    for (path, manner) in [
        (BUNDLE, Manner::Half),
        (BUNDLE, Manner::Altered),
        ("/tile/0/000", Manner::Altered),
        ("/tile/0/001.p/44", Manner::Half),
    ] {
        let (result, folder) = fetched(&serve(&[(path, manner)]));
        result.unwrap();
        let audit = audit_directory(folder.path(), &key());
        assert!(
            matches!(audit, Err(AuditError::Found(_))),
            "{path} {manner:?}: {audit:?}"
        );
    }
}

#[test]
fn a_file_without_end_is_cut_off_where_it_can_be_no_longer() {
    for (path, length) in [
        ("/checkpoint", MAX_CHECKPOINT as u64),
        ("/tile/0/001.p/44", 44 * 32),
    ] {
        match fetched(&serve(&[(path, Manner::Endless)])).0 {
            Err(RemoteError::TooLong { most, .. }) => assert_eq!(most, length),
            other => panic!("{path}: {other:?}"),
        }
    }
}

#[test]
fn a_partial_tile_that_was_replaced_is_taken_from_the_full_one() {
    let server = serve(&[("/tile/0/001.p/44", Manner::Missing)]);
    let error = fetched(&server).0.unwrap_err();
    assert!(
        matches!(&error, RemoteError::Missing { url } if url.ends_with("/tile/0/001")),
        "{error}"
    );
}

#[test]
fn a_checkpoint_under_another_key_ends_it_before_anything_else_is_fetched() {
    let server = serve(&[]);
    let other = VerifierKey::new(
        "test/log".parse().unwrap(),
        Keypair::from_secret([8; 32]).public(),
    );
    let folder = tempfile::tempdir().unwrap();
    let error = fetch(&server.url, &other, folder.path()).unwrap_err();
    assert!(matches!(error, RemoteError::Checkpoint { .. }) && error.is_finding());
    assert_eq!(
        *server.asked.lock().unwrap(),
        ["/checkpoint.cosigned", "/checkpoint"]
    );
}

#[test]
fn a_server_that_is_not_there_is_no_finding() {
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let error = fetch(&format!("http://{closed}"), &key(), folder.path()).unwrap_err();
    assert!(matches!(error, RemoteError::Transport { .. }) && !error.is_finding());
}
