//! What a container is, sees and can reach.

use serde_json::Value;

use crate::Test;
use crate::bench::{Bench, command, python, text, tokio};
use quorate_containers::{Backend, End, Mount, Promise, State};

pub(crate) const TESTS: &[Test] = &[
    ("check_reports_every_promise_as_enforced", every_promise),
    ("there_is_no_network", no_network),
    ("capabilities_are_gone_for_good", no_capabilities),
    ("system_calls_are_filtered", filtered),
    ("the_root_is_read_only", read_only_root),
    ("the_user_is_nobody", unprivileged),
    ("namespaces_are_private", private_namespaces),
    ("the_init_cannot_be_looked_into", closed_init),
    ("nothing_of_the_host_but_usr_is_visible", nothing_of_the_host),
    ("kernel_files_are_masked", masked),
    ("devices_are_the_common_ones", devices),
    ("the_environment_is_the_specs", environment),
    ("no_descriptor_leaks_in", descriptors),
    ("mounts_are_read_only", mounts),
];

/// States everything the tests below look at; one container per backend.
const PROBE: &str = r#"
import ctypes, errno, json, os, platform, socket, stat
libc = ctypes.CDLL(None, use_errno=True)
def code(act):
    try:
        act()
        return "allowed"
    except OSError as error:
        return errno.errorcode.get(error.errno, str(error.errno))
def call(number, *arguments):
    ctypes.set_errno(0)
    if libc.syscall(number, *arguments) < 0:
        return errno.errorcode[ctypes.get_errno()]
    return "allowed"
def connect(family, address):
    with socket.socket(family, socket.SOCK_STREAM) as s:
        s.settimeout(2)
        s.connect(address)
def write(path):
    with open(path, "w") as f:
        f.write("x")
