# SPDX-License-Identifier: Apache-2.0
"""The matrix of leaks: everything that could carry data past a desktop's screen, by every trick there
is to bring it, through real relay processes. A lawless client offers, a lawless guest asks; each cell
looks at what reached the other side, at the audit rows, and at what the policy allows, which must go
on in the same session."""
import contextlib
import itertools
import os
import struct

import lawless
import pytest
import relay_site
from lawless import COMPRESSED, FIRST, LAST, chunk, chunks
from matrix_site import (BASE, CLIENT_HELLO, CLIP_CAPABILITIES, CLIP_LIST_TAKEN, CLIP_READY, CLIPBOARD, CREATE_REFUSED,
                         DEVICES, DYNVC, EXTRA, KINDS, MARK, SERVER_ANNOUNCE, WIDE_MARK, MatrixSite,
                         announced, capabilities, clip, clip_ids, clip_kind, clip_list, counted, device_announce,
                         device_request, dvc_create, dvc_created, dvc_data, faulted)

pytestmark = pytest.mark.skipif(not relay_site.RELAY.exists(), reason=f'not built: {relay_site.RELAY}')


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    s = MatrixSite(tmp_path_factory.mktemp('matrix'))
    yield s
    s.close()
    assert s.relay.sanitizer_reports() == []


def cells(rows, ways):
    return pytest.mark.parametrize('row,way', [pytest.param(r, w, id=f'{r}-{w}'.replace(' ', '_'))
                                               for r, w in itertools.product(rows, ways)])


# ---- static channels ----

STATIC = ['rail', 'encomsp', 'remdesk', 'rdp2tcp', 'snddbg', 'XPSRD', 'tsmf', 'urbdrc', 'pnpdr', 'gfxredr', 'strange']
STATIC_WAYS = ['plain', 'upper_case', 'mixed_case', 'late', 'byte_chunks', 'byte_records', 'compressed', 'slow_path',
               'guest_speaks', 'eight_characters', 'twice', 'not_joined']


def mixed(name):
    return ''.join(c.upper() if i % 2 else c.lower() for i, c in enumerate(name))


def static_offer(session, name, way):
    """Sends the mark on the channel, from the side that the way names; how many chunks that were."""
    client, guest = session.client, session.guest
    sender = guest if way == 'guest_speaks' else client
    pieces = list(chunks(MARK, 1)) if way == 'byte_chunks' else [chunk(MARK)]
    if way == 'compressed':
        pieces = [chunk(MARK, FIRST | LAST | COMPRESSED)]
    if way == 'late':
        session.works(number=201)
        pieces *= 3
    for piece in pieces:
        sender.send(sender.id_of(EXTRA), piece)
    return len(pieces)


@cells(STATIC, STATIC_WAYS)
def test_static_channel(site, row, way):
    name = {'upper_case': row.upper(), 'mixed_case': mixed(row)}.get(way, row)
    if way == 'eight_characters':
        guest = site.refused_connection('channel name without NUL', extra=[(row + 'xxxxxxxx')[:8].encode()])
        assert guest.names == []
        return
    if way == 'twice':
        guest = site.refused_connection('channel name twice', extra=[name.encode(), name.upper().encode()])
        assert guest.names == []
        return
    joined = range(4) if way == 'not_joined' else None
    session = site.session(extra=[name.encode()], joined=joined, step=1 if way == 'byte_records' else None)
    assert session.guest.names[EXTRA] == b'vdblk04\0'
    sent = static_offer(session, name, way)
    if way == 'not_joined':
        assert session.client.wait_over()
        faulted(session.finish(), 'not joined')
    else:
        session.works(slow=way == 'slow_path')
        rows = session.finish()
        if way == 'guest_speaks':
            assert counted(rows, 'static_channel', name, 'guest') == sent
            sent = 0
        assert counted(rows, 'static_channel', name, 'client', '') == 1 + sent
    session.assert_unmarked(session.client, session.guest)
    assert name.lower().encode() not in bytes(session.guest.link.record).lower()


