# SPDX-License-Identifier: Apache-2.0
"""What an administrator does to somebody's session, seen from inside of the desktop and from the
seat: a message, a disconnect, a logoff; and what a user is told when a device is refused.

The tests share one site and build on each other.
"""
import pytest

import genkan_site
from desktop_view import difference, image_facts, processes, start_in_session
from netns import wait_until

pytestmark = [pytest.mark.skipif(genkan_site.why_not() is not None,
                                 reason=str(genkan_site.why_not())), pytest.mark.slow]

MESSAGE = '昼休みに再起動します。\n12:30 までに保存してください。'


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    s = genkan_site.Site(tmp_path_factory.mktemp('site')).start()
    yield s
    s.stop()


@pytest.fixture(scope='module')
def pictures(tmp_path_factory):
    return tmp_path_factory.mktemp('pictures')


def desktop_of(site, user):
    found = [d for d in site.desktops() if d['user'] == user]
    return found[0] if found else None


def windows(site, desktop):
    """Texts of the message windows that are open, by their programs."""
    return [pid for pid, name in processes(site, desktop, 'hanako').items() if name == 'gxmessage']


def audited(site, what):
    return [row for row in site.audit('--limit', '200') if row['what'] == what]


def ended(process):
    """The reason for which a headless client ended."""
    process.wait(30)
    return process.log.read_text(errors='replace')


def drawn(site, path):
    def look():
        status, out = site.client('hanako', '--headless', '--screenshot', path)
        assert status == 0, out
        return image_facts(path)[0] > 200
    return wait_until('a picture with a wallpaper', look, 120, 1)


def test_a_message_is_shown_in_the_desktop(site, pictures):
    drawn(site, pictures / 'before.png')
    with site.session('hanako') as session:
        desktop = session.row['desktop']
        out = site.ctl('session', 'message', session.row['id'], MESSAGE, '--reason', 'maintenance')
        assert 'will be shown' in out
        wait_until('the window of the message', lambda: windows(site, desktop), 120)
        wait_until('the host says so', lambda: 'event=notice_shown' in site.agent.text(), 20)
    def window():
        drawn(site, pictures / 'message.png')
        return difference(pictures / 'before.png', pictures / 'message.png') > 0.04
    wait_until('the picture shows the window', window, 180, 1)
    row = audited(site, 'session_message')[0]
    assert row['subject'] == session.row['id'] and row['who']
    assert row['details']['text'] == MESSAGE and row['details']['reason'] == 'maintenance'
    assert len(windows(site, desktop)) == 1, 'told once, shown once'


def test_a_disconnected_desktop_goes_on(site):
    with site.session('hanako') as session:
        desktop = session.row['desktop']
        start_in_session(site, desktop, 'hanako', 'mousepad')
        wait_until('an editor runs', lambda: 'mousepad' in processes(site, desktop, 'hanako').values(), 60)
        site.ctl('session', 'disconnect', session.row['id'], '--reason', '点検のため')
        assert 'session_disconnected' in ended(session)
    assert audited(site, 'session_disconnect')[0]['details']['reason'] == '点検のため'
    before = processes(site, desktop, 'hanako')
    assert 'mousepad' in before.values()
    # Who is logged on and not connected is reached through the desktop.
    site.ctl('desktop', 'message', desktop, 'while you were away')
    wait_until('another window', lambda: len(windows(site, desktop)) == 2, 120)
    with site.session('hanako') as session:
        assert session.row['desktop'] == desktop
        after = processes(site, desktop, 'hanako')
        assert {pid for pid, name in before.items() if name in ('mousepad', 'icewm', 'Xorg')} <= set(after)


def test_messages_and_logoffs_need_somebody(site):
    with pytest.raises(RuntimeError, match='session_over'):
        over = genkan_site.rows(site.ctl_json('session', 'list', '--all'), 'sessions')
        site.ctl('session', 'message', next(s['id'] for s in over if s['ended_at_ms']), 'too late')
    with pytest.raises(RuntimeError, match='bad_request'):
        with site.session('hanako') as session:
            site.ctl('session', 'message', session.row['id'], '\x07')


def test_a_refused_device_is_told_where_the_user_looks(site):
    """By a line in our client when it asks, else by a window in the desktop."""
    login = site.login('hanako')
    desktop = desktop_of(site, 'hanako')['id']
    before = len(windows(site, desktop))
    status, answer = site.http('GET', '/v1/notices', token=login.token)
    assert (status, answer) == (200, {'seq': 0, 'notices': []})
    folder = site.root / 'client' / 'stick'
    folder.mkdir()
    site.hostile_client(site.ticket('hanako'), f'/drive:usb,{folder}', hold=2)
    status, answer = site.http('GET', '/v1/notices?after=0&wait_ms=10000', token=login.token)
    told = answer['notices']    # this client tries more than one thing
    assert status == 200 and {n['kind'] for n in told} == {'refused'}, answer
    device = next(n for n in told if n['what'] in ('devices', 'storage'))
    assert answer['seq'] == told[-1]['seq'] and all('\n' in n['text'] for n in told)
    wait_until('a window for it', lambda: len(windows(site, desktop)) > before, 120)
    # The same again is no news.
    site.hostile_client(site.ticket('hanako'), f'/drive:usb,{folder}', hold=2)
    status, again = site.http('GET', f'/v1/notices?after={answer["seq"]}', token=login.token)
    assert status == 200 and 'devices' not in [n['what'] for n in again['notices']], (device, again)
    assert site.http('GET', '/v1/notices', token='x' * 43)[0] == 401


def test_a_logoff_is_one(site):
    with site.session('hanako') as session:
        desktop = session.row['desktop']
        wait_until('the guest says who is there', lambda: desktop_of(site, 'hanako')['logged_on'], 60)
        site.ctl('session', 'logoff', session.row['id'], '--reason', '退職')
        assert 'session_ended' in ended(session), 'the client tells a logoff from a disconnect'
    # A real logoff: the pool's on_logoff follows, a floating desktop is refreshed.
    wait_until('the desktop is given up', lambda: (desktop_of(site, 'hanako') or {}).get('id') != desktop, 120)
    details = audited(site, 'session_logoff')[0]['details']
    assert {k: v for k, v in details.items() if k != 'request'} == {
        'user': 'hanako', 'desktop': session.row['desktop_name'], 'reason': '退職'}
    assert 'event=guest_logoff' in site.agent.text()
    with site.session('hanako') as session:
        assert session.row['desktop'] != desktop
        assert not windows(site, session.row['desktop'])
