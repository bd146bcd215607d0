# SPDX-License-Identifier: Apache-2.0
"""An authenticator app: codes of RFC 6238 from an otpauth URI, made without the library the broker
uses."""
import base64
import hashlib
import hmac
import struct
import subprocess
import time
import urllib.parse


class App:
    def __init__(self, uri):
        parts = urllib.parse.urlsplit(uri)
        query = urllib.parse.parse_qs(parts.query)
        assert (parts.scheme, parts.netloc) == ('otpauth', 'totp'), uri
        assert (query['digits'], query['period'], query['algorithm']) == (['6'], ['30'], ['SHA1'])
        self.issuer = query['issuer'][0]
        self.label = urllib.parse.unquote(parts.path[1:])
        self.secret = base64.b32decode(query['secret'][0])
        self.last = 0

    def code(self, step):
        mac = hmac.new(self.secret, struct.pack('>Q', step), hashlib.sha1).digest()
        at = mac[-1] & 15
        return f'{(struct.unpack(">I", mac[at:at + 4])[0] & 0x7fffffff) % 10 ** 6:06}'

    def now(self):
        """The next code the broker takes: it takes the one of the coming half minute, too, so that
        nobody waits for a second one; a third one has to wait for its time."""
        step = max(int(time.time() // 30), self.last + 1)
        while step > time.time() // 30 + 1:
            time.sleep(0.5)
        self.last = step
        return self.code(step)

    def wrong(self):
        right = {self.code(int(time.time() // 30) + n) for n in range(-2, 4)}
        return next(f'{n:06}' for n in range(100) if f'{n:06}' not in right)


def scan(rows, folder):
    """The text of a QR code given as rows of 0 and 1, as a program that scans codes reads it."""
    lines = rows.split()
    size = len(lines)
    assert size >= 21 and all(len(line) == size for line in lines)
    full = ['0' * (size + 8)] * 4 + [f'0000{line}0000' for line in lines] + ['0' * (size + 8)] * 4
    picture = folder / 'code.pbm'
    picture.write_text(f'P1\n{4 * (size + 8)} {4 * (size + 8)}\n' + ''.join(
        ''.join(bit * 4 for bit in line) + '\n' for line in full for _ in range(4)))
    return subprocess.run(['zbarimg', '--quiet', '--raw', picture], check=True,
                          capture_output=True, text=True).stdout.rstrip('\n')
