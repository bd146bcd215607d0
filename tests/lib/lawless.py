# SPDX-License-Identifier: Apache-2.0
"""An RDP client and an RDP server that keep to no rule: they speak the connection sequence well enough
to reach a desktop, and then, or on the way, say whatever a test tells them to. Each keeps a record of
every byte that reached it.

Not for use against anything but a relay under test."""
import base64
import pathlib
import socket
import ssl
import struct
import threading

DATA = pathlib.Path(__file__).resolve().parents[1] / 'unit/rdp/data/all-denied.rec'
IO = 1003
MCS_USER_BASE = 1001
FIRST, LAST, SHOW, COMPRESSED = 1, 2, 0x10, 0x200000
LICENSE, LICENSE_REQUEST = b'\x80\0', 1
# xrdp asks for a licence and takes any answer: an error alert (MS-RDPBCGR 2.2.1.12.1.3) STATUS_VALID_CLIENT.
LICENSE_ANSWER = struct.pack('<HHBBHIIHH', 0x80, 0, 0xff, 3, 16, 7, 2, 4, 0)
CS_CORE, CS_NET, CS_MULTITRANSPORT, SC_NET, SC_MULTITRANSPORT = 0xc001, 0xc003, 0xc00a, 0x0c03, 0x0c08


def _records():
    """What a libfreerdp client and freerdp-shadow wrote once, as templates: [(side, bytes)]."""
    data, at, out = DATA.read_bytes(), 0, []
    while at < len(data):
        side, length = data[at], struct.unpack_from('>I', data, at + 1)[0]
        out.append(data[at + 5:at + 5 + length])
        at += 5 + length
    return out


RECORDS = _records()
SHARE_ID = struct.pack('<I', 0x000103f1)    # of the recording
X224_REQUEST, X224_CONFIRM = RECORDS[0], RECORDS[2]
CONNECT_INITIAL, CONNECT_RESPONSE = RECORDS[3], RECORDS[4]


def tpkt(body):
    return struct.pack('>BBH', 3, 0, len(body) + 4) + body


def mcs_data(kind, user, channel, data):
    """Send Data Request (kind 25) or Indication (26)."""
    length = struct.pack('>H', 0x8000 | len(data)) if len(data) > 127 else bytes([len(data)])
    return tpkt(b'\x02\xf0\x80' + bytes([kind << 2]) + struct.pack('>HH', user - MCS_USER_BASE, channel) + b'\x70' +
                length + data)


def mcs_parse(body):
    """(kind, user, channel, data) of a TPKT body behind the X.224 header; None for another MCS PDU."""
    kind = body[3] >> 2
    if kind not in (25, 26):
        return None
    user, channel = struct.unpack_from('>HH', body, 4)
    at = 10 if body[9] & 0x80 else 9
    return kind, user + MCS_USER_BASE, channel, body[at + 1:]


def payload(record):
    """The user data of a recorded Send Data PDU."""
    return mcs_parse(record[4:])[3]


def chunk(data, flags=FIRST | LAST, total=None):
    return struct.pack('<II', len(data) if total is None else total, flags) + data


def chunks(data, step):
    """A message cut into channel chunks of `step` bytes."""
    for at in range(0, len(data), step):
        flags = (FIRST if at == 0 else 0) | (LAST if at + step >= len(data) else 0)
        yield chunk(data[at:at + step], flags, len(data))


def fast_path(data, action=0):
    return bytes([action]) + struct.pack('>H', 0x8000 | (len(data) + 3)) + data


def gcc_blocks(data):
    out, at = [], 0
    while at < len(data):
        kind, length = struct.unpack_from('<HH', data, at)
        out.append((kind, data[at + 4:at + length]))
        at += length
    return out


def _gcc_split(record, key):
    """(everything up to the user data's length, blocks) of a connect PDU."""
    at = record.index(key) + 4
    at += 2 if record[at] & 0x80 else 1
    return gcc_blocks(record[at:])


