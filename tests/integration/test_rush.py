# SPDX-License-Identifier: Apache-2.0
"""Monday, nine o'clock: five hundred people log in at once, and fifty desktops are ready."""
import collections
import sqlite3
import threading
import time

import pytest

from broker import Broker, pool
from fake_agent import FakeAgent
from needs import NEEDS_BROKER
from netns import wait_until
from slapd import Slapd

PEOPLE, SPARES, AT_A_TIME = 500, 50, 25

pytestmark = [*NEEDS_BROKER, pytest.mark.slow]


class SlowHost(FakeAgent):
    """Takes START_S for a start, as a host would that clones; many run side by side. What is on its way
    while it is `busy` comes up when it no longer is."""
    START_S = 0.5

    def begin(self):
        self.since, self.busy = {}, False
        self.ran = threading.Thread(target=self._work, daemon=True)
        self.ran.start()
        return self

    def _work(self):
        while not self.stopping:
            began = time.monotonic()
            answer = self.sync()
            assert answer.status == 200, answer
            self.apply(answer.body, 'starting')
            now = time.monotonic()
            with self.lock:
                for id_, d in self.desktops.items():
                    if d['state'] == 'ready' or now - self.since.setdefault(id_, now) < self.START_S or self.busy:
                        continue
                    number = len(self.since)
                    d.update(self.report(d, 'ready'))
                    d['address'] = f'10.77.{number // 250}.{number % 250 + 1}'
                    self.since[id_] = now
            time.sleep(max(0, 0.1 - (time.monotonic() - began)))


class Person:
    def __init__(self, broker, user):
        self.broker, self.user = broker, user
        self.positions, self.estimates, self.codes = [], [], collections.Counter()
        self.ready, self.error = None, None
        self.known = threading.Event()  # has had its first answer
        self.thread = threading.Thread(target=self._run, daemon=True)

    def _note(self, body):
        self.codes[body.get('code', body['status'])] += 1
        if body.get('code') == 'waiting_for_desktop':
            self.positions.append(body['position'])
            if 'estimate_ms' in body:
                self.estimates.append(body['estimate_ms'])

    def _run(self):
        try:
            self._log_in_and_wait()
        except Exception as e:      # shown by the test, which looks at every person
            self.error = e
        finally:
            self.known.set()

    def _log_in_and_wait(self):
        login = self.broker.login(self.user, seconds=100)
        while login.status == 503:
            login = self.broker.login(self.user, seconds=100)
        assert login.status == 200, login
        body, token = login.body['connect'], login.body['token']
        self._note(body)
        self.known.set()
        while body['status'] != 'ready':
            answer = self.broker.http('POST', '/v1/desktops/sales/connect', {
                'wait_ms': 10000, 'seen': body['stage'],
                'seen_position': body.get('position', 0)}, token=token, seconds=100)
            if answer.status == 503:
                continue
            assert answer.status in (200, 202), answer
            body = answer.body
            self._note(body)
        self.ready = body['desktop']['id']


def test_F17_five_hundred_people_for_fifty_spares(tmp_path):
    users = [f'user{n:03}' for n in range(PEOPLE)]
    people = [(u, u.upper(), None, ['sales']) for u in users]
    with Slapd(tmp_path, people=people) as slapd, \
            Broker(tmp_path, slapd, directory__deadline_ms=60000, directory__max_queued=2000,
                   broker__max_per_source=2000, broker__max_queued=4000) as broker:
        broker.publish()
        sales = pool('sales', ['sales'], most=PEOPLE)
        sales['desktop']['memory_bytes'] = 256 << 20
        sales['size'].update(spare=SPARES, grow=AT_A_TIME)
        broker.apply(sales)
        host = SlowHost(broker, 'host-1', tmp_path)
        host.join()
        host.begin()
        try:
            rush(broker, host, users)
        finally:
            host.stop()
    with sqlite3.connect(broker.state / 'broker.db') as db:
        assert db.execute('PRAGMA integrity_check').fetchall() == [('ok',)]


def spares_ready(broker):
    return broker.admin('GET', '/v1/admin/pools').body['pools'][0]['counts']['spare_ready']


def rush(broker, host, users):
    wait_until('all spares are there', lambda: spares_ready(broker) == SPARES, 60)
    crowd = [Person(broker, u) for u in users]
    threading.stack_size(512 * 1024)
    host.busy = True    # until all have come: how fast they come decides nothing
    for person in crowd:
        person.thread.start()
    for person in crowd:
        assert person.known.wait(240)
    host.busy = False
    for person in crowd:
        person.thread.join(240)
    assert not [(p.user, p.error) for p in crowd if p.error]
    assert all(p.ready for p in crowd), 'everybody gets a desktop'
    assert len({p.ready for p in crowd}) == PEOPLE, 'nobody shares'
    desktops = broker.admin('GET', '/v1/admin/desktops').body['desktops']
    owners = collections.Counter(d['user'] for d in desktops if d['user'])
    assert set(owners) == set(users) and set(owners.values()) == {1}, 'nobody has two'
    assert len(desktops) <= PEOPLE, 'never more than the pool may have'

    waited = [p for p in crowd if p.positions]
    at_once = [p for p in crowd if set(p.codes) == {'ready'}]
    print(f'{len(at_once)} at once, {len(waited)} in line, first places up to '
          f'{max(p.positions[0] for p in waited)}')
    assert len(at_once) == SPARES, 'who comes while others wait is not served before them'
    assert len(waited) > PEOPLE // 2
    for p in waited:
        assert p.positions == sorted(p.positions, reverse=True), 'nobody is overtaken'
        assert all(e > 0 for e in p.estimates)
    assert sum(len(p.estimates) for p in waited) > len(waited) // 2
    assert broker.admin('GET', '/v1/admin/pools').body['pools'][0]['counts']['waiting'] == 0
