#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Requests made from docs/openapi.yaml, right, nearly right and broken, from every role, against a broker
built with sanitizers: it must not crash, never answer 500, name each refusal by a code that is known, and
not grow.

	GENKAN_BUILD=build tests/hostile/api_fuzz.py --minutes 10 [--seed N]
"""
import argparse
import http.client
import json
import os
import pathlib
import random
import re
import sys
import tempfile
import threading
import time
import urllib.parse

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / name) for name in ('lib', 'integration')]

import openapi  # noqa: E402
from broker import TOP, Broker, pool  # noqa: E402
from fake_agent import FakeAgent  # noqa: E402
from slapd import Slapd  # noqa: E402
from test_roles import ROLES, STAFF, staff_ldif, staff_login  # noqa: E402

NASTY = ['', '0', '-1', 'A' * 300, '../../etc/passwd', '%00', '\u0000', '\u202e', "';--", '%', '{id}', '山田', '\ud7ff', '<svg>', ' ',
         'sales', 'gold', 'hanako', 'stable', 'canary', '0' * 16, 'f' * 64, '\n', '"', '\\', '9' * 30, 'NaN']
NUMBERS = [0, 1, -1, 2, 100, 10 ** 6, 2 ** 31, 2 ** 53, 2 ** 63 - 1, 2 ** 63, -2 ** 63, 10 ** 40, 0.5, 1e308, True, None]
CODES = set(re.findall(r'^\| `(\w+)`', (TOP / 'docs/reason-codes.md').read_text(), re.M))


class Maker:
    """Requests out of one seed."""

    def __init__(self, seed, ids):
        self.random, self.ids = random.Random(seed), ids
        self.operations = list(openapi.operations())

    def value(self, schema, depth=0):
        pick = self.random
        schema = openapi.resolve(schema)
        if pick.random() < 0.04:
            return pick.choice([None, [], {}, 'x', 7, [[[[]]]], {'a': {'b': {}}}, pick.choice(NASTY), pick.choice(NUMBERS)])
        if 'enum' in schema:
            return pick.choice(schema['enum'])
        if 'anyOf' in schema:
            return self.value(pick.choice(schema['anyOf']), depth + 1)
        kind = schema.get('type', 'object')
        if kind == 'string':
            return pick.choice(NASTY + self.ids)
        if kind in ('integer', 'number'):
            return pick.choice(NUMBERS) if pick.random() < 0.4 else pick.randrange(0, 50)
        if kind == 'boolean':
            return pick.random() < 0.5
        if kind == 'array':
            return [self.value(schema['items'], depth + 1) for _ in range(pick.choice([0, 1, 1, 2, 5]))]
        made = {}
        for name, inner in schema.get('properties', {}).items():
            if name in schema.get('required', ()) and pick.random() < 0.95 or pick.random() < 0.4:
                made[name] = self.value(inner, depth + 1)
        if pick.random() < 0.05:
            made[pick.choice(NASTY)] = pick.choice(NASTY)
        if 'wait_ms' in made:
            made['wait_ms'] = pick.choice([0, 1, 30, -1, 'x'])
        if 'user' in made and made['user'] in STAFF:
            made['user'] = 'paula'
        return made

    def body(self, operation):
        content = operation.get('requestBody', {}).get('content', {})
        pick = self.random
        if not content and pick.random() < 0.95:
            return None
        schema = next(iter(content.values()), {}).get('schema', {'type': 'object'})
        data = json.dumps(self.value(schema), ensure_ascii=pick.random() < 0.5).encode('utf-8', 'surrogatepass')
        how = pick.random()
        if how < 0.85:
            return data
        if how < 0.90:
            return data[:pick.randrange(len(data) + 1)]
        if how < 0.94:
            return b'[' * pick.choice([10, 3000, 100000])
        if how < 0.97:
            return bytes(pick.randrange(256) for _ in range(pick.choice([1, 40, 4000])))
        return b'{"a":' + b'"' + b'x' * pick.choice([1000, 200000, 1048500, 1100000]) + b'"}'

    def request(self):
        pick = self.random
        method, path, operation = pick.choice(self.operations)
        if path == '/v1/admin/revoke-all' and pick.random() < 0.97:
            path = '/v1/health'
        path = path.replace('{id}', urllib.parse.quote(pick.choice(self.ids + NASTY[:8]), safe=''))
        query = {}
        for p in operation.get('parameters', ()):
            if p.get('in') == 'query' and pick.random() < 0.6:
                value = pick.choice([pick.randrange(0, 200), pick.choice(NASTY + self.ids), pick.choice(NUMBERS)])
                query[p['name']] = pick.choice([0, 5, 'x']) if p['name'] == 'wait_ms' else value
        if query:
            path += '?' + urllib.parse.urlencode({k: str(v).encode('utf-8', 'replace') for k, v in query.items()})
        if pick.random() < 0.02:
            path += pick.choice(['?', '&&&', '%', '/..', '#x', '?limit=1&limit=2', '%zz'])
        headers = {'Content-Type': 'application/json'}
        if pick.random() < 0.1:
            headers.update(pick.choice([{'X-Genkan-Console': '1'}, {'Cookie': '__Host-genkan=' + 'A' * 43}, {'Cookie': '__Host-genkan-staff=;;;=;'},
                                        {'If-Match': '"zz"'}, {'If-Match': '*'}, {'Last-Event-ID': '-'}, {'Last-Event-ID': 'ffffffff-18446744073709551615'},
                                        {'Sec-Fetch-Site': 'cross-site'}, {'X-Long': 'y' * 9000}, {'Idempotency-Key': pick.choice(['', 'k1', 'k2', 'k' * 129, 'a b'])}, {'X-Request-Id': pick.choice(['', 'a' * 64, 'a' * 65, 'x y', '"', '=\x7f'])}, {'Range': 'bytes=0-'}]))
        return pick.choice([method] * 30 + ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'OPTIONS', 'HEAD']), path, headers, self.body(operation)


class Fuzz:
    def __init__(self, site, seed):
        self.site, self.seed, self.lock = site, seed, threading.Lock()
        self.count, self.by_status, self.faults = 0, {}, []
        self.tokens = {}

    def token(self, who, fresh=False):
        with self.lock:
            if fresh or who not in self.tokens:
                answer = self.site.login('hanako') if who == 'employee' else staff_login(self.site, who)
                self.tokens[who] = answer.body.get('token', '')
            return self.tokens[who]

    def one(self, maker, link, who):
        method, path, headers, body = maker.request()
        if who not in ('stranger', 'certificate'):
            headers['Authorization'] = f'Bearer {self.token(who)}'
        try:
            link.request(method, path, body, headers)
            answer = link.getresponse()
            if answer.getheader('Content-Type', '').startswith('text/event-stream'):
                link.close()    # it would go on for ever
                text = b''
            else:
                text = answer.read()
        except (http.client.HTTPException, OSError, UnicodeError, ValueError):
            link.close()        # not sent, cut off as too large, or a method that is not known
            return
        self.judge(who, method, path, body, answer, text)
        if answer.status == 401 and who in self.tokens:
            self.token(who, fresh=True)

    def judge(self, who, method, path, body, answer, text):
        with self.lock:
            self.count += 1
            self.by_status[answer.status] = self.by_status.get(answer.status, 0) + 1
        fault = ''
        if answer.status == 500:
            fault = 'answered 500'
        elif answer.status >= 400 and answer.getheader('Content-Type') == 'application/problem+json':
            code = json.loads(text)['code']
            fault = '' if code in CODES and code != 'internal' else f'code {code}'
        elif answer.getheader('Content-Type') == 'application/json' and text:
            json.loads(text)
        if fault:
            self.faults.append(f'{fault}: {who} {method} {path} {(body or b"")[:300]!r} -> {text[:200]!r}')

    def worker(self, number, ids, until):
        maker = Maker(f'{self.seed}/{number}', ids)
        who = ['stranger', 'employee', *STAFF, 'certificate']
        links = {}
        while time.monotonic() < until and self.site.process.poll() is None and len(self.faults) < 20:
            name = maker.random.choice(who)
            if name not in links:
                links[name] = http.client.HTTPSConnection('127.0.0.1', self.site.port, timeout=20, context=self.site.context(
                    self.site.admin_certificate if name == 'certificate' else None))
            self.one(maker, links[name], name)

    def keep_pools(self, until):
        """What the fuzz takes away comes back, so that there is always something to hit."""
        while time.monotonic() < until:
            time.sleep(0.5)
            try:
                self.site.admin('PUT', '/v1/admin/pools', {'pools': [pool('sales', ['sales'], most=50, self_service={'restart': 'allow', 'reset': 'allow'}),
                                                                     pool('lab', ['engineering'], most=50)]})
            except OSError:
                return


def resident_bytes(pid):
    return int(re.search(r'VmRSS:\s+(\d+)', pathlib.Path(f'/proc/{pid}/status').read_text())[1]) * 1024


def run(folder, seconds, seed, workers=4):
    """Returns (requests, {status: count}, bytes grown after the first third, faults)."""
    os.environ['ASAN_OPTIONS'] = os.environ.get('ASAN_OPTIONS', '') + ':quarantine_size_mb=8'
    with Slapd(folder, more_ldif=staff_ldif()) as slapd:
        with Broker(folder, slapd, **ROLES, login__user_failures=1000000, login__source_failures=10000000) as site:
            site.publish()
            site.publish('gold', 'cd' * 32)
            site.apply(pool('sales', ['sales'], most=50), pool('lab', ['engineering'], most=50))
            host = FakeAgent(site, 'host-1', folder)
            host.join()
            host.settle()
            site.login('hanako')
            host.settle()
            host.start()
            ids = ['sales', 'lab', 'gold', 'hanako', 'paula', 'host-1', *(d['id'] for d in site.admin('GET', '/v1/admin/desktops').body['desktops'])]
            fuzz = Fuzz(site, seed)
            began = time.monotonic()
            until = began + seconds
            threads = [threading.Thread(target=fuzz.worker, args=(n, ids, until)) for n in range(workers)]
            threads.append(threading.Thread(target=fuzz.keep_pools, args=(until,)))
            for thread in threads:
                thread.start()
            while time.monotonic() < began + seconds / 3:
                time.sleep(0.2)
            early = resident_bytes(site.process.pid) if site.process.poll() is None else 0
            for thread in threads:
                thread.join()
            if site.process.poll() is not None:
                fuzz.faults.append('the broker ended:\n' + site.log()[-4000:])
            grown = resident_bytes(site.process.pid) - early if site.process.poll() is None else 0
            host.stop()
        log = site.log()
        if 'Sanitizer' in log or 'runtime error' in log:
            fuzz.faults.append(log[-4000:])
    return fuzz.count, fuzz.by_status, grown, fuzz.faults


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('--minutes', type=float, default=10)
    parser.add_argument('--seed', type=int, default=int(time.time()))
    options = parser.parse_args()
    print('seed', options.seed, flush=True)
    with tempfile.TemporaryDirectory(prefix='gk-fuzz-') as folder:
        count, statuses, grown, faults = run(pathlib.Path(folder), options.minutes * 60, options.seed)
    print(f'{count} requests, {dict(sorted(statuses.items()))}, {grown / 2 ** 20:.1f} MiB more than after the first third')
    for fault in faults:
        print('FAULT', fault)
    sys.exit(1 if faults or grown > 64 << 20 else 0)


if __name__ == '__main__':
    main()
