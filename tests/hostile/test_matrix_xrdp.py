# SPDX-License-Identifier: Apache-2.0
"""The matrix of leaks, looked at from inside a desktop: a golden image whose own locks are opened, so
that xrdp takes, and logs, every device that gets through. Between it and the clients stands the relay.
What the tricks are, cell by cell: test_matrix.py."""
import os
import re
import subprocess
import time

import lawless
import pytest
import relay_site
from matrix_site import BASE, CLIENT_HELLO, DEVICES, device_announce
from xrdp_desktop import USER, Desktop

IMAGE = os.environ.get('GENKAN_TEST_IMAGE') or os.environ.get('GENKAN_IMAGE')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(relay_site.why_not() is not None, reason=str(relay_site.why_not())),
    pytest.mark.skipif(not IMAGE or not os.path.exists(IMAGE), reason='no golden image: GENKAN_IMAGE'),
]

DENY = {'sound': 'deny'}
POLICIES = {'off': DENY, 'noop': {'sound': 'allow'}, 'cards': {'smart_cards': 'allow'},
            'printers': {'printers': 'allow'}}
EXCEPTION = {'device': 'drive', 'expires_in_ms': 3600000}


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('matrix-xrdp')
    s = relay_site.RelaySite(folder, display=95)
    s.desktop = Desktop(folder / 'desktop', IMAGE)
    s.desktop.agent.shell("sed -i 's/^rdpdr=.*/rdpdr=true/' /etc/xrdp/xrdp.ini; "
                          "sed -i -e 's/^EnableFuseMount=.*/EnableFuseMount=true/' "
                          "-e '/^.ChansrvLogging/,$ s/Level=.*/Level=DEBUG/' /etc/xrdp/sesman.ini; "
                          "systemctl restart xrdp-sesman xrdp")
    yield s
    s.desktop.vm.stop()
    s.close()
    assert s.relay.sanitizer_reports() == []


def ticket_for(site, policy, exception=None):
    ticket = site.broker.ticket(site.desktop.address, site.desktop.pin, user=USER, password=site.desktop.password(),
                                policy=policy, lifetime_s=120)
    ticket.exception = exception
    return ticket


class Journal:
    """What the desktop says from now on."""

    def __init__(self, site):
        self.agent = site.desktop.agent
        self.cursor = self._run('-n 0 --show-cursor').rsplit('cursor: ', 1)[1].strip()

    def _run(self, options):
        return self.agent.shell(f'journalctl -q --no-pager -o cat {options}')

    def text(self):
        return self._run(f"--after-cursor='{self.cursor}'")

    def wait(self, pattern, timeout=90):
        relay_site.wait_until(lambda: re.search(pattern, self.text()), timeout, f'{pattern} in the journal')


def rows(site, ticket):
    site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_ended', 20)
    return [e for e in site.broker.of_session(ticket) if e['kind'] == 'denied']


def reach(site, ticket):
    """A lawless client whose desktop is there: its chansrv has begun to talk about devices."""
    client = lawless.Client(site.relay.port, ticket, [*BASE, b'rail', b'RDP2TCP', b'remdesk'])
    client.connect()
    client.wait_message(client.id_of(DEVICES), lambda m: m[:4] == b'rDnI', 120)
    for message in CLIENT_HELLO:
        client.say(client.id_of(DEVICES), message)
    return client


def everything(name):
    return device_announce(('drive', 1, name), ('serial port', 2, b'COM1'), ('parallel port', 3, b'LPT1'),
                           ('printer', 4, b'PRN1'), ('smart card', 5, b'SCARD'))


@pytest.mark.parametrize('mode', POLICIES)
def test_no_device_of_a_lawless_client_is_seen(site, mode):
    journal = Journal(site)
    ticket = ticket_for(site, POLICIES[mode])
    client = reach(site, ticket)
    client.wait_message(client.id_of(DEVICES), lambda m: m[:4] == b'rDPS', 60)
    names = [b'EARLY', b'AGAIN', b'SPLIT']
    client.say(client.id_of(DEVICES), everything(names[0]))
    client.say(client.id_of(DEVICES), device_announce(('drive', 9, names[1])))
    for piece in lawless.chunks(device_announce(('drive', 10, names[2])), 1):
        client.send(client.id_of(DEVICES), piece)
    for index in (4, 5, 6):
        client.say(client.id_of(index), b'MARK-of-the-stick')
    if mode == 'cards':     # what is allowed is seen in the same session, behind what is not
        journal.wait('(?i)remote smartcard')
    time.sleep(1)   # nothing can be waited for that must not come
    client.close()
    denied = {(e['what'], e['name'], e['rule']) for e in rows(site, ticket)}
    for name in names:
        assert ('device', f'drive {name.decode()}', 'removable_storage') in denied, denied
    assert {('device', 'serial port COM1', ''), ('device', 'parallel port LPT1', '')} <= denied
    for name in ('rail', 'RDP2TCP', 'remdesk'):
        assert ('static_channel', name, '') in denied
    text = journal.text()
    for word in ('EARLY', 'AGAIN', 'SPLIT', 'remote drive', 'MARK-of', 'COM1', 'LPT1'):
        assert word not in text, re.findall(f'.*{word}.*', text)
    if mode != 'cards':
        assert not re.search('(?i)remote smartcard', text)
    mounts = site.desktop.agent.shell('cat /proc/mounts; ls -R /home/*/thinclient_drives 2>/dev/null || true')
    assert not any(name.decode() in mounts for name in names)