@pytest.mark.parametrize('row,policy', [('cliprdr', {'clipboard': 'deny'}), ('rdpsnd', {'sound': 'deny'})])
@pytest.mark.parametrize('way', ['plain', 'upper_case', 'mixed_case', 'byte_records'])
def test_known_channel_that_the_pool_denies(site, row, policy, way):
    spelled = {'upper_case': row.upper(), 'mixed_case': mixed(row)}.get(way, row)
    base = [spelled.encode() if name == row.encode() else name for name in BASE]
    place = BASE.index(row.encode())
    session = site.session(policy, base=base, step=1 if way == 'byte_records' else None)
    assert session.guest.names[place] == b'vdblk0%d\0' % place
    session.client.say(session.client.id_of(place), MARK)
    session.guest.say(session.guest.id_of(place), MARK)
    session.works()
    rows = session.finish()
    rule = next(iter(policy))
    assert counted(rows, 'static_channel', spelled, 'client', rule) == 2
    assert counted(rows, 'static_channel', spelled, 'guest') == 1
    session.assert_unmarked(session.client, session.guest)


# ---- devices ----

DEVICE_WAYS = ['logon', 'late', 'again', 'byte_chunks', 'byte_records', 'compressed', 'requested', 'upper_case',
               'mixed_case', 'slow_path', 'unasked']
MODES = {'off': {'sound': 'deny'}, 'noop': {}, 'filter': {'printers': 'allow'}}
FRIEND = {'printer': 'smart card'}
DEVICE_RULES = {'printer': 'printers', 'smart card': 'smart_cards', 'drive': 'removable_storage'}


def device_rows():
    return [f'{kind} {mode}' for kind in KINDS for mode in MODES]


def greet(session, mode):
    """The handshake that the guest, and in its place the relay, has with the client."""
    client, guest = session.client, session.guest
    to_client, to_guest = client.id_of(DEVICES), guest.id_of(DEVICES)
    if mode != 'off':
        guest.say(to_guest, SERVER_ANNOUNCE)
    client.wait_message(to_client, lambda m: m[:4] == b'rDnI')
    for message in CLIENT_HELLO:
        client.say(to_client, message)
    if mode == 'filter':
        guest.wait_message(to_guest, lambda m: m[:4] == b'rDNC')
        guest.say(to_guest, capabilities(b'rDPS'))
    elif mode == 'noop':
        guest.wait_message(to_guest, lambda m: m[:4] == b'rDCC')
        guest.say(to_guest, b'rDCC' + SERVER_ANNOUNCE[4:])
        assert announced(guest.wait_message(to_guest, lambda m: m[:4] == b'rDAD')) == []
    assert client.wait_message(to_client, lambda m: m[:4] == b'rDPS')
    if mode == 'filter':
        offered = client.wait_message(to_client, lambda m: m[:4] == b'rDPS')
        client.say(to_client, capabilities(b'rDPC'))
        answered = guest.wait_message(to_guest, lambda m: m[:4] == b'rDPC')
        for message in (offered, answered):
            kinds = [struct.unpack_from('<H', message, 8 + 44 + 8 * i)[0] for i in range(message[4] - 1)]
            assert 3 not in kinds and 4 not in kinds, 'ports and drives are in nobody\'s capabilities'


