# SPDX-License-Identifier: Apache-2.0
"""A host is emptied for maintenance, used again, forgotten; and what genkanctl's exit status says of all that."""
import os
import subprocess

import pytest

from broker import BUILD, Broker, pool
from fake_agent import FakeAgent
from needs import NEEDS_BROKER
from netns import wait_until
from slapd import Slapd, password_of
from test_roles import ROLES, staff_ldif, staff_login

CTL = BUILD / 'ctl' / 'genkanctl'
DONE, FAILED, USAGE, NOT_FOUND, REFUSED, CONFLICT, UNREACHABLE, NOT_LOGGED_IN, UNFINISHED = range(9)
pytestmark = [*NEEDS_BROKER, pytest.mark.skipif(not CTL.exists(), reason=f'not built: {CTL}')]


@pytest.fixture
def site(tmp_path):
    with Slapd(tmp_path, more_ldif=staff_ldif()) as slapd:
        with Broker(tmp_path, slapd, **ROLES) as broker:
            broker.home = tmp_path
            broker.publish()
            broker.apply(pool('sales', ['sales'], spare=2, on_logoff='keep'))
            broker.hosts = {name: FakeAgent(broker, name, tmp_path) for name in ('host-1', 'host-2')}
            for host in broker.hosts.values():
                assert host.join().status == 200
                host.settle()
            settle(broker)
            yield broker


def settle(site):
    """Until neither host is asked for anything new."""
    def quiet():
        return all(host.settle()['generation'] == host.sync().body['generation'] for host in site.hosts.values())
    wait_until('the hosts have what they should have', quiet, 20, 0.01)


def ctl(site, *arguments, certificate=True, **env):
    keys = ('--certificate', site.state / 'admin.crt', '--key', site.state / 'admin.key') if certificate else ()
    done = subprocess.run([CTL, '--broker', f'127.0.0.1:{site.port}', '--ca', site.state / 'ca.crt', *keys, *arguments],
                          stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=60, env=dict(os.environ, HOME=str(site.home), **env))
    return done.returncode, done.stdout


def desktops(site, host=None):
    found = site.admin('GET', '/v1/admin/desktops').body['desktops']
    return [d for d in found if d['want'] == 'running' and host in (None, d['host'])]


def state(site, host):
    return next(h['state'] for h in site.admin('GET', '/v1/admin/hosts').body['hosts'] if h['name'] == host)


def test_a_host_is_drained_used_again_and_forgotten(site):
    login = site.login('hanako').body
    assert login['desktops']
    settle(site)
    own = next(d for d in desktops(site) if d['user'] == 'hanako')
    busy, other = own['host'], ({'host-1', 'host-2'} - {own['host']}).pop()

    status, out = ctl(site, 'host', 'drain', busy, '--reason', 'new memory')
    assert status == DONE and 'stay until they log off' in out, out
    settle(site)
    assert state(site, busy) == 'draining'
    assert [d['id'] for d in desktops(site, busy)] == [own['id']], 'the user keeps theirs'
    assert len([d for d in desktops(site, other) if not d['user']]) == 2, 'spares are made elsewhere'
    assert site.connect(login['token'], own['id'], 5000).status == 200, 'and gets back to it'

    status, out = ctl(site, 'explain', 'host', busy)
    assert status == DONE and 'draining' in out and 'new memory' in out and 'hanako' in out and 'logs off' in out, out
    status, out = ctl(site, 'host', 'drain', busy, '--wait', '0')
    assert status == UNFINISHED and '1 desktops left' in out, out
    status, out = ctl(site, 'host', 'remove', busy)
    assert status == CONFLICT and 'host_not_empty' in out, out
    assert state(site, busy) == 'draining'

    # The pool keeps desktops after a logoff, but not on a host that is emptied.
    site.hosts[busy].change(own['id'], logged_on='hanako')
    site.hosts[busy].change(own['id'], logged_on='', logoffs=1)
    settle(site)
    status, out = ctl(site, 'host', 'drain', busy, '--wait', '1')
    assert status == DONE and '0 desktops left' in out, out
    status, out = ctl(site, 'host', 'undrain', busy)
    assert (status, state(site, busy)) == (DONE, 'active'), out

    assert ctl(site, 'host', 'drain', busy)[0] == DONE
    settle(site)
    assert ctl(site, 'host', 'remove', busy)[0] == DONE
    assert [h['name'] for h in site.admin('GET', '/v1/admin/hosts').body['hosts']] == [other]
    assert site.hosts[busy].sync().status == 403, 'its certificate alone does not bring it back'
    rows = {r['what']: r for r in site.audit()}
    assert rows['host_drain']['who'] and rows['host_remove']['subject'] == busy
    assert any(r['details'].get('reason') == 'new memory' for r in site.audit() if r['what'] == 'host_drain')


