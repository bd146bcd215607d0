# SPDX-License-Identifier: Apache-2.0
"""Pools as code: genkanctl and the broker, from files and back."""
import copy
import json
import os
import pathlib
import re
import subprocess
import time

import pytest
import yaml

from broker import BUILD, PROGRAM, Broker
from needs import NEEDS_BROKER
from slapd import Slapd

jsonschema = pytest.importorskip('jsonschema')
CTL = BUILD / 'ctl' / 'genkanctl'
SAMPLES = pathlib.Path(__file__).resolve().parents[2] / 'deploy' / 'demo-site' / 'pools'

pytestmark = NEEDS_BROKER

FULL = {
    'pool': 'sales', 'title': '営業部: "A"', 'entitled': {'groups': ['sales', 'cn=x,dc=y'],
                                                        'users': ['hanako', '007']},
    'image': {'name': 'gold', 'channel': 'canary'}, 'assignment': 'floating',
    'size': {'max': 40, 'spare': 2, 'start': 1, 'grow': 4},
    'schedule': ['mon-fri 07:30-18:00 spare 3'], 'max_per_user': 2, 'on_logoff': 'delete',
    'disconnect_timeout': '90m', 'idle_timeout': '1h', 'idle_action': 'logoff',
    'self_service': {'restart': 'allow', 'reset': 'deny'}, 'standard_clients': 'allow',
    'second_factor': 'totp',
    'user_disk': {'size': '3 GiB'}, 'rollout': {'canary': '25%', 'window': '2h', 'max_failures': 0},
    'desktop': {'cpus': 2, 'memory': '2 GiB', 'overlay': '4 GiB', 'disk': '20 GiB'},
    'policy': {'sound': 'allow', 'microphone': 'deny', 'camera': 'allow', 'clipboard': 'text-both',
               'printers': 'allow', 'smart_cards': 'deny', 'webauthn': 'allow', 'video': 'deny',
               'removable_storage': 'deny'}}


@pytest.fixture(scope='module')
def broker(tmp_path_factory):
    with Slapd(tmp_path_factory.mktemp('directory')) as slapd:
        with Broker(tmp_path_factory.mktemp('broker'), slapd) as broker:
            broker.publish()
            yield broker


def ctl(*arguments, broker=None, admin='admin', check=True, **env):
    options = []
    if broker:
        folder = broker.state if admin == 'admin' else broker.state / 'admins'
        options = ['--broker', f'127.0.0.1:{broker.port}', '--ca', broker.state / 'ca.crt',
                   '--certificate', folder / f'{admin}.crt', '--key', folder / f'{admin}.key']
    done = subprocess.run([CTL, *map(str, options), *map(str, arguments)], text=True, timeout=60,
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, env=dict(os.environ, **env))
    assert not check or done.returncode == 0, done.stdout
    return done.stdout


def changed(document, path, value):
    made = copy.deepcopy(document)
    *parents, last = path.split('.')
    at = made
    for parent in parents:
        at = at.setdefault(parent, {})
    if value is None:
        del at[last]
    else:
        at[last] = value
    return made


@pytest.fixture(scope='module')
def schema():
    found = json.loads(ctl('pool', 'schema'))
    jsonschema.Draft7Validator.check_schema(found)
    return jsonschema.Draft7Validator(found)


def verdicts(schema, document, path):
    path.write_text(yaml.safe_dump(document, allow_unicode=True))
    return schema.is_valid(document), 'not valid' not in ctl('pool', 'check', path, check=False)


def test_schema_takes_what_the_parser_takes(schema, tmp_path):
    minimal = {k: FULL[k] for k in ('pool', 'title', 'assignment')} | {
        'entitled': {}, 'image': {'name': 'gold'}, 'size': {'max': 1},
        'desktop': {'cpus': 1, 'memory': '256 MiB'}}
    for document in [FULL, minimal, *map(yaml.safe_load, (p.read_text() for p in SAMPLES.iterdir())),
                     changed(FULL, 'disconnect_timeout', 0), changed(FULL, 'disconnect_timeout', '0'),
                     changed(FULL, 'desktop.memory', '1024MiB'),
                     changed(changed(FULL, 'image.channel', None), 'image.publication', 7)]:
        assert verdicts(schema, document, tmp_path / 'a.yaml') == (True, True), document


