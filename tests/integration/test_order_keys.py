# SPDX-License-Identifier: Apache-2.0
"""An order that is sent again with its Idempotency-Key is not carried out again: same answer, nothing done."""
import concurrent.futures
import contextlib
import os
import socket
import sqlite3
import subprocess
import threading

import pytest

from broker import BUILD, Broker, pool
from fake_agent import FakeAgent
from needs import NEEDS_BROKER
from slapd import Slapd
from test_roles import ROLES, staff_ldif, staff_login

CTL = BUILD / 'ctl' / 'genkanctl'
pytestmark = NEEDS_BROKER
DAY_MS = 24 * 3600 * 1000


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('order-keys')
    with Slapd(folder, more_ldif=staff_ldif()) as slapd:
        with Broker(folder, slapd, **ROLES) as broker:
            broker.publish()
            broker.apply(pool('sales', ['sales']))
            broker.host = FakeAgent(broker, 'host-1', folder)
            broker.host.join()
            broker.host.settle()
            broker.login('hanako')
            broker.host.settle()
            yield broker


def order(site, key, path, body, **more):
    if 'token' in more:
        return site.http('POST', f'/v1/admin/{path}', body, headers={'Idempotency-Key': key}, **more)
    return site.admin('POST', f'/v1/admin/{path}', body, headers={'Idempotency-Key': key}, **more)


def publication(sha256, name='gold'):
    return {'name': name, 'sha256': sha256 * 32, 'size_bytes': 1 << 20, 'in_place': True}


def publications(site, name='gold'):
    return len(site.admin('GET', f'/v1/admin/images/{name}').body['publications'])


def told(site):
    return sum(row['what'] == 'image_publish' for row in site.audit())


def store(site):
    return sqlite3.connect(site.state / 'broker.db')


def test_the_same_order_again_gets_the_same_answer_and_does_nothing(site):
    before, rows = publications(site), told(site)
    first = order(site, 'publish-1', 'images', publication('c1'))
    again = order(site, 'publish-1', 'images', publication('c1'))
    assert first.status == again.status == 200 and first.body == again.body
    assert 'Idempotent-Replayed' not in first.headers and again.headers['Idempotent-Replayed'] == 'true'
    assert publications(site) == before + 1 and told(site) == rows + 1
    # Another key is another order.
    grant = {'user': 'hanako', 'pool': 'sales', 'reason': 'a fair', 'duration_ms': 3600000}
    asked = [order(site, key, 'exceptions', grant).body['exception']['id'] for key in ('g-1', 'g-1', 'g-2')]
    assert asked[0] == asked[1] != asked[2]


def test_a_restart_is_ordered_once(site):
    desktop = site.admin('GET', '/v1/admin/desktops').body['desktops'][0]
    answers = [order(site, 'restart-1', f'desktops/{desktop["id"]}/restart', {}) for _ in range(3)]
    assert [a.status for a in answers] == [204] * 3
    now = site.admin('GET', '/v1/admin/desktops').body['desktops'][0]
    assert now['incarnation'] == desktop['incarnation'] + 1


def test_a_key_stands_for_one_order(site):
    assert order(site, 'one', 'images', publication('c2')).status == 200
    for path, body in (('images', publication('c3')), ('images/gold/promote', publication('c2')),
                       ('images?x=1', publication('c2'))):
        answer = order(site, 'one', path, body)
        assert (answer.status, answer.code) == (422, 'order_key_reused'), answer
    # It belongs to who sends it.
    boss = staff_login(site, 'boss').body['token']
    answer = order(site, 'one', 'images/gold/rollback', {}, token=boss)
    assert answer.status == 200 and 'Idempotent-Replayed' not in answer.headers


def test_what_is_no_key_is_refused(site):
    for key in ('', 'x' * 129, 'two words', 'caf\u00e9'):
        answer = order(site, key, 'images', publication('c4'))
        assert (answer.status, answer.code) == (400, 'bad_request'), (key, answer)
    assert order(site, 'x' * 128, 'images', publication('c4')).status == 200


def test_a_refusal_is_judged_anew(site):
    body = dict(publication('c5'), in_place=False)
    assert order(site, 'again', 'images', body).code == 'image_not_here'
    assert order(site, 'again', 'images', publication('c5')).status == 200, 'nothing was done: the key is free'


