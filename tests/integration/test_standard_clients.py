# SPDX-License-Identifier: Apache-2.0
"""Clients of other people (FreeRDP, rdesktop, Remmina) with a .rdp file, in a whole site."""
import re
import shutil
import subprocess
import time

import pytest

import genkan_site
import standard_clients
from genkan_site import CLIENT
from netns import wait_until
from standard_clients import CLIENTS, Display

MISSING = [name for name in [*CLIENTS, 'Xvfb', 'import', 'dbus-run-session'] if not shutil.which(name)]
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(genkan_site.why_not() is not None, reason=str(genkan_site.why_not())),
    pytest.mark.skipif(bool(MISSING), reason=f'not installed: {", ".join(MISSING)}'),
]
USER = 'hanako'


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    s = genkan_site.Site(tmp_path_factory.mktemp('standard')).start()
    try:
        allow_standard_clients(s)
        s.login_answer = s.login(USER)
        s.desktop_id = s.login_answer.body['desktops'][0]['id']
        s.stick = s.root / 'stick'
        s.stick.mkdir(mode=0o755)
        (s.stick / 'payroll.txt').write_text('salaries')
        s.ticket(USER)      # the desktop is there
        s.desktop = next(d for d in s.desktops() if d['user'] == USER)
        yield s
    finally:
        s.stop()


def allow_standard_clients(site):
    for path in (site.root / 'pools').glob('sales*.yaml'):
        path.write_text(path.read_text() + '\nstandard_clients: allow\n')
    site.ctl('apply', site.root / 'pools')


@pytest.fixture(scope='module')
def stale(site):
    """A file nobody uses until it has expired."""
    return fetch(site), time.monotonic()


@pytest.fixture(autouse=True)
def nobody_crashed(site):
    yield
    for daemon in (site.broker, site.agent, site.relay):
        assert daemon.alive(), daemon.tail()
        assert 'Sanitizer' not in daemon.text() and 'runtime error' not in daemon.text(), daemon.tail()


def fetch(site):
    rdp = standard_clients.fetch(site, site.login_answer.token, site.desktop_id)
    assert isinstance(rdp, standard_clients.RdpFile), rdp
    return rdp


def make_guest_eager(site):
    """A guest that takes any device it is offered, and says so."""
    site.in_guest(site.desktop['id'], '/bin/sed', '-i', 's/^rdpdr=.*/rdpdr=true/', '/etc/xrdp/xrdp.ini')
    site.in_guest(site.desktop['id'], '/bin/sed', '-i', '-e', 's/^EnableFuseMount=.*/EnableFuseMount=true/',
                  '/etc/xrdp/sesman.ini')


def test_a_file_is_laid_aside(stale):
    assert stale[0].settings['redirectdrives'] == '0'


@pytest.mark.parametrize('name', CLIENTS)
def test_desktop_appears_without_devices(site, name):
    make_guest_eager(site)
    rdp = fetch(site)
    with Display(site.root / 'client', site.client_ns, CLIENTS[name](rdp, site.stick)) as display:
        try:
            session = wait_until('a session that shows the desktop', lambda: site.session_of(USER), 120, 0.3)
            colours = wait_until('a picture', lambda: display.picture() > 50 and display.picture(), 60, 0.5)
        except AssertionError as why:
            raise AssertionError(f'{why}\n{display.output()[-3000:]}\n{site.relay.tail()}') from None
        assert session['client_address'] == CLIENT and colours > 50
        assert site.in_guest(site.desktop['id'], '/usr/bin/pgrep', '-u', USER, '-x', 'Xorg').strip()
        seen = (site.in_guest(site.desktop['id'], '/bin/cat', '/proc/mounts')
                + site.in_guest(site.desktop['id'], '/bin/ls', '-R', f'/home/{USER}', check=False)
                + site.in_guest(site.desktop['id'], '/usr/bin/journalctl', '-q', '--no-pager', '-o', 'cat'))
        assert 'USBSTICK' not in seen.upper() and 'payroll' not in seen

        def denied():
            return [row for row in site.audit('--denied') if row['who'] == USER
                    and row['details'].get('session') == session['id']]
        rows = wait_until('refusals in the audit log', denied, 20, 0.3)
        assert any(row['what'] in ('device', 'static_channel') and row['subject'].lower() == 'rdpdr'
                   for row in rows), rows
    wait_until('the session has ended', lambda: not site.session_of(USER), 20, 0.3)


