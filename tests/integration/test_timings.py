# SPDX-License-Identifier: Apache-2.0
"""What the broker keeps of the stages that hosts tell of: each start once, the newest ones only."""
import pytest

from broker import PROGRAM, Broker, pool
from fake_agent import FakeAgent
from slapd import SLAPD, Slapd

pytestmark = [
    pytest.mark.skipif(not SLAPD, reason='slapd is not installed'),
    pytest.mark.skipif(not PROGRAM.exists(), reason=f'not built: {PROGRAM}'),
]

STAGES = ('turn_ms', 'disk_ms', 'machine_ms', 'memory_ms', 'guest_ms', 'rdp_ms')
KEPT = 256


def start(at_ms, way='clone', **more):
    return {'at_ms': at_ms, 'way': way, 'total_ms': 210, **{s: 10 * (i + 1) for i, s in enumerate(STAGES)}} | more


@pytest.fixture
def site(tmp_path):
    with Slapd(tmp_path) as slapd, Broker(tmp_path, slapd) as broker:
        broker.publish()
        broker.apply(pool('sales', ['sales'], spare=2))
        broker.host = FakeAgent(broker, 'host-1', tmp_path)
        assert broker.host.join().status == 200
        broker.host.settle()
        yield broker


def starts(broker):
    answer = broker.admin('GET', '/v1/admin/timings')
    assert answer.status == 200, answer
    return answer.body['starts']


def test_each_start_counts_once(site):
    first, second = sorted(site.host.desktops)
    site.host.change(first, start=start(1000))
    site.host.change(first, percent=100)                # told again
    site.host.change(second, start=start(2000, 'boot', memory_ms=0))
    assert starts(site) == [start(1000), start(2000, 'boot', memory_ms=0)]
    site.host.change(first, start=start(3000))          # started anew
    assert [s['at_ms'] for s in starts(site)] == [1000, 2000, 3000]


def test_what_a_host_says_wrong_is_left_out_and_the_rest_counts(site):
    first, second = sorted(site.host.desktops)
    for wrong in ('soon', [], {}, {'at_ms': 1}, start(-1), start(10, rdp_ms='x'), start(10, guest_ms=-5), start(10, way=1),
                  start(10, total_ms=1 << 62)):
        assert site.host.change(first, start=wrong).status == 200
    assert starts(site) == []
    site.host.change(second, start=start(5))
    assert starts(site) == [start(5)]


def test_a_host_that_is_not_ours_adds_nothing(site, tmp_path):
    gone = FakeAgent(site, 'host-2', tmp_path)
    assert gone.join().status == 200
    assert site.admin('POST', '/v1/admin/hosts/host-2/remove', {}).status == 200
    gone.desktops = {'0' * 16: {'id': '0' * 16, 'epoch': 1, 'state': 'ready', 'start': start(7)}}
    assert gone.sync().status == 403
    assert starts(site) == []


def test_the_newest_are_kept(site):
    first = min(site.host.desktops)
    for n in range(1, KEPT + 11):
        site.host.change(first, start=start(n))
    assert [s['at_ms'] for s in starts(site)] == list(range(11, KEPT + 11))
