# SPDX-License-Identifier: Apache-2.0
"""A whole site in three private network namespaces, every part of it the real thing.

    site    slapd and genkan-broker             198.18.77.1
    host    agent, relay, bridge and guests     198.18.77.2  (guests: 10.77.0.0/24)
    client  thin clients and strangers          198.18.77.3

All of it stands on one switch, as in a small office. The client's namespace has a route to the
guests on purpose: what keeps it out must be the host, not a missing route.
"""
import base64
import contextlib
import glob
import hashlib
import http.client
import json
import os
import pathlib
import re
import secrets
import shutil
import signal
import socket
import sqlite3
import ssl
import subprocess
import time

from guest_exec import GuestAgent
from invariants import guests, standing_by
from netns import NetNs, cable, run, wait_until

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('GENKAN_BUILD', TOP / 'build-tests'))
SAMPLE = TOP / 'deploy' / 'demo-site'
BROKER, HOST, CLIENT = '198.18.77.1', '198.18.77.2', '198.18.77.3'
GUEST_NET = '10.77.0.0/24'
HOST_NAME = 'host-1'
PROGRAMS = {
    'genkan-broker': 'broker/genkan-broker',
    'genkan-hostagent': 'hostagent/genkan-hostagent',
    'genkan-relay': 'hostagent/relay/genkan-relay',
    'genkanctl': 'ctl/genkanctl',
    'genkan-client': 'thinclient/genkan-client',
}
CLIENT_ENV = dict(os.environ, SDL_VIDEODRIVER='dummy', SDL_AUDIODRIVER='dummy', LC_ALL='C.UTF-8')
PEOPLE = ['hanako', '山田太郎', 'joerg', 'minji', 'paula']


def program(name):
    return BUILD / PROGRAMS[name]


def golden_image():
    """The image tests/run has built, or the newest one in the cache."""
    named = os.environ.get('GENKAN_TEST_IMAGE')
    if named:
        return pathlib.Path(named)
    cache = pathlib.Path(os.environ.get('GENKAN_CACHE', '/var/cache/genkan')) / 'images'
    found = sorted(cache.glob('*.qcow2'), key=lambda p: p.stat().st_mtime)
    return found[-1] if found else None


def why_not():
    """The reason this machine cannot run a site, or None."""
    if os.geteuid() != 0:
        return 'needs root for network namespaces'
    missing = [str(program(name)) for name in PROGRAMS if not program(name).exists()]
    if missing:
        return 'not built: ' + ', '.join(missing)
    missing = [tool for tool in ('slapd', 'qemu-system-x86_64', 'qemu-img', 'nft', 'ip')
               if not shutil.which(tool, path='/usr/sbin:/usr/bin:/sbin:/bin')]
    if missing:
        return 'not installed: ' + ', '.join(missing)
    if golden_image() is None:
        return 'no golden image: run deploy/image/build'
    return None


class Daemon:
    """One program with its log; can be killed and started again."""

    def __init__(self, name, command, log):
        self.name, self.command, self.log, self.process = name, command, pathlib.Path(log), None

    def start(self):
        assert self.process is None, f'{self.name} runs already'
        with open(self.log, 'ab') as out:
            self.process = subprocess.Popen(self.command, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, start_new_session=True)
        return self

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def end(self, how=signal.SIGTERM, seconds=20):
        """Ends it and returns its exit status."""
        if self.process is None:
            return None
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(how)
        try:
            status = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise AssertionError(f'{self.name} did not end within {seconds} s of {how!r}:\n'
                                 + self.tail()) from None
        finally:
            self.process = None
        return status

    def tail(self, lines=40):
        return '\n'.join(self.text().splitlines()[-lines:])

    def text(self):
        return self.log.read_text(errors='replace') if self.log.exists() else ''

    def memory_bytes(self):
        """Memory of the program and its children; what they share counts once."""
        total = 0
        for pid in [self.pid, *children(self.pid)]:
            with contextlib.suppress(FileNotFoundError, ProcessLookupError):
                rollup = pathlib.Path(f'/proc/{pid}/smaps_rollup').read_text()
                found = re.search(r'^Pss:\s+(\d+) kB', rollup, re.M)
                total += int(found.group(1)) * 1024 if found else 0
        return total


def children(pid):
    found = []
    for path in glob.glob(f'/proc/{pid}/task/*/children'):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            for child in pathlib.Path(path).read_text().split():
                found += [int(child), *children(int(child))]
    return found


