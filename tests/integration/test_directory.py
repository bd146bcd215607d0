# SPDX-License-Identifier: Apache-2.0
"""genkan-broker and its directory: kinds of directories, groups in groups, accounts that may not
log in, new passwords, and servers in trouble."""
import concurrent.futures
import json
import os
import subprocess
import threading
import time

import pytest

import samba_ad
from broker import BUILD, Broker, pool
from needs import NEEDS_BROKER
from netns import wait_until
from samba_ad import SambaAd
from slapd import BASE, Slapd, free_port, line, password_of, person_dn, person_ldif

pytestmark = NEEDS_BROKER


@pytest.fixture(scope='module')
def directory(tmp_path_factory):
    with Slapd(tmp_path_factory.mktemp('directory')) as slapd:
        yield slapd


@pytest.fixture
def fresh(tmp_path):
    made = []

    def make(slapd, **settings):
        made.append(Broker(tmp_path, slapd, name=f'broker-{len(made)}',
                           **{'login__user_failures': 1000, **settings}))
        return made[-1]
    yield make
    for broker in made:
        broker.stop()


def lab_for(broker, *groups):
    broker.publish()
    broker.apply(pool('lab', groups, most=100))


def code_of(answer):
    return answer.code if answer.status >= 300 else 'ok'


def change(broker, user, old, new):
    return broker.http('POST', '/v1/password', {'user': user, 'password': old, 'new_password': new})


def examine(broker, user, password=None):
    body = {'user': user} if password is None else {'user': user, 'password': password}
    answer = broker.admin('POST', '/v1/admin/directory-test', body)
    assert answer.status == 200, answer
    return answer.body


# --- Active Directory (Samba) ----------------------------------------------------------------------

needs_samba = pytest.mark.skipif(not samba_ad.available(), reason='samba is not installed')
FUTURE, PAST = 133900000000000000 + 10 ** 17, 131000000000000000   # 100 ns since 1601


@pytest.fixture(scope='module')
def ad(tmp_path_factory):
    with SambaAd(tmp_path_factory.mktemp('ad')) as dc:
        dc.group('Everyone Here')
        dc.group('Engineering', 'Everyone Here')
        dc.group('Testers', 'Engineering')
        dc.group('Engineering Friends')
        dc.tool('group', 'addmembers', 'Testers', 'Engineering')     # a loop
        dc.tool('group', 'addmembers', 'Engineering Friends', 'Domain Users')
        for name in ('anna', 'disabled', 'expired', 'mustchange', 'changer'):
            dc.user(name, 'Start-Pw-4711', 'Testers')
        dc.user('山田', 'Start-Pw-ひみつ1')
        dc.tool('user', 'disable', 'disabled')
        users = f'CN=Users,{samba_ad.BASE}'
        dc.modify(f'dn: CN=expired,{users}\nchangetype: modify\nreplace: accountExpires\n'
                  f'accountExpires: {PAST}\n\n'
                  f'dn: CN=mustchange,{users}\nchangetype: modify\nreplace: pwdLastSet\n'
                  f'pwdLastSet: 0\n\n'
                  f'dn: CN=anna,{users}\nchangetype: modify\nreplace: accountExpires\n'
                  f'accountExpires: {FUTURE}\n\n')
        dc.tool('domain', 'passwordsettings', 'set', '--min-pwd-age=0')
        yield dc


@pytest.fixture(scope='module')
def ad_broker(ad, tmp_path_factory):
    with Broker(tmp_path_factory.mktemp('broker'), ad, login__user_failures=1000,
                directory__profile='ad', directory__base_dn=samba_ad.BASE,
                directory__bind_dn=samba_ad.SERVICE) as broker:
        lab_for(broker, 'Everyone Here')
        yield broker


