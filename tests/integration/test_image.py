# SPDX-License-Identifier: Apache-2.0
"""The golden image as a host finds it: booted from its disk, given an identity over the guest link,
entered with a signed one-time credential through a real RDP client."""

import hashlib
import json
import os
import re
import shutil
import socket
import ssl
import struct
import subprocess
import time

import pytest

from guest_vm import GuestVM, SigningKey

IMAGE = os.environ.get("GENKAN_TEST_IMAGE") or os.environ.get("GENKAN_IMAGE", "")
EPOCH = 7

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not os.path.exists(IMAGE), reason="no golden image: run deploy/image/build"),
    *[pytest.mark.skipif(not shutil.which(tool), reason=f"{tool} is missing")
      for tool in ("qemu-system-x86_64", "xfreerdp3", "Xvfb", "import", "openssl")],
]


class Desktop:
    """A booted image with an identity."""

    def __init__(self, directory):
        self.key = SigningKey(directory)
        self.vm = GuestVM(IMAGE, directory)

    def boot(self):
        self.vm.start()
        self.vm.wait_event("ready")
        self.listening_before = rdp_answers(self.vm.rdp_port)
        self.answer = self.vm.request(self.vm.identity(self.key, epoch=EPOCH))
        assert self.answer["ok"], self.answer
        return self

    def credential(self, user, **changes):
        arguments = {"desktop": self.vm.desktop, "epoch": EPOCH, "user": user, **changes}
        return self.key.credential(**arguments)


def rdp_answers(port):
    """True when something answers an X.224 connection request by choosing TLS."""
    request = bytes.fromhex("030000130ee000000000000100080001000000")
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=3) as s:
            s.sendall(request)
            return s.recv(64)[5:6] == b"\xd0"
    except OSError:
        return False


