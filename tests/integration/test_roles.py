# SPDX-License-Identifier: Apache-2.0
"""Who may do what on the admin side: every endpoint for every role, and what each gets to see."""
import contextlib
import json
import os
import re
import subprocess

import pytest

from broker import BUILD, TOP, Broker, pool
from fake_agent import FakeAgent
from needs import NEEDS_BROKER
from slapd import BASE, Slapd, line, password_of, person_dn, person_ldif

pytestmark = NEEDS_BROKER

STAFF = ('helper', 'seller', 'watcher', 'boss')
ROLE = {'helper': 'helpdesk', 'seller': 'pool-admin', 'watcher': 'auditor', 'boss': 'admin'}


def staff_ldif():
    text = ''
    for name in STAFF:
        text += person_ldif(name, f'{name.title()} Staff', None)
        # in a group that is in the group with the role
        text += (f'dn: cn=inner-{name},ou=groups,{BASE}\nobjectClass: groupOfNames\n'
                 f'cn: inner-{name}\n{line("member", person_dn(name))}\n'
                 f'dn: cn=it-{name},ou=groups,{BASE}\nobjectClass: groupOfNames\ncn: it-{name}\n'
                 f'{line("member", f"cn=inner-{name},ou=groups,{BASE}")}\n')
    return text


ROLES = {'roles__admin': 'it-boss', 'roles__auditor': 'it-watcher; nobodies',
         'roles__helpdesk': f'cn=it-helper,ou=groups,{BASE}',
         'roles__pool_admin': 'it-lab: lab; it-seller: sales sales-*'}


@contextlib.contextmanager
def site_with_staff(folder, *users):
    """Pools of two departments, desktops of these users, and one of the staff in each role."""
    with Slapd(folder, more_ldif=staff_ldif()) as slapd, Broker(folder, slapd, **ROLES) as broker:
        broker.publish()
        broker.apply(pool('sales', ['sales'], most=50), pool('lab', ['engineering'], most=50))
        broker.host = FakeAgent(broker, 'host-1', folder)
        broker.host.join()
        broker.host.settle()
        for user in users:
            broker.login(user)
        broker.host.settle()
        broker.staff = {name: staff_login(broker, name).body['token'] for name in STAFF}
        yield broker


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    with site_with_staff(tmp_path_factory.mktemp('roles'), 'hanako', 'joerg') as broker:
        yield broker


def staff_login(broker, name, password=None):
    return broker.http('POST', '/v1/admin/session', {
        'user': name, 'password': password_of(name) if password is None else password})


def routes():
    """The table of the broker itself: a new endpoint without a line in EXPECTED fails."""
    text = (TOP / 'broker/api/api.c').read_text()
    return re.findall(r'\{ "(\w+)",\s*"/v1/admin/([^"]+)",\s*ACCESS_STAFF', text)


EVERY = {'helper', 'seller', 'watcher', 'boss'}
EXPECTED = {
    'GET session': EVERY, 'GET overview': EVERY, 'GET timings': EVERY, 'GET pools': EVERY, 'PUT pools': {'seller', 'boss'},
    'PUT pools/{id}': {'seller', 'boss'},
    'GET desktops': EVERY, 'POST desktops/{id}/delete': {'seller', 'boss'},
    'POST desktops/{id}/restart': {'helper', 'seller', 'boss'},
    'POST desktops/{id}/reset': {'helper', 'seller', 'boss'},
    'GET hosts': {'helper', 'watcher', 'boss'}, 'GET images': EVERY, 'GET images/{id}': EVERY,
    **{f'POST {what}': {'helper', 'seller', 'boss'} for what in (
        'desktops/{id}/logoff', 'desktops/{id}/message', 'sessions/{id}/disconnect',
        'sessions/{id}/logoff', 'sessions/{id}/message')},
    'GET templates': {'helper', 'watcher', 'boss'},
    'GET sessions': EVERY, 'POST sessions/{id}/end': {'helper', 'seller', 'boss'},
    'GET audit': {'watcher', 'boss'}, 'GET audit-export': {'watcher', 'boss'}, 'GET exceptions': {'watcher', 'boss'},
    'GET exceptions/{id}': {'watcher', 'boss'}, 'GET explain': EVERY,
    'GET second-factor': {'helper', 'watcher', 'boss'}, 'POST second-factor/reset': {'helper', 'boss'},
    'POST directory-test': {'helper', 'boss'}, 'GET user-disks': {'helper', 'watcher', 'boss'},
}   # what is not here is the admins' alone