@needs_samba
def test_ad_login_nested_groups_primary_group_and_guid(ad, ad_broker):
    answer = ad_broker.login('anna', 'Start-Pw-4711')
    assert answer.status == 200, answer
    assert [d['pool'] for d in answer.body['desktops']] == ['lab']
    told = examine(ad_broker, 'anna')
    names = {g['name'] for g in told['groups']}
    assert {'Testers', 'Engineering', 'Everyone Here'} <= names, 'the chain, through a loop'
    assert {'Domain Users', 'Engineering Friends', 'Users'} <= names, 'the primary group and above'
    shown = ad.netns.run('ldbsearch', '-H', ad.dc / 'private/sam.ldb', '(sAMAccountName=anna)',
                         'objectGUID')
    assert f'objectGUID: {told["id"]}' in shown
    token = answer.body['token']
    assert ad_broker.connect(token, 'lab').status in (200, 202, 503), 'found again by its GUID'
    listed = ad_broker.http('GET', '/v1/desktops', token=token)
    assert [d['pool'] for d in listed.body['desktops']] == ['lab']


@needs_samba
@pytest.mark.parametrize('user,code', [('disabled', 'account_disabled'),
                                       ('expired', 'account_expired'),
                                       ('mustchange', 'password_expired')])
def test_ad_accounts_told_apart_with_the_right_password_only(ad_broker, user, code):
    assert code_of(ad_broker.login(user, 'Start-Pw-4711')) == code
    assert code_of(ad_broker.login(user, 'Wrong-Pw-4711')) == 'wrong_credentials'


@needs_samba
def test_ad_utf8_names_and_odd_spellings(ad_broker):
    assert code_of(ad_broker.login('山田', 'Start-Pw-ひみつ1')) == 'not_entitled'
    for name in ('anna*', 'EXAMPLE\\anna', 'anna@example.com', ')(sAMAccountName=anna'):
        assert code_of(ad_broker.login(name, 'Start-Pw-4711')) == 'wrong_credentials', name
    assert code_of(ad_broker.login('anna', '')) == 'wrong_credentials'


@needs_samba
def test_ad_password_change_also_when_it_must_be_changed(ad_broker):
    assert code_of(change(ad_broker, 'changer', 'Wrong-Pw-4711', 'Fresh-Pw-4712')) == 'wrong_credentials'
    refused = change(ad_broker, 'changer', 'Start-Pw-4711', 'short')
    assert (refused.status, refused.code) == (403, 'password_rejected') and refused.body['detail']
    for user in ('changer', 'mustchange'):
        assert change(ad_broker, user, 'Start-Pw-4711', 'Fresh-Pw-ひみつ2').status == 204
        assert code_of(ad_broker.login(user, 'Fresh-Pw-ひみつ2')) == 'ok'
        assert code_of(ad_broker.login(user, 'Wrong-Pw-4711')) == 'wrong_credentials'


# --- OpenLDAP with a password policy ---------------------------------------------------------------

POLICY = f'''overlay ppolicy
ppolicy_default "cn=default,ou=policies,{BASE}"
ppolicy_use_lockout
'''


def with_state(uid, *lines):
    return person_ldif(uid, uid.title(), None).rstrip('\n') + '\n' + ''.join(
        f'{text}\n' for text in lines) + '\n'


@pytest.fixture(scope='module')
def strict(tmp_path_factory):
    """A directory with slapo-ppolicy: ages, resets and locks."""
    ldif = (f'dn: ou=policies,{BASE}\nobjectClass: organizationalUnit\nou: policies\n\n'
            f'dn: cn=default,ou=policies,{BASE}\nobjectClass: device\nobjectClass: pwdPolicy\n'
            'cn: default\npwdAttribute: userPassword\npwdMaxAge: 8640000\npwdLockout: TRUE\n'
            'pwdMaxFailure: 6\npwdMinLength: 8\npwdCheckQuality: 2\npwdInHistory: 3\n'
            'pwdMustChange: TRUE\npwdFailureCountInterval: 3600\n\n')
    ldif += with_state('aged', 'pwdChangedTime: 20200101000000Z')
    ldif += with_state('reset', 'pwdReset: TRUE')
    ldif += with_state('barred', 'pwdAccountLockedTime: 000001010000Z')
    ldif += with_state('mover') + with_state('target')
    ldif += with_state('until', 'shadowExpire: 10').replace(
        'objectClass: inetOrgPerson\n', 'objectClass: inetOrgPerson\nobjectClass: shadowAccount\n')
    with Slapd(tmp_path_factory.mktemp('strict'), extra='moduleload ppolicy', overlays=POLICY,
               more_ldif=ldif) as slapd:
        yield slapd


