# SPDX-License-Identifier: Apache-2.0
"""A host renews its certificate while it works: a real agent and QEMU, with certificates that end within seconds."""
import re
import ssl
import time

import pytest

import small_site
from certificates import Ca, openssl
from fake_agent import FakeAgent
from invariants import guests
from netns import wait_until

pytestmark = pytest.mark.skipif(small_site.why_not() is not None, reason=str(small_site.why_not()))

HOST_SUBJECT = '/OU=genkan-host/CN=host-1'


@pytest.fixture(scope='module')
def site():
    with small_site.small_site('gk-hostcert') as s:
        s.ctl('image', 'publish', 'gold', small_site.make_image(s.images / 'gold.qcow2'), '--image-dir', s.images)
        s.broker.apply(small_site.gold_pool(spare=1))
        s.ca = Ca.of_broker(s.broker.state, s.folder / 'ca')
        s.join()
        s.crt, s.key = s.host_state / 'host.crt', s.host_state / 'host.key'
        yield s


def issue(site, name, ends_s):
    return site.ca.issue(name, 'DNS:host-1', subject=HOST_SUBJECT, usage='clientAuth', ends_s=int(ends_s))


def put(site, made):
    """While no agent runs."""
    site.key.write_bytes(made.key.read_bytes())
    site.crt.write_bytes(made.crt.read_bytes())


def start_anew(site):
    (site.folder / 'agent.log').unlink(missing_ok=True)
    site.start_agent()


def logged(site, event):
    return [line for line in site.agent_log().splitlines() if f'event={event}' in line]


def renewals(site):
    return [r for r in site.broker.audit() if r['what'] == 'host_certificate']


def test_it_is_renewed_in_time_and_nothing_stops(site):
    ends = time.time() + 20
    old = issue(site, 'short', ends)
    put(site, old)
    start_anew(site)
    agent = site.agent.pid
    wait_until('the certificate is renewed', lambda: logged(site, 'host_certificate_renewed'), 15, 0.05)
    site.wait_host()
    desktops = wait_until('a desktop runs', lambda: guests(site.run_dir), 30, 0.1)

    assert site.key.read_bytes() != old.key.read_bytes(), 'a new key'
    assert site.key.stat().st_mode & 0o777 == 0o600
    shown = openssl('x509', '-in', site.crt, '-noout', '-subject', '-nameopt', 'RFC2253')
    assert shown.strip() == 'subject=CN=host-1,OU=genkan-host'
    assert 'will not expire' in openssl('x509', '-in', site.crt, '-noout', '-checkend', 800 * 86400)
    openssl('verify', '-CAfile', site.ca.crt, site.crt)
    assert not list(site.host_state.glob('host.*.next'))
    assert [(r['who'], r['subject'], r['denied']) for r in renewals(site)] == [('host-1', 'host-1', False)]

    # The old one is over, and all connections are new ones.
    wait_until('the old certificate has ended', lambda: time.time() > ends + 1, 30, 0.1)
    site.broker.stop()
    site.broker.start(init=False)
    wait_until('the agent is back', lambda: logged(site, 'broker_back'), 30, 0.05)
    site.wait_host()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        site.broker.agent_http('POST', '/agent/v1/certificate', {'csr_pem': ''}, (old.crt, old.key))
    assert site.agent.pid == agent and site.agent.poll() is None
    assert guests(site.run_dir) == desktops
    assert 'Sanitizer' not in site.agent_log() + site.broker.log()


@pytest.mark.parametrize('moved', [False, True], ids=['both are beside', 'the key has moved'])
def test_a_renewal_that_a_crash_left_half_is_ended(site, moved):
    site.kill_agent()
    before = len(renewals(site))
    made = issue(site, f'half-{moved}', time.time() + 400 * 86400)      # since 2020: not due
    (site.key if moved else site.host_state / 'host.key.next').write_bytes(made.key.read_bytes())
    (site.host_state / 'host.crt.next').write_bytes(made.crt.read_bytes())
    start_anew(site)
    wait_until('the agent is heard', lambda: logged(site, 'desired_state'), 30, 0.05)
    assert site.crt.read_bytes() == made.crt.read_bytes() and site.key.read_bytes() == made.key.read_bytes()
    assert not list(site.host_state.glob('host.*.next')) and len(renewals(site)) == before


def test_one_that_cannot_be_renewed_is_told_of(site):
    site.kill_agent()
    assert site.broker.admin('POST', '/v1/admin/hosts/host-1/remove', {'force': True, 'reason': 'stolen'}).status == 200
    made = issue(site, 'last', time.time() + 20 * 3600)
    put(site, made)
    start_anew(site)
    told = wait_until('a warning', lambda: logged(site, 'host_certificate_not_renewed'), 15, 0.05)
    assert len(told) == 1 and re.search(r'level=warn.* days=0 .*genkanctl host token.*join it again', told[0]), told
    assert site.crt.read_bytes() == made.crt.read_bytes() and site.key.read_bytes() == made.key.read_bytes()


def test_only_the_own_name_and_only_for_who_is_known(site):
    host = FakeAgent(site.broker, 'host-7', site.folder)
    assert host.join().status == 200

    def ask(certificate=host.certificate, **body):
        return site.broker.agent_http('POST', '/agent/v1/certificate', body, certificate)

    answer = ask(csr_pem=host.request_pem(common_name='host-1'))
    assert answer.status == 200, answer
    subject = openssl('x509', '-noout', '-subject', '-nameopt', 'RFC2253', text=answer.body['certificate_pem'])
    assert subject.strip() == 'subject=CN=host-7,OU=genkan-host', 'whatever it asks for'
    assert renewals(site)[0]['who'] == 'host-7'
    told = len(renewals(site))

    assert ask(csr_pem='-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n').status == 400
    assert ask().status == 400 and ask(csr_pem='x' * 9000).status == 400
    assert ask(None, csr_pem=host.request_pem()).status == 403
    assert ask(site.broker.admin_certificate, csr_pem=host.request_pem()).status == 403
    assert site.broker.admin('POST', '/v1/admin/hosts/host-7/remove', {}).status == 200
    refused = ask(csr_pem=host.request_pem())
    assert refused.status == 403 and 'join it again' in refused.body['detail']
    assert len(renewals(site)) == told
