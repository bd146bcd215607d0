# SPDX-License-Identifier: Apache-2.0
"""Threats and faults by number (tests/threats.md) that no other test has: from the outside, against
the real broker and a real directory of a thousand people.

Longer: GENKAN_LOGINS=10000 (S2), GENKAN_FUZZ=1000000 (S1), GENKAN_SPRAY=10000 (F18).
"""
import concurrent.futures
import contextlib
import json
import os
import pathlib
import random
import re
import secrets
import socket
import ssl
import stat
import threading
import time

import pytest

import netns
from broker import NO_PLAIN_PROGRAM, PLAIN_PROGRAM, TOP, Broker, PlainBroker, pool
from fake_agent import FakeAgent
from needs import NEEDS_BROKER
from netns import wait_until
from remains import family, memory_of, places, written_as
from slapd import BASE, Slapd, line

pytestmark = NEEDS_BROKER

PEOPLE = 1000
MARK = 'Wx7q-' + secrets.token_hex(6)      # in every password of the crowd and nowhere else
LOGINS = int(os.environ.get('GENKAN_LOGINS', '400'))
FUZZ = int(os.environ.get('GENKAN_FUZZ', '600'))
SPRAY = int(os.environ.get('GENKAN_SPRAY', '600'))


def name_of(n):
    return f'person{n:05}'


def password_of(n):
    return f'{MARK}-{n}'


def nonce_of(n):
    return f'Nonce {n * 7919 % 1000003:07} Ångström {n}'