def test_ppolicy_states_are_told_apart(fresh, strict):
    broker = fresh(strict).start()
    assert code_of(broker.login('aged')) == 'password_expired'
    assert code_of(broker.login('reset')) == 'password_expired'
    assert code_of(broker.login('until')) == 'account_expired'
    for user in ('aged', 'reset', 'until', 'barred'):
        assert code_of(broker.login(user, 'wrong')) == 'wrong_credentials'
    # a lock is told to whoever tries, so it looks like a wrong password; the audit log knows
    assert code_of(broker.login('barred')) == 'wrong_credentials'
    assert 'account_locked' in [r['code'] for r in broker.audit(denied=True) if r['who'] == 'barred']


def test_password_change_by_the_person(fresh, strict):
    broker = fresh(strict).start()
    old, new = password_of('mover'), 'Neues-Paßwort-1'
    assert code_of(change(broker, 'mover', 'wrong', new)) == 'wrong_credentials'
    assert change(broker, 'mover', old, 'short').code == 'password_rejected'
    assert change(broker, 'mover', old, new).status == 204
    assert code_of(broker.login('mover', old)) == 'wrong_credentials'
    assert code_of(broker.login('mover', new)) == 'not_entitled'
    assert change(broker, 'mover', new, old).code == 'password_rejected', 'used before'
    assert change(broker, 'reset', password_of('reset'), new).status == 204
    assert code_of(broker.login('reset', new)) == 'not_entitled'
    rows = [(r['what'], r['who'], r['code']) for r in broker.audit()]
    assert ('password_change', 'mover', 'ok') in rows
    text = broker.log_path.read_bytes() + (broker.state / 'broker.db').read_bytes()
    assert new.encode() not in text and old.encode() not in text


def test_F18_the_directorys_own_lock_is_never_reached(fresh, strict):
    """Its limit is 6; ours is 5, and it counts changes of the password, too."""
    broker = fresh(strict, login__user_failures=5).start()
    with concurrent.futures.ThreadPoolExecutor(20) as threads:
        def attempt(n):
            return code_of(broker.login('target', 'wrong') if n % 2 else
                           change(broker, 'TARGET', 'wrong', 'Whatever-1234'))
        codes = list(threads.map(attempt, range(30)))
    assert codes.count('wrong_credentials') == 5
    assert set(codes) <= {'wrong_credentials', 'throttled', 'busy'}
    other = fresh(strict).start()
    assert code_of(other.login('target')) == 'not_entitled', 'the account works: it is not locked'


# --- RFC 2307 --------------------------------------------------------------------------------------

def posix_group(name, gid, *members):
    return (f'dn: cn={name},ou=groups,{BASE}\nobjectClass: posixGroup\ncn: {name}\n'
            f'gidNumber: {gid}\n' + ''.join(line('memberUid', m) for m in members) + '\n')


def test_rfc2307_groups_by_name_and_by_number(fresh, tmp_path):
    """hanako's gidNumber is 20001: her primary group lists nobody."""
    ldif = posix_group('people', 30000, 'hanako', 'joerg') + posix_group('hers', 20001)
    with Slapd(tmp_path, more_ldif=ldif) as slapd:
        broker = fresh(slapd, directory__profile='rfc2307').start()
        assert {g['name'] for g in examine(broker, 'hanako')['groups']} == {'people', 'hers'}
        assert {g['name'] for g in examine(broker, 'joerg')['groups']} == {'people'}
        assert code_of(broker.login('minji')) == 'wrong_credentials', 'no posixAccount'


# --- the DN of the last login ----------------------------------------------------------------------

MANAGER = f'cn=manager,{BASE}'
OLD_DN, NEW_DN = f'cn=Kim Lee,ou=people,{BASE}', f'cn=Kim Park,ou=people,{BASE}'


def kim(uid, password):
    return (f'dn: {OLD_DN}\nobjectClass: inetOrgPerson\nuid: {uid}\ncn: Kim Lee\nsn: Lee\n'
            f'userPassword: {password}\n\n')


