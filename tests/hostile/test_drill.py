# SPDX-License-Identifier: Apache-2.0
"""A session process is taken over: what it may still do. Its program is built once more with a way in
(tests/lib/relay_drill); the sandbox it sits in is the one that is shipped."""
import contextlib
import os
import pathlib
import re
import shutil
import signal
import socket
import threading
import time

import pytest
import relay_site
from matrix_site import MatrixSite

CAP_SYS_ADMIN = 21    # linux/capability.h
DRILL = relay_site.BUILD / 'tests/lib/relay_drill/genkan-relay-sessions'


def why_not():
    if os.geteuid() != 0:
        return 'a user and a root of its own are given by root only'
    return relay_site.why_not() or (None if DRILL.exists() else f'not built: {DRILL}')


pytestmark = pytest.mark.skipif(why_not() is not None, reason=str(why_not()))

# What it tries, and what is left of it without the filter of system calls: by user, root, limits and
# network alone. With the filter, each is death.
ATTEMPTS = {
    'open': {'EACCES'}, 'create': {'EACCES'}, 'socket': set(), 'connect': {'ENETUNREACH'},
    'unix': {'EACCES'}, 'ptrace': {'EPERM', 'EACCES'}, 'read_memory': {'EPERM', 'EACCES'},
    'kill': {'EPERM'}, 'fork': {'EAGAIN'}, 'exec': {'EACCES'}, 'setuid': {'EPERM'}, 'chroot': {'EACCES', 'EPERM'},
    'namespace': {'EPERM', 'ENOSPC', 'EUSERS', 'EACCES', 'EAGAIN'}, 'memory': {'ENOMEM'}, 'code': set(),
}
ALONE = [name for name, outcomes in ATTEMPTS.items() if outcomes]


def unit(key):
    """What the relay's systemd unit says."""
    text = (relay_site.TOP / 'deploy/systemd/genkan-relay.service').read_text()
    return re.search(rf'^{key}=(.*)$', text, re.M).group(1).split()


class DrilledRelay(relay_site.Relay):
    """A relay with the privileges that its unit leaves it, beside whose program lies the other build of
    genkan-relay-sessions."""

    def __init__(self, folder, broker, pki, **keys):
        programs = folder.parent / 'programs'
        programs.mkdir()
        self.program = shutil.copy(relay_site.RELAY, programs)
        shutil.copy(DRILL, programs)
        kept = ','.join('+' + name.removeprefix('CAP_').lower() for name in unit('CapabilityBoundingSet'))
        self.before = ['setpriv', '--no-new-privs', '--inh-caps=-all', f'--bounding-set=-all,{kept}']
        super().__init__(folder, broker, pki, **keys)


class Site(relay_site.RelaySite):
    def __init__(self, folder):
        super().__init__(folder, display=94)
        self.relay.close()
        self.relay = DrilledRelay(folder / 'drilled', self.broker, self.pki)
        os.chmod(folder, 0o755)
        self.canary = folder / 'canary'
        self.canary.write_text('other people\'s data')
        self.victim_ticket = self.ticket()
        self.victim = self.connect(self.victim_ticket, hold=3600)
        self.victim.wait_frame()
        self.victim_pid = self.relay.session_pid(self.victim_ticket)

    def argument(self, attempt, listener):
        return {'open': self.canary, 'create': self.folder / 'created', 'unix': '/var/run/docker.sock',
                'connect': listener.getsockname()[1], 'ptrace': self.victim_pid, 'kill': self.victim_pid,
                'read_memory': self.victim_pid, 'exec': '/bin/true'}.get(attempt, '-')

    def drill(self, flag, attempt):
        """What the attempt came to: an errno's name, "DONE", or the signal that ended the process."""
        with socket.create_server(('127.0.0.1', 0)) as listener:
            listener.settimeout(0)
            ends, told = len(self.ends()), len(self.told(attempt))
            with socket.create_connection(('127.0.0.1', self.relay.port)) as link:
                words = f'DRILL {flag} {attempt} {self.argument(attempt, listener)}\n'.encode()
                link.sendall(b'\x03\0' + (len(words) + 4).to_bytes(2, 'big') + words)
                relay_site.wait_until(lambda: len(self.ends()) > ends or len(self.told(attempt)) > told, what=attempt)
                link.settimeout(10)
                with contextlib.suppress(ConnectionResetError):
                    assert link.recv(1) == b'', 'the process is gone'
            with pytest.raises(BlockingIOError):
                listener.accept()
        told = self.told(attempt)[told:]
        if told:
            return told[0]
        return relay_site.wait_until(lambda: self.ends()[ends:], what='end')[0]

    def told(self, attempt):
        return self.relay.find(rf'name="drill {attempt}".* detail=(\w+)')

    def ends(self):
        return [int(n) for n in self.relay.find(r'event=session_process_failed .*signal=(\d+)')]


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    s = Site(tmp_path_factory.mktemp('drill'))
    yield s
    assert s.victim.process.poll() is None, 'the other session lived through all of it'
    s.close()


