# SPDX-License-Identifier: Apache-2.0
"""The broker killed at every write of an assignment, its disk failing at every write and flush, and
memory running out at every allocation of a login: what was promised is kept, and nothing else is.

After each: one owner a desktop and one desktop a user (I1), what was acknowledged exists (I2), the
store passes its integrity check (I5), the audit chain verifies (I6)."""
import contextlib
import mmap
import os
import random
import shutil
import sqlite3
import struct
import subprocess
import threading
import time

import pytest

from broker import NO_PLAIN_PROGRAM, PLAIN_PROGRAM, PROGRAM, TOP, Broker, is_sanitized
from needs import NEEDS_BROKER
from netns import wait_until
from promises import check, people, serving, try_login
from slapd import Slapd

SANITIZED = PROGRAM.exists() and is_sanitized(PROGRAM)
CC = shutil.which('gcc') or shutil.which('cc')
pytestmark = [
    *NEEDS_BROKER,
    pytest.mark.skipif(not CC, reason='no compiler for the preloaded library'),
]
# every one of them with GENKAN_FAULTS=full; a share of them in an ordinary run
FULL = os.environ.get('GENKAN_FAULTS') == 'full'
SEED = int(os.environ.get('GENKAN_SEED', '19'))
KIND = {'write': 1, 'sync': 2, 'malloc': 3, 'read': 4}
WHAT = {'count': 0, 'kill': 1, 'kill-after': 2, 'EIO': 3, 'ENOSPC': 4, 'ENOMEM': 5, 'hold': 6}


def some(numbers, at_most, seed=1):
    numbers = list(numbers)
    if FULL or len(numbers) <= at_most:
        return numbers
    return sorted(random.Random(seed).sample(numbers, at_most))


@pytest.fixture(scope='module')
def library(tmp_path_factory):
    out = tmp_path_factory.mktemp('fault') / 'syscall_fault.so'
    subprocess.run([CC, '-shared', '-fPIC', '-O1', '-D_GNU_SOURCE', '-o', out,
                    TOP / 'tests/lib/syscall_fault/syscall_fault.c', '-ldl'], check=True)
    return out


@pytest.fixture(scope='module')
def directory(tmp_path_factory):
    with Slapd(tmp_path_factory.mktemp('directory'), people=people(40)) as slapd:
        yield slapd


class Faulty(Broker):
    """A broker with the library loaded; the order lies in a mapped file."""
    def __init__(self, folder, slapd, library, **settings):
        super().__init__(folder, slapd, **{'directory__threads': 1, **settings})
        self.library = library
        self.order_path = self.folder / 'order'
        self.order_path.write_bytes(bytes(4096))
        with open(self.order_path, 'r+b') as f:
            self.order = mmap.mmap(f.fileno(), 4096)

    def start(self, init=True):
        if init:
            assert self.run('--init')[0] == 0
        preload = str(self.library)
        if is_sanitized(self.program):  # its runtime wants to be first
            asan = subprocess.run([CC, '-print-file-name=libasan.so'], capture_output=True,
                                  text=True).stdout.strip()
            preload = f'{asan}:{preload}'
        old = dict(os.environ)
        os.environ.update(LD_PRELOAD=preload, SYSCALL_FAULT=str(self.order_path))
        try:
            return super().start(init=False)
        finally:
            os.environ.clear()
            os.environ.update(old)

    def arm(self, kind, at, what='count'):
        self.order[:24] = struct.pack('iiqq', KIND[kind], WHAT[what], at, 0)

    def disarm(self):
        self.order[:24] = bytes(24)

    def hold(self, kind):
        """The next call of that kind is held when it comes."""
        fifo = self.folder / 'order.hold'
        if not fifo.exists():
            os.mkfifo(fifo)
        self.arm(kind, 1, 'hold')

    def wait_until_held(self):
        """Returns what lets the call go on; it alone is held."""
        def opened():
            with contextlib.suppress(OSError):  # nobody reads it yet: the call has not come
                return os.open(self.folder / 'order.hold', os.O_WRONLY | os.O_NONBLOCK)
        holder = wait_until('a call is held', opened, 20, 0.01)
        self.disarm()
        return contextlib.closing(os.fdopen(holder, 'wb'))

    def counted(self):
        return struct.unpack('iiqq', self.order[:24])[3]

    def revive(self):
        """After a kill."""
        self.disarm()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        assert self.process.returncode is not None, 'it should have died'
        self.process = None
        self.start(init=False)


@contextlib.contextmanager
def site_of(program, folder, directory, library, **settings):
    with serving(program(folder, directory, library, **settings), folder) as broker:
        yield broker
        broker.disarm()


@pytest.fixture
def site(tmp_path, directory, library):
    with site_of(Faulty, tmp_path, directory, library) as broker:
        yield broker


class PlainFaulty(Faulty):
    program = PLAIN_PROGRAM


@pytest.fixture
def plain_site(tmp_path, directory, library):
    if not PLAIN_PROGRAM:
        pytest.skip(NO_PLAIN_PROGRAM)
    with site_of(PlainFaulty, tmp_path, directory, library, hosts__silent_after='1h') as broker:
        broker.agent.stop()     # what it asks for would be counted, too
        yield broker


