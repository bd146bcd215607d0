# SPDX-License-Identifier: Apache-2.0
"""One relay with what it needs around it: certificates, a fake broker, and as guest a real RDP
server (freerdp-shadow-cli3 on a virtual X display)."""
import contextlib
import hashlib
import os
import pathlib
import re
import select
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

from fake_broker import FakeBroker

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('GENKAN_BUILD', TOP / 'build-tests'))
RELAY = BUILD / 'hostagent/relay/genkan-relay'
CLIENT = BUILD / 'tests/lib/rdp_client/rdstls_client'


def why_not():
    """The reason this machine cannot run these tests, or None."""
    missing = [str(p) for p in (RELAY, CLIENT) if not p.exists()]
    if missing:
        return 'not built: ' + ', '.join(missing)
    missing = [t for t in ('freerdp-shadow-cli3', 'Xvfb', 'xclock', 'ico', 'identify', 'openssl') if not shutil.which(t)]
    return 'not installed: ' + ', '.join(missing) if missing else None


def wait_until(condition, timeout_s=10, what='condition'):
    deadline = time.monotonic() + timeout_s
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise TimeoutError(what)
        time.sleep(0.02)
    return value


def free_port():
    with socket.socket() as s:
        s.bind(('127.0.0.1', 0))
        return s.getsockname()[1]


def openssl(*args):
    subprocess.run(['openssl', *map(str, args)], check=True, capture_output=True)


def certificate_sha256(path):
    pem = re.search('-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----',
                    pathlib.Path(path).read_text(), re.S).group()
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).hexdigest()