status = dict(line.rstrip("\n").split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
sockets = []
for folder, folders, files in os.walk("/"):
    if folder == "/":
        folders[:] = [f for f in folders if f not in ("proc", "sys", "usr")]
    for name in files:
        path = os.path.join(folder, name)
        try:
            if stat.S_ISSOCK(os.lstat(path).st_mode):
                sockets.append(path)
        except OSError:
            pass
x86 = platform.machine() == "x86_64"
def pick(a, b):
    return a if x86 else b
buffer = ctypes.create_string_buffer(256)
facts = {
    "status": status,
    "links": os.listdir("/sys/class/net"),
    "connect": [code(lambda: connect(socket.AF_INET, ("192.0.2.1", 80))),
                code(lambda: connect(socket.AF_INET6, ("2001:db8::1", 80)))],
    "families": [code(lambda f=f: socket.socket(f, socket.SOCK_DGRAM).close()) for f in (17, 38, 40)],
    "calls": {
        "ptrace": call(pick(101, 117), 0, 0, 0, 0),
        "process_vm_readv": call(pick(310, 270), os.getppid(), buffer, 1, buffer, 1, 0),
        "process_vm_writev": call(pick(311, 271), os.getppid(), buffer, 1, buffer, 1, 0),
        "unshare": call(pick(272, 97), 0x10000000),
        "clone": call(pick(56, 220), 0x10000000 | 17, 0, 0, 0, 0),
        "clone3": call(435, buffer, 88),
        "io_uring_setup": call(425, 8, buffer),
        "keyctl": call(pick(250, 219), 0, -3, 1),
        "add_key": call(pick(248, 217), b"user", b"a", b"b", 1, -3),
        "bpf": call(pick(321, 280), 0, buffer, 64),
        "perf_event_open": call(pick(298, 241), buffer, 0, -1, -1, 0),
        "userfaultfd": call(pick(323, 282), 1),
        "mount": call(pick(165, 40), b"x", b"/tmp", b"tmpfs", 0, 0),
        "open_by_handle_at": call(pick(304, 265), -100, buffer, 0),
        "unknown": call(599),
    },
    "writes": {path: code(lambda path=path: write(path)) for path in
               ("/x", "/usr/x", "/etc/passwd", "/bin/x", "/proc/sys/kernel/hostname", "/sys/x")},
    "ids": [os.getuid(), os.geteuid(), os.getgid(), os.getegid(), os.getgroups()],
    "setuid": code(lambda: os.setuid(0)),
    "chroot": code(lambda: os.chroot("/tmp")),
    "namespaces": {kind: os.readlink("/proc/self/ns/" + kind) for kind in ("pid", "ipc", "uts", "mnt", "net")},
    "hostname": os.uname().nodename,
    "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
    "sockets": sockets,
    "top": sorted(os.listdir("/")),
    "etc": sorted(os.listdir("/etc")),
    "masked": {path: code(lambda path=path: open(path, "rb").read(16) and 0) and
               (len(open(path, "rb").read(16)) if os.path.exists(path) and not os.path.isdir(path) and os.access(path, os.R_OK) else 0)
               for path in ("/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/kallsyms")},
    "firmware": os.listdir("/sys/firmware") if os.path.isdir("/sys/firmware") else [],
    "dev": sorted(os.listdir("/dev")),
    "mknod": code(lambda: os.mknod("/work/disk", 0o600 | stat.S_IFBLK, os.makedev(254, 0))),
    "env": dict(os.environ),
    "cwd": os.getcwd(),
    "work": [os.stat("/work").st_uid, oct(os.stat("/work").st_mode & 0o7777)],
    "descriptors": sorted(int(name) for name in os.listdir("/proc/self/fd")),
    "stdin": len(os.read(0, 1)),
    "init": code(lambda: os.kill(1, 9)),
    "init_memory": code(lambda: open("/proc/1/mem", "rb").close()),
    "init_program": code(lambda: os.readlink("/proc/1/exe")),
}
print(json.dumps(facts))
"#;

fn facts(bench: &Bench) -> &Value {
    bench.facts.get_or_init(|| {
        let mut spec = python(PROBE);
        spec.env = vec![("GIVEN".into(), "a value".into())];
        let finished = bench.run(spec);
        assert_eq!(finished.end, End::Exited(0), "{}", text(&finished.stderr));
        serde_json::from_slice(&finished.stdout).unwrap()
    })
}

fn every_promise(bench: &Bench) {
    let report = tokio().block_on(bench.runtime.check()).unwrap();
    for promise in Promise::ALL {
        let line = report
            .guarantees
            .iter()
            .find(|line| line.promise == promise)
            .unwrap();
        assert_eq!(line.state, State::Enforced, "{promise:?}");
    }
}

fn no_network(bench: &Bench) {
    let facts = facts(bench);
    let links = facts["links"].as_array().unwrap();
    assert!(links.iter().all(|link| link == "lo"), "{links:?}");
    for outcome in facts["connect"].as_array().unwrap() {
        assert!(
            outcome == "ENETUNREACH" || outcome == "EADDRNOTAVAIL",
            "{outcome}"
        );
    }
    // Packets, kernel crypto and vsock, which no namespace contains.
    for outcome in facts["families"].as_array().unwrap() {
        assert_eq!(outcome, "EPERM");
    }
}

fn no_capabilities(bench: &Bench) {
    let status = &facts(bench)["status"];
    for set in ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"] {
        assert_eq!(status[set], "0000000000000000", "{set}");
    }
    assert_eq!(status["NoNewPrivs"], "1");
    // In an unprivileged node's user namespace there is not even a root to become.
    let setuid = &facts(bench)["setuid"];
    assert!(setuid == "EPERM" || setuid == "EINVAL", "{setuid}");
    assert_eq!(facts(bench)["chroot"], "EPERM");
}

fn filtered(bench: &Bench) {
    assert_eq!(facts(bench)["status"]["Seccomp"], "2");
    for (call, outcome) in facts(bench)["calls"].as_object().unwrap() {
        let absent = call == "clone3" || call == "unknown";
        assert_eq!(outcome, if absent { "ENOSYS" } else { "EPERM" }, "{call}");
    }
}

fn read_only_root(bench: &Bench) {
    for (path, outcome) in facts(bench)["writes"].as_object().unwrap() {
        let refused = ["EROFS", "EACCES", "EPERM", "ENOENT"]
            .iter()
            .any(|code| outcome == code);
        assert!(refused, "{path}: {outcome}");
    }
    assert_eq!(facts(bench)["writes"]["/x"], "EROFS");
    assert_eq!(facts(bench)["writes"]["/usr/x"], "EROFS");
}

fn unprivileged(bench: &Bench) {
    let ids = facts(bench)["ids"].as_array().unwrap();
    assert!(ids[..4].iter().all(|id| id == 65534), "{ids:?}");
    assert!(ids[4].as_array().unwrap().iter().all(|id| id == 65534), "{ids:?}");
}