@pytest.mark.parametrize('method,path', routes())
def test_S6_every_endpoint_for_every_role(site, method, path):
    may = EXPECTED.get(f'{method} {path}', {'boss'})
    employee = site.login('hanako').body['token']
    for who in (*STAFF, 'employee', 'stranger'):
        token = site.staff.get(who, employee if who == 'employee' else None)
        if path in ('revoke-all', 'backup') and who == 'boss':
            continue    # it would end everything else here
        answer = site.http(method, f'/v1/admin/{path.replace("{id}", "0" * 16)}',
                           None if method == 'GET' else {}, token=token)
        if who in may:
            assert answer.status not in (401, 403, 500), (who, answer)
        else:
            assert answer.status in (401, 403), (who, answer)


def test_tokens_of_one_side_do_not_open_the_other(site):
    employee = site.login('hanako').body['token']
    assert site.http('GET', '/v1/admin/pools', token=employee).status == 403
    for path in ('/v1/session', '/v1/desktops'):
        assert site.http('GET', path, token=site.staff['boss']).status == 403


def test_who_has_no_role_gets_no_login(site):
    answer = staff_login(site, 'hanako')
    assert (answer.status, answer.code) == (403, 'forbidden') and 'token' not in answer.body
    assert staff_login(site, 'boss', 'wrong').code == 'wrong_credentials'
    rows = {(r['who'], r['code']) for r in site.audit() if r['what'] == 'admin_login'}
    assert {('hanako', 'forbidden'), ('boss', 'wrong_credentials'), ('boss', 'ok')} <= rows


def test_T6_a_department_sees_and_changes_its_own_pools_only(site):
    def get(path):
        return site.http('GET', f'/v1/admin/{path}', token=site.staff['seller']).body

    def post(path):
        return site.http('POST', f'/v1/admin/{path}', {}, token=site.staff['seller'])
    assert [p['pool'] for p in get('pools')['pools']] == ['sales']
    assert {d['pool'] for d in get('desktops')['desktops']} == {'sales'}
    assert {p['pool'] for p in get('explain?user=joerg')['pools']} == {'sales'}
    everything = site.admin('GET', '/v1/admin/desktops').body['desktops']
    theirs = next(d['id'] for d in everything if d['pool'] == 'lab')
    for deed in ('delete', 'restart', 'reset'):
        answer = post(f'desktops/{theirs}/{deed}')
        assert (answer.status, answer.code) == (403, 'forbidden'), answer
    assert {d['id'] for d in site.admin('GET', '/v1/admin/desktops').body['desktops']} == {
        d['id'] for d in everything}
    mine = next(d['id'] for d in everything if d['pool'] == 'sales')
    assert post(f'desktops/{mine}/restart').status == 204
    denied = [r for r in site.audit(denied=True) if r['who'] == 'seller']
    assert {r['what'] for r in denied} >= {'desktop_delete', 'desktop_restart', 'desktop_reset'}

    def apply(*pools):
        return site.http('PUT', '/v1/admin/pools', {'pools': list(pools), 'dry_run': False},
                         token=site.staff['seller'])
    lab, sales = pool('lab', ['engineering'], most=50), pool('sales', ['sales'], most=50)
    assert apply(lab, pool('sales', ['sales'], most=49), pool('sales-new')).status == 200
    assert apply(lab, sales).status == 200
    for others in ([pool('lab', ['sales'], most=50), sales], [sales],
                   [lab, sales, pool('hr')], [lab, sales, pool('salesx')]):
        assert apply(*others).status == 403, others
    assert len(site.admin('GET', '/v1/admin/pools').body['pools']) == 2

    def put(made, **more):
        return site.http('PUT', f'/v1/admin/pools/{made["pool"]}', dict(more, pool=made),
                         token=site.staff['seller'])
    assert put(pool('sales', ['sales'], most=48)).status == 200
    assert put(sales).status == 200
    assert put(lab, seen='0' * 16).code == 'forbidden'
    assert put(sales, seen='0' * 16).code == 'pool_changed'


