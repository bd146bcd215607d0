# SPDX-License-Identifier: Apache-2.0
"""The broker's store is lost while desktops run: they are found again at the hosts, each with its owner."""
import os
import pathlib
import subprocess

import pytest

import small_site
from broker import BUILD, Broker, pool
from fake_agent import FakeAgent
from needs import NEEDS_BROKER
from netns import wait_until
from slapd import Slapd
from small_site import gold_pool, make_image

CTL = BUILD / 'ctl' / 'genkanctl'
pytestmark = NEEDS_BROKER


@pytest.fixture
def site(tmp_path):
    with Slapd(tmp_path) as slapd:
        with Broker(tmp_path, slapd) as broker:
            set_up(broker)
            broker.host = FakeAgent(broker, 'host-1', tmp_path)
            assert broker.host.join().status == 200
            broker.host.settle()
            yield broker


def set_up(broker):
    broker.publish()
    broker.apply(pool('sales', ['sales'], spare=1), pool('lab', ['engineering']))


def lose_store(broker):
    """As a disk that died: the keys are from a copy, the store is not."""
    broker.kill()
    for path in broker.state.glob('broker.db*'):
        path.unlink()
    broker.start(init=False)


def spread(broker):
    """Each desktop ready, at an address of its own: a restore looks at that."""
    broker.host.settle()
    for i, desktop in enumerate(broker.host.desktops):
        broker.host.change(desktop, address=f'10.77.0.{5 + i}')
    broker.host.settle()


