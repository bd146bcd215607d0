# SPDX-License-Identifier: Apache-2.0
"""A pool moves to a new publication of its image: the first share, the gate, the way back, and what is
told of it. The broker and its store are real, the host is a fake that says what the test wants; the
broken image at the end is one, on a real host."""
import json
import signal
import subprocess
import time

import pytest

import small_site
from broker import Broker, pool
from fake_agent import FakeAgent
from genkan_site import golden_image
from needs import NEEDS_BROKER
from netns import wait_until
from slapd import Slapd

pytestmark = NEEDS_BROKER

ONE, TWO, THREE = '11' * 32, '22' * 32, '33' * 32


class PickyHost(FakeAgent):
    """Brings desktops up at once, but those of `bad` publications to an error."""

    def __init__(self, *args):
        super().__init__(*args)
        self.bad, self.late, self.seen = {}, {}, []
        self.number = 0

    def report(self, desired, state):
        reason = self.bad.get(desired['image_sha256'])
        d = super().report(desired, 'error' if reason else state)
        self.number += 1
        d['address'] = f'10.77.{self.number // 250}.{self.number % 250 + 1}' if not reason else ''
        d['reason'] = reason or ''
        if desired['image_sha256'] in self.late:
            d.update(state='cloning', stage='queued', percent=0, address='',
                     reason=self.late[desired['image_sha256']])
        return d


@pytest.fixture(scope='module')
def directory(tmp_path_factory):
    with Slapd(tmp_path_factory.mktemp('slapd')) as slapd:
        yield slapd


@pytest.fixture
def site(directory, tmp_path):
    with Broker(tmp_path, directory, hosts__silent_after='4s') as broker:
        broker.publish(sha256=ONE)
        host = PickyHost(broker, 'host-1', tmp_path)
        host.join()
        broker.host = host
        yield broker


def gold(spare=4, window_ms=0, canary=25, failures=1, **more):
    made = pool('sales', ['sales'], spare=spare, **more)
    made['rollout'] = {'canary': canary, 'window_ms': window_ms, 'max_failures': failures}
    return made


def push(broker):
    return broker.admin('GET', '/v1/admin/pools').body['pools'][0]['push']


def images(broker, **fields):
    found = broker.admin('GET', '/v1/admin/desktops').body['desktops']
    return sorted(d['image_sha256'][:2] for d in found
                  if all(d[k] == v for k, v in fields.items()))


def until(broker, what, condition, seconds=20, before=lambda: None):
    """Goes on as a host does until it is true; `before` is checked at each step."""
    end = time.monotonic() + seconds
    while True:
        before()
        broker.host.settle()
        value = condition()
        if value:
            return value
        assert time.monotonic() < end, f'{what}: {push(broker)} {images(broker)}'
        time.sleep(0.1)     # for the broker's own clock: windows and ticks


def rows(broker):
    return [(r['code'], r['details']['event'], r['details']['current'], r['details']['next'],
             r['details']['refused']) for r in reversed(broker.audit()) if r['what'] == 'push']


def logged(broker):
    found = []
    for line in broker.log().splitlines():
        if ' event=push ' in line:
            words = dict(w.split('=', 1) for w in line.split() if '=' in w)
            found.append((words['code'], words['step'], int(words['current']), int(words['next']),
                          int(words['refused'])))
    return found


def test_first_a_share_then_all_and_never_fewer_than_wanted(site):
    site.apply(gold(window_ms=1500))
    until(site, 'four spares', lambda: images(site, state='ready') == ['11'] * 4)
    site.publish(sha256=TWO)

    def enough():
        assert len(images(site, state='ready')) >= 4, images(site)

    until(site, 'a share has it', lambda: images(site, state='ready') == ['11'] * 3 + ['22'], 20, enough)
    assert push(site)['code'] in ('push_watched', 'push_not_ready')
    assert push(site)['next'] == 2 and push(site)['current'] == 1
    until(site, 'all have it', lambda: images(site, state='ready') == ['22'] * 4, 20, enough)
    assert push(site)['code'] == 'push_passed' and push(site)['current'] == 2
    assert [r[:2] for r in rows(site)] == [('push_taken', 'taken'), ('push_began', 'began'),
                                           ('push_passed', 'passed')]


