# SPDX-License-Identifier: Apache-2.0
"""Network namespaces of the tests: made, joined by cables, entered, and emptied at the end."""
import contextlib
import ctypes
import os
import signal
import subprocess
import time

CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def run(*command, check=True):
    """Runs a command and returns its output; on failure the error text is part of the exception."""
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and done.returncode:
        raise RuntimeError(f'{" ".join(map(str, command))}: status {done.returncode}\n{done.stdout}')
    return done.stdout


def _setns(fd):
    if _libc.setns(fd, CLONE_NEWNET):
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


class NetNs:
    def __init__(self, name):
        self.name = name
        self.path = f'/run/netns/{name}'
        run('ip', 'netns', 'add', name)
        self.ip('link', 'set', 'lo', 'up')

    def ip(self, *arguments):
        return run('ip', '-n', self.name, *arguments)

    def command(self, *command):
        """The command line that runs `command` in here (and in no other namespace than ours)."""
        return ['nsenter', f'--net={self.path}', '--', *map(str, command)]

    def run(self, *command, check=True):
        return run(*self.command(*command), check=check)

    @contextlib.contextmanager
    def entered(self):
        """Sockets this thread makes inside belong to the namespace, also afterwards."""
        with open('/proc/thread-self/ns/net', 'rb') as home, open(self.path, 'rb') as there:
            _setns(there.fileno())
            try:
                yield self
            finally:
                _setns(home.fileno())

    def pids(self):
        out = run('ip', 'netns', 'pids', self.name, check=False)
        return [int(word) for word in out.split() if word.isdigit()]

    def close(self):
        """Ends whatever still runs in here, then the namespace with all its devices and rules."""
        for _ in range(50):
            pids = self.pids()
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if not pids:
                break
            time.sleep(0.1)
        run('ip', 'netns', 'del', self.name, check=False)


def cable(a, a_name, b, b_name):
    """A veth pair: a_name in namespace a, b_name in namespace b."""
    run('ip', 'link', 'add', a_name, 'netns', a.name, 'type', 'veth',
        'peer', 'name', b_name, 'netns', b.name)


def wait_until(what, condition, seconds=30.0, every=0.05):
    """Returns the first true value of condition(); fails with `what` when it never comes."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f'waited {seconds:.0f} s in vain: {what}')
        time.sleep(every)