@cells(device_rows(), DEVICE_WAYS)
def test_device(site, row, way):
    kind, mode = row.rsplit(' ', 1)
    policy = dict(MODES[mode])
    friend = FRIEND.get(kind, 'printer')
    if mode == 'filter' and kind == 'printer':
        policy = {'smart_cards': 'allow'}
    spelled = {'upper_case': b'RDPDR', 'mixed_case': b'rDpDr'}.get(way, b'rdpdr')
    session = site.session(policy, base=[*BASE[:3], spelled], step=1 if way == 'byte_records' else None)
    client, guest = session.client, session.guest
    to_client, to_guest = client.id_of(DEVICES), guest.id_of(DEVICES)
    name = b'STICK%d' % KINDS[kind]
    offer = device_announce((kind, 7, name))
    count = 1
    if way == 'unasked':    # before anybody has asked it anything
        client.say(to_client, offer)
    else:
        greet(session, mode)
        if way == 'late':
            session.works(number=201, slow=False)
        if way == 'compressed':
            client.send(to_client, chunk(offer, FIRST | LAST | COMPRESSED))
            assert client.wait_over()
            faulted(session.finish(), 'compressed channel chunk')
            session.assert_unmarked(guest)
            return
        count = 3 if way == 'again' else 1
        for _ in range(count):
            for piece in chunks(offer, 1 if way == 'byte_chunks' else len(offer)):
                client.send(to_client, piece)
    if mode == 'filter':    # what is allowed arrives, and arrives alone
        client.say(to_client, device_announce((friend, 8, b'FRIEND'), (kind, 9, name)))
        lists = guest.wait_message(to_guest, lambda m: m[:4] == b'rDAD' and announced(m))
        assert announced(lists) == [(KINDS[friend], b'FRIEND')]
        count += 1
    session.works(slow=way == 'slow_path')
    if way == 'requested':
        guest.say(to_guest, device_request(7))
        if mode == 'off':
            session.works(number=202)
        else:
            assert guest.wait_over()
    rows = session.finish()
    assert counted(rows, 'device', f'{kind} {name.decode()}', 'client', DEVICE_RULES.get(kind, '')) == count
    if way == 'requested' and mode != 'off':
        faulted(rows, 'device request to a client without devices' if mode == 'noop'
                else 'request to a device that was not announced')
    for message in guest.heard(to_guest):
        if message[:4] == b'rDAD':
            assert all(k == KINDS[friend] for k, _ in announced(message))
    assert name not in bytes(guest.link.record)
    assert not any(m[:4] == b'rDRI' for m in client.heard(to_client))
    if mode != 'filter':
        session.assert_unmarked(guest)
        if mode == 'off':
            assert guest.names[DEVICES] == b'vdblk03\0'


def test_device_announce_cut_at_every_byte(site):
    """One session; the announce of a drive in two chunks, cut at each place there is."""
    session = site.session({'printers': 'allow'})
    client, guest = session.client, session.guest
    greet(session, 'filter')
    offer = device_announce(('drive', 7, b'STICK8'))
    for cut in range(1, len(offer)):
        client.send(client.id_of(DEVICES), chunk(offer[:cut], FIRST, len(offer)))
        client.send(client.id_of(DEVICES), chunk(offer[cut:], LAST, len(offer)))
    session.works()
    assert counted(session.finish(), 'device', 'drive STICK8', 'client') == len(offer) - 1
    session.assert_unmarked(guest)


# ---- dynamic channels ----

DYNAMIC = ['URBDRC', 'PNPDR', 'FileRedirectorChannel', 'AUDIO_INPUT', 'RDCamera_Device_Enumerator', 'RDCamera_Device_0',
           'WebAuthN_Channel', 'Microsoft::Windows::RDS::AuthRedirection', 'Microsoft::Windows::RDS::Location',
           'Microsoft::Windows::RDS::Telemetry', 'Microsoft::Windows::RDS::Video::Control::v08.01',
           'Microsoft::Windows::RDS::Geometry::v08.01', 'TSMF', 'SSH-AGENT', 'rdp2tcp', 'FreeRDP::Advanced::Input',
           'Microsoft::Windows::RDS::RemoteAppGraphicsRedirection', 'cliprdr', 'rdpdr', 'strange-channel']
DYNAMIC_RULES = {'microphone': 'AUDIO_INPUT', 'camera': 'RDCamera_', 'webauthn': 'WebAuthN',
                 'video': ('Microsoft::Windows::RDS::Video', 'Microsoft::Windows::RDS::Geometry')}
DYNAMIC_WAYS = ['plain', 'upper_case', 'lower_case', 'again', 'other_ids', 'late', 'long_id', 'slow_path', 'in_pieces',
                'compressed', 'client_says_yes', 'data_anyway', 'compressed_data_anyway']


