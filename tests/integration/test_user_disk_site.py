# SPDX-License-Identifier: Apache-2.0
"""An employee's files follow them from one floating desktop to the next: the whole road."""
import re
import signal

import pytest

import genkan_site
from netns import wait_until

pytestmark = [pytest.mark.skipif(genkan_site.why_not() is not None,
                                 reason=str(genkan_site.why_not())), pytest.mark.slow]


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    s = genkan_site.Site(tmp_path_factory.mktemp('site'))
    s.start()
    yield s
    s.stop()


def desktop_of(site, user):
    found = [d for d in site.desktops() if d['user'] == user]
    return found[0] if found else None


def disks(site):
    return genkan_site.rows(site.ctl_json('user-disk', 'list'), 'user_disks')


def test_hosts_without_a_place_for_disks_say_so(site):
    pool = site.root / 'pools' / 'sales.yaml'
    pool.write_text(re.sub(r'spare: \d+', 'spare: 1', pool.read_text()) + 'user_disk:\n  size: 128 MiB\n')
    site.ctl('apply', site.root / 'pools')
    wait_until('a spare is ready', lambda: any(
        d['state'] == 'ready' for d in site.desktops()), 180, every=0.5)
    login = site.login('hanako')
    answer = site.connect(login, login.body['desktops'][0]['id'], seconds=60)
    assert (answer.status, answer.code) == (503, 'user_disk_failed'), answer.body
    assert 'user_disk_dir' in answer.body['detail']
    assert site.sessions() == [], 'nobody is let in without their files'


def test_a_file_is_there_on_the_next_desktop(site):
    folder = site.root / 'user-disks'
    site.agent.end(signal.SIGTERM)
    site.write_config('hostagent', f'user_disk_dir = {folder}\n')
    site.agent.start()
    wait_until('the disk is attached', lambda: disks(site)[0]['attached'] == 'mounted', 60, every=0.3)
    with site.session('hanako'):
        first = desktop_of(site, 'hanako')
        wait_until('she is logged in', lambda: 'hanako' in site.in_guest(
            first['id'], '/bin/cat', '/etc/passwd'), 60, every=0.5)
        assert '/home/hanako ' in site.in_guest(first['id'], '/bin/cat', '/proc/mounts')
        site.in_guest(first['id'], '/sbin/runuser', '-u', 'hanako', '--', '/bin/sh', '-c',
                      'echo 議事録 > ~/minutes.txt')
        row = disks(site)[0]
        assert (row['user'], row['pool'], row['state'], row['attached'], row['desktop']) == (
            'hanako', 'sales', 'ready', 'mounted', first['id'])
        refused = site.ctl('user-disk', 'set-aside', 'hanako', check=False)
        assert disks(site)[0]['state'] == 'ready', refused
        wait_until('her session runs', lambda: site.in_guest(
            first['id'], '/usr/bin/pgrep', '-u', 'hanako', 'icewm', check=False), 120, every=0.5)
        # The broker may be away when she logs off; what is counted is not lost.
        site.broker.end(signal.SIGKILL)
        site.in_guest(first['id'], '/usr/bin/pkill', '-u', 'hanako', 'icewm')
        wait_until('her home is closed', lambda: '/home/hanako ' not in site.in_guest(
            first['id'], '/bin/cat', '/proc/mounts'), 60, every=0.5)
        site.start_broker()
        wait_until('the desktop is gone', lambda: first['id'] not in {
            d['id'] for d in site.desktops()}, 60, every=0.5)
    assert disks(site)[0]['desktop'] == '', 'held by nobody'
    with site.session('hanako'):
        second = desktop_of(site, 'hanako')
        assert second['id'] != first['id']
        assert site.in_guest(second['id'], '/bin/cat', '/home/hanako/minutes.txt') == '議事録\n'
        assert len(disks(site)) == 1
    site.assert_store_sound()
    site.ctl('desktop', 'delete', second['id'])
    wait_until('nobody holds the disk', lambda: disks(site)[0]['desktop'] == '', 60, every=0.5)
    site.assert_no_orphans(60)


def test_set_aside_gives_a_new_one_and_keeps_the_old(site):
    old = disks(site)[0]
    site.ctl('user-disk', 'set-aside', 'hanako')
    assert any(row['what'] == 'user_disk_set_aside' for row in site.audit())
    ticket = site.ticket('hanako')
    assert ticket['status'] == 'ready' and 'notice' not in ticket
    rows = disks(site)
    assert [r['state'] for r in rows] == ['ready', 'set_aside'] and rows[1]['id'] == old['id']
    assert (site.root / 'user-disks' / f'{old["id"]}.qcow2').exists()
    listing = site.in_guest(rows[0]['desktop'], '/bin/ls', '-A', '/home/hanako')
    assert 'minutes.txt' not in listing and '.bashrc' in listing