def test_a_host_that_does_not_come_back_is_removed_by_force(site):
    token = site.login('hanako').body['token']
    settle(site)
    own = next(d for d in desktops(site) if d['user'] == 'hanako')
    dead, other = own['host'], ({'host-1', 'host-2'} - {own['host']}).pop()
    assert ctl(site, 'host', 'remove', dead, '--force')[0] == FAILED, 'not without a reason'
    assert ctl(site, 'host', 'remove', dead, '--force', '--reason', 'burnt')[0] == DONE
    del site.hosts[dead]
    settle(site)
    assert {d['host'] for d in desktops(site)} == {other}
    answer = site.connect(token, 'sales', 10000)
    assert answer.status == 200 and answer.body['desktop']['id'] != own['id'], 'another one'
    row = next(r for r in site.audit() if r['what'] == 'host_remove')
    assert row['details']['force'] and row['details']['reason'] == 'burnt' and row['details']['desktops'] >= 1


def test_only_admins_may_and_draining_outlives_the_host(site):
    helper = staff_login(site, 'helper').body['token']
    for verb in ('drain', 'undrain', 'remove'):
        assert site.http('POST', f'/v1/admin/hosts/host-1/{verb}', {}, token=helper).status == 403
    seller = staff_login(site, 'seller').body['token']
    assert site.http('GET', '/v1/admin/explain?host=host-1', token=seller).status == 403, 'of all pools'
    assert ctl(site, 'host', 'drain', 'host-1')[0] == DONE
    site.hosts['host-1'].join()
    settle(site)
    assert state(site, 'host-1') == 'draining'
    assert not desktops(site, 'host-1')


def test_the_exit_status_says_what_kind_of_failure_it_was(site, tmp_path):
    assert ctl(site, 'host', 'list')[0] == DONE
    assert ctl(site, 'host', 'lits')[0] == USAGE
    assert ctl(site, 'host', 'list', '--wait', '3')[0] == USAGE, 'an option of another command'
    assert ctl(site, 'explain', 'host', 'host-9')[0] == NOT_FOUND
    assert ctl(site, 'desktop', 'restart', '0' * 16)[0] == NOT_FOUND
    assert ctl(site, 'apply', tmp_path / 'nowhere.yaml')[0] != DONE
    site.login('hanako')
    status, out = ctl(site, 'desktop', 'logoff', desktops(site)[0]['id'])
    assert status == CONFLICT and 'not_logged_on' in out, out

    # Without a certificate: who has not logged in, who may not, whose password is wrong.
    assert ctl(site, 'host', 'list', certificate=False)[0] == NOT_LOGGED_IN
    (tmp_path / 'pw').write_text('wrong')
    assert ctl(site, 'login', 'seller', '--password-file', tmp_path / 'pw', certificate=False)[0] == NOT_LOGGED_IN
    (tmp_path / 'pw').write_text(password_of('seller'))
    assert ctl(site, 'login', 'seller', '--password-file', tmp_path / 'pw', certificate=False)[0] == DONE
    status, out = ctl(site, 'host', 'drain', 'host-1', certificate=False)
    assert status == REFUSED and 'forbidden' in out, out

    (tmp_path / 'empty.conf').write_text('')
    done = subprocess.run([CTL, '--config', tmp_path / 'empty.conf', 'pool', 'list'], stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, timeout=60)
    assert done.returncode == USAGE, done.stdout
    site.stop()
    assert ctl(site, 'host', 'list')[0] == UNREACHABLE
    assert ctl(site, 'host', 'drain', 'host-1')[0] == UNREACHABLE
    site.start(init=False)