def stop(process, timeout_s=5):
    """Ends a process that this test has started."""
    process.terminate()
    try:
        process.wait(timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


# An xterm that never stops printing.
SCROLLING_TEXT = ('xterm', '-geometry', '150x50+0+0', '-e', 'while :; do cat /etc/services; done')


class Pki:
    def __init__(self, folder):
        self.folder = folder
        self._key('ca')
        openssl('req', '-x509', '-key', folder / 'ca.key', '-subj', '/CN=test CA', '-days', '2',
                '-out', folder / 'ca.crt')
        self.issue('broker', '/CN=broker', 'subjectAltName=IP:127.0.0.1')
        self.issue('host', '/CN=host-1/OU=genkan-host', 'extendedKeyUsage=clientAuth')
        self.issue('relay', '/CN=host-1', 'extendedKeyUsage=serverAuth')

    def _key(self, name):
        openssl('ecparam', '-name', 'prime256v1', '-genkey', '-noout', '-out', self.folder / f'{name}.key')

    def issue(self, name, subject, extension):
        f = self.folder
        self._key(name)
        (f / f'{name}.ext').write_text(extension + '\n')
        openssl('req', '-new', '-key', f / f'{name}.key', '-subj', subject, '-out', f / f'{name}.csr')
        openssl('x509', '-req', '-in', f / f'{name}.csr', '-CA', f / 'ca.crt', '-CAkey', f / 'ca.key',
                '-CAcreateserial', '-days', '2', '-extfile', f / f'{name}.ext', '-out', f / f'{name}.crt')


class CountingPort:
    """Stands in front of the guest and counts who has connected; passes bytes on unread."""

    def __init__(self, target):
        self.target, self.connections = target, 0
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                self.connections += 1
                far = socket.create_connection(self.target)
                for a, b in ((near, far), (far, near)):
                    threading.Thread(target=self._pump, args=(a, b), daemon=True).start()

    @staticmethod
    def _pump(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
        for s in (source, sink):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    def close(self):
        self.listener.close()


class SpyPort:
    """A man in the middle before the guest who is allowed to look: the relay is told to pin the
    spy's certificate, so that every byte the relay lets through to the guest is on record."""

    def __init__(self, target, certificate, key):
        self.target, self.to_guest = target, bytearray()
        self.pin = certificate_sha256(certificate)
        self.near_context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.near_context.load_cert_chain(certificate, key)
        self.far_context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.far_context.check_hostname = False
        self.far_context.verify_mode = ssl.CERT_NONE
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.address = self.listener.getsockname()
        threading.Thread(target=self._serve, daemon=True).start()

    def seen(self, side, data):
        """What a side has said, in plaintext."""
        if side == 'client':
            self.to_guest += data

    def _serve(self):
        with contextlib.suppress(OSError):
            while True:
                near, _ = self.listener.accept()
                threading.Thread(target=self._spy, args=(near,), daemon=True).start()

    def _spy(self, near):
        far = socket.create_connection(self.target)
        request = near.recv(4096)
        self.seen('client', request)
        far.sendall(request)
        confirm = far.recv(4096)
        self.seen('guest', confirm)
        near.sendall(confirm)
        near = self.near_context.wrap_socket(near, server_side=True)
        far = self.far_context.wrap_socket(far)
        self._pump(near, far)

    def _pump(self, near, far):
        """Both directions in one thread: an SSL object does not bear two at once."""
        with contextlib.suppress(OSError):
            while True:
                for source in ([s for s in (near, far) if s.pending()] or
                               select.select((near, far), (), ())[0]):
                    data = self._read(source)
                    if data == b'':
                        raise ConnectionError
                    if data:
                        self.seen('client' if source is near else 'guest', data)
                        (far if source is near else near).sendall(data)
        for s in (near, far):
            with contextlib.suppress(OSError):
                s.shutdown(socket.SHUT_RDWR)

    @staticmethod
    def _read(source):
        """None when what came was no data yet, such as a session ticket or half a record."""
        source.settimeout(0)
        try:
            return source.recv(65536)
        except ssl.SSLWantReadError:
            return None
        finally:
            source.settimeout(30)

    def close(self):
        self.listener.close()


class ShadowGuest:
    """freerdp-shadow-cli3 showing a virtual display with a running clock on it."""

    def __init__(self, folder, display):
        folder.mkdir()
        self.port = free_port()
        env = {**os.environ, 'DISPLAY': f':{display}', 'HOME': str(folder),
               'XDG_CONFIG_HOME': str(folder / 'config')}
        self.log, self.env = folder / 'shadow.log', env
        self.processes = [self._start(folder / 'xvfb.log', env, 'Xvfb', '-noreset', f':{display}', '-screen', '0',
                                      '1024x768x24', '-nolisten', 'tcp')]
        wait_until(lambda: pathlib.Path(f'/tmp/.X11-unix/X{display}').exists(), what='Xvfb')
        self.processes.append(self._start(folder / 'xclock.log', env, 'xclock', '-update', '1',
                                          '-geometry', '1024x768+0+0'))
        self.processes.append(self._start(self.log, env, 'freerdp-shadow-cli3', f'/port:{self.port}',
                                          '-auth', '/sec:tls', '/bind-address:127.0.0.1'))
        certificate = folder / 'config/freerdp/shadow/shadow.crt'
        wait_until(lambda: certificate.exists() and certificate.stat().st_size and self._listens(),
                   what='freerdp-shadow-cli3')
        self.pin = certificate_sha256(certificate)
        self.counter = CountingPort(('127.0.0.1', self.port))

    @staticmethod
    def _start(log, env, *command, **keys):
        return subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL, stdout=open(log, 'wb'),
                                stderr=subprocess.STDOUT, **keys)

    def scroll_text(self):
        self.scrolling = self._start(self.log.parent / 'scroll.log', self.env, *SCROLLING_TEXT,
                                     start_new_session=True)
        self.processes.append(self.scrolling)

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
        return self.counter.address

    @property
    def connections(self):
        return self.counter.connections

    def close(self):
        self.counter.close()
        for process in reversed(self.processes):
            stop(process)


class Relay:
    program, before = RELAY, []     # `before`: a program that starts it

    def __init__(self, folder, broker, pki, **keys):
        folder.mkdir()
        self.folder, self.log_path = folder, folder / 'relay.log'
        self.config = folder / 'relay.conf'
        f = pki.folder
        settings = {'listen': '127.0.0.1:0', 'broker': f'127.0.0.1:{broker.port}',
                    'ca_file': f / 'ca.crt', 'host_certificate': f / 'host.crt',
                    'host_key': f / 'host.key', 'certificate': f / 'relay.crt',
                    'key': f / 'relay.key', 'log_level': 'debug', **keys}
        self.config.write_text('[relay]\n' + ''.join(f'{k} = {v}\n' for k, v in settings.items()))
        self.fingerprint = certificate_sha256(f / 'relay.crt')
        self.start()

    def start(self):
        self.process = subprocess.Popen([*self.before, self.program, '--config', self.config], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.DEVNULL, stderr=open(self.log_path, 'ab'))
        self.port = int(wait_until(lambda: self.find(r'event=relay_listening .*port=(\d+)'),
                                   what=f'relay start: {self.log()}')[-1])

    def log(self):
        return self.log_path.read_text(errors='replace')

    def find(self, pattern):
        return re.findall(pattern, self.log())

    def session_pid(self, ticket):
        return int(wait_until(lambda: self.find(rf'event=ticket_redeemed .*session={ticket.session} .*pid=(\d+)'),
                              what='redeemed')[0])

    def children(self):
        """Every process below the relay."""
        found, todo = [], [self.process.pid]
        while todo:
            # any of them may end while we look
            with contextlib.suppress(OSError):
                for task in pathlib.Path(f'/proc/{todo.pop()}/task').glob('*/children'):
                    pids = [int(p) for p in task.read_text().split()]
                    found += pids
                    todo += pids
        return found

    def sanitizer_reports(self):
        return self.find(r'(?:ERROR: \w+Sanitizer|runtime error:|session_process_failed).*')

    def close(self):
        if self.process.poll() is None:
            stop(self.process, 10)


class Client:
    """tests/lib/rdp_client with a ticket in it."""

    def __init__(self, folder, port, locator, secret, *options, fingerprint=None, hold=0, wait=20,
                 colours=2, clip_text=None):
        self.folder = folder
        folder.mkdir(exist_ok=True)
        self.png = folder / 'screen.png'
        command = [CLIENT, '--locator', locator, '--secret-file', '-', '--hold', str(hold), '--wait',
                   str(wait), '--colours', str(colours), '--screenshot', self.png]
        if fingerprint:
            command += ['--fingerprint', fingerprint]
        if clip_text:
            command += ['--clip-text', clip_text]
        env = {**os.environ, 'HOME': str(folder), 'XDG_CONFIG_HOME': str(folder / 'config')}
        # FreeRDP leaks at exit when it is told to disconnect; it is not what is under test.
        env['ASAN_OPTIONS'] = 'detect_leaks=0'
        self.process = subprocess.Popen([*command, '--', f'/v:127.0.0.1:{port}', *options], env=env,
                                        stdin=subprocess.PIPE, stdout=open(folder / 'out', 'wb'),
                                        stderr=open(folder / 'err', 'wb'))
        self.process.stdin.write(secret.encode() + b'\n')
        self.process.stdin.close()

    def output(self):
        return (self.folder / 'out').read_text()

    def wait_frame(self, timeout_s=30):
        wait_until(lambda: 'frame ' in self.output() or self.process.poll() is not None, timeout_s, 'frame')
        assert 'frame ' in self.output(), self.output() + (self.folder / 'err').read_text()[-3000:]

    def finish(self, timeout_s=60):
        return self.process.wait(timeout_s)

    def close(self):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


class RelaySite:
    def __init__(self, folder, display=90, **relay_keys):
        self.folder = pathlib.Path(folder)
        (self.folder / 'pki').mkdir()
        self.pki = Pki(self.folder / 'pki')
        self.broker = FakeBroker(self.folder / 'pki/ca.crt', self.folder / 'pki/broker.crt',
                                 self.folder / 'pki/broker.key')
        self.guest = ShadowGuest(self.folder / 'guest', display)
        self.relay = Relay(self.folder / 'relay', self.broker, self.pki, **relay_keys)
        self.clients = []

    def ticket(self, **keys):
        return self.broker.ticket(self.guest.address, keys.pop('pin', self.guest.pin), **keys)

    def connect(self, ticket, *options, secret=None, locator=None, **keys):
        client = Client(self.folder / f'client-{len(self.clients)}', self.relay.port,
                        locator or ticket.locator, secret or ticket.secret, *options,
                        fingerprint=self.relay.fingerprint, **keys)
        self.clients.append(client)
        return client

    def close(self):
        for client in self.clients:
            client.close()
        self.relay.close()
        self.guest.close()
        self.broker.down()
