# SPDX-License-Identifier: Apache-2.0
"""The code besides the password: who is asked for it, what it opens, and what does not."""
import concurrent.futures
import json
import os
import re
import shutil
import sqlite3
import subprocess

import pytest

from broker import BUILD, Broker, pool
from fake_agent import FakeAgent
from needs import NEEDS_BROKER
from slapd import BASE, Slapd, line, password_of, person_dn, person_ldif
from totp import App, scan

pytestmark = NEEDS_BROKER

STAFF = {'helper': 'helpdesk', 'boss': 'admin', 'watcher': 'auditor'}
ROLES = {f'roles__{role}': f'it-{name}' for name, role in STAFF.items()}


def staff_ldif():
    text = ''.join(person_ldif(name, name.title(), None) for name in (*STAFF, '花子 müller', 'late'))
    for name in STAFF:
        text += (f'dn: cn=it-{name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: it-{name}\n'
                 f'{line("member", person_dn(name))}\n')
    return text + (f'dn: cn=careful,ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: careful\n'
                   f'{line("member", person_dn("花子 müller"))}{line("member", person_dn("late"))}\n')


@pytest.fixture(scope='module')
def directory(tmp_path_factory):
    with Slapd(tmp_path_factory.mktemp('directory'), more_ldif=staff_ldif()) as slapd:
        yield slapd


@pytest.fixture
def site(directory, tmp_path):
    with Broker(tmp_path, directory, login__user_failures=6, **ROLES,
                second_factor__groups='careful; nobodies', second_factor__roles='admin helpdesk') as broker:
        broker.publish()
        broker.apply(pool('safe', ['sales'], second_factor='totp'), pool('lab', ['engineering']),
                     pool('open', ['careful']))
        broker.host = FakeAgent(broker, 'host-1', tmp_path)
        broker.host.join()
        broker.host.settle()
        yield broker


def code(broker, challenge, text, path='/v1/login/second-factor', **more):
    return broker.http('POST', path, {'challenge': challenge, 'code': text}, **more)


def enrol(broker, user):
    first = broker.login(user)
    assert (first.status, first.code) == (403, 'second_factor_enrolment'), first
    app = App(first.body['otpauth_uri'])
    done = code(broker, first.body['challenge'], app.now())
    assert done.status == 200, done
    return app, done.body


def log_in(broker, user, app):
    first = broker.login(user)
    assert (first.status, first.code) == (403, 'second_factor_required'), first
    return code(broker, first.body['challenge'], app.now())


def test_enrolment_then_codes_then_no_question_for_reconnects(site, tmp_path):
    first = site.login('hanako')
    assert (first.status, first.code) == (403, 'second_factor_enrolment')
    assert set(first.body) == {'type', 'title', 'status', 'detail', 'code', 'request_id', 'challenge',
                               'expires_in_ms', 'otpauth_uri', 'secret', 'qr_rows', 'qr_svg'}
    app = App(first.body['otpauth_uri'])
    assert (app.issuer, app.label) == ('Genkan', 'Genkan:hanako')
    assert first.body['qr_svg'].startswith('<svg ') and first.body['expires_in_ms'] == 300000
    if shutil.which('zbarimg'):
        assert scan(first.body['qr_rows'], tmp_path) == first.body['otpauth_uri']
    wrong = code(site, first.body['challenge'], app.wrong())
    assert (wrong.status, wrong.code) == (401, 'second_factor_wrong')
    done = code(site, first.body['challenge'], app.now())
    assert done.status == 200 and done.body['connect'] and done.body['token'], done
    codes = done.body['recovery_codes']
    assert len(set(codes)) == 10 and done.body['recovery_codes_left'] == 10
    assert all(re.fullmatch('([a-z2-7]{4}-){3}[a-z2-7]{4}', c) for c in codes)
    again = log_in(site, 'hanako', app)
    assert again.status == 200 and 'recovery_codes' not in again.body
    site.host.settle()
    token, desktop = again.body['token'], again.body['desktops'][0]['id']
    for _ in range(3):
        assert site.connect(token, desktop).status == 200, 'a reconnect asks for nothing'
    rows = [(r['who'], r['code']) for r in site.audit() if r['what'] == 'login'][::-1]
    assert rows == [('hanako', c) for c in ('second_factor_enrolment', 'second_factor_wrong', 'ok',
                                            'second_factor_required', 'ok')]