def modify(slapd, *changes):
    done = subprocess.run(['ldapmodify', '-H', slapd.uri, '-x', '-D', MANAGER, '-w', 'manager-Pw'],
                          input=''.join(changes), text=True, capture_output=True, timeout=30,
                          env=dict(os.environ, LDAPTLS_CACERT=str(slapd.ca.crt)))
    assert done.returncode == 0, done.stderr


def rename_kim():
    return f'dn: {OLD_DN}\nchangetype: modrdn\nnewrdn: cn=Kim Park\ndeleteoldrdn: 1\n\n'


@pytest.fixture
def kims(fresh, tmp_path):
    with Slapd(tmp_path, overlays=f'rootdn "{MANAGER}"\nrootpw manager-Pw',
               more_ldif=kim('kim1', 'Pw-of-kim1')) as slapd:
        broker = fresh(slapd).start()
        assert code_of(broker.login('kim1', 'Pw-of-kim1')) == 'not_entitled'
        yield slapd, broker


def binds_of(slapd, broker, *login):
    before = len(slapd.binds())
    return code_of(broker.login(*login)), slapd.binds()[before:]


def test_the_password_is_tried_where_the_last_login_was_and_counts_where_the_search_finds(kims):
    slapd, broker = kims
    assert binds_of(slapd, broker, 'kim1', 'Pw-of-kim1') == ('not_entitled', [OLD_DN])
    assert binds_of(slapd, broker, 'kim1', 'wrong') == ('wrong_credentials', [OLD_DN])
    modify(slapd, rename_kim())
    assert binds_of(slapd, broker, 'kim1', 'Pw-of-kim1') == ('not_entitled', [OLD_DN, NEW_DN])
    assert binds_of(slapd, broker, 'kim1', 'wrong') == ('wrong_credentials', [NEW_DN])
    assert binds_of(slapd, broker, 'kim1', 'Pw-of-kim1') == ('not_entitled', [NEW_DN])


def test_who_has_somebodys_old_dn_does_not_get_in_as_them(kims):
    slapd, broker = kims
    modify(slapd, rename_kim(), kim('kim2', 'Pw-of-kim2').replace('\n', '\nchangetype: add\n', 1))
    assert binds_of(slapd, broker, 'kim1', 'Pw-of-kim2') == ('wrong_credentials', [OLD_DN, NEW_DN])
    assert binds_of(slapd, broker, 'kim1', 'Pw-of-kim2') == ('wrong_credentials', [NEW_DN]), \
        'the directory counts only one for whoever is at the old DN'
    assert binds_of(slapd, broker, 'kim1', 'Pw-of-kim1') == ('not_entitled', [NEW_DN])
    assert binds_of(slapd, broker, 'kim2', 'Pw-of-kim1') == ('wrong_credentials', [OLD_DN])
    assert binds_of(slapd, broker, 'kim2', 'Pw-of-kim2') == ('not_entitled', [OLD_DN])


def test_whose_account_is_gone_is_refused_though_the_password_opens_the_old_dn(kims):
    """the same entry, called otherwise: a bind as its DN still succeeds"""
    slapd, broker = kims
    modify(slapd, f'dn: {OLD_DN}\nchangetype: modify\nreplace: uid\nuid: kim3\n')
    assert binds_of(slapd, broker, 'kim1', 'Pw-of-kim1') == ('wrong_credentials', [OLD_DN])
    assert code_of(broker.login('kim3', 'Pw-of-kim1')) == 'not_entitled'


# --- many groups -----------------------------------------------------------------------------------

def test_depth_and_number_of_groups_are_bounded(fresh, tmp_path):
    def group(name, member):
        return (f'dn: cn={name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {name}\n' +
                line('member', member) + '\n')
    ldif = ''.join(group(f'deep{n}', person_dn('paula') if n == 0 else
                         f'cn=deep{n - 1},ou=groups,{BASE}') for n in range(30))
    ldif += ''.join(group(f'wide{n}', person_dn('joerg')) for n in range(2100))
    with Slapd(tmp_path, extra='sizelimit unlimited', more_ldif=ldif) as slapd:
        broker = fresh(slapd, directory__deadline_ms=8000).start()
        lab_for(broker, 'deep16')
        told = examine(broker, 'paula')
        assert len(told['groups']) == 17 and told['groups_cut'], 'own group and 16 levels above'
        assert code_of(broker.login('paula')) == 'ok'
        told = examine(broker, 'joerg')
        assert len(told['groups']) == 2000 and told['groups_cut']
        assert code_of(broker.login('joerg')) == 'not_entitled'
        assert 'groups_cut' in broker.log()


