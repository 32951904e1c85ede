"""Ways out of the sandbox of `--trace`, as code of modules.

Each is the body of a function.  It returns a number below zero, None or False, or raises, if the sandbox
held; else the module says "ESCAPED".  `MARK` is a path of the real machine that the code tries to write.
"""

from __future__ import annotations

import textwrap

_BEGIN = """
import ctypes, fcntl, glob, os, resource, socket, struct, subprocess, sys, threading
LIBC = ctypes.CDLL(None, use_errno=True)
MARK, APP, CACHE = {mark!r}, {app!r}, {cache!r}
def each(paths):
    "Try to open files for writing; return whether one of them could be opened."
    return any(LIBC.open(os.fsencode(path), os.O_WRONLY) >= 0 for path in paths)
def work():
{body}
def tried():
    try:
        result = work()
    except BaseException:
        return False
    return result is not None and result is not False and not (isinstance(result, int) and result < 0)
if tried():
    raise SystemError("ESCAPED")
"""
_END = """
from runpod_flash import Endpoint
@Endpoint(name=eval(repr({name!r})), cpu="cpu3c-1-2")
def f(x: int) -> int:
    return x
"""

_WRITES = {
    "file": "return LIBC.open(os.fsencode(MARK), os.O_WRONLY | os.O_CREAT, 0o644)",
    "file_of_project": "return LIBC.open(os.fsencode(APP + '/new.py'), os.O_WRONLY | os.O_CREAT, 0o644)",
    "own_source": "return LIBC.open(os.fsencode(__file__), os.O_WRONLY | os.O_APPEND)",
    "pycache": "return LIBC.mkdir(os.fsencode(os.path.dirname(__file__) + '/__pycache__'), 0o755)",
    "cache": "return LIBC.open(os.fsencode(CACHE + '/poisoned'), os.O_WRONLY | os.O_CREAT, 0o644)",
    "home": "return LIBC.mkdir(b'/root/.config', 0o755) if os.path.isdir('/root/.ssh') else None",
    "root_folder": "return LIBC.mkdir(b'/escaped', 0o755)",
    "dev": "return LIBC.open(b'/dev/escaped', os.O_WRONLY | os.O_CREAT, 0o644)",
    "shm": "LIBC.shm_open(b'/' + os.fsencode(os.path.basename(MARK)), 0o102, 0o600)",
    "mode_of_a_device": "return LIBC.chmod(b'/dev/full', 0o666)",
    "mode_of_an_open_device": "return LIBC.fchmod(LIBC.open(b'/dev/full', 2), 0o666)",
    "times_of_a_device": "return LIBC.utimensat(-100, b'/dev/full', None, 0)",
    "owner_of_a_device": "return LIBC.chown(b'/dev/full', os.getuid(), os.getgid())",
    "attribute_of_a_device": "return LIBC.setxattr(b'/dev/full', b'user.x', b'1', 1, 0)",
    "settings_of_the_kernel": "return each(glob.glob('/proc/sys/kernel/*') + glob.glob('/proc/sys/vm/*'))",
    "sysrq": "return each(['/proc/sysrq-trigger', '/proc/mtrr', '/proc/irq/default_smp_affinity'])",
    "sysfs": "return os.path.exists('/sys/kernel') or os.path.exists('/sys/fs/cgroup')",
    "site_packages": (
        "return any(LIBC.open(os.fsencode(f'{folder}/{name}'), os.O_WRONLY | os.O_CREAT, 0o644) >= 0\n"
        "    for folder in sys.path if os.path.isdir(folder)\n"
        "    if os.stat(folder).st_dev != os.stat('/tmp').st_dev\n"  # the scratch folder may be written
        "    for name in ('evil.pth', 'sitecustomize.py', 'usercustomize.py'))"
    ),
    "preload": "return LIBC.open(b'/etc/ld.so.preload', os.O_WRONLY | os.O_CREAT, 0o644)",
    "ctypes_link": "return LIBC.linkat(-100, b'/proc/1/fd/0', -100, os.fsencode(MARK), 0x400)",
}
_SEES = {
    "other_files": (
        "return any(map(os.path.exists, [APP + '/.env', CACHE, '/etc/passwd', '/etc/shadow', '/var',\n"
        "    '/home', '/run/docker.sock', '/boot']))"
    ),
    "environments": (
        "word = b'can' + b'ary-of-escapes'\n"
        "files = glob.glob('/proc/*/environ') + glob.glob('/proc/*/cmdline')\n"
        "return any(word in open(path, 'rb').read() for path in files) or word.decode() in repr(os.environ)"
    ),
    "descriptors": (
        "links = [os.readlink(path) for path in glob.glob('/proc/*/fd/*') if os.path.lexists(path)]\n"
        "usual = ('/dev/', 'pipe:', 'anon_inode:', '/proc/')\n"
        "return any(not link.startswith(usual) and '(deleted)' not in link for link in links)"
    ),
    "processes": "return len(glob.glob('/proc/[0-9]*')) > 2",
    "messages_of_the_kernel": "return LIBC.klogctl(3, ctypes.create_string_buffer(4096), 4096)",
    "keys": "return LIBC.syscall(250, 0, -4, 1)",
    "add_key": "return LIBC.syscall(248, b'user', b'x', b'y', 1, -4)",
    "request_key": "return LIBC.syscall(249, b'user', b'x', None, -4)",
}
_FAMILIES = (
    1,
    2,
    10,
    15,
    16,
    17,
    21,
    29,
    30,
    31,
    38,
    40,
    43,
    44,
)  # Unix, IP, netlink, packet, vsock ...
_SENDS = {
    "sockets": (
        f"return any(LIBC.socket(f, t, 0) >= 0 for f in {_FAMILIES} for t in (1, 2, 3, 5))"
    ),
    "python_socket": "return bool(socket.socket())",
    "python_http": "import urllib.request; return bool(urllib.request.urlopen('http://127.0.0.1:9'))",
    "inherited_sockets": "return any(LIBC.send(fd, b'x', 1, 0) >= 0 for fd in range(256))",
    "io_uring": "return LIBC.syscall(425, 8, ctypes.create_string_buffer(120))",
}
_OTHERS = {
    "mount": "return LIBC.mount(None, b'/', None, 32 | 4096, None)",
    "umount": "return LIBC.umount2(b'/proc', 2)",
    "new_mount": "return LIBC.syscall(430, b'tmpfs', 0)",
    "open_tree": "return LIBC.syscall(428, -100, b'/', 1)",
    "unshare": "return LIBC.unshare(0x10000000)",
    "setns": "return LIBC.setns(LIBC.open(b'/proc/1/ns/user', 0), 0)",
    "chroot": "return LIBC.chroot(b'/tmp')",
    "pivot_root": "return LIBC.syscall(155, b'/tmp', b'/tmp')",
    "open_by_handle": "return LIBC.open_by_handle_at(-100, ctypes.create_string_buffer(64), 0)",
    "ptrace": "return LIBC.ptrace(16, 1, None, None)",
    "traced": "return LIBC.ptrace(0, 0, None, None)",
    "memory_of_another": "return each(glob.glob('/proc/[0-9]*/mem'))",
    "process_vm": "return LIBC.process_vm_writev(1, None, 0, None, 0, 0)",
    "pidfd_getfd": "return LIBC.syscall(438, LIBC.syscall(434, 1, 0), 0, 0)",
    "userfaultfd": "return LIBC.syscall(323, 0)",
    "bpf": "return LIBC.syscall(321, 0, ctypes.create_string_buffer(128), 128)",
    "perf": "return LIBC.syscall(298, ctypes.create_string_buffer(128), 0, -1, -1, 0)",
    "terminal": "return LIBC.ioctl(LIBC.open(b'/dev/tty', 2), 0x5412, b'x')",
    "more_memory": "resource.setrlimit(resource.RLIMIT_AS, (-1, -1)); return True",
    "more_time": "return LIBC.prlimit(0, 0, struct.pack('qq', -1, -1), None)",
    "shared_memory": "return LIBC.shmget(0, 1 << 20, 0o1600)",
    "message_queue": "return LIBC.mq_open(b'/escaped', 0o102, 0o600, None)",
    "old_message_queue": "return LIBC.msgget(0, 0o1600)",
    "memory_file": "return LIBC.memfd_create(b'x', 0)",
}
# A process that was made ends itself, so that the module is not run twice.
_PROCESSES = {
    "fork": "pid = LIBC.fork()\nif pid == 0: LIBC._exit(0)\nreturn pid",
    "clone": "pid = LIBC.syscall(56, 17, 0, 0, 0, 0)\nif pid == 0: LIBC._exit(0)\nreturn pid",
    "clone_with_namespace": (
        "pid = LIBC.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)\nif pid == 0: LIBC._exit(0)\nreturn pid"
    ),
    "clone3": (
        "size = 88\npid = LIBC.syscall(435, ctypes.create_string_buffer(size), size)\n"
        "if pid == 0: LIBC._exit(0)\nreturn pid"
    ),
    "forkpty": "pid = LIBC.forkpty(None, None, None, None)\nif pid == 0: LIBC._exit(0)\nreturn pid",
    "daemon": (
        "pid = LIBC.fork()\nif pid == 0:\n    LIBC.setsid()\n    if LIBC.fork() == 0: LIBC.sleep(100)\n"
        "    LIBC._exit(0)\nreturn pid"
    ),
    "shell": "return LIBC.system(os.fsencode(f'touch {MARK}; (setsid sleep 7654321 &)')) == 0",
    "popen": "return bool(LIBC.popen(b'id', b'r'))",
    "python_shell": "return os.system('true') == 0",
    "python_fork": "pid = os.fork()\nif pid == 0: os._exit(0)\nreturn pid",
    "python_process": "return subprocess.run(['true']).returncode == 0",
    "python_spawn": "return os.posix_spawn('/bin/true', ['true'], {})",
    "parent": "LIBC.kill(os.getppid(), 9)",
    "everybody": "LIBC.kill(-1, 15)",
}
ESCAPES = _WRITES | _SEES | _SENDS | _OTHERS | _PROCESSES

