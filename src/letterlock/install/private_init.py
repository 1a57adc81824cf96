"""The first process of a private system: makes its namespaces, furnishes them, then waits.

Run as a program (`python -I -S private_init.py`), so it takes nothing but the standard library.
One line of JSON on standard input says what to furnish (`namespace.Layout`); standard input stays
open as the lifeline: at its end this process ends, and with it, by pid_namespaces(7), everything
that runs inside. It answers with lines of JSON: `{"pid": N}`, then `{"ready": true}` or
`{"reason": "…"}`.

Another root than `/` is entered before anything is mounted in it: by way of its own mount namespace
where it has one, else bound over itself.

The order matters: what is bound or copied is opened before anything is mounted over it, and the
whole tree is made read-only before the private parts are mounted, so that no path that was
forgotten can be written.
"""

from __future__ import annotations

import codecs
import ctypes
import fnmatch
import json
import os
import select
import signal
import socket
import stat
import struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CLONE_FS = 0x00000200
CLONE_NEWNS = 0x00020000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000

#: Of IPv6 alone: of IPv4 the same bit is IFA_F_SECONDARY.
_IFA_F_TEMPORARY = 0x01
_RDONLY, _NOSUID, _NODEV, _NOEXEC = 1, 2, 4, 8
_REMOUNT, _BIND, _REC, _PRIVATE = 32, 4096, 16384, 1 << 18
_KEPT_FLAGS = {"nosuid": _NOSUID, "nodev": _NODEV, "noexec": _NOEXEC}
_PR_SET_PDEATHSIG = 1

#: A folder with more than this is laid under an overlay instead of copied.
_COPY_ENTRIES = 20_000
_COPY_BYTES = 64 << 20
_LOG_BYTES = 4 << 20
_DEVICES = ("null", "zero", "full", "random", "urandom", "tty")
_DEVICE_LINKS = {
    "ptmx": "pts/ptmx",
    "fd": "/proc/self/fd",
    "stdin": "/proc/self/fd/0",
    "stdout": "/proc/self/fd/1",
    "stderr": "/proc/self/fd/2",
}
LAYERS = "/dev/.layers"
SYSLOG = "/dev/.syslog"

_libc = ctypes.CDLL(None, use_errno=True)


def _checked(status: int, what: str) -> None:
    if status < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{what}: {os.strerror(number)}")


def unshare(flags: int) -> None:
    """unshare(2). Raises OSError."""
    _checked(_libc.unshare(flags), "unshare")


def setns(descriptor: int, kind: int) -> None:
    """setns(2) for the calling thread. Raises OSError."""
    _checked(_libc.setns(descriptor, kind), "setns")