def test_only_who_has_to_is_asked(site):
    assert site.login('joerg').status == 200, 'a pool that does not ask'
    assert site.login('both').code == 'second_factor_enrolment', 'one of two pools asks'
    assert site.login('late').code == 'second_factor_enrolment', 'the group asks'
    assert site.login('paula').code == 'not_entitled'
    assert site.login('hanako', 'wrong').code == 'wrong_credentials', 'the password comes first'


def test_names_in_any_script(site):
    app, body = enrol(site, '花子 müller')
    assert app.label == 'Genkan:花子 müller' and body['user'] == '花子 müller'
    assert log_in(site, '花子 müller', app).status == 200


def test_a_code_works_once_also_of_fifty_at_a_time(site):
    app, _ = enrol(site, 'hanako')
    text = app.now()
    challenge = site.login('hanako').body['challenge']
    with concurrent.futures.ThreadPoolExecutor(16) as threads:
        answers = list(threads.map(lambda n: code(site, challenge, text), range(16)))
    assert [a.status for a in answers].count(200) == 1, answers
    assert {a.code for a in answers if a.status != 200} <= {
        'challenge_over', 'second_factor_used', 'busy', 'throttled'}
    other = site.login('hanako')
    if other.code == 'throttled':
        return
    assert code(site, other.body['challenge'], text).code == 'second_factor_used'


def test_replay_is_refused_after_a_restart(site):
    app, _ = enrol(site, 'hanako')
    text = app.now()
    first = site.login('hanako').body['challenge']
    assert code(site, first, text).status == 200
    assert code(site, first, app.code(app.last)).code == 'challenge_over', 'used up'
    pending = site.login('hanako').body['challenge']
    site.kill()
    site.start(init=False)
    assert code(site, pending, text).code == 'challenge_over', 'challenges do not outlive the broker'
    assert code(site, site.login('hanako').body['challenge'], text).code == 'second_factor_used'


def test_S9_guesses_count_like_passwords_and_a_right_password_forgives_nothing(site):
    app, _ = enrol(site, 'hanako')
    codes = []
    for _ in range(8):
        first = site.login('hanako')
        codes.append(first.code if first.code != 'second_factor_required' else
                     code(site, first.body['challenge'], app.wrong()).code)
    assert codes == ['second_factor_wrong'] * 6 + ['throttled'] * 2
    site.stop()
    site.start(init=False)
    assert site.login('hanako').code == 'throttled', 'kept over a restart'


def test_many_wrong_codes_lock_it(directory, tmp_path):
    with Broker(tmp_path, directory, login__user_failures=1000, second_factor__max_wrong=8) as broker:
        broker.publish()
        broker.apply(pool('safe', ['sales'], second_factor='totp'))
        app, _ = enrol(broker, 'hanako')
        for _ in range(8):
            challenge = broker.login('hanako').body['challenge']
            assert code(broker, challenge, app.wrong()).code == 'second_factor_wrong'
        assert code(broker, challenge, app.now()).code == 'second_factor_locked'
        assert broker.login('hanako').code == 'second_factor_locked'
        shown = broker.admin('GET', '/v1/admin/second-factor?user=hanako').body
        assert (shown['state'], shown['wrong_in_a_row']) == ('locked', 8)
        reset(broker, 'hanako')
        enrol(broker, 'hanako')


def test_recovery_codes(site):
    _, body = enrol(site, 'hanako')
    codes = body['recovery_codes']

    def use(text):
        return code(site, site.login('hanako').body['challenge'], text)
    assert use(codes[0].upper().replace('-', ' ')).body['recovery_codes_left'] == 9
    assert use(codes[0]).code == 'second_factor_wrong'
    assert use(codes[1]).body['recovery_codes_left'] == 8
    assert site.admin('GET', '/v1/admin/second-factor?user=hanako').body['recovery_codes_left'] == 8


