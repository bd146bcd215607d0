# SPDX-License-Identifier: Apache-2.0
"""Reads GET /v1/events of a broker as a browser would."""
import contextlib
import http.client
import json
import queue
import socket
import threading


class EventStream:
    def __init__(self, broker, token=None, certificate=None, path='/v1/events', headers=None, seconds=20):
        self.link = http.client.HTTPSConnection('127.0.0.1', broker.port, timeout=seconds,
                                                context=broker.context(certificate))
        headers = dict(headers or {})
        if token:
            headers['Authorization'] = f'Bearer {token}'
        self.link.request('GET', path, None, headers)
        self.answer = self.link.getresponse()
        self.status, self.last_id = self.answer.status, ''
        self.events = queue.Queue()
        if self.status == 200:
            self.reader = threading.Thread(target=self._read, daemon=True)
            self.reader.start()
            assert self.next()['event'] == 'hello'

    def _read(self):
        event = {}
        try:
            for line in self.answer:
                line = line.decode().rstrip('\n')
                if line:
                    key, _, value = line.partition(':')
                    event[key] = value.strip()
                elif 'event' in event:
                    self.events.put(event)
                    event = {}
                else:
                    event = {}      # a heartbeat
        except (OSError, ValueError, http.client.HTTPException, AttributeError):
            pass
        self.events.put(None)

    def next(self, seconds=10):
        event = self.events.get(timeout=seconds)
        if event:
            self.last_id = event.get('id', self.last_id)
        return event

    def hint(self, seconds=10, **wanted):
        """The next one with these members."""
        while True:
            event = self.next(seconds)
            assert event, 'the stream has ended'
            data = json.loads(event['data'])
            if all(data.get(k) == v for k, v in wanted.items()):
                return data

    def quiet(self, seconds=0.6):
        """Nothing comes for so long."""
        try:
            return self.next(seconds) is None
        except queue.Empty:
            return True

    def close(self):
        if self.link.sock:
            with contextlib.suppress(OSError):
                self.link.sock.shutdown(socket.SHUT_RDWR)   # wakes the reader
        self.link.close()

    def __enter__(self):
        return self

    def __exit__(self, *why):
        self.close()