class Login:
    """What the broker answered to a login or a connect."""

    def __init__(self, status, body):
        self.status, self.body = status, body
        self.code = body.get('code')
        self.token = body.get('token')
        self.connect = body.get('connect')


class Site:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        self.root.chmod(0o755)
        tag = f'gk{os.getpid() % 100000}'
        self.tag = tag
        self.close_stack = contextlib.ExitStack()
        self.passwords = {name: 'Pw-' + secrets.token_hex(8)
                          for name in ['genkan-broker', *PEOPLE]}
        self.dirs = {name: self.root / name for name in
                     ('directory', 'broker', 'host', 'run', 'images', 'client')}

    # --- going up and coming down -------------------------------------------------------------

    def start(self):
        try:
            self._make_networks()
            self._make_folders()
            self.start_directory()
            self._start_broker_first_time()
            self._publish_and_apply()
            self._join_host()
            self.agent.start()
            self._wait_host_active()
            self.start_relay()
        except BaseException:
            self.stop()
            raise
        return self

    def stop(self):
        desktops = {path.name for base in ('host', 'run')
                    for path in (self.dirs[base] / 'desktops').glob('*')}
        self.close_stack.close()
        for root in ('/sys/fs/cgroup/genkan', '/sys/fs/cgroup/unified/genkan'):
            for name in [*desktops, '']:
                with contextlib.suppress(OSError):
                    os.rmdir(os.path.join(root, name))

    def _make_networks(self):
        tag = self.tag
        self.site_ns = self._ns(f'{tag}-site')
        self.host_ns = self._ns(f'{tag}-host')
        self.client_ns = self._ns(f'{tag}-client')
        self.site_ns.ip('link', 'add', 'office', 'type', 'bridge')
        self.site_ns.ip('link', 'set', 'office', 'up')
        self.site_ns.ip('addr', 'add', f'{BROKER}/24', 'dev', 'office')
        for ns, address in ((self.host_ns, HOST), (self.client_ns, CLIENT)):
            port = 'p-' + ns.name.rsplit('-', 1)[1]
            cable(self.site_ns, port, ns, 'lan0')
            self.site_ns.ip('link', 'set', port, 'master', 'office', 'up')
            ns.ip('addr', 'add', f'{address}/24', 'dev', 'lan0')
            ns.ip('link', 'set', 'lan0', 'up')
        # The way to the guests is open but for what the host forbids.
        self.host_ns.run('sh', '-c', 'echo 1 > /proc/sys/net/ipv4/ip_forward')
        self.client_ns.ip('route', 'add', GUEST_NET, 'via', HOST)
        self.site_ns.ip('route', 'add', GUEST_NET, 'via', HOST)

    def _ns(self, name):
        ns = NetNs(name)
        self.close_stack.callback(ns.close)
        return ns

    def _make_folders(self):
        for path in self.dirs.values():
            path.mkdir(parents=True, exist_ok=True)
        self.values = {
            'DIR': self.dirs['directory'], 'DIRECTORY_URI': f'ldaps://{BROKER}:636',
            'DIRECTORY_CA': self.dirs['directory'] / 'ca.crt',
            'DIRECTORY_PASSWORD_FILE': self.dirs['broker'] / 'directory-password',
            'BROKER_ADDRESS': BROKER, 'BROKER_DIR': self.dirs['broker'],
            'HOST_NAME': HOST_NAME, 'HOST_ADDRESS': HOST, 'HOST_DIR': self.dirs['host'],
            'RUN_DIR': self.dirs['run'], 'IMAGE_DIR': self.dirs['images'],
            'BRIDGE': 'genkan0', 'BRIDGE_ADDRESS': '10.77.0.1/24',
        }
        secret = self.values['DIRECTORY_PASSWORD_FILE']
        secret.write_text(self.passwords['genkan-broker'])
        secret.chmod(0o600)
        for name in ('broker', 'hostagent', 'relay'):
            self.write_config(name)

    def write_config(self, name, extra=''):
        text = (SAMPLE / f'{name}.conf.in').read_text()
        for key, value in self.values.items():
            text = text.replace(f'@{key}@', str(value))
        assert '@' not in re.sub(r'^;.*$', '', text, flags=re.M), f'{name}.conf.in: unknown @NAME@'
        path = self.root / f'{name}.conf'
        path.write_text(text + extra)
        return path

    def daemon(self, name, ns, *command):
        made = Daemon(name, ns.command(*command), self.root / f'{name}.log')
        self.close_stack.callback(lambda: made.process and made.end(signal.SIGKILL))
        return made

    # --- the directory ------------------------------------------------------------------------

    def start_directory(self):
        folder = self.dirs['directory']
        conf = folder / 'slapd.conf'
        if not conf.exists():
            conf.write_text((SAMPLE / 'slapd.conf.in').read_text().replace('@DIR@', str(folder)))
            table = folder / 'passwords'
            table.write_text(''.join(f'{k}\t{v}\n' for k, v in self.passwords.items()))
            table.chmod(0o600)
            run('bash', '-c', '. "$0" && directory_make_certificates "$1" "IP:$2" && '
                'directory_fill "$1" "$3" "$4"', TOP / 'deploy/lib/directory.sh', folder, BROKER,
                SAMPLE / 'people.ldif', table)
            table.unlink()
            self.slapd = self.daemon('slapd', self.site_ns, '/usr/sbin/slapd', '-d', '0', '-f',
                                     conf, '-h', f'ldaps://{BROKER}:636')
        self.slapd.start()
        wait_until('slapd answers', lambda: self.port_open(self.site_ns, BROKER, 636), 10)

    # --- the broker ---------------------------------------------------------------------------

    def _start_broker_first_time(self):
        command = [program('genkan-broker'), '--config', self.root / 'broker.conf']
        self.site_ns.run(*command, '--init')
        self.broker = self.daemon('broker', self.site_ns, *command)
        self.start_broker()

    def start_broker(self):
        self.broker.start()
        wait_until('the broker answers', self._broker_healthy, 20)

    def _broker_healthy(self):
        assert self.broker.alive(), 'the broker ended:\n' + self.broker.tail()
        with contextlib.suppress(OSError):
            return self.http('GET', '/v1/health', ns=self.site_ns)[0] == 200
        return False

    def http(self, method, path, body=None, token=None, ns=None, seconds=40, request_id=None):
        """One request to the broker; returns (status, JSON body)."""
        context = ssl.create_default_context(cafile=str(self.dirs['broker'] / 'ca.crt'))
        with (ns or self.client_ns).entered():
            link = http.client.HTTPSConnection(BROKER, 8443, timeout=seconds, context=context)
            link.connect()
        headers = {'Content-Type': 'application/json'}
        if token:
            headers['Authorization'] = f'Bearer {token}'
        if request_id:
            headers['X-Request-Id'] = request_id
        try:
            link.request(method, path, json.dumps(body) if body is not None else None, headers)
            answer = link.getresponse()
            text = answer.read()
        finally:
            link.close()
        return answer.status, json.loads(text) if text else {}

    def login(self, user, password=None, seconds=40):
        status, body = self.http('POST', '/v1/login', {
            'user': user, 'password': self.passwords.get(user, '') if password is None else password,
            'client': {'name': 'tests', 'version': '1'}}, seconds=seconds)
        return Login(status, body)

    def connect(self, login, desktop, seconds=180):
        """Asks until the desktop is ready; returns the last answer."""
        end, seen = time.monotonic() + seconds, ''
        while True:
            status, body = self.http('POST', f'/v1/desktops/{desktop}/connect',
                                     {'wait_ms': 10000, 'seen': seen}, token=login.token)
            if status != 202 or time.monotonic() > end:
                return Login(status, body)
            seen = body.get('stage', '')

    def ticket(self, user):
        """Logs in and returns the answer of connect that carries a ticket."""
        login = self.login(user)
        assert login.status == 200, login.body
        answer = self.connect(login, login.body['desktops'][0]['id'])
        assert answer.status == 200, answer.body
        return answer.body

    # --- the admin's side ---------------------------------------------------------------------

    def ctl(self, *arguments, check=True):
        state = self.dirs['broker']
        return run(*self.site_ns.command(
            program('genkanctl'), '--broker', f'{BROKER}:8443', '--ca', state / 'ca.crt',
            '--certificate', state / 'admin.crt', '--key', state / 'admin.key', *arguments),
            check=check)

    def ctl_json(self, *arguments):
        return json.loads(self.ctl('--json', *arguments))

    def _publish_and_apply(self):
        self.ctl('image', 'publish', 'debian-desktop', golden_image(), '--image-dir', self.dirs['images'])
        # No spares: a guest booting in the background is another load on every test.
        pools = self.root / 'pools'
        pools.mkdir()
        for path in (SAMPLE / 'pools').glob('*.yaml'):
            text = re.sub(r'spare: \d+', 'spare: 0', path.read_text())
            (pools / path.name).write_text(text)
        self.ctl('apply', pools)

    def desktops(self):
        return rows(self.ctl_json('desktop', 'list'), 'desktops')

    def audit(self, *arguments):
        return rows(self.ctl_json('audit', 'list', *arguments), 'audit')

    # --- the host -----------------------------------------------------------------------------

    def _join_host(self):
        token = self.ctl_json('host', 'token', HOST_NAME)['token']
        path = self.root / 'join-token'
        path.write_text(token)
        path.chmod(0o600)
        command = [program('genkan-hostagent'), '--config', self.root / 'hostagent.conf']
        self.host_ns.run(*command, '--join', '--token-file', path)
        path.unlink()
        self.agent = self.daemon('agent', self.host_ns, *command)
        self.relay = self.daemon('relay', self.host_ns, program('genkan-relay'), '--config',
                                 self.root / 'relay.conf')

    def _wait_host_active(self):
        def active():
            assert self.agent.alive(), 'the agent ended:\n' + self.agent.tail()
            hosts = rows(self.ctl_json('host', 'list'), 'hosts')
            return any(h['name'] == HOST_NAME and h['state'] == 'active' and h['last_seen_ms']
                       for h in hosts)
        wait_until('the host is active', active, 90, every=0.3)

    def start_relay(self):
        wait_until('the agent made the relay a certificate',
                   (self.dirs['host'] / 'relay.crt').exists, 20)
        self.relay.start()
        wait_until('the relay listens', self._relay_listens, 20)

    def _relay_listens(self):
        assert self.relay.alive(), 'the relay ended:\n' + self.relay.tail()
        return self.port_open(self.client_ns, HOST, 3389)

    def port_open(self, ns, address, port, seconds=2.0):
        with ns.entered():
            try:
                socket.create_connection((address, port), timeout=seconds).close()
                return True
            except OSError:
                return False

    def qemu_pids(self):
        """Of desktops; what stands by for the next one comes and goes."""
        waiting = standing_by(self.dirs['host'])
        return [pid for pid in self.host_ns.pids() if 'qemu-system' in (line := command_line(pid))
                and not any(machine in line for machine in waiting)]

    # --- the relay's side, for tests that play host -------------------------------------------

    def join_as(self, name):
        """A certificate for one more host, as its agent would get it; returns (crt, key) paths."""
        folder = self.root / name
        folder.mkdir()
        key, csr, crt = folder / 'host.key', folder / 'host.csr', folder / 'host.crt'
        run('openssl', 'req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-noenc',
            '-subj', f'/CN={name}', '-keyout', key, '-out', csr)
        status, body = self.as_host('/agent/v1/join', {
            'token': self.ctl_json('host', 'token', name)['token'], 'name': name,
            'csr_pem': csr.read_text()}, None)
        assert status == 200, body
        crt.write_text(body['certificate_pem'])
        return crt, key

    def as_host(self, path, body, certificate='own'):
        """One request on the agent link, with the certificate of our host or of (crt, key)."""
        context = ssl.create_default_context(cafile=str(self.dirs['broker'] / 'ca.crt'))
        if certificate == 'own':
            certificate = (self.dirs['host'] / 'host.crt', self.dirs['host'] / 'host.key')
        if certificate:
            context.load_cert_chain(*map(str, certificate))
        with self.host_ns.entered():
            link = http.client.HTTPSConnection(BROKER, 8444, timeout=20, context=context)
            link.connect()
        try:
            link.request('POST', path, json.dumps(body), {'Content-Type': 'application/json'})
            answer = link.getresponse()
            text = answer.read()
        finally:
            link.close()
        return answer.status, json.loads(text) if text else {}

    def redeem(self, ticket, certificate='own', **changed):
        return self.as_host('/agent/v1/redeem', {
            'locator': ticket['locator'], 'secret': ticket['secret'],
            'client_address': CLIENT, **changed}, certificate)

    def count_guest_contacts(self):
        """Starts (once) to count connections from the host to any guest's RDP port; returns so far."""
        table = 'table inet genkan_test'
        if table not in self.host_ns.run('nft', 'list', 'ruleset'):
            self.host_ns.run('nft', f'add {table}; add chain inet genkan_test out {{ type filter hook '
                             'output priority -200; }; add rule inet genkan_test out ip daddr '
                             f'{GUEST_NET} tcp dport 3389 tcp flags & (syn | ack) == syn counter')
        counted = re.search(r'counter packets (\d+)',
                            self.host_ns.run('nft', 'list', 'table', 'inet', 'genkan_test'))
        return int(counted.group(1))

    # --- inside a desktop ---------------------------------------------------------------------

    def guest_agent(self, desktop):
        return GuestAgent(self.dirs['run'] / 'desktops' / desktop / 'qga.sock')

    def in_guest(self, desktop, *command, check=True):
        with self.guest_agent(desktop) as agent:
            status, out = agent.run(*command)
        if check and status:
            raise AssertionError(f'in the guest: {command}: status {status}\n{out}')
        return out

    # --- thin clients -------------------------------------------------------------------------

    def client_command(self, user, *options, password=None):
        secret = self.dirs['client'] / f'password-{hashlib.sha256(user.encode()).hexdigest()[:8]}'
        secret.write_text(self.passwords.get(user, '') if password is None else password)
        secret.chmod(0o600)
        return self.client_ns.command(
            program('genkan-client'), '--broker', f'{BROKER}:8443', '--ca',
            self.dirs['broker'] / 'ca.crt', '--user', user, '--password-file', secret, *options)

    def client(self, user, *options, password=None, seconds=240):
        """A headless thin client until its end; returns (status, output)."""
        done = subprocess.run(self.client_command(user, *options, password=password),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors='replace',
                              timeout=seconds, env=CLIENT_ENV)
        return done.returncode, done.stdout

    @contextlib.contextmanager
    def session(self, user, *options):
        """A thin client that stays in its session until the end of the block."""
        log = self.root / 'client' / f'session-{secrets.token_hex(4)}.log'
        with open(log, 'wb') as out:
            process = subprocess.Popen(
                self.client_command(user, '--headless', '--json', '--hold-until-eof', *options),
                stdin=subprocess.PIPE, stdout=out, stderr=subprocess.STDOUT, env=CLIENT_ENV)
        process.log = log
        try:
            def shown():
                assert process.poll() is None, 'the client ended:\n' + log.read_text(errors='replace')
                return self.session_of(user)
            process.row = wait_until(f'a session of {user}', shown, 240, every=0.3)
            yield process
        finally:
            process.stdin.close()
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()

    def sessions(self):
        return rows(self.ctl_json('session', 'list'), 'sessions')

    def session_of(self, user):
        """The row of the user's session that runs and has shown a desktop."""
        found = [s for s in self.sessions() if s['user'] == user and s['active_at_ms']
                 and not s['ended_at_ms']]
        return found[0] if found else None

    def start_hostile_client(self, ticket, *options, secret=None, locator=None, hold=0, wait=30, colours=2):
        """FreeRDP with every channel it knows; carries a ticket. What it says comes at its end."""
        folder = self.root / 'client' / f'hostile-{secrets.token_hex(4)}'
        folder.mkdir()
        process = subprocess.Popen(
            self.client_ns.command(
                BUILD / 'tests/lib/rdp_client/rdstls_client', '--locator',
                locator or ticket['locator'], '--secret-file', '-', '--hold', hold, '--wait', wait,
                '--colours', colours, '--fingerprint', ticket['certificate_sha256'], '--screenshot', folder / 'screen.png',
                '--', f'/v:{HOST}:3389', *options),
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, errors='replace',
            env=dict(os.environ, HOME=str(folder), XDG_CONFIG_HOME=str(folder / 'config'),
                     LC_ALL='C.UTF-8'))
        process.stdin.write((secret or ticket['secret']) + '\n')
        process.stdin.flush()
        return process

    def hostile_client(self, ticket, *options, **how):
        """The same until its end; returns (status, output)."""
        process = self.start_hostile_client(ticket, *options, **how)
        try:
            out = process.communicate(timeout=180)[0]
        finally:
            process.kill()
        return process.returncode, out

    def straight_client(self, user, *options, hold=0, wait=60, colours=2):
        """The same client from the host straight at the user's guest, with a credential that the host
        is given for a ticket: the control that shows what the relay keeps away, and what it costs."""
        status, answer = self.redeem(self.ticket(user))
        assert status == 200, answer
        guest, credential = answer['guest'], answer['credential']
        folder = self.root / 'client' / f'straight-{secrets.token_hex(4)}'
        folder.mkdir()
        done = subprocess.run(
            self.host_ns.command(
                BUILD / 'tests/lib/rdp_client/rdstls_client', '--secret-file', '-', '--hold', hold,
                '--wait', wait, '--colours', colours, '--fingerprint', guest['certificate_sha256'], '--',
                f'/v:{guest["address"]}:{guest["port"]}', f'/u:{credential["user"]}', *options),
            input=credential['password'] + '\n', stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            text=True, errors='replace', timeout=180,
            env=dict(os.environ, HOME=str(folder), XDG_CONFIG_HOME=str(folder / 'config')))
        return done.returncode, done.stdout

    # --- what must hold after anything --------------------------------------------------------

    def store_path(self):
        found = [p for p in self.dirs['broker'].iterdir() if p.suffix in ('.db', '.sqlite', '.sqlite3')]
        assert found, f'no store in {self.dirs["broker"]}'
        return found[0]

    def assert_store_sound(self):
        with contextlib.closing(sqlite3.connect(f'file:{self.store_path()}?mode=ro', uri=True)) as db:
            assert db.execute('PRAGMA integrity_check').fetchall() == [('ok',)]
            assert db.execute('PRAGMA foreign_key_check').fetchall() == []

    def assert_no_orphans(self, seconds=30):
        """VMs, folders and taps on the host are exactly those of the store (within `seconds`)."""
        def same():
            ids = {d['id'] for d in self.desktops()} | standing_by(self.dirs['host'])
            with self.host_ns.entered():
                running = guests(self.dirs['run'])
            folders = set()
            for base in ('host', 'run'):
                folder = self.dirs[base] / 'desktops'
                folders |= {p.name for p in folder.iterdir()} if folder.exists() else set()
            links = json.loads(self.host_ns.run('ip', '-j', 'link'))
            taps = {link['ifname'] for link in links if re.fullmatch(r'gk[0-9a-f]{10}', link['ifname'])}
            self.orphan_report = f'store {ids}, running {dict(running)}, folders {folders}, taps {taps}'
            return (set(running) == ids and running.total() == len(ids) and folders == ids
                    and taps == {'gk' + i[:10] for i in ids})
        try:
            wait_until('hosts match the store', same, seconds, every=0.5)
        except AssertionError as why:
            raise AssertionError(f'{why}: {self.orphan_report}') from None

    def assert_secrets_kept(self, *more):
        """No password of a person, and none of `more`, in argv, logs, configuration or the store."""
        needles = [self.passwords[name].encode() for name in PEOPLE] + [m.encode() for m in more]
        needles += [base64.b64encode(n)[:-2] for n in needles]
        places = [p for p in self.root.rglob('*') if p.is_file() and not p.is_symlink()
                  and p.suffix not in ('.qcow2', '.raw') and p.parent != self.dirs['client']
                  and self.dirs['directory'] not in p.parents]
        for path in places:
            data = path.read_bytes()
            for needle in needles:
                assert needle not in data, f'a secret is in {path}'
        for ns in (self.site_ns, self.host_ns, self.client_ns):
            for pid in ns.pids():
                line = command_line(pid).encode(errors='replace')
                assert not any(n in line for n in needles), f'a secret is in the argv of {line}'

    # --- what is not JSON ---------------------------------------------------------------------

    def tls_context(self):
        return ssl.create_default_context(cafile=str(self.dirs['broker'] / 'ca.crt'))

    def http_text(self, method, path, token, context, seconds=40):
        """One request of an employee to the broker; returns (status, text)."""
        with self.client_ns.entered():
            link = http.client.HTTPSConnection(BROKER, 8443, timeout=seconds, context=context)
            link.connect()
        try:
            link.request(method, path, None, {'Authorization': f'Bearer {token}'})
            answer = link.getresponse()
            return answer.status, answer.read().decode()
        finally:
            link.close()


def rows(answer, name):
    """The list in an answer of genkanctl --json."""
    return answer[name] if isinstance(answer, dict) else answer


def command_line(pid):
    with contextlib.suppress(FileNotFoundError, ProcessLookupError):
        return pathlib.Path(f'/proc/{pid}/cmdline').read_bytes().replace(b'\0', b' ').decode(
            errors='replace')
    return ''