@pytest.mark.parametrize('path, value', [
    ('pool', None), ('pool', 'Sales'), ('pool', 'a' * 33), ('title', None), ('title', ''),
    ('title', 'x' * 129), ('nonsense', 1), ('desktop.nonsense', 1), ('desktop.cpus', 0),
    ('desktop.cpus', 65), ('desktop.cpus', '2'), ('desktop.memory', 2048), ('desktop.memory', '2 GB'),
    ('desktop.memory', None), ('size.max', 10001), ('size.max', None), ('size.spare', -1),
    ('assignment', 'both'), ('entitled.groups', 'sales'), ('entitled.groups', ['g'] * 0 + ['']),
    ('image.channel', 'beta'), ('image.publication', 0), ('on_logoff', 'burn'),
    ('disconnect_timeout', '8'), ('disconnect_timeout', 5), ('idle_action', 'kill'),
    ('self_service.restart', 'yes'), ('standard_clients', 'maybe'), ('second_factor', 'sms'), ('user_disk', {}),
    ('user_disk.size', '3'), ('rollout.canary', '25'), ('rollout.canary', '101%'),
    ('rollout.max_failures', 1001), ('policy.sound', 'on'), ('policy.clipboard', 'allow'),
    ('policy.removable_storage', 'allow'), ('policy.usb', 'allow'), ('policy', []), ('schedule', 3)])
def test_schema_refuses_what_the_parser_refuses(schema, tmp_path, path, value):
    assert verdicts(schema, changed(FULL, path, value), tmp_path / 'a.yaml') == (False, False)


def test_schema_names_every_key_of_the_manual(schema):
    def keys(node, path=''):
        for key, value in node.get('properties', {}).items():
            yield key
            yield from keys(value, path + key + '.')
    manual = (SAMPLES.parents[2] / 'ctl' / 'genkan-pool.5.scd').read_text()
    missing = [k for k in keys(schema.schema) if not re.search(rf'\b{k}\b', manual)]
    assert not missing
    assert set(keys(schema.schema)) >= set(FULL)


def test_export_applies_to_no_change(broker, tmp_path):
    (tmp_path / 'in').mkdir()
    (tmp_path / 'in' / 'a.yaml').write_text(yaml.safe_dump(FULL, allow_unicode=True))
    (tmp_path / 'in' / 'b.yaml').write_text((SAMPLES / 'engineering.yaml').read_text()
                                            if (SAMPLES / 'engineering.yaml').exists() else
                                            next(SAMPLES.iterdir()).read_text())
    ctl('apply', tmp_path / 'in', '--reason', 'first day', broker=broker)
    ctl('pool', 'export', '--out', tmp_path / 'out', broker=broker)
    assert yaml.safe_load((tmp_path / 'out' / 'sales.yaml').read_text())['policy']['camera'] == 'allow'
    assert ctl('diff', tmp_path / 'out', broker=broker).startswith('no differences')
    assert ctl('apply', tmp_path / 'out', broker=broker) == 'nothing to change\n'
    documents = list(yaml.safe_load_all(ctl('pool', 'export', broker=broker)))
    assert len(documents) == len(list((tmp_path / 'out').iterdir()))
    row = broker.audit()[0]
    assert row['what'] == 'pools_apply' and row['details']['reason'] == 'first day'


