# SPDX-License-Identifier: Apache-2.0
"""genkan-client and what may stand behind the password: a code, setting up an app, a new password.
Against the real broker and directory; there is no image, so a sign-in that works ends with no_image."""
import shutil
import subprocess

import pytest

from broker import Broker, pool
from needs import NEEDS_BROKER
from slapd import BASE, Slapd, line, password_of, person_dn, person_ldif
from test_client import MISSING, display, setup  # noqa: F401 (fixtures)
from test_client import window as client_window
from totp import App

pytestmark = [
    *NEEDS_BROKER,
    pytest.mark.skipif(bool(MISSING), reason=f'missing: {", ".join(MISSING)}'),
]

POLICY = f'overlay ppolicy\nppolicy_default "cn=default,ou=policies,{BASE}"\n'


def strict_ldif():
    text = (f'dn: ou=policies,{BASE}\nobjectClass: organizationalUnit\nou: policies\n\n'
            f'dn: cn=default,ou=policies,{BASE}\nobjectClass: device\nobjectClass: pwdPolicy\n'
            'cn: default\npwdAttribute: userPassword\npwdMinLength: 8\npwdCheckQuality: 2\n'
            'pwdMustChange: TRUE\n\n')
    for uid in ('reset', 'reset2'):
        text += person_ldif(uid, uid.title(), None).rstrip('\n') + '\npwdReset: TRUE\n\n'
    return text + (f'dn: cn=fresh,ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: fresh\n'
                   f'{line("member", person_dn("reset"))}{line("member", person_dn("reset2"))}\n')


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('site')
    with Slapd(folder, extra='moduleload ppolicy', overlays=POLICY, more_ldif=strict_ldif()) as slapd:
        with Broker(folder, slapd, login__user_failures=1000) as broker:
            broker.apply(pool('safe', ['sales'], second_factor='totp'), pool('lab', ['fresh']))
            broker.address = f'127.0.0.1:{broker.port}'
            yield broker


def window(site, setup, display, user, *options):
    class Own:      # the same client, another CA
        env = setup.env

        @staticmethod
        def command(address, name, *options):
            return setup.command(address, name, *options, ca=site.state / 'ca.crt')
    return client_window(Own, display, site.address, user, *options)


def sign_in(display, user, password=None):
    display.wait_title('Genkan: sign in')
    display.type(password or password_of(user))
    display.keys('Return')


def scanned(display, folder):
    """What an app sees when it is held before the screen."""
    picture = display.shot()
    done = subprocess.run(['zbarimg', '--quiet', '--raw', picture], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def ascii_password(site, user, text):
    """xdotool types what is on its keyboard."""
    done = site.http('POST', '/v1/password', {'user': user, 'password': password_of(user),
                                              'new_password': text})
    assert done.status == 204, done


@pytest.mark.skipif(not shutil.which('zbarimg'), reason='zbarimg is not installed')
def test_an_app_is_set_up_from_the_screen_and_then_asked(site, setup, display, tmp_path):
    ascii_password(site, 'hanako', 'plain-Password-1')
    with window(site, setup, display, 'hanako'):
        sign_in(display, 'hanako', 'plain-Password-1')
        display.wait_title('Genkan: code, first time')
        app = App(scanned(display, tmp_path))
        assert app.label == 'Genkan:hanako'
        display.type(app.wrong())
        display.keys('Return')
        display.wait_title(r'Genkan: code, first time \(second_factor_wrong\)')
        display.type(app.now())
        display.keys('Return')
        display.wait_title('Genkan: recovery codes')
        display.keys('Return')
        display.wait_title(r'Genkan: sign in \(no_image\)')
    with window(site, setup, display, 'hanako'):
        sign_in(display, 'hanako', 'plain-Password-1')
        display.wait_title('Genkan: code')
        display.keys('Escape')
        display.wait_title('Genkan: sign in')
        sign_in(display, 'hanako', 'plain-Password-1')
        display.wait_title('Genkan: code')
        display.type(app.now())
        display.keys('Return')
        display.wait_title(r'Genkan: sign in \(no_image\)')


def test_a_password_that_must_be_changed_is_changed_on_the_screen(site, setup, display, tmp_path):
    first = site.http('POST', '/v1/login', {'user': 'reset', 'password': password_of('reset')})
    assert first.code == 'password_expired'
    (tmp_path / 'old').write_text(password_of('reset'))
    with window(site, setup, display, 'reset', '--password-file', str(tmp_path / 'old')):
        display.wait_title('Genkan: new password')
        display.type('longer-Pw-1')
        display.keys('Tab')
        display.type('longer-Pw-2')
        display.keys('Return')
        display.wait_title(r'Genkan: new password \(passwords_differ\)')
        for text in ('short', 'longer-Pw-1'):
            display.type(text)
            display.keys('Tab')
            display.type(text)
            display.keys('Return')
            if text == 'short':
                display.wait_title(r'Genkan: new password \(password_rejected\)')
        display.wait_title(r'Genkan: sign in \(no_image\)')
    assert site.login('reset', 'longer-Pw-1').status == 200


def headless(site, setup, user, password_file, *options):
    done = setup.headless(site.address, user, *options, ca=site.state / 'ca.crt',
                          password=password_file)
    return done.stderr.splitlines()[-1].split(': ')[1], done


def test_without_a_window_from_files(site, setup, tmp_path):
    old, new, text = (tmp_path / n for n in ('old', 'new', 'code'))
    old.write_text(password_of('reset2'))
    new.write_text('Neues-Paßwort-ひみつ\n')
    assert headless(site, setup, 'reset2', old)[0] == 'password_expired'
    code, done = headless(site, setup, 'reset2', old, '--new-password-file', new)
    assert code == 'no_image' and 'Neues' not in done.stderr + done.stdout
    assert headless(site, setup, 'reset2', old)[0] == 'wrong_credentials'
    assert headless(site, setup, 'reset2', new)[0] == 'no_image'
    old.write_text(password_of('山田'))
    assert headless(site, setup, '山田', old)[0] == 'second_factor_enrolment'
    first = site.login('山田')
    app = App(first.body['otpauth_uri'])
    assert site.http('POST', '/v1/login/second-factor', {
        'challenge': first.body['challenge'], 'code': app.now()}).status == 200
    assert headless(site, setup, '山田', old)[0] == 'second_factor_required'
    text.write_text(app.wrong())
    assert headless(site, setup, '山田', old, '--code-file', text)[0] == 'second_factor_wrong'
    text.write_text(app.now())
    assert headless(site, setup, '山田', old, '--code-file', text)[0] == 'no_image'