def test_S6_nobody_is_shown_secrets(site):
    login = site.login('hanako').body
    secrets = [site.staff['boss'], login['token'], login['connect']['secret'],
               login['connect']['locator'], password_of('hanako')]
    for who in STAFF:
        for method, path in routes():
            if method == 'GET' and '{id}' not in path:
                more = '?user=hanako' if path == 'explain' else ''
                text = json.dumps(site.http('GET', f'/v1/admin/{path}{more}',
                                            token=site.staff[who]).body)
                assert not any(s in text for s in secrets), (who, path)
                assert not re.search(r'sha256": "(?!' + 'ab' * 32 + r'|" )[^"]*token', text)


def test_rights_end_with_the_group_and_without_a_directory(tmp_path):
    with Slapd(tmp_path, more_ldif=staff_ldif()) as slapd:
        with Broker(tmp_path, slapd, directory__group_cache='0s', **ROLES) as broker:
            token = staff_login(broker, 'boss').body['token']

            def ask():
                return broker.http('GET', '/v1/admin/hosts', token=token)
            assert ask().status == 200
            slapd.stop()
            assert (ask().status, ask().code) == (503, 'directory_unreachable')
            assert broker.admin('GET', '/v1/admin/hosts').status == 200, 'the certificate counts'
            slapd.start()
            assert ask().status == 200
            slapd.stop()
            slapd._tool('slapmodify', text=(
                f'dn: cn=it-boss,ou=groups,{BASE}\nchangetype: modify\nreplace: member\n'
                f'member: cn=nobody,{BASE}\n\n'))
            slapd.start()
            answer = ask()
            assert (answer.status, answer.code) == (403, 'forbidden')


def test_genkanctl_login(site, tmp_path):
    (tmp_path / 'pw').write_text(password_of('seller'))
    env = dict(os.environ, HOME=str(tmp_path))

    def ctl(*arguments):
        return subprocess.run([BUILD / 'ctl' / 'genkanctl', *arguments, '--broker',
                               f'127.0.0.1:{site.port}', '--ca', site.state / 'ca.crt'], env=env,
                              stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    before = ctl('pool', 'list')
    assert before.returncode == 7 and 'genkanctl login' in before.stderr
    done = ctl('login', 'seller', '--password-file', tmp_path / 'pw')
    assert done.returncode == 0 and done.stdout == 'seller: pool-admin of sales sales-* \n', done
    kept = tmp_path / '.config/genkan/session'
    assert kept.stat().st_mode & 0o777 == 0o600
    listed = ctl('pool', 'list')
    assert listed.returncode == 0 and 'sales' in listed.stdout and 'lab' not in listed.stdout
    assert ctl('host', 'list').returncode == 4
    assert 'pool-admin' in ctl('whoami').stdout
    assert ctl('logout').returncode == 0 and not kept.exists()
    assert ctl('pool', 'list').returncode == 7


def test_check_names_a_bad_role(tmp_path):
    slapd = Slapd(tmp_path)
    broker = Broker(tmp_path, slapd, roles__pool_admin='it-lab lab')
    broker.run('--init')
    status, out = broker.run('--check')
    assert status != 0 and 'roles.pool_admin' in out