def count_calls(broker, kind, user):
    broker.arm(kind, 0)
    assert try_login(broker, user)
    wait_until('the host has it', lambda: all(d['state'] == 'ready' for d in broker.admin(
        'GET', '/v1/admin/desktops').body['desktops']), 20)
    return broker.counted()


@pytest.mark.parametrize('what', ['kill', 'kill-after'])
def test_F1_killed_at_every_write_of_an_assignment(site, what):
    writes = count_calls(site, 'write', 'hanako')
    assert writes >= 4, 'a dry run: pages of the log, and the flush'
    promised, users = {}, iter(f'u{n:03}' for n in range(40))
    for at in some(range(1, writes + 1), 4 if SANITIZED else 10):
        user = next(users, None) or 'u000'
        site.arm('write', at, what)
        before = try_login(site, user)
        if site.process.poll() is None and site.counted() < at:
            site.disarm()       # fewer writes this time: nothing was killed
        else:
            site.revive()
        after = try_login(site, user)
        assert after, 'the same user gets a desktop'
        assert before in (None, after), 'and the same one, if one was promised'
        promised[user] = after
    check(site, promised)


def test_F1_killed_at_random_under_load(site):
    promised, stop, lock = {}, threading.Event(), threading.Lock()
    kills = 500 if FULL else 6

    def keep_on(users):
        while not stop.is_set():
            for user in users:
                got = try_login(site, user)
                if got:
                    with lock:
                        assert promised.setdefault(user, got) == got, f'{user} was moved'
    names = [f'u{n:03}' for n in range(12)]
    threads = [threading.Thread(target=keep_on, args=(names[n::4],)) for n in range(4)]
    for thread in threads:
        thread.start()
    dice = random.Random(4)
    for _ in range(kills):
        time.sleep(dice.uniform(0.01, 0.4))
        site.kill()
        site.start(init=False)
    wait_until('everybody has got in', lambda: len(promised) == len(names))
    stop.set()
    for thread in threads:
        thread.join()
    check(site, promised)


@pytest.mark.parametrize('kind,what', [('write', 'EIO'), ('write', 'ENOSPC'), ('sync', 'EIO')])
def test_F12_every_write_and_flush_of_a_login_fails_once(site, kind, what):
    calls = count_calls(site, kind, 'hanako')
    promised, users = {}, iter(f'u{n:03}' for n in range(40))
    for at in some(range(1, calls + 1), 4 if SANITIZED else 12):
        user = next(users, None) or 'u000'
        site.arm(kind, at, what)
        before = try_login(site, user)
        site.disarm()
        assert site.process.poll() is None, 'it goes on, or says so:\n' + site.log()[-2000:]
        after = try_login(site, user)
        assert after and before in (None, after), (at, before, after, site.log()[-3000:])
        promised[user] = after
    check(site, promised)


@contextlib.contextmanager
def meanwhile(call, *arguments):
    """The call in a thread; `answers` has its answer from when it has one."""
    answers = []
    thread = threading.Thread(target=lambda: answers.append(call(*arguments)))
    thread.start()
    yield answers
    thread.join(60)
    assert answers, f'{call.__name__}{arguments} does not end'


def looks(broker, token, desktop):
    """All who look and change nothing: an admin, what they fetch, and an employee."""
    for path in ('overview', 'pools', 'desktops', 'hosts', 'images', 'sessions', 'audit', 'audit-export',
                 'templates', 'user-disks', 'exceptions', 'rebuild', 'images/gold', 'second-factor?user=hanako',
                 'explain?user=hanako', 'explain?pool=sales', 'explain?host=host-1'):
        answer = broker.admin('GET', f'/v1/admin/{path}')
        assert answer.status == 200, (path, answer)
    assert broker.metrics()['genkan_hosts{state="active"}'] == 1
    mine = broker.http('GET', '/v1/desktops', token=token)
    assert [d['id'] for d in mine.body['desktops']] == [desktop], mine
    assert broker.http('GET', '/v1/notices', token=token).status == 200
    assert broker.http('GET', '/v1/session', token=token).status == 200


def owners(broker):
    answer = broker.admin('GET', '/v1/admin/desktops')
    assert answer.status == 200, answer
    return {d['user'] for d in answer.body['desktops']}


def test_who_looks_waits_for_no_flush_and_sees_what_is_durable(site):
    """The disk takes its time with a login: whoever only looks is answered, as often as they like, and is
    shown nothing that might still be lost."""
    mine = site.login('hanako').body
    site.agent.stop()
    site.hold('sync')
    with meanwhile(site.login, 'u001') as answers:
        with site.wait_until_held():
            looks(site, mine['token'], mine['desktops'][0]['id'])
            assert 'u001' not in owners(site)
            assert not answers, 'the login waits for the disk'
    assert answers[0].status == 200
    assert 'u001' in owners(site), 'who was answered is seen by all who look from then on'
    check(site, {'hanako': mine['desktops'][0]['id'], 'u001': answers[0].body['desktops'][0]['id']})


