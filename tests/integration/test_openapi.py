# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.yaml against the broker, both ways: each route is described with its roles, each path that
is described is answered, and real answers are what the description says, without a member too many."""
import re

import jsonschema
import pytest

import openapi
from broker import TOP, Broker, pool
from fake_agent import FakeAgent
from needs import NEEDS_BROKER
from slapd import Slapd, password_of
from test_roles import ROLES, STAFF, staff_ldif, staff_login

pytestmark = NEEDS_BROKER

WORDS = {'ROLE_HELPDESK': 'helpdesk', 'ROLE_POOL_ADMIN': 'pool-admin', 'ROLE_AUDITOR': 'auditor'}


def code_routes():
    """The broker's own table: {(METHOD, path): (access, roles)}."""
    text = (TOP / 'broker/api/api.c').read_text()
    names = {m[1]: m[2] for m in re.finditer(r'#define (\w+) \(?([A-Z_| ]+?)\)?\n', text)}

    def roles(words):
        found = {'admin'}
        for word in re.findall(r'\w+', words):
            if word in names:
                found |= roles(names[word])
            elif word in WORDS:
                found.add(WORDS[word])
        return found
    table = text.split('client_routes[] = {')[1].split('};')[0]
    return {(m, p): (access, roles(words)) for m, p, access, words in
            re.findall(r'\{ "(\w+)", "([^"]+)", (ACCESS_\w+),\s*\w+,\s*([^}]+?) \}', table)}


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('openapi')
    with Slapd(folder, more_ldif=staff_ldif()) as slapd:
        with Broker(folder, slapd, **ROLES) as broker:
            broker.publish()
            broker.apply(pool('sales', ['sales'], most=50, self_service={'restart': 'allow', 'reset': 'allow'}),
                         pool('lab', ['engineering'], most=50))
            broker.host = FakeAgent(broker, 'host-1', folder)
            broker.host.join()
            broker.host.settle()
            broker.staff = {name: staff_login(broker, name).body['token'] for name in STAFF}
            yield broker


def test_each_route_is_described_and_each_description_is_a_route():
    described = {(m, p) for m, p, _ in openapi.operations()}
    assert described == set(code_routes())
    for (method, path), (access, roles) in code_routes().items():
        operation = openapi.find(method, path)
        assert set(operation.get('x-roles', [])) == (roles if access == 'ACCESS_STAFF' else set()), (method, path)


def test_the_description_is_sound():
    names = [op['operationId'] for _, _, op in openapi.operations()]
    assert len(names) == len(set(names))
    for schema in openapi.DOCUMENT['components']['schemas'].values():
        jsonschema.Draft202012Validator.check_schema(schema)
    for _, _, op in openapi.operations():
        assert op['summary'].endswith('.') and 'default' in op['responses']


def test_each_path_is_answered(site):
    """To a stranger: refused or answered, but never "there is no such address"."""
    for method, path, operation in openapi.operations():
        answer = site.http(method, path.replace('{id}', '0' * 16), None if method == 'GET' else {})
        assert answer.status in (200, 400, 401, 403), (method, path, answer)
        if operation.get('x-roles'):
            assert answer.status in (401, 403), (method, path, answer)
        if answer.status >= 400:
            openapi.check(method, path, answer.status, answer.body, answer.headers['Content-Type'])
    assert site.http('GET', '/v1/nowhere').code == 'not_found'


class Tour:
    """Asks, and holds each answer against the description."""

    def __init__(self, site):
        self.site, self.seen = site, set()

    def ask(self, method, path, body=None, status=200, **more):
        answer = self.site.http(method, path, body, **more)
        assert answer.status == status, (method, path, answer)
        openapi.check(method, path, answer.status, answer.body, answer.headers.get('Content-Type', ''))
        self.seen.add((method, openapi.find(method, path)['operationId']))
        return answer.body

    def admin(self, method, path, body=None, status=200):
        return self.ask(method, f'/v1/admin/{path}', body, status, token=self.site.staff['boss'])