def test_parents_of_groups_are_remembered_for_a_while_only(fresh, tmp_path):
    with Slapd(tmp_path) as slapd:
        broker = fresh(slapd, directory__group_cache='1s').start()
        lab_for(broker, 'engineering')

        def searches():
            before = slapd.log().count(' SRCH base=')
            assert code_of(broker.login('minji')) == 'ok'
            return slapd.log().count(' SRCH base=') - before
        assert searches() > 2
        assert searches() == 2, 'the person, and the own groups'
        time.sleep(1.1)
        assert searches() > 2


# --- steps -----------------------------------------------------------------------------------------

def ctl(broker, *arguments):
    certificate, key = broker.admin_certificate
    done = subprocess.run([BUILD / 'ctl' / 'genkanctl', *arguments, '--broker',
                           f'127.0.0.1:{broker.port}', '--ca', broker.state / 'ca.crt',
                           '--certificate', certificate, '--key', key],
                          capture_output=True, text=True, timeout=60)
    return done.returncode, done.stdout + done.stderr


def test_directory_test_shows_each_step(fresh, directory, tmp_path):
    dead = f'ldaps://127.0.0.1:{free_port()}'
    broker = fresh(directory, directory__uri=f'{dead} {directory.uri}').start()
    status, out = ctl(broker, 'directory', 'test', 'minji')
    assert status == 0, out
    for word in ('connect', 'service bind', 'search', 'entry', 'own groups', 'parents',
                 'engineering', directory.uri, dead, ' ms'):
        assert word in out, f'{word}:\n{out}'
    (tmp_path / 'pw').write_text(password_of('minji'))
    status, out = ctl(broker, 'directory', 'test', 'minji', '--password-file', tmp_path / 'pw')
    assert status == 0 and 'who am I' in out and password_of('minji') not in out
    status, out = ctl(broker, 'directory', 'test', 'minji', '--json')
    told = json.loads(out)
    assert [s['state'] for s in told['servers']] == ['failed', 'in use']
    assert all(step['ms'] >= 0 for step in told['steps'])
    (tmp_path / 'pw').write_text('wrong')
    status, out = ctl(broker, 'directory', 'test', 'minji', '--password-file', tmp_path / 'pw')
    assert status == 1 and 'wrong_credentials' in out
    assert ctl(broker, 'directory', 'test', 'nobody')[0] == 1


# --- servers in trouble ----------------------------------------------------------------------------

LEAST_WAIT_MS = 1000    # until the first probe; then twice as long each time

@pytest.fixture
def pair(directory, tmp_path):
    """Two servers with the same content; the first one is the test's own."""
    with Slapd(tmp_path, name='first') as first:
        ca = tmp_path / 'both.crt'
        ca.write_text(first.ca.crt.read_text() + directory.ca.crt.read_text())
        first.both = {'directory__ca_file': ca, 'directory__uri': f'{first.uri} {directory.uri}'}
        yield first


def test_F8_F9_a_hung_first_server_costs_once_and_a_probe_finds_it_well(fresh, pair):
    broker = fresh(pair, **pair.both).start()
    assert code_of(broker.login('hanako')) == 'not_entitled'
    pair.pause()
    with concurrent.futures.ThreadPoolExecutor(8) as threads:
        first = list(threads.map(lambda n: broker.login(f'nobody{n}', 'x'), range(8)))
    assert {code_of(a) for a in first} <= {'wrong_credentials', 'busy'}, 'each question has found the second server'
    # until a probe has found it silent once more: people are never sent there, nor wait for probes
    waits, asked = set(), 0
    end = time.monotonic() + 30
    while not any(wait > LEAST_WAIT_MS for wait in waits):
        told = examine(broker, 'hanako', password_of('hanako'))
        assert told['code'] == 'ok' and told['server'] != pair.uri, told
        assert all(step['ok'] and pair.uri not in step['detail'] for step in told['steps']), told
        assert code_of(broker.login('hanako')) == 'not_entitled'
        waits.add(told['servers'][0]['probe_in_ms'])
        asked += 1
        assert time.monotonic() < end, waits
    assert asked > 3, waits
    before = len(pair.binds())
    pair.resume()
    wait_until('it is asked again', lambda: examine(broker, 'hanako')['server'] == pair.uri, 40, 0.2)
    assert len(pair.binds()) > before and 'directory_server_back' in broker.log()


