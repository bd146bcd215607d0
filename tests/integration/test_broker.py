# SPDX-License-Identifier: Apache-2.0
"""genkan-broker against a real slapd: who gets in, who does not, and what hosts are told."""
import base64
import concurrent.futures
import http.client
import json
import os
import re
import secrets
import signal
import socket
import sqlite3
import ssl
import struct
import subprocess
import threading
import time

import pytest

from broker import NO_PLAIN_PROGRAM, PLAIN_PROGRAM, Broker, PlainBroker, pool
from certificates import Ca
from fake_agent import GUEST_SHA256, RELAY_SHA256, FakeAgent
from needs import NEEDS_BROKER
from netns import wait_until
from remains import family, places
from slapd import SERVICE, Slapd, free_port, password_of, person_dn, person_ldif

pytestmark = NEEDS_BROKER


@pytest.fixture(scope='module')
def directory(tmp_path_factory):
    with Slapd(tmp_path_factory.mktemp('directory')) as slapd:
        yield slapd


@pytest.fixture(scope='module')
def shared(directory, tmp_path_factory):
    """A broker with pools for both departments and a host that does what it is told."""
    folder = tmp_path_factory.mktemp('broker')
    # its host speaks when a test lets it: it is not silent because a test took long
    with Broker(folder, directory, login__user_failures=1000, hosts__silent_after='1h') as broker:
        broker.publish()
        broker.apply(pool('sales', ['sales'], spare=1, most=50),
                     pool('lab', ['engineering'], most=50, assignment='dedicated'))
        broker.host = FakeAgent(broker, 'host-1', folder)
        assert broker.host.join().status == 200
        broker.host.settle()
        yield broker


@pytest.fixture
def fresh(directory, tmp_path):
    """A broker of the test's own, not started: make(**settings)."""
    made = []

    def make(slapd=None, **settings):
        made.append(Broker(tmp_path, slapd or directory, name=f'broker-{len(made)}', **settings))
        return made[-1]
    yield make
    for broker in made:
        broker.stop()


def with_host(broker, folder, name='host-1', **sales):
    broker.publish()
    broker.apply(pool('sales', ['sales'], **sales))
    host = FakeAgent(broker, name, folder)
    assert host.join().status == 200
    host.settle()
    return host


def ready_ticket(broker, host, user='hanako'):
    login = broker.login(user)
    assert login.status == 200, login
    host.settle()
    answer = broker.connect(login.body['token'], login.body['desktops'][0]['id'])
    assert answer.status == 200, answer
    return answer.body


# --- who gets in ----------------------------------------------------------------------------------

# What pools without self-service let their employees do.
NOTHING = {'restart': False, 'reset': False, 'rdp': False}


def test_login_gives_the_desktop_in_one_answer(shared):
    first = shared.login('hanako')
    assert first.status == 200, first
    shared.host.settle()
    body = shared.login('hanako').body
    assert body['user'] == 'hanako' and body['display_name'] == 'Hanako Sato'
    connect = body['connect']
    assert connect['status'] == 'ready'
    assert connect['endpoint'] == {'host': '192.0.2.10', 'port': 3389}
    assert connect['certificate_sha256'] == RELAY_SHA256
    assert len(connect['locator']) == 22 and len(connect['secret']) == 43
    assert 0 < connect['expires_in_ms'] <= 30000
    assert connect['policy']['removable_storage'] == 'deny'
    assert connect['policy']['sound'] == 'allow'
    assert set(body['timing']) == {'search_ms', 'bind_ms', 'groups_ms', 'assign_ms', 'total_ms'}
    assert body['desktops'] == [{'id': connect['desktop']['id'], 'pool': 'sales',
                                 'title': 'Pool sales', 'state': 'ready', 'may': NOTHING}]


def test_follow_me_and_one_owner(shared):
    mine = [shared.login('hanako').body['desktops'][0]['id'] for _ in range(3)]
    theirs = shared.login('山田').body['desktops'][0]['id']
    assert len(set(mine)) == 1 and theirs not in mine


@pytest.mark.parametrize('user', ['山田', 'star*(x)\\y'])
def test_unusual_names_log_in(shared, user):
    answer = shared.login(user)
    assert answer.status == 200, answer
    assert answer.body['user'] == user


def test_nested_groups_count_and_loops_end(shared):
    answer = shared.login('minji')
    assert answer.status == 200, answer
    assert [d['pool'] for d in answer.body['desktops']] == ['lab']


def searches_of(slapd, do):
    """How many searches the directory sees during do()."""
    before = slapd.log().count(' SRCH base=')
    do()
    return slapd.log().count(' SRCH base=') - before


def test_a_login_asks_the_directory_as_little_as_it_can(fresh, tmp_path):
    mei = (person_ldif('mei', 'Mei Lin', None).rstrip('\n') +
           '\nseeAlso: cn=testers,ou=groups,dc=example,dc=com\n\n')
    with Slapd(tmp_path, more_ldif=mei) as slapd:
        broker = fresh(slapd, directory__member_of='seeAlso').start()
        broker.publish()
        broker.apply(pool('lab', ['engineering']))
        def log_in(user):
            answer = broker.login(user)
            assert [d['pool'] for d in answer.body['desktops']] == ['lab'], answer
        # the person, the own groups, and the two levels above of a loop of two groups
        assert searches_of(slapd, lambda: log_in('minji')) == 4
        # what groups are in is remembered for a while
        assert searches_of(slapd, lambda: log_in('minji')) == 2
        # groups that the entry itself names are not searched for
        assert searches_of(slapd, lambda: log_in('mei')) == 1


def test_two_pools_leave_the_choice(shared):
    body = shared.login('both').body
    assert 'connect' not in body
    assert body['desktops'] == [
        {'id': name, 'pool': name, 'title': f'Pool {name}', 'state': 'none', 'may': NOTHING}
        for name in ('lab', 'sales')]
    answer = shared.connect(body['token'], 'lab')
    assert answer.status == 202 and answer.body['desktop']['pool'] == 'lab'
    assert answer.body['code'] == 'desktop_starting' and answer.body['stage'] == 'queued'


def test_wrong_password_and_unknown_user_get_the_same_answer(shared):
    def seen(answer):
        # what may differ between two answers to anybody
        body = {k: v for k, v in answer.body.items() if k != 'request_id'}
        return answer.status, body, {k: v for k, v in answer.headers.items() if k not in ('Date', 'X-Request-Id')}
    wrong = seen(shared.login('hanako', 'not it'))
    assert wrong[0] == 401 and wrong[1]['code'] == 'wrong_credentials'
    assert seen(shared.login('nobody', 'not it')) == wrong
    assert seen(shared.login('hanako', '')) == wrong


@pytest.mark.parametrize('password', ['', ' ', '\t\n ', '\0', 'x\0y', '\0\0'])
def test_S12_passwords_that_would_bind_as_nobody_are_never_sent(shared, directory, password):
    before = len(directory.binds())
    answer = shared.login('hanako', password)
    expected = (400, 'bad_request') if '\0' in password else (401, 'wrong_credentials')
    assert (answer.status, answer.code) == expected
    assert len(directory.binds()) == before


@pytest.mark.parametrize('user', ['*', ')(uid=*', 'hanako)(|(uid=*', '\\2a', '\\00', 'hanako*',
                                  'han\0ako', '日本語', 'x' * 255, 'hanako,ou=people',
                                  '*)(objectClass=*', '&', '|', '!', ' hanako', 'hanako ',
                                  'ｈａｎａｋｏ'])
def test_S13_names_cannot_become_filters(shared, directory, user):
    before = len(directory.binds())
    answer = shared.login(user, password_of('hanako'))
    assert answer.status in (400, 401), answer
    assert answer.code in ('bad_request', 'wrong_credentials')
    assert len(directory.binds()) == before, 'somebody was bound'


def test_S3_hostile_name_is_one_line_in_the_log(shared):
    name = '%n%s${jndi:ldap://x}\r\nlevel=info event=forged' + 'A' * 150
    before = shared.log().count('\n')
    assert shared.login(name, 'x').status == 401
    added = shared.log().split('\n')[before:]
    assert any('jndi' in line for line in added)
    assert not any(line.startswith('level=info event=forged') for line in added)


def test_not_entitled(shared):
    answer = shared.login('paula')
    assert (answer.status, answer.code) == (403, 'not_entitled')
    assert 'token' not in answer.body


def test_disabled_account_only_with_the_right_password(shared):
    assert shared.login('locked').code == 'account_disabled'
    assert shared.login('locked', 'wrong').code == 'wrong_credentials'


@pytest.mark.parametrize('body', [
    b'', b'{}', b'[]', b'null', b'{"user":1,"password":"x"}', b'{"user":"a"}', b'{"user":"a",',
    b'{"user":"a","user":"b","password":"x"}', b'{"user":"","password":"x"}', b'\xff\xfe',
    b'{"user":"' + b'a' * 300 + b'","password":"x"}',
    b'{"user":"a","password":"' + b'a' * 2000 + b'"}', b'[' * 5000])
def test_bad_bodies(shared, body):
    answer = shared.http('POST', '/v1/login', raw=body)
    assert (answer.status, answer.code) == (400, 'bad_request')