@pytest.mark.parametrize('path', ['/v1/admin/desktops', '/v1/admin/audit', '/v1/admin/audit-export'])
def test_a_long_list_holds_no_login_up_and_is_of_one_moment(site, path):
    owners(site)    # now there is who reads, and the next one has to fetch what the login has written
    mine = site.login('hanako').body
    site.agent.stop()
    site.hold('read')
    with meanwhile(site.admin, 'GET', path) as answers:
        with site.wait_until_held():
            assert site.login('u001').status == 200, 'it is written beside the one who reads'
            looks(site, mine['token'], mine['desktops'][0]['id'])
            assert not answers, 'the list is held'
    assert answers[0].status == 200
    assert 'u001' not in str(answers[0].body), 'it began before'
    assert 'u001' in str(site.admin('GET', path).body)


def works_again(broker, user):
    """Until the user gets in; a broker that has ended is started again, as systemd does. Returns what was
    promised, and whether it had ended."""
    def get_in():
        nonlocal ended
        if broker.process.poll() is not None:
            ended, broker.process = True, None
            broker.start(init=False)
        return try_login(broker, user)
    ended = False
    try:
        return wait_until(f'{user} gets in', get_in, 20, 0.05), ended
    except AssertionError as why:
        raise AssertionError(f'{why}\n{broker.log()[-3000:]}') from None


def start_over(broker, promised):
    """What was promised is kept; then nobody has a desktop."""
    def listed():
        return [d['id'] for d in broker.admin('GET', '/v1/admin/desktops').body['desktops']]
    check(broker, promised)
    for desktop in listed():
        broker.admin('POST', f'/v1/admin/desktops/{desktop}/delete')
    wait_until('all are gone', lambda: broker.agent.settle() and not listed(), 20, 0.05)
    promised.clear()


def allocations(broker, users, cold):
    """How many there are until somebody new has the answer, and nothing but a login goes on."""
    counts = []
    for user in users:
        if cold:
            broker.kill()
            broker.start(init=False)
        broker.arm('malloc', 0)
        assert try_login(broker, user)
        counts.append(broker.counted())
    return min(counts)


@pytest.mark.parametrize('cold', [False, True], ids=['running', 'just_started'])
def test_F19_memory_runs_out_at_every_allocation_of_a_login(plain_site, cold):
    """Of somebody who gets a desktop, by a broker that has served others, or nobody yet (with full, each
    tenth of those). It may end the program, or one of its processes: what is there goes on or comes back."""
    site, names = plain_site, [f'u{n:03}' for n in range(40)]
    promised, ends, slowest, reached = {}, 0, 0, 0
    assert try_login(site, 'hanako')
    count = allocations(site, names[:5], cold)
    every = range(random.Random(SEED).randint(1, 10), count + 1, 10) if cold else range(1, count + 1)
    chosen = some(every, 8 if cold else 40, SEED)
    for step, at in enumerate(chosen):
        if step % len(names) == 0:
            start_over(site, promised)
        if cold:
            site.kill()
            site.start(init=False)
        user = names[step % len(names)]
        site.arm('malloc', at, 'ENOMEM')
        # a request, an entry or a group that cannot be read is none: never a yes
        before = try_login(site, user, may=(200, 400, 401, 403, 500, 503))
        reached += site.counted() >= at
        site.disarm()
        began = time.monotonic()
        after, ended = works_again(site, user)
        slowest, ends = max(slowest, time.monotonic() - began), ends + ended
        assert before in (None, after), f'at {at}: {before} was promised, then {after}'
        promised[user] = after
    check(site, promised)
    print(f'{reached} of {len(chosen)} allocations failed, from {chosen[0]} to {chosen[-1]}; {ends} ended the '
          f'broker; in again after {slowest:.1f} s at most')
    assert reached > len(chosen) / 2


def test_F13_damaged_and_cut_stores_are_refused_and_left_alone(site):
    for n in range(6):
        assert try_login(site, f'u{n:03}')
    site.agent.stop()
    site.stop()
    with sqlite3.connect(site.state / 'broker.db') as db:
        db.execute('PRAGMA wal_checkpoint(TRUNCATE)')
    db.close()
    path, good = site.state / 'broker.db', (site.state / 'broker.db').read_bytes()
    dice, refused = random.Random(13), 0
    for n in range(200 if FULL else 12):
        bad = bytearray(good)
        if n % 2:
            bad = bad[:dice.randrange(100, len(good))]
        else:
            bad[dice.randrange(len(good))] ^= 1 << dice.randrange(8)
        for beside in site.state.glob('broker.db-*'):
            beside.unlink()
        path.write_bytes(bad)
        status, out = site.run('--check')
        assert status in (0, 1), f'never a crash: {status} {out}'
        if status:
            refused += 1
            assert 'store' in out and path.read_bytes() == bytes(bad), 'left as it was'
        elif n % 2:
            pytest.fail('a cut store was not noticed')
    assert refused
    path.write_bytes(good)
    site.start(init=False)
    check(site, {})