def test_a_challenge_is_of_no_use_to_another_client_or_the_other_side(site, tmp_path):
    app, _ = enrol(site, 'hanako')

    def own_key(name):
        key, crt = tmp_path / f'{name}.key', tmp_path / f'{name}.crt'
        subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt',
                        'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out', crt, '-days',
                        '1', '-subj', f'/CN={name}'], check=True, capture_output=True)
        return crt, key
    mine, theirs = own_key('mine'), own_key('theirs')
    challenge, text = site.login('hanako', certificate=mine).body['challenge'], app.now()
    for wrong in (dict(certificate=theirs), {}, dict(certificate=mine,
                                                     path='/v1/admin/session/second-factor')):
        assert code(site, challenge, text, **wrong).code == 'challenge_over', wrong
    done = code(site, challenge, text, certificate=mine)
    assert done.status == 200
    for bad in ('', 'x' * 43, challenge[:-1], challenge + 'A', '\U0001f600'):
        assert code(site, bad, text).code in ('challenge_over', 'bad_request')
    assert site.http('POST', '/v1/login/second-factor', {'challenge': challenge}).status == 400
    assert site.http('POST', '/v1/login/second-factor', {'code': '1' * 90, 'challenge': challenge}).status == 400
    assert site.http('POST', '/v1/login/second-factor', {}, token=challenge).status == 400
    assert site.http('GET', '/v1/session', token=challenge).code == 'session_expired', 'no token'


def test_tokens_without_a_code_open_nothing_that_asks_for_one_later(site):
    token = site.login('joerg').body['token']
    site.host.settle()
    assert site.connect(token, 'lab').status == 200
    site.apply(pool('safe', ['sales'], second_factor='totp'), pool('open', ['careful']),
               pool('lab', ['engineering'], second_factor='totp'))
    answer = site.connect(token, 'lab')
    assert (answer.status, answer.code) == (403, 'second_factor_missing')
    rdp = site.http('GET', '/v1/desktops/lab/rdp', token=token)
    assert rdp.status == 403
    app, body = enrol(site, 'joerg')
    assert site.connect(body['token'], 'lab').status == 200


def staff_login(broker, name, app=None):
    path = '/v1/admin/session'
    first = broker.http('POST', path, {'user': name, 'password': password_of(name)})
    if first.status == 200:
        return first, None
    app = app or App(first.body['otpauth_uri'])
    return code(broker, first.body['challenge'], app.now(), f'{path}/second-factor'), app


def reset(broker, user, token=None, reason='lost the phone'):
    body = {'user': user, 'reason': reason}
    if token:
        return broker.http('POST', '/v1/admin/second-factor/reset', body, token=token)
    return broker.admin('POST', '/v1/admin/second-factor/reset', body)


def test_roles_and_who_may_reset_whom(site):
    watcher, app = staff_login(site, 'watcher')
    assert watcher.status == 200 and app is None, 'auditors need none here'
    boss, boss_app = staff_login(site, 'boss')
    assert boss.status == 200 and len(boss.body['recovery_codes']) == 10
    helper, _ = staff_login(site, 'helper')
    helper, boss, watcher = (a.body['token'] for a in (helper, boss, watcher))
    enrol(site, 'hanako')
    session = log_in_by_recovery(site, 'hanako')
    assert reset(site, 'hanako', watcher).status == 403
    assert reset(site, 'boss', helper).code == 'forbidden', 'helpdesk is no way to an admin'
    assert reset(site, 'nobody', helper).code == 'not_found'
    assert reset(site, 'hanako', helper, '').status == 400, 'why?'
    assert reset(site, 'hanako', helper).status == 204
    assert site.http('GET', '/v1/session', token=session).status == 401, 'the logins end with it'
    assert reset(site, 'hanako', helper).code == 'not_found'
    assert site.login('hanako').code == 'second_factor_enrolment'
    assert reset(site, 'helper', boss).status == 204
    rows = [(r['who'], r['subject'], r['code'], r['details'].get('reason')) for r in site.audit()
            if r['what'] == 'second_factor_reset'][::-1]
    assert rows == [('admin', 'hanako', 'ok', 'lost the phone'),
                    ('helper', 'boss', 'forbidden', 'lost the phone'),
                    ('helper', 'hanako', 'ok', 'lost the phone'),
                    ('boss', 'helper', 'ok', 'lost the phone')]


