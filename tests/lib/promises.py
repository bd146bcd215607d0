# SPDX-License-Identifier: Apache-2.0
"""What a broker with a FakeAgent has promised to users, and whether it is kept: one owner a desktop and one
desktop a user (I1), what was acknowledged exists (I2), the host has what the store wants (I3), the store
passes its integrity check (I5), the audit chain verifies (I6), no secret is written down (I7)."""
import base64
import contextlib
import http.client
import sqlite3
import subprocess

from broker import BUILD, pool
from fake_agent import FakeAgent
from netns import wait_until
from slapd import SERVICE_PASSWORD, password_of


def people(count):
    """u000, u001 ... of the sales department, for Slapd()."""
    return [(f'u{n:03}', f'User {n}', 21000 + n, ['sales']) for n in range(count)]


@contextlib.contextmanager
def serving(broker, folder):
    """The broker, not started yet, with a pool for them all, and with a host that does what it is told."""
    broker.start()
    broker.publish()
    broker.apply(pool('sales', ['sales'], most=400, spare=0))
    broker.agent = FakeAgent(broker, 'host-1', folder)
    assert broker.agent.join().status == 200
    broker.agent.settle()
    broker.agent.start()
    yield broker
    broker.agent.stop()
    broker.stop()


def check(broker, promised):
    """I1, I2, I5, I6 on the store as it lies there, and I2 as the broker says it."""
    with sqlite3.connect(broker.state / 'broker.db') as db:
        assert db.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
        assert db.execute('PRAGMA foreign_key_check').fetchall() == []
        twice = db.execute('SELECT person, pool, COUNT(*) FROM assignment GROUP BY person, pool '
                           'HAVING COUNT(*) > 1').fetchall()
        assert twice == []
        owned = {name: desktop for desktop, name in db.execute(
            'SELECT a.desktop, p.name FROM assignment a JOIN person p ON p.key = a.person')}
    db.close()
    for user, desktop in promised.items():
        assert owned.get(user) == desktop, f'{user} was promised {desktop}, has {owned.get(user)}'
    certificate, key = broker.admin_certificate
    done = subprocess.run([BUILD / 'ctl' / 'genkanctl', 'audit', 'verify', '--broker',
                           f'127.0.0.1:{broker.port}', '--ca', broker.state / 'ca.crt',
                           '--certificate', certificate, '--key', key], capture_output=True,
                          text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def try_login(broker, user, may=(200, 500, 503), seconds=15):
    """The desktop that was promised, or None when nobody promised anything."""
    try:
        answer = broker.login(user, seconds=seconds)
    except (OSError, ValueError, http.client.HTTPException):
        return None
    assert answer.status in may, answer
    if answer.status == 200 and not answer.body:
        return None     # libevent had no memory for the body: nothing was promised to anybody
    desktop = answer.body['desktops'][0]['id'] if answer.status == 200 else None
    assert desktop != 'sales', answer
    return desktop


def check_secrets(broker, users):
    """I7, of the users that have logged in."""
    needles = [SERVICE_PASSWORD.encode()] + [password_of(u).encode() for u in users]
    needles += [base64.b64encode(n).rstrip(b'=')[:-1] for n in needles]
    for path in broker.folder.rglob('*'):
        data = path.read_bytes() if path.is_file() else b''
        assert not any(n in data for n in needles), f'a password is in {path}'


def check_host(broker, agent):
    """I3, as soon as the host has caught up."""
    def same():
        with contextlib.closing(sqlite3.connect(broker.state / 'broker.db')) as db:
            wanted = {i for i, in db.execute("SELECT id FROM desktop WHERE want = 'running'")}
        with agent.lock:
            return set(agent.desktops) == wanted
    wait_until('the host has what is wanted', same, 10)
