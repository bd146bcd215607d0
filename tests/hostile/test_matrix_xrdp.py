# SPDX-License-Identifier: Apache-2.0
"""The matrix of leaks, looked at from inside a desktop: a golden image whose own locks are opened, so
that xrdp takes, and logs, whatever gets through. Between it and the clients stands the relay.

One desktop, and a session for each client and policy; a session plays all the tricks it has. What the
tricks are, cell by cell: test_matrix.py."""
import collections
import os
import re
import subprocess
import threading
import time

import lawless
import pytest
import relay_site
from lawless import COMPRESSED, FIRST, LAST, chunk
from matrix_site import (BASE, CLIENT_HELLO, CLIP_CAPABILITIES, CLIPBOARD, DEVICES, DYNVC, EXTRA, GRAPHICS, MARK,
                         capabilities, clip, clip_ids, clip_kind, clip_list, device_announce, dvc_created, dvc_data)
from xrdp_desktop import USER, Desktop

IMAGE = os.environ.get('GENKAN_TEST_IMAGE') or os.environ.get('GENKAN_IMAGE')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(relay_site.why_not() is not None, reason=str(relay_site.why_not())),
    pytest.mark.skipif(not IMAGE or not os.path.exists(IMAGE), reason='no golden image: GENKAN_IMAGE'),
]

