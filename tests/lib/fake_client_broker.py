# SPDX-License-Identifier: Apache-2.0
"""A fake broker for tests of genkan-client. It speaks HTTPS as the real one does; what it answers
depends on the user name:

  alice    one desktop, ready at once
  slow     one desktop, prepared in stages, each of them held until release() or step_s passed
  choice   two desktops to choose from
  none     no desktop
  queue    one desktop, after two in the line before them went, release() by release()
  hurry    throttled        dark     directory_unreachable        full   pool_full
  odd      an answer that is no problem document

and everybody else has the wrong password, as has everybody whose password is not 'secret'.
"""
import base64
import json
import ssl
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PASSWORD = "secret"
LOCATOR = base64.urlsafe_b64encode(bytes(range(16))).rstrip(b"=").decode()
SECRET = base64.urlsafe_b64encode(bytes(range(100, 132))).rstrip(b"=").decode()
DESKTOP = "00000000000000aa"
KNOWN = ("office", "0123456789abcdef", DESKTOP)
STAGES = [("queued", 5), ("starting", 25), ("booting", 60), ("identity", 90)]

PROBLEMS = {
    "hurry": (429, "throttled", {"retry_after_ms": 30000}),
    "dark": (503, "directory_unreachable", {}),
    "full": (503, "pool_full", {}),
}


def nowhere():
    """A ticket for a relay that is not there."""
    return "127.0.0.1", 9, "00" * 32, LOCATOR, SECRET