def test_what_does_not_come_up_goes_back_by_itself_and_everything_tells_the_same(site):
    site.apply(gold())
    until(site, 'four spares', lambda: images(site, state='ready') == ['11'] * 4)
    site.host.bad[TWO] = 'the guest did not answer'
    site.publish(sha256=TWO)

    def old_ones_stay():
        assert images(site, state='ready').count('11') == 4

    def fails_again():
        old_ones_stay()
        for d in list(site.host.desktops.values()):     # as the host's own next try would
            if d['state'] == 'error':
                site.host.change(d['id'], state='starting')
                site.host.change(d['id'], state='error')

    until(site, 'it was stopped', lambda: push(site)['refused'] == 2, 30, fails_again)
    stopped = push(site)
    assert (stopped['code'], stopped['current'], stopped['next']) == ('push_starts_failed', 1, 0)
    assert stopped['detail'] == 'the guest did not answer' and stopped['health']['failed'] == 2
    assert site.admin('GET', '/v1/admin/images/gold').body['pools'][0]['code'] == 'push_starts_failed'
    # The log, the audit log and both explanations have the same words.
    assert logged(site) == rows(site) and rows(site)[-1] == ('push_starts_failed', 'stopped', 1, 0, 2)
    explained = site.admin('GET', '/v1/admin/explain?pool=sales').body
    assert explained['push']['code'] == rows(site)[-1][0]
    assert explained['push']['detail'] == stopped['detail']
    user = site.admin('GET', '/v1/admin/explain?user=hanako&pool=sales').body['pools']
    assert [p['push']['code'] for p in user] == ['push_starts_failed']
    assert {t['publication']: t['reason'] for t in explained['troubles']} == {
        2: 'the guest did not answer'}
    # It is not tried again by itself, and people get the old one meanwhile.
    login = site.login('hanako')
    assert login.body['connect']['status'] == 'ready'
    for _ in range(5):
        site.host.settle()
    assert push(site)['refused'] == 2 and images(site, state='ready').count('11') >= 4
    # A mended one is.
    site.publish(sha256=THREE)
    until(site, 'the mended one is everywhere', lambda: push(site)['current'] == 3)


