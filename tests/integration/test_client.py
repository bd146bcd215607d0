# SPDX-License-Identifier: Apache-2.0
"""genkan-client: without a window against a fake broker, with one on a virtual display, and
through a real relay to a real RDP server."""
import contextlib
import json
import os
import pathlib
import re
import shutil
import stat
import subprocess
import time

import pytest
import relay_site
from certificates import Ca
from fake_client_broker import DESKTOP, PASSWORD, FakeClientBroker, nowhere

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('GENKAN_BUILD', TOP / 'build-tests'))
CLIENT = BUILD / 'thinclient/genkan-client'
TOOLS = ('Xvfb', 'xdotool', 'xwininfo', 'import', 'compare', 'identify')
MISSING = [t for t in TOOLS if not shutil.which(t)] + ([] if CLIENT.exists() else [str(CLIENT)])

pytestmark = pytest.mark.skipif(bool(MISSING), reason=f'missing: {", ".join(MISSING)}')


class Setup:
    def __init__(self, folder):
        self.folder = folder
        self.ca = Ca(folder / 'pki')
        self.other_ca = Ca(folder / 'pki', 'other-ca')
        self.certificate = self.ca.issue('broker', 'IP:127.0.0.1')
        self.misnamed = self.ca.issue('misnamed', 'DNS:elsewhere.test')
        self.password = folder / 'password'
        self.password.write_text(PASSWORD + '\n')
        self.wrong_password = folder / 'wrong-password'
        self.wrong_password.write_text('not it\n')

    def broker(self, ticket=nowhere, certificate=None, **keys):
        c = certificate or self.certificate
        return FakeClientBroker(c.crt, c.key, ticket, **keys)

    @property
    def env(self):
        return {**os.environ, 'LANG': 'C.UTF-8', 'LC_ALL': '', 'TMPDIR': str(self.folder),
                'SDL_RENDER_DRIVER': 'software', 'SDL_AUDIODRIVER': 'dummy', 'DISPLAY': ''}

    def command(self, address, user, *options, ca=None):
        return [CLIENT, '--config', '/dev/null', '--broker', address, '--ca', ca or self.ca.crt,
                '--user', user, *options]

    def headless(self, address, user, *options, ca=None, password=None, seconds=90):
        return subprocess.run(
            self.command(address, user, '--headless', '--password-file', password or self.password,
                         *options, ca=ca),
            env=self.env, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            timeout=seconds)


@pytest.fixture(scope='module')
def setup(tmp_path_factory):
    return Setup(tmp_path_factory.mktemp('client'))


def assert_failed(done, code):
    assert done.returncode == 1, done.stdout + done.stderr
    assert done.stderr.startswith(f'genkan-client: {code}: '), done.stderr
    assert 'Sanitizer' not in done.stderr and PASSWORD not in done.stdout + done.stderr


# --- without a window -------------------------------------------------------------------------

@pytest.mark.parametrize('user,code', [
    ('mallory', 'wrong_credentials'), ('hurry', 'throttled'), ('dark', 'directory_unreachable'),
    ('full', 'pool_full'), ('none', 'not_entitled'), ('odd', 'bad_answer'),
    ('choice', 'choose_pool')])
def test_the_reason_code_is_told(setup, user, code):
    with setup.broker() as broker:
        assert_failed(setup.headless(broker.address, user), code)


def test_wrong_password(setup):
    with setup.broker() as broker:
        assert_failed(setup.headless(broker.address, 'alice', password=setup.wrong_password),
                      'wrong_credentials')


def test_broker_of_another_ca_gets_no_password(setup):
    with setup.broker() as broker:
        assert_failed(setup.headless(broker.address, 'alice', ca=setup.other_ca.crt),
                      'broker_untrusted')
        assert broker.requests == []


def test_broker_of_another_name_gets_no_password(setup):
    with setup.broker(certificate=setup.misnamed) as broker:
        assert_failed(setup.headless(broker.address, 'alice'), 'broker_untrusted')
        assert broker.requests == []


def test_no_broker(setup):
    assert_failed(setup.headless(f'127.0.0.1:{relay_site.free_port()}', 'alice'),
                  'broker_unreachable')


def test_no_relay_and_the_session_is_given_back(setup):
    with setup.broker() as broker:
        done = setup.headless(broker.address, 'alice', '--json')
        assert_failed(done, 'relay_unreachable')
        report = json.loads(done.stdout)
        assert report['ok'] is False and report['code'] == 'relay_unreachable'
        assert report['login_ms'] > 0 and report['relay_ms'] is None
        assert broker.paths()[-1] == 'DELETE /v1/session'