STRANGE = [b'rail', b'RDP2TCP', b'remdesk']
TEXT, PICTURE, FILES = 13, 8, 0xc0f2
TEXTS = {1, 7, TEXT, 16}     # CF_TEXT, CF_OEMTEXT, CF_UNICODETEXT, CF_LOCALE
EXCEPTION = {'device': 'drive', 'expires_in_ms': 3600000}
DRIVES = {"drive 'EARLY'", "drive 'AGAIN'", "drive 'SPLIT'"}
# The pool's policy, the exception, how the client spells the names of its channels, what of its devices and of the
# clipboard (to the desktop, from it) is to be seen inside, and where the client sends a compressed chunk at the end.
MODES = {
    'off': ({'sound': 'deny'}, None, bytes.lower, set(), (False, False), DYNVC),
    'noop': ({'sound': 'allow', 'clipboard': 'text-both'}, None, bytes.upper, set(), (True, True), DEVICES),
    'cards': ({'smart_cards': 'allow', 'clipboard': 'text-to-desktop'}, None, bytes.title, {"smartcard 'SCARD'"},
              (True, False), CLIPBOARD),
    'printers': ({'printers': 'allow', 'clipboard': 'text-from-desktop'}, None, bytes.swapcase, {"printer 'PRN1'"},
                 (False, True), DEVICES),
    'exception': ({'sound': 'deny'}, EXCEPTION, bytes.lower, DRIVES, (False, False), DEVICES),
}
EVERYTHING = DRIVES | {"smartcard 'SCARD'", "printer 'PRN1'", "serial port 'COM1'", "parallel port 'LPT1'"}
DEVICE_RULES = {'drive': 'removable_storage', 'smart card': 'smart_cards', 'printer': 'printers'}
DYNAMIC = ['URBDRC', 'urbdrc', 'PNPDR', 'FileRedirectorChannel', 'AUDIO_INPUT', 'RDCamera_Device_Enumerator',
           'WebAuthN_Channel', 'Microsoft::Windows::RDS::Location', 'Microsoft::Windows::RDS::Video::Control::v08.01',
           'TSMF', 'SSH-AGENT', 'rdp2tcp', 'cliprdr', 'RDPDR', 'strange-channel']


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('matrix-xrdp')
    s = relay_site.RelaySite(folder, display=95)
    s.desktop = Desktop(folder / 'desktop', IMAGE)
    s.desktop.agent.shell("sed -i -e 's/^rdpdr=.*/rdpdr=true/' -e 's/^rail=.*/rail=true/' -e 's/Level=.*/Level=DEBUG/' "
                          "/etc/xrdp/xrdp.ini; sed -i -e 's/^EnableFuseMount=.*/EnableFuseMount=true/' "
                          "-e 's/^\\(Restrict.*boundClipboard\\)=.*/\\1=none/' "
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


def wait_for(condition, what, seconds=20):
    return relay_site.wait_until(condition, seconds, what)


class Journal:
    """What the desktop says from now on."""

    def __init__(self, site):
        self.agent = site.desktop.agent
        self.cursor = self._run('-n 0 --show-cursor').rsplit('cursor: ', 1)[1].strip()

    def _run(self, options):
        return self.agent.shell(f'journalctl -q --no-pager -o cat {options}')

    def text(self):
        return self._run(f"--after-cursor='{self.cursor}'")

    def wait(self, pattern, seconds=90):
        wait_for(lambda: re.search(pattern, self.text()), f'{pattern} in the journal', seconds)

    def devices(self):
        """Those that chansrv has seen, and how often."""
        return collections.Counter(re.findall("Detected remote ([a-z ]+ '[^']*')", self.text()))

    def channels(self):
        """The names that xrdp has seen."""
        return {name.lower() for name in re.findall(r'query_channel - Channel \d+ name (\S+)', self.text())}


def rows(site, ticket):
    """What was refused in a session that has ended: {(kind, name, rule): how often}."""
    site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_ended', 20)
    found = collections.Counter()
    for e in site.broker.of_session(ticket):
        if e['kind'] == 'denied':
            found[e['what'], e['name'], e['rule']] += e['count']
    return found


class Hostile:
    """A lawless client at the desktop: behind the relay with a ticket, or without the relay. It says yes
    to every dynamic channel there is."""

    def __init__(self, site, ticket=None, spelled=bytes.lower):
        self.desktop, self.journal = site.desktop, Journal(site)
        port = site.relay.port if ticket else site.desktop.vm.rdp_port
        names = [spelled(name) for name in BASE]
        self.client = lawless.Client(port, ticket or (USER, site.desktop.password()), [*names, *STRANGE], patience=120)
        self.client.connect()
        self.opened, self.pieces, self.number = [], 0, 0
        threading.Thread(target=self._say_yes, daemon=True).start()
        self.journal.wait('chansrv connect successful')
        self.devices, self.clipboard = self.client.id_of(DEVICES), self.client.id_of(CLIPBOARD)

    def _say_yes(self):
        client, channel, seen = self.client, self.client.id_of(DYNVC), 0
        while client.wait(lambda: len(client.messages.get(channel, [])) > seen, 600):
            message = client.heard(channel)[seen]
            seen += 1
            if message[0] >> 4 == 5:
                client.say(channel, b'\x50\0\1\0')
            elif message[0] >> 4 == 1:
                self.opened.append(message[2:-1].decode())
                client.say(channel, dvc_created(message[1]))
            elif message[0] >> 4 == 3:
                client.say(channel, dvc_data(message[1], b'heard ' + message[2:]))

    def offer_devices(self):
        """The whole handshake, and then all there are."""
        client = self.client
        client.wait_message(self.devices, lambda m: m[:4] == b'rDnI', 60)
        for message in CLIENT_HELLO:
            client.say(self.devices, message)
        client.wait_message(self.devices, lambda m: m[:4] == b'rDPS', 60)
        client.say(self.devices, capabilities(b'rDPC'))
        client.wait_message(self.devices, lambda m: m[:4] == b'rDCC', 60)
        self.announce()
        self.announce_cut_at_every_byte()

    def device(self, kind, name):
        self.number += 1
        return kind, self.number, name

    def announce(self):
        """Each device; a drive again; one in pieces of a byte; and on channels that nobody knows."""
        client = self.client
        client.say(self.devices, device_announce(
            self.device('drive', b'EARLY'), self.device('serial port', b'COM1'), self.device('parallel port', b'LPT1'),
            self.device('printer', b'PRN1'), self.device('smart card', b'SCARD')))
        client.say(self.devices, device_announce(self.device('drive', b'AGAIN')))
        for piece in lawless.chunks(device_announce(self.device('drive', b'SPLIT')), 1):
            client.send(self.devices, piece)
        self.pieces += 1
        for index in range(len(STRANGE)):
            client.say(client.id_of(EXTRA + index), MARK)

    def announce_cut_at_every_byte(self):
        """A drive for each place where its announce can be cut in two."""
        for cut in range(1, len(device_announce(('drive', 1, b'SPLIT')))):
            whole = device_announce(self.device('drive', b'SPLIT'))
            self.client.send(self.devices, chunk(whole[:cut], FIRST, len(whole)))
            self.client.send(self.devices, chunk(whole[cut:], LAST, len(whole)))
            self.pieces += 1

    def offer_clipboard(self):
        """Text, a picture and files."""
        self.client.say(self.clipboard, CLIP_CAPABILITIES)
        self.client.say(self.clipboard, clip_list((TEXT, ''), (PICTURE, ''), (FILES, 'FileGroupDescriptorW')))

    def targets(self):
        return set(self.desktop.xclip('-selection clipboard -o -t TARGETS').split())

    def paste_inside(self):
        """What a program of the desktop gets when it asks for text."""
        self.desktop.in_session('xclip -selection clipboard -o -t UTF8_STRING >/tmp/pasted 2>/dev/null &')
        self.client.wait_message(self.clipboard, lambda m: clip_kind(m)[0] == 4 and m[8:12] == b'\r\0\0\0', 30)
        self.client.say(self.clipboard, clip(5, 1, 'from outside 外\0'.encode('utf-16-le')))
        wait_for(lambda: 'from outside 外' in self.desktop.agent.shell('cat /tmp/pasted'), 'text')

    def offered(self):
        """Formats that the desktop has offered."""
        return {number for m in self.client.heard(self.clipboard) if clip_kind(m)[0] == 2 for number in clip_ids(m)}

    def copy_inside(self):
        """A picture, a file and a text, one after the other, put into the desktop's clipboard by its user."""
        self.desktop.agent.shell('echo file:///etc/hostname >/tmp/inside; chmod 644 /tmp/inside')
        for target in ('image/bmp', 'text/uri-list', 'UTF8_STRING'):
            self.desktop.xclip(f'-selection clipboard -i -t {target} /tmp/inside >/dev/null 2>/dev/null')
            time.sleep(0.3)     # xrdp asks the owner what it has

    def input_gets_in(self):
        """A key that the desktop's X server tells the state of, once by each path."""
        def state():
            return re.search(r'Caps Lock: *(\w+)', self.desktop.in_session('xset q')).group(1)
        for slow in (False, True):
            before = state()
            for released in (0, 1):
                self.client.press(0x3a, released, slow)
            wait_for(lambda: state() != before, f'input, slow path: {slow}')

    def ask_for_channels(self):
        """A program of the desktop asks for channels, for each dynamic one again after it was refused."""
        dynamic = [(1, name, '') for name in DYNAMIC * 2]
        static = [(0, name, 'inside') for name in ('rail', 'RDP2TCP', 'remdesk', 'vdblk04')]
        asked = self.desktop.ask_for_channels(*dynamic, (1, GRAPHICS.decode(), 'inside'), *static)
        return asked[:len(dynamic)], asked[len(dynamic)], asked[len(dynamic) + 1:]

    def compress(self, index):
        """The last it says: a chunk that says it is compressed."""
        self.client.send(self.client.id_of(index), chunk(device_announce(('drive', 12, b'PACKED')),
                                                         FIRST | LAST | COMPRESSED))


def test_without_the_relay_everything_arrives(site):
    """The control: this desktop does take, and log, each of the things that the relay keeps away."""
    hostile = Hostile(site)
    try:
        hostile.offer_devices()
        wait_for(lambda: set(hostile.journal.devices()) == EVERYTHING, 'each device in the log')
        wait_for(lambda: hostile.journal.devices()["drive 'SPLIT'"] == hostile.pieces, 'each way of cutting')
        assert {'rdpdr', 'cliprdr', 'rail', 'rdp2tcp', 'remdesk'} <= hostile.journal.channels()
        dynamic, graphics, static = hostile.ask_for_channels()
        assert {status for status, _ in dynamic} == {'0'} and graphics == ('0', 'heard inside')
        assert [status for status, _ in static] == ['0', '0', '0', '1'], static
        hostile.offer_clipboard()
        wait_for(lambda: {'UTF8_STRING', 'image/bmp', 'text/uri-list'} <= hostile.targets(), 'each format')
        hostile.copy_inside()
        wait_for(lambda: {TEXT, PICTURE} <= hostile.offered() and hostile.offered() - TEXTS - {PICTURE}, 'formats')
        hostile.input_gets_in()
    finally:
        hostile.client.close()


def check_clipboard(hostile, to_desktop, from_desktop):
    hostile.offer_clipboard()
    if to_desktop:
        wait_for(lambda: 'UTF8_STRING' in hostile.targets(), 'text')
        hostile.paste_inside()
    targets = hostile.targets()
    assert not [t for t in targets if 'image' in t or 'uri' in t or 'files' in t], targets
    hostile.copy_inside()
    if from_desktop:
        wait_for(lambda: TEXT in hostile.offered(), 'text')
    if not to_desktop:
        assert not any(clip_kind(m)[0] == 4 for m in hostile.client.heard(hostile.clipboard)), 'asked for content'


def check_channels(hostile):
    dynamic, graphics, static = hostile.ask_for_channels()
    assert '0' not in {status for status, _ in dynamic}, dynamic
    assert graphics == ('0', 'heard inside'), 'what is allowed goes on'
    # Of the static ones only the empty place is there, and what is said on it goes nowhere.
    assert [status for status, _ in static] == ['1', '1', '1', '0'], static
    assert not set(DYNAMIC) & set(hostile.opened), hostile.opened
    for index in range(len(STRANGE)):
        assert hostile.client.heard(hostile.client.id_of(EXTRA + index)) == []


@pytest.mark.parametrize('mode', MODES)
def test_lawless_client(site, mode):
    policy, exception, spelled, devices, (to_desktop, from_desktop), packed = MODES[mode]
    clipboard = to_desktop or from_desktop
    ticket = ticket_for(site, policy, exception)
    hostile = Hostile(site, ticket, spelled)
    try:
        hostile.offer_devices()
        if clipboard:
            check_clipboard(hostile, to_desktop, from_desktop)
        check_channels(hostile)
        wait_for(lambda: set(hostile.journal.devices()) >= devices, 'devices that are allowed')
        hostile.announce()      # late, and again
        hostile.input_gets_in()
        assert hostile.client.fast and not hostile.client.over, 'the picture goes on'
        if exception:
            wait_for(lambda: hostile.journal.devices()["drive 'SPLIT'"] == hostile.pieces, 'each way of cutting')
        hostile.compress(packed)
        assert hostile.client.wait_over()
    finally:
        hostile.client.close()
    denied = rows(site, ticket)
    assert set(hostile.journal.devices()) == devices
    assert MARK.decode() not in hostile.journal.text()
    seen = hostile.journal.channels()
    assert not seen & {'rail', 'rdp2tcp', 'remdesk'}, seen
    assert ('rdpdr' in seen, 'cliprdr' in seen) == (mode != 'off', clipboard), seen
    assert hostile.offered() <= (TEXTS if from_desktop else set())
    check_audit(hostile, denied, devices, clipboard, spelled)
    if clipboard:
        formats = {name for what, name, _ in denied if what == 'clipboard'}
        assert {'CF_DIB', 'FileGroupDescriptorW'} <= formats, formats
        assert ('CF_UNICODETEXT' in formats) != (to_desktop and from_desktop), formats
    refused = [e['detail'] for e in site.broker.of_session(ticket) if e['kind'] == 'refused']
    assert len(refused) == 1 and 'compressed channel chunk' in refused[0], refused
    mounts = site.desktop.agent.shell('cat /proc/mounts; ls -R /home/*/thinclient_drives 2>/dev/null || true')
    assert exception or not re.search('EARLY|AGAIN|SPLIT|PACKED', mounts)


def check_audit(hostile, denied, devices, clipboard, spelled):
    """Everything that was refused, by name, by rule and how often."""
    for device in EVERYTHING:
        kind, name = device.replace('smartcard', 'smart card')[:-1].split(" '")
        count = denied['device', f'{kind} {name}', DEVICE_RULES.get(kind, '')]
        wanted = 0 if device in devices else hostile.pieces if name == 'SPLIT' else 2
        assert count == wanted, (device, count, wanted, denied)
    for name in STRANGE:
        assert denied['static_channel', name.decode(), ''] >= 3, (name, denied)     # declared, and spoken on twice
    for name in {name.lower() for name in DYNAMIC}:
        times = sum(count for (what, found, _), count in denied.items()
                    if what == 'dynamic_channel' and found.lower() == name)
        assert times == 2 * sum(n.lower() == name for n in DYNAMIC), (name, denied)
    assert clipboard or denied['static_channel', spelled(b'cliprdr').decode(), 'clipboard']


BAD_CONNECTIONS = {
    'eight characters': ([*BASE, b'rdpdrxxx'], (), 'channel name without NUL'),
    'twice': ([*BASE, b'RdpDr'], (), 'channel name twice'),
    'multitransport twice': (BASE, [(lawless.CS_MULTITRANSPORT, b'\5\3\0\0')] * 2, 'GCC block twice'),
}


@pytest.mark.parametrize('way', BAD_CONNECTIONS)
def test_connection_that_is_turned_away(site, way):
    names, blocks, reason = BAD_CONNECTIONS[way]
    journal, ticket = Journal(site), ticket_for(site, MODES['noop'][0])
    client = lawless.Client(site.relay.port, ticket, names, blocks=blocks)
    with pytest.raises((lawless.Gone, OSError)):
        client.connect()
    client.close()
    event = site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'refused')
    assert reason in event['detail'], event
    site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_ended')
    assert journal.channels() == set() and not journal.devices() and 'rdpdrxxx' not in journal.text()


