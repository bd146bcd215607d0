# SPDX-License-Identifier: Apache-2.0
"""How many desktops a host starts at a time, and whose turn is next. Their disk is empty, so that a
start that is under way never ends by itself."""
import os
import pathlib
import re
import subprocess

import pytest

import test_broker as broker_test
import test_hostagent as host_test
from test_broker import directory, fresh  # noqa: F401
from test_hostagent import desktop

pytestmark = broker_test.pytestmark


def real(test):
    """With a host agent and QEMU of its own."""
    for mark in host_test.pytestmark:
        test = mark(test)
    return test

UNDER_WAY = ('cloning', 'starting', 'booting', 'identity')


@pytest.fixture
def joined():
    """A host with a name of its own: others may run beside it."""
    folder = pathlib.Path(f'/tmp/gk-{os.getpid()}-turns')
    folder.mkdir(mode=0o755)
    made = host_test.Host(folder, name=f'gk-turns-{os.getpid()}')
    try:
        made.join()
        yield made
    finally:
        done = made.close()
        print((folder / 'agent.log').read_text()[-6000:])
        subprocess.run(['rm', '-rf', folder], check=True)
        assert done.returncode == 0, done.stdout


def ident(number):
    return f'{number:010x}000000'


def want(host, *numbers, users=()):
    host.broker.want(*({**desktop(host.image, ident=ident(n)), 'name': f'test-{n:03d}',
                        'for_user': n in users} for n in numbers), images=[host.image])


def starting(host, **settings):
    host.image = host.empty_image()
    host.configure(**settings)
    host.start()


def told(host, number, **fields):
    return host.broker.wait_desktop(ident(number), **fields)


def starts(host):
    return host.broker.newest['host']['starts']


def in_order_of_their_starts(host):
    return [int(i, 16) for i in re.findall(r'event=desktop_state desktop=(\w{10})000000 .*to=cloning',
                                           host.said().decode())]


def most_at_a_time(host):
    busy, most = set(), 0
    for name, state in re.findall(r'event=desktop_state desktop=(\w+) .*to=(\w+)',
                                  host.said().decode()):
        busy = busy | {name} if state in UNDER_WAY else busy - {name}
        most = max(most, len(busy))
    return most


@real
def test_the_others_wait_for_their_turn_and_say_so(joined):
    starting(joined, starts='2', start_turn='1h')
    want(joined, 1, 2, 3, 4, 5, users=[5])
    # A user's desktop is the last that is ordered, and next.
    for number, turn in ((5, 1), (3, 2), (4, 3)):
        report = told(joined, number, turn=turn)
        assert report['state'] == 'cloning' and report['stage'] == 'queued'
        assert report['reason'] == f'waits for its turn, {turn - 1} before it'
    for number in (1, 2):
        assert told(joined, number, stage='booting')['turn'] == 0
    assert starts(joined) == {'max': 2, 'under_way': 2, 'waiting': 3}
    want(joined, 2, 3, 4, 5, users=[5])
    told(joined, 5, stage='booting')
    told(joined, 4, turn=2)
    # A user comes to a spare that waits: it goes before those that were ordered earlier.
    want(joined, 2, 3, 4, 5, users=[4, 5])
    told(joined, 4, turn=1)
    told(joined, 3, turn=2)
    want(joined, 3, 4, 5, users=[4, 5])
    told(joined, 4, stage='booting')
    # One that is not wanted any more lets go of its place.
    want(joined, 4, 5, users=[4, 5])
    joined.broker.wait_gone(ident(3))
    assert starts(joined) == {'max': 2, 'under_way': 2, 'waiting': 0}
    assert in_order_of_their_starts(joined) == [1, 2, 5, 4]
    assert most_at_a_time(joined) == 2


@real
def test_starts_of_an_earlier_agent_count(joined):
    starting(joined, starts='1', start_turn='1h')
    want(joined, 1, 2)
    told(joined, 1, stage='booting')
    told(joined, 2, turn=1)
    joined.kill()
    joined.broker.newest = None
    joined.start()
    told(joined, 1, stage='booting')
    assert told(joined, 2, turn=1)['reason'] == 'waits for its turn, 0 before it'
    assert in_order_of_their_starts(joined) == [1]


@real
def test_a_start_that_hangs_holds_nobody_up_for_ever(joined):
    starting(joined, starts='1', start_turn='1s')
    want(joined, 1, 2)
    told(joined, 1, stage='booting')
    told(joined, 2, stage='booting')
    assert starts(joined)['max'] == 1
    assert in_order_of_their_starts(joined) == [1, 2]


# --- what the broker makes of it ---

STARTS = {'starts': {'max': 2, 'under_way': 2, 'waiting': 7}}


def test_who_waits_for_a_start_is_told_its_place(fresh, tmp_path):
    broker = fresh().start()
    fake = broker_test.with_host(broker, tmp_path, spare=0)
    token = broker.login('hanako').body['token']
    fake.settle('cloning')
    mine, = fake.sync().body['desktops']
    assert mine['for_user'] is True
    base = {'accel': 'tcg', 'cpus': 2, 'memory_bytes': 64 << 30, 'memory_free_bytes': 60 << 30,
            'relay': {'host': '192.0.2.10', 'port': 3389,
                      'certificate_sha256': broker_test.RELAY_SHA256}}
    with fake.lock:
        fake.desktops[mine['id']].update(stage='queued', percent=0, turn=5,
                                         reason='waits for its turn, 4 before it')
    assert fake.sync(host=base | STARTS).status == 200
    told = broker.connect(token, 'sales').body
    assert (told['code'], told['stage']) == ('desktop_starting', 'queued')
    assert (told['position'], told['why']) == (5, 'starts_limited')
    assert 'estimate_ms' not in told, 'no start was seen yet'
    sales, = broker.admin('GET', '/v1/admin/explain?user=hanako').body['pools']
    assert sales['desktop']['reason'] == 'waits for its turn, 4 before it'
    row, = broker.admin('GET', '/v1/admin/hosts').body['hosts']
    assert row['starts'] == STARTS['starts']
    # What the start took is counted from its turn, whatever it waited before.
    with fake.lock:
        fake.desktops[mine['id']].update(turn=0, start_ms=400)
    fake.make_ready(mine['id'])
    assert 'position' not in broker.connect(token, 'sales').body
    broker.login('both')
    fake.settle('cloning')
    other, = (d for d in fake.sync().body['desktops'] if d['id'] != mine['id'])
    with fake.lock:
        fake.desktops[other['id']].update(stage='queued', percent=0, turn=5)
    assert fake.sync(host=base | STARTS).status == 200
    told = broker.login('both').body['connect']
    assert told['position'] == 5 and told['estimate_ms'] == 3 * 400, 'two at a time: the third round'


@pytest.mark.parametrize('starts', [{'max': -1, 'under_way': 0, 'waiting': 0}, {'max': 2}, 7])
def test_a_report_of_nonsense_is_refused(fresh, tmp_path, starts):
    broker = fresh().start()
    fake = broker_test.with_host(broker, tmp_path)
    assert fake.sync(host={'accel': 'tcg', 'starts': starts,
                           'relay': {'host': '', 'certificate_sha256': ''}}).status == 400
