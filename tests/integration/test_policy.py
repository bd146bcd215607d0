# SPDX-License-Identifier: Apache-2.0
"""What an auditor runs, and the one way to a drive: policy verify and exceptions in a whole site."""
import json
import os
import re
import shutil
import subprocess

import pytest

import genkan_site
import standard_clients
from genkan_site import BROKER, BUILD
from netns import wait_until

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(genkan_site.why_not() is not None, reason=str(genkan_site.why_not())),
]
USER = 'hanako'
PROBE = BUILD / 'thinclient/probe/genkan-probe'


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    s = genkan_site.Site(tmp_path_factory.mktemp('policy')).start()
    try:
        yield s
    finally:
        s.stop()


@pytest.fixture(autouse=True)
def nobody_crashed(site):
    yield
    for daemon in (site.broker, site.agent, site.relay):
        assert daemon.alive(), daemon.tail()
        assert 'Sanitizer' not in daemon.text() and 'runtime error' not in daemon.text(), daemon.tail()


def verify(site, *options, probe=PROBE):
    state = site.dirs['broker']
    done = subprocess.run(
        site.client_ns.command(
            genkan_site.program('genkanctl'), '--broker', f'{BROKER}:8443', '--ca', state / 'ca.crt',
            '--certificate', state / 'admin.crt', '--key', state / 'admin.key', 'policy', 'verify',
            'sales', '--probe', probe, *options),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=400,
        env=dict(os.environ, HOME=str(site.root / 'client')))
    return done.returncode, done.stdout, done.stderr


def test_policy_verify_proves_that_nothing_arrives(site):
    report_file = site.root / 'report.json'
    status, out, err = verify(site, '--out', report_file)
    report = json.loads(report_file.read_text()) if report_file.exists() else {}
    assert status == 0, f'{out}\n{err}\n{json.dumps(report.get("seen_by_desktop"))}\n{site.relay.tail()}'
    assert report['result'] == 'pass' and report['pool'] == 'sales' and len(report['policy_sha256']) == 64
    ways = {way['way']: way for way in report['ways']}
    assert ways['drive']['refused'] == ['drive GKPROBE'] and ways['drive']['arrived'] == []
    assert any('rdp2tcp' in name for name in ways['tunnel']['refused'])
    assert report['seen_by_desktop']['clipboard_asked'] is True, 'the desktop itself was asked'
    assert report['seen_by_desktop']['user'] == 'genkan-probe'
    assert 'result   pass' in out and report['policy_sha256'] in out
    wait_until('the probe\'s desktop is gone', lambda: not site.desktops(), 60, 0.5)
    shown = site.ctl('policy', 'show', 'sales')
    assert report['policy_sha256'] in shown and 'removable_storage' in shown
    assert any(row['what'] == 'policy_probe' for row in site.audit())


def test_policy_verify_is_not_content_with_nothing(site):
    """A probe that offers no drive proves nothing about drives."""
    tame = site.root / 'tame-probe'
    tame.write_text('#!/bin/sh\nfor a in "$@"; do shift; case $a in /drive:*|/rdp2tcp:*) ;; '
                    f'*) set -- "$@" "$a" ;; esac; done\nexec {PROBE} "$@"\n')
    tame.chmod(0o755)
    status, out, err = verify(site, '--json', probe=tame)
    assert status == 1 and 'does not hold' in err, out + err
    failed = {way['way']: way['why'] for way in json.loads(out)['ways'] if way['result'] == 'fail'}
    assert set(failed) == {'drive', 'tunnel'} and 'nothing shows that it was offered' in failed['drive']


def admin(site, name):
    """genkanctl as another administrator."""
    state = site.dirs['broker']
    site.site_ns.run(genkan_site.program('genkan-broker'), '--config', site.root / 'broker.conf', '--admin', name)
    return lambda *words, check=True: genkan_site.run(*site.site_ns.command(
        genkan_site.program('genkanctl'), '--broker', f'{BROKER}:8443', '--ca', state / 'ca.crt', '--certificate',
        state / 'admins' / f'{name}.crt', '--key', state / 'admins' / f'{name}.key', *words), check=check)


@pytest.fixture(scope='module')
def admins(site):
    return admin(site, 'alice'), admin(site, 'boris')


def make_guest_eager(site, desktop):
    """The image refuses drives by itself; here its second lock is opened."""
    site.in_guest(desktop, '/bin/sed', '-i', '-e', 's/^EnableFuseMount=.*/EnableFuseMount=true/',
                  '-e', '/^.ChansrvLogging/,$ s/Level=.*/Level=DEBUG/', '/etc/xrdp/sesman.ini')
    site.in_guest(desktop, '/bin/sed', '-i', 's/^rdpdr=.*/rdpdr=true/', '/etc/xrdp/xrdp.ini')


def chansrv_log(site, desktop):
    return site.in_guest(desktop, '/usr/bin/journalctl', '--no-pager', '-o', 'cat', '-t', 'xrdp-chansrv',
                         '-t', 'xrdp-chansrv-sesman', check=False)


def open_desktop(site, login, desktop, stick):
    """rdesktop with a drive: this xrdp sees drives of rdesktop, but none of FreeRDP 3."""
    rdp = standard_clients.fetch(site, login.token, desktop)
    return rdp, standard_clients.Display(site.root / 'client', site.client_ns,
                                         standard_clients.rdesktop(rdp, stick))


def drives_seen(site, desktop):
    return [line for line in chansrv_log(site, desktop).splitlines() if 'remote drive' in line]