def _ber(tag, content):
    return tag + b'\x82' + struct.pack('>H', len(content)) + content


def _per(content):
    return struct.pack('>H', 0x8000 | len(content)) + content


def _join(blocks):
    return b''.join(struct.pack('<HH', kind, len(body) + 4) + body for kind, body in blocks)


def told_why(core):
    """The CS_CORE of a client that understands Set Error Info."""
    return core[:140] + bytes([core[140] | 1]) + core[141:]


def connect_initial(names, extra=()):
    """The recorded one with other channels: [(8 bytes, options)], and with blocks in addition."""
    net = struct.pack('<I', len(names)) + b''.join(name + struct.pack('<I', options) for name, options in names)
    blocks = [(kind, net if kind == CS_NET else told_why(body) if kind == CS_CORE else body)
              for kind, body in _gcc_split(CONNECT_INITIAL, b'Duca') if kind != CS_MULTITRANSPORT] + list(extra)
    inner = bytes.fromhex('000800100001c000') + b'Duca' + _per(_join(blocks))
    user_data = bytes.fromhex('000500147c0001') + _per(inner)
    start = CONNECT_INITIAL.index(b'\x7f\x65') + 5
    domain = CONNECT_INITIAL[start:CONNECT_INITIAL.index(bytes.fromhex('000500147c0001')) - 4]
    return tpkt(b'\x02\xf0\x80' + _ber(b'\x7f\x65', domain + _ber(b'\x04', user_data)))


def connect_response(count, message_channel, extra=()):
    ids = list(range(1004, 1004 + count))
    net = struct.pack('<HH', IO, count) + b''.join(struct.pack('<H', i) for i in ids) + (b'\0\0' if count % 2 else b'')
    blocks = []
    for kind, body in _gcc_split(CONNECT_RESPONSE, b'McDn'):
        if kind == SC_NET:
            body = net
        elif kind == 0x0c04:
            body = struct.pack('<H', message_channel)
        if kind != SC_MULTITRANSPORT:
            blocks.append((kind, body))
    blocks += extra
    user_data = (bytes.fromhex('000500147c00012a14760a01010001c000') + b'McDn' + _per(_join(blocks)))
    start = CONNECT_RESPONSE.index(b'\x7f\x66') + 3
    head = CONNECT_RESPONSE[start:CONNECT_RESPONSE.index(bytes.fromhex('000500147c0001')) - 2]
    return tpkt(b'\x02\xf0\x80' + _ber(b'\x7f\x66', head + _ber(b'\x04', user_data)))


def names_of(connect):
    """The channel names of a connect-initial, each as its eight bytes."""
    net = next(body for kind, body in _gcc_split(connect, b'Duca') if kind == CS_NET)
    return [net[4 + 12 * i:12 + 12 * i] for i in range(struct.unpack_from('<I', net)[0])]


def info_with(info, user, password):
    """Client Info with another logon, and with the wish to be logged on by it."""
    flags, *lengths = struct.unpack_from('<I5H', info, 8)
    rest = info[22 + sum(lengths) + 2 * len(lengths):]
    words = [text.encode('utf-16-le') for text in ('', user, password, '', '')]
    return (info[:8] + struct.pack('<I5H', flags | 8, *map(len, words)) + b''.join(w + b'\0\0' for w in words) + rest)


class Gone(Exception):
    """The other side has ended the connection."""