@cells(DYNAMIC, DYNAMIC_WAYS)
def test_dynamic_channel(site, row, way):
    name = {'upper_case': row.upper(), 'lower_case': row.lower()}.get(way, row).encode()
    session = site.session()
    client, guest = session.client, session.guest
    to_client, to_guest = client.id_of(DYNVC), guest.id_of(DYNVC)
    if way == 'late':
        session.works(number=201)
    asked = {'again': [40] * 3, 'other_ids': [40, 41, 42]}.get(way, [40])
    if way == 'in_pieces':
        with contextlib.suppress(lawless.Gone):     # it ends in the middle of it
            for piece in chunks(dvc_create(40, name), 3):
                guest.send(to_guest, piece)
    elif way == 'compressed':
        guest.send(to_guest, chunk(dvc_create(40, name), FIRST | LAST | COMPRESSED))
    elif way == 'client_says_yes':
        client.say(to_client, dvc_created(40))
    for number in asked:
        if way in ('in_pieces', 'compressed', 'client_says_yes'):
            break
        if way == 'long_id':
            guest.say(to_guest, b'\x12' + struct.pack('<I', 0x10000 + number) + name + b'\0')
            wanted = b'\x12' + struct.pack('<II', 0x10000 + number, CREATE_REFUSED)
        else:
            guest.say(to_guest, dvc_create(number, name))
            wanted = dvc_created(number, CREATE_REFUSED)
        guest.wait_message(to_guest, lambda m: m == wanted)
    if way in ('in_pieces', 'compressed', 'client_says_yes'):
        assert guest.wait_over()
        faulted(session.finish(), {'in_pieces': 'dynamic channel',
                                   'compressed': 'compressed channel chunk',
                                   'client_says_yes': 'answer to no dynamic channel request'}[way])
    else:
        if way.endswith('data_anyway'):
            command = 0x70 if way.startswith('compressed') else 0x30
            client.say(to_client, bytes([command, 40]) + MARK)
            guest.say(to_guest, bytes([command, 40]) + MARK)
        session.works(slow=way == 'slow_path')
        rule = next((item for item, words in DYNAMIC_RULES.items() if row.startswith(words)), '')
        assert counted(session.finish(), 'dynamic_channel', name.decode(), 'guest', rule) == len(asked)
    session.assert_unmarked(client, guest)
    assert name not in bytes(client.link.record)


# ---- clipboard ----

FORMATS = {'files': (0xc0f2, 'FileGroupDescriptorW'), 'files_old': (15, ''), 'contents': (0xc0f3, 'FileContents'),
           'picture': (8, ''), 'picture_v5': (17, ''), 'png': (0xc0f4, 'PNG'), 'html': (0xc0f1, 'HTML Format'),
           'rtf': (0xc0f5, 'Rich Text Format'), 'metafile': (14, ''), 'sound': (12, ''),
           'gnome_files': (0xc0f6, 'x-special/gnome-copied-files'), 'strange': (0xd00d, 'strange')}
FORMAT_WAYS = ['long_names', 'short_names', 'ascii_names', 'byte_chunks', 'case', 'asked_for', 'content_unasked', 'late',
               'alone', 'slow_path']
AUDIT_NAMES = {'files_old': 'CF_HDROP', 'picture': 'CF_DIB', 'picture_v5': 'CF_DIBV5', 'metafile': None, 'sound': None}


def clip_greet(session, short=False):
    client, guest = session.client, session.guest
    if not short:
        guest.say(guest.id_of(CLIPBOARD), CLIP_CAPABILITIES)
        client.wait_message(client.id_of(CLIPBOARD), lambda m: clip_kind(m)[0] == 7)
        client.say(client.id_of(CLIPBOARD), CLIP_CAPABILITIES)
        answer = guest.wait_message(guest.id_of(CLIPBOARD), lambda m: clip_kind(m)[0] == 7)
        assert struct.unpack_from('<I', answer, 20)[0] == 2, 'nothing about files is left of the capabilities'
    guest.say(guest.id_of(CLIPBOARD), CLIP_READY)
    client.wait_message(client.id_of(CLIPBOARD), lambda m: clip_kind(m)[0] == 1)


def text_goes(giver, taker):
    """Asks for text and gets it."""
    to_giver, to_taker = giver.id_of(CLIPBOARD), taker.id_of(CLIPBOARD)
    taker.say(to_taker, clip(4, 0, struct.pack('<I', 13)))
    giver.wait_message(to_giver, lambda m: clip_kind(m)[0] == 4)
    text = clip(5, 1, 'plain text\0'.encode('utf-16-le'))
    giver.say(to_giver, text)
    taker.wait_message(to_taker, lambda m: m == text)