def _mount(source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
    status = _libc.mount(
        os.fsencode(source), os.fsencode(target), kind.encode(), flags, os.fsencode(data)
    )
    _checked(status, f"mount {kind or 'bind'} on {target}")


# --- network -------------------------------------------------------------------------------


def _attribute(kind: int, value: bytes) -> bytes:
    length = 4 + len(value)
    return struct.pack("HH", length, kind) + value + b"\0" * (-length % 4)


def _netlink(kind: int, flags: int, payload: bytes) -> list[tuple[int, bytes]]:
    """One rtnetlink(7) request and its answers: (message type, payload) each."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as link:
        link.sendto(struct.pack("IHHII", 16 + len(payload), kind, flags, 1, 0) + payload, (0, 0))
        answers: list[tuple[int, bytes]] = []
        while True:
            data = link.recv(1 << 16)
            while data:
                length, answer, _, _, _ = struct.unpack_from("IHHII", data)
                body, data = data[16:length], data[(length + 3) & ~3 :]
                if answer == 2:  # NLMSG_ERROR; number 0 is the acknowledgement
                    number = -struct.unpack_from("i", body)[0]
                    if number:
                        raise OSError(number, f"netlink: {os.strerror(number)}")
                    return answers
                if answer == 3:  # NLMSG_DONE
                    return answers
                answers.append((answer, body))


def own_addresses(*, lasting: bool = False) -> list[str]:
    """This system's addresses other than loopback and link-local ones; with `lasting` without
    those that it makes up for a day (RFC 8981)."""
    found = []
    for _, body in _netlink(22, 0x301, struct.pack("BBBBI", 0, 0, 0, 0, 0)):  # RTM_GETADDR, dump
        family, _, flags, scope, _ = struct.unpack_from("BBBBI", body)
        if lasting and family == socket.AF_INET6 and flags & _IFA_F_TEMPORARY:
            continue
        attributes, rest = {}, body[8:]
        while len(rest) >= 4:
            length, kind = struct.unpack_from("HH", rest)
            attributes[kind] = rest[4:length]
            rest = rest[(length + 3) & ~3 :]
        packed = attributes.get(2) or attributes.get(1)  # IFA_LOCAL, IFA_ADDRESS
        if packed and scope < 253 and family in (socket.AF_INET, socket.AF_INET6):
            found.append(socket.inet_ntop(family, packed))
    return found


def _loopback_up() -> None:
    index = socket.if_nametoindex("lo")
    _netlink(16, 0x5, struct.pack("BxHiII", 0, 0, index, 1, 1))  # RTM_NEWLINK, IFF_UP


def _add_address(address: str) -> None:
    """Give `lo` one more address, without duplicate address detection."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    packed = socket.inet_pton(family, address)
    header = struct.pack("BBBBI", family, len(packed) * 8, 0x02, 0, socket.if_nametoindex("lo"))
    payload = header + _attribute(1, packed) + _attribute(2, packed)
    _netlink(20, 0x505, payload)  # RTM_NEWADDR: request, acknowledge, create, replace


_SETTINGS = (
    "/proc/sys/net/ipv6/bindv6only",
    "/proc/sys/net/ipv6/conf/lo/disable_ipv6",
    "/proc/sys/net/ipv4/ip_unprivileged_port_start",
)


def _settings() -> dict[str, str]:
    """The settings of the network that a new one does not inherit and a listener notices."""
    found = {}
    for path in _SETTINGS:
        if os.path.exists(path):
            with open(path) as file:
                found[path] = file.read()
    return found


def _make_network(addresses: list[str], settings: dict[str, str]) -> None:
    for path, value in settings.items():
        with open(path, "w") as file:
            file.write(value)
    _loopback_up()
    no_ipv6 = settings.get("/proc/sys/net/ipv6/conf/lo/disable_ipv6", "1").strip() == "1"
    for address in addresses:
        if not (no_ipv6 and ":" in address):
            _add_address(address)


# --- files ---------------------------------------------------------------------------------


def _mounts() -> list[tuple[str, int]]:
    """Every mount point of this namespace with the flags it must keep (proc_pid_mountinfo(5))."""
    found = []
    with open("/proc/self/mountinfo", "rb") as file:
        for line in file:
            fields = line.split()
            path = fields[4].decode("unicode_escape").encode("latin-1")
            options = fields[5].decode().split(",")
            flags = sum(flag for name, flag in _KEPT_FLAGS.items() if name in options)
            found.append((os.fsdecode(path), flags))
    return found


def _make_read_only() -> None:
    for path, flags in _mounts():
        if path == "/proc" or path.startswith("/proc/"):
            continue
        try:
            _mount("none", path, "", _REMOUNT | _BIND | _RDONLY | flags)
        except OSError:
            # Covered by another mount or not open to root: then nothing inside reaches it.
            if os.access(path, os.W_OK) and not os.statvfs(path).f_flag & os.ST_RDONLY:
                raise


def _carry_over(source: str, target: str, status: os.stat_result) -> None:
    """Owner, mode, extended attributes (ACLs are such) and times, in the order that keeps them."""
    os.chown(target, status.st_uid, status.st_gid, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        os.chmod(target, stat.S_IMODE(status.st_mode))
    try:
        for name in os.listxattr(source, follow_symlinks=False):
            value = os.getxattr(source, name, follow_symlinks=False)
            os.setxattr(target, name, value, follow_symlinks=False)
    except OSError:
        pass  # a file system or a security module that will not have them: not what we rehearse
    os.utime(target, ns=(status.st_atime_ns, status.st_mtime_ns), follow_symlinks=False)


def _copy_file(source: str, target: str) -> None:
    with open(source, "rb", buffering=0) as old, open(target, "wb", buffering=0) as new:
        os.fchmod(new.fileno(), 0o600)
        while os.sendfile(new.fileno(), old.fileno(), None, 1 << 30):
            pass


def _copy_entry(source: str, target: str, status: os.stat_result) -> None:
    """Copy one thing. A socket or a FIFO belongs to the process behind it and is left out."""
    kind = stat.S_IFMT(status.st_mode)
    if kind == stat.S_IFREG:
        _copy_file(source, target)
    elif kind == stat.S_IFLNK:
        os.symlink(os.readlink(source), target)
    elif kind in (stat.S_IFCHR, stat.S_IFBLK):
        os.mknod(target, status.st_mode, status.st_rdev)
    else:
        return
    _carry_over(source, target, status)


def _copy_folder(source: str, target: str, inner: str, leave_out: list[str]) -> None:
    """Copy a folder's contents into an existing one. `inner` is the path below the copy's top
    that `leave_out` is matched against, ending in a slash or empty."""
    for name in os.listdir(source):
        path = inner + name
        if any(fnmatch.fnmatchcase(path, pattern) for pattern in leave_out):
            continue
        old, new = os.path.join(source, name), os.path.join(target, name)
        try:
            status = os.lstat(old)
            if stat.S_ISDIR(status.st_mode):
                os.mkdir(new, 0o700)
                _copy_folder(old, new, path + "/", leave_out)
                _carry_over(old, new, status)
            else:
                _copy_entry(old, new, status)
        except FileNotFoundError:
            continue  # gone since the folder was listed


def _copy_skeleton(source: str, target: str, depth: int, leave_out: list[str]) -> None:
    for name in os.listdir(source):
        old, new = os.path.join(source, name), os.path.join(target, name)
        try:
            status = os.lstat(old)
        except OSError:
            continue
        if stat.S_ISDIR(status.st_mode) and name not in leave_out:
            os.mkdir(new, 0o700)
            if depth:
                _copy_skeleton(old, new, depth - 1, [])
            _carry_over(old, new, status)


def _small(folder: str) -> bool:
    entries = size = 0
    for place, folders, files in os.walk(folder):
        entries += len(folders) + len(files)
        for name in files:
            try:
                size += os.lstat(os.path.join(place, name)).st_size
            except OSError:
                continue
        if entries > _COPY_ENTRIES or size > _COPY_BYTES:
            return False
    return True


def _tmpfs(target: str, status: os.stat_result) -> None:
    mode = stat.S_IMODE(status.st_mode)
    _mount("tmpfs", target, "tmpfs", _NOSUID, f"mode={mode:o}")
    os.chown(target, status.st_uid, status.st_gid)


def _open_devices() -> dict[str, int]:
    return {
        name: os.open(f"/dev/{name}", os.O_PATH | os.O_CLOEXEC)
        for name in _DEVICES
        if os.path.exists(f"/dev/{name}")
    }


class _Furnisher:
    """Opens what will be covered, then mounts. Paths are real paths from the start."""

    def __init__(self, layout: dict[str, Any], devices: dict[str, int] | None) -> None:
        self._layout = layout
        self._opened: dict[str, int] = {}
        self._submounts: list[str] = [path for path, _ in _mounts()]
        self._devices = _open_devices() if devices is None else devices
        self._number = 0

    def _old(self, path: str) -> str:
        """What was at a path before anything was mounted over it."""
        return f"/proc/self/fd/{self._opened[path]}"

    def _open(self, path: str) -> None:
        if path not in self._opened:
            self._opened[path] = os.open(path, os.O_PATH | os.O_CLOEXEC)

    def _paths(self, kind: str) -> list[str]:
        paths = {os.path.realpath(str(path)) for path in self._layout[kind]}
        return sorted(path for path in paths if os.path.exists(path))

    def furnish(self) -> None:
        folders: dict[str, dict[str, Any]] = {}
        for folder in self._layout["folders"]:
            path = os.path.realpath(folder["path"])
            if os.path.isdir(path):
                folders[path] = folder
        empty, skeletons = self._paths("empty"), self._paths("skeletons")
        kept, writable = self._paths("kept"), self._paths("writable")
        for path in [*folders, *empty, *skeletons, *kept, *writable, *self._submounts]:
            try:
                self._open(path)
            except OSError:
                continue
        _make_read_only()
        self._make_dev()
        for path in sorted({*folders, *empty, *skeletons}):
            if path in folders:
                self._make_private(path, folders[path])
            else:
                self._make_empty(path, path in skeletons)
        for path in kept:
            self._bind_again(path, _RDONLY)
        for path in writable:
            self._bind_again(path, 0)

    def _make_dev(self) -> None:
        _mount("tmpfs", "/dev", "tmpfs", _NOSUID, "mode=755")
        for name, descriptor in self._devices.items():
            target = f"/dev/{name}"
            os.close(os.open(target, os.O_CREAT | os.O_WRONLY))
            _mount(f"/proc/self/fd/{descriptor}", target, "", _BIND)
        for name, text in _DEVICE_LINKS.items():
            os.symlink(text, f"/dev/{name}")
        os.mkdir("/dev/pts")
        options = "newinstance,ptmxmode=0666,mode=620"
        _mount("devpts", "/dev/pts", "devpts", _NOSUID | _NOEXEC, options)
        os.mkdir("/dev/shm")  # noqa: S108
        _mount("tmpfs", "/dev/shm", "tmpfs", _NOSUID | _NODEV, "mode=1777")  # noqa: S108
        os.mkdir(LAYERS, 0o700)

    def _make_empty(self, path: str, skeleton: bool) -> None:
        _tmpfs(path, os.stat(self._old(path)))
        if skeleton:
            _copy_skeleton(self._old(path), path, 2, ["systemd", "user"])

    def _make_private(self, path: str, folder: dict[str, Any]) -> None:
        old = self._old(path)
        status = os.stat(old)
        if folder["overlay"] or not _small(old):
            self._overlay(path)
        else:
            _tmpfs(path, status)
            _copy_folder(old, path, "", folder["leave_out"])
            _carry_over(old, path, status)
        for mount in self._submounts:
            if mount.startswith(path + "/"):
                self._bind_again(mount, _RDONLY)

    def _overlay(self, path: str) -> None:
        self._number += 1
        layer = f"{LAYERS}/{self._number}"
        os.makedirs(f"{layer}/work")
        os.mkdir(f"{layer}/upper")
        _carry_over(self._old(path), f"{layer}/upper", os.stat(self._old(path)))
        escaped = path.replace("\\", "\\\\").replace(":", "\\:").replace(",", "\\,")
        data = f"lowerdir={escaped},upperdir={layer}/upper,workdir={layer}/work"
        _mount("overlay", path, "overlay", 0, data)

    def _bind_again(self, path: str, flags: int) -> None:
        """Put what was at `path` back there, if the place still exists, with these flags."""
        if path not in self._opened:
            return
        if not os.path.lexists(path):
            self._make_place(path)
        _mount(self._old(path), path, "", _BIND | _REC)
        _mount("none", path, "", _REMOUNT | _BIND | flags)

    def _make_place(self, path: str) -> None:
        if os.path.isdir(self._old(path)):
            os.makedirs(path, exist_ok=True)
            return
        os.makedirs(os.path.dirname(path), exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_WRONLY | os.O_EXCL))


# --- another root --------------------------------------------------------------------------


def _join(root: str, mounts: str) -> None:
    """Live where `root` is the root, in the mount namespace that the file `mounts` names."""
    home = os.open(root, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    namespace = os.open(mounts, os.O_RDONLY | os.O_CLOEXEC)
    setns(namespace, CLONE_NEWNS)
    os.fchdir(home)
    os.chroot(".")


def _move_into(root: str) -> None:
    """Live where the folder `root` is the root. What lies outside can be reached no more; that it
    cannot be written either is for the day somebody finds a way."""
    _mount(root, root, "", _BIND | _REC)
    _make_read_only()
    os.chdir(root)
    os.chroot(".")


# --- life ----------------------------------------------------------------------------------


def _tell(message: dict[str, object]) -> None:
    os.write(1, json.dumps(message).encode() + b"\n")


def _reap() -> None:
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass


def _listen_to_syslog() -> tuple[socket.socket, int]:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    listener.bind("/dev/log")
    os.chmod("/dev/log", 0o666)  # noqa: S103 the mode that syslogd gives it
    return listener, os.open(SYSLOG, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600)


def _live(listener: socket.socket, log: int) -> None:
    """Reap orphans and keep what is logged, until the lifeline ends."""
    woken, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    room = _LOG_BYTES
    while True:
        ready, _, _ = select.select([0, listener.fileno(), woken], [], [])
        if woken in ready:
            os.read(woken, 4096)
            _reap()
        if listener.fileno() in ready:
            line = listener.recv(1 << 16).rstrip(b"\n\0") + b"\n"
            room -= len(line)
            if room > 0:
                os.write(log, line)
        if 0 in ready and not os.read(0, 4096):
            return


def _init(layout: dict[str, Any], addresses: list[str], settings: dict[str, str]) -> None:
    _checked(_libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0), "prctl")
    _mount("none", "/", "", _REC | _PRIVATE)
    devices = None
    if layout["root"] != "/" and layout["mounts"] is None:
        devices = _open_devices()
        _move_into(layout["root"])
    _mount("proc", "/proc", "proc", _NOSUID | _NODEV | _NOEXEC)
    _make_network(addresses, settings)
    for name in layout["hostname"]:
        socket.sethostname(str(name))
    _Furnisher(layout, devices).furnish()
    listener, log = _listen_to_syslog()
    os.chdir("/")
    _tell({"ready": True})
    _live(listener, log)


def main() -> None:
    line = b""
    while not line.endswith(b"\n"):
        piece = os.read(0, 1 << 16)
        if not piece:
            return
        line += piece
    layout = json.loads(line)
    os.umask(0o022)
    try:
        addresses = [*own_addresses(), *layout["addresses"]]
        settings = _settings()
        codecs.lookup("unicode_escape")  # in another root there is no Python to load it from
        if layout["mounts"] is not None:
            _join(layout["root"], layout["mounts"])
        unshare(CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWPID | CLONE_NEWNET)
        child = os.fork()
        if child:
            os.close(0)
            _tell({"pid": child})
            os.waitpid(child, 0)
            return
        _init(layout, addresses, settings)
    except OSError as error:
        _tell({"reason": error.strerror or str(error)})
    except Exception as error:
        # Nobody reads our standard error.
        _tell({"reason": f"{type(error).__name__}: {error}"})


if __name__ == "__main__":
    main()
