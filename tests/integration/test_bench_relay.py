# SPDX-License-Identifier: Apache-2.0
"""The programs under bench/ that look at the relay run and print their ratios. What the ratios are is
no matter here: the machine is not quiet and the build has sanitizers."""
import json
import os
import shutil
import subprocess

import pytest
import relay_site

TOP = relay_site.TOP
pytestmark = [
    pytest.mark.skipif(relay_site.why_not() is not None, reason=str(relay_site.why_not())),
    pytest.mark.skipif(not shutil.which('haproxy', path=os.environ['PATH'] + ':/usr/sbin'),
                       reason='not installed: haproxy'),
]


def run(program, *arguments):
    done = subprocess.run([TOP / 'bench' / program, '--build', relay_site.BUILD, '--quick', '--json', *arguments],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=240)
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout)


def test_relay_beside_haproxy():
    told = run('relay', '--parts', 'stream,input,idle', '--sessions', '5')
    assert [row['bytes'] for row in told['stream']] == [16384, 1400]
    assert all(row['ratio'] > 0 for row in told['stream'])
    assert told['input']['relay']['p99_ms']['median'] > 0
    assert told['idle'][0]['sessions'] == 5 and told['idle'][0]['private_kib'] > 0


def test_tickets_open_sessions_while_the_relay_is_besieged():
    told = run('besieged', '--doors', 'relay', '--connections', '1500', '--sources', '150')['relay']
    assert told['siege'][0]['held'] > 1000
    assert told['besieged']['rate']['median'] > 0 and told['besieged']['errors']['median'] == 0