@pytest.mark.parametrize('direction', ['to_desktop', 'from_desktop'])
@cells(FORMATS, FORMAT_WAYS)
def test_clipboard_format(site, row, way, direction):
    number, name = FORMATS[row]
    short, ascii_names = way in ('short_names', 'ascii_names'), way == 'ascii_names'
    if way == 'case':
        name = name.upper()
    session = site.session({'clipboard': 'text-both'})
    giver, taker = session.peers(direction == 'to_desktop')
    side = 'client' if direction == 'to_desktop' else 'guest'
    to_giver, to_taker = giver.id_of(CLIPBOARD), taker.id_of(CLIPBOARD)
    clip_greet(session, short)
    if way == 'late':
        session.works(number=201)
    formats = [(number, name)] if way == 'alone' else [(number, name), (13, '')]
    before = len(taker.heard(to_taker))
    offer = clip_list(*formats, short=short, ascii_names=ascii_names)
    for piece in chunks(offer, 1 if way == 'byte_chunks' else len(offer)):
        giver.send(to_giver, piece)
    assert taker.wait(lambda: len(taker.messages.get(to_taker, [])) > before)
    assert clip_ids(taker.heard(to_taker)[before], short) == ([] if way == 'alone' else [13])
    taker.say(to_taker, CLIP_LIST_TAKEN)
    refusals = 1
    if way == 'asked_for':
        taker.say(to_taker, clip(4, 0, struct.pack('<I', number)))
        taker.wait_message(to_taker, lambda m: m == clip(5, 2))
        assert not any(clip_kind(m)[0] == 4 for m in giver.heard(to_giver))
    if way == 'content_unasked':
        giver.say(to_giver, clip(5, 1, MARK))
        session.settle(giver)   # before the other side asks for something
    if way != 'alone':
        text_goes(giver, taker)
    if not short:   # works() offers text in short names
        session.policy['clipboard'] = 'none'
    session.works(slow=way == 'slow_path')
    rows = [r for r in session.finish() if r[1] == 'clipboard' and r[3] == side]
    assert rows and rows[0][4] == refusals, rows
    if AUDIT_NAMES.get(row, name) and way != 'content_unasked':
        wanted = AUDIT_NAMES.get(row, name)
        if short and not ascii_names:
            wanted = wanted[:15]
        assert wanted in [r[2] for r in rows], (wanted, rows)
    session.assert_unmarked(session.client, session.guest)
    if name and way != 'case':
        seen = bytes(taker.link.record)
        assert name.encode('utf-16-le') not in seen and name.encode() not in seen


FILE_VERBS = {'contents_request': clip(8, 0, b'\x05\0\0\0' + b'\0' * 24), 'contents': clip(9, 1, b'\x05\0\0\0' + MARK),
              'temporary_folder': clip(6, 0, WIDE_MARK.ljust(520, b'\0')), 'lock': clip(10, 0, b'\x01\0\0\0'),
              'unlock': clip(11, 0, b'\x01\0\0\0')}


@pytest.mark.parametrize('direction', ['from_client', 'from_guest'])
@cells(FILE_VERBS, ['plain', 'byte_chunks', 'late', 'again'])
def test_clipboard_files(site, row, way, direction):
    session = site.session({'clipboard': 'text-both'})
    sender, other = session.peers(direction == 'from_client')
    clip_greet(session)
    if way == 'late':
        session.policy['clipboard'] = 'none'
        session.works(number=201)
    times = 3 if way == 'again' else 1
    heard = len(other.heard(other.id_of(CLIPBOARD)))
    for _ in range(times):
        for piece in chunks(FILE_VERBS[row], 1 if way == 'byte_chunks' else 1600):
            sender.send(sender.id_of(CLIPBOARD), piece)
    if row == 'contents_request':
        sender.wait_message(sender.id_of(CLIPBOARD), lambda m: m == clip(9, 2, b'\x05\0\0\0'))
    session.policy['clipboard'] = 'none'
    session.works()
    assert len(other.heard(other.id_of(CLIPBOARD))) == heard
    rows = session.finish()
    mine = [r for r in rows if r[1] == 'clipboard' and r[3] == ('client' if direction == 'from_client' else 'guest')]
    assert sum(r[4] for r in mine) == times and len(mine) <= 2, rows
    session.assert_unmarked(session.client, session.guest)