def served_certificate(port):
    """SHA-256 of the certificate that the RDP server shows after X.224."""
    with socket.create_connection(("127.0.0.1", port), timeout=20) as s:
        s.sendall(bytes.fromhex("030000130ee000000000000100080001000000"))
        length = struct.unpack(">H", s.recv(4, socket.MSG_WAITALL)[2:4])[0]
        s.recv(length - 4, socket.MSG_WAITALL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(s) as tls:
            return hashlib.sha256(tls.getpeercert(binary_form=True)).hexdigest()


class Viewer:
    """xfreerdp3 on a screen of its own."""

    def __init__(self, directory, port, user, password, size="1024x768", options=()):
        self.directory, self.name = directory, f"{user}-{size}-{time.monotonic_ns()}"
        read_end, write_end = os.pipe()
        self.screen = subprocess.Popen(
            ["Xvfb", "-noreset", "-displayfd", str(write_end), "-screen", "0", f"{size}x24", "-nolisten", "tcp"],
            pass_fds=[write_end], stderr=subprocess.DEVNULL)
        os.close(write_end)
        with os.fdopen(read_end) as pipe:
            self.display = ":" + pipe.readline().strip()
        self.log_path = os.path.join(directory, self.name + ".log")
        environment = {**os.environ, "DISPLAY": self.display, "HOME": directory}
        arguments = [f"/v:127.0.0.1:{port}", f"/u:{user}", "/sec:tls", "/cert:ignore",
                     f"/size:{size}", "/log-level:WARN", f"/p:{password}", *options]
        with open(self.log_path, "wb") as log:
            self.client = subprocess.Popen(["xfreerdp3", *arguments], env=environment,
                                           stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def screenshot(self):
        path = os.path.join(self.directory, self.name + ".png")
        subprocess.run(["import", "-display", self.display, "-window", "root", path], check=True)
        return path

    def colours(self):
        """How many different colours the screen shows; a black one or a login box has few."""
        out = subprocess.run(["identify", "-format", "%k", self.screenshot()], check=True,
                             capture_output=True, text=True).stdout
        return int(out)

    def wait_for_desktop(self, timeout=120):
        deadline = time.monotonic() + timeout
        while self.colours() < 500:
            assert self.client.poll() is None, open(self.log_path, encoding="utf-8").read()[-2000:]
            assert time.monotonic() < deadline, f"no desktop: {self.screenshot()}"
            time.sleep(1)

    def close(self):
        for process in (self.client, self.screen):
            if process.poll() is None:
                process.terminate()
            process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


@pytest.fixture(scope="module")
def desktop(tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("image"))
    d = Desktop(directory)
    try:
        yield d.boot()
    finally:
        d.vm.stop()


@pytest.fixture
def viewer(desktop, tmp_path):
    open_viewers = []

    def make(user, password, **options):
        open_viewers.append(Viewer(str(tmp_path), desktop.vm.rdp_port, user, password, **options))
        return open_viewers[-1]

    yield make
    for v in open_viewers:
        v.close()


def processes(desktop, user):
    """{process id: name} of what runs as `user`."""
    out = desktop.vm.agent.shell(f"ps -u {user} -o pid=,comm= || true")
    return {int(line.split()[0]): line.split()[1] for line in out.splitlines()}


def wait_until(condition, timeout=60):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.5)


def test_nothing_listens_before_the_identity(desktop):
    assert desktop.listening_before is False
    assert rdp_answers(desktop.vm.rdp_port)


def test_identity_is_applied(desktop):
    identity = desktop.vm.identity(desktop.key, epoch=EPOCH)
    out = desktop.vm.agent.shell("hostname; cat /etc/machine-id /etc/hostname; date +%s; "
                                 "ip -4 -o addr show eth0; ip route show default; "
                                 "ls -l /run/genkan/rdp/key.pem")
    lines = out.splitlines()
    assert lines[0] == lines[2] == identity["hostname"]
    assert lines[1] == identity["machine_id"]
    assert abs(int(lines[3]) - time.time()) < 5
    assert identity["address"] + "/24" in lines[4]
    assert lines[5].startswith("default via " + identity["gateway"])
    assert lines[6].startswith("-rw-r----- 1 root xrdp")


def test_certificate_is_the_announced_one(desktop):
    assert served_certificate(desktop.vm.rdp_port) == desktop.answer["rdp_certificate_sha256"]


def test_same_identity_again_changes_nothing(desktop):
    before = desktop.vm.agent.shell("systemctl show -p MainPID xrdp xrdp-sesman")
    again = desktop.vm.request(desktop.vm.identity(desktop.key, epoch=EPOCH))
    assert again["ok"]
    assert again["rdp_certificate_sha256"] == desktop.answer["rdp_certificate_sha256"]
    assert desktop.vm.agent.shell("systemctl show -p MainPID xrdp xrdp-sesman") == before


def test_only_a_copy_of_a_template_rehearses(desktop):
    before = desktop.vm.agent.shell("hostname; ip -4 -o addr show eth0")
    answer = desktop.vm.request(desktop.vm.identity(desktop.key, epoch=EPOCH) | {
        "cmd": "rehearse", "hostname": "standby"})
    assert not answer["ok"] and "no copy of a template" in answer["error"], answer
    assert desktop.vm.agent.shell("hostname; ip -4 -o addr show eth0") == before
    assert served_certificate(desktop.vm.rdp_port) == desktop.answer["rdp_certificate_sha256"]


def test_nonsense_on_the_link_is_answered_or_dropped(desktop):
    desktop.vm.link.send_raw(b"x" * 9000 + b"\n")
    desktop.vm.link.send_raw(b'{"cmd":"format","id":99}\n')
    assert desktop.vm.link.receive(20)["ok"] is False
    desktop.vm.link.send_raw(b'{"cmd":"identity","id":100,"desktop":"zz"}\n')
    assert desktop.vm.link.receive(20)["ok"] is False
    assert desktop.vm.request({"cmd": "ping"})["ok"]


def test_nobody_has_a_password_and_no_ssh(desktop):
    shadow = desktop.vm.agent.shell("cut -d: -f1,2 /etc/shadow").split()
    assert all(entry.split(":")[1][:1] in ("!", "*") for entry in shadow)
    listening = desktop.vm.agent.shell("ss -Hltn")
    ports = {re.search(r":(\d+)\s", line).group(1) for line in listening.splitlines()}
    assert ports <= {"3389", "3350"}


def test_login_shows_the_desktop_and_a_second_one_finds_it(desktop, viewer):
    link, user = desktop.vm.link, "tanaka"
    name = "田中 太郎 of the Department of Names That Are Longer Than a Credential Can Hold ありがとう"
    password = desktop.credential(user, uid=100042, display_name=name)
    assert len(password) == 240
    first = viewer(user, password, size="1024x768")
    assert desktop.vm.wait_event("logon", 60)["user"] == user
    first.wait_for_desktop()

    passwd = desktop.vm.agent.shell("grep ^tanaka: /etc/passwd").strip().split(":")
    assert passwd[2] == "100042" and passwd[4] and name.startswith(passwd[4])
    before = processes(desktop, user)
    assert {"Xorg", "icewm", "xrdp-chansrv"} <= set(before.values())
    window_manager = next(pid for pid, n in before.items() if n == "icewm")

    second = viewer(user, desktop.credential(user, uid=100042), size="1280x800",
                    options=["/bpp:16"])
    second.wait_for_desktop()
    after = processes(desktop, user)
    assert after.get(window_manager) == "icewm"
    assert list(after.values()).count("Xorg") == 1

    second.close()
    desktop.vm.agent.shell(f"kill {window_manager}")
    assert desktop.vm.wait_event("logoff", 60)["user"] == user
    wait_until(lambda: not {"Xorg", "icewm"} & set(processes(desktop, user).values()))
    assert link is desktop.vm.link


REFUSED = {
    "expired": {"expires_in": -1},
    "other desktop": {"desktop": "00" * 8},
    "older epoch": {"epoch": EPOCH - 1},
    "newer epoch": {"epoch": EPOCH + 1},
    "system account": {"uid": 0},
    "uid of another account": {"uid": 100042, "_user": "suzuki"},
}


def pam_auth(desktop, user, password):
    """What PAM would be told; the same call as in /etc/pam.d/xrdp-sesman."""
    return desktop.vm.agent.run(
        "/bin/sh", "-c", f"printf %s '{password}' | PAM_USER={user} genkan-guest pam-auth")[0]


@pytest.mark.parametrize("why", REFUSED)
def test_wrong_credential_is_refused(desktop, why):
    desktop.vm.agent.shell("id -u tanaka >/dev/null 2>&1 || useradd -u 100042 tanaka")
    changes = dict(REFUSED[why])
    user = changes.pop("_user", "sato")
    assert pam_auth(desktop, user, desktop.credential(user, **changes)) == 1
    assert desktop.vm.agent.run("/usr/bin/id", user)[0] != 0


def test_credential_works_once_and_for_its_user_only(desktop):
    password = desktop.credential("yamada", uid=100077)
    assert pam_auth(desktop, "sato", password) == 1
    assert pam_auth(desktop, "yamada", "x" + password) == 1
    assert pam_auth(desktop, "yamada", password) == 0
    assert pam_auth(desktop, "yamada", password) == 1
    assert pam_auth(desktop, "root", desktop.credential("root", uid=1000)) == 1


def test_a_password_opens_nothing(desktop, viewer):
    desktop.vm.agent.shell("useradd -m local; echo local:secret123 | chpasswd")
    v = viewer("local", "secret123")
    wait_until(lambda: "pam_authenticate failed" in
               desktop.vm.agent.shell("journalctl -b -t xrdp-sesman -t xrdp-sesman | tail -n 50"))
    assert "Xorg" not in processes(desktop, "local").values()
    v.close()


def test_new_identity_ends_the_old_ones_sessions(desktop, viewer):
    """What a clone of a running template gets, and what a desktop gets that changes hands."""
    viewer("kondo", desktop.credential("kondo", uid=100099)).wait_for_desktop()
    old = dict(desktop.answer)
    identity = desktop.vm.identity(desktop.key, epoch=EPOCH + 1, hostname="desk-002",
                                   desktop=os.urandom(8).hex())
    began = time.monotonic()
    answer = desktop.vm.request(identity)
    print("renewed in", round(time.monotonic() - began, 2), "s")
    assert answer["ok"], answer
    assert answer["rdp_certificate_sha256"] != old["rdp_certificate_sha256"]
    assert served_certificate(desktop.vm.rdp_port) == answer["rdp_certificate_sha256"]
    assert not {"Xorg", "icewm"} & set(processes(desktop, "kondo").values())
    assert desktop.vm.agent.shell("hostname").strip() == "desk-002"
    assert pam_auth(desktop, "kondo", desktop.credential("kondo", uid=100099)) == 1

    began = time.monotonic()
    unused = desktop.vm.request({**identity, "epoch": EPOCH + 2})
    print("renewed without sessions in", round(time.monotonic() - began, 2), "s")
    assert unused["ok"] and unused["rdp_certificate_sha256"] != answer["rdp_certificate_sha256"]
    assert served_certificate(desktop.vm.rdp_port) == unused["rdp_certificate_sha256"]


def test_power_button_shuts_it_down(desktop):
    with socket.socket(socket.AF_UNIX) as qmp:
        qmp.connect(desktop.vm.path("qmp.sock"))
        for command in ("qmp_capabilities", "system_powerdown"):
            qmp.sendall(json.dumps({"execute": command}).encode())
        assert desktop.vm.process.wait(timeout=60) == 0