def test_preparation_is_waited_for_by_long_poll(setup):
    with setup.broker(step_s=0.2) as broker:
        done = setup.headless(broker.address, 'slow', '--json')
        assert_failed(done, 'relay_unreachable')
        waits = [body for _, path, body, _ in broker.requests if path.endswith('/connect')]
        assert [w['seen'] for w in waits] == ['queued', 'starting', 'booting', 'identity']
        assert all(w['wait_ms'] >= 10000 for w in waits)
        assert json.loads(done.stdout)['assign_ms'] >= 700


def test_pool_is_chosen_by_name(setup):
    with setup.broker() as broker:
        assert_failed(setup.headless(broker.address, 'choice', '--pool', 'cad'),
                      'relay_unreachable')
        assert 'POST /v1/desktops/0123456789abcdef/connect' in broker.paths()
        assert_failed(setup.headless(broker.address, 'choice', '--pool', 'kitchen'),
                      'not_entitled')


@pytest.mark.parametrize('options', [
    ['--headless'], ['--headless', '--user', 'x'], ['--screenshot', 'x.png'], ['--size', '1x1'],
    ['--password', 'x'], ['--language', 'fr'], ['stray'],
    ['--headless', '--user', 'x', '--password-file', '-', '--hold-until-eof']])
def test_usage(setup, options):
    done = subprocess.run([CLIENT, '--config', '/dev/null', '--broker', '127.0.0.1:1', *options],
                          env=setup.env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert done.returncode == 2 and done.stderr, done.stderr


def test_configuration_file(setup):
    conf = setup.folder / 'client.conf'
    with setup.broker() as broker:
        conf.write_text(f'[client]\nbroker = {broker.address}\nca_file = {setup.ca.crt}\n')
        command = [CLIENT, '--config', conf, '--headless', '--user', 'hurry', '--password-file',
                   setup.password]
        done = subprocess.run(command, env=setup.env, capture_output=True, text=True)
        assert_failed(done, 'throttled')
        conf.write_text(f'[client]\nbroker = {broker.address}\nbrokers = x\n')
        done = subprocess.run(command, env=setup.env, capture_output=True, text=True)
        assert done.returncode == 2 and 'client.conf:3' in done.stderr


def test_completion_offers_every_long_option():
    script = TOP / 'thinclient/genkan-client.bash'
    ask = (f'. {script}; COMP_WORDS=(genkan-client --); COMP_CWORD=1; _genkan_client;'
           'printf "%s\\n" "${COMPREPLY[@]}"')
    shown = subprocess.run(['bash', '-c', ask],
                           capture_output=True, text=True, check=True).stdout.split()
    usage = subprocess.run([CLIENT, '--help'], capture_output=True, text=True, check=True).stdout
    assert set(re.findall(r'--[a-z-]+[a-z]', usage.split('Exit status')[0])) == set(shown)


def test_no_display_is_told(setup, tmp_path):
    env = {k: v for k, v in setup.env.items() if k not in ('DISPLAY', 'WAYLAND_DISPLAY',
                                                           'SDL_VIDEODRIVER')}
    done = subprocess.run(setup.command('127.0.0.1:1', 'alice'), capture_output=True, text=True,
                          env={**env, 'XDG_RUNTIME_DIR': str(tmp_path)}, timeout=60)
    assert done.returncode == 1 and 'no screen' in done.stderr


# --- with a window ----------------------------------------------------------------------------

class Display:
    # -noreset: a server that starts anew when its last client leaves turns away who comes meanwhile
    def __init__(self, folder):
        read_end, write_end = os.pipe()
        self.server = subprocess.Popen(
            ['Xvfb', '-noreset', '-displayfd', str(write_end), '-screen', '0', '1280x800x24', '-nolisten',
             'tcp'],
            pass_fds=[write_end], stdin=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(write_end)
        with os.fdopen(read_end) as f:
            self.name = ':' + f.readline().strip()
        self.folder, self.shots = folder, 0

    def run(self, *command):
        return subprocess.run(command, env={**os.environ, 'DISPLAY': self.name},
                              capture_output=True, text=True).stdout

    def keys(self, *keys):
        self.run('xdotool', 'key', '--delay', '20', *keys)

    def type(self, text):
        self.run('xdotool', 'type', '--delay', '20', text)

    def resize(self, width, height):
        window = re.search('(0x[0-9a-f]+) "Genkan', self.run('xwininfo', '-root', '-tree')).group(1)
        self.run('xdotool', 'windowsize', window, str(width), str(height))

    def title(self):
        found = re.search('"(Genkan[^"]*)"', self.run('xwininfo', '-root', '-tree'))
        return found.group(1) if found else ''

    def wait_title(self, wanted, seconds=20):
        deadline = time.monotonic() + seconds
        while not re.fullmatch(wanted, title := self.title()):
            assert time.monotonic() < deadline, f'the title is {title!r}, not {wanted!r}'
            time.sleep(0.05)

    def shot(self):
        self.shots += 1
        path = self.folder / f'shot-{self.shots}.png'
        self.run('import', '-window', 'root', str(path))
        return path

    def close(self):
        relay_site.stop(self.server)


def differing_pixels(a, b, part=''):
    """`part` is a geometry of ImageMagick, as in 90x800+1180+0."""
    a, b = (f'{path}[{part}]' if part else path for path in (a, b))
    done = subprocess.run(['compare', '-metric', 'AE', a, b, 'null:'], capture_output=True,
                          text=True)
    return int(float(done.stderr.split()[0]))


@pytest.fixture
def display(tmp_path):
    d = Display(tmp_path)
    yield d
    d.close()


@contextlib.contextmanager
def window(setup, display, address, user='', *options):
    log = display.folder / 'client.log'
    with open(log, 'wb') as out:
        process = subprocess.Popen(setup.command(address, user, '--verbose', *options),
                                   env={**setup.env, 'DISPLAY': display.name},
                                   stdin=subprocess.DEVNULL, stdout=out, stderr=out)
    try:
        display.wait_title('Genkan: .*')
        yield process
        assert process.poll() is None, log.read_text(errors='replace')
    except BaseException:
        print(f'client: exit status {process.poll()}', log.read_text(errors='replace'), sep='\n')
        raise
    finally:
        relay_site.stop(process)
    text = log.read_text(errors='replace')
    assert 'Sanitizer' not in text and 'runtime error' not in text and PASSWORD not in text, text
    assert process.returncode == 0


def test_login_screen_shows_the_error_and_lets_try_again(setup, display):
    with setup.broker() as broker, window(setup, display, broker.address, 'alice'):
        display.wait_title('Genkan: sign in')
        before = display.shot()
        display.type('nonsense')
        display.keys('Return')
        display.wait_title(r'Genkan: sign in \(wrong_credentials\)')
        assert differing_pixels(before, display.shot()) > 5000     # the message is there
        display.type(PASSWORD)
        display.keys('Return')
        display.wait_title(r'Genkan: sign in \(relay_unreachable\)')
        logins = [b for _, p, b, _ in broker.requests if p == '/v1/login']
        assert [(b['user'], b['password']) for b in logins] == [('alice', 'nonsense'),
                                                                ('alice', PASSWORD)]


def test_name_can_be_edited_with_the_keyboard(setup, display):
    with setup.broker() as broker, window(setup, display, broker.address):
        display.type('malloryx')
        display.keys('BackSpace', 'Home', 'Delete', 'm', 'Tab')
        display.type('x y')
        display.keys('Tab', 'Return')
        display.wait_title(r'Genkan: sign in \(wrong_credentials\)')
        assert broker.requests[0][2]['user'] == 'mallory'
        assert broker.requests[0][2]['password'] == 'x y'


def test_progress_moves_and_can_be_cancelled(setup, display):
    with setup.broker() as broker, window(setup, display, broker.address, 'slow'):
        display.type(PASSWORD)
        display.keys('Return')
        display.wait_title(r'Genkan: preparing \(queued, 5%\)')
        queued = display.shot()
        broker.release()
        display.wait_title(r'Genkan: preparing \(starting, 25%\)')
        broker.release()
        display.wait_title(r'Genkan: preparing \(booting, 60%\)')
        assert differing_pixels(queued, display.shot()) > 500      # the bar is longer
        display.keys('Escape')
        display.wait_title('Genkan: sign in')
        relay_site.wait_until(lambda: 'DELETE /v1/session' in broker.paths(), what='sign out')


def test_place_in_line_moves(setup, display):
    with setup.broker() as broker, window(setup, display, broker.address, 'queue', '--language', 'ja'):
        display.type(PASSWORD)
        display.keys('Return')
        display.wait_title(r'Genkan: waiting \(number 2\)')
        second = display.shot()
        broker.release()
        display.wait_title(r'Genkan: waiting \(number 1\)')
        assert differing_pixels(second, display.shot()) > 30
        broker.release()
        display.wait_title(r'Genkan: sign in \(relay_unreachable\)')     # it was our turn


def test_a_choice_of_desktops(setup, display):
    with setup.broker() as broker, window(setup, display, broker.address, 'choice'):
        display.type(PASSWORD)
        display.keys('Return')
        display.wait_title('Genkan: choose a desktop')
        display.keys('Down', 'Return')
        display.wait_title(r'Genkan: sign in \(relay_unreachable\)')
        assert 'POST /v1/desktops/0123456789abcdef/connect' in broker.paths()


def test_window_stays_alive_while_the_broker_is_silent(setup, display):
    with setup.broker() as broker, window(setup, display, broker.address, 'slow'):
        display.type(PASSWORD)
        display.keys('Return')
        display.wait_title(r'Genkan: preparing \(queued, 5%\)')
        relay_site.wait_until(lambda: any(p.endswith('/connect') for p in broker.paths()),
                              what='the request that nobody answers')
        began = time.monotonic()
        display.keys('Escape')
        display.wait_title('Genkan: sign in')
        assert time.monotonic() - began < 2


# --- through a real relay ---------------------------------------------------------------------

RELAY_MISSING = relay_site.why_not()
with_relay = pytest.mark.skipif(RELAY_MISSING is not None, reason=str(RELAY_MISSING))


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    s = relay_site.RelaySite(tmp_path_factory.mktemp('relay'), display=93)
    yield s
    s.close()
    # sessions are killed here, so the relay may well tell about dead ones
    assert [r for r in s.relay.sanitizer_reports() if 'session_process_failed' not in r] == []


def tickets(site, pin=None, secret=None, made=None, relay=None, **keys):
    def make():
        t = site.ticket(policy={'sound': 'allow'}, **keys)
        if made is not None:
            made.append(t)
        return ('127.0.0.1', (relay or site.relay).port, pin or site.relay.fingerprint, t.locator,
                secret or t.secret)
    return make


@with_relay
def test_desktop_is_reached_and_measured(setup, site, tmp_path):
    png, made = tmp_path / 'desktop.png', []
    folders = set(pathlib.Path('/tmp').glob('genkan-client-*'))     # of clients that were killed
    with setup.broker(tickets(site, made=made)) as broker:
        done = setup.headless(broker.address, 'alice', '--json', '--screenshot', png)
    assert done.returncode == 0, done.stderr
    report = json.loads(done.stdout)
    assert report['ok'] and report['desktop'] == 'office-001' and report['paints'] > 0
    stages = ('tls_ms', 'login_ms', 'assign_ms', 'relay_ms', 'first_frame_ms')
    assert report['total_ms'] == pytest.approx(sum(report[s] for s in stages), abs=0.1)
    # the answer to the login brought the ticket along: that stage takes a microsecond, or none
    assert all(report[s] > 0 or s == 'assign_ms' for s in stages)
    assert stat.S_IMODE(png.stat().st_mode) == 0o600
    colours, size = subprocess.run(['identify', '-format', '%k %wx%h', png], check=True,
                                   capture_output=True, text=True).stdout.split()
    assert int(colours) > 2 and size == f"{report['width']}x{report['height']}" == '1024x768'
    assert set(pathlib.Path('/tmp').glob('genkan-client-*')) <= folders
    kinds = {e['kind'] for e in site.broker.of_session(made[0])}
    assert 'session_active' in kinds


@with_relay
def test_relay_with_another_certificate_gets_no_ticket(setup, site):
    made = []
    with setup.broker(tickets(site, pin='ab' * 32, made=made)) as broker:
        assert_failed(setup.headless(broker.address, 'alice'), 'relay_untrusted')
    assert not made[0].used and made[0].wrong == 0


@with_relay
def test_ticket_that_the_relay_does_not_accept(setup, site):
    with setup.broker(tickets(site, secret='A' * 43)) as broker:
        assert_failed(setup.headless(broker.address, 'alice'), 'ticket_invalid')


@with_relay
def test_hold_ends_with_the_input_or_with_the_session(setup, site):
    with setup.broker(tickets(site)) as broker:
        command = setup.command(broker.address, 'alice', '--headless', '--password-file',
                                setup.password, '--json', '--hold-until-eof')
        process = subprocess.Popen(command, env=setup.env, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert json.loads(process.stdout.readline())['ok']
        assert process.poll() is None
        _, errors = process.communicate(timeout=30)     # closes standard input
        assert process.returncode == 0, errors


@with_relay
def test_session_that_the_server_ends(setup, site):
    made = []
    with setup.broker(tickets(site, made=made)) as broker:
        command = setup.command(broker.address, 'alice', '--headless', '--password-file',
                                setup.password, '--json', '--hold-until-eof')
        process = subprocess.Popen(command, env=setup.env, stdin=subprocess.PIPE,
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert json.loads(process.stdout.readline())['ok']
        os.kill(site.relay.session_pid(made[0]), 9)
        assert process.wait(30) == 1
        assert process.stderr.read().startswith('genkan-client: connection_lost: ')
        process.stdin.close()
        process.stdout.close()
        process.stderr.close()


@with_relay
def test_desktop_in_a_window(setup, site, display):
    made = []
    with setup.broker(tickets(site, made=made)) as broker, \
            window(setup, display, broker.address, 'alice'):
        display.type(PASSWORD)
        display.keys('Return')
        display.wait_title('Genkan: Office', 30)
        relay_site.wait_until(lambda: shows_the_guest(display.shot()), 20, 'the guest in the window')
        display.keys('ctrl+alt+End')
        display.wait_title('Genkan: sign in')
        site.broker.wait_event(lambda e: e['session'] == made[0].session
                               and e['kind'] == 'session_ended')


@with_relay
def test_lost_session_is_opened_again_by_itself(setup, site, display):
    """The session process dies: the picture is dimmed, then it is back, with another ticket."""
    made = []
    with setup.broker(tickets(site, made=made)) as broker, \
            window(setup, display, broker.address, 'alice'):
        display.type(PASSWORD)
        display.keys('Return')
        display.wait_title('Genkan: Office$', 30)
        relay_site.wait_until(lambda: shows_the_guest(display.shot()), 20, 'the guest in the window')
        began = time.monotonic()
        os.kill(site.relay.session_pid(made[0]), 9)
        display.wait_title(r'Genkan: Office \(reconnecting\)')
        display.wait_title('Genkan: Office$')
        relay_site.wait_until(lambda: shows_the_guest(display.shot()), 20, 'the guest in the window')
        assert time.monotonic() - began < 3
        assert len(made) == 2 and made[1].used
        display.keys('ctrl+alt+End')
        display.wait_title('Genkan: sign in$')


@contextlib.contextmanager
def desktop_shown(setup, site, display, made, *options):
    with setup.broker(tickets(site, made=made)) as broker, \
            window(setup, display, broker.address, 'alice', *options):
        display.type(PASSWORD)
        display.keys('Return')
        display.wait_title('Genkan: Office$', 30)
        relay_site.wait_until(lambda: shows_the_guest(display.shot()), 20, 'the guest in the window')
        yield broker


@with_relay
@pytest.mark.parametrize('language', ['en', 'ja'])
def test_own_desktop_is_restarted_with_the_keyboard(setup, site, display, language):
    made = []
    with desktop_shown(setup, site, display, made, '--language', language) as broker:
        display.keys('ctrl+alt+Home')
        display.wait_title(r'Genkan: Office \(menu\)')
        display.keys('Down', 'Down', 'Return')
        display.wait_title(r'Genkan: Office \(restart\?\)')
        display.keys('Return')      # the careful answer is the one that is offered
        display.wait_title(r'Genkan: Office \(menu\)')
        broker.refuse = 'busy'
        display.keys('Return', 'Tab', 'Return')
        display.wait_title(r'Genkan: Office \(menu, busy\)')
        broker.refuse = None
        display.keys('Return', 'Tab', 'Return')
        display.wait_title(r'Genkan: Office \(restarting\)')
        display.wait_title('Genkan: Office$')
        assert broker.paths().count(f'POST /v1/desktops/{DESKTOP}/restart') == 2
        assert len(made) == 2 and made[1].used
        display.keys('ctrl+alt+Home')
        display.wait_title(r'Genkan: Office \(menu\)')
        display.keys('Up', 'Return', 'Right', 'Return')     # the last line: another desktop
        display.wait_title('Genkan: Office$')
        assert f'POST /v1/desktops/{DESKTOP}/reset' in broker.paths()
        display.keys('ctrl+alt+Home')
        display.wait_title(r'Genkan: Office \(menu\)')
        display.keys('Escape')
        display.wait_title('Genkan: Office$')


@with_relay
def test_menu_has_only_what_the_pool_allows(setup, site, display):
    with setup.broker(tickets(site)) as broker, window(setup, display, broker.address, 'alice'):
        broker.may = {'restart': False, 'reset': False}
        display.type(PASSWORD)
        display.keys('Return')
        display.wait_title('Genkan: Office$', 30)
        display.keys('ctrl+alt+Home')
        display.wait_title(r'Genkan: Office \(menu\)')
        display.keys('Down', 'Down', 'Return')       # back at the first line
        display.wait_title('Genkan: Office$')


@with_relay
def test_what_the_user_is_told_lies_over_the_desktop(setup, site, display):
    beside = '80x800+1180+0'    # where the guest's moving picture is not
    with desktop_shown(setup, site, display, []) as broker:
        before = display.shot()
        broker.notify('refused', 'storage', 'unused: the client has its own words')
        broker.notify('message', '', '昼休みに再起動します。\nPlease save your work.')
        relay_site.wait_until(lambda: differing_pixels(before, display.shot(), beside) > 8000,
                              what='two notices on the screen')
        display.run('xdotool', 'mousemove', '1100', '40', 'click', '1', 'click', '1')   # read
        relay_site.wait_until(lambda: differing_pixels(before, display.shot(), beside) == 0,
                              what='the notices have gone')


@with_relay
def test_relay_that_is_away_is_tried_again(setup, site, display, tmp_path):
    relay, made = relay_site.Relay(tmp_path / 'second', site.broker, site.pki), []
    try:
        with setup.broker(tickets(site, made=made, relay=relay)) as broker, \
                window(setup, display, broker.address, 'alice'):
            display.type(PASSWORD)
            display.keys('Return')
            display.wait_title('Genkan: Office$', 30)
            relay.process.terminate()
            relay.process.wait(10)
            display.wait_title(r'Genkan: Office \(reconnecting\)')
            relay_site.wait_until(lambda: len(made) >= 3, 20, 'several tries')
            # nobody has to wait for it
            display.keys('ctrl+alt+End')
            display.wait_title('Genkan: sign in$')
    finally:
        relay.close()


@with_relay
@pytest.mark.parametrize('reason', ['session_moved', 'session_disconnected'])
def test_session_that_somebody_ended_is_not_opened_again(setup, site, display, reason):
    made = []
    with setup.broker(tickets(site, made=made)) as broker, \
            window(setup, display, broker.address, 'alice'):
        display.type(PASSWORD)
        display.keys('Return')
        display.wait_title('Genkan: Office$', 30)
        site.broker.end_session(made[0], reason)    # perhaps while the guest takes the size of the window
        display.wait_title(rf'Genkan: sign in \({reason}\)')
        assert len(made) == 1


@with_relay
def test_sign_in_that_has_expired_leads_back_to_the_login(setup, site, display):
    made = []
    with setup.broker(tickets(site, made=made)) as broker, \
            window(setup, display, broker.address, 'alice'):
        display.type(PASSWORD)
        display.keys('Return')
        display.wait_title('Genkan: Office$', 30)
        broker.expired = True
        os.kill(site.relay.session_pid(made[0]), 9)
        display.wait_title(r'Genkan: sign in \(session_expired\)')


@with_relay
def test_window_of_another_size_opens_the_desktop_anew(setup, site, display):
    """This guest has no way to change its size while it is shown."""
    made = []
    with setup.broker(tickets(site, made=made)) as broker, \
            window(setup, display, broker.address, 'alice'):
        display.type(PASSWORD)
        display.keys('Return')
        display.wait_title('Genkan: Office$', 30)
        time.sleep(6)       # as long as the client waits for the channel
        display.resize(900, 700)
        relay_site.wait_until(lambda: len(made) == 2 and made[1].used, 10, 'another ticket')
        display.wait_title('Genkan: Office$')
        site.broker.wait_event(lambda e: e['session'] == made[1].session and e['kind'] == 'session_active')
        # once, not again and again, though the guest stays as it is
        time.sleep(2.5)
        assert len(made) == 2


def shows_the_guest(png):
    """The guest is white around its clock, and the window is wider than the guest: black at the
    sides. The login screen is neither here nor there."""
    points = '%[pixel:p{200,20}] %[pixel:p{5,400}]'
    out = subprocess.run(['convert', png, '-format', points, 'info:'], capture_output=True,
                         text=True).stdout.lower()
    first, last = out.split()
    return first in WHITE and last in BLACK


WHITE = ('white', 'gray(255)', 'srgb(255,255,255)', 'graya(255,1)')
BLACK = ('black', 'gray(0)', 'srgb(0,0,0)', 'graya(0,1)')
