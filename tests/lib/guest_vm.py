# SPDX-License-Identifier: Apache-2.0
"""Starts a golden image in QEMU the way a host agent does, and plays the host's side of the guest
link. Nothing of Genkan's own programs is used, so that a test can hold them against it."""

import base64
import hashlib
import json
import os
import select
import signal
import socket
import struct
import subprocess
import time

QEMU = os.environ.get("GENKAN_QEMU", "qemu-system-x86_64")


class LineSocket:
    """Newline-delimited JSON over a unix socket that QEMU serves."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.connect(path)
        self.rest = b""

    def send(self, message):
        self.socket.sendall(json.dumps(message).encode() + b"\n")

    def send_raw(self, data):
        self.socket.sendall(data)

    def receive(self, timeout=60.0):
        """The next object, or None when nothing came in time."""
        deadline = time.monotonic() + timeout
        while b"\n" not in self.rest:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self.socket], [], [], left)[0]:
                return None
            data = self.socket.recv(65536)
            if not data:
                raise ConnectionError("QEMU closed the socket")
            self.rest += data
        line, self.rest = self.rest.split(b"\n", 1)
        return json.loads(line.lstrip(b"\xff"))

    def close(self):
        self.socket.close()


class GuestAgent:
    """qemu-guest-agent: the tests' eyes inside the desktop."""

    def __init__(self, path):
        self.lines = LineSocket(path)

    def call(self, command, timeout=120.0, **arguments):
        self.lines.send({"execute": command, "arguments": arguments})
        answer = self.lines.receive(timeout)
        if answer is None:
            raise TimeoutError(f"{command}: the guest agent did not answer")
        if "error" in answer:
            raise RuntimeError(f"{command}: {answer['error']}")
        return answer["return"]

    def run(self, *argv, timeout=120.0):
        """(exit status, standard output, standard error) of a program in the desktop, as root."""
        deadline = time.monotonic() + timeout
        pid = self.call("guest-exec", path=argv[0], arg=list(argv[1:]),
                        **{"capture-output": True})["pid"]
        while True:
            status = self.call("guest-exec-status", pid=pid)
            if status["exited"]:
                break
            if time.monotonic() > deadline:
                raise TimeoutError(f"{argv}: still running")
            time.sleep(0.1)  # the agent's protocol has no event for it
        text = [base64.b64decode(status.get(k, "")).decode(errors="replace")
                for k in ("out-data", "err-data")]
        return status.get("exitcode", -status.get("signal", 0)), text[0], text[1]

    def shell(self, script, timeout=120.0):
        status, out, err = self.run("/bin/sh", "-c", script, timeout=timeout)
        if status != 0:
            raise RuntimeError(f"{script!r} in the desktop: status {status}: {err}")
        return out


class SigningKey:
    """The broker's Ed25519 key for guest credentials, by way of the openssl program."""

    def __init__(self, directory):
        self.path = os.path.join(directory, "guest-signing.key")
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.path],
                       check=True)
        der = subprocess.run(["openssl", "pkey", "-in", self.path, "-pubout", "-outform", "DER"],
                             check=True, capture_output=True).stdout
        self.public = der[-32:]

    def sign(self, message):
        data = self.path + ".message"
        with open(data, "wb") as file:
            file.write(message)
        return subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path,
                               "-in", data], check=True, capture_output=True).stdout

    def credential(self, desktop, epoch, user, uid=100001, display_name="", expires_in=120.0,
                   nonce=None):
        """The password of one login."""
        expires_at_ms = int((time.time() + expires_in) * 1000)
        name = display_name.encode()[:113 - 39 - len(user)].decode(errors="ignore").encode()
        body = struct.pack(">B8sQIQ8s", 1, bytes.fromhex(desktop), epoch, uid, expires_at_ms,
                           nonce or os.urandom(8))
        body += bytes([len(user)]) + user.encode() + bytes([len(name)]) + name
        signature = self.sign(b"genkan guest credential 1" + body)
        return "gk1." + base64.urlsafe_b64encode(body + signature).rstrip(b"=").decode()