class Link:
    """A socket, then TLS on it; read and written from two threads."""

    def __init__(self, sock):
        self.sock, self.tls, self.rest = sock, None, b''
        self.into, self.out, self.lock = ssl.MemoryBIO(), ssl.MemoryBIO(), threading.Lock()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.settimeout(20)
        self.record = bytearray()   # all plaintext that arrived

    def start_tls(self, context, server):
        self.tls = context.wrap_bio(self.into, self.out, server_side=server)
        while True:
            try:
                self.tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                self._flush()
                self._more()
        self._flush()

    def _flush(self):
        data = self.out.read()
        if data:
            self.sock.sendall(data)

    def _more(self):
        try:
            data = self.sock.recv(65536)
        except ConnectionError:
            data = b''
        if not data:
            raise Gone()
        self.into.write(data)

    def send(self, data, step=None):
        """`step`: a TLS record for each so many bytes."""
        try:
            with self.lock:
                for at in range(0, len(data), step or max(len(data), 1)):
                    part = data[at:at + (step or len(data))]
                    if self.tls:
                        self.tls.write(part)
                        self._flush()
                    else:
                        self.sock.sendall(part)
        except OSError as error:
            raise Gone() from error

    def _read_some(self):
        if not self.tls:
            data = self.sock.recv(65536)
            if not data:
                raise Gone()
        else:
            data = None
            while data is None:
                try:
                    with self.lock:
                        data = self.tls.read(65536)
                    if not data:
                        raise Gone()
                except ssl.SSLWantReadError:
                    self._more()
                except ssl.SSLError as error:
                    raise Gone() from error
        self.record += data
        self.rest += data

    def read(self, length):
        while len(self.rest) < length:
            self._read_some()
        data, self.rest = self.rest[:length], self.rest[length:]
        return data

    def read_pdu(self):
        """(True, TPKT body) or (False, fast-path content)."""
        first = self.read(2)
        if first[0] == 3:
            length = struct.unpack('>H', self.read(2))[0]
            return True, self.read(length - 4)
        length, head = first[1], 2
        if length & 0x80:
            length, head = (length & 0x7f) << 8 | self.read(1)[0], 3
        return False, self.read(length - head)

    def close(self):
        try:
            self.sock.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.sock.close()


class Peer:
    """What both have: messages that came in by channel id, and waiting for them."""

    def __init__(self):
        self.changed = threading.Condition()
        self.channels = {}      # id -> [chunk bytes]
        self.messages = {}      # id -> [whole messages]
        self.partial = {}
        self.fast, self.shares = [], []
        self.over = False
        self.link = None

    def _read_on(self):
        try:
            while True:
                slow, body = self.link.read_pdu()
                with self.changed:
                    self._take(slow, body)
                    self.changed.notify_all()
        except (Gone, OSError):
            self.link.close()
        with self.changed:
            self.over = True
            self.changed.notify_all()

    def _take(self, slow, body):
        if not slow:
            self.fast.append(body)
            return
        parsed = mcs_parse(body)
        if not parsed:
            return
        _, _, channel, data = parsed
        if channel == IO:
            self.shares.append(data)
            return
        self.channels.setdefault(channel, []).append(data)
        if len(data) >= 8 and channel != self.message_channel:
            flags = struct.unpack_from('<I', data, 4)[0]
            whole = (b'' if flags & FIRST else self.partial.get(channel, b'')) + data[8:]
            self.partial[channel] = whole
            if flags & LAST:
                self.messages.setdefault(channel, []).append(whole)

    def wait(self, condition, timeout=10):
        """True as soon as it holds; False when the session ends first or time is up."""
        with self.changed:
            self.changed.wait_for(lambda: condition() or self.over, timeout)
            return bool(condition())

    def wait_over(self, timeout=10):
        with self.changed:
            return self.changed.wait_for(lambda: self.over, timeout)

    def heard(self, channel):
        with self.changed:
            return list(self.messages.get(channel, []))

    def wait_message(self, channel, wanted, timeout=10):
        """The first message on the channel for which wanted(message)."""
        assert self.wait(lambda: any(map(wanted, self.messages.get(channel, []))), timeout), \
            (channel, self.messages.get(channel), 'ended' if self.over else 'not in time')
        return next(m for m in self.heard(channel) if wanted(m))

    def say(self, channel, data, **how):
        """One message as one chunk."""
        self.send(channel, chunk(data), **how)

    def close(self):
        if self.link:
            self.link.close()


