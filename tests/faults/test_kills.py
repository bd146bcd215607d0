# SPDX-License-Identifier: Apache-2.0
"""Parts of a whole site are killed while an employee works. The work goes on."""
import signal
import time

import pytest

import genkan_site
from desktop_view import processes
from netns import wait_until

pytestmark = [pytest.mark.skipif(genkan_site.why_not() is not None,
                                 reason=str(genkan_site.why_not())), pytest.mark.slow]

USER = 'hanako'


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    s = genkan_site.Site(tmp_path_factory.mktemp('faults')).start()
    yield s
    s.stop()


@pytest.fixture(scope='module')
def working(site):
    """The employee's client, in its session from the first test to the last."""
    with site.session(USER) as client:
        desktop = own_desktop(site)['id']
        wait_until('the desktop is up', lambda: {'icewm', 'pipewire'} <= set(
            processes(site, desktop, USER).values()), 120, 1)
        yield client


@pytest.fixture(autouse=True)
def work_goes_on(site, working):
    """Around each test: client, relay session and QEMU are the same processes as before."""
    # an agent that has just started tries its emulator out with one of its own
    qemu = wait_until('one QEMU', lambda: len(pids := site.qemu_pids()) == 1 and pids, 30, 0.2)
    assert working.poll() is None
    yield
    assert working.poll() is None, working.log.read_text(errors='replace')
    wait_until('the same QEMU', lambda: site.qemu_pids() == qemu, 30, 0.2)
    for daemon in (site.broker, site.agent, site.relay):
        assert daemon.alive(), daemon.tail()
        assert 'Sanitizer' not in daemon.text() and 'runtime error' not in daemon.text()


def own_desktop(site):
    return next(d for d in site.desktops() if d['user'] == USER)


def test_agent_killed_during_a_session(site, working):
    before = own_desktop(site)
    site.agent.end(signal.SIGKILL)
    assert working.poll() is None
    assert 'icewm' in processes(site, before['id'], USER).values()
    site.agent.start()
    # Right again means: the new agent has reported, and what it reported is the desktop as it is.
    began_ms = int(time.time() * 1000)
    wait_until('the new agent reports', lambda: any(
        h['name'] == genkan_site.HOST_NAME and h['state'] == 'active' and h['last_seen_ms'] > began_ms
        for h in genkan_site.rows(site.ctl_json('host', 'list'), 'hosts')), 90, 0.3)
    after = own_desktop(site)
    for key in ('id', 'name', 'state', 'host', 'address', 'user'):
        assert after[key] == before[key], key
    assert site.session_of(USER)['id'] == working.row['id']
    site.assert_no_orphans()


def test_broker_killed_during_a_session(site, working):
    before = own_desktop(site)
    site.broker.end(signal.SIGKILL)
    assert working.poll() is None
    assert 'icewm' in processes(site, before['id'], USER).values()
    site.start_broker()
    site.assert_store_sound()
    assert site.login(USER).status == 200
    assert own_desktop(site)['id'] == before['id']
    assert site.ticket(USER)['desktop']['id'] == before['id']


def test_login_after_both_were_killed_at_once(site):
    site.broker.end(signal.SIGKILL)
    site.agent.end(signal.SIGKILL)
    site.agent.start()
    site.start_broker()
    ticket = wait_until('a ticket', lambda: site.connect(site.login(USER), own_desktop(site)['id']).body
                        .get('locator'), 60, 0.5)
    assert ticket
    site.assert_no_orphans()


def unreachable(site):
    began = time.monotonic()
    answer = site.login(USER)
    took = time.monotonic() - began
    assert (answer.status, answer.code) == (503, 'directory_unreachable'), answer.body
    assert took <= 3, f'answered after {took:.1f} s'


def test_directory_stopped(site):
    site.slapd.end()
    unreachable(site)
    status, out = site.client(USER, '--headless', '--json')
    assert status != 0 and 'directory_unreachable' in out
    site.start_directory()
    wait_until('logins work again', lambda: site.login(USER).status == 200, 20, 0.5)


def test_directory_frozen(site):
    site.slapd.process.send_signal(signal.SIGSTOP)
    try:
        unreachable(site)
        unreachable(site)
    finally:
        site.slapd.process.send_signal(signal.SIGCONT)
    wait_until('logins work again', lambda: site.login(USER).status == 200, 20, 0.5)


def test_everything_that_must_hold_still_holds(site):
    site.assert_store_sound()
    site.assert_no_orphans()
    site.assert_secrets_kept()