class GuestVM:
    """One desktop on a fresh overlay. `rdp_port` is where its port 3389 appears on 127.0.0.1;
    with `tap` the desktop is on that interface instead, at `address`."""

    def __init__(self, image, directory, memory_mib=1024, cpus=2, accel="tcg,thread=multi",
                 rdp_port=0, tap=None, address="10.0.2.15", gateway="10.0.2.2"):
        self.image, self.directory = os.path.abspath(image), os.path.abspath(directory)
        self.memory_mib, self.cpus, self.accel = memory_mib, cpus, accel
        self.tap, self.address, self.gateway = tap, address, gateway
        self.rdp_port = rdp_port or free_port()
        self.overlay = os.path.join(self.directory, "overlay.qcow2")
        self.desktop = os.urandom(8).hex()
        self.process = self.link = self.agent = None
        self.request_id = 0

    def path(self, name):
        return os.path.join(self.directory, name)

    def arguments(self):
        if self.tap:
            netdev = f"tap,id=net0,ifname={self.tap},script=no,downscript=no"
        else:
            netdev = f"user,id=net0,restrict=on,hostfwd=tcp:127.0.0.1:{self.rdp_port}-:3389"
        return [
            QEMU, "-nodefaults", "-no-user-config", "-machine", "q35,usb=off",
            "-accel", self.accel, "-cpu", "max", "-m", str(self.memory_mib),
            "-smp", str(self.cpus), "-display", "none", "-vga", "none",
            "-blockdev", f"driver=qcow2,node-name=disk0,file.driver=file,"
                         f"file.filename={self.overlay},discard=unmap",
            "-device", "virtio-blk-pci,drive=disk0,bootindex=0",
            "-netdev", netdev,
            "-device", "virtio-net-pci,netdev=net0,romfile=,mac=52:54:00:67:6b:01",
            "-device", "virtio-serial-pci",
            "-chardev", f"socket,id=qga,path={self.path('qga.sock')},server=on,wait=off",
            "-device", "virtserialport,chardev=qga,name=org.qemu.guest_agent.0",
            "-chardev", f"socket,id=guest,path={self.path('guest.sock')},server=on,wait=off",
            "-device", "virtserialport,chardev=guest,name=org.genkan.guest.0",
            "-device", "virtio-rng-pci", "-device", "vmgenid,guid=auto",
            "-chardev", f"file,id=serial,path={self.path('serial.log')}",
            "-serial", "chardev:serial",
            "-qmp", f"unix:{self.path('qmp.sock')},server=on,wait=off",
        ]

    def start(self):
        if not os.path.exists(self.overlay):
            subprocess.run(["qemu-img", "create", "-q", "-f", "qcow2", "-b", self.image,
                            "-F", "qcow2", self.overlay], check=True)
        self.started_at = time.monotonic()
        with open(self.path("qemu.log"), "wb") as log:
            self.process = subprocess.Popen(self.arguments(), stdout=log, stderr=log)
        deadline = time.monotonic() + 10
        while not os.path.exists(self.path("qmp.sock")):
            if self.process.poll() is not None or time.monotonic() > deadline:
                with open(self.path("qemu.log"), encoding="utf-8", errors="replace") as log:
                    raise RuntimeError("QEMU did not start: " + log.read())
            time.sleep(0.02)  # QEMU tells nobody that its sockets are there
        self.link = LineSocket(self.path("guest.sock"))
        self.agent = GuestAgent(self.path("qga.sock"))
        return self

    def stop(self):
        for lines in (self.link, self.agent and self.agent.lines):
            if lines:
                lines.close()
        if self.process and self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()

    def wait_event(self, event, timeout=120.0):
        deadline = time.monotonic() + timeout
        while True:
            message = self.link.receive(max(0.0, deadline - time.monotonic()))
            if message is None:
                raise TimeoutError(f"no event {event!r} from the desktop within {timeout} s")
            if message.get("event") == event:
                return message

    def request(self, message, timeout=120.0):
        """Sends a command and returns its answer; events in between are dropped."""
        self.request_id += 1
        self.link.send({**message, "id": self.request_id})
        deadline = time.monotonic() + timeout
        while True:
            answer = self.link.receive(max(0.0, deadline - time.monotonic()))
            if answer is None:
                raise TimeoutError(f"{message['cmd']}: no answer from the desktop")
            if answer.get("id") == self.request_id:
                return answer

    def identity(self, key, epoch=1, hostname="desk-001", desktop=None, **changes):
        """The identity command for this desktop; `key` is the SigningKey that it shall trust."""
        return {
            "cmd": "identity", "desktop": desktop or self.desktop, "epoch": epoch,
            "hostname": hostname, "address": self.address, "prefix": 24,
            "gateway": self.gateway, "dns": [],
            "machine_id": hashlib.sha256(self.desktop.encode()).hexdigest()[:32],
            "seed": base64.b64encode(os.urandom(64)).decode(),
            "time_ms": int(time.time() * 1000),
            "guest_public_key": base64.b64encode(key.public).decode(), **changes,
        }


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
