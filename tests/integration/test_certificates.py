# SPDX-License-Identifier: Apache-2.0
"""F16: certificates change and end while the broker runs."""
import http.client
import re
import signal
import socket
import ssl

import pytest

from broker import Broker
from certificates import Ca, openssl
from needs import NEEDS_BROKER
from netns import wait_until
from slapd import Slapd

pytestmark = NEEDS_BROKER


def shown(port):
    """SHA-256 of the certificate a new connection sees."""
    return openssl('x509', '-noout', '-fingerprint', '-sha256',
                   text=ssl.get_server_certificate(('127.0.0.1', port)))


def expect(condition, seconds=5):
    wait_until('it comes', condition, seconds)


def put(made, crt, key):
    key.write_bytes(made.key.read_bytes())
    crt.write_bytes(made.crt.read_bytes())


def test_F16_a_new_certificate_is_taken_without_a_restart(tmp_path):
    ca, slapd = Ca(tmp_path / 'ca'), Slapd(tmp_path)
    crt, key = tmp_path / 'site.crt', tmp_path / 'site.key'
    put(ca.issue('one', 'IP:127.0.0.1'), crt, key)
    broker = Broker(tmp_path, slapd, broker__certificate=crt, broker__key=key)
    broker.context = lambda certificate=None: ssl.create_default_context(cafile=ca.crt)
    with broker:
        first = shown(broker.port)
        context = ssl.create_default_context(cafile=ca.crt)
        old = http.client.HTTPSConnection('127.0.0.1', broker.port, context=context)
        old.request('GET', '/v1/health')
        assert old.getresponse().read()
        put(ca.issue('two', 'IP:127.0.0.1'), crt, key)
        broker.process.send_signal(signal.SIGHUP)
        expect(lambda: shown(broker.port) != first)
        assert shown(broker.port) == shown(broker.agent_port)
        old.request('GET', '/v1/health')     # the open connection goes on
        assert old.getresponse().status == 200
        second = shown(broker.port)
        key.write_bytes(ca.issue('three', 'IP:127.0.0.1').key.read_bytes())
        crt.write_text(crt.read_text() + '\n')      # a pair that does not fit
        broker.process.send_signal(signal.SIGHUP)
        expect(lambda: 'certificate_not_taken' in broker.log())
        assert shown(broker.port) == second, 'the old pair stays in use'
    assert re.search('certificate_expires .*days=(29|30)', broker.log())


def test_F16_our_own_is_renewed_in_time(tmp_path):
    slapd = Slapd(tmp_path)
    broker = Broker(tmp_path, slapd)
    assert broker.run('--init')[0] == 0
    ca = Ca.of_broker(broker.state, tmp_path)
    short = ca.issue('short', 'IP:127.0.0.1,DNS:localhost')      # 30 days
    put(short, broker.state / 'broker.crt', broker.state / 'broker.key')
    with broker:
        expect(lambda: 'certificate_taken' in broker.log())
        assert broker.http('GET', '/v1/health').status == 200
        end = openssl('x509', '-in', broker.state / 'broker.crt', '-checkend', 86400 * 60, '-noout')
        assert 'will not expire' in end
        # What the broker signs itself, it signs with the new one, too.
        link = http.client.HTTPSConnection('127.0.0.1', broker.port, context=broker.context(broker.admin_certificate))
        link.request('GET', '/metrics')
        days = re.search(r'^genkan_certificate_days (\d+)$', link.getresponse().read().decode(), re.M)
        link.close()
        assert int(days[1]) > 800


def test_F16_an_expired_one_is_named_with_its_date(tmp_path):
    slapd, ca = Slapd(tmp_path), Ca(tmp_path / 'ca')
    old = ca.issue('old-broker', 'IP:127.0.0.1', expired=True)
    broker = Broker(tmp_path, slapd, broker__certificate=old.crt, broker__key=old.key)
    broker.run('--init')
    status, out = broker.run('--check')
    assert status != 0 and 'old-broker' in out and 'Jan  1 00:00:00 2021' in out
    with pytest.raises(OSError):
        socket.create_connection(('127.0.0.1', broker.port), 1)