WAYS_OF_TEXT = {'text-to-desktop': (True, False), 'text-from-desktop': (False, True), 'text-both': (True, True)}


@pytest.mark.parametrize('policy', WAYS_OF_TEXT)
@cells(['to_desktop', 'from_desktop'], ['offered', 'asked_anyway', 'given_anyway', 'byte_chunks', 'too_long',
                                        'compressed'])
def test_clipboard_text(site, row, way, policy):
    session = site.session({'clipboard': policy})
    giver, taker = session.peers(row == 'to_desktop')
    side = 'client' if row == 'to_desktop' else 'guest'
    allowed = WAYS_OF_TEXT[policy][row == 'from_desktop']
    to_giver, to_taker = giver.id_of(CLIPBOARD), taker.id_of(CLIPBOARD)
    clip_greet(session)
    offer = clip_list((13, ''))
    if way == 'compressed':
        giver.send(to_giver, chunk(offer, FIRST | LAST | COMPRESSED))
        assert giver.wait_over()
        faulted(session.finish(), 'compressed channel chunk')
        return
    heard = len(taker.heard(to_taker))
    for piece in chunks(offer, 1 if way == 'byte_chunks' else len(offer)):
        giver.send(to_giver, piece)
    if allowed:
        assert taker.wait(lambda: len(taker.messages.get(to_taker, [])) > heard)
        assert clip_ids(taker.heard(to_taker)[-1]) == [13]
        taker.say(to_taker, CLIP_LIST_TAKEN)
        if way == 'too_long':
            taker.say(to_taker, clip(4, 0, struct.pack('<I', 13)))
            giver.wait_message(to_giver, lambda m: clip_kind(m)[0] == 4)
            for piece in chunks(clip(5, 1, WIDE_MARK * 4000), 1600):
                giver.send(to_giver, piece)
            taker.wait_message(to_taker, lambda m: m == clip(5, 2))
        else:
            text_goes(giver, taker)
    else:
        giver.wait_message(to_giver, lambda m: m == CLIP_LIST_TAKEN)    # so that it goes on
        if way == 'asked_anyway':
            taker.say(to_taker, clip(4, 0, struct.pack('<I', 13)))
            taker.wait_message(to_taker, lambda m: m == clip(5, 2))
        if way in ('given_anyway', 'too_long'):
            # it is dropped whatever it is an answer to
            for piece in chunks(clip(5, 1, WIDE_MARK * (4000 if way == 'too_long' else 1)), 1600):
                giver.send(to_giver, piece)
        assert not any(clip_kind(m)[0] == 4 for m in giver.heard(to_giver))
    session.policy['clipboard'] = 'none'
    session.works()
    rows = [r for r in session.finish() if r[1] == 'clipboard']
    if not allowed:
        assert ('denied', 'clipboard', 'CF_UNICODETEXT', side) in [r[:4] for r in rows], rows
        assert not any(clip_kind(m)[0] in (2, 5) and m != clip(5, 2) for m in taker.heard(to_taker))
    elif way == 'too_long':
        assert [r[2:4] for r in rows] == [('text over 64 KiB', side)], rows
    else:
        assert rows == []
    session.assert_unmarked(session.client, session.guest)


# ---- beside the channels ----

def user_data(connect, key):
    at = connect.index(key) + 4
    return connect[at + (2 if connect[at] & 0x80 else 1):]


def block_kinds(connect, key):
    return [kind for kind, _ in lawless.gcc_blocks(user_data(connect, key))]