def ctl(broker, *arguments):
    done = subprocess.run([CTL, '--broker', f'127.0.0.1:{broker.port}', '--ca', broker.state / 'ca.crt', '--certificate',
                           broker.state / 'admin.crt', '--key', broker.state / 'admin.key', *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60)
    return done.returncode, done.stdout


def desktops(broker):
    return {d['id']: d for d in broker.admin('GET', '/v1/admin/desktops').body['desktops']}


def own(broker, user):
    return next(d['id'] for d in desktops(broker).values() if d['user'] == user)


def unknown(broker):
    return {u['id']: u for u in broker.admin('GET', '/v1/admin/rebuild').body['unknown']}


def test_users_get_back_what_still_runs_and_nobody_elses(site):
    for user in ('hanako', 'joerg'):
        assert site.login(user).status == 200
        site.host.settle()
    before = desktops(site)
    mine, theirs = own(site, 'hanako'), own(site, 'joerg')
    spare = next(d['id'] for d in before.values() if not d['user'])
    site.host.settle()
    generation = site.host.generation

    lose_store(site)
    assert site.host.sync().status == 403, 'nothing is ordered of a host that is not known'
    assert set(site.host.desktops) == set(before)
    assert ctl(site, 'rebuild', 'begin')[0] == 0
    site.host.settle()
    # Pools are files of the administrator's, images are published again; then desktops find their owners.
    assert {u['why'] for u in unknown(site).values()} >= {'its pool is not there'}
    set_up(site)
    site.host.settle()
    assert site.host.generation > generation
    found = desktops(site)
    assert set(found) == {mine, theirs}
    assert (found[mine]['user'], found[mine]['name'], found[mine]['epoch']) == ('hanako', before[mine]['name'], before[mine]['epoch'])
    assert (found[theirs]['user'], found[theirs]['pool']) == ('joerg', before[theirs]['pool'])
    # The spare is nobody's: it may have been somebody's a moment ago. It runs on, and is given to nobody.
    assert set(unknown(site)) == {spare} and spare in site.host.desktops
    status, out = ctl(site, 'rebuild', 'show')
    assert status == 0 and before[spare]['name'] in out and 'all hosts' in out, out

    login = site.login('hanako').body
    assert login['desktops'][0]['id'] == mine
    answer = site.connect(login['token'], mine, 5000)
    assert answer.status == 200 and answer.body['desktop']['id'] == mine
    redeemed = site.host.redeem(answer.body['locator'], answer.body['secret'])
    assert redeemed.status == 200 and redeemed.body['desktop']['id'] == mine
    # Who has none waits: theirs may be at a host that has not told yet.
    late = site.login('both')
    answer = site.connect(late.body['token'], 'sales', 0) if late.status == 200 else late
    assert (answer.status, answer.code) == (503, 'rebuilding'), answer

    assert ctl(site, 'rebuild', 'finish')[0] == 0
    site.host.settle()
    assert spare not in site.host.desktops and not unknown(site)
    assert {mine, theirs} <= set(site.host.desktops)
    token = site.login('both').body['token']
    site.host.settle()
    assert site.connect(token, 'sales', 5000).status == 200
    assert own(site, 'both') not in before, 'a new one'
    what = [r['what'] for r in site.audit()]
    assert what.count('desktop_adopted') == 2 and {'rebuild_begin', 'rebuild_finish', 'host_found'} <= set(what)


def test_a_host_cannot_make_somebody_the_owner(site, tmp_path):
    """Deeds that are changed, another host's, or another desktop's count for nothing."""
    other = FakeAgent(site, 'host-2', tmp_path)
    assert other.join().status == 200
    other.settle()
    assert site.login('hanako').status == 200
    for host in (site.host, other):
        host.settle()
    holder = next(h for h in (site.host, other) if own(site, 'hanako') in h.desktops)
    thief = other if holder is site.host else site.host
    mine = own(site, 'hanako')
    deed = holder.papers[mine]['deed']
    assert deed
    lose_store(site)
    set_up(site)
    assert ctl(site, 'rebuild', 'begin')[0] == 0
    plain = dict(holder.papers[mine])
    desktop = dict(holder.desktops[mine])
    body, seal = deed.split('.')
    for id_, paper in (('a' * 16, deed), ('b' * 16, f'{body}.{"A" * len(seal)}'), ('c' * 16, f'{body[:-4]}AAAA.{seal}'),
                       (mine, deed), ('d' * 16, ''), ('e' * 16, 'x' * 1000)):
        thief.desktops[id_] = desktop | {'id': id_}
        thief.papers[id_] = plain | {'name': f'sales-9{id_[0]}', 'deed': paper}
    thief.settle()
    assert not desktops(site), 'nothing was believed'
    assert set(unknown(site)) == set(thief.desktops)
    holder.settle()
    assert [(d['id'], d['user'], d['host']) for d in desktops(site).values()] == [(mine, 'hanako', holder.name)]


def test_an_older_backup_finds_what_was_made_since(site, tmp_path):
    assert site.login('hanako').status == 200
    spread(site)
    mine = own(site, 'hanako')
    assert ctl(site, 'backup', tmp_path / 'old')[0] == 0
    assert site.login('joerg').status == 200
    spread(site)
    later = own(site, 'joerg')
    site.stop()
    status, out = site.run('--restore', tmp_path / 'old')
    assert status == 0, out
    site.start(init=False)
    assert site.admin('GET', '/v1/admin/rebuild').body['rebuilding'] == 'known_hosts'
    site.host.settle()
    # All hosts of the backup have told: it is finished by itself.
    assert site.admin('GET', '/v1/admin/rebuild').body['rebuilding'] == 'none'
    assert {mine, later} <= set(site.host.desktops)
    assert (own(site, 'hanako'), own(site, 'joerg')) == (mine, later)
    site.host.settle()
    assert any(not d['user'] for d in desktops(site).values()), 'spares are made again'


@pytest.mark.skipif(small_site.why_not() is not None, reason=str(small_site.why_not()))
def test_a_real_hosts_machines_run_on_under_their_owner():
    with small_site.small_site() as site:
        make_image(site.images / 'gold.qcow2')
        site.join()
        site.start_agent()
        site.wait_host()

        def publish():
            site.ctl('image', 'publish', 'gold', site.images / 'gold.qcow2', '--image-dir', site.images)
            site.broker.apply(gold_pool())
        publish()
        assert site.broker.login('hanako').status == 200

        def machine():
            found = [d for d in site.desktops() if d['user'] == 'hanako']
            pid_file = site.run_dir / 'desktops' / found[0]['id'] / 'pid' if found else None
            return (found[0]['id'], pid_file.read_text()) if pid_file and pid_file.exists() else None
        desktop, pid = wait_until('the machine runs', machine, 60, 0.1)
        spec = pathlib.Path(site.host_state) / 'desktops' / desktop / 'spec.json'
        wait_until('the deed is kept', lambda: '"deed":"ey' in spec.read_text(), 60, 0.1)   # base64 of {"
        assert spec.stat().st_mode & 0o777 == 0o600
        assert site.broker.login('hanako').status == 200

        lose_store(site.broker)
        site.kill_agent()       # the host's agent starts anew as well: what it knows is on its disk
        site.start_agent()
        site.ctl('rebuild', 'begin')
        publish()
        wait_until('it is found', lambda: any(d['id'] == desktop and d['user'] == 'hanako' for d in site.desktops()), 60, 0.1)
        assert machine() == (desktop, pid), 'the same machine'
        assert site.broker.login('hanako').body['desktops'][0]['id'] == desktop
        site.ctl('rebuild', 'finish')
        wait_until('the host has the order', lambda: 'event=desired_state' in site.agent_log().split('broker_rebuilds')[-1], 60, 0.1)
        assert machine() == (desktop, pid)
        os.kill(int(pid), 0)
