# SPDX-License-Identifier: Apache-2.0
"""Images that hosts wait for, need, and can do without."""
import contextlib
import http.client
import os
import signal
import sqlite3

import pytest

import invariants
import small_site
from netns import wait_until
from small_site import gold_pool, make_image, sha256

pytestmark = pytest.mark.skipif(small_site.why_not() is not None, reason=str(small_site.why_not()))


@pytest.fixture(scope='module')
def site():
    with small_site.small_site('gk-needs', images__rate='0') as made:
        made.join()
        made.configure(boot_deadline='600s')
        made.start_agent()
        made.wait_host()
        yield made


@contextlib.contextmanager
def slow_images(site, rate='4M'):
    site.broker.stop()
    site.broker.write_config(images__rate=rate)
    site.broker.start(init=False)
    site.wait_host()
    try:
        yield
    finally:
        site.broker.stop()
        site.broker.write_config(images__rate='0')
        site.broker.start(init=False)
        site.wait_host()


def publish(site, name, megabytes=1):
    path = make_image(site.folder / f'{name}.qcow2', megabytes, os.urandom(8))
    site.ctl('image', 'publish', name, path)
    return sha256(path)


def of_image(name, pool, **more):
    return gold_pool(pool, image={'name': name, 'channel': 'stable'}, rollout={'canary': 0}, **more)


def image_is(site, name, *states):
    return wait_until(f'{name} is {states}', lambda: (h := site.host_image(name))['state'] in states and h,
                      60, 0.05)


def troubles(site):
    with contextlib.closing(sqlite3.connect(site.broker.state / 'broker.db', timeout=10)) as db:
        return (db.execute('SELECT reason FROM start_trouble').fetchall() +
                db.execute('SELECT reason FROM image_health WHERE failed + crashed > 0').fetchall())


def test_who_comes_while_the_image_is_fetched_waits_for_it(site):
    with slow_images(site):
        publish(site, 'slow', 32)
        site.broker.apply(of_image('slow', 'slow'))
        image_is(site, 'slow', 'fetching')
        login = site.broker.login('hanako')
        waits = login.body['connect']
        assert (waits['code'], waits['why']) == ('waiting_for_desktop', 'image_coming'), waits
        assert waits['position'] == 1 and 0 <= waits['percent'] < 100
        explained = site.ctl_json('explain', 'pool', 'slow')
        assert explained['hosts'][0]['code'] == 'host_fetching'

        def later():
            answer = site.broker.connect(login.body['token'], 'slow', wait_ms=2000)
            assert answer.status == 202, answer
            return answer.body

        more = wait_until('it comes on', lambda: (b := later()).get('why') != 'image_coming'
                          or b['percent'] > waits['percent'] and b, 30, 0)
        assert more
        # Nobody has to come again: who waits is given one as soon as the image is there.
        wait_until('a desktop is made', lambda: later()['code'] == 'desktop_starting', 40, 0)
        assert site.host_image('slow')['state'] == 'ready'
    site.ctl('desktop', 'delete', site.desktops()[0]['id'])


def test_a_desktop_ordered_before_its_image_is_here_waits_too(site):
    began = len(site.agent_log())
    with slow_images(site):
        publish(site, 'early', 20)
        # A host of which nothing is known yet may have it: the spare is ordered at once.
        site.broker.apply(of_image('early', 'early', spare=1))
        found = wait_until('one is ordered', lambda: [d for d in site.desktops() if d['pool'] == 'early'],
                           20, 0.02)
        image_is(site, 'early', 'fetching')
        wait_until('it waits or is being made', lambda: (d := [d for d in site.desktops() if d['id'] ==
                   found[0]['id']][0])['reason'] == 'waits for its image' or d['state'] == 'starting',
                   20, 0.05)
        image_is(site, 'early', 'ready')
        wait_until('it starts', lambda: [d['state'] for d in site.desktops() if d['pool'] == 'early'] ==
                   ['starting'], 20, 0.1)
    assert 'event=desktop_failed' not in site.agent_log()[began:]
    assert troubles(site) == []


