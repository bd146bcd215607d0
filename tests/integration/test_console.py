# SPDX-License-Identifier: Apache-2.0
"""The web console in a real Chromium, against a real broker, directory and host agent.

The agent's desktops boot nothing here, so they are seen to come but are never ready. Beside it stands a
host that says its desktops are ready and carries sessions: it speaks as the real agent and relay do."""
import os
import time

import pytest

import console_browser
import small_site
from broker import pool
from fake_agent import FakeAgent
from slapd import password_of
from test_roles import ROLES, STAFF, staff_ldif

pytestmark = pytest.mark.skipif(small_site.why_not() is not None, reason=str(small_site.why_not()))

DRIVE = 'USB stick of hanako'


@pytest.fixture(scope='module')
def site():
    console_browser.prepare()  # before the site's namespace is entered, from which npm reaches nothing
    with small_site.small_site('gk-console', more_ldif=staff_ldif(), **ROLES) as s:
        b = s.broker
        for n, name in enumerate(('gold', 'gold')):
            image = small_site.make_image(s.images / f'{n}.qcow2', seed=b'%d' % n)
            s.ctl('image', 'publish', name, image, '--image-dir', s.images, *(['--channel', 'canary'] if n else []))
        b.apply(pool('sales', ['sales'], most=40, self_service={'restart': 'allow', 'reset': 'allow'}, standard_clients='allow'),
                pool('lab', ['engineering'], most=60, assignment='dedicated'))
        s.second = FakeAgent(b, 'host-2', s.folder)
        s.second.join()
        s.second.settle()
        # hanako gets a desktop while there is no other host: one that becomes ready.
        b.login('hanako')
        s.second.settle()
        s.second.start()
        s.join()
        s.start_agent()
        s.wait_host()
        yield s
        s.second.stop()


def desktop_of(site, user):
    return next((d for d in site.desktops() if d['user'] == user), None)


def test_console(site, request):
    broker, host = site.broker, site.second
    tickets = {}

    def session(_said):
        """hanako opens a desktop: a ticket, redeemed by the relay, which then says it is shown."""
        ticket = broker.connect(broker.login('hanako').body['token'], 'sales', wait_ms=20000)
        assert ticket.status == 200, ticket
        redeemed = host.redeem(ticket.body['locator'], ticket.body['secret'])
        assert redeemed.status == 200, redeemed
        tickets['id'] = redeemed.body['session']
        host.change(desktop_of(site, 'hanako')['id'], logged_on='hanako', start={
            'at_ms': int(time.time() * 1000), 'way': 'clone', 'total_ms': 412, 'turn_ms': 40, 'disk_ms': 18, 'machine_ms': 62,
            'memory_ms': 95, 'guest_ms': 160, 'rdp_ms': 37})
        host.events({'kind': 'session_active', 'session': tickets['id']})
        host.sessions({'id': tickets['id'], 'idle_ms': 42000, 'bytes_to_desktop': 120000, 'bytes_from_desktop': 7340032, 'rtt_us': 1700})
        return {'user': 'hanako'}

    def drive(_said):
        at = time.time() * 1000
        host.events({'kind': 'denied', 'session': tickets['id'], 'what': 'device', 'name': DRIVE, 'rule': 'removable_storage'})
        return {'at': at}

    def session_ended(_said):
        ends = host.sessions(tickets['id'], wait_ms=5000).body['end']
        host.events({'kind': 'session_ended', 'session': tickets['id']})
        return {'ended': [e['session'] for e in ends] == [tickets['id']]}

    def canary(_said):
        return {'image': 'gold', 'publication': 2}

    def restarted(_said):
        return {'restarted': any(r['what'] == 'desktop_restart' and r['who'] == 'hanako' for r in broker.audit())}

    pictures = os.environ.get('GENKAN_PICTURES', '')
    took = console_browser.drive(
        site.folder, {'session': session, 'drive': drive, 'session_ended': session_ended, 'canary': canary, 'restarted': restarted},
        url=f'https://127.0.0.1:{broker.port}', stories=['admin', 'employee'], pictures=pictures, drive=DRIVE, host='host-2', spares=3, rdp=True,
        admin={'user': 'boss', 'password': password_of('boss')}, employee={'user': 'hanako', 'password': password_of('hanako')})
    print('took (ms):', took)
    text = broker.log()
    assert 'Sanitizer' not in text and 'runtime error' not in text