def test_S2_many_logins_at_once_are_never_mixed_up(shared):
    users = ['hanako', '山田', 'minji', 'joerg', 'star*(x)\\y', 'both']

    def one(n):
        user = users[n % len(users)]
        answer = shared.login(user)
        assert answer.status == 200, answer
        token = answer.body['token']
        me = shared.http('GET', '/v1/session', token=token)
        assert answer.body['user'] == user and me.body['user'] == user
        return token
    with concurrent.futures.ThreadPoolExecutor(24) as threads:
        tokens = list(threads.map(one, range(120)))
    assert len(set(tokens)) == 120


# --- throttling -----------------------------------------------------------------------------------

def test_S9_throttle_counts_over_connections_and_restarts(fresh, directory):
    broker = fresh(login__user_failures=5).start()
    before = directory.binds().count(person_dn('hanako'))

    def attempt(_):
        return broker.login('hanako', 'wrong').code
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        first = list(threads.map(attempt, range(16)))
    assert set(first) == {'wrong_credentials', 'throttled'} and first.count('wrong_credentials') == 5
    broker.kill()
    broker.start(init=False)
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        assert set(threads.map(attempt, range(16))) == {'throttled'}
    right = broker.login('HANAKO', password_of('hanako'))
    assert (right.status, right.code) == (429, 'throttled'), 'a right password looks the same'
    assert 1000 <= right.body['retry_after_ms'] <= 300000
    assert int(right.headers['Retry-After']) >= 1
    assert directory.binds().count(person_dn('hanako')) == before + 5
    assert broker.login('山田').code == 'not_entitled', 'others are not concerned'


def test_S9_throttle_per_source(fresh):
    broker = fresh(login__source_failures=6).start()
    codes = [broker.login(f'nobody{n}', 'x').code for n in range(8)]
    assert codes == ['wrong_credentials'] * 6 + ['throttled'] * 2
    assert broker.login('hanako').code == 'throttled'


def test_throttle_ends(fresh):
    broker = fresh(login__user_failures=2, login__failure_window='1s', login__block='1s').start()
    for _ in range(2):
        assert broker.login('hanako', 'wrong').code == 'wrong_credentials'
    blocked = broker.login('hanako')
    assert blocked.code == 'throttled'
    time.sleep(blocked.body['retry_after_ms'] / 1000 + 0.05)    # what we are told must be true
    assert broker.login('hanako').code == 'not_entitled'


# --- a directory in trouble -----------------------------------------------------------------------

@pytest.fixture
def own_directory(tmp_path):
    with Slapd(tmp_path) as slapd:
        yield slapd


def steps_of_a_login(broker, user):
    """What the directory was asked, and by which of its servers it was answered."""
    answer = broker.admin('POST', '/v1/admin/directory-test', {'user': user, 'password': password_of(user)})
    assert answer.status == 200, answer
    return answer.body


def test_F8_directory_down_and_back(fresh, own_directory):
    broker = fresh(own_directory).start()
    assert broker.login('hanako').code == 'not_entitled'
    own_directory.stop()
    for _ in range(2):
        answer = broker.login('hanako')
        assert answer.code == 'directory_unreachable' and answer.status == 503
        assert answer.seconds <= 3 and 'retry_after_ms' in answer.body
    own_directory.start()
    assert broker.login('hanako').code == 'not_entitled'


@pytest.mark.parametrize('kept_connections', [True, False])
def test_F9_directory_hung(fresh, own_directory, kept_connections):
    broker = fresh(own_directory).start()
    if kept_connections:
        assert broker.login('hanako').code == 'not_entitled'
    own_directory.pause()
    with concurrent.futures.ThreadPoolExecutor(12) as threads:
        asked = [threads.submit(broker.login, f'user{n}', 'x') for n in range(12)]
        wait_until('the directory is asked', lambda: broker.metrics()['genkan_directory_questions'] >= 1, 5, 0.01)
        assert broker.http('GET', '/v1/health').status == 200
        assert not any(each.done() for each in asked), 'the loop is not blocked'
    for answer in (each.result() for each in asked):
        assert answer.code == 'directory_unreachable' and answer.seconds <= 3, answer
    own_directory.resume()
    assert broker.login('hanako').code == 'not_entitled'


def test_F9_second_server_is_asked_when_the_first_hangs(fresh, own_directory, directory):
    ca = own_directory.folder / 'both.crt'
    ca.write_text(own_directory.ca.crt.read_text() + directory.ca.crt.read_text())
    broker = fresh(own_directory, directory__ca_file=ca,
                   directory__uri=f'{own_directory.uri} {directory.uri}').start()
    assert broker.login('hanako').code == 'not_entitled'
    own_directory.pause()
    first = broker.login('hanako')
    assert first.code == 'not_entitled' and first.seconds <= 3, first
    told = steps_of_a_login(broker, 'hanako')
    assert told['server'] == directory.uri and all(step['ok'] for step in told['steps']), \
        f'the hung server is not asked first again: {told}'


def test_F8_refused_first_server_costs_nothing(fresh, directory):
    broker = fresh(directory__uri=f'ldaps://127.0.0.1:{free_port()} {directory.uri}').start()
    told = steps_of_a_login(broker, 'hanako')
    assert (told['code'], told['server']) == ('ok', directory.uri), told
    refused = told['steps'][0]
    assert not refused['ok'] and refused['ms'] < 500, 'half of its share of the time'
    assert broker.login('hanako').code == 'not_entitled'


def test_start_tls(fresh, directory):
    broker = fresh(directory__uri=directory.plain_uri, directory__start_tls='yes').start()
    assert broker.login('hanako').code == 'not_entitled'


@pytest.mark.parametrize('kind', ['self-signed', 'other CA', 'wrong name', 'expired', 'tls 1.1'])
@pytest.mark.parametrize('start_tls', [False, True])
def test_S15_bad_directory_certificate_is_refused(fresh, tmp_path, kind, start_tls):
    slapd = Slapd(tmp_path)
    good = slapd.certificate
    bad = {
        'self-signed': lambda: slapd.ca.self_signed('bad', 'IP:127.0.0.1'),
        'other CA': lambda: Ca(tmp_path / 'other', 'other-ca').issue('bad', 'IP:127.0.0.1'),
        'wrong name': lambda: slapd.ca.issue('bad', 'DNS:ldap.example.com'),
        'expired': lambda: slapd.ca.issue('bad', 'IP:127.0.0.1', expired=True),
        'tls 1.1': lambda: good,
    }[kind]()
    slapd.use_certificate(bad)
    if kind == 'tls 1.1':
        slapd.extra = 'TLSCipherSuite NORMAL:-VERS-ALL:+VERS-TLS1.1'
        slapd.use_certificate(good)
    # ldap.conf and the environment must not talk us out of verifying
    os.environ['LDAPTLS_REQCERT'] = 'never'
    try:
        with slapd:
            uri = slapd.plain_uri if start_tls else slapd.uri
            broker = fresh(slapd, directory__uri=uri,
                           directory__start_tls='yes' if start_tls else 'no').start()
            answer = broker.login('hanako')
            assert answer.code == 'directory_unreachable', answer
            assert slapd.binds() == [], 'nothing was said to a server that is not the right one'
    finally:
        del os.environ['LDAPTLS_REQCERT']
    if kind in ('tls 1.1', 'expired'):      # the same set-up with a good server works
        slapd.extra = ''
        slapd.use_certificate(good)
        with slapd:
            end = time.monotonic() + 3
            while (code := broker.login('hanako').code) != 'not_entitled':
                assert time.monotonic() < end, code


def test_S15_plain_ldap_is_not_a_setting(fresh, directory):
    status, out = fresh(directory__uri=directory.plain_uri).run('--check')
    assert status != 0 and 'ldaps://' in out


def test_S15_stripped_start_tls_is_refused(fresh, tmp_path):
    """A proxy that answers StartTLS with "not supported", as an attacker would."""
    server = socket.create_server(('127.0.0.1', 0))
    got = []

    def strip():
        while True:
            try:
                link, _ = server.accept()
            except OSError:
                return
            with link:
                data = link.recv(4096)
                got.append(data)
                # ExtendedResponse, id 1, protocolError
                link.sendall(bytes([0x30, 0x0c, 2, 1, data[4], 0x78, 7, 0x0a, 1, 2, 4, 0, 4, 0]))
                while (more := link.recv(4096)):
                    got.append(more)
    threading.Thread(target=strip, daemon=True).start()
    slapd = Slapd(tmp_path)
    broker = fresh(slapd, directory__uri=f'ldap://127.0.0.1:{server.getsockname()[1]}',
                   directory__start_tls='yes').start()
    answer = broker.login('hanako')
    server.close()
    assert answer.code == 'directory_unreachable'
    assert got and not any(password_of('hanako').encode() in part for part in got)


# --- tokens, waiting ------------------------------------------------------------------------------

def test_token_life(shared):
    token = shared.login('hanako').body['token']
    me = shared.http('GET', '/v1/session', token=token)
    assert me.status == 200 and me.body['user'] == 'hanako'
    assert 0 < me.body['expires_at_ms'] / 1000 - time.time() <= 12 * 3600
    assert shared.http('GET', '/v1/desktops', token=token).body['desktops'][0]['pool'] == 'sales'
    assert shared.http('DELETE', '/v1/session', token=token).status == 204
    for method, path in (('GET', '/v1/session'), ('GET', '/v1/desktops'),
                         ('DELETE', '/v1/session'), ('POST', '/v1/desktops/sales/connect')):
        answer = shared.http(method, path, token=token)
        assert (answer.status, answer.code) == (401, 'session_expired')