def ctl(broker, *arguments):
    state = broker.state
    done = subprocess.run([small_site.CTL, '--broker', f'127.0.0.1:{broker.port}', '--ca', state / 'ca.crt',
                           '--certificate', state / 'admin.crt', '--key', state / 'admin.key', *arguments],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.stdout if done.returncode == 0 else done.stderr


def template(sha256, state, percent=0, reason='', **more):
    return {'id': sha256[:16], 'image_sha256': sha256, 'cpus': 2, 'memory_bytes': 2 << 30, 'state': state,
            'percent': percent, 'reason': reason, 'desktops': 0} | more


def test_a_template_that_never_becomes_ready_is_told_everywhere_and_the_old_spares_stay(site):
    why = 'the guest cannot be frozen: the guest does not come to rest'
    site.apply(gold(window_ms=60000))
    until(site, 'four spares', lambda: images(site, state='ready') == ['11'] * 4)
    waits = 'waits for the template of its image: booting, 10 %'
    site.host.late[TWO] = waits
    site.publish(sha256=TWO)

    def old_ones_stay():
        assert images(site, state='ready') == ['11'] * 4

    until(site, 'the new one is tried', lambda: push(site)['next'] == 2 and '22' in images(site), 20,
          old_ones_stay)
    size = pool('sales')['desktop']
    shape = {'cpus': size['cpus'], 'memory_bytes': size['memory_bytes']}
    mine = [template(ONE, 'ready', 100, desktops=4, **shape), template(TWO, 'error', reason=why, **shape)]
    others = [template(ONE, 'ready', 100, id='ee' * 8, **shape | {'cpus': 77}), template(THREE, 'ready', 100)]
    for _ in range(5):
        assert site.host.sync(templates=mine + others).status == 200
        old_ones_stay()
    told = site.admin('GET', '/v1/admin/explain?pool=sales').body
    assert told['templates'] == [t | {'host': 'host-1'} for t in mine], 'those of the pool, no others'
    assert told['push']['code'] == 'push_not_ready' and told['push']['current'] == 1
    assert f'template: {TWO[:16]} on host-1: error, 0 desktops: {why}' in ctl(site, 'explain', 'pool', 'sales')
    shown = ctl(site, 'host', 'show', 'host-1')
    assert why in shown and 'ee' * 8 in shown and 'there is no host x' in ctl(site, 'host', 'show', 'x')
    one = json.loads(ctl(site, '--json', 'host', 'show', 'host-1'))
    assert one['host']['name'] == 'host-1' and len(one['templates']) == 4
    # Who waits meanwhile is told the same words by explain as the host reports.
    late = [d for d in site.admin('GET', '/v1/admin/desktops').body['desktops'] if d['state'] != 'ready']
    assert {d['reason'] for d in late} == {waits}
    assert site.login('hanako').body['connect']['status'] == 'ready', 'from the old ones'


def test_ready_desktops_that_die_stop_it(site):
    site.apply(gold(window_ms=60000, failures=0))
    until(site, 'four spares', lambda: images(site, state='ready') == ['11'] * 4)
    site.publish(sha256=TWO)
    until(site, 'one is up', lambda: '22' in images(site, state='ready'))
    canary = next(d['id'] for d in site.admin('GET', '/v1/admin/desktops').body['desktops']
                  if d['image_sha256'] == TWO)
    site.host.change(canary, state='error', reason='QEMU ended')
    until(site, 'it was stopped', lambda: push(site)['code'] == 'push_crashes')
    assert rows(site) == logged(site)


def test_sessions_that_show_nothing_stop_it(site):
    site.apply(gold(spare=1, window_ms=60000, failures=0, canary=99))
    until(site, 'a spare', lambda: images(site, state='ready') == ['11'])
    site.publish(sha256=TWO)
    until(site, 'the other', lambda: images(site, state='ready') == ['22'])
    ticket = site.login('hanako').body['connect']
    session = site.host.redeem(ticket['locator'], ticket['secret']).body['session']
    assert site.host.events({'kind': 'session_ended', 'session': session}).status == 204
    until(site, 'it was stopped', lambda: push(site)['code'] == 'push_logins_failed')


def test_desktops_in_use_move_when_their_users_log_off(site):
    site.apply(gold(spare=1, canary=100))
    until(site, 'a spare', lambda: images(site, state='ready') == ['11'])
    mine = site.login('hanako').body['connect']['desktop']['id']
    site.publish(sha256=TWO)
    until(site, 'the spare moved', lambda: images(site, user='') == ['22'])
    assert images(site, user='hanako') == ['11']
    site.host.change(mine, logoffs=1)
    until(site, 'all moved', lambda: set(images(site)) == {'22'})
    assert site.login('hanako').body['connect']['status'] == 'ready'
    assert images(site, user='hanako') == ['22']


def test_a_pool_without_spares_tries_one(site):
    site.apply(gold(spare=0, window_ms=0))
    site.host.settle()
    assert site.login('hanako').body['connect']['status'] == 'preparing'
    until(site, 'hanako has hers', lambda: images(site, state='ready') == ['11'])
    site.publish(sha256=TWO)
    until(site, 'it passed', lambda: push(site)['current'] == 2)
    until(site, 'no spare is left', lambda: images(site) == ['11'])


def test_canary_promote_and_rollback(site):
    site.apply(gold(spare=1), pool('try', ['engineering'], spare=1,
                                   image={'name': 'gold', 'channel': 'canary'}))
    answer = site.admin('POST', '/v1/admin/images', {
        'name': 'gold', 'sha256': TWO, 'size_bytes': 1 << 20, 'in_place': True, 'channel': 'canary'})
    assert answer.status == 200 and answer.body['canary'] and not answer.body['stable']
    until(site, 'only canary moved', lambda: images(site, pool='try', state='ready') == ['22'])
    assert images(site, pool='sales') == ['11']

    def move(verb, **body):
        return site.admin('POST', f'/v1/admin/images/gold/{verb}', body)

    answer = move('promote', reason='two days without complaints')
    assert (answer.status, answer.body['from'], answer.body['to']) == (200, 1, 2)
    until(site, 'stable follows', lambda: images(site, pool='sales', state='ready') == ['22'])
    answer = move('rollback', reason='the printer is gone')
    assert (answer.body['from'], answer.body['to']) == (2, 1)
    until(site, 'and goes back', lambda: images(site, pool='sales', state='ready') == ['11'])
    shown = site.admin('GET', '/v1/admin/images/gold').body
    assert [(m['kind'], m['from'], m['to'], m['reason'], m['who']) for m in shown['moves'][:2]] == [
        ('rollback', 2, 1, 'the printer is gone', 'admin'),
        ('promote', 1, 2, 'two days without complaints', 'admin')]
    audited = [(r['what'], r['who'], r['details']['reason']) for r in site.audit()
               if r['what'] in ('image_promote', 'image_rollback')]
    assert audited == [('image_rollback', 'admin', 'the printer is gone'),
                       ('image_promote', 'admin', 'two days without complaints')]
    # What makes no sense is refused.
    assert move('rollback').code == 'not_found'
    assert move('rollback', publication=2).code == 'bad_request'
    assert move('promote', publication=9).code == 'not_found'
    assert site.admin('POST', '/v1/admin/images/none/promote', {}).code == 'not_found'
    assert site.admin('POST', '/v1/admin/images/gold/promote', {'publication': 0}).code == 'bad_request'


def test_explain_pool_says_what_is_in_the_way(site):
    site.apply(gold(spare=2))

    def code():
        return site.admin('GET', '/v1/admin/explain?pool=sales').body['code']

    assert code() in ('no_host', 'spares_coming')
    until(site, 'two spares', lambda: images(site, state='ready') == ['11'] * 2)
    assert code() == 'spares_complete'
    assert site.admin('GET', '/v1/admin/explain?pool=none').code == 'not_found'
    wait_until('the host is silent', lambda: [
        h['code'] for h in site.admin('GET', '/v1/admin/explain?pool=sales').body['hosts']] in (
            ['host_silent'], ['host_not_active']), 15, 0.2)


# --- a broken image on a real host ----------------------------------------------------------------

@pytest.mark.slow
@pytest.mark.skipif(small_site.why_not() is not None, reason=str(small_site.why_not()))
@pytest.mark.skipif(golden_image() is None, reason='no golden image: run deploy/image/build')
def test_an_image_that_boots_to_nothing_is_found_out_and_the_old_spare_stays():
    with small_site.small_site('gk-push') as site:
        site.join()
        site.ctl('image', 'publish', 'gold', golden_image(), '--image-dir', site.images)
        sales = small_site.gold_pool(spare=1, rollout={'canary': 50, 'window_ms': 0, 'max_failures': 1})
        sales['desktop']['memory_bytes'] = 1 << 30
        site.broker.apply(sales)
        site.configure(templates='no')
        site.start_agent()
        site.wait_host()
        old = wait_until('the old one is up', lambda: [d for d in site.desktops()
                                                       if d['state'] == 'ready'], 180, 0.5)[0]
        # It is up; from now on nobody is waited for that long.
        site.kill_agent(signal.SIGTERM)
        site.configure(templates='no', boot_deadline='2s')
        site.start_agent()
        site.ctl('image', 'publish', 'gold', small_site.make_image(site.folder / 'two.qcow2', 1, b'2'))

        def found_out():
            assert [d['state'] for d in site.desktops() if d['id'] == old['id']] == ['ready']
            return site.broker.admin('GET', '/v1/admin/pools').body['pools'][0]['push'][
                'code'] == 'push_starts_failed'
        wait_until('it was found out', found_out, 90, 0.2)
        told = site.ctl_json('explain', 'pool', 'sales')
        assert told['push']['current'] == 1 and told['push']['refused'] == 2
        assert 'took too long' in told['push']['detail'] and told['code'] == 'spares_complete'
        text = site.ctl('explain', 'pool', 'sales')
        assert 'push_starts_failed' in text and 'took too long' in text
        row = next(r for r in site.broker.audit() if r['what'] == 'push')
        assert row['code'] == 'push_starts_failed' and 'took too long' in row['details']['detail']
        assert 'push_starts_failed' in site.ctl('image', 'show', 'gold')
        wait_until('nothing of it is left', lambda: [d['id'] for d in site.desktops()] == [old['id']],
                   90, 0.2)
