# SPDX-License-Identifier: Apache-2.0
"""A real Active Directory for the tests: Samba as domain controller, provisioned into a folder.

Its ports are fixed, so it runs in a network namespace of its own; ldaps is brought out to a free
loopback port byte by byte, TLS untouched."""
import contextlib
import os
import pathlib
import select
import shutil
import socket
import subprocess
import threading
import time

from certificates import Ca
from netns import NetNs
from slapd import free_port

SAMBA = shutil.which('samba', path='/usr/sbin:/usr/bin')
BASE = 'DC=example,DC=com'
SERVICE = f'CN=genkan broker,CN=Users,{BASE}'
SERVICE_PASSWORD = 'Service-Pw-4711'
ADMIN_PASSWORD = 'Adm-Pw-4711x'


def available():
    return bool(SAMBA) and pathlib.Path('/usr/share/samba/setup').is_dir() and os.geteuid() == 0


class SambaAd:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder) / 'ad'
        self.folder.mkdir(parents=True)
        self.dc = self.folder / 'dc'
        self.conf = self.dc / 'etc' / 'smb.conf'
        self.ca = Ca(self.folder, 'ad-ca')
        self.certificate = self.ca.issue('dc', 'IP:127.0.0.1')
        self.process, self.closing = None, False
        self.port = free_port()
        self.uri = f'ldaps://127.0.0.1:{self.port}'
        self.password_file = self.folder / 'service-password'
        self.password_file.write_text(SERVICE_PASSWORD)
        self.netns = NetNs(f'gk-ad-{os.getpid()}')
        try:
            self._provision()
        except BaseException:
            self.netns.close()
            raise

    def _provision(self):
        self.netns.run(
            'samba-tool', 'domain', 'provision', f'--targetdir={self.dc}', '--realm=EXAMPLE.COM',
            '--domain=EXAMPLE', f'--adminpass={ADMIN_PASSWORD}', '--server-role=dc',
            '--dns-backend=NONE', '--use-rfc2307', '--host-name=dc', '--host-ip=127.0.0.1',
            '--option=bind interfaces only=yes', '--option=interfaces=lo',
            '--option=server services=ldap', '--option=tls enabled=yes',
            f'--option=tls cafile={self.ca.crt}', f'--option=tls certfile={self.certificate.crt}',
            f'--option=tls keyfile={self.certificate.key}')
        self.tool('user', 'create', 'genkan broker', SERVICE_PASSWORD)

    def tool(self, *arguments):
        return self.netns.run('samba-tool', *arguments, '-s', self.conf)

    def modify(self, ldif):
        """By the database itself: attributes no tool sets."""
        path = self.folder / 'change.ldif'
        path.write_text(ldif)
        self.netns.run('ldbmodify', '-H', self.dc / 'private' / 'sam.ldb', path)

    def user(self, name, password, *groups, more=''):
        self.tool('user', 'create', name, password, *more.split())
        for group in groups:
            self.tool('group', 'addmembers', group, name)

    def group(self, name, *inside):
        self.tool('group', 'add', name)
        for parent in inside:
            self.tool('group', 'addmembers', parent, name)

    # --- its life ---------------------------------------------------------------------------------

    def start(self):
        self.log = open(self.folder / 'samba.log', 'ab')
        self.process = subprocess.Popen(
            self.netns.command('samba', '-i', '-M', 'single', '-s', self.conf, '--debug-stdout'),
            stdin=subprocess.DEVNULL, stdout=self.log, stderr=self.log, start_new_session=True)
        self.listener = socket.create_server(('127.0.0.1', self.port))
        end = time.monotonic() + 30
        while True:
            assert self.process.poll() is None, (self.folder / 'samba.log').read_text()[-3000:]
            with contextlib.suppress(OSError):
                self._inside().close()
                break
            assert time.monotonic() < end, 'samba does not listen'
            time.sleep(0.1)
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def _inside(self):
        with self.netns.entered():
            return socket.create_connection(('127.0.0.1', 636), 5)

    def _accept(self):
        while not self.closing:
            try:
                outer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(outer,), daemon=True).start()

    def _carry(self, outer):
        with outer, contextlib.suppress(OSError):
            inner = self._inside()
            with inner:
                inner.settimeout(None)
                while True:
                    for readable in select.select([outer, inner], [], [])[0]:
                        data = readable.recv(65536)
                        if not data:
                            return
                        (inner if readable is outer else outer).sendall(data)

    def stop(self):
        self.closing = True
        if self.process:
            with contextlib.suppress(OSError):
                self.listener.shutdown(socket.SHUT_RDWR)
            self.listener.close()
            self.process.terminate()
            try:
                self.process.wait(10)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
            self.log.close()
            self.process = None
        self.netns.close()

    def __enter__(self):
        return self.start()

    def __exit__(self, *why):
        self.stop()