@pytest.mark.skipif(not shutil.which('rdesktop'), reason='rdesktop is not installed')
def test_drive_by_exception_only_and_no_longer(site, admins):
    alice, boris = admins
    path = site.root / 'pools' / 'sales.yaml'
    path.write_text(path.read_text() + '\nstandard_clients: allow\n')
    site.ctl('apply', site.root / 'pools')
    login = site.login(USER)
    site.ticket(USER)
    desktop = next(d for d in site.desktops() if d['user'] == USER)['id']
    make_guest_eager(site, desktop)
    stick = site.root / 'stick'
    stick.mkdir(mode=0o755)
    (stick / 'fair.txt').write_text('leaflet')

    def active():
        return site.session_of(USER)

    def refused():
        return [row for row in site.audit('--denied', '--user', USER) if row['subject'].startswith('drive')]
    rdp, client = open_desktop(site, login, desktop, stick)
    with client:
        assert rdp.settings['redirectdrives'] == '0'
        wait_until('a session', active, 90, 0.3)
        row = wait_until('the drive is refused', refused, 30, 0.3)[0]
        assert row['details']['rule'] == 'removable_storage' and drives_seen(site, desktop) == []
    wait_until('the session has ended', lambda: not active(), 20, 0.3)

    asked = json.loads(alice('--json', 'exception', 'grant', '--user', USER, '--pool', 'sales', '--hours', '2',
                             '--reason', '展示会'))['exception']
    assert 'Another administrator' in alice('exception', 'approve', asked['id'], check=False)
    assert 'approved until' in boris('exception', 'approve', asked['id'])
    rdp, client = open_desktop(site, login, desktop, stick)
    with client:
        assert rdp.settings['redirectdrives'] == '1'
        session = wait_until('a session', active, 90, 0.3)
        wait_until('the desktop sees the drive', lambda: drives_seen(site, desktop), 60, 0.5)
        alice('exception', 'revoke', asked['id'])
        client.ended(15)
    assert not any(s['id'] == session['id'] for s in site.sessions())

    seen = len(drives_seen(site, desktop))
    rdp, client = open_desktop(site, login, desktop, stick)
    with client:
        wait_until('a session', active, 90, 0.3)
        wait_until('the drive is refused again', lambda: len(refused()) > 1, 30, 0.3)
        assert len(drives_seen(site, desktop)) == seen
    assert told_of(site, asked) == ['exception_requested', 'exception_approved', 'exception_approved',
                                    'exception_used', 'exception_revoked']


def told_of(site, exception):
    return [row['what'] for row in reversed(site.audit('--limit', '1000')) if row['subject'] == exception['id']]


class Seat(standard_clients.Display):
    """genkan-client in a window of its own."""

    def __init__(self, site):
        super().__init__(site.root / 'client', site.client_ns,
                         lambda _: ([genkan_site.program('genkan-client'), '--config', '/dev/null', '--broker',
                                     f'{BROKER}:8443', '--ca', site.dirs['broker'] / 'ca.crt', '--user', USER], b''),
                         {'SDL_RENDER_DRIVER': 'software', 'SDL_AUDIODRIVER': 'dummy'})

    def run(self, *command):
        return subprocess.run(command, env=self.env, capture_output=True, text=True).stdout

    def title(self):
        found = re.search('"(Genkan[^"]*)"', self.run('xwininfo', '-root', '-tree'))
        return found.group(1) if found else ''

    def sign_in(self, password):
        wait_until('the form', lambda: self.title() == 'Genkan: sign in', 30, 0.1)
        self.run('xdotool', 'type', '--delay', '20', password)
        self.run('xdotool', 'key', 'Return')

    def badge(self):
        """How much there is on the screen of the paint of "Removable storage is allowed until"."""
        self.picture()
        return int(self.run('convert', self.folder / 'screen.png', '-fill', 'black', '+opaque', '#8A5A00', '-fill',
                            'white', '-opaque', '#8A5A00', '-format', '%[fx:int(w*h*mean)]', 'info:') or 0)


@pytest.mark.skipif(not shutil.which('xdotool'), reason='xdotool is not installed')
def test_exception_is_on_the_screen_and_ends_by_itself(site, admins):
    alice, boris = admins
    with site.session(USER):
        pass    # the desktop is there, and she is logged on
    asked = json.loads(alice('--json', 'exception', 'grant', '--user', USER, '--pool', 'sales', '--hours', '0.0167',
                             '--reason', '展示会'))['exception']
    with Seat(site) as seat:
        boris('exception', 'approve', asked['id'])      # now its minute begins
        seat.sign_in(site.passwords[USER])
        session = wait_until('a session', lambda: site.session_of(USER), 40, 0.3)
        wait_until('the badge', lambda: seat.badge() > 1000, 10, 0.2)
        wait_until('the exception ends the session', lambda: not any(
            s['id'] == session['id'] for s in site.sessions()), 60, 0.3)
        # The client comes back by itself, to a session without it.
        wait_until('another session', lambda: (site.session_of(USER) or session)['id'] != session['id'], 60, 0.3)
        wait_until('the badge is gone', lambda: seat.badge() < 100, 30, 0.2)
    # The broker looks once a minute; the relay has its own clock.
    wait_until('the row of its end', lambda: told_of(site, asked) == [
        'exception_requested', 'exception_approved', 'exception_used', 'exception_expired'], 90, 0.5)
    assert json.loads(alice('--json', 'exception', 'show', asked['id']))['exception']['state'] == 'expired'