class Guest(Peer):
    """The server side of one session."""

    def __init__(self, link, server):
        super().__init__()
        self.link, self.server, self.message_channel = link, server, None
        self.names, self.user, self.ready = [], None, threading.Event()

    def run(self):
        try:
            self.connect()
            self.ready.set()
        except (Gone, OSError, ssl.SSLError):
            self.link.close()
            with self.changed:
                self.over = True
                self.changed.notify_all()
            self.ready.set()
            return
        self._read_on()

    def connect(self):
        link = self.link
        link.read_pdu()
        link.send(X224_CONFIRM[:11] + struct.pack('<BBHI', 2, 0, 8, 1))
        link.start_tls(self.server.context, True)
        _, body = link.read_pdu()
        self.connect_initial = tpkt(body)
        self.names = names_of(self.connect_initial)
        self.message_channel = 1004 + len(self.names)
        self.user = self.message_channel + 1
        link.send(connect_response(len(self.names), self.message_channel, self.server.extra))
        self._setup()
        self.send(IO, payload(RECORDS[25]))     # licence
        self.send(IO, payload(RECORDS[26]))     # demand active
        for record in (29, 31, 34, 35):
            self._io()
            self.send(IO, payload(RECORDS[record]))

    def _setup(self):
        while True:
            _, body = self.link.read_pdu()
            kind = body[3] >> 2
            if kind == 10:
                self.link.send(tpkt(b'\x02\xf0\x80\x2e\0' + struct.pack('>H', self.user - MCS_USER_BASE)))
            elif kind == 14:
                self.link.send(tpkt(b'\x02\xf0\x80\x3e\0' + body[4:6] + body[6:8] + body[6:8]))
            elif kind == 25:
                self.info = mcs_parse(body)[3]
                return

    def _io(self):
        """The next PDU of the client on the I/O channel; what else comes is kept."""
        while True:
            slow, body = self.link.read_pdu()
            parsed = slow and mcs_parse(body)
            if parsed and parsed[2] == IO:
                self.shares.append(parsed[3])
                return
            with self.changed:
                self._take(slow, body)

    def id_of(self, index):
        return 1004 + index

    def send(self, channel, data, user=1002, **how):
        self.link.send(mcs_data(26, user, channel, data), **how)

    def draw(self, data, slow=False):
        """Something new on the screen: an update as share data (slow path) or fast path."""
        if slow:
            body = struct.pack('<IBBHBBH', 0x000103f1, 0, 1, len(data) + 4, 2, 0, 0) + data
            self.send(IO, struct.pack('<HHH', len(body) + 6, 0x17, 1002) + body)
        else:
            self.link.send(fast_path(data))


