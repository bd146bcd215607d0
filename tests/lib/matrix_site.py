# SPDX-License-Identifier: Apache-2.0
"""One relay between a lawless client and a lawless guest (lawless.py), and what both could say on the
channels that carry things: devices, the clipboard, dynamic channels."""
import struct

import lawless
import relay_site
from fake_broker import FakeBroker

MARK = b'MARK-of-the-stick'
WIDE_MARK = MARK.decode().encode('utf-16-le')
CAREFUL = {'sound': 'allow', 'clipboard': 'text-to-desktop'}
BASE = [b'drdynvc', b'rdpsnd', b'cliprdr', b'rdpdr']
DYNVC, SOUND, CLIPBOARD, DEVICES, EXTRA = range(5)
GRAPHICS = b'Microsoft::Windows::RDS::Graphics'
CREATE_REFUSED = 0xc0000001


# ---- devices (MS-RDPEFS) ----

KINDS = {'serial port': 1, 'parallel port': 2, 'printer': 4, 'drive': 8, 'smart card': 0x20, 'unknown device': 0x40}


def device_announce(*devices):
    """`devices`: (kind, id, DOS name); each carries the mark as its data."""
    return b'rDAD' + struct.pack('<I', len(devices)) + b''.join(
        struct.pack('<II8sI', KINDS[kind], number, name, len(MARK)) + MARK for kind, number, name in devices)


def device_request(number, completion=1, major=0):
    return b'rDRI' + struct.pack('<IIIII', number, 0, completion, major, 0) + b'\0' * 28 + struct.pack('<I', 0)


def capabilities(packet):
    general = struct.pack('<HHIIIHHIIIIII', 1, 44, 2, 0, 0, 1, 12, 0xffff, 0, 7, 0, 0, 0)
    return packet + struct.pack('<HH', 5, 0) + general + b''.join(struct.pack('<HHI', k, 8, 1) for k in (2, 3, 4, 5))


def announced(message):
    """[(type, name)] of a device list that arrived."""
    count, at, out = struct.unpack_from('<I', message, 4)[0], 8, []
    for _ in range(count):
        kind, _, name, length = struct.unpack_from('<II8sI', message, at)
        out.append((kind, name.rstrip(b'\0')))
        at += 20 + length
    return out


SERVER_ANNOUNCE = b'rDnI' + struct.pack('<HHI', 1, 12, 1)
CLIENT_HELLO = [b'rDCC' + struct.pack('<HHI', 1, 12, 1),
                b'rDNC' + struct.pack('<III', 1, 0, 6) + 'pc\0'.encode('utf-16-le')]


# ---- clipboard (MS-RDPECLIP) ----

def clip(kind, flags=0, body=b''):
    return struct.pack('<HHI', kind, flags, len(body)) + body


CLIP_CAPABILITIES = clip(7, 0, struct.pack('<HHHHII', 1, 0, 1, 12, 2, 0x1e))
CLIP_READY = clip(1)
CLIP_LIST_TAKEN = clip(3, 1)


def clip_list(*formats, short=False, ascii_names=False):
    body = b''
    for number, name in formats:
        if short and ascii_names:
            body += struct.pack('<I32s', number, name.encode()[:31])
        elif short:
            body += struct.pack('<I', number) + name.encode('utf-16-le')[:30].ljust(32, b'\0')
        else:
            body += struct.pack('<I', number) + (name + '\0').encode('utf-16-le')
    return clip(2, 4 if ascii_names else 0, body)


def clip_kind(message):
    return struct.unpack_from('<HH', message)


def clip_ids(message, short=False):
    """Format ids of a list that arrived."""
    body = message[8:8 + struct.unpack_from('<I', message, 4)[0]]   # xrdp sends more than it says
    at, out = 0, []
    while at < len(body):
        out.append(struct.unpack_from('<I', body, at)[0])
        at += 36 if short else 4
        if not short:
            while at < len(body) and body[at:at + 2] != b'\0\0':
                at += 2
            at += 2
    return out


# ---- dynamic channels (MS-RDPEDYC) ----

def dvc_create(number, name):
    return bytes([0x10, number]) + name + b'\0'


def dvc_created(number, status=0):
    return bytes([0x10, number]) + struct.pack('<I', status)


def dvc_data(number, data):
    return bytes([0x30, number]) + data


# ---- sessions ----