def test_the_drill_works(site):
    assert site.drill('+', 'nothing') == 'DONE'
    assert site.drill('-', 'socket') == 'DONE', 'without the filter a socket is had, if one to nowhere'


@pytest.mark.parametrize('attempt', ATTEMPTS)
def test_taken_over_session_is_ended_by_its_first_attempt(site, attempt):
    outcome = site.drill('+', attempt)
    # Memory is the one thing it may ask for, and is told that there is no more.
    assert outcome == ('ENOMEM' if attempt == 'memory' else signal.SIGSYS)
    assert not (site.folder / 'created').exists()
    assert os.path.exists(f'/proc/{site.victim_pid}')


@pytest.mark.parametrize('attempt', ALONE)
def test_second_wall_alone_refuses_too(site, attempt):
    assert site.drill('-', attempt) in ATTEMPTS[attempt]
    assert not (site.folder / 'created').exists()
    assert os.path.exists(f'/proc/{site.victim_pid}')


def status_of(pid):
    return dict(re.findall(r'^(\w+):[ \t]*(.*)$', pathlib.Path(f'/proc/{pid}/status').read_text(), re.M))


def test_each_session_is_somebody_else(site):
    tickets = [site.ticket() for _ in range(3)]
    clients = [site.connect(t, hold=3600) for t in tickets]
    for client in clients:
        client.wait_frame()
    pids = [site.victim_pid] + [site.relay.session_pid(t) for t in tickets]
    uids = [status_of(pid)['Uid'].split() for pid in pids]
    assert len({u[0] for u in uids}) == len(pids), uids
    assert all(len(set(u)) == 1 and int(u[0]) >= 1910000000 for u in uids)
    assert {status_of(pid)['Gid'].split()[0] for pid in pids} == {u[0] for u in uids}
    host = os.readlink('/proc/self/ns/net')
    assert all(os.readlink(f'/proc/{pid}/ns/net') != host for pid in pids)
    assert set(unit('RestrictNamespaces')) == {'net', 'ipc', 'uts'}, 'what the unit must let it make'
    for client in clients:
        client.close()


def test_no_program_keeps_the_right_to_make_namespaces(site):
    for pid in (site.relay.process.pid, *site.relay.children()):
        status = status_of(pid)
        assert not (int(status['CapPrm'], 16) | int(status['CapEff'], 16)) & 1 << CAP_SYS_ADMIN, status


# ---- the end of one, beside others ----

SESSIONS, FRAME_S, LOOK_S = 12, 0.02, 1.5


class Stream:
    """A desktop with something new on it every 20 ms, and when that arrived."""

    def __init__(self, session):
        self.session, self.arrived, self.stopped = session, [], threading.Event()
        threading.Thread(target=self._draw, daemon=True).start()
        threading.Thread(target=self._watch, daemon=True).start()

    def _draw(self):
        while not self.stopped.wait(FRAME_S):
            try:
                self.session.guest.draw(b'frame' * 200)
            except Exception:   # the one whose process was ended
                return

    def _watch(self):
        seen, client = 0, self.session.client
        while client.wait(lambda: len(client.fast) > seen, LOOK_S) and not self.stopped.is_set():
            seen = len(client.fast)
            self.arrived.append(time.monotonic())

    def longest_gap(self, begin, end):
        times = [begin] + [t for t in self.arrived if begin <= t <= end] + [end]
        return max(b - a for a, b in zip(times, times[1:]))


def test_crash_of_one_session_is_felt_by_no_other(tmp_path):
    matrix = MatrixSite(tmp_path, relay=DrilledRelay)
    try:
        streams = [Stream(matrix.session()) for _ in range(SESSIONS)]
        pid = matrix.relay.session_pid(streams[0].session.ticket)
        time.sleep(LOOK_S)
        killed = time.monotonic()
        os.kill(pid, signal.SIGSEGV)
        assert streams[0].session.client.wait_over(), 'its client is told by the end of its connection'
        back = matrix.session()
        back.works()
        back_s = time.monotonic() - killed
        time.sleep(max(0.0, killed + LOOK_S - time.monotonic()))
        others = streams[1:]
        before = max(s.longest_gap(killed - LOOK_S + 0.3, killed) for s in others)
        after = max(s.longest_gap(killed, killed + LOOK_S) for s in others)
        print(f'longest gap {before * 1000:.0f} ms before, {after * 1000:.0f} ms after; back after {back_s * 1000:.0f} ms')
        # What one Python process for both ends of all streams adds is measured just before.
        assert after < max(0.5, 2 * before)
        assert back_s < 3
        event = matrix.broker.wait_event(lambda e: e['session'] == streams[0].session.ticket.session and
                                         e['kind'] == 'session_ended')
        assert event['name'] == 'crashed'
        for stream in others:
            assert not stream.session.client.over
            stream.stopped.set()
            stream.session.finish()
    finally:
        matrix.close()
