#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs one program inside a desktop, over the socket of its qemu-ga on the host.

usage: guest_exec.py SOCKET PROGRAM [ARGUMENT...]

For the demo and the tests, which look into a guest to see whose session it runs. Genkan itself
never uses qemu-ga.
"""
import base64
import contextlib
import json
import os
import secrets
import socket
import sys
import time


class GuestAgent:
    """qemu-ga of one guest, over its socket on the host."""

    def __init__(self, path):
        self.path = str(path)

    def __enter__(self):
        # The path may be longer than a socket address: enter through a descriptor of its folder.
        folder = os.open(os.path.dirname(self.path), os.O_PATH | os.O_DIRECTORY)
        try:
            self.link = socket.socket(socket.AF_UNIX)
            self.link.settimeout(60)
            self.link.connect(f'/proc/self/fd/{folder}/{os.path.basename(self.path)}')
        finally:
            os.close(folder)
        self.reader = self.link.makefile('rb')
        mark = secrets.randbits(30)
        self.link.sendall(b'\xff' + json.dumps({'execute': 'guest-sync-delimited',
                                                'arguments': {'id': mark}}).encode() + b'\n')
        while True:
            line = self.reader.readline().lstrip(b'\xff')
            with contextlib.suppress(ValueError):
                if json.loads(line).get('return') == mark:
                    return self

    def __exit__(self, *_):
        self.reader.close()
        self.link.close()

    def call(self, command, **arguments):
        self.link.sendall(json.dumps({'execute': command, 'arguments': arguments}).encode() + b'\n')
        answer = json.loads(self.reader.readline())
        if 'error' in answer:
            raise RuntimeError(f'{command}: {answer["error"]}')
        return answer['return']

    def run(self, path, *arguments, seconds=60):
        """Runs a program in the guest; returns (status, output)."""
        pid = self.call('guest-exec', path=path, arg=list(arguments),
                        **{'capture-output': True})['pid']
        end = time.monotonic() + seconds
        while True:
            state = self.call('guest-exec-status', pid=pid)
            if state['exited']:
                break
            if time.monotonic() > end:
                raise TimeoutError(f'{path} still runs in the guest after {seconds} s')
            time.sleep(0.1)
        out = base64.b64decode(state.get('out-data', '')) + base64.b64decode(state.get('err-data', ''))
        return state.get('exitcode', -1), out.decode(errors='replace')


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    with GuestAgent(sys.argv[1]) as agent:
        status, out = agent.run(sys.argv[2], *sys.argv[3:])
    sys.stdout.write(out)
    sys.exit(status)


if __name__ == '__main__':
    main()
