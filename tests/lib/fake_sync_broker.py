# SPDX-License-Identifier: Apache-2.0
"""A fake of the broker's agent link: real TLS with a CA of its own, /agent/v1/join and
/agent/v1/sync as a host agent sees them, and a test that says what should be."""
import base64
import contextlib
import http.server
import json
import pathlib
import ssl
import subprocess
import threading
import time


def openssl(*arguments, stdin=None):
    return subprocess.run(['openssl', *map(str, arguments)], input=stdin, check=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True).stdout


class FakeSyncBroker:
    """Listens on 127.0.0.1:port of the namespace it is started in."""

    def __init__(self, folder, port=8444):
        self.folder = pathlib.Path(folder)
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port
        self.token = 'one-time-token'
        self.changed = threading.Condition()
        self.generation = 0
        self.desktops = {}
        self.images = []
        self.reports = []           # every body of a sync, oldest first
        self.newest = None          # the one with the highest seq
        self.guest_key = base64.b64encode(bytes(range(32))).decode()
        self.server = None
        self.threads = []
        self._make_certificates()

    @property
    def ca_file(self):
        return self.folder / 'ca.crt'

    def _make_certificates(self):
        f = self.folder
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                '-keyout', f / 'ca.key', '-out', f / 'ca.crt', '-subj', '/CN=fake CA', '-days', '2')
        openssl('req', '-new', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes',
                '-keyout', f / 'broker.key', '-out', f / 'broker.csr', '-subj', '/CN=broker')
        (f / 'san').write_text('subjectAltName=IP:127.0.0.1\n')
        openssl('x509', '-req', '-in', f / 'broker.csr', '-CA', f / 'ca.crt', '-CAkey',
                f / 'ca.key', '-CAcreateserial', '-days', '2', '-extfile', f / 'san', '-out',
                f / 'broker.crt')

    def _sign(self, name, csr):
        (self.folder / 'host.csr').write_text(csr)
        openssl('req', '-in', self.folder / 'host.csr', '-verify', '-noout')
        return openssl('x509', '-req', '-in', self.folder / 'host.csr', '-CA',
                       self.folder / 'ca.crt', '-CAkey', self.folder / 'ca.key', '-CAcreateserial',
                       '-days', '2')

    # --- what the test says and asks ---

    def want(self, *desktops, images=None):
        """The whole of what the host should have, as a new generation."""
        with self.changed:
            self.desktops = {d['id']: d for d in desktops}
            if images is not None:
                self.images = images
            self.generation += 1
            self.changed.notify_all()

    def reported(self, desktop):
        """The newest report of one desktop, or None."""
        with self.changed:
            for item in (self.newest or {}).get('desktops', []):
                if item['id'] == desktop:
                    return item
            return None

    def wait(self, what, condition, seconds=30):
        """Waits for reports until condition() is true; returns its value."""
        end = time.monotonic() + seconds
        with self.changed:
            while True:
                value = condition()
                if value:
                    return value
                left = end - time.monotonic()
                if left <= 0:
                    raise AssertionError(f'waited {seconds} s in vain: {what}; newest report: '
                                         f'{json.dumps(self.newest)}')
                self.changed.wait(left)

    def wait_desktop(self, desktop, seconds=30, **fields):
        """Waits until the desktop is reported with these fields."""
        def matches():
            item = self.reported(desktop)
            return item if item and all(item[k] == v for k, v in fields.items()) else None
        return self.wait(f'desktop {desktop} with {fields}', matches, seconds)

    def wait_gone(self, desktop, seconds=30):
        def gone():
            return self.newest is not None and self.reported(desktop) is None
        self.wait(f'desktop {desktop} gone', gone, seconds)

    # --- the link ---

    def start(self):
        broker = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            disable_nagle_algorithm = True  # an answer in two parts would wait 40 ms in between

            def do_POST(self):
                length = int(self.headers.get('Content-Length', 0))
                status, answer = broker._answer(self.path, json.loads(self.rfile.read(length)),
                                                self.connection.getpeercert())
                if self.server is not broker.server:    # it has stopped: no answer
                    self.close_connection = True
                    return
                body = json.dumps(answer).encode()
                self.send_response(status)
                self.send_header('Content-Type', 'application/json')
                self.send_header('Content-Length', str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        class Server(http.server.ThreadingHTTPServer):
            daemon_threads = True
            allow_reuse_address = True

            def finish_request(self, request, address):
                with contextlib.suppress(ssl.SSLError, OSError):
                    super().finish_request(tls.wrap_socket(request, server_side=True), address)

        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.minimum_version = ssl.TLSVersion.TLSv1_3
        tls.load_cert_chain(self.folder / 'broker.crt', self.folder / 'broker.key')
        tls.load_verify_locations(self.ca_file)
        tls.verify_mode = ssl.CERT_OPTIONAL
        self.server = Server(('127.0.0.1', self.port), Handler)
        thread = threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        self.threads.append(thread)

    def stop(self):
        """Refuses new connections and answers no more on those that are open."""
        if self.server:
            self.server.shutdown()
            self.server.server_close()
            self.server = None
            with self.changed:
                self.changed.notify_all()

    def _answer(self, path, body, certificate):
        if path == '/agent/v1/join':
            if body['token'] != self.token:
                return 403, {'title': 'Forbidden', 'status': 403, 'code': 'forbidden',
                             'detail': 'this token is not known', 'type': 'about:blank'}
            return 200, {'certificate_pem': self._sign(body['name'], body['csr_pem']),
                         'ca_pem': self.ca_file.read_text()}
        if not certificate:
            return 403, {'title': 'Forbidden', 'status': 403, 'code': 'forbidden',
                         'detail': 'no host certificate', 'type': 'about:blank'}
        return 200, self._sync(body)

    def _sync(self, body):
        end = time.monotonic() + body['wait_ms'] / 1000
        with self.changed:
            self.reports.append(body)
            if self.newest is None or body['seq'] > self.newest['seq']:
                self.newest = body
            self.changed.notify_all()
            while self.generation <= body['generation'] and self.server:
                left = end - time.monotonic()
                if left <= 0:
                    break
                self.changed.wait(left)
            return {'generation': self.generation, 'images': self.images,
                    'desktops': list(self.desktops.values()),
                    'guest_public_key': self.guest_key}
