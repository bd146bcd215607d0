# SPDX-License-Identifier: Apache-2.0
"""Session tokens: bound to the client's TLS key, kept as hashes, revocable, and cheap."""
import base64
import hashlib
import json
import sqlite3
import subprocess

import pytest

from broker import BUILD, Broker, pool
from certificates import Ca, new_key, openssl
from fake_agent import FakeAgent
from needs import NEEDS_BROKER
from slapd import SERVICE, Slapd

pytestmark = NEEDS_BROKER


def own_key(folder, name, subject='/CN=key'):
    """A certificate that is signed by its own key, as thin clients make one."""
    crt, key = folder / f'{name}.crt', new_key(folder / f'{name}.key')
    openssl('req', '-x509', '-new', '-key', key, '-subj', subject, '-days', 2, '-addext',
            'extendedKeyUsage=clientAuth', '-out', crt)
    return crt, key


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('tokens')
    with Slapd(folder) as slapd, Broker(folder, slapd) as broker:
        broker.publish()
        broker.apply(pool('sales', ['sales'], most=50))
        broker.host = FakeAgent(broker, 'host-1', folder)
        broker.host.join()
        broker.host.settle()
        broker.login('hanako')
        broker.host.settle()
        broker.mine, broker.other = own_key(folder, 'mine'), own_key(folder, 'other')
        yield broker


def test_T8_a_token_is_of_no_use_without_the_key_it_was_given_to(site):
    token = site.login('hanako', certificate=site.mine).body['token']

    def whoami(certificate):
        return site.http('GET', '/v1/session', token=token, certificate=certificate)
    assert whoami(site.mine).status == 200
    for thief in (None, site.other, site.admin_certificate, site.host.certificate):
        answer = whoami(thief)
        assert (answer.status, answer.code) == (401, 'session_expired')
        for method, path in (('GET', '/v1/desktops'), ('POST', '/v1/desktops/sales/connect'),
                             ('DELETE', '/v1/session')):
            assert site.http(method, path, token=token, certificate=thief).status == 401
    assert whoami(site.mine).status == 200, 'the thief could not end it either'
    assert [r['who'] for r in site.audit(denied=True) if r['code'] == 'token_other_key'][0] == 'hanako'


def test_a_key_of_ones_own_makes_nobody(site, tmp_path):
    for subject in ('/OU=genkan-admin/CN=admin', '/OU=genkan-host/CN=host-1'):
        forged = own_key(tmp_path, subject.split('=')[-1], subject)
        assert site.http('GET', '/v1/admin/pools', certificate=forged).status == 403
    with pytest.raises(OSError):    # hosts have names: there such a certificate is refused
        site.http('POST', '/agent/v1/sync', {}, certificate=forged, port=site.agent_port)


def test_S1_only_the_hash_is_kept_and_revoking_ends_it(site):
    token = site.login('hanako', certificate=site.mine).body['token']
    with sqlite3.connect(site.state / 'broker.db') as db:
        rows = db.execute('SELECT token_sha256, client_key_sha256 FROM login_session').fetchall()
        dump = '\n'.join(db.iterdump())
    assert token not in dump
    der = openssl('x509', '-in', site.mine[0], '-pubkey', '-noout')
    spki = base64.b64decode(''.join(der.splitlines()[1:-1]))
    raw = base64.urlsafe_b64decode(token + '=')
    assert (hashlib.sha256(raw).hexdigest(), hashlib.sha256(spki).hexdigest()) in rows
    assert site.admin('POST', '/v1/admin/revoke-all').status == 200
    assert site.http('GET', '/v1/session', token=token, certificate=site.mine).status == 401


def test_F17_a_reconnect_costs_one_search_and_no_bind(site):
    """A person in two groups, one of them nested: what groups are in is known already."""
    token = site.login('hanako', certificate=site.mine).body['token']
    site.http('POST', '/v1/desktops/sales/connect', {}, token=token, certificate=site.mine)
    before = site.slapd.log()
    answer = site.http('POST', '/v1/desktops/sales/connect', {}, token=token, certificate=site.mine)
    assert answer.status == 200 and answer.body['locator']
    added = site.slapd.log()[len(before):]
    assert ' BIND dn=' not in added.replace(f' BIND dn="{SERVICE}"', '')
    assert added.count(' SRCH base=') <= 2, 'the person; and the groups, where the entry names none'


def test_keys_can_be_demanded(tmp_path):
    with Slapd(tmp_path) as slapd:
        with Broker(tmp_path, slapd, login__require_client_key='yes') as broker:
            refused = broker.login('hanako')
            assert (refused.status, refused.code) == (403, 'client_key_missing')
            assert broker.login('hanako', certificate=own_key(tmp_path, 'k')).code == 'not_entitled'


def test_S15_certificates_of_other_authorities_stay_refused(site, tmp_path):
    made = Ca(tmp_path / 'ca').issue('x', 'DNS:x', subject='/CN=x', usage='clientAuth')
    with pytest.raises(OSError):
        site.http('GET', '/v1/health', certificate=(made.crt, made.key))


# --- the audit log outside ------------------------------------------------------------------------

def ctl(site, *arguments):
    certificate, key = site.admin_certificate
    return subprocess.run([BUILD / 'ctl' / 'genkanctl', *arguments, '--broker',
                           f'127.0.0.1:{site.port}', '--ca', site.state / 'ca.crt',
                           '--certificate', certificate, '--key', key],
                          capture_output=True, text=True, timeout=60)


def test_T6_the_audit_log_is_exported_and_verified_row_by_row(tmp_path):
    with Slapd(tmp_path) as slapd, Broker(tmp_path, slapd, login__user_failures=0,
                                          login__source_failures=0) as broker:
        for n in range(8):
            broker.login('hanako', f'wrong {n} "quoted"\\ ひみつ')
        export = ctl(broker, 'audit', 'export')
        rows = [json.loads(line) for line in export.stdout.splitlines()]
        assert export.returncode == 0 and [r['id'] for r in rows] == list(range(1, len(rows) + 1))
        whole = ctl(broker, 'audit', 'verify')
        assert whole.returncode == 0 and rows[-1]['sha256'] in whole.stdout
        copy = tmp_path / 'copy'

        def verify(lines):
            copy.write_text(''.join(json.dumps(r) + '\n' for r in lines))
            done = ctl(broker, 'audit', 'verify', copy)
            return done.returncode, done.stderr
        assert verify(rows) == (0, '')
        for field, value in (('who', 'joerg'), ('details', '{}'), ('at_ms', 1), ('denied', False)):
            changed = [dict(r) for r in rows]
            changed[4][field] = value
            status, said = verify(changed)
            assert status == 1 and 'row 5' in said, (field, said)
        assert 'row 4' in verify(rows[:2] + rows[3:])[1], 'one taken out'
        assert 'row 3' in verify(rows[:3] + [rows[2]] + rows[3:])[1], 'one put in twice'
        broker.stop()
        with sqlite3.connect(broker.state / 'broker.db') as db:
            db.execute('DROP TRIGGER audit_no_update')
            db.execute("UPDATE audit SET who = 'somebody' WHERE id = 3")
        db.close()
        broker.start(init=False)
        spoilt = ctl(broker, 'audit', 'verify')
        assert spoilt.returncode == 1 and 'row 3' in spoilt.stderr
