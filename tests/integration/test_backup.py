# SPDX-License-Identifier: Apache-2.0
"""The broker's state, taken while it works and put back while it does not."""
import os
import sqlite3
import subprocess
import threading

import pytest

from broker import BUILD, Broker, pool
from fake_agent import FakeAgent
from needs import NEEDS_BROKER
from slapd import Slapd

CTL = BUILD / 'ctl' / 'genkanctl'
pytestmark = NEEDS_BROKER


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('site')
    with Slapd(folder) as slapd:
        broker = Broker(folder, slapd)
        broker.start()
        broker.publish()
        broker.apply(pool('sales', ['sales'], spare=2, most=50))
        broker.host = FakeAgent(broker, 'host-1', folder)
        assert broker.host.join().status == 200
        settle(broker)
        yield broker
        broker.stop()


def settle(site):
    """Every desktop ready, each at an address of its own."""
    site.host.settle()
    for i, desktop in enumerate(site.host.desktops):
        site.host.change(desktop, address=f'10.77.0.{5 + i}')
    site.host.sync()


def spares_of(site):
    listed = site.admin('GET', '/v1/admin/desktops').body['desktops']
    return {d['id'] for d in listed if not d['user'] and d['state'] == 'ready'}


def backup(broker, path):
    state = broker.state
    done = subprocess.run([CTL, '--broker', f'127.0.0.1:{broker.port}', '--ca', state / 'ca.crt',
                           '--certificate', state / 'admin.crt', '--key', state / 'admin.key', 'backup', path],
                          text=True, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
    return done.returncode, done.stdout


def test_backup_under_load_and_back(site, tmp_path):
    mine = site.login('hanako').body['desktops'][0]['id']
    site.login('both')
    settle(site)
    spares = spares_of(site)
    assert spares
    stop, codes = threading.Event(), []

    def work():
        while not stop.is_set():
            codes.append(site.login('both').status)
    workers = [threading.Thread(target=work) for _ in range(3)]
    for worker in workers:
        worker.start()
    try:
        for i in range(5):
            status, out = backup(site, tmp_path / f'{i}')
            assert status == 0, out
            with sqlite3.connect(tmp_path / f'{i}') as taken:
                assert taken.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
            assert os.stat(tmp_path / f'{i}').st_mode & 0o777 == 0o600
    finally:
        stop.set()
        for worker in workers:
            worker.join()
    assert codes and set(codes) <= {200, 202, 429}, set(codes)
    assert 'is there already' in backup(site, tmp_path / '0')[1]
    assert site.audit()[0]['what'] in ('backup', 'login'), site.audit()[0]

    # what comes after the backup is lost with the store: also that somebody has taken a spare
    other = site.login('山田').body['desktops'][0]['id']
    assert other in spares
    rows = len(site.audit())
    kept = tmp_path / '4'
    status, out = site.run('--restore', str(kept))
    assert status == 1 and 'the broker runs' in out
    generation = site.admin('GET', '/v1/admin/hosts').body['hosts'][0]['generation']
    site.stop()
    (site.state / 'broker.db').write_bytes(b'\0' * 4096)
    status, out = site.run('--restore', str(kept))
    assert status == 0, out
    assert '1 pools, 1 hosts' in out and list(site.state.glob('broker.db.before-*'))
    site.start(init=False)
    assert site.login('hanako').body['desktops'][0]['id'] == mine
    assert site.admin('GET', '/v1/admin/hosts').body['hosts'][0]['generation'] > generation
    settle(site)
    # no spare of then is given to anybody, for it may have been somebody's
    assert not spares & {d['id'] for d in site.admin('GET', '/v1/admin/desktops').body['desktops']}
    assert not spares & {d['id'] for d in site.login('hanako').body['desktops']}
    assert spares_of(site)
    assert any(r['what'] == 'restored' for r in site.audit())
    assert len(site.audit()) <= rows + 10


@pytest.mark.parametrize('spoil, words', [
    (lambda b: b'', 'empty'),
    (lambda b: b'not a database' * 100, 'store'),
    (lambda b: b[:len(b) // 2], 'store'),
    (lambda b: b[:8192] + bytes(65536) + b[73728:], 'store'),
])
def test_a_damaged_backup_changes_nothing(site, tmp_path, spoil, words):
    path = tmp_path / 'backup'
    assert backup(site, path)[0] == 0
    site.stop()
    try:
        before = (site.state / 'broker.db').read_bytes()[100:]   # behind the header
        path.write_bytes(spoil(path.read_bytes()))
        status, out = site.run('--restore', str(path))
        assert status == 1 and words in out, out
        assert (site.state / 'broker.db').read_bytes()[100:] == before
        assert not (site.state / 'broker.db.restoring').exists()
    finally:
        site.start(init=False)


def test_an_audit_log_that_was_changed_is_refused(site, tmp_path):
    path = tmp_path / 'backup'
    assert backup(site, path)[0] == 0
    with sqlite3.connect(path) as taken:
        for name, in taken.execute(
                "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit'").fetchall():
            taken.execute(f'DROP TRIGGER {name}')
        taken.execute("UPDATE audit SET who = 'somebody else' WHERE id = 2")
    site.stop()
    try:
        status, out = site.run('--restore', str(path))
        assert status == 1 and 'audit' in out, out
    finally:
        site.start(init=False)