@pytest.mark.parametrize('way', ['plain', 'byte_records'])
def test_multitransport_is_offered_to_nobody(site, way):
    """UDP beside the relay: what either side offers is gone from the other's connect."""
    site.server.extra = [(lawless.SC_MULTITRANSPORT, struct.pack('<I', 0x305))]
    try:
        session = site.session(blocks=[(lawless.CS_MULTITRANSPORT, struct.pack('<I', 0x305))],
                               step=1 if way == 'byte_records' else None)
    finally:
        site.server.extra = []
    assert lawless.CS_MULTITRANSPORT not in block_kinds(session.guest.connect_initial, b'Duca')
    assert lawless.SC_MULTITRANSPORT not in block_kinds(session.client.connect_response, b'McDn')
    session.works()
    session.finish()


def test_multitransport_twice_is_refused(site):
    block = (lawless.CS_MULTITRANSPORT, struct.pack('<I', 0x305))
    assert site.refused_connection('GCC block twice', blocks=[block, block]).names == []


REDIRECTION = struct.pack('<HHHH', 8, 0x1a, 1002, 0)
LAST_WORDS = {
    'initiate_multitransport': ('guest', 'message', b'\x02\0\0\0' + bytes(24), 'initiate multitransport'),
    'multitransport_response': ('client', 'message', b'\x04\0\0\0' + bytes(8), 'message channel flags'),
    'soft_sync': ('guest', DYNVC, b'\x80\0' + struct.pack('<IHH', 8, 1, 0), 'dynamic channel command'),
    'soft_sync_response': ('client', DYNVC, b'\x90\0' + struct.pack('<I', 0), 'dynamic channel command'),
    'server_redirection': ('guest', 'io', REDIRECTION, 'server redirection'),
    'old_server_redirection': ('guest', 'io', struct.pack('<HH', 0x400, 0) + REDIRECTION, 'neither licensing nor'),
    'second_client_info': ('client', 'io', b'\x40\0\0\0' + MARK, 'not legal in this state'),
    'channel_after_all': ('client', None, b'', 'not legal in this state'),
    'unknown_channel': ('client', 1900, chunk(MARK), 'unknown channel'),
    'another_user': ('other', 0, chunk(MARK), 'another user'),
}


@pytest.mark.parametrize('slow', [False, True], ids=['fast_path', 'slow_path'])
@pytest.mark.parametrize('row', LAST_WORDS)
def test_way_around_the_channels_ends_the_session(site, row, slow):
    side, where, data, reason = LAST_WORDS[row]
    session = site.session()
    session.works(slow=slow)
    sender = session.guest if side == 'guest' else session.client
    channel = {'message': sender.message_channel, 'io': lawless.IO}.get(where, where)
    if where is None:   # one more channel joined, long after the connect
        sender.link.send(lawless.tpkt(b'\x02\xf0\x80\x38' + struct.pack('>HH', sender.user - lawless.MCS_USER_BASE, 1900)))
    elif side == 'other':
        sender.send(sender.id_of(DYNVC), data, user=sender.user + 1)
    elif where == DYNVC:
        sender.say(sender.id_of(DYNVC), data)
    else:
        sender.send(channel, data)
    assert session.guest.wait_over() and session.client.wait_over()
    faulted(session.finish(), reason)
    session.assert_unmarked(session.guest)


# ---- the other state of each: what a pool allows arrives ----

ALLOWED_DYNAMIC = {
    'microphone': ['AUDIO_INPUT', 'audio_input'],
    'camera': ['RDCamera_Device_Enumerator', 'RDCamera_Device_0'],
    'webauthn': ['WebAuthN_Channel'],
    'video': ['Microsoft::Windows::RDS::Video::Control::v08.01', 'Microsoft::Windows::RDS::Video::Data::v08.01',
              'Microsoft::Windows::RDS::Geometry::v08.01'],
    'sound': ['AUDIO_PLAYBACK_DVC', 'AUDIO_PLAYBACK_LOSSY_DVC'],
}


