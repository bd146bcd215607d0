# SPDX-License-Identifier: Apache-2.0
"""Strangers and hostile employees against a whole site: no storage, no way around the relay, no
ticket twice, and no door that noise can close."""
import contextlib
import os
import resource
import secrets
import socket
import ssl
import subprocess
import time

import pytest

import genkan_site
from desktop_view import processes
from genkan_site import BROKER, CLIENT, HOST
from netns import wait_until

pytestmark = [pytest.mark.skipif(genkan_site.why_not() is not None,
                                 reason=str(genkan_site.why_not())), pytest.mark.slow]

DENIED = 3      # rdstls_client: access denied
USER = 'hanako'


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    s = genkan_site.Site(tmp_path_factory.mktemp('hostile')).start()
    try:
        s.ticket(USER)      # makes the desktop; nobody's session has begun in it
        s.desktop = next(d for d in s.desktops() if d['user'] == USER)
        make_guest_eager(s)
        status, out = s.client(USER, '--headless', '--json')
        assert status == 0, out
        yield s
    finally:
        s.stop()


def make_guest_eager(site):
    """A guest that would mount any drive it is offered, and says all it sees."""
    site.in_guest(site.desktop['id'], '/bin/sed', '-i', '-e', 's/^EnableFuseMount=.*/EnableFuseMount=true/',
                  '-e', '/^.ChansrvLogging/,$ s/Level=.*/Level=DEBUG/', '/etc/xrdp/sesman.ini')
    site.in_guest(site.desktop['id'], '/bin/sed', '-i', 's/^rdpdr=.*/rdpdr=true/', '/etc/xrdp/xrdp.ini')


@pytest.fixture(scope='module')
def stale_ticket(site):
    """A ticket nobody uses until it has expired."""
    return site.ticket(USER), time.monotonic()


@pytest.fixture(scope='module')
def stick(site):
    folder = site.root / 'stick'
    folder.mkdir()
    (folder / 'payroll.txt').write_text('salaries')
    return folder


@pytest.fixture(autouse=True)
def nobody_crashed(site):
    yield
    for daemon in (site.broker, site.agent, site.relay):
        assert daemon.alive(), daemon.tail()
        assert 'Sanitizer' not in daemon.text() and 'runtime error' not in daemon.text(), daemon.tail()


def chansrv_log(site):
    return site.in_guest(site.desktop['id'], '/usr/bin/journalctl', '--no-pager', '-o', 'cat', '-t',
                         'xrdp-chansrv', '-t', 'xrdp-chansrv-sesman', check=False)


def drive_traces(site):
    """Lines of chansrv that name a drive. That this guest writes them when a drive does get through is
    shown without the relay in integration/test_relay_xrdp.py."""
    return [line for line in chansrv_log(site).splitlines()
            if 'USBSTIC' in line.upper() or 'remote drive' in line]


def test_stale_ticket_is_laid_aside(stale_ticket):
    assert stale_ticket[0]['expires_in_ms'] <= 30000


def test_hostile_client_cannot_bring_a_drive(site, stick):
    ticket = site.ticket(USER)
    status, out = site.hostile_client(ticket, f'/drive:USBSTICK,{stick}', '/printer', '/smartcard',
                                      '/clipboard', hold=6)
    assert status == 0, out[-3000:]
    assert drive_traces(site) == []
    assert 'clipboard_init' not in chansrv_log(site), 'the clipboard is closed as well'
    assert 'Socket' in chansrv_log(site), 'the log is the log'
    assert 'payroll' not in site.in_guest(site.desktop['id'], '/bin/ls', '-R', f'/home/{USER}')
    def denied():
        found = [row for row in site.audit('--denied') if row['who'] == USER
                 and ('rdpdr' in str(row).lower() or '"device"' in str(row) or "'device'" in str(row))]
        return found
    row = wait_until('an audit row names the refused device', denied, 20, 0.3)[0]
    assert row['denied'] and row['source'] == CLIENT, row


