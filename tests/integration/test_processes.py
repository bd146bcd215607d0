# SPDX-License-Identifier: Apache-2.0
"""The broker's processes: what each may do, and what is left when one of them dies."""
import concurrent.futures
import contextlib
import os
import pathlib
import pwd
import shutil
import signal
import socket
import ssl
import subprocess
import tempfile
import time

import pytest

from broker import NO_PLAIN_PROGRAM, PLAIN_PROGRAM, Broker, pool
from needs import NEEDS_BROKER
from netns import wait_until
from slapd import Slapd

pytestmark = NEEDS_BROKER
FRONTS = 3
DEADLINE_S = 20      # of a question: longer than all that has to happen before


def descendants(pid):
    found = []
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        for task in pathlib.Path(f'/proc/{pid}/task').iterdir():
            for child in map(int, (task / 'children').read_text().split()):
                found += [child, *descendants(child)]
    return found


def status_of(pid):
    lines = pathlib.Path(f'/proc/{pid}/status').read_text().splitlines()
    return {name: value.strip() for name, value in (line.split(':', 1) for line in lines)}


def processes(broker):
    """{name: [pid, ...]} of what the broker has started."""
    found = {}
    for pid in descendants(broker.process.pid):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):    # gone meanwhile
            status = status_of(pid)
            if status['State'][0] not in 'ZX':
                found.setdefault(status['Name'], []).append(pid)
    return found


def expect(condition, seconds=10):
    wait_until('it comes', condition, seconds, 0.02)


@pytest.fixture(scope='module')
def slapd(tmp_path_factory):
    with Slapd(tmp_path_factory.mktemp('slapd')) as found:
        yield found


USERS = {'broker__front_user': 'nobody', 'broker__directory_user': 'daemon'} if os.geteuid() == 0 else {}


@pytest.fixture
def broker(slapd, tmp_path):
    with Broker(tmp_path, slapd, broker__fronts=FRONTS,
                directory__deadline_ms=DEADLINE_S * 1000, **USERS) as found:
        found.publish()
        found.apply(pool('sales', groups=['sales']))
        yield found