@pytest.mark.parametrize('item,name', [(i, n) for i, names in ALLOWED_DYNAMIC.items() for n in names])
@pytest.mark.parametrize('slow', [False, True], ids=['fast_path', 'slow_path'])
def test_dynamic_channel_that_the_pool_allows(site, item, name, slow):
    session = site.session({item: 'allow'})
    client, guest = session.client, session.guest
    guest.say(guest.id_of(DYNVC), dvc_create(40, name.encode()))
    client.wait_message(client.id_of(DYNVC), lambda m: m == dvc_create(40, name.encode()))
    client.say(client.id_of(DYNVC), dvc_created(40))
    guest.wait_message(guest.id_of(DYNVC), lambda m: m == dvc_created(40))
    for sender, other in ((client, guest), (guest, client)):
        sender.say(sender.id_of(DYNVC), dvc_data(40, MARK))
        other.wait_message(other.id_of(DYNVC), lambda m: m == dvc_data(40, MARK))
    session.works(slow=slow)
    assert [r for r in session.finish() if r[1] == 'dynamic_channel'] == []


ALLOWED_DEVICES = {'printers': ('printer', [0, 4, 2], 3), 'smart_cards': ('smart card', [0, 2], 3),
                   'exception': ('drive', [0, 3, 4, 5, 12, 2], None)}


@pytest.mark.parametrize('item', ALLOWED_DEVICES)
@pytest.mark.parametrize('way', ['logon', 'late', 'byte_chunks', 'slow_path'])
def test_device_that_is_allowed(site, item, way):
    kind, functions, forbidden = ALLOWED_DEVICES[item]
    exception = {'device': 'drive', 'expires_in_ms': 3600000} if item == 'exception' else None
    session = site.session({item: 'allow'} if not exception else {}, exception=exception)
    client, guest = session.client, session.guest
    to_client, to_guest = client.id_of(DEVICES), guest.id_of(DEVICES)
    guest.say(to_guest, SERVER_ANNOUNCE)
    for message in CLIENT_HELLO:
        client.say(to_client, message)
    guest.wait_message(to_guest, lambda m: m[:4] == b'rDNC')
    if way == 'late':
        session.works(number=201)
    offer = device_announce((kind, 7, b'GOOD'), ('serial port', 8, b'COM1'))
    for piece in chunks(offer, 1 if way == 'byte_chunks' else len(offer)):
        client.send(to_client, piece)
    arrived = guest.wait_message(to_guest, lambda m: m[:4] == b'rDAD')
    assert announced(arrived) == [(KINDS[kind], b'GOOD')] and MARK in arrived
    for number, function in enumerate(functions):
        asked = device_request(7, number, function)
        guest.say(to_guest, asked)
        client.wait_message(to_client, lambda m: m == asked)
        answer = b'rDCI' + struct.pack('<III', 7, number, 0) + MARK
        client.say(to_client, answer)
        guest.wait_message(to_guest, lambda m: m == answer)
    if forbidden is not None:
        guest.say(to_guest, device_request(7, 99, forbidden))
        refusal = b'rDCI' + struct.pack('<III', 7, 99, 0xc00000bb)
        guest.wait_message(to_guest, lambda m: m.startswith(refusal))
    session.works(slow=way == 'slow_path')
    rows = session.finish()
    assert counted(rows, 'device', 'serial port COM1', 'client') == 1
    if forbidden is not None:
        assert counted(rows, 'device', f'{kind} request 03', 'guest') == 1


def test_answer_nobody_asked_for_ends_the_session(site):
    session = site.session({'printers': 'allow'})
    client = session.client
    greet(session, 'filter')
    client.say(client.id_of(DEVICES), device_announce(('printer', 7, b'GOOD')))
    client.say(client.id_of(DEVICES), b'rDCI' + struct.pack('<III', 7, 1, 0) + MARK)
    assert client.wait_over()
    faulted(session.finish(), 'answer to no device request')


def test_relay_has_no_udp_port(site):
    ours = {site.relay.process.pid, *site.relay.children()}
    inodes = set()
    for table in ('udp', 'udp6'):
        for pid in ours:
            with open(f'/proc/{pid}/net/{table}') as lines:
                inodes |= {line.split()[9] for line in list(lines)[1:]}
    mine = {link for pid in ours for link in links_of(pid)}
    assert not {f'socket:[{inode}]' for inode in inodes} & mine


def links_of(pid):
    folder = f'/proc/{pid}/fd'
    for name in os.listdir(folder):
        with contextlib.suppress(OSError):
            yield os.readlink(f'{folder}/{name}')