# These end, fill or block the process; each needs a run of its own.  The value is the code of the module,
# and what flashc says.
_ANSWER = (
    "import ctypes, os, glob, signal, sys, threading\nLIBC = ctypes.CDLL(None)\n"
    "[answer] = [fd for fd in range(3, 40) if os.path.exists(f'/proc/self/fd/{fd}') and "
    "os.readlink(f'/proc/self/fd/{fd}').startswith('pipe:')]\n"
)
_DEEP = '{"sequence": ["list", [' * 300 + '{"value": 1}' + "]]}" * 300
ENDINGS = {
    "leaves": ("os._exit(0)", "ended without a result"),
    "crashes": ("LIBC.abort()", "ended without a result"),
    "becomes another program": (
        "LIBC.execl(b'/bin/sh', b'sh', b'-c', b'sleep 7654321; echo forged', None)",
        "ended without a result",
    ),
    "closes everything": ("os.closerange(0, 200)\nLIBC.sleep(100)", "it took more than"),
    "answers without end": (
        "block = b'[' * 65536\nwhile True: os.write(answer, block)",
        "a result that is too large",
    ),
    "answers too deep": (
        'text = \'{"endpoints": [{"dialect": "flash", "arguments": {"name": \' + DEEP + \'}, "problem": null,'
        ' "targets": [], "routes": []}], "failed": {}}\'\nos.write(answer, text.encode())\nos._exit(0)',
        "nested too deeply",
    ),
    "declares without end": (
        "from runpod_flash import Endpoint\nfor i in range(10001): Endpoint(name=f'w{i}')",
        "more than 10,000 endpoints",
    ),
    "takes all memory": ("x = bytearray(1 << 40)", "MemoryError"),
    "fills the scratch folder": (
        "block = b'x' * (1 << 20)\n"
        "for place in ('/tmp', '/dev/shm'):\n"
        "    for number in range(99):\n"
        "        fd = LIBC.open(f'{place}/{number}'.encode(), os.O_WRONLY | os.O_CREAT, 0o600)\n"
        "        while LIBC.write(fd, block, len(block)) > 0: pass\n"
        "        LIBC.close(fd)\n"
        "v = os.statvfs('/tmp'); s = os.statvfs('/dev/shm')\n"
        "raise SystemError(f'filled {(v.f_blocks * v.f_frsize + s.f_blocks * s.f_frsize) >> 20} MiB')",
        "SystemError: filled 320 MiB",
    ),
    "stops itself": (
        "LIBC.raise_ = LIBC['raise']\nLIBC.raise_(signal.SIGSTOP)",
        "it took more than",
    ),
    "never ends": ("while True: pass", "it took more than"),
    "ignores signals": (
        "for n in range(1, 32): LIBC.signal(n, 1)\nwhile True: LIBC.pause()",
        "it took more than",
    ),
    "leaves a thread": (
        "import atexit, time\natexit.register(LIBC.sleep, 100)\n"
        "threading.Thread(target=time.sleep, args=(100,), daemon=False).start()",
        "were found by running its code",
    ),
}


def module_of(name: str, body: str, *, mark: str, app: str, cache: str) -> str:
    """Return the text of a module that tries an escape, and declares an endpoint if it was held."""
    begin = _BEGIN.format(body=textwrap.indent(body, "    "), mark=mark, app=app, cache=cache)
    return begin + _END.format(name=name.replace("_", "-"))


def module_that_ends(body: str) -> str:
    """Return the text of a module that does one of `ENDINGS`."""
    return f"{_ANSWER}DEEP = {_DEEP!r}\n{body}{_END.format(name='w')}"