def libfreerdp(site, ticket, stick):
    """libfreerdp with every redirection on that it has here, and our own logon."""
    return [str(relay_site.CLIENT), '--locator', ticket.locator, '--secret-file', '-', '--wait', '120', '--hold', '600',
            '--', f'/v:127.0.0.1:{site.relay.port}', f'/drive:STICK7,{stick}', '/printer', '/smartcard',
            '/serial:COM3,/dev/null', '+clipboard', '/rdp2tcp:/bin/true', '/size:1024x768'], ticket.secret + '\n'


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


CLIENTS = {'libfreerdp': libfreerdp, 'rdesktop': rdesktop, 'freerdp2': freerdp('xfreerdp', '/cert-ignore'),
           'freerdp3': freerdp('xfreerdp3', '/cert:ignore')}


class Seat:
    """A client of other people on this machine's X display, with a stick in it."""

    def __init__(self, site, name, ticket, folder):
        stick = folder / 'stick'
        stick.mkdir()
        (stick / 'payroll.txt').write_text('salaries')
        command, words = CLIENTS[name](site, ticket, stick)
        self.log = folder / 'out'
        self.env = {**os.environ, 'DISPLAY': ':95', 'HOME': str(folder), 'ASAN_OPTIONS': 'detect_leaks=0'}
        with open(self.log, 'wb') as out:
            self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT,
                                            env=self.env)
        self.process.stdin.write(words.encode())
        self.process.stdin.close()

    def copy(self, target, text):
        subprocess.run(['xclip', '-selection', 'clipboard', '-i', '-t', target], input=text.encode(), env=self.env,
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)

    def goes_on(self):
        assert self.process.poll() is None, self.log.read_text(errors='replace')[-2000:]