class FakeClientBroker:
    """`ticket` makes (host, port, certificate_sha256, locator, secret) when a desktop is ready."""

    def __init__(self, crt, key, ticket=nowhere, step_s=None):
        self.ticket = ticket
        self.step_s = step_s
        self.requests = []  # (method, path, body, bearer)
        self.stage = {}
        self._gate = threading.Semaphore(0)
        self._closing = False
        self.expired = False    # nobody's sign-in is good any more
        self.may = {"restart": True, "reset": True}
        self.refuse = None      # a reason code for restart and reset
        self.exception = None   # goes along with the ticket
        self.notices = []
        self._news = threading.Condition()
        fake = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *args):
                pass

            def _run(self):
                length = int(self.headers.get("Content-Length") or 0)
                body = json.loads(self.rfile.read(length) or b"{}")
                bearer = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                fake.requests.append((self.command, self.path, body, bearer))
                status, answer = fake.answer(self.command, self.path, body, bearer)
                data = b"" if answer is None else (
                    answer if isinstance(answer, bytes) else json.dumps(answer).encode())
                self.send_response(status)
                self.send_header("Content-Type", "application/json" if status < 400
                                 else "application/problem+json")
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            do_GET = do_POST = do_DELETE = _run

        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        context.load_cert_chain(crt, key)

        class Server(ThreadingHTTPServer):
            daemon_threads = True

            def get_request(self):
                connection, address = super().get_request()
                connection.settimeout(60)
                return context.wrap_socket(connection, server_side=True,
                                           do_handshake_on_connect=False), address

            def handle_error(self, request, client_address):
                pass  # refused handshakes are part of the tests

        self._server = Server(("127.0.0.1", 0), Handler)
        self.address = f"127.0.0.1:{self._server.server_port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *exc):
        self._closing = True
        for _ in range(16):
            self._gate.release()
        with self._news:
            self._news.notify_all()
        self._server.shutdown()
        self._server.server_close()

    def release(self):
        """Lets a desktop that is being prepared reach its next stage."""
        self._gate.release()

    def notify(self, kind, what="", text=""):
        """Something the user is to be told."""
        with self._news:
            self.notices.append({"seq": len(self.notices) + 1, "desktop": DESKTOP, "kind": kind,
                                 "what": what, "text": text, "at_ms": 0})
            self._news.notify_all()

    def paths(self):
        return [f"{m} {p}" for m, p, _, _ in self.requests]

    # --- answers ---

    @staticmethod
    def problem(status, code, more=None):
        return status, {"type": "about:blank", "title": code, "status": status,
                        "detail": f"the fake says {code}", "code": code, **(more or {})}

    def answer(self, method, path, body, bearer):
        if method == "POST" and path == "/v1/login":
            return self.login(body)
        user = bearer.removeprefix("token-of-")
        if self.expired or not bearer.startswith("token-of-"):
            return self.problem(401, "session_expired")
        if method == "DELETE" and path == "/v1/session":
            return 204, None
        if method == "GET" and path.startswith("/v1/notices?"):
            return self.news(int(path.split("after=")[1].split("&")[0]))
        parts = path.split("/")
        if method == "POST" and len(parts) == 5 and parts[3] in KNOWN:
            if parts[4] == "connect":
                return self.connect(user, parts[3], body)
            if parts[4] in self.may and not self.may[parts[4]]:
                return self.problem(403, "forbidden")
            if parts[4] in self.may:
                return self.problem(503, self.refuse) if self.refuse else (204, None)
        return self.problem(404, "not_found")

    def news(self, after):
        with self._news:
            self._news.wait_for(lambda: len(self.notices) > after or self._closing, 20)
            return 200, {"seq": len(self.notices), "notices": self.notices[after:]}

    def login(self, body):
        user = body.get("user")
        if user in PROBLEMS:
            return self.problem(*PROBLEMS[user])
        if user == "odd":
            return 502, b"<html>Bad gateway</html>"
        if user not in ("alice", "slow", "queue", "choice", "none") or body.get("password") != PASSWORD:
            return self.problem(401, "wrong_credentials")
        answer = {"token": f"token-of-{user}", "user": user, "display_name": user.title(),
                  "desktops": []}
        if user == "choice":
            answer["desktops"] = [
                {"id": "office", "pool": "office", "title": "Office 事務", "state": "none"},
                {"id": "0123456789abcdef", "pool": "cad", "title": "Drawing 設計",
                 "state": "ready"}]
        elif user != "none":
            answer["desktops"] = [{"id": "office", "pool": "office", "title": "Office",
                                   "state": "none"}]
            answer["connect"] = self.connect(user, "office", {})[1]
        return 200, answer

    def connect(self, user, wanted, body):
        desktop = {"id": DESKTOP, "name": "office-001",
                   "pool": "cad" if wanted == "0123456789abcdef" else "office",
                   "title": "Drawing 設計" if wanted == "0123456789abcdef" else "Office"}
        if user == "slow":
            step = self.stage.setdefault(user, 0)
            if body.get("seen") == (STAGES[step][0] if step < len(STAGES) else None):
                self._gate.acquire(timeout=self.step_s)
                step = self.stage[user] = step + 1
            if step < len(STAGES) and not self._closing:
                stage, percent = STAGES[step]
                return 202, {"status": "preparing", "desktop": desktop, "stage": stage,
                             "percent": percent, "code": "desktop_starting", "detail": "",
                             "retry_after_ms": 100}
        if user == "queue":
            step = self.stage.setdefault(user, 0)
            if body.get("seen_position") == 2 - step:
                self._gate.acquire(timeout=self.step_s)
                step = self.stage[user] = step + 1
            if step < 2 and not self._closing:
                return 202, {"status": "preparing", "desktop": {**desktop, "id": "office"},
                             "stage": "waiting", "percent": 0, "position": 2 - step,
                             "estimate_ms": 90000 - 60000 * step, "why": "pool_full",
                             "code": "waiting_for_desktop", "detail": "", "retry_after_ms": 100}
        host, port, pin, locator, secret = self.ticket()
        more = {"exception": self.exception} if self.exception else {}
        return 200, {"status": "ready", "desktop": desktop,
                     "endpoint": {"host": host, "port": port},
                     "locator": locator, "secret": secret, "certificate_sha256": pin,
                     "expires_in_ms": 30000,
                     "policy": {"sound": "allow", "clipboard": "deny"},
                     "self_service": self.may, **more}
