# SPDX-License-Identifier: Apache-2.0
"""A real genkan-broker on loopback, and the HTTP to talk to it."""
import contextlib
import http.client
import json
import os
import pathlib
import signal
import ssl
import subprocess
import time

from slapd import BASE, SERVICE, free_port, password_of

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('GENKAN_BUILD', TOP / 'build-tests'))
PROGRAM = BUILD / 'broker' / 'genkan-broker'


def is_sanitized(program):
    return b'__asan_init' in program.read_bytes()


def find_plain_program():
    """The broker as it is installed: sanitizers bring an allocator of their own, which does not wipe and
    wants terabytes of addresses. None when there is none."""
    for build in (os.environ.get('GENKAN_PLAIN_BUILD'), BUILD):
        program = pathlib.Path(build or '/nonexistent') / 'broker' / 'genkan-broker'
        if program.exists() and not is_sanitized(program):
            return program
    return None


PLAIN_PROGRAM = find_plain_program()
NO_PLAIN_PROGRAM = 'no broker without sanitizers is built (GENKAN_PLAIN_BUILD)'


def pool(name, groups=(), users=(), spare=0, most=10, assignment='floating', **more):
    """A POOL of the API."""
    return dict({
        'pool': name, 'title': f'Pool {name}',
        'entitled': {'groups': list(groups), 'users': list(users)},
        'image': {'name': 'gold', 'channel': 'stable'}, 'assignment': assignment,
        'size': {'max': most, 'spare': spare},
        'desktop': {'cpus': 1, 'memory_bytes': 1 << 30},
        'policy': {'sound': 'allow'}}, **more)


class Answer:
    def __init__(self, status, body, headers, seconds):
        self.status, self.body, self.headers, self.seconds = status, body, headers, seconds
        self.code = body.get('code')

    def __repr__(self):
        return f'<{self.status} {self.body} in {self.seconds:.2f} s>'


