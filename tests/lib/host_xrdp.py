# SPDX-License-Identifier: Apache-2.0
"""xrdp on this machine, without a session manager and without a user of its own: an Xorg with
xrdp's display driver, chansrv beside it, and xrdp in front, each with its files in a folder."""
import contextlib
import os
import pathlib
import shutil
import signal
import socket
import subprocess

import relay_site
from relay_site import certificate_sha256, free_port, openssl, stop, wait_until

XORG = '/usr/lib/xorg/Xorg'
CHANSRV = '/usr/sbin/xrdp-chansrv'
# Compiled into xrdp's display driver, and into chansrv.
SOCKETS, CHANSRV_SOCKETS = pathlib.Path('/tmp/.xrdp'), pathlib.Path('/run/xrdp/sockdir')

INI = """[Globals]
ini_version=1
fork=true
port=tcp://127.0.0.1:{port}
tcp_nodelay=true
security_layer=tls
crypt_level=high
certificate={folder}/xrdp.crt
key_file={folder}/xrdp.key
ssl_protocols=TLSv1.2, TLSv1.3
autorun=desk
allow_channels=true
max_bpp=32
use_fastpath=both
[Logging]
LogFile={folder}/xrdp.log
LogLevel=INFO
EnableSyslog=false
[Channels]
rdpdr=true
rdpsnd=true
drdynvc=true
cliprdr=true
[desk]
name=desk
lib=libxup.so
username=na
password=na
ip=127.0.0.1
port=/tmp/.xrdp/xrdp_display_{display}
chansrvport=/run/xrdp/sockdir/xrdp_chansrv_socket_{display}
code=20
"""


def why_not():
    missing = [p for p in (XORG, CHANSRV, '/usr/lib/xorg/modules/drivers/xrdpdev_drv.so')
               if not os.path.exists(p)]
    missing += [t for t in ('xrdp', 'xterm') if not shutil.which(t)]
    if missing:
        return 'not installed: ' + ', '.join(missing)
    return None if os.geteuid() == 0 else 'only root can start Xorg and xrdp'


class HostXrdp:
    def __init__(self, folder, display):
        self.folder, self.display, self.port = pathlib.Path(folder), display, free_port()
        self.folder.mkdir()
        self.env = {**os.environ, 'DISPLAY': f':{display}', 'HOME': str(self.folder),
                    'USER': 'root', 'XAUTHORITY': '/dev/null'}
        self.processes = []
        for place in (SOCKETS, CHANSRV_SOCKETS):
            place.mkdir(parents=True, exist_ok=True)
            place.chmod(0o3777)
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc',
                '-subj', '/CN=xrdp', '-days', '2', '-keyout', self.folder / 'xrdp.key',
                '-out', self.folder / 'xrdp.crt')
        self.pin = certificate_sha256(self.folder / 'xrdp.crt')
        (self.folder / 'xrdp.ini').write_text(INI.format(port=self.port, folder=self.folder,
                                                         display=display))
        try:
            self._start_all()
        except BaseException:
            self.close()
            raise

    def _start_all(self):
        self.start('xorg', XORG, f':{self.display}', '-config', 'xrdp/xorg.conf', '-noreset', '-nolisten',
                   'tcp', '-logfile', self.folder / 'xorg.log')
        wait_until((SOCKETS / f'xrdp_display_{self.display}').exists, what='Xorg')
        self.start('chansrv', CHANSRV)
        wait_until((CHANSRV_SOCKETS / f'xrdp_chansrv_socket_{self.display}').exists, what='xrdp-chansrv')
        self.xrdp = self.start('xrdp', 'xrdp', '-n', '-c', self.folder / 'xrdp.ini')
        wait_until(self._listens, what='xrdp')

    def start(self, name, *command):
        """A program on the desktop's display."""
        process = subprocess.Popen([str(c) for c in command], env=self.env, stdin=subprocess.DEVNULL,
                                   stdout=open(self.folder / f'{name}.out', 'wb'),
                                   stderr=subprocess.STDOUT, start_new_session=True)
        self.processes.append(process)
        return process

    def scroll_text(self):
        self.scrolling = self.start('scroll', *relay_site.SCROLLING_TEXT)

    def pause(self):
        os.killpg(self.scrolling.pid, signal.SIGSTOP)

    def resume(self):
        os.killpg(self.scrolling.pid, signal.SIGCONT)

    def _listens(self):
        with contextlib.suppress(OSError), socket.create_connection(('127.0.0.1', self.port), 1):
            return True
        return False

    @property
    def address(self):
        return '127.0.0.1', self.port

    def close(self):
        for process in reversed(self.processes):
            stop(process)
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)    # what it has started
        for left in (*SOCKETS.glob(f'*_{self.display}'), *CHANSRV_SOCKETS.glob(f'*_{self.display}')):
            left.unlink()