def test_qemu_that_ended_unseen_says_nothing_of_the_image(site):
    image = publish(site, 'unseen')
    site.broker.apply(of_image('unseen', 'unseen', spare=1))
    mine = wait_until('it runs', lambda: [d for d in site.desktops() if d['pool'] == 'unseen' and
                      d['state'] == 'starting' and d['image_sha256'] == image and
                      invariants.guests(site.run_dir)[d['id']]], 40, 0.1)[0]
    pid_file = next(site.run_dir.rglob(f'{mine["id"]}*/*pid'), None)
    assert pid_file, list(site.run_dir.rglob('*'))
    site.kill_agent()
    os.kill(int(pid_file.read_text()), signal.SIGKILL)
    began = len(site.agent_log())
    site.start_agent()
    wait_until('it was found', lambda: 'QEMU was gone' in site.agent_log()[began:], 30, 0.05)
    wait_until('it runs again', lambda: invariants.guests(site.run_dir)[mine['id']] == 1, 30, 0.1)
    wait_until('and is told', lambda: [d['state'] for d in site.desktops() if d['id'] == mine['id']] ==
               ['starting'], 30, 0.1)
    assert troubles(site) == []


def test_publications_nobody_needs_leave_the_hosts(site):
    def here(image):
        return (site.images / f'{image}.qcow2').exists()

    first = publish(site, 'many')
    site.broker.apply(of_image('many', 'many'))
    image_is(site, 'many', 'ready')
    login = site.broker.login('hanako').body['connect']
    assert login['desktop']['pool'] == 'many', login
    foreign = site.images / f'{"ab" * 32}.qcow2'
    foreign.write_bytes((site.images / f'{first}.qcow2').read_bytes())

    others = [first]
    for _ in range(3):
        others.append(publish(site, 'many'))
        image_is(site, 'many', 'ready')
    wait_until('the second has gone', lambda: not here(others[1]), 30, 0.05)
    assert here(first), 'somebody works on it'
    assert here(others[2]) and here(others[3]), 'a rollback goes there without a fetch'
    assert foreign.exists(), 'what the host did not fetch is not its to remove'
    assert f'event=image_removed sha256={others[1]}' in site.agent_log()

    site.ctl('desktop', 'delete', login['desktop']['id'])
    wait_until('the first goes with its desktop', lambda: not here(first), 60, 0.1)
    site.ctl('image', 'rollback', 'many')
    assert site.publication('many', 3)['stable'] and here(others[2])
    # and what was removed can come back
    site.broker.apply(gold_pool('many', image={'name': 'many', 'publication': 2}))
    wait_until('it is fetched again', lambda: here(others[1]) and
               site.host_image('many', 2)['state'] == 'ready', 60, 0.1)


def test_a_host_gets_the_images_it_needs_and_no_others(site):
    needed = publish(site, 'mine')
    site.broker.apply(of_image('mine', 'mine'))
    secret = publish(site, 'others')
    certificate = site.host_state / 'host.crt', site.host_state / 'host.key'

    def status(image, tail='', **headers):
        link = http.client.HTTPSConnection('127.0.0.1', site.broker.agent_port, timeout=20,
                                           context=site.broker.context(certificate))
        try:
            link.request('GET', f'/agent/v1/images/{image}{tail}', headers=headers)
            return link.getresponse().status
        finally:
            link.close()

    assert status(needed, '/pieces') == 200
    assert status(needed, Range='bytes=0-99') == 206
    assert status(secret, '/pieces') == 404
    assert status(secret, Range='bytes=0-99') == 404
    site.broker.apply(of_image('mine', 'mine'), of_image('others', 'others', entitled={
        'groups': ['engineering'], 'users': []}))
    assert status(secret, Range='bytes=0-99') == 206
