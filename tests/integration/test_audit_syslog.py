# SPDX-License-Identifier: Apache-2.0
"""The audit log in the system's log: a socket as syslog and journald have it."""
import json
import os
import re
import socket
import subprocess

import pytest

from broker import BUILD, Broker
from needs import NEEDS_BROKER
from netns import wait_until
from slapd import Slapd

pytestmark = NEEDS_BROKER


class SystemLog:
    def __init__(self, path):
        path.unlink(missing_ok=True)
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(str(path))
        self.lines = []

    def rows(self, count, seconds=15):
        self.socket.settimeout(seconds)
        while len(self.lines) < count:
            self.lines.append(self.socket.recv(1 << 20).decode())
        return [json.loads(text.split(']: ', 1)[1]) for text in self.lines]

    def silent(self):
        self.socket.settimeout(1.2)
        with pytest.raises(socket.timeout):
            self.lines.append(self.socket.recv(1 << 20).decode())

    def close(self):
        self.socket.close()


def verify(folder, rows):
    export = folder / 'rows.jsonl'
    export.write_text(''.join(json.dumps(row) + '\n' for row in rows))
    done = subprocess.run([BUILD / 'ctl' / 'genkanctl', 'audit', 'verify', export],
                          capture_output=True, text=True, timeout=60,
                          env=dict(os.environ, HOME=str(folder)))
    return done.returncode, done.stdout + done.stderr


def test_every_row_arrives_once_in_order_and_can_be_verified(tmp_path):
    path = tmp_path / 'log'
    with Slapd(tmp_path) as slapd, Broker(tmp_path, slapd, login__user_failures=0,
                                          login__source_failures=0) as early:
        early.login('hanako', 'before it was switched on')
        early.stop()
        early.write_config(broker__audit_syslog=path)
        log = SystemLog(path)
        early.start()
        hostile = '<0>kernel: "\n\r%n ひみつ\x01'
        for user in ('joerg', hostile):
            early.login(user, 'wrong')
        rows = log.rows(3)
        assert [r['who'] for r in rows] == ['hanako', 'joerg', hostile]
        assert all('\n' not in text and '\r' not in text for text in log.lines)
        assert all(re.match(r'<8[56]>\w{3} [ \d]\d \d\d:\d\d:\d\d genkan-audit\[\d+\]: {', text)
                   for text in log.lines), log.lines
        assert log.lines[1].startswith('<85>'), 'what was refused is a notice'
        log.silent()

        # the system's log is started anew, and meanwhile something happens
        log.close()
        path.unlink()
        early.login('minji', 'wrong')
        wait_until('the broker has noticed', lambda: 'audit_not_sent' in early.log(), 20)
        late = SystemLog(path)
        more = late.rows(1)
        assert more[0]['who'] == 'minji'

        # the broker, too: nothing is lost and nothing comes twice
        late.silent()   # long enough for the store to know how far it has come
        early.stop()
        early.start()
        early.login('paula', 'wrong')
        rows += late.rows(2)
        assert [r['id'] for r in rows] == [1, 2, 3, 4, 5]
        late.silent()
        status, said = verify(tmp_path, rows)
        assert status == 0, said
        rows[2]['who'] = 'somebody else'
        status, said = verify(tmp_path, rows)
        assert status == 1 and 'row 3' in said


def test_a_broker_killed_between_rows_loses_none(tmp_path):
    path = tmp_path / 'log'
    with Slapd(tmp_path) as slapd, Broker(tmp_path, slapd, login__user_failures=0,
                                          login__source_failures=0,
                                          broker__audit_syslog=path) as broker:
        log = SystemLog(path)
        for n in range(6):
            broker.login(f'user{n}', 'wrong')
            broker.kill()
            broker.start(init=False)
        want = [f'user{n}' for n in range(6)]
        seen = {}
        while list(seen.values()) != want:
            for row in log.rows(len(log.lines) + 1):
                seen[row['id']] = row['who']    # may come twice; its id tells
        assert list(seen) == sorted(seen)


def test_check_names_a_bad_socket(tmp_path):
    broker = Broker(tmp_path, Slapd(tmp_path), broker__audit_syslog='udp:somewhere')
    broker.run('--init')
    status, out = broker.run('--check')
    assert status != 0 and 'broker.audit_syslog' in out