def log_in_by_recovery(site, user):
    """A reset and an enrolment, to have a token without waiting for the next code."""
    assert reset(site, user).status == 204
    return enrol(site, user)[1]['token']


def test_staff_tokens_without_a_code_end_when_the_role_asks(directory, tmp_path):
    with Broker(tmp_path, directory, **ROLES) as broker:
        token = staff_login(broker, 'boss')[0].body['token']
        assert broker.http('GET', '/v1/admin/hosts', token=token).status == 200
        broker.stop()
        broker.write_config(second_factor__roles='admin')
        broker.start()
        answer = broker.http('GET', '/v1/admin/hosts', token=token)
        assert (answer.status, answer.code) == (403, 'second_factor_missing')
        assert broker.admin('GET', '/v1/admin/hosts').status == 200, 'a certificate is something one has'


def test_the_store_alone_has_no_codes(site):
    app, body = enrol(site, 'hanako')
    site.stop()
    store = b''.join(p.read_bytes() for p in site.state.glob('broker.db*'))
    keys = site.state / 'second-factor.keys'
    assert keys.stat().st_mode & 0o777 == 0o600
    for secret in (app.secret, app.secret.hex().encode(), *(c.encode() for c in body['recovery_codes']),
                   *(c.replace('-', '').encode() for c in body['recovery_codes']),
                   bytes.fromhex(keys.read_text().split()[1])):
        assert secret not in store
    assert app.secret.hex() not in site.log() and body['recovery_codes'][0] not in site.log()
    # a new key in front; what was sealed with the old one still opens
    status, out = site.run('--new-second-factor-key')
    assert status == 0 and len(keys.read_text().split()) == 4, out
    site.start(init=False)
    assert log_in(site, 'hanako', app).status == 200
    with sqlite3.connect(site.state / 'broker.db') as db:
        assert db.execute('SELECT key_id FROM second_factor').fetchall() == [
            (keys.read_text().split()[0],)]
    # without the keys nobody is let in, and the broker says why
    site.stop()
    keys.unlink()
    site.start()
    any_code = app.code(app.last)
    assert code(site, site.login('hanako').body['challenge'], any_code).status == 500
    assert 'is not in the file of keys' in site.log()


def test_a_row_copied_to_another_person_opens_nothing(site):
    app, _ = enrol(site, 'hanako')
    enrol(site, '山田')
    with sqlite3.connect(site.state / 'broker.db') as db:
        db.execute("UPDATE second_factor SET sealed = (SELECT s.sealed FROM second_factor s "
                   "JOIN person p ON p.key = s.person WHERE p.name = 'hanako'), last_step = 0")
    assert code(site, site.login('山田').body['challenge'], app.now()).status == 500
    assert 'another person' in site.log()


def test_explain_says_who_asks(site):
    explained = site.admin('GET', '/v1/admin/explain?user=both').body
    assert explained['second_factor'] == {'needed': True, 'by': ['pool safe'], 'enrolled': False,
                                          'wrong_in_a_row': 0}
    assert {p['pool']: p['second_factor'] for p in explained['pools']} == {
        'lab': 'none', 'open': 'none', 'safe': 'totp'}
    assert site.admin('GET', '/v1/admin/explain?user=late').body['second_factor']['by'] == ['group']
    assert not site.admin('GET', '/v1/admin/explain?user=joerg').body['second_factor']['needed']