fn private_namespaces(bench: &Bench) {
    for (kind, inside) in facts(bench)["namespaces"].as_object().unwrap() {
        let outside = std::fs::read_link(format!("/proc/self/ns/{kind}")).unwrap();
        assert_ne!(inside.as_str().unwrap(), outside.to_str().unwrap(), "{kind}");
    }
    assert_eq!(facts(bench)["hostname"], "quorate");
    let processes = facts(bench)["processes"].as_array().unwrap();
    assert!(
        processes.len() <= 3,
        "an init, the command and nothing of the host: {processes:?}"
    );
    assert_eq!(
        facts(bench)["init"],
        "allowed",
        "a kill from inside reaches process 1 and does nothing"
    );
}

/// The embedded backend's init is this very program, under the command's user.
fn closed_init(bench: &Bench) {
    if bench.backend() == Backend::Embedded {
        assert_eq!(facts(bench)["init_memory"], "EACCES");
        assert_eq!(facts(bench)["init_program"], "EACCES");
    }
}

fn nothing_of_the_host(bench: &Bench) {
    let allowed = [
        ".dockerenv",
        "bin",
        "dev",
        "etc",
        "lib",
        "lib32",
        "lib64",
        "libx32",
        "proc",
        "run",
        "sbin",
        "sys",
        "tmp",
        "usr",
        "var",
        "work",
    ];
    for name in facts(bench)["top"].as_array().unwrap() {
        assert!(allowed.iter().any(|one| name == one), "{name}");
    }
    let allowed = [
        "alternatives",
        "group",
        "hostname",
        "hosts",
        "ld.so.cache",
        "mtab",
        "nsswitch.conf",
        "passwd",
        "resolv.conf",
    ];
    for name in facts(bench)["etc"].as_array().unwrap() {
        assert!(allowed.iter().any(|one| name == one), "{name}");
    }
    assert_eq!(facts(bench)["sockets"], serde_json::json!([]));
    // The walk above must be able to find what it looks for.
    let seen = bench.python(
        "import os, socket, stat\ns = socket.socket(socket.AF_UNIX)\ns.bind('/tmp/s')\n\
         print(stat.S_ISSOCK(os.lstat('/tmp/s').st_mode))",
    );
    assert_eq!(seen, "True\n");
}

fn masked(bench: &Bench) {
    for (path, bytes) in facts(bench)["masked"].as_object().unwrap() {
        assert_eq!(bytes, 0, "{path}");
    }
    assert_eq!(facts(bench)["firmware"], serde_json::json!([]));
}

fn devices(bench: &Bench) {
    let allowed = [
        "console", "core", "fd", "full", "kcore", "mqueue", "null", "ptmx", "pts", "random", "shm", "stderr",
        "stdin", "stdout", "tty", "urandom", "zero",
    ];
    for name in facts(bench)["dev"].as_array().unwrap() {
        assert!(allowed.iter().any(|one| name == one), "{name}");
    }
    assert_eq!(facts(bench)["mknod"], "EPERM");
}

fn environment(bench: &Bench) {
    let facts = facts(bench);
    let env = facts["env"].as_object().unwrap();
    for name in env.keys() {
        // A shell in front of the command may add its own place.
        assert!(
            ["GIVEN", "HOME", "LANG", "LC_CTYPE", "PATH", "PWD"].contains(&name.as_str()),
            "{name}"
        );
    }
    assert_eq!(env["GIVEN"], "a value");
    assert_eq!(env["HOME"], "/work");
    assert_eq!(env["LANG"], "C.UTF-8");
    assert_eq!(facts["cwd"], "/work");
    assert_eq!(facts["work"], serde_json::json!([65534, "0o700"]));
}

fn descriptors(bench: &Bench) {
    let open = facts(bench)["descriptors"].as_array().unwrap();
    // The three standard ones, and the listing's own.
    assert_eq!(open.len(), 4, "{open:?}");
    assert_eq!(facts(bench)["stdin"], 0, "nothing to read");
}

fn mounts(bench: &Bench) {
    let source = bench.home.path().join("bundle");
    std::fs::create_dir_all(&source).unwrap();
    std::fs::write(source.join("task"), "words").unwrap();
    let mut spec = command(&[
        "/bin/sh",
        "-c",
        "cat /bundle/task; echo x > /bundle/task; echo x > /bundle/new",
    ]);
    spec.mounts = vec![Mount {
        source: source.clone(),
        target: "/bundle".into(),
    }];
    let finished = bench.run(spec);
    assert_eq!(text(&finished.stdout), "words");
    assert_ne!(finished.end, End::Exited(0));
    assert!(
        text(&finished.stderr).contains("Read-only file system"),
        "{}",
        text(&finished.stderr)
    );
    assert_eq!(std::fs::read_dir(source).unwrap().count(), 1);
}