def crowd_ldif():
    """Teams of ten, in departments of ten teams, in one company: three groups deep."""
    text = ''
    for n in range(PEOPLE):
        dn = f'uid={name_of(n)},ou=people,{BASE}'
        text += (f'dn: {dn}\nobjectClass: inetOrgPerson\nuid: {name_of(n)}\n{line("cn", nonce_of(n))}'
                 f'sn: x\n{line("displayName", nonce_of(n))}{line("userPassword", password_of(n))}\n')

    def group(name, members):
        return (f'dn: cn={name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {name}\n' +
                ''.join(f'member: {m}\n' for m in members) + '\n')
    for team in range(PEOPLE // 10):
        text += group(f'team{team}', [f'uid={name_of(team * 10 + i)},ou=people,{BASE}' for i in range(10)])
    for department in range(PEOPLE // 100):
        text += group(f'department{department}', [f'cn=team{department * 10 + i},ou=groups,{BASE}'
                                                  for i in range(10)])
    return text + group('company', [f'cn=department{d},ou=groups,{BASE}' for d in range(PEOPLE // 100)])


@pytest.fixture(scope='module')
def people(tmp_path_factory):
    with Slapd(tmp_path_factory.mktemp('people'), more_ldif=crowd_ldif()) as slapd:
        yield slapd


@contextlib.contextmanager
def crowd_of(program, people, folder, **settings):
    with program(folder, people, login__source_failures=0, login__user_failures=1000,
                 directory__threads=8, directory__deadline_ms=20000, **settings) as broker:
        broker.publish()
        broker.apply(pool('desk', ['company'], most=10), pool('other', ['company'], most=10))
        yield broker


@pytest.fixture(scope='module')
def crowd(people, tmp_path_factory):
    with crowd_of(Broker, people, tmp_path_factory.mktemp('crowd')) as broker:
        yield broker


def retried(ask):
    """As clients do: who is told to wait, or cut off because this machine is too slow, asks again."""
    end = time.monotonic() + 120
    while True:
        try:
            answer = ask()
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.2)
            continue
        if answer.status not in (429, 503) or time.monotonic() > end:
            return answer
        time.sleep(answer.body.get('retry_after_ms', 200) / 1e3)


def test_S2_everybody_gets_the_own_answer(crowd):
    """Each with a name of their own; the token is its owner's, too."""
    def one(n):
        n %= PEOPLE
        answer = retried(lambda: crowd.http('POST', '/v1/login', {'user': name_of(n),
                                                                  'password': password_of(n)}))
        assert answer.status == 200, answer
        me = retried(lambda: crowd.http('GET', '/v1/session', token=answer.body['token']))
        return n, answer.body, me.body
    tokens = set()
    with concurrent.futures.ThreadPoolExecutor(48) as threads:
        for n, body, me in threads.map(one, range(LOGINS)):
            assert (body['user'], body['display_name']) == (name_of(n), nonce_of(n))
            assert (me['user'], me['display_name']) == (name_of(n), nonce_of(n))
            tokens.add(body['token'])
    assert len(tokens) == LOGINS
    others = re.compile(r'Nonce \d{7}')
    some = crowd.http('POST', '/v1/login', {'user': name_of(5), 'password': password_of(5)})
    assert set(others.findall(json.dumps(some.body, ensure_ascii=False))) == {nonce_of(5)[:13]}


def leaves_no_dump(pid):
    """Neither a core file, nor a look into it by others of its user: then its files in /proc are root's."""
    limits = pathlib.Path(f'/proc/{pid}/limits').read_text()
    owner = os.stat(f'/proc/{pid}/environ').st_uid
    return re.search(r'^Max core file size +0 +0 ', limits, re.M) is not None and owner == 0


@pytest.fixture(scope='module')
def plain_crowd(people, tmp_path_factory):
    """The same with the broker as it is installed, and users of their own for what it starts."""
    if not PLAIN_PROGRAM:
        pytest.skip(NO_PLAIN_PROGRAM)
    users = {'broker__front_user': 'nobody', 'broker__directory_user': 'daemon'} if os.geteuid() == 0 else {}
    with crowd_of(PlainBroker, people, tmp_path_factory.mktemp('plain'), broker__fronts=3, **users) as broker:
        yield broker


def test_S11_no_password_of_a_thousand_is_anywhere(plain_crowd):
    """A thousand log in, some with a wrong password first, and come back with their token; then each
    process, and all that was written down, is searched."""
    def one(n):
        if n % 10 == 0:
            wrong = {'user': name_of(n), 'password': f'{MARK}-wrong-{n}'}
            assert retried(lambda: plain_crowd.http('POST', '/v1/login', wrong)).status == 401
        body = {'user': name_of(n), 'password': password_of(n), 'client': {'name': f'seat-{n}', 'version': '1'}}
        answer = retried(lambda: plain_crowd.http('POST', '/v1/login', body))
        assert answer.status == 200, answer
        me = retried(lambda: plain_crowd.http('GET', '/v1/session', token=answer.body['token']))
        assert me.body['user'] == name_of(n)
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        list(threads.map(one, range(PEOPLE)))
    assert len(set(plain_crowd.slapd.binds())) > PEOPLE, 'everybody was there'

    pids = family(plain_crowd.process.pid)
    assert list(pids.values()).count('genkan-front') == 3 and 'genkan-front-a' in pids.values(), pids
    files = [plain_crowd.log_path, plain_crowd.config, *plain_crowd.state.rglob('*')]
    assert any(path.name == 'broker.db-wal' for path in files)
    found, looked = places(pids, files, written_as(MARK))
    assert found == []
    print(f'{PEOPLE} logins; in {looked >> 20} MiB of {len(pids)} processes ({", ".join(sorted(set(pids.values())))}) '
          f'and {len(files)} files no password')
    looked = [pid for pid in pids for part in memory_of(pid) if b'genkan' in part]
    assert set(looked) == set(pids), 'the scan finds what is there'
    assert [name for pid, name in pids.items() if not leaves_no_dump(pid)] == []


# --- S1 --------------------------------------------------------------------------------------------

def exchange(broker, data, quiet_s):
    """All that comes back until the broker closes, or says nothing for so long."""
    context = ssl.create_default_context(cafile=str(broker.state / 'ca.crt'))
    got = b''
    with socket.create_connection(('127.0.0.1', broker.port), 30) as plain:
        with context.wrap_socket(plain, server_hostname='127.0.0.1') as link:
            link.settimeout(quiet_s)
            try:
                link.sendall(data)
                while (part := link.recv(65536)) and len(got) < 1 << 20:
                    got += part
            except OSError:
                pass    # cut off, or waiting for the rest of what was cut
    return got


def requests(chance, canaries):
    """Requests as strangers may send them: whole ones, cut, lied about, overlong, overwritten."""
    bodies = [b'{"user":"%s","password":"%s"}', b'{"challenge":"%s","code":"%s"}', b'{"a":' * 40, b'[]',
              b'{"user":"x","password":"' + b'A' * 2000 + b'"}', b'']
    paths = [b'/v1/login', b'/v1/login/second-factor', b'/v1/password', b'/v1/session', b'/v1/desktops',
             b'/v1/admin/session', b'/v1/notices?after=0', b'/agent/v1/sync', b'/', b'/console/',
             b'/v1/desktops/' + b'%41' * 30, b'/' + b'a' * 7000]
    while True:
        body = chance.choice(bodies)
        body = body.replace(b'%s', bytes(chance.choices(b'ab\\"\x00\xff%', k=chance.randrange(300))))
        told = chance.choice([len(body), len(body), 0, len(body) + chance.randrange(1, 70), 1 << 40, -1])
        text = (chance.choice([b'POST', b'GET', b'DELETE', b'PUT', b'BREW']) + b' ' + chance.choice(paths) +
                b' HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ' +
                bytes(chance.choices(b'Aa0-_%\xc3', k=chance.randrange(90))) +
                b'\r\nContent-Length: ' + str(told).encode() + b'\r\n\r\n' + body)
        data = bytearray(text)
        for _ in range(chance.choice([0, 0, 1, 4])):
            data[chance.randrange(len(data))] = chance.randrange(256)
        yield bytes(data[:chance.choice([len(data), len(data), chance.randrange(1, len(data))])])


def test_S1_nobody_is_shown_what_is_in_memory(crowd):
    """Tokens, tickets and passwords of others are in the broker's memory; strangers send anything."""
    login = crowd.http('POST', '/v1/login', {'user': name_of(1), 'password': password_of(1)}).body
    seed = int(os.environ.get('GENKAN_SEED', random.randrange(1 << 32)))
    canaries = [login['token'].encode(), MARK.encode(), nonce_of(1).encode()]
    made = requests(random.Random(seed), canaries)
    lock, seen = threading.Lock(), []

    def one(_):
        with lock:
            data = next(made)
        answer = exchange(crowd, data, 0.5)
        for canary in canaries:
            assert canary not in answer, (seed, data, answer)
        seen.append(bool(answer))
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        list(threads.map(one, range(FUZZ)))
    assert sum(seen) > FUZZ / 4, 'most get an answer'
    assert crowd.process.poll() is None and 'Sanitizer' not in crowd.log()
    assert crowd.http('GET', '/v1/session', token=login['token']).body['user'] == name_of(1)


# --- S3 --------------------------------------------------------------------------------------------

@pytest.mark.skipif(os.geteuid() != 0, reason='needs root for a network namespace')
def test_S3_nothing_leaves_but_what_was_set_up(tmp_path):
    """In a network with a way out: a counter sees every packet that is not for this machine."""
    ns = netns.NetNs(f'gk-s3-{os.getpid()}')
    try:
        for words in ('link add out0 type veth peer name out1', 'link set out0 up',
                      'link set out1 up', 'addr add 192.0.2.1/24 dev out0',
                      'route add default via 192.0.2.2'):
            ns.ip(*words.split())
        ns.run('nft', 'add table inet watch; add chain inet watch out { type filter hook output '
                      'priority 0; }; add rule inet watch out oifname != "lo" '
                      'meta l4proto { tcp, udp } counter')

        def packets():
            return int(re.search(r'packets (\d+)', ns.run('nft', 'list', 'table', 'inet', 'watch'))[1])
        with ns.entered():
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
                s.sendto(b'x', ('203.0.113.9', 53))
            before = packets()
            assert before == 1, 'the counter counts'
            with Slapd(tmp_path) as slapd, Broker(tmp_path, slapd, login__user_failures=0,
                                                  login__source_failures=0) as broker:
                for user in ('${jndi:ldap://203.0.113.9/x}', '%n%s%n', 'x\r\n' * 20, 'ldap://203.0.113.9',
                             'hanako@203.0.113.9', '../../../../etc/passwd', 'A' * 255):
                    assert broker.login(user, '${jndi:dns://203.0.113.9/y}').status in (400, 401)
                    broker.http('GET', f'/v1/desktops?x=http://203.0.113.9/', token=user.encode().hex())
                assert packets() == before
    finally:
        ns.close()


# --- S8, S10 ---------------------------------------------------------------------------------------

def test_S8_no_socket_of_ours_lies_open_to_other_users(crowd):
    """The parts of the broker talk over pairs that have no name; its folder is its own."""
    inodes = set()
    for pid in family(crowd.process.pid):
        for fd in pathlib.Path(f'/proc/{pid}/fd').iterdir():
            try:
                found = re.match(r'socket:\[(\d+)\]', os.readlink(fd))
            except OSError:
                continue
            inodes.update(found.groups() if found else ())
    assert inodes
    rows = [row.split() for row in pathlib.Path('/proc/net/unix').read_text().splitlines()[1:]]
    ours = [row for row in rows if row[6] in inodes]
    listening = [row for row in ours if int(row[3], 16) & 0x10000]
    assert listening == [], 'nobody can connect'
    assert stat.S_IMODE(crowd.state.stat().st_mode) == 0o700
    for path in crowd.state.rglob('*'):
        if path.suffix in ('.key', '.keys', '.db'):
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_S10_no_answer_about_a_person_can_be_dropped_unread():
    """Every function that says whether somebody is let in has to be asked: the compiler sees to it."""
    missing = []
    for folder in ('broker/directory', 'broker/session', 'broker/factor', 'db'):
        for header in (TOP / folder).glob('*.h'):
            text = re.sub(r'/\*.*?\*/', '', header.read_text(), flags=re.S)
            for found in re.finditer(r'^int (\w+)\(([^;{]*)\)([^;{]*);', text, re.M | re.S):
                if 'struct error *err' in found[2] and 'MUST_CHECK' not in found[3]:
                    missing.append(f'{header.name}: {found[1]}')
    assert missing == []
    flags = (TOP / 'meson.build').read_text()
    assert '-Wswitch-enum' in flags and 'werror=true' in flags, 'no verdict is forgotten in a switch'


# --- F15, F18 --------------------------------------------------------------------------------------

FAKETIME = pathlib.Path('/usr/lib/x86_64-linux-gnu/faketime/libfaketime.so.1')


def sees(broker, shift_s):
    broker.login(secrets.token_hex(6), 'x')     # a row of the audit log has the time
    return abs(broker.audit()[0]['at_ms'] / 1e3 - time.time() - shift_s) < 60


@pytest.mark.skipif(not FAKETIME.exists(), reason='faketime is not installed')
def test_F15_a_clock_that_jumps_a_day_stops_nobody(tmp_path, monkeypatch):
    """The wall clock alone jumps, there and back; what waits, waits by the other clock."""
    shift = tmp_path / 'shift'
    shift.write_text('+0')
    with Slapd(tmp_path) as slapd:
        monkeypatch.setenv('LD_PRELOAD', str(FAKETIME))
        monkeypatch.setenv('FAKETIME_TIMESTAMP_FILE', str(shift))
        monkeypatch.setenv('FAKETIME_DONT_FAKE_MONOTONIC', '1')
        monkeypatch.setenv('FAKETIME_CACHE_DURATION', '1')
        monkeypatch.setenv('ASAN_OPTIONS', os.environ.get('ASAN_OPTIONS', '') +
                           ':verify_asan_link_order=0')
        broker = Broker(tmp_path, slapd, login__user_failures=3, login__session='3d',
                        login__source_failures=0)
        status, out = broker.run('--init')
        assert status == 0, out
        broker.start(init=False)
        for name in ('LD_PRELOAD', 'FAKETIME_TIMESTAMP_FILE'):
            monkeypatch.delenv(name)
        try:
            broker.publish()
            broker.apply(pool('sales', ['sales'], spare=1))
            host = FakeAgent(broker, 'host-1', tmp_path)
            assert host.join().status == 200
            host.settle()
            tokens = [broker.login('hanako').body['token']]
            for _ in range(3):
                broker.login('joerg', 'wrong')
            assert broker.login('joerg').code == 'throttled'
            for jump in ('+86400', '+172800', '+86400', '+0'):
                shift.write_text(jump)
                wait_until('the broker sees the jump', lambda by=int(jump): sees(broker, by), 30, 0.2)
                host.settle()
                answer = broker.login('hanako')
                assert answer.status == 200, (jump, answer)
                tokens.append(answer.body['token'])
                for token in tokens:
                    began = time.monotonic()
                    again = broker.connect(token, 'sales')
                    assert again.status == 200, (jump, again)
                    assert time.monotonic() - began < 10
                waits = broker.login('joerg')
                assert waits.status in (200, 403, 429)
                if waits.status == 429:
                    assert waits.body['retry_after_ms'] <= 300000, 'no longer than the rule says'
            assert broker.process.poll() is None
        finally:
            broker.stop()


def test_F18_one_password_for_everybody_reaches_few_and_locks_nobody(tmp_path):
    """From one address: so many are tried as the rule says, then the directory hears nothing."""
    ldif = ''.join(f'dn: uid={name_of(n)},ou=people,{BASE}\nobjectClass: inetOrgPerson\n'
                   f'uid: {name_of(n)}\ncn: x\nsn: x\nuserPassword: right-{n}\n\n' for n in range(SPRAY))
    with Slapd(tmp_path, more_ldif=ldif) as slapd:
        with Broker(tmp_path, slapd, login__source_failures=20, directory__deadline_ms=20000) as broker:
            def one(n):
                return broker.http('POST', '/v1/login', {'user': name_of(n), 'password': 'Summer2026!'})
            with concurrent.futures.ThreadPoolExecutor(32) as threads:
                answers = list(threads.map(one, range(SPRAY)))
            codes = [a.code for a in answers]
            assert set(codes) <= {'wrong_credentials', 'throttled', 'busy'}
            tried = [dn for dn in slapd.binds() if dn.startswith('uid=person')]
            assert len(tried) == 20 and codes.count('wrong_credentials') == 20, len(tried)
            assert len(set(tried)) == len(tried), 'nobody twice: the own lock of the directory is far'
            assert max(a.seconds for a in answers if a.code == 'throttled') < 20


# --- the table -------------------------------------------------------------------------------------

def test_every_line_of_the_table_names_a_test_that_is_there():
    rows = re.findall(r'^\| ([SF]\d+) \|[^|]*\| `([^`]+)` \|$',
                      (TOP / 'tests/threats.md').read_text(), re.M)
    wanted = {f'S{n}' for n in (1, 2, 3, 6, *range(8, 16))} | {f'F{n}' for n in (*range(8, 14), *range(15, 20))}
    assert {number for number, _ in rows} == wanted
    for number, place in rows:
        path, _, test = place.partition('::')
        text = (TOP / 'tests' / path).read_text()
        assert not test or re.search(rf'^def {test}\(', text, re.M), place
    # and the other way round: a test with a number is in the table
    named = {place.partition('::')[2] for _, place in rows}
    for path in (TOP / 'tests').glob('*/test_*.py'):
        for test in re.findall(r'^def (test_[SF]\d+_\w+)\(', path.read_text(), re.M):
            number = test.split('_')[1]
            assert number not in wanted or test in named, f'{path.name}: {test}'