def test_check_names_what_is_wrong(directory, tmp_path):
    for key, value, word in (('roles', 'admin king', 'king'), ('challenge', '1s', 'challenge'),
                             ('issuer', 'a:b', 'issuer')):
        broker = Broker(tmp_path, directory, name=key, **{f'second_factor__{key}': value})
        broker.run('--init')
        status, out = broker.run('--check')
        assert status != 0 and f'second_factor.{key}' in out and word in out, out


# --- genkanctl -------------------------------------------------------------------------------------

def ctl(site, home, *arguments, text='', admin=False):
    certificate = ['--certificate', site.admin_certificate[0], '--key', site.admin_certificate[1]]
    done = subprocess.run([BUILD / 'ctl' / 'genkanctl', *arguments, '--broker',
                           f'127.0.0.1:{site.port}', '--ca', site.state / 'ca.crt',
                           *(certificate if admin else [])],
                          env=dict(os.environ, HOME=str(home)), input=text, capture_output=True,
                          text=True, timeout=60)
    return done.returncode, done.stdout, done.stderr


def test_genkanctl_asks_for_the_code(site, tmp_path):
    import threading
    (tmp_path / 'pw').write_text(password_of('boss'))
    process = subprocess.Popen(
        [BUILD / 'ctl' / 'genkanctl', 'login', 'boss', '--password-file', tmp_path / 'pw', '--broker',
         f'127.0.0.1:{site.port}', '--ca', site.state / 'ca.crt'],
        env=dict(os.environ, HOME=str(tmp_path)), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
        stderr=subprocess.PIPE, text=True)
    timer = threading.Timer(60, process.kill)
    timer.start()
    shown = ''
    while 'by hand' not in shown:
        text = process.stderr.readline()
        assert text, f'genkanctl ended: {shown} {process.stdout.read()}'
        shown += text
    secret = re.search(r'by hand: (\w+)', shown)[1]
    app = App(f'otpauth://totp/x?secret={secret}&issuer=x&digits=6&period=30&algorithm=SHA1')
    out, err = process.communicate(f'{app.wrong()}\n{app.now()}\n')
    timer.cancel()
    assert process.returncode == 0 and 'boss: admin' in out and 'The code is wrong' in err, (out, err)
    assert len(re.findall(r'^  [a-z2-7-]{19}$', out, re.M)) == 10
    assert '█▀' in shown or '▀' in shown, 'the QR code'
    assert ctl(site, tmp_path, 'host', 'list')[0] == 0
    status, out, _ = ctl(site, tmp_path, 'login', 'boss', '--password-file', str(tmp_path / 'pw'),
                         text=app.now() + '\n')
    assert status == 0 and 'Recovery' not in out
    status, _, err = ctl(site, tmp_path, 'login', 'boss', '--password-file', str(tmp_path / 'pw'),
                         text='123\n456\nabc\n')
    assert status == 7 and 'second_factor_wrong' in err


def test_genkanctl_shows_and_resets(site, tmp_path):
    app, _ = enrol(site, 'hanako')
    status, out, _ = ctl(site, tmp_path, 'second-factor', 'show', 'hanako', admin=True)
    assert status == 0 and 'hanako: enrolled' in out and 'recovery codes left    10' in out
    assert 'to be set up, asked for by pool safe' in ctl(site, tmp_path, 'explain', 'user', 'both',
                                                          admin=True)[1]
    assert ctl(site, tmp_path, 'second-factor', 'reset', 'hanako', admin=True)[0] == 1, 'a reason'
    status, out, _ = ctl(site, tmp_path, 'second-factor', 'reset', 'hanako', '--reason', 'lost',
                         admin=True)
    assert status == 0 and 'hanako' in out
    assert ctl(site, tmp_path, 'second-factor', 'show', 'hanako', '--json', admin=True)[1].find('none') > 0
    assert json.loads(ctl(site, tmp_path, 'second-factor', 'show', 'hanako', '--json',
                          admin=True)[1])['state'] == 'none'
