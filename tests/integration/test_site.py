# SPDX-License-Identifier: Apache-2.0
"""The whole road: an employee types name and password and works on their own desktop.

The tests share one site and build on each other, as a day at the office does.
"""
import json

import pytest

import genkan_site
from desktop_view import difference, image_facts, processes, start_in_session, strip_colours
from netns import wait_until

pytestmark = [pytest.mark.skipif(genkan_site.why_not() is not None,
                                 reason=str(genkan_site.why_not())), pytest.mark.slow]

DESKTOP_PROGRAMS = {'Xorg', 'icewm', 'xrdp-chansrv', 'pipewire'}


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    s = genkan_site.Site(tmp_path_factory.mktemp('site')).start()
    yield s
    s.stop()


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    return tmp_path_factory.mktemp('pictures')


def report(out):
    """The JSON line of a headless client."""
    return json.loads(next(line for line in reversed(out.splitlines()) if line.startswith('{')))


def desktop_of(site, user):
    found = [d for d in site.desktops() if d['user'] == user]
    assert len(found) == 1, site.desktops()
    return found[0]


def session_programs(site, desktop, user):
    return wait_until(f'the desktop of {user} runs its programs',
                      lambda: DESKTOP_PROGRAMS <= set(processes(site, desktop, user).values()), 120, 1)


def test_login_shows_the_employees_desktop(site, pictures):
    status, out = site.client('hanako', '--headless', '--screenshot', pictures / 'first.png', '--json')
    assert status == 0, out
    first = report(out)
    assert first['ok'] and first['first_frame_ms'] > 0
    print('stages:', {k: v for k, v in first.items() if k.endswith('_ms')})
    desktop = desktop_of(site, 'hanako')
    assert (desktop['state'], desktop['host']) == ('ready', genkan_site.HOST_NAME)
    session_programs(site, desktop['id'], 'hanako')
    # Once wallpaper and panel have been drawn, the picture shows them.
    def drawn():
        status, out = site.client('hanako', '--headless', '--screenshot', pictures / 'desktop.png', '--json')
        assert status == 0, out
        return image_facts(pictures / 'desktop.png')[0] > 200 and report(out)
    again = wait_until('a picture with a wallpaper', drawn, 120, 1)
    print('stages on the ready desktop:', {k: v for k, v in again.items() if k.endswith('_ms')})
    _colours, width, height = image_facts(pictures / 'desktop.png')
    assert (width, height) == (again['width'], again['height'])
    panel = strip_colours(pictures / 'desktop.png', f'200x24+0+{height - 28}')
    assert panel > 150, f'{panel} colours: no icons of a panel at the lower edge'


def test_desktop_belongs_to_the_user_and_has_its_name(site):
    desktop = desktop_of(site, 'hanako')
    assert site.in_guest(desktop['id'], '/bin/hostname').strip() == desktop['name']
    owner = site.in_guest(desktop['id'], '/usr/bin/id', '-u', 'hanako').strip()
    assert owner == '20001', 'the uid of the directory'
    sessions = {name for name in processes(site, desktop['id'], 'hanako').values()}
    assert DESKTOP_PROGRAMS <= sessions
    assert not site.in_guest(desktop['id'], '/usr/bin/ps', '-u', 'root', '-o', 'comm=').count('icewm')


def test_second_login_finds_the_windows_still_open(site, pictures):
    desktop = desktop_of(site, 'hanako')
    start_in_session(site, desktop['id'], 'hanako', 'mousepad')
    pids = wait_until('the editor runs', lambda: [
        pid for pid, name in processes(site, desktop['id'], 'hanako').items() if name == 'mousepad'], 120, 1)
    # One client sees the window come up ...
    def window_shown():
        status, out = site.client('hanako', '--headless', '--screenshot', pictures / 'window.png')
        assert status == 0, out
        return difference(pictures / 'desktop.png', pictures / 'window.png') > 0.05
    wait_until('the window is drawn', window_shown, 300, 1)
    # ... and the next one, elsewhere, sees the same window.
    status, out = site.client('hanako', '--headless', '--screenshot', pictures / 'moved.png', '--json')
    assert status == 0, out
    assert report(out)['desktop'] == desktop['name']
    assert desktop_of(site, 'hanako')['id'] == desktop['id']
    assert processes(site, desktop['id'], 'hanako').get(pids[0]) == 'mousepad', 'the very same process'
    assert difference(pictures / 'window.png', pictures / 'moved.png') < 0.02
    assert difference(pictures / 'desktop.png', pictures / 'moved.png') > 0.05