def test_real_answers_are_as_described(site):
    t = Tour(site)
    host = site.host
    t.ask('GET', '/v1/health')
    login = t.ask('POST', '/v1/login', {'user': 'hanako', 'password': password_of('hanako')})
    own = login['token']
    host.settle()
    t.ask('GET', '/v1/desktops', token=own)
    t.ask('GET', '/v1/session', token=own)
    t.ask('GET', '/v1/notices', token=own)
    ticket = t.ask('POST', '/v1/desktops/sales/connect', {'wait_ms': 10000}, token=own)
    t.ask('GET', '/v1/desktops/sales/rdp', status=403, token=own)
    session = host.redeem(ticket['locator'], ticket['secret']).body['session']
    host.events({'kind': 'session_active', 'session': session},
                {'kind': 'denied', 'session': session, 'what': 'device', 'name': 'a stick'})
    host.sessions({'id': session, 'idle_ms': 5, 'bytes_to_desktop': 1, 'bytes_from_desktop': 2, 'rtt_us': 3})
    desktop = t.admin('GET', 'desktops')['desktops'][0]
    host.change(desktop['id'], logged_on='hanako')

    for path in ('session', 'overview', 'timings', 'pools', 'desktops?limit=1', 'hosts', 'user-disks', 'templates', 'images',
                 'images/gold', 'sessions', 'sessions?all=1&limit=1', 'audit', 'audit?denied=1&limit=1', 'audit-export',
                 'exceptions', 'explain?user=hanako', 'explain?pool=sales', 'explain?host=host-1', 'rebuild', 'second-factor?user=hanako'):
        t.admin('GET', path)
    pools = t.admin('GET', 'pools')
    plain = {k: v for k, v in pools['pools'][1].items() if k not in ('counts', 'troubles', 'push', 'version')}
    jsonschema.Draft202012Validator(openapi.resolve({'$ref': '#/components/schemas/PoolDefinition'}), resolver=openapi._resolver).validate(plain)
    t.admin('PUT', 'pools/sales', {'pool': plain, 'dry_run': True})
    t.admin('PUT', 'pools', {'pools': [plain], 'dry_run': True})
    t.admin('PUT', 'pools/sales', {'pool': plain, 'seen': 'other'}, 409)
    for path, body, status in (
            ('host-tokens', {'name': 'host-9'}, 200),
            ('images', {'name': 'gold', 'sha256': 'ef' * 32, 'size_bytes': 5, 'in_place': True, 'channel': 'canary'}, 200),
            ('images/gold/promote', {'reason': 'tour'}, 200), ('images/gold/rollback', {}, 200),
            ('hosts/host-1/drain', {'reason': 'tour'}, 200), ('hosts/host-1/undrain', {}, 200), ('hosts/host-1/remove', {}, 409),
            (f'desktops/{desktop["id"]}/message', {'text': 'hello'}, 200), (f'sessions/{session}/message', {'text': 'hello'}, 200),
            (f'sessions/{session}/logoff', {}, 204), (f'sessions/{session}/disconnect', {'reason': 'tour'}, 204),
            (f'sessions/{session}/end', {}, 204), (f'desktops/{desktop["id"]}/logoff', {}, 204),
            (f'desktops/{desktop["id"]}/restart', {}, 204), (f'desktops/{desktop["id"]}/reset', {}, 204),
            (f'desktops/{desktop["id"]}/delete', {}, 204), ('directory-test', {'user': 'hanako'}, 200),
            ('exceptions', {'user': 'hanako', 'pool': 'sales', 'reason': 'tour', 'duration_ms': 3600000}, 200)):
        answer = t.admin('POST', path, body, status)
    t.admin('GET', f'exceptions/{answer["exception"]["id"]}')
    t.admin('POST', f'exceptions/{answer["exception"]["id"]}/approve', {}, 403)
    t.admin('POST', f'exceptions/{answer["exception"]["id"]}/revoke', {})
    host.settle()
    t.ask('POST', '/v1/desktops/sales/restart', {}, 204, token=own)
    t.ask('DELETE', '/v1/session', status=204, token=own)
    t.admin('POST', 'revoke-all', {})
    described = {(m, op['operationId']) for m, _, op in openapi.operations()}
    assert len(t.seen) > 40, sorted(described - t.seen)