@pytest.mark.parametrize('token', [None, '', 'x', 'A' * 43, 'A' * 42 + '=', '../' * 14 + 'x'])
def test_made_up_tokens(shared, token):
    assert shared.http('GET', '/v1/session', token=token).code == 'session_expired'


def test_nobody_connects_to_others_desktops(shared):
    mine = shared.login('hanako').body
    other = shared.login('minji').body
    answer = shared.connect(other['token'], mine['desktops'][0]['id'])
    assert (answer.status, answer.code) == (403, 'not_entitled')
    assert shared.connect(other['token'], 'sales').code == 'not_entitled'


def test_reconnect_asks_the_directory_but_never_binds(shared, directory):
    login = shared.login('hanako').body
    before = len(directory.binds())
    assert shared.connect(login['token'], login['desktops'][0]['id']).status in (200, 202)
    assert directory.binds()[before:] in ([], [SERVICE])


def test_reconnect_without_directory_reaches_own_desktop_only(fresh, own_directory, tmp_path):
    broker = fresh(own_directory).start()
    host = with_host(broker, tmp_path)
    token = broker.login('hanako').body['token']
    host.settle()
    stranger = broker.login('山田').body['token']
    own_directory.stop()
    assert broker.connect(token, 'sales').status == 200
    listed = broker.http('GET', '/v1/desktops', token=token).body['desktops']
    assert [d['state'] for d in listed] == ['ready']
    with sqlite3.connect(broker.state / 'broker.db') as db:    # the stranger's is taken away
        desktops = broker.admin('GET', '/v1/admin/desktops').body['desktops']
        mine = next(d['id'] for d in desktops if d['user'] == '山田')
    db.close()
    assert broker.admin('POST', f'/v1/admin/desktops/{mine}/delete').status == 204
    answer = broker.connect(stranger, 'sales')
    assert (answer.status, answer.code) == (503, 'directory_unreachable')