class GuestServer:
    """Listens as a guest; one Guest for each connection of the relay."""

    def __init__(self, certificate, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(certificate, key)
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = self.listener.getsockname()
        self.extra, self.guests, self.changed = [], [], threading.Condition()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        try:
            while True:
                sock, _ = self.listener.accept()
                guest = Guest(Link(sock), self)
                with self.changed:
                    self.guests.append(guest)
                    self.changed.notify_all()
                threading.Thread(target=guest.run, daemon=True).start()
        except OSError:
            pass

    def next_guest(self, known, timeout=10):
        """The one that came after the first `known`."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.guests) > known, timeout), 'the relay did not come'
            return self.guests[known]

    def close(self):
        self.listener.close()


class Client(Peer):
    """`channels`: names as bytes, padded to eight; one of eight bytes has no NUL.
    `ticket`: of a relay; or (user, password), to go straight at an RDP server.
    `patience`: so many seconds may pass without a byte from the other side."""

    def __init__(self, port, ticket, channels, joined=None, blocks=(), step=None, patience=20):
        super().__init__()
        self.patience, self.direct = patience, isinstance(ticket, tuple)
        self.ticket, self.port, self.step = ticket, port, step
        self.names = [name.ljust(8, b'\0')[:8] for name in channels]
        self.joined, self.blocks = joined, blocks
        self.message_channel, self.user = None, None

    def connect(self):
        """Up to the desktop. Gone when the relay ends it before."""
        self.link = link = Link(socket.create_connection(('127.0.0.1', self.port)))
        link.sock.settimeout(self.patience)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        link.send(X224_REQUEST[:-4] + struct.pack('<I', 1) if self.direct else X224_REQUEST)
        link.read_pdu()
        link.start_tls(context, False)
        if not self.direct:
            self._authenticate()
        link.send(connect_initial([(n, 0xc0000000) for n in self.names], self.blocks), step=self.step)
        self._learn(link.read_pdu()[1])
        self._join()
        self._logon()
        threading.Thread(target=self._read_on, daemon=True).start()
        return self

    def _authenticate(self):
        self.link.read(8)
        self.link.send(self._authentication())
        if struct.unpack('<HHHI', self.link.read(10))[3] != 0:
            raise Gone()

    def _authentication(self):
        def field(data):
            return struct.pack('<H', len(data)) + data
        locator = base64.urlsafe_b64decode(self.ticket.locator + '==')
        return (struct.pack('<HHH', 1, 2, 1) + field(locator) + field('ticket\0'.encode('utf-16-le')) + field(b'\0\0') +
                field((self.ticket.secret + '\0').encode('utf-16-le')))

    def _learn(self, response):
        self.connect_response = tpkt(response)
        blocks = dict(_gcc_split(self.connect_response, b'McDn'))
        count = struct.unpack_from('<H', blocks[SC_NET], 2)[0]
        self.ids = list(struct.unpack_from(f'<{count}H', blocks[SC_NET], 4))
        self.message_channel = struct.unpack('<H', blocks[0x0c04])[0] if 0x0c04 in blocks else None

    def _join(self):
        link = self.link
        link.send(RECORDS[5] + RECORDS[6])
        self.user = struct.unpack('>H', link.read_pdu()[1][5:7])[0] + MCS_USER_BASE
        wanted = self.ids if self.joined is None else [self.ids[i] for i in self.joined]
        for channel in filter(None, [self.user, IO, self.message_channel, *wanted]):
            link.send(tpkt(b'\x02\xf0\x80\x38' + struct.pack('>HH', self.user - MCS_USER_BASE, channel)), step=self.step)
            link.read_pdu()

    def _logon(self):
        info = payload(RECORDS[22])
        self.send(IO, info_with(info, *self.ticket) if self.direct else info, step=self.step)
        while (demand := self._io())[:2] == LICENSE:    # comes first: only demands to be active are longer than it
            if demand[4] == LICENSE_REQUEST:
                self.send(IO, LICENSE_ANSWER)
        for record in (27, 28, 30, 32, 33):
            pdu = payload(RECORDS[record]).replace(SHARE_ID, demand[6:10])
            self.send(IO, pdu, step=self.step)
        for _ in range(4):
            self._io()

    def _io(self):
        while True:
            slow, body = self.link.read_pdu()
            parsed = slow and mcs_parse(body)
            if parsed and parsed[2] == IO:
                return parsed[3]
            with self.changed:
                self._take(slow, body)

    def id_of(self, index):
        return self.ids[index]

    def send(self, channel, data, user=None, **how):
        self.link.send(mcs_data(25, user or self.user, channel, data), **how)

    def type(self, data, slow=False):
        """Input, as share data (slow path) or fast path."""
        if slow:
            body = struct.pack('<IBBHBBH', 0x000103f1, 0, 1, len(data) + 4, 28, 0, 0) + data
            self.send(IO, struct.pack('<HHH', len(body) + 6, 0x17, self.user) + body)
        else:
            self.link.send(fast_path(data, 4))

    def press(self, key, released=False, slow=False):
        """A key of the keyboard, by its scan code."""
        if slow:
            self.type(struct.pack('<HHIHHHH', 1, 0, 0, 4, 0x8000 if released else 0, key, 0), slow=True)
        else:
            self.type(bytes([released, key]))
