# SPDX-License-Identifier: Apache-2.0
"""The web console beside the whole road: a real Chromium sees a real desktop boot, a real RDP client
come through the relay with a drive, the drive refused, and the session end."""
import os
import time

import pytest

import console_browser
import genkan_site
from netns import wait_until

pytestmark = [pytest.mark.skipif(genkan_site.why_not() is not None, reason=str(genkan_site.why_not())),
              pytest.mark.slow]

STAGES = ('turn', 'disk', 'machine', 'memory', 'guest', 'rdp')
ADMIN, EMPLOYEE, DRIVE = 'minji', 'hanako', 'HANAKO'
SETTINGS = {'broker': '\n[roles]\nadmin = testers\n',    # minji is one
            # Nothing boots but the desktop that is looked at.
            'hostagent': 'templates = no\n'}


class Site(genkan_site.Site):
    def write_config(self, name, extra=''):
        return super().write_config(name, SETTINGS.get(name, '') + extra)


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    console_browser.prepare()
    s = Site(tmp_path_factory.mktemp('site')).start()
    yield s
    s.stop()


def test_console_beside_a_desktop(site):
    clients = []

    def login(_said):
        """hanako takes the desktop that was waiting, with a client that offers a drive."""
        stick = site.root / 'client' / 'stick'
        stick.mkdir()
        (stick / 'letter.txt').write_text('not yours')
        login = site.login(EMPLOYEE)
        ticket = site.connect(login, login.body['desktops'][0]['id'])
        assert ticket.status == 200, ticket.body
        clients.append(site.start_hostile_client(ticket.body, f'/drive:{DRIVE},{stick}', hold=120, wait=60))
        return {'desktop': next(d['name'] for d in site.desktops() if d['user'] == EMPLOYEE)}

    def refused(said):
        """When the relay refused it, by its own clock, which is the browser's as well."""
        row = next(r for r in site.audit('--denied') if r['subject'] == f'drive {DRIVE}')
        assert row['who'] == EMPLOYEE and row['denied'], row
        return {'after_ms': said['seen_ms'] - row['details']['at_ms']}

    def shown(_said):
        return {'shown': bool(wait_until('the client has a picture', lambda: site.session_of(EMPLOYEE), 90, 0.1))}

    def told(_said):
        """The client was told who ended it, and went."""
        out = clients[0].communicate(timeout=20)[0]
        assert clients[0].returncode == 6, out      # ended while it was held
        return {'words': out.split()[-1]}

    began = time.monotonic()
    try:
        with site.client_ns.entered():
            took = console_browser.drive(
                site.root, {'login': login, 'refused': refused, 'shown': shown, 'told': told},
                url=f'https://{genkan_site.BROKER}:8443', stories=['desktop'], pictures=os.environ.get('GENKAN_PICTURES', ''),
                patience_ms=120000, drive=DRIVE, admin={'user': ADMIN, 'password': site.passwords[ADMIN]},
                employee={'user': EMPLOYEE, 'password': site.passwords[EMPLOYEE]})
    finally:
        for client in clients:
            client.kill()
            client.wait()
    print(f'took (ms): {took}; all of it {time.monotonic() - began:.0f} s')
    started = site.http('GET', '/v1/admin/timings', token=site.http('POST', '/v1/admin/session', {
        'user': ADMIN, 'password': site.passwords[ADMIN]})[1]['token'])[1]['starts']
    assert [s['way'] for s in started] == ['boot'] and started[0]['memory_ms'] == 0
    assert sum(started[0][f'{stage}_ms'] for stage in STAGES) == started[0]['total_ms']
    for log in (site.broker, site.agent, site.relay):
        assert 'Sanitizer' not in log.text() and 'runtime error' not in log.text()