def test_connect_waits_for_progress_and_then_for_ready(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    login = broker.login('hanako').body
    desktop = login['desktops'][0]['id']
    assert login['connect']['stage'] == 'queued'
    host.apply(host.sync().body, 'starting')

    def wait(seen):
        return broker.connect(login['token'], desktop, wait_ms=15000, seen=seen)
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(wait, 'queued')
        time.sleep(0.2)
        host.sync()
        answer = waiting.result()
        assert (answer.status, answer.body['stage'], answer.body['percent']) == (202, 'starting', 10)
        assert answer.seconds < 3

        waiting = threads.submit(wait, 'starting')
        time.sleep(0.2)
        host.change(desktop, stage='booting', percent=55)
        assert waiting.result().body['stage'] == 'booting'

        waiting = threads.submit(wait, 'booting')
        time.sleep(0.3)
        assert not waiting.done(), 'it must wait'
        host.make_ready(desktop)
        answer = waiting.result()
        assert answer.status == 200 and answer.seconds < 3, answer

    quiet = broker.login('山田').body
    answer = broker.connect(quiet['token'], quiet['desktops'][0]['id'], 700, 'queued')
    assert answer.status == 202 and 0.6 < answer.seconds < 3


def test_failed_desktop_says_why_and_the_next_try_gets_another(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    login = broker.login('hanako').body
    desktop = login['desktops'][0]['id']
    host.apply(host.sync().body, 'starting')
    host.change(desktop, state='error', reason='overlay: No space left on device')
    answer = broker.connect(login['token'], desktop, 5000, 'queued')
    assert (answer.status, answer.code) == (502, 'desktop_failed')
    assert 'No space left' in answer.body['detail']
    again = broker.connect(login['token'], 'sales')
    assert again.status == 202 and again.body['desktop']['id'] != desktop


def test_no_image_no_host_and_then_a_place_in_line(fresh, tmp_path):
    broker = fresh().start()
    broker.apply(pool('sales', ['sales'], most=1))
    token = broker.login('hanako').body['token']
    assert broker.connect(token, 'sales').code == 'no_image'
    broker.publish()
    assert broker.connect(token, 'sales').code == 'no_host'
    host = FakeAgent(broker, 'host-1', tmp_path)
    host.join()
    host.settle()
    assert broker.connect(token, 'sales').status == 202
    other = broker.login('山田').body['token']
    answer = broker.connect(other, 'sales')
    assert (answer.status, answer.code) == (202, 'waiting_for_desktop')
    assert answer.body['position'] == 1 and answer.body['why'] == 'pool_full'
    assert 'estimate_ms' not in answer.body, 'nobody knows when somebody logs off'


# --- hosts ----------------------------------------------------------------------------------------

def test_join_token_works_once(shared, tmp_path):
    host = FakeAgent(shared, 'host-join', tmp_path)
    token = host.token()
    first = host.join(token)
    assert first.status == 200
    assert 'BEGIN CERTIFICATE' in first.body['ca_pem']
    second = host.join(token)
    assert (second.status, second.code) == (403, 'forbidden')


def test_join_token_is_bound_to_name_and_time(shared, tmp_path):
    host = FakeAgent(shared, 'host-a', tmp_path)
    token = host.token()
    assert host.join(token, name='host-b').status == 403
    assert host.join(secrets.token_urlsafe(32)).status == 403
    assert host.join('x').status == 403
    assert host.join(token).status == 200, 'a try with another name does not use it up'
    short = host.token(ttl_ms=1)
    time.sleep(0.05)
    assert host.join(short).status == 403
    reasons = {r['code'] for r in shared.audit(denied=True) if r['what'] == 'host_join'}
    assert {'token_other_host', 'token_unknown', 'token_expired'} <= reasons


def test_certificate_says_what_the_broker_decides(shared, tmp_path):
    """The name in the request does not matter, nor does a key that is not signed for."""
    host = FakeAgent(shared, 'host-c', tmp_path)
    pem = host.request_pem('admin/OU=genkan-admin')
    answer = shared.agent_http('POST', '/agent/v1/join',
                               {'token': host.token(), 'name': 'host-c', 'csr_pem': pem})
    host.crt.write_text(answer.body['certificate_pem'])
    assert host.sync().status == 200
    assert shared.http('GET', '/v1/admin/pools', certificate=host.certificate).status == 403
    broken = pem.replace('A', 'B', 3)
    answer = shared.agent_http('POST', '/agent/v1/join',
                               {'token': host.token(), 'name': 'host-c', 'csr_pem': broken})
    assert answer.status in (400, 403)


@pytest.mark.parametrize('path', ['sync', 'redeem', 'events'])
def test_agent_link_needs_a_host_certificate(shared, path):
    assert shared.agent_http('POST', f'/agent/v1/{path}', {}).status == 403
    answer = shared.agent_http('POST', f'/agent/v1/{path}', {}, shared.admin_certificate)
    assert answer.status == 403


def test_certificate_of_another_ca_is_refused(shared, tmp_path):
    for ou, port in (('genkan-host', shared.agent_port), ('genkan-admin', shared.port)):
        made = Ca(tmp_path / ou).issue('host-1', 'DNS:host-1', subject=f'/OU={ou}/CN=host-1',
                                       usage='clientAuth')
        with pytest.raises((ssl.SSLError, ConnectionError)):
            shared.http('GET', '/v1/admin/pools', certificate=(made.crt, made.key), port=port)


def last_seen(broker):
    return broker.admin('GET', '/v1/admin/hosts').body['hosts'][0]['last_seen_ms']


def test_sync_is_held_until_something_changes(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    quiet = host.sync(wait_ms=600)
    assert quiet.status == 200 and 0.5 < quiet.seconds < 3
    assert quiet.body['generation'] == host.generation
    with concurrent.futures.ThreadPoolExecutor(1) as threads:
        before = last_seen(broker)
        held = threads.submit(host.sync, 15000)
        wait_until('it was heard', lambda: last_seen(broker) > before)
        assert not held.done()
        broker.login('hanako')
        answer = held.result()
    assert answer.seconds < 3 and answer.body['generation'] > host.generation
    assert [d['want'] for d in answer.body['desktops']] == ['running']
    assert len(base64.b64decode(answer.body['guest_public_key'])) == 32


def test_a_host_is_never_held_until_it_counts_as_silent(fresh, tmp_path):
    broker = fresh(hosts__silent_after='3s').start()
    host = with_host(broker, tmp_path)
    quiet = host.sync(wait_ms=25000)
    assert quiet.status == 200 and 0.9 < quiet.seconds < 2.5, quiet


def test_newer_sync_takes_the_held_ones_place(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    with concurrent.futures.ThreadPoolExecutor(2) as threads:
        before = last_seen(broker)
        first = threads.submit(host.sync, 15000)
        wait_until('it was heard', lambda: last_seen(broker) > before)
        second = threads.submit(host.sync, 1000)
        assert first.result().seconds < 2
        assert second.result().status == 200


@pytest.mark.parametrize('change', [
    {'seq': 'x'}, {'seq': -1}, {'generation': 'x'}, {'wait_ms': 10**9}, {'host': []},
    {'desktops': {}}, {'desktops': [1]}, {'desktops': [{'id': '../../etc'}]},
    {'desktops': [{'id': 'ab' * 8, 'epoch': 1, 'state': 'happy'}]},
    {'images': [{'sha256': 'x', 'state': 'ready'}]}, {'images': [{}] * 300},
    {'host': {'cpus': -1}}, {'host': {'relay': {'port': 70000}}}])
def test_bad_reports_are_refused(shared, change):
    answer = shared.host.sync(**change)
    assert (answer.status, answer.code) == (400, 'bad_request')


def test_spares_are_made_ahead_and_replaced(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path, spare=2)
    assert len(host.desktops) == 2
    before = set(host.desktops)
    answer = broker.login('hanako')
    assert answer.body['connect']['status'] == 'ready', 'a spare is there at once'
    assert answer.body['desktops'][0]['id'] in before
    host.settle()
    assert len(host.desktops) == 3
    counts = broker.admin('GET', '/v1/admin/pools').body['pools'][0]['counts']
    assert counts == {'assigned': 1, 'spare_ready': 2, 'spare_coming': 0, 'failed': 0,
                      'leaving': 0, 'starting': 0, 'waiting': 0}


def ids(broker, **fields):
    return {d['id'] for d in broker.admin('GET', '/v1/admin/desktops').body['desktops']
            if all(d[k] == v for k, v in fields.items())}


def test_logoff_refreshes_and_disconnect_keeps(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path, spare=1)
    ticket = ready_ticket(broker, host)
    mine = ticket['desktop']['id']
    session = host.redeem(ticket['locator'], ticket['secret']).body['session']
    host.events({'session': session, 'at_ms': 1, 'kind': 'session_active'})
    host.change(mine, logged_on='hanako')
    host.events({'session': session, 'at_ms': 2, 'kind': 'session_ended'})
    assert ids(broker, id=mine, use='disconnected', logged_on='hanako') == {mine}
    assert broker.login('hanako').body['connect']['desktop']['id'] == mine, 'follow me'

    host.change(mine, logged_on='', logoffs=1)
    host.settle()
    host.sync()
    assert mine not in host.desktops and mine not in ids(broker)
    assert len(host.desktops) == 2, 'the spare, and a new one in its place'
    assert broker.login('hanako').body['connect']['desktop']['id'] != mine
    host.settle()
    host.sync()
    assert len(host.desktops) == 2, 'she has taken that place: one spare is left'


def test_deleted_at_logoff_leaves_it_to_the_planner(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path, spare=1, on_logoff='delete')
    mine = ready_ticket(broker, host)['desktop']['id']
    host.settle()
    assert len(host.desktops) == 2
    host.change(mine, logoffs=1)
    host.settle()
    host.sync()
    assert len(host.desktops) == 1 and mine not in host.desktops, 'only the spare that is wanted'


def test_reboot_inside_a_floating_guest_refreshes_a_dedicated_one_stays(fresh, tmp_path):
    broker = fresh().start()
    broker.publish()
    broker.apply(pool('sales', ['sales']), pool('lab', ['engineering'], assignment='dedicated'))
    host = FakeAgent(broker, 'host-1', tmp_path)
    host.join()
    host.settle()
    floating = ready_ticket(broker, host)['desktop']['id']
    dedicated = ready_ticket(broker, host, 'minji')['desktop']['id']
    host.change(floating, resets=1)
    host.change(dedicated, resets=1)
    assert ids(broker, want='absent') == {floating}
    host.change(dedicated, logoffs=1)
    assert ids(broker, user='minji', use='logged_off') == {dedicated}


def test_disconnect_timeout(fresh, tmp_path):
    broker = fresh(hosts__silent_after='1s').start()
    host = with_host(broker, tmp_path, disconnect_timeout_ms=300).start()
    try:
        mine = broker.login('hanako').body['desktops'][0]['id']
        wait_until('it is taken back', lambda: mine not in ids(broker), 10)
    finally:
        host.stop()


def test_self_service_as_far_as_the_pool_allows(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path, self_service={'restart': 'allow'})
    login = broker.login('hanako').body
    mine, token = login['desktops'][0]['id'], login['token']
    stranger = broker.login('山田').body['token']
    host.settle()

    def do(deed, token, id_=mine):
        return broker.http('POST', f'/v1/desktops/{id_}/{deed}', {}, token=token)
    assert do('restart', stranger).status == 404
    assert (do('reset', token).status, do('reset', token).code) == (403, 'forbidden')
    assert do('restart', None).status == 401
    assert do('restart', token).status == 204
    wanted = next(d for d in host.sync().body['desktops'] if d['id'] == mine)
    assert wanted['incarnation'] == 1 and wanted['want'] == 'running'

    broker.apply(pool('sales', ['sales'], self_service={'reset': 'allow'}))
    assert do('restart', token, 'sales').status == 403
    assert do('reset', token, 'sales').status == 204
    host.settle()
    after = broker.login('hanako').body['connect']
    assert after['desktop']['id'] != mine and after['status'] == 'ready'
    assert broker.admin('POST', f"/v1/admin/desktops/{after['desktop']['id']}/restart").status == 204
    assert broker.admin('POST', f"/v1/admin/desktops/{after['desktop']['id']}/reset").status == 204
    done = [(r['what'], r['who'], r['code']) for r in broker.audit()
            if r['what'] in ('desktop_restart', 'desktop_reset')]
    assert done.count(('desktop_reset', 'hanako', 'forbidden')) == 2
    assert ('desktop_restart', 'hanako', 'ok') in done and ('desktop_reset', 'admin', 'ok') in done


def test_people_in_line_are_served_in_order_and_told_where_they_are(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path, most=1)
    first = ready_ticket(broker, host)['desktop']['id']
    tokens = {}
    for user in ('山田', 'both', 'star*(x)\\y'):
        login = broker.login(user).body
        tokens[user] = login['token']
        assert login['connect']['code'] == 'waiting_for_desktop'
        assert login['connect']['position'] == len(tokens)
    counts = broker.admin('GET', '/v1/admin/pools').body['pools'][0]['counts']
    assert (counts['assigned'], counts['waiting']) == (1, 3)
    sales = next(p for p in broker.admin('GET', '/v1/admin/explain?user=both').body['pools']
                 if p['pool'] == 'sales')
    assert sales['waiting'] == {'position': 2, 'code': 'waiting_for_desktop', 'why': 'pool_full',
                                'estimate_ms': -1}

    def wait(user, position):
        return broker.http('POST', '/v1/desktops/sales/connect', {
            'wait_ms': 12000, 'seen': 'waiting', 'seen_position': position}, token=tokens[user])
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        held = {user: threads.submit(wait, user, n + 1) for n, user in enumerate(tokens)}
        time.sleep(1.2)
        assert not any(f.done() for f in held.values())
        assert broker.http('DELETE', '/v1/session', token=broker.login('both').body['token'])
        answer = held['star*(x)\\y'].result()
        assert answer.body['position'] == 2 and answer.seconds < 5, 'one has given up'
        host.change(first, logoffs=1)
        for _ in range(2):      # the old one goes, then the new one comes
            host.settle('starting')
        answer = held['山田'].result()
        assert answer.body['code'] == 'desktop_starting', answer
        host.make_ready(answer.body['desktop']['id'])
    assert broker.connect(tokens['山田'], 'sales').status == 200
    assert broker.connect(tokens['star*(x)\\y'], 'sales').body['position'] in (1, 2)


def test_host_cannot_speak_for_another_hosts_desktops(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    desktop = broker.login('hanako').body['desktops'][0]['id']
    host.settle('starting')
    thief = FakeAgent(broker, 'host-2', tmp_path)
    thief.join()
    report = dict(host.desktops[desktop], state='ready', stage='ready', address='203.0.113.9',
                  rdp_certificate_sha256='cd' * 32)
    answer = thief.sync(desktops=[report])
    assert answer.status == 200 and answer.body['desktops'] == []
    row = next(d for d in broker.admin('GET', '/v1/admin/desktops').body['desktops'])
    assert row['address'] == '' and row['host'] == 'host-1' and row['state'] == 'starting'


def test_silent_host_is_lost_and_comes_back(fresh, tmp_path):
    broker = fresh(hosts__silent_after='1s').start()
    host = with_host(broker, tmp_path)

    def state():
        return broker.admin('GET', '/v1/admin/hosts').body['hosts'][0]['state']
    assert state() == 'active'
    wait_until('it counts as lost', lambda: state() == 'lost', 6)
    assert broker.login('hanako').status == 200
    assert broker.connect(broker.login('hanako').body['token'], 'sales').code == 'no_host'
    host.sync()
    assert state() == 'active'


# --- tickets --------------------------------------------------------------------------------------

def refusals(broker):
    return [r['code'] for r in broker.audit(denied=True) if r['what'] == 'redeem']


def test_S14_ticket_opens_one_session(shared):
    ticket = ready_ticket(shared, shared.host)
    answer = shared.host.redeem(ticket['locator'], ticket['secret'])
    assert answer.status == 200, answer
    body = answer.body
    assert body['user'] == 'hanako' and re.fullmatch('[0-9a-f]{16}', body['session'])
    assert body['desktop'] == {k: ticket['desktop'][k] for k in ('id', 'name', 'pool')}
    assert body['guest'] == {'address': '10.77.0.5', 'port': 3389,
                             'certificate_sha256': GUEST_SHA256}
    assert body['credential']['user'] == 'hanako'
    assert body['credential']['password'].startswith('gk1.')
    assert len(body['credential']['password']) <= 240
    assert body['policy'] == ticket['policy']
    again = shared.host.redeem(ticket['locator'], ticket['secret'])
    assert (again.status, again.code) == (403, 'ticket_invalid')
    assert refusals(shared)[0] == 'ticket_used'


def test_account_names_that_no_guest_can_have(shared):
    ticket = ready_ticket(shared, shared.host, '山田')
    body = shared.host.redeem(ticket['locator'], ticket['secret']).body
    assert body['user'] == '山田' and re.fullmatch('u-[0-9a-f]{12}', body['credential']['user'])


def test_S14_of_fifty_relays_one_wins(shared):
    ticket = ready_ticket(shared, shared.host)
    with concurrent.futures.ThreadPoolExecutor(50) as threads:
        answers = list(threads.map(
            lambda _: shared.host.redeem(ticket['locator'], ticket['secret']).status, range(50)))
    assert sorted(answers) == [200] + [403] * 49


def test_S14_expired_ticket(fresh, tmp_path):
    broker = fresh(login__ticket='1s').start()
    host = with_host(broker, tmp_path)
    ticket = ready_ticket(broker, host)
    assert ticket['expires_in_ms'] == 1000
    time.sleep(1.05)
    answer = host.redeem(ticket['locator'], ticket['secret'])
    assert (answer.status, answer.code) == (403, 'ticket_invalid')
    assert refusals(broker)[0] == 'ticket_expired'


def test_S14_other_host_cannot_redeem(shared, tmp_path):
    ticket = ready_ticket(shared, shared.host)
    other = FakeAgent(shared, 'host-9', tmp_path)
    other.join()
    answer = other.redeem(ticket['locator'], ticket['secret'])
    assert (answer.status, answer.code) == (403, 'ticket_invalid')
    assert refusals(shared)[0] == 'ticket_other_host'


def test_S14_three_wrong_secrets_burn_the_ticket(shared):
    ticket = ready_ticket(shared, shared.host)
    flipped = ('A' if ticket['secret'][0] != 'A' else 'B') + ticket['secret'][1:]
    tried = [shared.host.redeem(ticket['locator'], secret).body for secret in (flipped, flipped, flipped, ticket['secret'])]
    answers = {str({k: v for k, v in body.items() if k != 'request_id'}) for body in tried}
    assert len(answers) == 1 and 'ticket_invalid' in answers.pop()
    assert refusals(shared)[:4] == ['ticket_burned'] + ['ticket_wrong_secret'] * 3


@pytest.mark.parametrize('locator,secret', [('', ''), ('A' * 22, 'A' * 43), ('x', 'y'),
                                            ('../../../../../../../..', 'Z' * 43)])
def test_S14_made_up_tickets(shared, locator, secret):
    answer = shared.host.redeem(locator, secret)
    assert (answer.status, answer.code) == (403, 'ticket_invalid')


def test_refusals_of_relays_are_audited(shared):
    ticket = ready_ticket(shared, shared.host)
    session = shared.host.redeem(ticket['locator'], ticket['secret']).body['session']
    now = int(time.time() * 1000)
    answer = shared.host.events(
        {'session': session, 'at_ms': now, 'kind': 'session_active'},
        {'session': session, 'at_ms': now, 'kind': 'denied', 'what': 'device', 'name': 'usb-stick',
         'count': 2, 'client_address': '192.0.2.77'},
        {'session': session, 'at_ms': now, 'kind': 'session_ended'})
    assert answer.status == 204
    rows = {r['what']: r for r in shared.audit() if r['details'].get('session') == session
            or r['subject'] == session}
    device = rows['device']
    assert device['denied'] and device['who'] == 'hanako' and device['subject'] == 'usb-stick'
    assert device['details']['pool'] == 'sales' and device['details']['count'] == 2
    assert {'session_active', 'session_ended'} <= set(rows)
    listed = shared.admin('GET', '/v1/admin/sessions?all=1').body['sessions']
    mine = next(s for s in listed if s['id'] == session)
    assert mine['active_at_ms'] and mine['ended_at_ms']


def test_events_of_sessions_elsewhere_change_nothing(shared, tmp_path):
    ticket = ready_ticket(shared, shared.host)
    session = shared.host.redeem(ticket['locator'], ticket['secret']).body['session']
    other = FakeAgent(shared, 'host-8', tmp_path)
    other.join()
    assert other.events({'session': session, 'at_ms': 1, 'kind': 'session_ended'}).status == 204
    assert other.events({'session': session, 'at_ms': 1, 'kind': 'denied', 'what': 'device',
                         'name': 'x'}).status == 204
    listed = shared.admin('GET', '/v1/admin/sessions').body['sessions']
    assert session in [s['id'] for s in listed]
    row = next(r for r in shared.audit(denied=True) if r['what'] == 'device')
    assert row['who'] == '' and row['details']['host'] == 'host-8'


@pytest.mark.parametrize('event', [{}, {'kind': 'party'}, {'kind': 'denied', 'what': 'x'},
                                   {'kind': 'denied', 'what': 'device', 'name': 'x' * 200},
                                   {'kind': 'session_active', 'session': 'x' * 40}])
def test_bad_events(shared, event):
    assert shared.host.events(event).status == 400


def test_revoke_all(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    ticket = ready_ticket(broker, host)
    token = broker.login('hanako').body['token']
    join = host.token()
    answer = broker.admin('POST', '/v1/admin/revoke-all')
    assert answer.status == 200 and answer.body['logins'] >= 2 and answer.body['tickets'] >= 1
    assert broker.http('GET', '/v1/session', token=token).status == 401
    assert host.redeem(ticket['locator'], ticket['secret']).status == 403
    assert FakeAgent(broker, 'host-1', tmp_path / 'x').join(join).status == 403


# --- sessions that are over -----------------------------------------------------------------------

def open_session(broker, host):
    ticket = ready_ticket(broker, host)
    return host.redeem(ticket['locator'], ticket['secret']).body['session']


def held(host, *sessions, wait_ms=10000):
    """The answer to a question of the relay, and how long it was held, both once it has come."""
    answer, thread = {}, None

    def ask():
        began = time.monotonic()
        answer['body'] = host.sessions(*sessions, wait_ms=wait_ms).body
        answer['s'] = time.monotonic() - began
    thread = threading.Thread(target=ask)
    thread.start()
    time.sleep(0.3)
    assert thread.is_alive(), answer

    def wait():
        thread.join(15)
        return answer['body'], answer['s']
    return wait


def test_newer_session_ends_the_older_one_of_the_desktop(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    first = open_session(broker, host)
    assert host.sessions(first).body == {'end': []}
    wait = held(host, first)
    second = open_session(broker, host)
    body, seconds = wait()
    assert body == {'end': [{'session': first, 'reason': 'session_moved'}]} and seconds < 3
    # said again as long as it is listed, also after a restart
    broker.stop()
    broker.start(init=False)
    assert host.sessions(first, second).body['end'] == [{'session': first, 'reason': 'session_moved'}]
    assert host.sessions(second).body == {'end': []}


def test_admin_ends_a_session(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    session = open_session(broker, host)
    assert host.events({'session': session, 'at_ms': 1, 'kind': 'session_active'}).status == 204
    wait = held(host, {'id': session, 'idle_ms': 4000, 'bytes_to_desktop': 10, 'bytes_from_desktop': 2000})
    row = broker.admin('GET', '/v1/admin/sessions').body['sessions'][0]
    assert (row['idle_ms'], row['bytes_to_desktop'], row['bytes_from_desktop']) == (4000, 10, 2000)
    assert broker.admin('POST', f'/v1/admin/sessions/{session}/end').status == 204
    body, seconds = wait()
    assert body == {'end': [{'session': session, 'reason': 'session_disconnected'}]} and seconds < 3
    assert broker.admin('GET', '/v1/admin/sessions').body['sessions'] == []
    assert broker.admin('GET', '/v1/admin/desktops').body['desktops'][0]['use'] == 'disconnected'
    assert broker.audit()[0]['what'] == 'session_end' and broker.audit()[0]['subject'] == session
    assert broker.admin('POST', f'/v1/admin/sessions/{"0" * 16}/end').status == 404
    other = FakeAgent(broker, 'host-8', tmp_path)
    other.join()
    assert other.sessions(session).body['end'] == [{'session': session, 'reason': 'session_disconnected'}]


def test_idle_sessions_are_ended_by_the_rule_of_their_pool(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path, idle_timeout_ms=60000)
    session = open_session(broker, host)
    assert host.events({'session': session, 'at_ms': 1, 'kind': 'session_active'}).status == 204
    assert host.sessions({'id': session, 'idle_ms': 59999}).body == {'end': []}
    assert host.sessions({'id': session, 'idle_ms': 60000}).body == {
        'end': [{'session': session, 'reason': 'idle_timeout'}]}
    desktop = broker.admin('GET', '/v1/admin/desktops').body['desktops'][0]
    assert (desktop['use'], desktop['want'], desktop['user']) == ('disconnected', 'running', 'hanako')
    assert broker.audit()[0]['what'] == 'session_idle' and broker.audit()[0]['who'] == 'hanako'
    # With logoff the desktop goes as if she had logged off herself.
    broker.apply(pool('sales', ['sales'], idle_timeout_ms=60000, idle_action='logoff'))
    session = open_session(broker, host)
    assert host.sessions({'id': session, 'idle_ms': 70000}).body['end'][0]['reason'] == 'idle_timeout'
    assert ids(broker, want='absent') == {desktop['id']}


def second_admin(broker, name):
    """How NAME asks the admin API."""
    status, out = broker.run('--admin', name)
    assert status == 0 and out.strip().endswith(f'admins/{name}.crt'), out
    pair = [broker.state / 'admins' / f'{name}.{end}' for end in ('crt', 'key')]
    return lambda method, path, body=None: broker.http(method, path, body, certificate=pair)


def wish(user='hanako', pool='sales', hours=2.0, **more):
    return dict({'user': user, 'pool': pool, 'reason': '展示会 in Kyōto',
                 'duration_ms': int(hours * 3600000)}, **more)


def exception_rows(broker, id_):
    return [(row['what'], row['who'], row['code']) for row in reversed(broker.audit())
            if row['subject'] == id_]


def open_redeemed(broker, host):
    ticket = ready_ticket(broker, host)
    return ticket, host.redeem(ticket['locator'], ticket['secret']).body


def test_exception_needs_two_administrators_and_ends_by_itself(fresh, tmp_path):
    broker = fresh(hosts__silent_after='1s').start()
    host = with_host(broker, tmp_path)
    alice, boris = second_admin(broker, 'alice'), second_admin(broker, 'boris')
    assert alice('POST', '/v1/admin/exceptions', wish()).code == 'not_found'  # never logged in
    ticket, redeemed = open_redeemed(broker, host)
    assert 'exception' not in ticket and 'exception' not in redeemed

    asked = alice('POST', '/v1/admin/exceptions', wish(hours=1 / 60))
    assert asked.status == 200 and asked.body['exception']['state'] == 'requested', asked
    id_ = asked.body['exception']['id']
    path = f'/v1/admin/exceptions/{id_}'
    assert alice('POST', path + '/approve').code == 'same_admin'
    ticket, redeemed = open_redeemed(broker, host)
    assert 'exception' not in ticket and 'exception' not in redeemed

    approved = boris('POST', path + '/approve').body['exception']
    assert (approved['state'], approved['approved_by']) == ('approved', 'boris')
    ticket, redeemed = open_redeemed(broker, host)
    assert ticket['exception']['approved_by'] == 'boris'
    assert ticket['exception']['expires_at_ms'] == approved['expires_at_ms']
    assert redeemed['exception']['device'] == 'drive'
    assert 0 < redeemed['exception']['expires_in_ms'] <= 60000
    assert redeemed['policy']['removable_storage'] == 'deny'    # the pool's policy stays what it is

    wait = held(host, redeemed['session'])
    with sqlite3.connect(broker.state / 'broker.db', timeout=10) as db:  # as if the minute had passed
        db.execute('UPDATE exception SET expires_at_ms = 1 WHERE id = ?', (id_,))
    body, _ = wait()
    assert body['end'] == [{'session': redeemed['session'], 'reason': 'exception_over'}]
    assert boris('GET', path).body['exception']['state'] == 'expired'
    assert exception_rows(broker, id_) == [
        ('exception_requested', 'alice', 'ok'), ('exception_approved', 'alice', 'same_admin'),
        ('exception_approved', 'boris', 'ok'), ('exception_used', 'hanako', 'ok'),
        ('exception_expired', '', 'ok')]
    ticket, redeemed = open_redeemed(broker, host)
    assert 'exception' not in ticket and 'exception' not in redeemed
    assert broker.admin('GET', '/v1/admin/exceptions').body['exceptions'] == []
    assert len(broker.admin('GET', '/v1/admin/exceptions?all=1').body['exceptions']) == 1


def test_revoked_exception_ends_the_session_at_once(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    alice, boris = second_admin(broker, 'alice'), second_admin(broker, 'boris')
    ready_ticket(broker, host)
    id_ = alice('POST', '/v1/admin/exceptions', wish()).body['exception']['id']
    assert boris('POST', f'/v1/admin/exceptions/{id_}/approve').status == 200
    _, redeemed = open_redeemed(broker, host)
    wait = held(host, redeemed['session'])
    assert alice('POST', f'/v1/admin/exceptions/{id_}/revoke').status == 200
    body, seconds = wait()
    assert body['end'] == [{'session': redeemed['session'], 'reason': 'exception_over'}]
    assert seconds < 3
    assert alice('POST', f'/v1/admin/exceptions/{id_}/revoke').code == 'exception_over'
    _, redeemed = open_redeemed(broker, host)
    assert 'exception' not in redeemed


@pytest.mark.parametrize('body', [
    {}, wish(hours=0), wish(hours=25), wish(device='usb'), wish(reason=' '), wish(user=''),
    wish(reason='x' * 300)])
def test_bad_wishes_for_exceptions(shared, body):
    answer = shared.admin('POST', '/v1/admin/exceptions', body)
    assert answer.code in ('bad_request', 'not_found'), answer


def test_no_two_administrators_of_one_name(shared):
    assert shared.run('--admin', 'carla')[0] == 0
    for name in ('carla', 'admin', 'Carla', '../x', '', 'x' * 70):
        assert shared.run('--admin', name)[0] == 1, name


def rdp_file(broker, token, desktop, wait_ms=0):
    """(status, text or problem) of the .rdp file."""
    link = http.client.HTTPSConnection('127.0.0.1', broker.port, timeout=40,
                                       context=broker.context())
    link.request('GET', f'/v1/desktops/{desktop}/rdp?wait_ms={wait_ms}', None,
                 {'Authorization': f'Bearer {token}'})
    answer = link.getresponse()
    body = answer.read().decode()
    link.close()
    assert answer.status != 200 or answer.getheader('Content-Type') == 'application/x-rdp'
    return answer.status, body


def rdp_settings(text):
    """{key: value} and the order of the keys; every line must be key:type:value."""
    assert text.endswith('\r\n')
    return {line.split(':', 2)[0]: line.split(':', 2)[2] for line in text.split('\r\n')[:-1]}


def verify_rdp_signature(broker, folder, text):
    """As mstsc does: the settings named in the scope, in that order, then the scope itself."""
    lines = text.split('\r\n')[:-1]
    scope = next(line for line in lines if line.startswith('signscope:s:'))
    by_name = {line.split(':', 2)[0].replace(' ', '').lower(): line for line in lines}
    named = [by_name[name.replace(' ', '').lower()] for name in scope.split(':', 2)[2].split(',')]
    content = ('\r\n'.join([*named, scope]) + '\r\n\0').encode('utf-16-le')
    blob = base64.b64decode(next(line for line in lines if line.startswith('signature:s:'))[12:])
    assert struct.unpack('<III', blob[:12]) == (0x00010001, 1, len(blob) - 12)
    (folder / 'signature').write_bytes(blob[12:])
    (folder / 'content').write_bytes(content)
    return subprocess.run(
        ['openssl', 'cms', '-verify', '-binary', '-inform', 'DER', '-in', folder / 'signature',
         '-content', folder / 'content', '-CAfile', broker.state / 'ca.crt', '-purpose', 'any',
         '-out', '/dev/null'], capture_output=True).returncode == 0


def test_rdp_file_for_standard_clients(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path, standard_clients='allow')
    token = broker.login('hanako').body['token']
    host.settle()
    status, text = rdp_file(broker, token, 'sales')
    assert status == 200, text
    found = rdp_settings(text)
    assert found['full address'] == found['alternate full address'] == '192.0.2.10:3389'
    for key in ('redirectdrives', 'redirectcomports', 'redirectposdevices', 'redirectprinters',
                'redirectsmartcards', 'redirectclipboard', 'redirectdirectx', 'redirectwebauthn',
                'redirectlocation', 'audiocapturemode', 'enablecredsspsupport'):
        assert found[key] == '0', key
    for key in ('drivestoredirect', 'devicestoredirect', 'usbdevicestoredirect',
                'camerastoredirect', 'alternate shell'):
        assert found[key] == '', key
    assert found['audiomode'] == '0'    # the pool's policy: sound
    assert verify_rdp_signature(broker, tmp_path, text)
    assert not verify_rdp_signature(broker, tmp_path, text.replace('redirectdrives:i:0',
                                                                   'redirectdrives:i:1'))
    locator = found['loadbalanceinfo'].removeprefix('Cookie: msts=')
    user, secret = found['username'].split('\x1f')
    assert user == 'hanako' and len(base64.urlsafe_b64decode(secret + '=')) == 32

    assert host.redeem(locator, secret, '127.0.0.1').code == 'ticket_invalid'   # as our client's
    assert host.redeem(locator, secret, '127.0.0.2', standard=True).code == 'ticket_invalid'
    assert host.redeem(locator, secret, '127.0.0.1', standard=True).status == 200
    assert host.redeem(locator, secret, '127.0.0.1', standard=True).code == 'ticket_invalid'
    assert [row['code'] for row in broker.audit() if row['what'] == 'redeem'] == [
        'ticket_used', 'ok', 'ticket_other_address', 'ticket_other_client']
    assert 'rdp_file' in [row['what'] for row in broker.audit()]
    assert rdp_file(broker, 'x' * 43, 'sales')[0] == 401


def test_no_rdp_file_unless_the_pool_says_so(shared):
    token = shared.login('hanako').body['token']
    before = len(shared.admin('GET', '/v1/admin/desktops').body['desktops'])
    status, text = rdp_file(shared, token, 'sales')
    assert status == 403 and json.loads(text)['code'] == 'standard_clients_denied'
    assert shared.audit(denied=True)[0]['code'] == 'standard_clients_denied'
    assert len(shared.admin('GET', '/v1/admin/desktops').body['desktops']) == before


def test_rdp_file_of_a_desktop_that_starts(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path, standard_clients='allow')
    token = broker.login('hanako').body['token']
    status, text = rdp_file(broker, token, 'sales')
    assert status == 202 and json.loads(text)['status'] == 'preparing', text
    host.start()
    status, text = rdp_file(broker, token, 'sales', wait_ms=20000)
    host.stop()
    assert status == 200, text


def test_refusals_are_told_by_user_pool_time_and_rule(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    session = open_session(broker, host)
    told = [('device', 'drive USBSTICK', 'removable_storage'), ('device', 'printer HP', 'printers'),
            ('static_channel', 'cliprdr', 'clipboard'), ('static_channel', 'rdp2tcp', 'never allowed'),
            ('dynamic_channel', 'AUDIO_INPUT', 'microphone')]
    assert host.events(*({'session': session, 'at_ms': 1, 'kind': 'denied', 'what': what, 'name': name, 'count': 3,
                          'client_address': '192.0.2.77'} for what, name, _ in told)).status == 204

    def rows(query):
        answer = broker.admin('GET', f'/v1/admin/audit?denied=1&limit=100{query}')
        assert answer.status == 200, answer
        return answer.body['audit']
    found = list(reversed(rows('&user=hanako&pool=sales')))
    assert [(r['what'], r['subject'], r['details']['rule']) for r in found] == told
    assert all(r['who'] == 'hanako' and r['source'] == '192.0.2.77' and r['details']['count'] == 3
               and r['details']['session'] == session for r in found)
    assert rows('&user=taro') == rows('&pool=lab') == [] and len(rows('')) == len(told)
    now_ms = int(time.time() * 1000)
    assert rows(f'&since_ms={now_ms + 60000}') == [] and len(rows(f'&since_ms={now_ms - 60000}')) == len(told)
    assert broker.admin('GET', '/v1/admin/audit?pool=%25').code == 'bad_request'

    text = metrics(broker)
    assert 'genkan_refusals_total{what="device"} 6\n' in text
    assert 'genkan_requests_total{code="ok"}' in text and '# TYPE genkan_sessions gauge' in text
    assert broker.http('GET', '/metrics').status == 403


def metrics(broker):
    link = http.client.HTTPSConnection('127.0.0.1', broker.port, timeout=20,
                                       context=broker.context(broker.admin_certificate))
    link.request('GET', '/metrics')
    answer = link.getresponse()
    assert answer.status == 200 and answer.getheader('Content-Type').startswith('text/plain')
    text = answer.read().decode()
    link.close()
    return text


def test_revoke_all_ends_running_sessions(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    session = open_session(broker, host)
    wait = held(host, session)
    answer = broker.admin('POST', '/v1/admin/revoke-all')
    assert answer.body['sessions'] == 1
    body, seconds = wait()
    assert body['end'] == [{'session': session, 'reason': 'session_disconnected'}] and seconds < 3


@pytest.mark.parametrize('body', [{}, {'sessions': [{}]}, {'sessions': [{'id': 'x' * 40}]},
                                  {'sessions': [], 'wait_ms': -1}])
def test_bad_questions_of_a_relay(shared, body):
    assert shared.agent_http('POST', '/agent/v1/sessions', body, shared.host.certificate).status == 400


def test_question_of_a_relay_ends_when_its_time_is_over(shared):
    began = time.monotonic()
    assert shared.host.sessions(wait_ms=300).body == {'end': []}
    assert 0.25 < time.monotonic() - began < 3


# --- admins ---------------------------------------------------------------------------------------

ADMIN = [('GET', 'pools'), ('PUT', 'pools'), ('GET', 'desktops'), ('GET', 'hosts'),
         ('POST', 'desktops/x/restart'), ('POST', 'desktops/x/reset'),
         ('GET', 'sessions'), ('GET', 'images'), ('GET', 'audit'), ('POST', 'images'),
         ('POST', 'host-tokens'), ('GET', 'explain?user=hanako'), ('POST', 'desktops/x/delete'),
         ('POST', 'revoke-all'), ('POST', 'sessions/x/end')]


@pytest.mark.parametrize('method,path', ADMIN)
def test_admin_needs_the_admin_certificate(shared, method, path):
    token = shared.login('hanako').body['token']
    for more in ({}, {'token': token}, {'certificate': shared.host.certificate}):
        answer = shared.http(method, f'/v1/admin/{path}', {} if method != 'GET' else None, **more)
        assert (answer.status, answer.code) == (403, 'forbidden')


def test_answers_show_only_their_own_fields(shared):
    """No secret, key or token in any list; a user sees nobody else."""
    ticket = ready_ticket(shared, shared.host)
    token = shared.login('hanako').body['token']
    texts = [str(shared.admin(m, f'/v1/admin/{p}').body) for m, p in ADMIN if m == 'GET']
    for secret in (ticket['secret'], ticket['locator'], token, password_of('hanako')):
        assert not any(secret in text for text in texts)
    mine = str(shared.http('GET', '/v1/desktops', token=token).body)
    for other in ('山田', 'minji', 'host-1', '10.77.0.5', RELAY_SHA256):
        assert other not in mine


def test_pools_apply_is_whole_or_nothing(fresh):
    broker = fresh().start()
    broker.apply(pool('one'), pool('two'))
    bad = broker.admin('PUT', '/v1/admin/pools', {'pools': [pool('one'), pool('Bad Name')]})
    assert bad.status == 400
    unknown = broker.admin('PUT', '/v1/admin/pools', {'pools': [pool('one', surprise=1)]})
    assert unknown.status == 400 and 'surprise' in unknown.body['detail']
    storage = pool('one')
    storage['policy'] = {'removable_storage': 'allow'}
    assert broker.admin('PUT', '/v1/admin/pools', {'pools': [storage]}).status == 400
    dry = broker.admin('PUT', '/v1/admin/pools', {'pools': [pool('two')], 'dry_run': True})
    assert dry.body['changes'] == [{'pool': 'one', 'action': 'delete'},
                                   {'pool': 'two', 'action': 'none'}]
    assert len(broker.admin('GET', '/v1/admin/pools').body['pools']) == 2
    again = broker.apply(pool('two'))
    assert again.body['changes'] == dry.body['changes']
    assert len(broker.admin('GET', '/v1/admin/pools').body['pools']) == 1


def test_explain(shared):
    body = shared.admin('GET', '/v1/admin/explain?user=minji').body
    assert body['groups'] == ['testers', 'engineering']
    lab = next(p for p in body['pools'] if p['pool'] == 'lab')
    sales = next(p for p in body['pools'] if p['pool'] == 'sales')
    assert lab['entitled'] and (lab['code'], lab['principal']) == ('entitled_by_group', 'engineering')
    assert not sales['entitled'] and sales['code'] == 'not_entitled'
    assert shared.admin('GET', '/v1/admin/explain?user=nobody').status == 404
    assert shared.admin('GET', '/v1/admin/explain').status == 400


def test_delete_desktop(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    desktop = broker.login('hanako').body['desktops'][0]['id']
    host.settle()
    assert broker.admin('POST', f'/v1/admin/desktops/{desktop}/delete').status == 204
    wants = {d['id']: d['want'] for d in host.sync().body['desktops']}
    assert wants.get(desktop, 'absent') == 'absent'
    host.settle()
    host.sync()
    assert broker.admin('GET', '/v1/admin/desktops').body['desktops'] == []
    assert broker.admin('POST', f'/v1/admin/desktops/{desktop}/delete').status == 404
    assert [r['what'] for r in broker.audit()].count('desktop_delete') == 1


# --- the ports themselves -------------------------------------------------------------------------

def ports(broker):
    return broker.port, broker.agent_port


def test_S15_tls_1_2_is_refused(shared):
    for port in ports(shared):
        context = shared.context()
        context.maximum_version = ssl.TLSVersion.TLSv1_2
        with pytest.raises((ssl.SSLError, ConnectionError)):
            with socket.create_connection(('127.0.0.1', port), 5) as raw:
                context.wrap_socket(raw, server_hostname='127.0.0.1')


def test_garbage_and_half_open_connections(shared):
    rubbish = [os.urandom(2000), b'\x16\x03\x01\xff\xff' + os.urandom(500), b'GET / HTTP/1.0\r\n\r\n',
               b'\x00' * 5000, b'\x16\x03\x01\x00\x05\x01\x00\x00']
    for port in ports(shared):
        held = []
        for n in range(150):
            link = socket.create_connection(('127.0.0.1', port), 5)
            held.append(link)
            if n % 3:
                link.sendall(rubbish[n % len(rubbish)])
        assert shared.login('hanako').status == 200
        for link in held:
            link.close()
    assert shared.process.poll() is None


def test_half_open_connections_are_ended(shared):
    with socket.create_connection(('127.0.0.1', shared.port), 20) as link:
        began = time.monotonic()
        link.sendall(b'\x16\x03\x01')
        assert link.recv(100) == b''
        assert time.monotonic() - began < 8


@pytest.mark.parametrize('cut', [1, 80, 81, 200])
def test_hello_may_come_in_two_pieces(shared, cut):
    """The first bytes wake nobody up; what follows does, however short."""
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = shared.context().wrap_bio(into, out, server_hostname='127.0.0.1')
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = out.read()
    with socket.create_connection(('127.0.0.1', shared.port), 15) as link:
        link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        link.sendall(hello[:cut])
        time.sleep(0.1)
        link.sendall(hello[cut:])
        into.write(link.recv(65536))
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                into.write(link.recv(65536))
        link.sendall(out.read())
        for byte in b'GET /nowhere HTTP/1.1\r\nHost: x\r\n\r\n':
            tls.write(bytes([byte]))
            link.sendall(out.read())
        assert link.recv(65536)


@pytest.mark.parametrize('text', [
    b'GET /v1/health HTTP/9.9\r\n\r\n', b'\r\n\r\n\r\n', b'GET ' + b'/' * 20000 + b' HTTP/1.1\r\n\r\n',
    b'POST /v1/login HTTP/1.1\r\nContent-Length: -1\r\n\r\n',
    b'POST /v1/login HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n{',
    b'POST /v1/login HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nffffffffff\r\n',
    b'GET /%00%ff%zz HTTP/1.1\r\nHost: x\r\n\r\n', b'BREW /v1/login HTTP/1.1\r\nHost: x\r\n\r\n',
    os.urandom(4000)])
def test_garbage_inside_tls(shared, text):
    for port in ports(shared):
        with socket.create_connection(('127.0.0.1', port), 15) as raw:
            with shared.context().wrap_socket(raw, server_hostname='127.0.0.1') as link:
                link.sendall(text)
                link.settimeout(15)
                try:
                    answer = link.recv(200)
                except (ssl.SSLError, ConnectionError):
                    answer = b''
                assert answer == b'' or re.match(rb'HTTP/\d.\d [45]', answer), answer
    assert shared.http('GET', '/v1/health').status == 200


@pytest.mark.parametrize('method,path', [('GET', '/v1'), ('GET', '/v1/login'), ('DELETE', '/v1/health'),
                                         ('GET', '/v1/desktops//connect'), ('POST', '/v1/../v1/login'),
                                         ('GET', '/agent/v1/sync'), ('GET', '/v1/admin')])
def test_addresses_that_are_none(shared, method, path):
    assert shared.http(method, path).status == 404


# --- deaths and starts ----------------------------------------------------------------------------

def test_sigkill_keeps_what_was_promised(fresh, tmp_path):
    broker = fresh(login__user_failures=1000).start()
    host = with_host(broker, tmp_path, most=40).start()
    try:
        kept = {}
        for round_ in range(3):
            for user in ('hanako', '山田', 'both', 'star*(x)\\y'):
                login = broker.login(user)
                assert login.status == 200, login
                desktop = login.body['desktops'][0]['id']
                assert kept.setdefault(user, desktop) == desktop, f'{user} was moved'
            token = login.body['token']
            broker.kill()
            broker.start(init=False)
            assert broker.http('GET', '/v1/session', token=token).status == 200
            answer = broker.connect(token, kept['star*(x)\\y'], wait_ms=10000, seen='queued')
            assert answer.status in (200, 202)
        owners = [d['user'] for d in broker.admin('GET', '/v1/admin/desktops').body['desktops']
                  if d['user']]
        assert sorted(owners) == sorted(kept), 'one desktop each'
    finally:
        host.stop()
    with sqlite3.connect(broker.state / 'broker.db') as db:
        assert db.execute('PRAGMA integrity_check').fetchall() == [('ok',)]


def test_sigkill_in_the_middle_of_logins(fresh, tmp_path):
    broker = fresh().start()
    with_host(broker, tmp_path, most=40)
    promised, stop = {}, threading.Event()

    def keep_logging_in(user):
        while not stop.is_set():
            try:
                login = broker.login(user)
            except (OSError, ValueError):
                continue
            if login.status == 200:
                promised.setdefault(user, set()).add(login.body['desktops'][0]['id'])
    users = ['hanako', '山田', 'star*(x)\\y']
    threads = [threading.Thread(target=keep_logging_in, args=(u,)) for u in users]
    for thread in threads:
        thread.start()
    for pause in (0.31, 0.17, 0.23):
        time.sleep(pause)
        broker.kill()
        broker.start(init=False)
    stop.set()
    for thread in threads:
        thread.join()
    assert set(promised) == set(users) and all(len(ids) == 1 for ids in promised.values())


def test_store_held_by_another_process(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    other = sqlite3.connect(broker.state / 'broker.db', isolation_level=None)
    other.execute('BEGIN EXCLUSIVE')
    answer = broker.login('hanako')
    assert (answer.status, answer.code) == (503, 'busy') and answer.seconds < 5
    assert answer.body['retry_after_ms'] > 0
    assert broker.http('GET', '/v1/health').seconds < 0.5, 'the loop is not blocked'
    other.execute('ROLLBACK')
    other.close()
    assert broker.login('hanako').status == 200
    assert len(host.sync().body['desktops']) == 1, 'nothing half done is left'


def test_init_can_be_repeated(fresh):
    broker = fresh()
    status, made = broker.run('--init')
    assert status == 0 and 'ca.crt' in made and 'admin.crt' in made
    before = {p.name: p.read_bytes() for p in broker.state.iterdir() if p.suffix in ('.crt', '.key')}
    assert set(before) == {'ca.crt', 'ca.key', 'broker.crt', 'broker.key', 'admin.crt', 'admin.key',
                           'guest-signing.key'}
    for name in before:
        if name.endswith('.key'):
            assert (broker.state / name).stat().st_mode & 0o777 == 0o600
    assert broker.run('--init') == (0, '')
    assert {n: (broker.state / n).read_bytes() for n in before} == before
    broker.write_config(broker__names='127.0.0.1 vdi.example.com')
    assert 'broker.crt' in broker.run('--init')[1], 'a new name makes a new certificate'
    assert (broker.state / 'ca.key').read_bytes() == before['ca.key']
    assert broker.run('--check') == (0, '')


@pytest.mark.parametrize('settings,words', [
    ({'broker__no_such_key': '1'}, 'no_such_key'),
    ({'directory__uri': 'http://x'}, 'ldaps://'),
    ({'directory__user_filter': '(uid={nobody})'}, 'nobody'),
    ({'directory__user_filter': '(uid=x)'}, '{user}'),
    ({'directory__ca_file': '/nonexistent'}, '/nonexistent'),
    ({'directory__bind_password_file': '/nonexistent'}, '/nonexistent'),
    ({'login__ticket': '10m'}, 'login.ticket'),
    ({'broker__listen': 'x'}, 'listen'),
])
def test_check_names_what_is_wrong(fresh, settings, words):
    broker = fresh(**settings)
    broker.run('--init')
    status, out = broker.run('--check')
    assert status != 0 and words in out


def test_stops_with_everything_open(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    login = broker.login('hanako').body
    with concurrent.futures.ThreadPoolExecutor(3) as threads:
        held = [threads.submit(lambda: broker.connect(login['token'], 'sales', 20000, 'queued')),
                threads.submit(lambda: host.sync(20000))]
        time.sleep(0.4)
        assert broker.stop(signal.SIGTERM) == 0
        for wait in held:
            with pytest.raises((OSError, ValueError, Exception)):
                assert wait.result().status >= 500


def test_S11_secrets_stay_where_they_belong(fresh, tmp_path):
    broker = fresh().start()
    host = with_host(broker, tmp_path)
    ticket = ready_ticket(broker, host)
    token = broker.login('hanako').body['token']
    join = host.token()
    broker.login('hanako', 'wrong-Pw-987654')
    needles = [password_of('hanako'), 'wrong-Pw-987654', ticket['secret'], token, join,
               ticket['locator']]
    broker.stop()
    for path in [broker.log_path, *broker.state.iterdir()]:
        data = path.read_bytes()
        for needle in needles:
            assert needle.encode() not in data, f'{needle} is in {path.name}'


@pytest.mark.skipif(not PLAIN_PROGRAM, reason=NO_PLAIN_PROGRAM)
def test_S11_passwords_leave_memory(directory, tmp_path):
    """Of every process of the broker, as it is installed."""
    with PlainBroker(tmp_path, directory, login__user_failures=1000) as broker:
        for n in range(60):
            assert broker.login('hanako').code == 'not_entitled'
            broker.login('hanako', f'wrong-Pw-{n}-xyzzy')
        pids = family(broker.process.pid)
        assert len(pids) >= 4, 'core, starter, and a front for each door'
        found, _ = places(pids, [], {b'Pw-hanako-', b'-xyzzy'})
        assert found == []
        found, _ = places(pids, [], {b'genkan-broker'})
        assert found, 'the service account is there'


def test_process_is_closed(shared):
    limits = open(f'/proc/{shared.process.pid}/limits').read()
    assert re.search(r'Max core file size\s+0\s+0', limits)
    assert os.stat(f'/proc/{shared.process.pid}/environ').st_uid == 0
    owner = os.stat(f'/proc/{shared.process.pid}').st_uid
    assert owner == 0, 'not dumpable: the files in /proc belong to root'