def test_diff_in_words_and_apply_of_what_was_shown(broker, tmp_path):
    path = tmp_path / 'a.yaml'
    path.write_text(yaml.safe_dump(FULL))
    ctl('apply', path, broker=broker)
    path.write_text(yaml.safe_dump(changed(FULL, 'size.spare', 5)))
    shown = ctl('diff', path, broker=broker)
    assert 'update sales' in shown
    assert '  size.spare: 2 becomes 5 (desktops kept ready ahead of users)\n' in shown
    assert shown.count('becomes') == 1
    seen = re.search('--seen ([0-9a-f]{16})', shown)[1]
    broker.run('--admin', 'mio') if not (broker.state / 'admins' / 'mio.crt').exists() else None
    other = tmp_path / 'other.yaml'
    other.write_text(yaml.safe_dump(changed(FULL, 'size.max', 41)))
    ctl('apply', other, '--reason', 'one more', broker=broker, admin='mio')
    refused = ctl('apply', path, '--seen', seen, broker=broker, check=False)
    assert 'pool_changed' in refused and 'by mio at' in refused and 'one more' in refused, refused
    seen = re.search('--seen ([0-9a-f]{16})', ctl('diff', path, broker=broker))[1]
    assert ctl('apply', path, '--seen', seen, broker=broker) == 'update sales\n'


def test_two_edit_one_pool(broker, tmp_path):
    (tmp_path / 'a').mkdir()
    (tmp_path / 'a' / 'a.yaml').write_text(yaml.safe_dump(FULL))
    (tmp_path / 'a' / 'b.yaml').write_text(yaml.safe_dump(changed(FULL, 'pool', 'lab')))
    ctl('apply', tmp_path / 'a', broker=broker)
    if not (broker.state / 'admins' / 'rei.crt').exists():
        broker.run('--admin', 'rei')
    inner = tmp_path / 'inner'
    inner.write_text('#!/bin/sh\nsed -i "s/max: 40/max: 60/" "$1"\n')
    # while the first one's editor is open, the second one edits pools
    base = ['--broker', f'127.0.0.1:{broker.port}', '--ca', broker.state / 'ca.crt',
            '--certificate', broker.state / 'admins' / 'rei.crt', '--key',
            broker.state / 'admins' / 'rei.key']
    outer = tmp_path / 'outer'
    outer.write_text('#!/bin/sh\nset -e\nsed -i "s/max: 40/max: 50/" "$1"\n'
                     f'VISUAL={inner} {CTL} {" ".join(map(str, base))} pool edit $OTHER\n')
    for script in (inner, outer):
        script.chmod(0o755)
    refused = ctl('pool', 'edit', 'sales', broker=broker, check=False, VISUAL=str(outer), OTHER='sales')
    assert 'pool_changed' in refused and 'pool sales changed' in refused and 'by rei at' in refused
    kept = pathlib.Path(re.search('what you wrote is in (.*)', refused)[1])
    assert 'max: 50' in kept.read_text()
    kept.unlink()
    # another pool is nobody's business
    outer.write_text(outer.read_text().replace('max: 40/max: 50', 'max: 60/max: 70'))
    assert 'size.max: 60 becomes 70' in ctl('pool', 'edit', 'sales', broker=broker,
                                            VISUAL=str(outer), OTHER='lab')
    sizes = {p['pool']: p['size']['max'] for p in broker.admin('GET', '/v1/admin/pools').body['pools']}
    assert sizes == {'sales': 70, 'lab': 60}


def test_two_hundred_pools_in_a_second(broker, tmp_path):
    for i in range(200):
        (tmp_path / f'{i}.yaml').write_text(yaml.safe_dump(changed(FULL, 'pool', f'pool-{i}')))
    ctl('apply', tmp_path, broker=broker)
    for i in range(200):
        path = tmp_path / f'{i}.yaml'
        path.write_text(path.read_text().replace('max: 40', 'max: 41'))
    began = time.monotonic()
    assert ctl('apply', tmp_path, broker=broker).count('update') == 200
    seconds = time.monotonic() - began
    print(f'apply of 200 changed pools: {seconds:.2f} s')
    assert seconds < (10 if sanitized() else 1)
    one = tmp_path / '7.yaml'
    for path in tmp_path.iterdir():
        if path != one:
            path.unlink()
    assert ctl('apply', tmp_path, broker=broker).count('delete') == 199


def sanitized():
    return b'__asan_init' in PROGRAM.read_bytes()