def check_seat_clipboard(site, seat, ticket):
    """A file that is copied outside does not get in, text does."""
    def targets():
        return site.desktop.xclip('-selection clipboard -o -t TARGETS')
    seat.copy('text/uri-list', f'file://{seat.log.parent}/stick/payroll.txt\r\n')
    time.sleep(1)   # nothing can be waited for that must not come
    assert 'uri-list' not in targets() and 'copied-files' not in targets()
    seat.copy('UTF8_STRING', 'from the seat 席')
    wait_for(lambda: 'UTF8_STRING' in targets(), 'text')
    wait_for(lambda: 'from the seat 席' in site.desktop.xclip('-selection clipboard -o -t UTF8_STRING'), 'text')


@pytest.mark.parametrize('name,mode', [('libfreerdp', 'off'), ('rdesktop', 'noop'), ('freerdp2', 'noop'),
                                       ('freerdp3', 'noop'), ('freerdp3', 'off')])
def test_client_of_others(site, name, mode, tmp_path):
    journal, ticket = Journal(site), ticket_for(site, MODES[mode][0])
    seat = Seat(site, name, ticket, tmp_path)
    try:
        site.broker.wait_event(lambda e: e['session'] == ticket.session and e['name'] == 'drive STICK7', 120)
        journal.wait('chansrv connect successful')
        if mode != 'off':
            journal.wait('clipboard_init')
            check_seat_clipboard(site, seat, ticket)
        asked = site.desktop.ask_for_channels(*[(1, channel, '') for channel in DYNAMIC],
                                              *[(0, channel.decode(), '') for channel in STRANGE])
        seat.goes_on()
    finally:
        relay_site.stop(seat.process)
    text, denied = journal.text(), rows(site, ticket)
    assert '0' not in {status for status, _ in asked}, asked
    assert not journal.devices(), journal.devices()
    for word in ('STICK7', 'payroll', 'COM3'):
        assert word not in text, re.findall(f'.*{word}.*', text)
    assert not journal.channels() & {'rail', 'rdp2tcp', 'remdesk'}
    assert denied['device', 'drive STICK7', 'removable_storage']
    assert mode != 'off' or denied['static_channel', 'cliprdr', 'clipboard']
    assert {channel.lower() for channel in DYNAMIC} == {channel.lower() for what, channel, _ in denied
                                                        if what == 'dynamic_channel'}


def test_logoff_is_told_to_the_client(site):
    ticket = ticket_for(site, {})
    client = site.connect(ticket, '/size:1024x768', colours=16, hold=600, wait=150)
    client.wait_frame(200)
    site.desktop.agent.shell(f'pkill -u {USER} -x icewm')
    assert client.finish(60) == 6
    event = site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_ended')
    assert (event['name'], 'LOGOFF' in client.output()) == ('guest_left', True), (event, client.output())