def test_of_many_at_once_one_is_carried_out(site):
    before = publications(site)
    gate = threading.Barrier(8)

    def publish(_):
        gate.wait(20)
        return order(site, 'rush', 'images', publication('c6'))
    with concurrent.futures.ThreadPoolExecutor(8) as pool_:
        answers = list(pool_.map(publish, range(8)))
    assert {str(a.body) for a in answers} == {str(answers[0].body)} and answers[0].status == 200
    assert sum('Idempotent-Replayed' in a.headers for a in answers) == 7
    assert publications(site) == before + 1


def test_it_holds_over_a_crash_and_holds_no_secret(site):
    first = order(site, 'crash-key', 'images', publication('c7'))
    site.kill()
    site.start(init=False)
    again = order(site, 'crash-key', 'images', publication('c7'))
    assert again.body == first.body and again.headers['Idempotent-Replayed'] == 'true'
    # A join token is a secret: its answer is not kept, and a second one replaces the first.
    tokens = [order(site, 'invite', 'host-tokens', {'name': 'host-7'}).body['token'] for _ in range(2)]
    assert tokens[0] != tokens[1]
    with store(site) as db:
        kept = str(db.execute('SELECT * FROM kept_answer').fetchall())
    assert tokens[1] not in kept and 'crash-key' not in kept


def test_it_is_bounded_in_time_and_number(site):
    """Rows of another day and of a thousand orders are put there by hand."""
    assert order(site, 'old', 'images', publication('c8', 'old')).status == 200
    with store(site) as db:
        db.execute('UPDATE kept_answer SET at_ms = at_ms - ? WHERE answer LIKE ?', (DAY_MS + 1000, '%"old"%'))
        who = db.execute('SELECT who FROM kept_answer LIMIT 1').fetchone()[0]
        db.executemany('INSERT INTO kept_answer VALUES (?, ?, ?, ?, ?)',
                       [(who, f'{n:064}', '0' * 64, '', 10 ** 13 + n) for n in range(1200)])
    answer = order(site, 'old', 'images', publication('c9', 'old'))
    assert answer.status == 200 and 'Idempotent-Replayed' not in answer.headers, 'a day is over'
    with store(site) as db:
        assert db.execute('SELECT COUNT(*) FROM kept_answer WHERE who = ?', (who,)).fetchone()[0] <= 1000


def test_genkanctl_repeats_an_order_that_was_cut_off(site, tmp_path):
    """Between it and the broker is a door that lets the order through and drops the first answer."""
    door = socket.create_server(('127.0.0.1', 0))
    carried = []

    def rolled_back():
        return sum(row['what'] == 'image_rollback' for row in site.audit())

    def carry(number):
        inside, _ = door.accept()
        with inside, socket.create_connection(('127.0.0.1', site.port)) as outside:
            def onward():
                with contextlib.suppress(OSError):      # the other way ended first
                    while data := inside.recv(65536):
                        outside.sendall(data)
            threading.Thread(target=onward, daemon=True).start()
            before = rolled_back()
            while data := outside.recv(65536):
                if number == 0 and rolled_back() > before:      # it was carried out: now nobody is told
                    inside.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\1\0\0\0\0\0\0\0')
                    break
                inside.sendall(data)
        carried.append(number)
    threads = threading.Thread(target=lambda: [carry(n) for n in range(2)], daemon=True)
    threads.start()
    done = subprocess.run(
        [CTL, '--broker', f'127.0.0.1:{door.getsockname()[1]}', '--ca', site.state / 'ca.crt', '--certificate',
         site.state / 'admin.crt', '--key', site.state / 'admin.key', 'image', 'rollback', 'gold', '--reason', 'cut'],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
        env=dict(os.environ, HOME=str(tmp_path)))
    assert done.returncode == 0, done.stdout
    threads.join(20)
    door.close()
    assert carried == [0, 1], 'the first answer was lost, and the order came again'
    rows = [r for r in site.audit() if r['what'] == 'image_rollback' and r['details'].get('reason') == 'cut']
    assert len(rows) == 1, rows
