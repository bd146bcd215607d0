# SPDX-License-Identifier: Apache-2.0
"""deploy/demo does what it says and leaves nothing behind, whichever way it ends."""
import json
import os
import pathlib
import signal
import subprocess

import pytest

import genkan_site
from desktop_view import image_facts
from netns import run, wait_until

TOP = genkan_site.TOP
DEMO = TOP / 'deploy/demo'
WORK = pathlib.Path('/var/tmp/genkan-demo')
ENV = dict(os.environ, GENKAN_BUILD=str(genkan_site.BUILD))

needs_site = pytest.mark.skipif(genkan_site.why_not() is not None, reason=str(genkan_site.why_not()))


def assert_nothing_left():
    assert not WORK.exists()
    assert 'genkan-demo' not in run('ip', 'netns')
    assert 'gk-demo' not in [link['ifname'] for link in json.loads(run('ip', '-j', 'link'))]
    left = [genkan_site.command_line(pid) for pid in os.listdir('/proc') if pid.isdigit()]
    assert not [line for line in left if str(WORK) in line]


@needs_site
@pytest.mark.slow
def test_once_shows_the_desktop_and_cleans_up(tmp_path):
    done = subprocess.run([DEMO, '--once'], cwd=tmp_path, env=ENV, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=600)
    assert done.returncode == 0, done.stdout
    assert image_facts(tmp_path / 'demo-desktop.png')[0] > 200
    assert 'first_frame' in done.stdout
    processes = done.stdout.split('Processes of hanako')[1]
    assert 'hanako' in processes and 'icewm' in processes
    assert [p.name for p in tmp_path.iterdir()] == ['demo-desktop.png']
    assert_nothing_left()


@needs_site
@pytest.mark.slow
def test_interrupt_cleans_up_and_a_second_demo_waits_its_turn(tmp_path):
    log = tmp_path / 'log'
    with open(log, 'wb') as out:
        demo = subprocess.Popen([DEMO, '--once'], cwd=tmp_path, env=ENV, stdin=subprocess.DEVNULL,
                                stdout=out, stderr=subprocess.STDOUT)
    try:
        wait_until('a desktop is being made', lambda: '[9/11]' in log.read_text() or demo.poll() is not None,
                   120, 0.2)
        second = subprocess.run([DEMO, '--once'], cwd=tmp_path, env=ENV, capture_output=True, text=True)
        assert second.returncode == 1 and 'another demo runs' in second.stderr
        assert demo.poll() is None, log.read_text()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(60) == 130, log.read_text()
    finally:
        demo.kill()
    assert_nothing_left()


def test_unknown_option_says_how_to_use_it():
    done = subprocess.run([DEMO, '--twice'], capture_output=True, text=True)
    assert done.returncode == 2 and 'usage:' in done.stderr


@pytest.mark.parametrize('program,conf', [
    ('genkan-broker', 'broker.conf'), ('genkan-hostagent', 'hostagent.conf'), ('genkan-relay', 'relay.conf')])
def test_example_settings_are_known_to_the_programs(program, conf):
    """2 means a key that does not exist or a value that is none; what the files point at need not be here."""
    done = subprocess.run([genkan_site.program(program), '--config', TOP / 'deploy/etc' / conf, '--check'],
                          capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    assert f'{conf}:' not in done.stderr, done.stderr
