# SPDX-License-Identifier: Apache-2.0
"""A fake host: speaks the agent link as genkan-hostagent does and claims to have desktops."""
import hashlib
import http.client
import threading
import time

from certificates import new_key, openssl

RELAY_SHA256 = hashlib.sha256(b'relay certificate').hexdigest()
GUEST_SHA256 = hashlib.sha256(b'guest certificate').hexdigest()


class FakeAgent:
    def __init__(self, broker, name, folder):
        self.broker, self.name = broker, name
        self.folder = folder / f'agent-{name}'
        self.folder.mkdir(parents=True, exist_ok=True)
        self.key, self.crt = self.folder / 'host.key', self.folder / 'host.crt'
        self.seq, self.generation = int(time.time() * 1000), 0
        self.lock = threading.Lock()
        self.desktops = {}      # id -> what is reported
        self.images = {}        # sha256 -> state
        self.papers = {}        # id -> what a broker that has lost its store is told besides
        self.describes = False
        self.ran = None         # the thread of run()
        self.stopping = False

    @property
    def certificate(self):
        return self.crt, self.key

    def request_pem(self, common_name=None):
        if not self.key.exists():
            new_key(self.key)
        return openssl('req', '-new', '-key', self.key, '-subj', f'/CN={common_name or self.name}')

    def token(self, ttl_ms=60000):
        answer = self.broker.admin('POST', '/v1/admin/host-tokens',
                                   {'name': self.name, 'ttl_ms': ttl_ms})
        assert answer.status == 200, answer
        return answer.body['token']

    def join(self, token=None, name=None):
        answer = self.broker.agent_http('POST', '/agent/v1/join', {
            'token': token or self.token(), 'name': name or self.name,
            'csr_pem': self.request_pem()})
        if answer.status == 200:
            self.crt.write_text(answer.body['certificate_pem'])
        return answer

    def sync(self, wait_ms=0, generation=None, **more):
        with self.lock:
            self.seq += 1
            body = {
                'seq': self.seq, 'wait_ms': wait_ms,
                'generation': self.generation if generation is None else generation,
                'host': {'accel': 'kvm', 'cpus': 64, 'memory_bytes': 256 << 30,
                         'memory_free_bytes': 200 << 30,
                         'relay': {'host': '192.0.2.10', 'port': 3389,
                                   'certificate_sha256': RELAY_SHA256}},
                'images': [{'sha256': k, 'state': v} for k, v in self.images.items()],
                'desktops': [d | self.papers.get(d['id'], {}) if self.describes else dict(d)
                             for d in self.desktops.values()]}
        body.update(more)
        return self.broker.agent_http('POST', '/agent/v1/sync', body, self.certificate)

    def apply(self, desired, state='ready'):
        """Does at once what the broker asked for."""
        with self.lock:
            self.images = {image['sha256']: 'ready' for image in desired['images']}
            wanted = {d['id']: d for d in desired['desktops'] if d['want'] == 'running'}
            self.describes = desired.get('rebuilding', False)
            listed = {d['id'] for d in desired['desktops']}
            for gone in set(self.desktops) - set(wanted):
                if gone in listed or not self.describes:
                    del self.desktops[gone]
            for id_, d in wanted.items():
                paper = self.papers.setdefault(id_, {})
                paper |= {k: d[k] for k in ('name', 'image_sha256', 'cpus', 'memory_bytes', 'incarnation')}
                paper['deed'] = d.get('deed') or paper.get('deed', '')
                if id_ not in self.desktops:
                    self.desktops[id_] = self.report(d, state)
            self.generation = desired['generation']

    def report(self, desired, state):
        ready = state == 'ready'
        return {'id': desired['id'], 'epoch': desired['epoch'], 'state': state,
                'stage': 'ready' if ready else 'starting', 'percent': 100 if ready else 10,
                'reason': '', 'address': '10.77.0.5' if ready else '',
                'rdp_certificate_sha256': GUEST_SHA256 if ready else ''}

    def change(self, id_, **fields):
        with self.lock:
            self.desktops[id_].update(fields)
        return self.sync()

    def make_ready(self, id_):
        return self.change(id_, state='ready', stage='ready', percent=100, address='10.77.0.5',
                           rdp_certificate_sha256=GUEST_SHA256)

    def settle(self, state='ready'):
        """Syncs until the broker wants nothing new."""
        while True:
            answer = self.sync()
            assert answer.status == 200, answer
            if answer.body['generation'] == self.generation:
                return answer.body
            self.apply(answer.body, state)

    def redeem(self, locator, secret, client_address='192.0.2.77', standard=False):
        return self.broker.agent_http('POST', '/agent/v1/redeem', {
            'locator': locator, 'secret': secret, 'client_address': client_address,
            'standard': standard}, self.certificate)

    def sessions(self, *sessions, wait_ms=0):
        return self.broker.agent_http('POST', '/agent/v1/sessions', {
            'wait_ms': wait_ms, 'sessions': [s if isinstance(s, dict) else {'id': s} for s in sessions]},
            self.certificate)

    def events(self, *events):
        return self.broker.agent_http('POST', '/agent/v1/events', {'events': list(events)},
                                      self.certificate)

    # --- a host that goes on by itself ------------------------------------------------------------

    def start(self, state='ready'):
        self.ran = threading.Thread(target=self._run, args=(state,), daemon=True)
        self.ran.start()
        return self

    def _run(self, state):
        while not self.stopping:
            try:
                answer = self.sync(wait_ms=500)
                if answer.status == 200 and answer.body['generation'] != self.generation:
                    self.apply(answer.body, state)
                    self.sync()
            except (OSError, ValueError, http.client.HTTPException):
                time.sleep(0.05)    # the broker is down: that is the one thing to wait for

    def stop(self):
        self.stopping = True
        if self.ran:
            self.ran.join(20)