class Broker:
    program = PROGRAM
    before = ()  # a program and its flags that start the broker

    def __init__(self, folder, slapd, name='broker', **settings):
        """`settings` are "section__key=value"; what is not named has its default."""
        self.folder = pathlib.Path(folder) / name
        self.folder.mkdir(parents=True)
        self.state = self.folder / 'state'
        self.port, self.agent_port = free_port(), free_port()
        self.slapd, self.process = slapd, None
        self.log_path = self.folder / 'broker.log'
        self.config = self.folder / 'broker.conf'
        self.settings = {
            'broker__listen': f'127.0.0.1:{self.port}',
            'broker__agent_listen': f'127.0.0.1:{self.agent_port}',
            'broker__names': '127.0.0.1 localhost', 'broker__state_dir': self.state,
            'directory__uri': slapd.uri, 'directory__ca_file': slapd.ca.crt,
            'directory__base_dn': BASE, 'directory__bind_dn': SERVICE,
            'directory__bind_password_file': slapd.password_file,
            'directory__threads': 4,
            'login__source_failures': 1000,
        }
        self.write_config(**settings)

    def write_config(self, **settings):
        self.settings.update(settings)
        sections = {}
        for key, value in self.settings.items():
            section, name = key.split('__')
            sections.setdefault(section, []).append(f'{name} = {value}\n')
        self.config.write_text(''.join(f'[{s}]\n' + ''.join(lines)
                                       for s, lines in sections.items()))

    def run(self, *flags):
        """One run of the program to its end: (status, output)."""
        done = subprocess.run([self.program, '--config', self.config, *flags], text=True, timeout=60,
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
        return done.returncode, done.stdout

    def start(self, init=True):
        assert self.process is None
        if init:
            status, out = self.run('--init')
            assert status == 0, out
        with open(self.log_path, 'ab') as log:
            self.process = subprocess.Popen([*self.before, self.program, '--config', self.config],
                                            stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                                            start_new_session=True)
        end = time.monotonic() + 20
        while True:
            assert self.process.poll() is None, 'the broker ended:\n' + self.log()
            with contextlib.suppress(OSError):
                if self.http('GET', '/v1/health').status == 200:
                    return self
            assert time.monotonic() < end, 'the broker does not answer:\n' + self.log()
            time.sleep(0.02)

    def stop(self, how=signal.SIGTERM):
        if self.process is None:
            return None
        self.process.send_signal(how)
        try:
            status = self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError('the broker did not end:\n' + self.log()) from None
        finally:
            self.process = None
        return status

    def kill(self):
        self.stop(signal.SIGKILL)

    def __enter__(self):
        return self.start()

    def __exit__(self, *why):
        status = self.stop()
        if why[0] is None and status is not None:
            assert status == 0, f'the broker ended with {status}:\n' + self.log()[-6000:]

    def log(self):
        return self.log_path.read_text(errors='replace') if self.log_path.exists() else ''

    # --- HTTP -------------------------------------------------------------------------------------

    def context(self, certificate=None):
        context = ssl.create_default_context(cafile=str(self.state / 'ca.crt'))
        if certificate:
            context.load_cert_chain(*map(str, certificate))
        return context

    def http(self, method, path, body=None, token=None, certificate=None, port=None, seconds=40,
             raw=None, headers=None):
        began = time.monotonic()
        link = http.client.HTTPSConnection('127.0.0.1', port or self.port, timeout=seconds,
                                           context=self.context(certificate))
        headers = {'Content-Type': 'application/json', **(headers or {})}
        if token:
            headers['Authorization'] = f'Bearer {token}'
        data = raw if raw is not None else json.dumps(body) if body is not None else None
        try:
            link.request(method, path, data, headers)
            answer = link.getresponse()
            text = answer.read()
        finally:
            link.close()
        return Answer(answer.status, json.loads(text) if text else {}, dict(answer.getheaders()),
                      time.monotonic() - began)

    def agent_http(self, method, path, body=None, certificate=None, **more):
        return self.http(method, path, body, certificate=certificate, port=self.agent_port, **more)

    @property
    def admin_certificate(self):
        return self.state / 'admin.crt', self.state / 'admin.key'

    def admin(self, method, path, body=None, **more):
        return self.http(method, path, body, certificate=self.admin_certificate, **more)

    def login(self, user, password=None, **more):
        return self.http('POST', '/v1/login', {
            'user': user, 'password': password_of(user) if password is None else password,
            'client': {'name': 'tests', 'version': '1'}}, **more)

    def connect(self, token, desktop, wait_ms=0, seen=''):
        return self.http('POST', f'/v1/desktops/{desktop}/connect',
                         {'wait_ms': wait_ms, 'seen': seen}, token=token)

    # --- what an admin does -------------------------------------------------------------------

    def apply(self, *pools):
        answer = self.admin('PUT', '/v1/admin/pools',
                            {'pools': list(pools), 'dry_run': False})
        assert answer.status == 200, answer
        return answer

    def publish(self, name='gold', sha256='ab' * 32):
        answer = self.admin('POST', '/v1/admin/images',
                            {'name': name, 'sha256': sha256, 'size_bytes': 1 << 20,
                             'in_place': True})
        assert answer.status == 200, answer

    def metrics(self):
        """{'name' or 'name{label="value"}': number}"""
        link = http.client.HTTPSConnection('127.0.0.1', self.port, context=self.context(self.admin_certificate))
        link.request('GET', '/metrics')
        answer = link.getresponse()
        text = answer.read().decode()
        link.close()
        assert answer.status == 200, text
        return {name: float(value) for name, value in (line.rsplit(' ', 1) for line in text.splitlines()
                                                       if line and not line.startswith('#'))}

    def audit(self, denied=False):
        answer = self.admin('GET', f'/v1/admin/audit?limit=1000&denied={int(denied)}')
        assert answer.status == 200, answer
        return answer.body['audit']


class PlainBroker(Broker):
    program = PLAIN_PROGRAM