def test_F10_a_flapping_server_makes_no_wrong_refusal(fresh, pair):
    broker = fresh(pair, **pair.both).start()
    stop, answers = threading.Event(), []

    def keep_on(user):
        while not stop.is_set():
            answers.append(broker.login(user))
    users = ['hanako', 'joerg', 'minji']
    threads = [threading.Thread(target=keep_on, args=(u,)) for u in users]
    for thread in threads:
        thread.start()

    def go_on():
        so_far = len(answers)
        wait_until('some more are answered', lambda: len(answers) >= so_far + 12)
    for change in (pair.pause, pair.resume, pair.pause, pair.resume, pair.stop):
        go_on()
        change()
    go_on()
    stop.set()
    for thread in threads:
        thread.join()
    assert {code_of(a) for a in answers} == {'not_entitled'}
    slow = [a.seconds for a in answers if a.seconds > 2.5]
    assert not slow and len(answers) > 50, (slow, len(answers))


def test_who_cannot_be_served_in_time_is_told_when_to_come_back(fresh, tmp_path):
    with Slapd(tmp_path) as slapd:
        broker = fresh(slapd, directory__threads=1, directory__deadline_ms=1500,
                       login__source_failures=0).start()
        assert code_of(broker.login('hanako')) == 'not_entitled'
        slapd.pause()
        with concurrent.futures.ThreadPoolExecutor(40) as threads:
            asked = [threads.submit(broker.login, f'user{n}', 'x') for n in range(40)]
            answers = [a.result() for a in asked]
            more = list(threads.map(lambda n: broker.login(f'user{n}', 'x'), range(40)))
        codes = [code_of(a) for a in answers + more]
        assert set(codes) == {'busy', 'directory_unreachable'}, codes
        busy = [a for a in answers + more if a.code == 'busy']
        assert all(a.seconds < 2.2 for a in answers + more)
        assert all(500 <= a.body['retry_after_ms'] for a in busy)
        assert len({a.body['retry_after_ms'] for a in busy}) > 1, 'not all back in one moment'
        slapd.resume()


def test_refusals_take_the_same_time(fresh, tmp_path):
    """An unknown name is not bound; a wrong password is hashed at length: both look alike."""
    hashed = subprocess.run(['/usr/sbin/slappasswd', '-o', 'module-path=/usr/lib/ldap', '-o',
                             'module-load=argon2', '-h', '{ARGON2}', '-s', 'right-Pw'],
                            capture_output=True, text=True).stdout.strip()
    ldif = person_ldif('slow', 'Slow Hash', None).replace(
        line('userPassword', password_of('slow')), line('userPassword', hashed))
    with Slapd(tmp_path, extra='moduleload argon2', more_ldif=ldif) as slapd:
        broker = fresh(slapd, login__source_failures=0).start()
        assert code_of(broker.login('slow', 'right-Pw')) == 'not_entitled'

        def fastest(user):
            return min(broker.login(user, 'wrong').seconds for _ in range(6))
        times = [fastest('slow'), fastest('nobody'), fastest('x' * 200)]
        assert max(times) - min(times) < 0.02 and min(times) > 0.24, times


def test_referrals_are_not_followed(fresh, tmp_path):
    away = (f'dn: ou=away,{BASE}\nobjectClass: referral\nobjectClass: extensibleObject\n'
            f'ou: away\nref: ldap://127.0.0.1:9/ou=away,{BASE}\n\n')
    with Slapd(tmp_path, more_ldif=away) as slapd:
        broker = fresh(slapd).start()
        answer = broker.login('hanako')
        assert code_of(answer) == 'not_entitled' and answer.seconds < 1
