# SPDX-License-Identifier: Apache-2.0
"""The example dashboard and alert rules ask for what the broker really tells."""
import http.client
import json
import re

import pytest
import yaml

import genkan_site
from broker import Broker, pool
from fake_agent import FakeAgent
from needs import NEEDS_BROKER
from slapd import Slapd

MONITORING = genkan_site.TOP / 'deploy' / 'monitoring'
pytestmark = NEEDS_BROKER


@pytest.fixture(scope='module')
def broker(tmp_path_factory):
    folder = tmp_path_factory.mktemp('broker')
    with Slapd(folder) as slapd, Broker(folder, slapd) as broker:
        broker.publish()
        broker.apply(pool('sales', ['sales'], spare=1))
        host = FakeAgent(broker, 'host-1', folder)
        assert host.join().status == 200
        host.settle()
        yield broker


def metrics(broker):
    link = http.client.HTTPSConnection('127.0.0.1', broker.port, context=broker.context(
        broker.admin_certificate))
    link.request('GET', '/metrics')
    answer = link.getresponse()
    assert answer.status == 200
    return answer.read().decode()


def used():
    rules = [r for g in yaml.safe_load((MONITORING / 'alerts.yaml').read_text())['groups'] for r in g['rules']]
    assert all(r['annotations']['summary'] and r['annotations']['mend'] for r in rules)
    panels = json.loads((MONITORING / 'dashboard.json').read_text())['panels']
    return [r['expr'] for r in rules] + [t['expr'] for p in panels for t in p['targets']]


def test_each_metric_that_is_asked_for_exists_and_each_that_exists_is_shown(broker):
    described = set(re.findall(r'# TYPE (\w+)', metrics(broker)))
    # these two begin with the first refusal and the first session
    described |= set(re.findall(r'"(genkan_\w+_total)"', (
        genkan_site.TOP / 'broker/api/counters.c').read_text()))
    asked = {name for text in used() for name in re.findall(r'genkan_\w+', text)}
    assert asked == described


def test_states_are_counted(broker):
    text = metrics(broker)
    assert 'genkan_hosts{state="active"} 1' in text
    assert 'genkan_desktops{state="ready"} 1' in text
    assert re.search('genkan_certificate_days 82[0-9]', text)


def test_health(broker):
    for path, status in (('/healthz', 'ok'), ('/readyz', 'ready')):
        answer = broker.http('GET', path)
        assert (answer.status, answer.body['status']) == (200, status)
