# SPDX-License-Identifier: Apache-2.0
"""A fake of the broker's agent link, for tests of the relay alone: it redeems the tickets a test
has made and keeps the events it is told. TLS 1.3, client certificate required, as the real one."""
import base64
import contextlib
import hashlib
import http.server
import json
import secrets
import ssl
import threading
import time

DENY_ALL = {'sound': 'deny', 'microphone': 'deny', 'camera': 'deny', 'clipboard': 'deny',
            'printers': 'deny', 'smart_cards': 'deny', 'removable_storage': 'deny'}


def b64url(data):
    return base64.urlsafe_b64encode(data).decode().rstrip('=')


class Ticket:
    def __init__(self, guest, pin, credential, policy, lifetime_s):
        self.locator, self.secret = b64url(secrets.token_bytes(16)), b64url(secrets.token_bytes(32))
        self.session = secrets.token_hex(8)
        self.guest, self.pin, self.credential, self.policy = guest, pin, credential, policy
        self.expires = time.monotonic() + lifetime_s
        self.used, self.wrong, self.exception = False, 0, None


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    disable_nagle_algorithm = True      # else each answer waits 40 ms between its head and its body

    def log_message(self, *_):
        pass

    def _answer(self, status, body=None):
        data = b'' if body is None else json.dumps(body).encode()
        kind = 'application/json' if status < 400 else 'application/problem+json'
        self.send_response(status)
        self.send_header('Content-Type', kind)
        self.send_header('Content-Length', str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers['Content-Length'])))
        broker = self.server.broker
        if self.path == '/agent/v1/redeem':
            self._answer(*broker._redeem(body))
        elif self.path == '/agent/v1/sessions':
            self._answer(*broker._watch_sessions(body))
        elif self.path == '/agent/v1/events':
            broker._take_events(body['events'])
            self._answer(204)
        else:
            self._answer(404, {'type': 'about:blank', 'title': 'x', 'status': 404, 'code': 'not_found'})


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    allow_reuse_address = True
    broker = None

    def __init__(self, address, context, broker):
        self.context, self.broker, self.open = context, broker, set()
        super().__init__(address, _Handler)

    def handle_error(self, request, client_address):
        pass    # a relay that was killed mid-request is part of the tests

    def finish_request(self, request, client_address):
        with self.context.wrap_socket(request, server_side=True) as tls:
            self.open.add(tls)
            try:
                self.RequestHandlerClass(tls, client_address, self)
            finally:
                self.open.discard(tls)

    def drop_all(self):
        for tls in list(self.open):
            with contextlib.suppress(OSError):
                tls.shutdown(2)


class FakeBroker:
    def __init__(self, ca, certificate, key):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.minimum_version = ssl.TLSVersion.TLSv1_3
        self.context.load_cert_chain(certificate, key)
        self.context.load_verify_locations(ca)
        self.context.verify_mode = ssl.CERT_REQUIRED
        self.tickets, self.events, self.redeemed = {}, [], []
        self.over, self.usage = {}, {}      # session -> reason, session -> what the relay told last
        self.stopping = False
        self.changed = threading.Condition()
        self.server, self.port, self.delay_s = None, 0, 0
        self.up()

    def up(self):
        """Answers from now on, on the port it has always had."""
        self.stopping = False
        self.server = _Server(('127.0.0.1', self.port), self.context, self)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()

    def down(self):
        """Gone: the port is closed and so are open connections."""
        with self.changed:
            self.stopping = True
            self.changed.notify_all()
        self.server.shutdown()
        self.server.server_close()
        self.server.drop_all()

    def ticket(self, guest, pin, user='ticketed', password='gk1.test', policy=None, lifetime_s=30):
        t = Ticket(guest, pin, {'user': user, 'password': password},
                   {**DENY_ALL, **(policy or {})}, lifetime_s)
        self.tickets[t.locator] = t
        return t

    def _redeem(self, body):
        time.sleep(self.delay_s)
        t = self.tickets.get(body['locator'])
        refusal = 403, {'type': 'about:blank', 'title': 'Forbidden', 'status': 403,
                        'code': 'ticket_invalid', 'detail': 'the ticket is not valid'}
        with self.changed:
            if not t or t.used or t.wrong >= 3 or time.monotonic() > t.expires:
                return refusal
            if hashlib.sha256(body['secret'].encode()).digest() != hashlib.sha256(t.secret.encode()).digest():
                t.wrong += 1
                return refusal
            t.used = True
            self.redeemed.append(body['client_address'])
        host, port = t.guest
        return 200, {'session': t.session, 'request': f'seat.{t.session}', 'user': t.credential['user'],
                     'desktop': {'id': '0123456789abcdef', 'name': 'gold-001', 'pool': 'gold'},
                     'guest': {'address': host, 'port': port, 'certificate_sha256': t.pin},
                     'credential': t.credential, 'policy': t.policy,
                     **({'exception': t.exception} if t.exception else {})}

    def _watch_sessions(self, body):
        """Holds the question until a session it lists is over, as the real one does."""
        listed = [s['id'] for s in body['sessions']]
        with self.changed:
            self.usage.update({s['id']: s for s in body['sessions']})
            self.changed.notify_all()
            self.changed.wait_for(lambda: self.stopping or any(s in self.over for s in listed),
                                  body['wait_ms'] / 1000)
            return 200, {'end': [{'session': s, 'reason': self.over[s]} for s in listed if s in self.over]}

    def end_session(self, ticket, reason='session_disconnected'):
        with self.changed:
            self.over[ticket.session] = reason
            self.changed.notify_all()

    def _take_events(self, events):
        with self.changed:
            self.events += events
            self.changed.notify_all()

    def wait_event(self, wanted, timeout_s=10):
        """The first event for which wanted(event) is true."""
        def found():
            return next((e for e in self.events if wanted(e)), None)
        with self.changed:
            if not self.changed.wait_for(found, timeout_s):
                raise TimeoutError(f'no such event; seen: {self.events}')
            return found()

    def of_session(self, ticket):
        with self.changed:
            return [e for e in self.events if e['session'] == ticket.session]