def test_fronts_may_little_and_are_nobody(broker):
    assert broker.login('hanako').status == 200
    fronts = processes(broker)
    assert len(fronts['genkan-front']) == FRONTS and len(fronts['genkan-front-a']) == 1
    for pid in fronts['genkan-front'] + fronts['genkan-front-a']:
        status = status_of(pid)
        assert status['NoNewPrivs'] == '1' and status['Seccomp'] == '2', status
        assert int(status['CapEff'], 16) == 0 or os.geteuid() != 0
        if os.geteuid() == 0:
            assert status['Uid'].split() == [str(pwd.getpwnam('nobody').pw_uid)] * 4
            assert status['Groups'] == ''
        links = [os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')]
        assert not [link for link in links if str(broker.state) in link], 'the store is not theirs'


def run_drill(name):
    """What it said; both of its tests have passed."""
    drill = PLAIN_PROGRAM.parents[1] / 'tests/unit/broker' / name
    if not drill.exists():
        pytest.skip(f'not built: {drill}')
    done = subprocess.run([drill], capture_output=True, text=True, timeout=200)
    said = done.stdout + done.stderr
    assert done.returncode == 0 and 'SKIPPED' not in said and '[  PASSED  ] 2 test(s)' in said, said
    return said


@pytest.mark.skipif(not PLAIN_PROGRAM, reason=NO_PLAIN_PROGRAM)
def test_S8_a_front_that_was_taken_over_can_do_nothing():
    """The drill beside the broker that is as installed: each attempt (files, sockets, other processes, programs)
    fails or is its end, and what it says to the core besides ends it, and it alone."""
    assert run_drill('broker_front_front_drill_test').count('event=front_ended') >= 13


@pytest.mark.skipif(not PLAIN_PROGRAM, reason=NO_PLAIN_PROGRAM)
def test_S8_a_core_or_a_directory_worker_that_was_taken_over_can_do_nothing():
    run_drill('broker_process_sandbox_drill_test')


@pytest.mark.skipif(os.geteuid() != 0, reason='only root may become somebody else')
def test_a_broker_that_never_was_root_gives_its_fronts_another_user(slapd):
    """As its unit starts it: a user of its own with the two capabilities, which none of its processes keeps."""
    with tempfile.TemporaryDirectory(prefix='gk-', dir='/var/tmp') as folder:
        os.chmod(folder, 0o755)
        ca, secret = shutil.copy(slapd.ca.crt, folder), shutil.copy(slapd.password_file, folder)
        broker = Broker(folder, slapd, broker__fronts=1, broker__front_user='nobody', broker__directory_user='bin',
                        directory__ca_file=ca, directory__bind_password_file=secret)
        assert broker.run('--init')[0] == 0
        daemon = pwd.getpwnam('daemon')
        os.chmod(ca, 0o600)
        for path in (ca, secret, broker.folder, *broker.folder.rglob('*')):
            os.chown(path, daemon.pw_uid, daemon.pw_gid)
        # The program may lie where only root may look; the core gives that right up with the others.
        rights = '+setuid,+setgid,+dac_read_search'
        broker.before = ('setpriv', f'--reuid={daemon.pw_uid}', f'--regid={daemon.pw_gid}',
                         '--clear-groups', f'--inh-caps={rights}', f'--ambient-caps={rights}')
        broker.start(init=False)
        try:
            assert broker.login('hanako').status == 403  # no pool is hers; the directory knew her
            fronts = processes(broker)
            for pid in (fronts['genkan-front'] + fronts['genkan-front-a']):
                assert status_of(pid)['Uid'].split() == [str(pwd.getpwnam('nobody').pw_uid)] * 4
            assert status_of(worker_of(broker))['Uid'].split() == [str(pwd.getpwnam('bin').pw_uid)] * 4
            for pid in (broker.process.pid, *fronts['genkan-front'], *fronts['genkan-front-a'], worker_of(broker)):
                status = status_of(pid)
                assert int(status['CapEff'], 16) == int(status['CapPrm'], 16) == 0, status
                assert int(status['CapAmb'], 16) == 0, status
        finally:
            broker.stop()


def worker_of(broker):
    pid, = processes(broker)['genkan-ldap']
    return pid


def test_who_asks_the_directory_has_nothing_else(broker):
    assert broker.login('hanako').status == 200
    worker = worker_of(broker)
    status = status_of(worker)
    assert status['NoNewPrivs'] == '1' and status['Seccomp'] == '2'
    if os.geteuid() == 0:
        assert status['Uid'].split() == [str(pwd.getpwnam('daemon').pw_uid)] * 4
        assert status['Groups'] == ''
    links = [os.readlink(f'/proc/{worker}/fd/{fd}') for fd in os.listdir(f'/proc/{worker}/fd')]
    assert not [link for link in links if str(broker.state) in link], 'the store is not its own'
    assert status_of(broker.process.pid)['Seccomp'] == '2', 'the core has a list, too'


def audit_of_losses(broker):
    return [(row['subject'], row['details']['unanswered']) for row in broker.audit() if row['what'] == 'process_ended']


def test_a_directory_worker_that_dies_is_replaced(broker):
    core, front = broker.process.pid, processes(broker)['genkan-front']
    for _ in range(3):
        assert broker.login('hanako').status == 200
        old = worker_of(broker)
        os.kill(old, signal.SIGKILL)
        expect(lambda: processes(broker).get('genkan-ldap', [old]) != [old])
        expect(lambda: broker.login('hanako').status == 200)
    assert (broker.process.pid, processes(broker)['genkan-front']) == (core, front)
    assert broker.log().count('event=directory_worker_ended') == 3
    assert audit_of_losses(broker) == [('directory', 0)] * 3
    assert broker.metrics()['genkan_processes_ended_total{process="directory"}'] == 3


def test_questions_a_worker_dies_with_may_come_again_at_once(broker, slapd):
    token = broker.login('hanako').body['token']
    slapd.pause()
    try:
        with concurrent.futures.ThreadPoolExecutor(2) as people:
            asked = [people.submit(broker.login, 'hanako'), people.submit(broker.http, 'GET', '/v1/desktops', token=token)]
            expect(lambda: broker.metrics()['genkan_directory_questions'] == 2)
            os.kill(worker_of(broker), signal.SIGKILL)
            for answer in (each.result() for each in asked):
                assert (answer.status, answer.code) == (503, 'busy'), answer
                assert 500 <= answer.body['retry_after_ms'] <= 1000
                assert answer.seconds < DEADLINE_S, 'nobody waits for what will not come'
    finally:
        slapd.resume()
    expect(lambda: broker.login('hanako').status == 200)
    assert audit_of_losses(broker) == [('directory', 2)]


def test_a_directory_worker_that_hangs_is_replaced(slapd, tmp_path):
    """After ten seconds in which it has said nothing. Until then whoever asks is told in time that the directory
    does not answer, and what needs no directory goes on."""
    with Broker(tmp_path, slapd, directory__deadline_ms=5000, **USERS) as broker:
        broker.publish()
        broker.apply(pool('sales', ['sales'], most=10))
        token = broker.login('hanako').body['token']
        old = worker_of(broker)
        os.kill(old, signal.SIGSTOP)
        stopped_at = time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(3) as people:
            logins = [people.submit(broker.login, name) for name in ('hanako', 'both')]
            listed = people.submit(broker.http, 'GET', '/v1/desktops', token=token)
            expect(lambda: broker.metrics()['genkan_directory_questions'] == 3)
            assert broker.http('GET', '/v1/session', token=token).status == 200
            for answer in (each.result() for each in logins):
                assert (answer.status, answer.code) == (503, 'directory_unreachable'), answer
            assert listed.result().status == 200, 'what is theirs already needs no directory'
        assert worker_of(broker) == old, 'it is given more time than who asks'
        expect(lambda: processes(broker).get('genkan-ldap', [old]) != [old], 20)
        assert time.monotonic() - stopped_at >= 10
        expect(lambda: old not in descendants(broker.process.pid))
        expect(lambda: broker.login('hanako').status == 200)
        assert broker.login('both').status == 200
        assert 'why="it does not answer"' in broker.log()
        assert audit_of_losses(broker) == [('directory', 3)]
        assert broker.metrics()['genkan_processes_ended_total{process="directory"}'] == 1


def test_a_front_that_dies_takes_only_its_connections(broker):
    token = broker.login('hanako').body['token']
    core = broker.process.pid
    for round in range(4):
        before = processes(broker)['genkan-front']
        os.kill(before[round % FRONTS], signal.SIGKILL)
        expect(lambda: len(set(processes(broker).get('genkan-front', [])) - set(before)) == 1)
        for _ in range(6):
            assert broker.http('GET', '/v1/session', token=token).status == 200
        assert broker.login('hanako').status == 200
    assert broker.process.pid == core and broker.process.poll() is None
    assert broker.log().count('event=front_ended') == 4


def test_all_end_with_the_core(slapd, tmp_path):
    broker = Broker(tmp_path, slapd, broker__fronts=FRONTS).start()
    for how in (signal.SIGTERM, signal.SIGKILL):
        pids = descendants(broker.process.pid)
        assert len(pids) == FRONTS + 3      # the hosts' front, the worker, the starter
        broker.stop(how)
        expect(lambda: not [pid for pid in pids if pathlib.Path(f'/proc/{pid}').exists()])
        broker.start(init=False)
    broker.stop()


class Links:
    """Connections of one address to a broker."""
    def __init__(self, broker):
        self.broker, self.context, self.kept = broker, broker.context(), []

    def connect(self):
        link = self.context.wrap_socket(socket.create_connection(('127.0.0.1', self.broker.port), 10),
                                        server_hostname='127.0.0.1', do_handshake_on_connect=False)
        link.settimeout(20)
        return link

    def keep(self, link):
        """Whether it is served; then it stays."""
        try:
            link.do_handshake()
            link.sendall(b'GET /v1/health HTTP/1.1\r\nHost: a\r\n\r\n')
            served = b'200' in link.recv(100)
        except (OSError, ssl.SSLError):
            served = False
        if served:
            self.kept.append(link)
        else:
            link.close()
        return served

    def close(self):
        for link in self.kept:
            link.close()
        self.kept.clear()


def test_limits_hold_over_all_fronts(slapd, tmp_path):
    """Never more, however they come; and no fewer, as soon as those before them are gone."""
    most = 6
    with Broker(tmp_path, slapd, broker__fronts=FRONTS, broker__max_per_source=most) as broker:
        links = Links(broker)
        for _ in range(3):
            together = [links.connect() for _ in range(4 * most)]
            for link in together:
                links.keep(link)
            assert len(links.kept) <= most
            expect(lambda: len(links.kept) == most or links.keep(links.connect()) and
                   len(links.kept) == most, 20)
            assert [links.keep(links.connect()) for _ in range(4)] == [False] * 4
            links.close()
        expect(lambda: links.keep(links.connect()), 20)
        links.close()
