# SPDX-License-Identifier: Apache-2.0
"""The id of a request: taken or made at the front, given back, and found wherever the request left a trace."""
import json
import re

import pytest

from broker import Broker, pool
from fake_agent import FakeAgent
from needs import NEEDS_BROKER
from slapd import Slapd, password_of

pytestmark = NEEDS_BROKER


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('request-ids')
    with Slapd(folder) as slapd:
        with Broker(folder, slapd) as broker:
            broker.publish()
            broker.apply(pool('sales', ['sales']))
            broker.host = FakeAgent(broker, 'host-1', folder)
            broker.host.join()
            broker.host.settle()
            yield broker


def ask(site, id_, method='GET', path='/v1/health', **more):
    return site.http(method, path, headers={'X-Request-Id': id_} if id_ is not None else None, **more)


def lines(site, id_):
    return [line for line in site.log().splitlines() if f'request={id_} ' in f'{line} ']


def row_of(site, id_):
    found = [row for row in site.audit() if row['details'].get('request') == id_]
    assert len(found) == 1, (id_, found)
    return found[0]


def test_a_clients_id_is_taken_when_it_can_stand_in_a_log(site):
    for id_ in ('a', 'seat-7.Login_1', 'x' * 64):
        answer = ask(site, id_)
        assert answer.headers['X-Request-Id'] == id_
        assert 'path=/v1/health' in lines(site, id_)[0]


def test_another_is_made_instead_of_what_could_not(site):
    made = set()
    for id_ in (None, '', 'x' * 65, 'two words', 'quote"', 'id=1', 'caf\u00e9', '../../x', '{}'):
        made.add(ask(site, id_).headers['X-Request-Id'])
    assert len(made) == 9, made
    for id_ in made:
        assert re.fullmatch(r'[0-9a-f]{16}', id_) and len(lines(site, id_)) == 1


def test_a_refusal_names_it(site):
    for path, status in (('/v1/nowhere', 404), ('/v1/desktops', 401), ('/v1/admin/pools', 403)):
        answer = ask(site, f'refused-{status}', path=path)
        assert (answer.status, answer.body['request_id']) == (status, f'refused-{status}')
        assert answer.headers['X-Request-Id'] == f'refused-{status}'
        assert answer.code in lines(site, f'refused-{status}')[0]
    # The front refuses a target that cannot be one before the core hears of it.
    answer = ask(site, 'target', path='/v1/health?' + '&'.join(f'a{n}=1' for n in range(20)))
    assert (answer.status, answer.body['request_id']) == (400, 'target')


def test_changes_of_an_admin_are_in_the_audit_log_under_it(site):
    answer = site.admin('POST', '/v1/admin/host-tokens', {'name': 'host-2'}, headers={'X-Request-Id': 'token-2'})
    assert answer.status == 200
    assert row_of(site, 'token-2')['what'] == 'host_token'
    wrong = ask(site, 'wrong-1', 'POST', '/v1/login', body={'user': 'hanako', 'password': 'no'})
    assert wrong.body['request_id'] == 'wrong-1'
    assert row_of(site, 'wrong-1')['denied']
    assert any('event=login_refused' in line for line in lines(site, 'wrong-1'))


def test_it_goes_on_to_the_host_with_what_was_ordered(site):
    login = ask(site, 'order-1', 'POST', '/v1/login', body={'user': 'hanako', 'password': password_of('hanako')})
    assert login.status == 200 and row_of(site, 'order-1')['what'] == 'login'
    wanted = site.host.sync().body
    assert [d['request'] for d in wanted['desktops'] if d['want'] == 'running'] == ['order-1']
    site.host.settle()
    token = login.body['token']

    ticket = ask(site, 'ticket-1', 'POST', '/v1/desktops/sales/connect', body={'wait_ms': 10000}, token=token)
    assert ticket.status == 200 and row_of(site, 'ticket-1')['what'] == 'ticket'
    answer = site.host.redeem(ticket.body['locator'], ticket.body['secret'])
    assert answer.body['request'] == 'ticket-1', 'the relay is told whose ticket it was'
    session = answer.body['session']
    row = row_of(site, answer.headers['X-Request-Id'])
    assert (row['what'], row['details']['ticket_request'], row['details']['session']) == ('redeem', 'ticket-1', session)
    begun = [line for line in site.log().splitlines() if 'event=session_begun' in line]
    assert f'ticket_request=ticket-1 session={session}' in begun[-1]

    desktop = site.host.settle()['desktops'][0]['id']
    answer = site.admin('POST', f'/v1/admin/desktops/{desktop}/restart', {}, headers={'X-Request-Id': 'restart-1'})
    assert answer.status == 204 and answer.headers['X-Request-Id'] == 'restart-1'
    assert site.host.sync().body['desktops'][0]['request'] == 'restart-1'
    assert json.dumps(site.admin('GET', '/v1/admin/desktops').body).count('restart-1') == 0, 'for logs, not for lists'
