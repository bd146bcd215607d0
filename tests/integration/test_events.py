# SPDX-License-Identifier: Apache-2.0
"""Hints about what has changed: who is told what, how soon, and what is not lost in between."""
import http.client
import time

import pytest

from broker import pool
from event_stream import EventStream
from needs import NEEDS_BROKER
from slapd import password_of
from test_roles import STAFF, site_with_staff, staff_login

pytestmark = NEEDS_BROKER


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    with site_with_staff(tmp_path_factory.mktemp('events'), 'hanako') as broker:
        yield broker


def refusal(site, name='thumbdrive'):
    """A relay tells of a device that it refused; returns the time."""
    assert site.host.events({'kind': 'denied', 'session': '', 'what': 'device', 'name': name}).status == 204
    return time.monotonic()


def desktop_of(site, user):
    return next(d for d in site.admin('GET', '/v1/admin/desktops').body['desktops'] if d['user'] == user)


def test_changes_are_told_at_once(site):
    with EventStream(site, site.staff['boss']) as stream:
        assert stream.answer.getheader('Content-Type') == 'text/event-stream'
        began = refusal(site)
        assert stream.hint(kind='denied')['id'].isdigit()
        assert time.monotonic() - began < 2
        desktop = desktop_of(site, 'hanako')
        site.host.change(desktop['id'], state='starting', stage='booting', percent=50)
        assert stream.hint(kind='desktop', id=desktop['id'])['pool'] == 'sales'
        site.host.make_ready(desktop['id'])
        stream.hint(kind='desktop', id=desktop['id'])
        site.publish('other', 'cd' * 32)
        assert stream.hint(kind='image')['id'] == 'other'
        site.apply(pool('sales', ['sales'], most=49), pool('lab', ['engineering'], most=50))
        stream.hint(kind='pool', id='sales')


def test_each_role_is_told_its_own(site):
    desktop = desktop_of(site, 'hanako')
    employee = site.login('hanako').body['token']
    other = site.login('joerg').body['token']
    site.host.settle()
    with EventStream(site, site.staff['seller']) as seller, EventStream(site, site.staff['helper']) as helper, \
            EventStream(site, employee) as own, EventStream(site, other) as others:
        refusal(site)
        assert seller.quiet() and helper.quiet() and own.quiet() and others.quiet()
        site.host.change(desktop['id'], state='starting', stage='booting', percent=60)
        for stream in (seller, helper, own):
            stream.hint(kind='desktop', id=desktop['id'])
        assert others.quiet()
        site.host.make_ready(desktop['id'])
        seller.hint(kind='desktop', id=desktop['id'])
        assert seller.quiet() or seller.quiet()
        joergs = desktop_of(site, 'joerg')
        assert joergs['pool'] == 'lab'
        site.host.change(joergs['id'], state='starting', stage='booting', percent=70)
        others.hint(kind='desktop', id=joergs['id'])
        assert seller.quiet(), "another department's desktop"
        site.host.make_ready(joergs['id'])


def test_who_was_away_misses_nothing(site):
    with EventStream(site, site.staff['boss']) as keeper, EventStream(site, site.staff['boss']) as stream:
        refusal(site)
        stream.hint(kind='denied')
        keeper.hint(kind='denied')
        last = stream.last_id
        stream.close()
        refusal(site, 'another')
        keeper.hint(kind='denied')
        with EventStream(site, site.staff['boss'], headers={'Last-Event-ID': last}) as again:
            again.hint(kind='denied')
        with EventStream(site, site.staff['boss'], headers={'Last-Event-ID': '00000000-5'}) as lost:
            lost.hint(kind='all')


def test_strangers_are_told_nothing(site):
    for headers in ({}, {'Authorization': 'Bearer ' + 'A' * 43}, {'Cookie': '__Host-genkan-staff=' + 'A' * 43}):
        assert EventStream(site, headers=headers).status == 401


def test_a_stream_ends_with_every_login(site):
    token = staff_login(site, 'watcher').body['token']
    with EventStream(site, token) as stream:
        assert site.admin('POST', '/v1/admin/revoke-all', {}).status == 200
        while stream.next() is not None:
            pass
    assert EventStream(site, token).status == 401
    site.staff = {name: staff_login(site, name).body['token'] for name in STAFF}


# --- the console's login --------------------------------------------------------------------------

def console(site, method, path, body=None, cookies='', own=True, **more):
    import json
    link = http.client.HTTPSConnection('127.0.0.1', site.port, timeout=20, context=site.context())
    headers = {'Cookie': cookies, **({'X-Genkan-Console': '1'} if own else {}), **more}
    link.request(method, path, None if body is None else json.dumps(body), headers)
    answer = link.getresponse()
    text = answer.read()
    link.close()
    return answer, json.loads(text) if text.startswith(b'{') else text


def cookies_of(answer):
    return [value for key, value in answer.getheaders() if key == 'Set-Cookie']


def enter(site, user):
    answer, body = console(site, 'POST', '/v1/console/session', {'user': user, 'password': password_of(user)})
    assert answer.status == 200, body
    assert 'token' not in body
    return '; '.join(c.split(';')[0] for c in cookies_of(answer)), body, cookies_of(answer)