def refused(site, rdp, ns=None, code=None):
    before = site.count_guest_contacts()
    with Display(site.root / 'client', ns or site.client_ns, CLIENTS['xfreerdp3'](rdp, site.stick)) as d:
        assert d.ended(40) != 0, d.output()
    assert site.count_guest_contacts() == before
    row = wait_until(f'a row that says {code}', lambda: [
        row for row in site.audit('--denied') if row['what'] == 'redeem'][:1], 10, 0.3)[0]
    assert row['code'] == code, row


def test_replay_is_refused(site):
    rdp = fetch(site)
    with Display(site.root / 'client', site.client_ns, CLIENTS['xfreerdp3'](rdp, site.stick)):
        wait_until('a session', lambda: site.session_of(USER), 90, 0.3)
        refused(site, rdp, code='ticket_used')
        assert site.session_of(USER), 'the session of the first one goes on'


def test_wrong_secret_is_refused_and_burns_the_file(site):
    rdp = fetch(site)
    wrong = rdp.with_secret('A' * 43)
    for _ in range(3):
        refused(site, wrong, code='ticket_wrong_secret')
    refused(site, rdp, code='ticket_burned')


def test_other_address_is_refused(site):
    rdp = fetch(site)
    refused(site, rdp, ns=site.site_ns, code='ticket_other_address')


def test_without_a_file_there_is_no_tls(site):
    before = site.count_guest_contacts()
    done = subprocess.run(site.client_ns.command('xvfb-run', '-a', 'xfreerdp3', f'/v:{genkan_site.HOST}:3389',
                                                 '/u:hanako', '/p:x', '/sec:tls', '/cert:ignore'),
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    assert done.returncode != 0 and site.count_guest_contacts() == before


def test_silent_client_is_let_go_before_the_guest_is_asked(site):
    """It has TLS and says nothing more: the relay waits its 10 seconds and no guest hears of it."""
    rdp = fetch(site)
    before = site.count_guest_contacts()
    cookie = f'{rdp.token}\r\n'.encode()
    negotiate = b'\x01\x00\x08\x00\x01\x00\x00\x00'
    body = bytes([6 + len(cookie) + len(negotiate)]) + b'\xe0\0\0\0\0\0' + cookie + negotiate
    began = time.monotonic()
    with site.client_ns.entered():
        import socket
        link = socket.create_connection((genkan_site.HOST, 3389), timeout=30)
    link.sendall(b'\x03\x00' + (len(body) + 4).to_bytes(2, 'big') + body)
    assert link.recv(19)[11] == 2, 'a negotiation response'     # RDP_NEG_RSP
    import ssl
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(link) as tls:
        assert tls.recv(1) == b''
    assert 8 < time.monotonic() - began < 16
    assert site.count_guest_contacts() == before


def test_pool_that_denies_gives_no_file(site):
    for path in (site.root / 'pools').glob('sales*.yaml'):
        path.write_text(re.sub('standard_clients: allow', 'standard_clients: deny', path.read_text()))
    site.ctl('apply', site.root / 'pools')
    try:
        status, problem = standard_clients.fetch(site, site.login_answer.token, site.desktop_id)
        assert status == 403 and 'standard_clients_denied' in problem
    finally:
        for path in (site.root / 'pools').glob('sales*.yaml'):
            path.write_text(re.sub('standard_clients: deny', 'standard_clients: allow', path.read_text()))
        site.ctl('apply', site.root / 'pools')


def test_stale_file_is_refused(site, stale):
    rdp, made_at = stale
    time.sleep(max(0, made_at + 31 - time.monotonic()))     # usually long ago
    refused(site, rdp, code='ticket_expired')
