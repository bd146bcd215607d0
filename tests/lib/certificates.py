# SPDX-License-Identifier: Apache-2.0
"""A small CA for tests, made with the openssl program: good certificates and every bad kind."""
import pathlib
import subprocess
import time


def openssl(*arguments, text=None):
    done = subprocess.run(['openssl', *map(str, arguments)], input=text, text=True,
                          capture_output=True)
    assert done.returncode == 0, f'openssl {arguments}: {done.stderr}'
    return done.stdout


def new_key(path):
    openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', path)
    pathlib.Path(path).chmod(0o600)
    return path


class Certificate:
    def __init__(self, crt, key):
        self.crt, self.key = pathlib.Path(crt), pathlib.Path(key)


class Ca:
    def __init__(self, folder, name='test-ca'):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.name = name
        self.crt = self.folder / f'{name}.crt'
        self.key = new_key(self.folder / f'{name}.key')
        openssl('req', '-x509', '-new', '-key', self.key, '-subj', f'/CN={name}', '-days', 30,
                '-addext', 'basicConstraints=critical,CA:TRUE', '-out', self.crt)

    @classmethod
    def of_broker(cls, state, folder):
        """That of a broker, by its files."""
        ca = cls.__new__(cls)
        ca.folder, ca.crt, ca.key = pathlib.Path(folder), state / 'ca.crt', state / 'ca.key'
        ca.folder.mkdir(parents=True, exist_ok=True)
        return ca

    def issue(self, name, san, expired=False, subject=None, usage='serverAuth', ends_s=None):
        """A certificate for `san` ("IP:127.0.0.1,DNS:ldap"), good for 30 days or until `ends_s` (Unix time)."""
        crt, key = self.folder / f'{name}.crt', new_key(self.folder / f'{name}.key')
        request = self.folder / f'{name}.csr'
        openssl('req', '-new', '-key', key, '-subj', subject or f'/CN={name}', '-out', request)
        extensions = self.folder / f'{name}.ext'
        extensions.write_text(f'subjectAltName={san}\nextendedKeyUsage={usage}\n')
        serial = self.folder / f'{name}.srl'
        if not expired and not ends_s:
            openssl('x509', '-req', '-in', request, '-CA', self.crt, '-CAkey', self.key,
                    '-CAserial', serial, '-CAcreateserial', '-days', 30, '-extfile', extensions,
                    '-out', crt)
            return Certificate(crt, key)
        # x509 -req cannot sign for the past; ca can
        (self.folder / f'{name}.db').write_text('')
        (self.folder / f'{name}.cnf').write_text(
            '[ca]\ndefault_ca=d\n[d]\npolicy=p\ndefault_md=sha256\nrand_serial=yes\n'
            f'database={self.folder}/{name}.db\nnew_certs_dir={self.folder}\n[p]\n'
            'commonName=supplied\norganizationalUnitName=optional\n')
        ends = time.strftime('%y%m%d%H%M%SZ', time.gmtime(ends_s)) if ends_s else '210101000000Z'
        openssl('ca', '-batch', '-config', self.folder / f'{name}.cnf', '-cert', self.crt,
                '-keyfile', self.key, '-startdate', '200101000000Z', '-enddate', ends,
                '-in', request, '-extfile', extensions, '-out', crt, '-notext')
        return Certificate(crt, key)

    def self_signed(self, name, san):
        crt, key = self.folder / f'{name}.crt', new_key(self.folder / f'{name}.key')
        openssl('req', '-x509', '-new', '-key', key, '-subj', f'/CN={name}', '-days', 30,
                '-addext', f'subjectAltName={san}', '-out', crt)
        return Certificate(crt, key)
