# SPDX-License-Identifier: Apache-2.0
"""Writes the hand-made seeds of rdp_devices and rdp_live: one of each message there is, so that a
search begins from conversations that go somewhere. Usage: make_seeds.py CORPUS"""
import pathlib
import struct
import sys

CORE = b'rD'
CLIENT, GUEST = 0, 1
DYNVC, SOUND, CLIPBOARD, DEVICES, IO, MESSAGE, FASTPATH, RAW = range(8)
FIRST_LAST = 3


def capabilities(packet):
    general = struct.pack('<HHIIIHHIIIIII', 1, 44, 2, 0, 0, 1, 12, 0xffff, 0, 7, 0, 0, 0)
    return CORE + packet + struct.pack('<HH', 5, 0) + general + b''.join(
        struct.pack('<HHI', kind, 8, 1) for kind in (2, 3, 4, 5))


def device(kind, number, name, data=b''):
    return struct.pack('<II8sI', kind, number, name, len(data)) + data


def announce(*devices):
    return CORE + b'AD' + struct.pack('<I', len(devices)) + b''.join(devices)


def request(number, completion, major, rest):
    return CORE + b'RI' + struct.pack('<IIIII', number, 1, completion, major, 0) + rest


def completion(number, ident):
    return CORE + b'CI' + struct.pack('<III', number, ident, 0) + b'\0' * 5


def device_talk():
    yield GUEST, CORE + b'nI' + struct.pack('<HHI', 1, 12, 1)
    yield CLIENT, CORE + b'CC' + struct.pack('<HHI', 1, 12, 1)
    yield CLIENT, CORE + b'NC' + struct.pack('<III', 1, 0, 6) + 'pc\0'.encode('utf-16-le')
    yield GUEST, capabilities(b'PS')
    yield GUEST, CORE + b'CC' + struct.pack('<HHI', 1, 12, 1)
    yield CLIENT, capabilities(b'PC')
    yield GUEST, CORE + b'LU'
    yield CLIENT, announce(device(0x20, 1, b'SCARD'), device(8, 2, b'USBSTICK', b'u\0s\0b\0\0\0'),
                           device(4, 3, b'PRN1', struct.pack('<IIIIII', 0, 0, 0, 2, 2, 0) + b'd\0p\0'),
                           device(1, 4, b'COM1'), device(2, 5, b'LPT1'))
    yield GUEST, CORE + b'rd' + struct.pack('<II', 3, 0)
    for number in (1, 2, 3):
        yield GUEST, request(number, number, 0, b'\0' * 28 + struct.pack('<I', 4) + b'a\0\0\0')
        yield CLIENT, completion(number, number)
    yield GUEST, request(3, 7, 4, struct.pack('<I', 4) + b'\0' * 28 + b'page')
    yield CLIENT, completion(3, 7)
    yield GUEST, request(1, 8, 0xe, struct.pack('<III', 256, 4, 0x000900d0) + b'\0' * 20 + b'apdu')
    yield CLIENT, completion(1, 8)
    yield GUEST, request(1, 9, 0xe, struct.pack('<III', 256, 4, 0x000900fc) + b'\0' * 20 + b'keep')
    yield GUEST, request(2, 10, 0xc, b'\0' * 32)
    yield CLIENT, completion(2, 10)
    yield CLIENT, CORE + b'MD' + struct.pack('<II', 1, 3)
    yield GUEST, request(3, 11, 2, b'\0' * 32)
    yield GUEST, b'RPCP' + b'\0' * 8


def clipboard_talk():
    def message(kind, flags, body):
        return struct.pack('<HHI', kind, flags, len(body)) + body
    caps = struct.pack('<HHHHII', 1, 0, 1, 12, 2, 2)
    names = struct.pack('<I', 13) + b'\0\0' + struct.pack('<I', 49200) + 'HTML Format\0'.encode('utf-16-le')
    for giver, taker in ((GUEST, CLIENT), (CLIENT, GUEST)):
        yield giver, message(7, 0, caps)
        if giver == GUEST:
            yield giver, message(1, 0, b'')
        yield giver, message(2, 0, names)
        yield taker, message(3, 1, b'')
        yield taker, message(4, 0, struct.pack('<I', 13))
        yield giver, message(5, 1, 'text\0'.encode('utf-16-le'))
        yield taker, message(8, 0, b'\0' * 28)
        yield taker, message(10, 0, b'\0' * 4)


def dynamic_talk():
    yield GUEST, b'\x50\0\3\0' + b'\0' * 8
    yield CLIENT, b'\x50\0\3\0'
    for number, name in enumerate((b'AUDIO_INPUT', b'URBDRC', b'ECHO', b'PNPDR', b'RDCamera_Device_Enumerator',
                                   b'WebAuthN_Channel', b'Microsoft::Windows::RDS::Geometry::v08.01')):
        yield GUEST, bytes([0x10, 40 + number]) + name + b'\0'
    yield CLIENT, b'\x10\x2a\0\0\0\0'
    yield GUEST, b'\x24\x2a\x08\0data'
    yield GUEST, b'\x30\x2adata'
    yield CLIENT, b'\x30\x2adata'
    yield GUEST, b'\x40\x2a'
    yield CLIENT, b'\x40\x2a'


def live(policy, channel, talk):
    out = struct.pack('<H', policy)
    for side, bytes_ in talk:
        out += struct.pack('<BBH', side | channel << 1, FIRST_LAST, 0) + struct.pack('>H', len(bytes_)) + bytes_
    return out


def main(corpus):
    for bits in range(8):
        body = b''.join(struct.pack('>BH', side, len(b)) + b for side, b in device_talk())
        (corpus / 'rdp_devices' / f'talk-{bits}').write_bytes(bytes([bits]) + body)
    for name, policy, channel, talk in (
            ('devices-off', 0, DEVICES, device_talk()), ('devices-noop', 1, DEVICES, device_talk()),
            ('devices-filter', 0x38, DEVICES, device_talk()), ('devices-cards', 0x10, DEVICES, device_talk()),
            ('clipboard-both', 0x300, CLIPBOARD, clipboard_talk()), ('clipboard-in', 0x100, CLIPBOARD, clipboard_talk()),
            ('clipboard-off', 0, CLIPBOARD, clipboard_talk()),
            ('dynamic-none', 0, DYNVC, dynamic_talk()), ('dynamic-all', 0xc7, DYNVC, dynamic_talk()),
            ('fast-path', 0, FASTPATH, [(GUEST, b'\0\1\0x'), (CLIENT, b'\0\x1e')]),
            ('io', 0, IO, [(GUEST, bytes.fromhex('08001a00ea030000')), (CLIENT, bytes(18))]),
            ('message', 0, MESSAGE, [(GUEST, bytes.fromhex('001000000600000001001000')),
                                     (GUEST, bytes.fromhex('02000000'))])):
        (corpus / 'rdp_live' / name).write_bytes(live(policy, channel, talk))


if __name__ == '__main__':
    main(pathlib.Path(sys.argv[1]))