def test_user_in_no_group_is_refused_with_the_reason(site):
    answer = site.login('paula')
    assert (answer.status, answer.code) == (403, 'not_entitled'), answer.body
    status, out = site.client('paula', '--headless', '--json')
    assert status != 0
    assert report(out)['code'] == 'not_entitled'
    assert 'paula' not in [d['user'] for d in site.desktops()]


def test_wrong_and_empty_password_are_refused(site):
    assert site.login('hanako', 'not it').code == 'wrong_credentials'
    assert site.login('hanako', '').status in (400, 401)
    assert site.login('*', 'x').code == 'wrong_credentials'


def test_clients_network_does_not_reach_the_guest(site):
    address = desktop_of(site, 'hanako')['address']
    assert site.port_open(site.host_ns, address, 3389), 'the relay side reaches it'
    assert not site.port_open(site.client_ns, address, 3389)
    assert not site.port_open(site.site_ns, address, 3389)
    assert not site.port_open(site.client_ns, address, 22)


def test_another_user_gets_another_desktop(site, pictures):
    status, out = site.client('minji', '--headless', '--screenshot', pictures / 'minji.png', '--json')
    assert status == 0, out
    hers, theirs = desktop_of(site, 'minji'), desktop_of(site, 'hanako')
    assert hers['id'] != theirs['id'] and hers['address'] != theirs['address']
    assert hers['pool'] == 'engineering', 'through the nested group'
    session_programs(site, hers['id'], guest_user(site, hers['id']))
    assert not site.port_open(site.client_ns, hers['address'], 3389)
    out = site.in_guest(hers['id'], '/bin/bash', '-c',
                        f'timeout 3 bash -c "exec 3<>/dev/tcp/{theirs["address"]}/3389" && echo reached',
                        check=False)
    assert 'reached' not in out, 'a desktop talks to another desktop'
    site.ctl('desktop', 'delete', hers['id'])
    site.assert_no_orphans()


def guest_user(site, desktop):
    """The one account of a person in the guest."""
    out = site.in_guest(desktop, '/usr/bin/getent', 'passwd')
    people = [line.split(':') for line in out.splitlines() if 1000 <= int(line.split(':')[2]) < 60000000
              and not line.startswith('nobody:')]
    assert len(people) == 1, out
    return people[0][0]


def test_user_with_a_japanese_name_works_too(site, pictures):
    status, out = site.client('山田太郎', '--headless', '--screenshot', pictures / 'yamada.png', '--json')
    assert status == 0, out
    desktop = desktop_of(site, '山田太郎')
    account = guest_user(site, desktop['id'])
    assert account.startswith('u-')
    assert '山田太郎' in site.in_guest(desktop['id'], '/usr/bin/getent', 'passwd', account)
    session_programs(site, desktop['id'], account)
    site.ctl('desktop', 'delete', desktop['id'])
    site.assert_no_orphans()


def test_admin_can_ask_why(site):
    assert site.ctl_json('explain', 'user', 'hanako')
    text = site.ctl('explain', 'user', 'minji')
    assert 'engineering' in text


def test_everything_that_must_hold_still_holds(site):
    site.assert_store_sound()
    site.assert_no_orphans()
    site.assert_secrets_kept()
    for daemon in (site.broker, site.agent, site.relay):
        assert daemon.alive(), daemon.tail()
        assert 'Sanitizer' not in daemon.text() and 'runtime error' not in daemon.text()


def test_deleting_the_last_desktop_leaves_nothing(site):
    site.ctl('desktop', 'delete', desktop_of(site, 'hanako')['id'])
    site.assert_no_orphans()
    assert site.qemu_pids() == []
