# SPDX-License-Identifier: Apache-2.0
"""A real slapd of the test's own: everything it has is in one folder and goes with it.

Nothing of the system's directory configuration is read or changed. It listens on loopback with
ldaps and, for StartTLS, with ldap, and refuses everything before TLS.
"""
import base64
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import time

from certificates import Ca

BASE = 'dc=example,dc=com'
SERVICE = f'cn=genkan-broker,ou=services,{BASE}'
SLAPD = shutil.which('slapd', path='/usr/sbin:/usr/lib/openldap:/usr/bin')

# uid, full name, uidNumber, groups
PEOPLE = [
    ('hanako', 'Hanako Sato', 20001, ['sales']),
    ('山田', '山田 太郎', None, ['sales']),
    ('joerg', 'Jörg Müller', 20003, ['engineering']),
    ('minji', 'Minji Kim', None, ['testers']),          # engineering through testers
    ('both', 'Both Departments', 20005, ['sales', 'engineering']),
    ('star*(x)\\y', 'Star Name', 20006, ['sales']),     # every character a filter must escape
    ('paula', 'Paula Guest', None, []),
    ('locked', 'Locked Out', 20008, ['sales']),
]
SERVICE_PASSWORD = 'service-Pw-4711'


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def password_of(uid):
    return f'Pw-{uid}-ひみつ'


def dn_escape(value):
    return ''.join('\\' + c if c in '"+,;<=>\\#' else c for c in value)


def person_dn(uid):
    return f'uid={dn_escape(uid)},ou=people,{BASE}'


def line(name, value):
    """One LDIF line; base64, so that nothing in it means anything."""
    return f'{name}:: {base64.b64encode(str(value).encode()).decode()}\n'


def person_ldif(uid, name, number):
    classes = ['inetOrgPerson'] + ['posixAccount'] * bool(number)
    classes += ['extensibleObject'] * (uid == 'locked')
    text = line('dn', person_dn(uid)) + ''.join(f'objectClass: {c}\n' for c in classes)
    if number:
        text += line('uidNumber', number) + line('gidNumber', number)
        text += f'homeDirectory: /home/u{number}\n'
    if uid == 'locked':
        text += 'nsAccountLock: TRUE\n'
    text += line('uid', uid) + line('cn', name) + line('sn', name.split()[-1])
    return text + line('displayName', name) + line('userPassword', password_of(uid)) + '\n'


def tree_ldif(more=()):
    text = f'dn: {BASE}\nobjectClass: dcObject\nobjectClass: organization\ndc: example\no: E\n\n'
    for unit in ('people', 'groups', 'services'):
        text += f'dn: ou={unit},{BASE}\nobjectClass: organizationalUnit\nou: {unit}\n\n'
    text += (f'dn: {SERVICE}\nobjectClass: organizationalRole\nobjectClass: simpleSecurityObject\n'
             f'cn: genkan-broker\nuserPassword: {SERVICE_PASSWORD}\n\n')
    groups = {'engineering': [f'cn=testers,ou=groups,{BASE}']}
    for uid, name, number, member_of in [*PEOPLE, *more]:
        text += person_ldif(uid, name, number)
        for group in member_of:
            groups.setdefault(group, []).append(person_dn(uid))
    # a loop of groups: testers is in engineering, engineering is in testers
    groups['testers'].append(f'cn=engineering,ou=groups,{BASE}')
    for group, members in groups.items():
        text += f'dn: cn={group},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: {group}\n'
        text += ''.join(line('member', dn) for dn in members) + '\n'
    return text


class Slapd:
    def __init__(self, folder, name='slapd', extra='', people=(), more_ldif='', overlays=''):
        """`extra` is put into the global part of slapd.conf, `overlays` behind the database,
        `people` besides PEOPLE, and `more_ldif` behind them."""
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        self.port, self.plain_port = free_port(), free_port()
        self.uri = f'ldaps://127.0.0.1:{self.port}'
        self.plain_uri = f'ldap://127.0.0.1:{self.plain_port}'
        self.ca = Ca(self.folder, 'directory-ca')
        self.certificate = self.ca.issue('slapd', 'IP:127.0.0.1')
        self.extra, self.overlays, self.process = extra, overlays, None
        self.log_path = self.folder / 'slapd.log'
        self.password_file = self.folder / 'service-password'
        self.password_file.write_text(SERVICE_PASSWORD)
        self.password_file.chmod(0o600)
        self._write_config()
        (self.folder / 'db').mkdir()
        self._tool('slapadd', '-q', text=tree_ldif(people) + more_ldif)

    def _write_config(self):
        d = self.folder
        schema = ''.join(f'include /etc/ldap/schema/{name}.schema\n'
                         for name in ('core', 'cosine', 'nis', 'inetorgperson'))
        (d / 'slapd.conf').write_text(f'''{schema}
attributetype ( 2.16.840.1.113730.3.1.610 NAME 'nsAccountLock'
  SYNTAX 1.3.6.1.4.1.1466.115.121.1.15 SINGLE-VALUE )
modulepath /usr/lib/ldap
moduleload back_mdb
pidfile {d}/slapd.pid
argsfile {d}/slapd.args
TLSCACertificateFile {self.ca.crt}
TLSCertificateFile {self.certificate.crt}
TLSCertificateKeyFile {self.certificate.key}
security tls=1
{self.extra}
database mdb
suffix "{BASE}"
directory {d}/db
maxsize 67108864
index objectClass,entryUUID,uid,member eq
access to attrs=userPassword by self =xw by anonymous auth by * none
access to * by dn.exact="{SERVICE}" read by self read by * none
{self.overlays}
''')

    def _tool(self, name, *arguments, text=None):
        done = subprocess.run([f'/usr/sbin/{name}', '-f', str(self.folder / 'slapd.conf'),
                               *arguments], input=text, text=True, capture_output=True)
        assert done.returncode == 0, f'{name}: {done.stderr}'

    # --- life ---------------------------------------------------------------------------------

    def use_certificate(self, certificate):
        """For the next start."""
        self.certificate = certificate
        self._write_config()

    def start(self):
        assert self.process is None
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen(
                [SLAPD, '-d', '256', '-f', str(self.folder / 'slapd.conf'),
                 '-h', f'{self.uri}/ {self.plain_uri}/'],
                stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
                cwd=self.folder, env=dict(os.environ, LDAPNOINIT='1'))
        end = time.monotonic() + 15
        while True:
            assert self.process.poll() is None, 'slapd ended:\n' + self.log()
            with contextlib.suppress(OSError):
                socket.create_connection(('127.0.0.1', self.port), 1).close()
                return self
            assert time.monotonic() < end, 'slapd does not listen:\n' + self.log()
            time.sleep(0.02)

    def stop(self):
        if self.process:
            self.resume()
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.process = None

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def resume(self):
        self.process.send_signal(signal.SIGCONT)

    def log(self):
        return self.log_path.read_text(errors='replace') if self.log_path.exists() else ''

    def binds(self):
        """DNs for which a bind was asked, in order."""
        return [part.split('"')[1] for part in self.log().split(' BIND dn=')[1:]
                if 'method=' in part.split('\n')[0]]

    def __enter__(self):
        return self.start()

    def __exit__(self, *why):
        self.stop()
