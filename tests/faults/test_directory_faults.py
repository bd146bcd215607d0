# SPDX-License-Identifier: Apache-2.0
"""Each call of a login that speaks to the directory fails once, in a broker that was just started: from
the connection to the last answer. The user is told that the directory does not answer, or gets in all the
same; nobody gets in who should not, nobody gets two, and the next login is as any other."""
import os
import random

import pytest

import kill_storm
from broker import PROGRAM, Broker
from netns import wait_until
from promises import check, check_host, check_secrets, people, serving, try_login
from slapd import SLAPD, Slapd, person_dn

pytestmark = [
    pytest.mark.skipif(not SLAPD, reason='slapd is not installed'),
    pytest.mark.skipif(not (PROGRAM.exists() and b'GENKAN_FAIL' in PROGRAM.read_bytes()),
                       reason='the broker is built without sanitizers'),
]
FULL = os.environ.get('GENKAN_FAULTS') == 'full'


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('calls')
    with Slapd(folder, people=people(40)) as slapd, \
            serving(Broker(folder, slapd, directory__threads=1), folder) as broker:
        yield broker


def restart(broker, **env):
    broker.kill()
    with kill_storm.changed_env(env):
        broker.start(init=False)


@pytest.fixture(scope='module')
def calls(site):
    """How many there are, of a right password and of a wrong one."""
    found = []
    for n, password in enumerate((None, 'wrong')):
        log = site.folder / f'calls-{n}'
        restart(site, GENKAN_FAULT_LOG=str(log))
        assert site.login('u039', password).status == (401 if password else 200)
        found.append(log.read_text().split().count('ldap_call'))
    assert min(found) >= 5, f'connect, bind, search, bind, and answers: {found}'
    return found


@pytest.fixture(scope='module')
def calls_again(site):
    """Those of one's second login, where the password is tried while the search is under way: of a right
    one and of a wrong one. Numbers of the calls, counted from the start of the broker."""
    found = []
    for n, password in enumerate((None, 'wrong')):
        log = site.folder / f'calls-again-{n}'
        restart(site, GENKAN_FAULT_LOG=str(log))
        assert site.login('u038').status == 200
        first = log.read_text().split().count('ldap_call')
        assert site.login('u038', password).status == (401 if password else 200)
        found.append(range(first + 1, log.read_text().split().count('ldap_call') + 1))
    assert len(found[0]) >= 6 and len(found[1]) >= 4, f'search, bind, Who am I, and answers: {found}'
    return found


def some(count):
    every = range(1, count + 1)
    return every if FULL else sorted(random.Random(5).sample(every, min(5, count)))


def test_every_call_of_a_login_fails_once(site, calls):
    promised = {}
    for n in some(calls[0]):
        user = f'u{n:03}'
        restart(site, GENKAN_FAIL=f'ldap_call:{n}')
        before = try_login(site, user, may=(200, 503))
        after = wait_until('the directory answers again', lambda: try_login(site, user, may=(200, 503)),
                           20, 0.1)
        assert before in (None, after)
        promised[user] = after
    check(site, promised)
    check_host(site, site.agent)
    check_secrets(site, promised)


def test_no_failing_call_lets_a_wrong_password_in(site, calls):
    for n in some(calls[1]):
        restart(site, GENKAN_FAIL=f'ldap_call:{n}')
        answer = site.login(f'u{n:03}', 'wrong')
        assert answer.status in (401, 503) and 'token' not in answer.body, answer
    check(site, {})


def test_every_call_of_a_second_login_fails_once(site, calls_again):
    """Its connections are kept ones, so it is asked again on fresh ones: nobody notices."""
    for n in calls_again[0]:
        restart(site, GENKAN_FAIL=f'ldap_call:{n}')
        desktop = try_login(site, 'u037', may=(200,))
        assert try_login(site, 'u037', may=(200,)) == desktop
    check(site, {'u037': desktop})


def test_no_failing_call_lets_a_wrong_password_in_after_a_right_one(site, calls_again):
    for n in calls_again[1]:
        restart(site, GENKAN_FAIL=f'ldap_call:{n}')
        assert site.login('u036').status == 200
        before = site.slapd.binds().count(person_dn('u036'))
        answer = site.login('u036', 'wrong')
        assert answer.status == 401 and 'token' not in answer.body, answer
    tried = site.slapd.binds().count(person_dn('u036')) - before
    assert tried == 1, 'the last call is the answer to the search: the password was refused before'