def test_drive_of_an_exception_is_seen(site):
    """The other state, and the control: this desktop does log a drive that gets through."""
    journal = Journal(site)
    ticket = ticket_for(site, DENY, EXCEPTION)
    client = reach(site, ticket)
    client.wait_message(client.id_of(DEVICES), lambda m: m[:4] == b'rDPS', 60)
    client.say(client.id_of(DEVICES), everything(b'LENT'))
    journal.wait("remote drive 'LENT'")
    client.close()
    denied = {(e['what'], e['name']) for e in rows(site, ticket)}
    assert ('device', 'serial port COM1') in denied and ('device', 'drive LENT') not in denied


@pytest.mark.parametrize('mode', ['noop', 'cards'])
def test_no_device_of_libfreerdp_is_seen(site, mode, tmp_path):
    """libfreerdp with every redirection on that it has here."""
    stick = tmp_path / 'stick'
    stick.mkdir()
    (stick / 'payroll.txt').write_text('salaries')
    journal = Journal(site)
    ticket = ticket_for(site, POLICIES[mode])
    client = site.connect(ticket, f'/drive:STICK7,{stick}', '/printer', '/smartcard', '/serial:COM3,/dev/null',
                          '/parallel:/dev/null', '+clipboard', '/rdp2tcp:/bin/true', '/vc:remdesk', '/vc:rail', '/echo',
                          '/size:1024x768', colours=16, hold=6, wait=150)
    assert client.finish(240) == 0, client.output() + (client.folder / 'err').read_text()[-3000:]
    text = journal.text()
    for word in ('STICK7', 'payroll', 'remote drive', 'COM3'):
        assert word not in text, re.findall(f'.*{word}.*', text)
    denied = {e['name'] for e in rows(site, ticket)}
    assert 'drive STICK7' in denied and 'cliprdr' in denied, denied


def rdesktop(site, ticket, stick):
    return ['rdesktop', '-u', ticket.locator, '-p', '-', '-g', '1024x768', '-r', f'disk:STICK7={stick}', '-r',
            'printer:local', '-r', 'comport:COM3=/dev/null', '-r', 'lptport:LPT1=/dev/null', '-r', 'sound:remote', '-r',
            'clipboard:PRIMARYCLIPBOARD', f'127.0.0.1:{site.relay.port}'], f'{ticket.secret}\nyes\n'


def freerdp(program, trust):
    def command(site, ticket, stick):
        return [program, f'/v:127.0.0.1:{site.relay.port}', f'/u:hanako\x1f{ticket.secret}', '/p:-', trust, '/sec:tls',
                f'/load-balance-info:Cookie: msts={ticket.locator}', f'/drive:STICK7,{stick}', '/printer', '/smartcard',
                '/serial:COM3,/dev/null', '+clipboard', '/size:1024x768'], ''
    return command


STANDARD = {'rdesktop': rdesktop, 'freerdp2': freerdp('xfreerdp', '/cert-ignore'),
            'freerdp3': freerdp('xfreerdp3', '/cert:ignore')}


@pytest.mark.parametrize('name,mode', [('rdesktop', 'noop'), ('rdesktop', 'printers'), ('freerdp2', 'off'),
                                       ('freerdp2', 'cards'), ('freerdp3', 'noop')])
def test_no_device_of_a_standard_client_is_seen(site, name, mode, tmp_path):
    stick = tmp_path / 'stick'
    stick.mkdir()
    (stick / 'payroll.txt').write_text('salaries')
    journal = Journal(site)
    ticket = ticket_for(site, POLICIES[mode])
    command, words = STANDARD[name](site, ticket, stick)
    with open(tmp_path / 'out', 'wb') as out:
        client = subprocess.Popen(command, env={**os.environ, 'DISPLAY': ':95', 'HOME': str(tmp_path)},
                                  stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT)
    try:
        client.stdin.write(words.encode())
        client.stdin.close()
        site.broker.wait_event(lambda e: e['session'] == ticket.session and e['name'] == 'drive STICK7', 120)
        journal.wait('chansrv', 60)
        time.sleep(2)   # nothing can be waited for that must not come
    finally:
        relay_site.stop(client)
    text = journal.text()
    for word in ('STICK7', 'payroll', 'remote drive', 'COM3'):
        assert word not in text, re.findall(f'.*{word}.*', text)
    denied = {e['name'] for e in rows(site, ticket)}
    assert 'cliprdr' in denied, denied


def test_logoff_is_told_to_the_client(site):
    ticket = ticket_for(site, DENY)
    client = site.connect(ticket, '/size:1024x768', colours=16, hold=600, wait=150)
    client.wait_frame(200)
    site.desktop.agent.shell(f'loginctl terminate-user {USER} || pkill -KILL -u {USER} -x Xorg')
    assert client.finish(60) == 6
    event = site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_ended')
    assert (event['name'], 'LOGOFF' in client.output()) == ('guest_left', True), (event, client.output())