class Session:
    def __init__(self, site, policy, extra=(), base=BASE, exception=None, **client):
        self.site, self.policy = site, {**CAREFUL, **policy}
        self.ticket = site.broker.ticket(site.server.address, site.pin, policy=self.policy)
        self.ticket.exception = exception
        known = len(site.server.guests)
        self.client = lawless.Client(site.relay.port, self.ticket, [*base, *extra], **client)
        try:
            self.client.connect()
        except (lawless.Gone, OSError):
            self.client.close()
            raise
        self.guest = site.server.next_guest(known)
        assert self.guest.ready.wait(10)

    def peers(self, from_client):
        return (self.client, self.guest) if from_client else (self.guest, self.client)

    def works(self, slow=False, number=200):
        """Everything the policy does allow goes on in this same session."""
        client, guest = self.client, self.guest
        marks = [b'%d-%d' % (number, len(peer.link.record)) for peer in (client, guest)]
        guest.draw(marks[0], slow)
        client.type(marks[1], slow)
        assert client.wait(lambda: any(marks[0] in s for s in (client.shares if slow else client.fast)))
        assert guest.wait(lambda: any(marks[1] in s for s in (guest.shares if slow else guest.fast)))
        guest.say(guest.id_of(DYNVC), dvc_create(number, GRAPHICS))
        client.wait_message(client.id_of(DYNVC), lambda m: m == dvc_create(number, GRAPHICS))
        client.say(client.id_of(DYNVC), dvc_created(number))
        guest.wait_message(guest.id_of(DYNVC), lambda m: m == dvc_created(number))
        guest.say(guest.id_of(DYNVC), dvc_data(number, marks[0]))
        client.wait_message(client.id_of(DYNVC), lambda m: m == dvc_data(number, marks[0]))
        if self.policy['sound'] == 'allow':
            guest.say(guest.id_of(SOUND), b'\x07\0' + marks[0])
            client.wait_message(client.id_of(SOUND), lambda m: marks[0] in m)
        if self.policy['clipboard'] in ('text-to-desktop', 'text-both'):
            before = len(guest.heard(guest.id_of(CLIPBOARD)))
            client.say(client.id_of(CLIPBOARD), clip_list((13, ''), short=True))
            assert guest.wait(lambda: len(guest.messages.get(guest.id_of(CLIPBOARD), [])) > before)

    def settle(self, sender):
        """What the sender has said so far has been seen by the relay."""
        mark = b'settled-%d' % len(sender.link.record)
        if sender is self.client:
            sender.type(mark)
            assert self.guest.wait(lambda: mark in self.guest.fast)
        else:
            sender.draw(mark)
            assert self.client.wait(lambda: mark in self.client.fast)

    def finish(self):
        """Ends it; the audit rows of what was refused: [(kind, what, name, from, count, detail, rule)]."""
        self.client.close()
        self.site.broker.wait_event(lambda e: e['session'] == self.ticket.session and e['kind'] == 'session_ended')
        rows = []
        for e in self.site.broker.of_session(self.ticket):
            if e['kind'] in ('denied', 'refused'):
                assert e['client_address'] == '127.0.0.1', e
                side = 'client' if 'client' in e['detail'] else 'guest' if 'guest' in e['detail'] else ''
                rows.append((e['kind'], e['what'], e['name'], side, e['count'], e['detail'], e['rule']))
        return rows

    def assert_unmarked(self, *peers):
        for peer in peers:
            record = bytes(peer.link.record)
            assert MARK not in record and WIDE_MARK not in record


def counted(rows, what, name, side, rule=None):
    """How often it was refused. The first is told at once, the rest as one number: two rows at most.
    `rule`: the word of the policy that the rows name."""
    mine = [r for r in rows if r[:4] == ('denied', what, name, side)]
    assert 1 <= len(mine) <= 2 and mine[0][4] == 1, (what, name, side, rows)
    assert rule is None or {r[6] for r in mine} == {rule}, (rule, mine)
    return sum(r[4] for r in mine)


def faulted(rows, reason):
    refused = [r for r in rows if r[0] == 'refused']
    assert len(refused) == 1 and reason in refused[0][5], (reason, rows)


class MatrixSite:
    def __init__(self, folder, relay=relay_site.Relay):
        (folder / 'pki').mkdir()
        self.pki = relay_site.Pki(folder / 'pki')
        self.pki.issue('guest', '/CN=guest', 'extendedKeyUsage=serverAuth')
        files = folder / 'pki/guest.crt', folder / 'pki/guest.key'
        self.broker = FakeBroker(folder / 'pki/ca.crt', folder / 'pki/broker.crt', folder / 'pki/broker.key')
        self.relay = relay(folder / 'relay', self.broker, self.pki, max_per_source=500)
        self.server = lawless.GuestServer(*files)
        self.pin = relay_site.certificate_sha256(files[0])

    def session(self, policy=None, extra=(), **keys):
        return Session(self, policy or {}, extra, **keys)

    def refused_connection(self, reason, policy=None, extra=(), **keys):
        """A client that is turned away while it connects; what the guest got of its connect."""
        known = len(self.server.guests)
        try:
            self.session(policy, extra, **keys)
        except (lawless.Gone, OSError):
            pass
        else:
            raise AssertionError('it got through')
        ticket = list(self.broker.tickets.values())[-1]
        event = self.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'refused')
        assert reason in event['detail'], event
        return self.server.next_guest(known)

    def close(self):
        self.relay.close()
        self.server.close()
        self.broker.down()
