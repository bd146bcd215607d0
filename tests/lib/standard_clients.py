# SPDX-License-Identifier: Apache-2.0
"""RDP clients of other people, each on an X display of its own, started as their users start them:
with what the .rdp file says."""
import base64
import contextlib
import os
import secrets
import signal
import subprocess

from netns import wait_until


class RdpFile:
    def __init__(self, text):
        self.text = text
        self.settings = {line.split(':', 2)[0]: line.split(':', 2)[2]
                         for line in text.split('\r\n')[:-1]}
        self.address = self.settings['full address']
        self.token = self.settings['loadbalanceinfo']
        self.user, self.secret = self.settings['username'].split('\x1f')

    @property
    def locator(self):
        return self.token.removeprefix('Cookie: msts=')

    def with_secret(self, secret):
        return RdpFile(self.text.replace('\x1f' + self.secret, '\x1f' + secret))


def fetch(site, token, desktop, seconds=180):
    """The .rdp file of a desktop, as soon as it is ready; or (status, problem) when refused."""
    context = site.tls_context()
    while True:
        status, text = site.http_text('GET', f'/v1/desktops/{desktop}/rdp?wait_ms=15000', token, context)
        if status == 202 and seconds > 0:
            seconds -= 15
            continue
        return RdpFile(text) if status == 200 else (status, text)


class Display:
    """A client with its X server; `picture()` counts the colours that are shown."""

    def __init__(self, folder, ns, make_command, env=None):
        self.folder = folder / f'standard-{secrets.token_hex(4)}'
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o755)
        self.log = self.folder / 'client.log'
        self.env = dict(os.environ, HOME=str(self.folder), LC_ALL='C.UTF-8', NO_AT_BRIDGE='1',
                        XDG_CONFIG_HOME=str(self.folder / 'config'),
                        XDG_RUNTIME_DIR=str(self.folder), GSETTINGS_BACKEND='memory', **(env or {}))
        for name in ('WAYLAND_DISPLAY', 'DBUS_SESSION_BUS_ADDRESS', 'DISPLAY'):
            self.env.pop(name, None)
        self.processes = []
        self._start_x()
        command, stdin = make_command(self.folder)
        with open(self.log, 'wb') as out:
            self.client = subprocess.Popen(ns.command(*command), env=self.env, stdout=out, stderr=out,
                                           stdin=subprocess.PIPE, start_new_session=True)
        self.processes.append(self.client)
        with contextlib.suppress(BrokenPipeError):
            self.client.stdin.write(stdin)
            self.client.stdin.close()

    def _start_x(self):
        ready, write = os.pipe()
        self.processes.append(subprocess.Popen(
            ['Xvfb', '-noreset', '-displayfd', str(write), '-screen', '0', '1280x900x24', '-nolisten', 'tcp'],
            pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            start_new_session=True))
        os.close(write)
        with os.fdopen(ready) as told:
            self.env['DISPLAY'] = f':{told.readline().strip()}'

    def picture(self):
        """How many colours the screen shows; also left in screen.png."""
        done = subprocess.run(['import', '-window', 'root', self.folder / 'screen.png'], env=self.env,
                              capture_output=True)
        if done.returncode:
            return 0
        return int(subprocess.run(['identify', '-format', '%k', self.folder / 'screen.png'],
                                  capture_output=True, text=True, check=True).stdout)

    def output(self):
        return self.log.read_text(errors='replace')

    def ended(self, seconds=30):
        wait_until(f'the client ends:\n{self.output()[-2000:]}', lambda: self.client.poll() is not None,
                   seconds, every=0.1)
        return self.client.returncode

    def close(self):
        for process in reversed(self.processes):
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()


def xfreerdp(rdp, stick):
    """It would ask for a password where there is none to give: any will do, the secret is in the file."""
    def make(folder):
        path = folder / 'desktop.rdp'
        path.write_bytes(rdp.text.encode())
        return ['xfreerdp3', path, '/p:-', '/cert:ignore', f'/drive:USBSTICK,{stick}', '/printer', '/smartcard',
                '/log-level:WARN'], b''
    return make


def rdesktop(rdp, stick):
    """It reads no .rdp files and sends the user name in clear: there the locator is the user name, and
    the secret the password."""
    def make(_folder):
        return ['rdesktop', '-u', rdp.locator, '-p', '-', '-g', '1024x768', '-r', f'disk:USBSTICK={stick}',
                '-r', 'printer:local', '-r', 'clipboard:PRIMARYCLIPBOARD', rdp.address], \
            f'{rdp.secret}\nyes\n'.encode()
    return make


def _remmina_password(key, plain):
    """Remmina keeps passwords with a key of its own settings file: 3DES-CBC, filled up with zeros."""
    raw = base64.b64decode(key)
    filled = plain.encode().ljust((len(plain) // 8 + 1) * 8, b'\0')
    done = subprocess.run(['openssl', 'enc', '-des-ede3-cbc', '-nopad', '-K', raw[:24].hex(), '-iv',
                           raw[24:32].hex()], input=filled, capture_output=True, check=True)
    return base64.b64encode(done.stdout).decode()


def remmina(rdp, stick):
    def make(folder):
        key = base64.b64encode(secrets.token_bytes(32)).decode()
        config = folder / 'config' / 'remmina'
        config.mkdir(parents=True)
        (config / 'remmina.pref').write_text(
            f'[remmina_pref]\nsecret={key}\nperiodic_usage_stats_permitted=false\n'
            'dark_theme=false\nalways_show_tab=false\ndisable_news=true\n')
        profile = folder / 'desktop.remmina'
        profile.write_text(
            '[remmina]\nprotocol=RDP\nname=desktop\n'
            f'server={rdp.address}\nusername=x\npassword={_remmina_password(key, rdp.secret)}\n'
            f'loadbalanceinfo={rdp.token}\nsecurity=tls\ncert_ignore=1\nignore-tls-errors=1\n'
            f'sharefolder={stick}\nshareprinter=1\nsharesmartcard=1\nshareserial=1\n'
            'resolution_mode=2\nresolution_width=1024\nresolution_height=768\ncolordepth=32\n'
            'disableclipboard=0\nsound=off\nviewmode=1\nscale=0\n')
        return ['dbus-run-session', '--', 'remmina', '-c', profile], b''
    return make


CLIENTS = {'xfreerdp3': xfreerdp, 'rdesktop': rdesktop, 'remmina': remmina}