def test_a_browser_gets_cookies_that_scripts_and_other_sites_cannot_use(site):
    cookies, body, raw = enter(site, 'boss')
    assert (body['roles'], body['employee']) == ('admin', False)
    for cookie in raw:
        assert all(part in cookie for part in ('__Host-genkan', 'Secure', 'HttpOnly', 'SameSite=Strict', 'Path=/'))
    assert console(site, 'GET', '/v1/admin/pools', cookies=cookies)[0].status == 200
    # another site's page can send no header of ours, and says where it comes from
    assert console(site, 'GET', '/v1/admin/pools', cookies=cookies, own=False)[0].status == 403
    assert console(site, 'PUT', '/v1/admin/pools', {}, cookies=cookies, **{'Sec-Fetch-Site': 'cross-site'})[0].status == 403
    assert console(site, 'POST', '/v1/console/session', {'user': 'boss', 'password': password_of('boss')}, own=False)[0].status == 403
    # and the address of the stream, which a page may ask for without it, answers GET only
    with EventStream(site, headers={'Cookie': cookies}) as stream:
        refusal(site)
        stream.hint(kind='denied')
    answer, _ = console(site, 'DELETE', '/v1/console/session', cookies=cookies)
    assert answer.status == 204 and all('Max-Age=0' in c for c in cookies_of(answer))
    assert console(site, 'GET', '/v1/admin/pools', cookies=cookies)[0].status == 401


def test_an_employee_gets_the_own_side_only(site):
    cookies, body, _ = enter(site, 'hanako')
    assert (body['roles'], body['employee']) == ('', True)
    answer, body = console(site, 'GET', '/v1/desktops', cookies=cookies)
    assert answer.status == 200 and body['desktops'][0]['may'] == {'restart': False, 'reset': False, 'rdp': False}
    assert console(site, 'GET', '/v1/admin/pools', cookies=cookies)[0].status in (401, 403)
    assert console(site, 'GET', '/v1/console/session', cookies=cookies)[1]['employee'] is True
    answer, body = console(site, 'POST', '/v1/console/session', {'user': 'hanako', 'password': 'wrong'})
    assert (answer.status, body['code']) == (401, 'wrong_credentials') and not cookies_of(answer)


def test_the_pages_are_there_and_closed_to_everything_else(site):
    answer, body = console(site, 'GET', '/console/', own=False)
    policy = answer.getheader('Content-Security-Policy')
    assert answer.status == 200 and b'<title>Genkan' in body
    assert policy.startswith("default-src 'none'") and 'unsafe' not in policy and 'http' not in policy
    assert answer.getheader('X-Frame-Options') == 'DENY'
    again, body = console(site, 'GET', '/console/', own=False, **{'If-None-Match': answer.getheader('ETag')})
    assert again.status == 304 and not body
    assert console(site, 'GET', '/', own=False)[0].getheader('Location') == '/console/'
    assert console(site, 'GET', '/console/../api.c', own=False)[0].status == 404
    answer, _ = console(site, 'GET', '/console/views/overview.js', own=False)
    assert answer.getheader('Content-Type').startswith('text/javascript')


def test_lists_come_in_pages(site):
    boss = site.staff['boss']
    seen, cursor = [], ''
    whole = [d['name'] for d in site.http('GET', '/v1/admin/desktops', token=boss).body['desktops']]
    while True:
        page = site.http('GET', f'/v1/admin/desktops?limit=1&cursor={cursor}', token=boss).body
        assert len(page['desktops']) <= 1
        seen += [d['name'] for d in page['desktops']]
        cursor = page.get('next')
        if not cursor:
            break
    assert seen == sorted(whole) and len(seen) >= 2
    of_pool = site.http('GET', '/v1/admin/desktops?pool=lab', token=boss).body['desktops']
    assert of_pool and all(d['pool'] == 'lab' for d in of_pool)
    assert [d['user'] for d in site.http('GET', '/v1/admin/desktops?text=anak', token=boss).body['desktops']] == ['hanako']
    assert site.http('GET', '/v1/admin/desktops?text=%25', token=boss).body['desktops'] == []
    assert site.http('GET', '/v1/admin/desktops?limit=x', token=boss).code == 'bad_request'
    rows, cursor = [], ''
    while len(rows) < 6:
        page = site.http('GET', f'/v1/admin/audit?limit=2&cursor={cursor}', token=boss).body
        rows += [r['id'] for r in page['audit']]
        cursor = page['next']
    assert rows == sorted(set(rows), reverse=True)


def test_numbers_for_the_first_look(site):
    site.host.sync()
    answer = site.http('GET', '/v1/admin/overview', token=site.staff['boss'])
    assert answer.body['hosts']['active']['count'] == 1 and answer.body['desktops']['ready'] >= 2
    assert answer.body['denied_day'] >= 3
    seller = site.http('GET', '/v1/admin/overview', token=site.staff['seller']).body
    assert 'hosts' not in seller and seller['desktops']['ready'] < answer.body['desktops']['ready']
    logins = site.http('GET', '/v1/admin/timings', token=site.staff['boss']).body['logins']
    assert logins and all(login['total_ms'] > 0 for login in logins)


def test_pools_have_an_etag(site):
    def get():
        return site.http('GET', '/v1/admin/pools', token=site.staff['boss'])
    first = get().headers['ETag']
    assert first == get().headers['ETag']
    site.apply(pool('sales', ['sales'], most=48), pool('lab', ['engineering'], most=50))
    assert get().headers['ETag'] != first
    answer, body = console(site, 'PUT', '/v1/admin/pools', {'pools': []}, own=False,
                           Authorization=f'Bearer {site.staff["boss"]}', **{'If-Match': first})
    assert (answer.status, body['code']) == (409, 'pool_changed')
