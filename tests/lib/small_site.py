# SPDX-License-Identifier: Apache-2.0
"""A small site in one network namespace: real slapd, broker, genkanctl, host agent and QEMU. Its
images hold nothing that boots, so a desktop is there within a second and never becomes ready: enough
for everything that happens to images, overlays, processes and rows on the way."""
import contextlib
import hashlib
import json
import os
import pathlib
import shutil
import signal
import subprocess
import time

from broker import BUILD, Broker, pool
from netns import NetNs, wait_until
from slapd import SLAPD, Slapd

AGENT = BUILD / 'hostagent' / 'genkan-hostagent'
CTL = BUILD / 'ctl' / 'genkanctl'
HOST = 'host-1'


def why_not():
    if os.geteuid() != 0:
        return 'needs root for network namespaces'
    missing = [str(p) for p in (AGENT, CTL) if not p.exists()]
    if missing:
        return 'not built: ' + ', '.join(missing)
    missing = [t for t in ('qemu-system-x86_64', 'qemu-img', 'nft')
               if not shutil.which(t, path='/usr/sbin:/usr/bin:/sbin:/bin')]
    if not SLAPD:
        missing.append('slapd')
    return 'not installed: ' + ', '.join(missing) if missing else None


def make_image(path, megabytes=1, seed=b'1'):
    """A qcow2 that stands alone, boots nothing and is different for each seed."""
    raw = pathlib.Path(f'{path}.raw')
    block = hashlib.shake_256(seed).digest(1 << 20)
    with open(raw, 'wb') as file:
        file.write(bytes(1 << 20))  # nothing a BIOS would start
        for n in range(megabytes):
            file.write(bytes(b ^ (n & 255) for b in block[:4096]) + block[4096:])
    subprocess.run(['qemu-img', 'convert', '-q', '-f', 'raw', '-O', 'qcow2', raw, path], check=True)
    raw.unlink()
    return pathlib.Path(path)


def sha256(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()


class SmallSite:
    def __init__(self, folder, tag, people=(), more_ldif='', **settings):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(mode=0o755, parents=True, exist_ok=True)
        self.stack = contextlib.ExitStack()
        self.tag, self.settings, self.people = tag, settings, people
        self.more_ldif = more_ldif
        self.agent = None
        self.host_state, self.run_dir = self.folder / 'host', self.folder / 'run'
        self.images = self.folder / 'images'

    def __enter__(self):
        try:
            return self._start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *why):
        self.close()

    def _start(self):
        self.ns = NetNs(self.tag)
        self.stack.callback(self.ns.close)
        self.stack.enter_context(self.ns.entered())
        self.slapd = self.stack.enter_context(Slapd(self.folder, people=self.people, more_ldif=self.more_ldif))
        self.broker = Broker(self.folder, self.slapd, **self.settings)
        self.broker.start()
        self.stack.callback(lambda: self.broker.process and self.broker.kill())
        self.images.mkdir()
        self.configure()
        self.stack.callback(self._destroy)
        return self

    def configure(self, **changes):
        settings = {
            'name': HOST, 'broker': f'127.0.0.1:{self.broker.agent_port}',
            'ca_file': self.broker.state / 'ca.crt', 'state_dir': self.host_state,
            'run_dir': self.run_dir, 'image_dir': self.images, 'relay_address': '127.0.0.1:3389',
            'production': 'no', 'allow_tcg': 'yes', 'log_level': 'debug',
            'starts': '100'} | changes   # guests that never get ready would keep others waiting
        (self.folder / 'hostagent.conf').write_text(
            '[hostagent]\n' + ''.join(f'{k} = {v}\n' for k, v in settings.items()))

    # --- the agent ----------------------------------------------------------------------------

    def agent_command(self, *options):
        return [str(AGENT), '--config', str(self.folder / 'hostagent.conf'), *map(str, options)]

    def join(self):
        token = self.folder / 'token'
        token.write_text(self.ctl_json('host', 'token', HOST)['token'])
        token.chmod(0o600)
        subprocess.run(self.agent_command('--join', '--token-file', token), check=True,
                       stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60)
        token.unlink()

    def start_agent(self, **env):
        with open(self.folder / 'agent.log', 'ab') as log:
            self.agent = subprocess.Popen(self.agent_command(), stdin=subprocess.DEVNULL, stdout=log,
                                          stderr=log, start_new_session=True,
                                          env=dict(os.environ, **env))
        return self.agent

    def agent_log(self):
        path = self.folder / 'agent.log'
        return path.read_text(errors='replace') if path.exists() else ''

    def kill_agent(self, how=signal.SIGKILL):
        if self.agent and self.agent.poll() is None:
            self.agent.send_signal(how)
        status = self.agent.wait(30) if self.agent else None
        self.agent = None
        return status

    def _destroy(self):
        self.kill_agent()
        done = subprocess.run(self.agent_command('--destroy-all'), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60)
        if done.returncode:
            print(done.stdout)

    def wait_host(self, seconds=60):
        def active():
            assert self.agent.poll() is None, 'the agent ended:\n' + self.agent_log()[-4000:]
            hosts = self.broker.admin('GET', '/v1/admin/hosts').body['hosts']
            return any(h['name'] == HOST and h['state'] == 'active' and h['last_seen_ms']
                       for h in hosts)
        wait_until('the host is active', active, seconds, 0.1)

    # --- the admin ----------------------------------------------------------------------------

    def ctl_command(self, *arguments):
        state = self.broker.state
        return [str(CTL), '--broker', f'127.0.0.1:{self.broker.port}', '--ca', str(state / 'ca.crt'),
                '--certificate', str(state / 'admin.crt'), '--key', str(state / 'admin.key'),
                *map(str, arguments)]

    def ctl(self, *arguments, check=True):
        done = subprocess.run(self.ctl_command(*arguments), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=120)
        assert not check or done.returncode == 0, done.stdout
        return done.stdout

    def ctl_json(self, *arguments):
        return json.loads(self.ctl('--json', *arguments))

    def desktops(self):
        return self.broker.admin('GET', '/v1/admin/desktops').body['desktops']

    def publication(self, name, number=None):
        shown = self.ctl_json('image', 'show', name)['publications']
        return next(p for p in shown if number in (None, p['publication']))

    def host_image(self, name, number=None):
        found = [h for h in self.publication(name, number)['hosts'] if h['host'] == HOST]
        return found[0] if found else {'state': '', 'reason': '', 'percent': 0}

    def close(self):
        self.stack.close()
        shutil.rmtree(self.folder, ignore_errors=True)


@contextlib.contextmanager
def small_site(tag='gk-small', **settings):
    # Unix socket names are short, and pytest's folders are long.
    folder = f'/tmp/gk-{os.getpid()}-{time.monotonic_ns() % 1000000}'
    with SmallSite(folder, f'{tag}-{os.getpid() % 100000}', **settings) as site:
        yield site


def gold_pool(name='sales', spare=0, most=10, **more):
    made = pool(name, ['sales'], spare=spare, most=most, **more)
    made['desktop']['memory_bytes'] = 256 << 20
    return made