def test_xfreerdp_without_a_ticket_is_refused(site, stick):
    before = site.count_guest_contacts()
    done = subprocess.run(
        site.client_ns.command('xvfb-run', '-a', 'xfreerdp3', f'/v:{HOST}:3389', f'/u:{USER}',
                               f'/p:{site.passwords["paula"]}', '/cert:ignore', f'/drive:USBSTICK,{stick}'),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode != 0, done.stdout
    assert site.count_guest_contacts() == before


def refused(site, ticket, **changed):
    before = site.count_guest_contacts()
    status, out = site.hostile_client(ticket, **changed)
    assert status == DENIED, out[-2000:]
    assert site.count_guest_contacts() == before, 'the guest was contacted'


def test_ticket_works_once(site):
    ticket = site.ticket(USER)
    before = site.count_guest_contacts()
    status, out = site.hostile_client(ticket, hold=1)
    assert status == 0, out[-2000:]
    assert site.count_guest_contacts() == before + 1, 'the counter counts'
    refused(site, ticket)


def test_wrong_secret_is_refused_and_burns_the_ticket(site):
    ticket = site.ticket(USER)
    for _ in range(3):
        refused(site, ticket, secret=secrets.token_urlsafe(32))
    refused(site, ticket)


def test_unknown_locator_is_refused(site):
    refused(site, site.ticket(USER), locator=secrets.token_urlsafe(16))


def test_ticket_of_another_host_is_refused(site):
    ticket = site.ticket(USER)
    other = site.join_as('host-2')
    status, answer = site.redeem(ticket, certificate=other)
    assert (status, answer['code']) == (403, 'ticket_invalid')
    assert 'credential' not in answer


def test_expired_ticket_is_refused(site, stale_ticket):
    ticket, taken_at = stale_ticket
    left = 31 - (time.monotonic() - taken_at)
    if left > 0:
        time.sleep(left)
    refused(site, ticket)


def test_guest_is_out_of_reach_without_the_relay(site):
    address = site.desktop['address']
    assert site.port_open(site.host_ns, address, 3389)
    for ns in (site.client_ns, site.site_ns):
        assert not site.port_open(ns, address, 3389)


DOORS = [(BROKER, 8443), (BROKER, 8444), (HOST, 3389)]


def open_door(site, address, port, timeout=5.0):
    with site.client_ns.entered():
        return socket.create_connection((address, port), timeout=timeout)


def works(site):
    status, body = site.http('GET', '/v1/health')
    assert status == 200, body
    assert site.login(USER).status == 200


@pytest.mark.parametrize('address,port', DOORS)
def test_noise_closes_no_door(site, address, port):
    for size in [1, 3, 11, 4096, 65536] * 6:
        with open_door(site, address, port) as link:
            with contextlib.suppress(OSError):
                link.sendall(secrets.token_bytes(size))
                link.shutdown(socket.SHUT_WR)
                link.settimeout(2)
                while link.recv(4096):
                    pass
    works(site)


@pytest.mark.parametrize('address,port', DOORS)
def test_half_a_handshake_closes_no_door(site, address, port):
    context = ssl._create_unverified_context()
    into, out = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = context.wrap_bio(into, out)
    with contextlib.suppress(ssl.SSLWantReadError):
        tls.do_handshake()
    hello = out.read()
    # An X.224 connection request comes before TLS at the relay's door.
    first = bytes.fromhex('030000130ee000000000000100080003000000') if port == 3389 else b''
    halves = []
    for cut in (1, 5, len(hello) // 2, len(hello) - 1, len(hello)):
        link = open_door(site, address, port)
        link.sendall(first + hello[:cut])
        halves.append(link)
    works(site)
    for link in halves:
        link.close()


@pytest.mark.parametrize('address,port', DOORS)
def test_five_thousand_half_open_connections(site, address, port):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 12000), hard))
    daemon = site.relay if port == 3389 else site.broker
    before = daemon.memory_bytes()
    links = []
    try:
        with site.client_ns.entered():
            for _ in range(5000):
                link = socket.socket()
                link.setblocking(False)
                with contextlib.suppress(BlockingIOError):
                    link.connect((address, port))
                links.append(link)
        # Another place of the company works on while this one floods.
        status, body = site.http('POST', '/v1/login', {'user': USER, 'password': site.passwords[USER],
                                 'client': {'name': 'tests', 'version': '1'}}, ns=site.host_ns)
        assert status == 200, body
        grown = daemon.memory_bytes() - before
        assert grown < 400 << 20, f'{daemon.name} grew by {grown >> 20} MiB'
    finally:
        for link in links:
            link.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    wait_until('logins go on here too', lambda: logs_in(site), 30, 0.5)


def logs_in(site):
    with contextlib.suppress(OSError):
        return site.login(USER).status == 200
    return False


def test_session_still_works_after_all_of_it(site):
    status, out = site.client(USER, '--headless', '--json')
    assert status == 0, out
    assert 'icewm' in processes(site, site.desktop['id'], USER).values()
    site.assert_store_sound()
    site.assert_no_orphans()
    site.assert_secrets_kept()
