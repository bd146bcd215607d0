# SPDX-License-Identifier: Apache-2.0
"""genkan-relay between a real FreeRDP client and a real RDP server (freerdp-shadow-cli3)."""
import contextlib
import os
import pathlib
import re
import secrets
import signal
import socket
import ssl
import subprocess
import time

import pytest
import relay_site
from fake_broker import b64url

pytestmark = pytest.mark.skipif(relay_site.why_not() is not None, reason=str(relay_site.why_not()))

DENIED, ENDED = 3, 6


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    s = relay_site.RelaySite(tmp_path_factory.mktemp('relay'))
    yield s
    s.close()


@pytest.fixture(autouse=True)
def no_crash(site):
    yield
    assert site.relay.sanitizer_reports() == []
    assert site.relay.process.poll() is None or site.relay.process.returncode == 0


def colours(png):
    out = subprocess.run(['identify', '-format', '%k %w %h', png], check=True, capture_output=True, text=True)
    return [int(n) for n in out.stdout.split()]


def open_connection(site, source='127.0.0.1'):
    return socket.create_connection(('127.0.0.1', site.relay.port), 5, source_address=(source, 0))


def test_session_works(site):
    ticket = site.ticket()
    client = site.connect(ticket, hold=2)
    assert client.finish() == 0, client.output() + (client.folder / 'err').read_text()[-2000:]
    count, width, height = colours(client.png)
    assert count > 2 and (width, height) == (1024, 768)
    assert site.relay.find(rf'event=ticket_redeemed .*session={ticket.session} request=seat\.{ticket.session} '), 'whose it was'
    active = site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_active')
    assert active['client_address'] == '127.0.0.1'
    ended = site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_ended')
    assert ended['name'] in ('client_left', 'client_gone')
    assert ended['at_ms'] >= active['at_ms']


@pytest.mark.parametrize('case', ['replayed', 'wrong_secret', 'unknown', 'expired'])
def test_bad_ticket_is_refused_before_the_guest_is_touched(site, case):
    ticket = site.ticket(lifetime_s=0 if case == 'expired' else 30)
    secret = locator = None
    if case == 'replayed':
        assert site.connect(ticket).finish() == 0
    elif case == 'wrong_secret':
        secret = b64url(secrets.token_bytes(32))
    elif case == 'unknown':
        locator = b64url(secrets.token_bytes(16))
    before = site.guest.connections
    client = site.connect(ticket, secret=secret, locator=locator)
    assert client.finish() == DENIED, client.output()
    assert site.guest.connections == before
    site.broker.wait_event(lambda e: e['kind'] == 'refused' and e['what'] == 'ticket')


@pytest.mark.parametrize('security', ['tls', 'nla', 'rdp'])
def test_client_without_a_ticket_is_refused(site, tmp_path, security):
    before = site.guest.connections
    done = subprocess.run(['xfreerdp3', f'/v:127.0.0.1:{site.relay.port}', '/u:hanako', '/p:x', '/cert:ignore',
                           f'/sec:{security}'], env={**os.environ, 'DISPLAY': ':90', 'HOME': str(tmp_path)},
                          capture_output=True, timeout=30)
    assert done.returncode != 0
    assert site.guest.connections == before
    site.broker.wait_event(lambda e: e['kind'] == 'refused' and e['name'] == 'protocol')


def test_guest_with_another_certificate_is_not_used(site):
    ticket = site.ticket(pin='00' * 32)
    client = site.connect(ticket)
    assert client.finish() not in (0, relay_site.subprocess.TimeoutExpired)
    assert 'frame' not in client.output()
    event = site.broker.wait_event(lambda e: e['session'] == ticket.session and e['what'] == 'tls')
    assert (event['kind'], event['name']) == ('refused', 'guest')


def test_hostile_client_reaches_the_guest_with_nothing_but_the_desktop(site, tmp_path):
    stick = tmp_path / 'stick'
    stick.mkdir()
    (stick / 'payroll.txt').write_text('salaries')
    spy = relay_site.SpyPort(('127.0.0.1', site.guest.port), *spy_certificate(site))
    ticket = site.broker.ticket(spy.address, spy.pin)
    client = site.connect(ticket, f'/drive:stick7,{stick}', '/printer', '/smartcard', '+clipboard',
                          '/microphone', '/sound', '/rdp2tcp:/bin/true', '/vc:remdesk', '/echo', hold=3)
    assert client.finish() == 0, client.output() + (client.folder / 'err').read_text()[-2000:]
    assert colours(client.png)[0] > 2
    seen = bytes(spy.to_guest)
    spy.close()
    assert b'drdynvc\0' in seen     # the record is one: the allowed channel is in it
    for name in (b'cliprdr', b'rdpsnd', b'rdp2tcp', b'rdp2tc', b'remdesk', b'stick7', b'STICK7'):
        assert name not in seen, name
    for text in ('stick7', 'STICK7', 'payroll'):
        assert text.encode('utf-16-le') not in seen, text
    denied = {(e['what'], e['name'].lower()) for e in wait_denials(site, ticket, 'rdp2tcp')}
    assert ('static_channel', 'cliprdr') in denied
    assert ('static_channel', 'rdpsnd') in denied
    assert any(what == 'device' or name == 'rdpdr' for what, name in denied)


def spy_certificate(site):
    if not (site.pki.folder / 'spy.crt').exists():
        site.pki.issue('spy', '/CN=guest', 'extendedKeyUsage=serverAuth')
    return site.pki.folder / 'spy.crt', site.pki.folder / 'spy.key'


def wait_denials(site, ticket, name):
    site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_ended')
    denied = [e for e in site.broker.of_session(ticket) if e['kind'] == 'denied']
    assert any(e['name'].startswith(name[:6]) for e in denied), denied
    return denied


def test_microphone_is_denied_and_allowed_by_policy(site):
    # The guest asks for it by itself; this client then tries to open a sound card it does not have.
    for policy, wanted in (('deny', True), ('allow', False)):
        ticket = site.ticket(policy={'microphone': policy})
        client = site.connect(ticket, '/microphone', hold=2)
        code = client.finish()
        site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_ended')
        denied = any(e['name'] == 'AUDIO_INPUT' for e in site.broker.of_session(ticket))
        assert denied == wanted, site.broker.of_session(ticket)
        assert ('audin_oss_thread_func' in client.output()) != wanted, client.output()
        assert code == 0 or not wanted


def test_garbage_and_half_open_connections_do_not_disturb_a_session(site):
    ticket = site.ticket()
    client = site.connect(ticket, hold=8)
    client.wait_frame()
    x224 = bytes.fromhex('030000130ee000000000000100080004000000')
    half_tls = x224 + bytes.fromhex('16030100')
    kept = []
    for i in range(60):
        with open_connection(site, '127.0.0.7') as s:
            s.sendall(secrets.token_bytes(1 + i * 97))
        with open_connection(site, '127.0.0.8') as s:
            s.sendall(half_tls[:1 + i % len(half_tls)])
    for _ in range(500):
        s = open_connection(site, '127.0.0.9')
        s.sendall(x224[:5])
        kept.append(s)
    # One source has no more than its share of processes.
    processes = len(site.relay.children())
    assert processes < 64 + 40, processes
    assert site.connect(site.ticket()).finish() == 0     # from another source, at once
    assert client.finish() == 0, client.output()
    # The deadline of the first PDU ends the half-open ones without any help from the peer.
    relay_site.wait_until(lambda: len(site.relay.children()) <= 8, 15, 'half-open connections end')
    for s in kept:
        s.close()
    site.broker.wait_event(lambda e: e['client_address'] == '127.0.0.9' and
                           e['name'] == 'too_many_from_source')
    noise = [e for e in site.broker.events if e['client_address'] in ('127.0.0.7', '127.0.0.8', '127.0.0.9')]
    assert len(noise) < 40, noise       # told once and counted, not 600 rows


def test_strangers_without_a_first_word_cost_no_process(site):
    before, kept = len(site.relay.children()), []
    x224 = bytes.fromhex('030000130ee000000000000100080004000000')
    for i in range(400):
        s = open_connection(site, f'127.0.1.{1 + i % 40}')
        s.sendall(x224[:i % len(x224)])
        kept.append(s)
    assert site.connect(site.ticket()).finish() == 0
    assert len(site.relay.children()) <= before + 2
    s = open_connection(site, '127.0.2.1')
    s.sendall(b'GET / HTTP/1.1\r\n\r\n')
    kept.append(s)
    for s in kept:      # they are all sent away in time
        s.settimeout(10)
        with contextlib.suppress(ConnectionResetError):
            assert s.recv(100) == b''
        s.close()


def client_hello():
    """What a TLS client says first."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with contextlib.suppress(ssl.SSLWantReadError):
        context.wrap_bio(incoming, outgoing).do_handshake()
    return outgoing.read()


def test_half_a_hello_costs_no_process(site):
    """Those that have had their answer to X.224 and leave TLS half done."""
    before, kept, hello = len(site.relay.children()), [], client_hello()
    x224 = bytes.fromhex('030000130ee000000000000100080004000000')
    confirm = bytes.fromhex('030000130ed000000000000203080004000000')
    for i in range(200):
        s = open_connection(site, f'127.0.3.{1 + i % 40}')
        s.settimeout(20)
        s.sendall(x224)
        assert s.recv(100) == confirm
        s.sendall((hello if i % 2 else b'GET / HTTP/1.1\r\n\r\n')[:i % len(hello)])
        kept.append(s)
    assert site.connect(site.ticket()).finish() == 0
    assert len(site.relay.children()) <= before + 2
    slow = open_connection(site, '127.0.4.1')
    slow.settimeout(10)
    for piece in (x224[:7], x224[7:], hello[:3], hello[3:100], hello[100:]):
        slow.sendall(piece)
        time.sleep(0.05)    # so that they do not come as one
    answer = slow.recv(19, socket.MSG_WAITALL)
    assert answer == confirm and slow.recv(1) == b'\x16', 'TLS goes on, and the answer came once'
    slow.close()
    for s in kept:
        with contextlib.suppress(ConnectionResetError):
            assert s.recv(100) == b''
        s.close()
    site.broker.wait_event(lambda e: e['client_address'].startswith('127.0.3.') and e['name'] in ('no_hello', 'not_tls'))


def test_killed_session_process_takes_nobody_with_it(site):
    tickets = [site.ticket(), site.ticket()]
    clients = [site.connect(t, hold=6) for t in tickets]
    for c in clients:
        c.wait_frame()
    os.kill(site.relay.session_pid(tickets[0]), signal.SIGKILL)
    assert clients[0].finish(10) == ENDED
    assert clients[1].finish() == 0
    event = site.broker.wait_event(lambda e: e['session'] == tickets[0].session and e['kind'] == 'session_ended')
    assert event['name'] == 'crashed'
    log = site.relay.log_path
    log.write_text(re.sub('event=session_process_failed', 'event=killed_by_test', log.read_text()))


def test_broker_gone_sessions_go_on_and_events_follow_later(site):
    ticket, spare = site.ticket(), site.ticket()
    client = site.connect(ticket, hold=5)
    client.wait_frame()
    site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_active')
    site.broker.down()
    assert site.connect(spare).finish() == DENIED      # nobody can say that the ticket is good
    assert client.finish() == 0, client.output()
    site.broker.up()
    site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_ended', 30)
    kinds = [e['kind'] for e in site.broker.of_session(ticket)]
    assert kinds.index('session_active') < kinds.index('session_ended')


def test_session_process_has_nothing_left_to_misuse(site):
    ticket = site.ticket()
    client = site.connect(ticket, hold=3)
    client.wait_frame()
    pid = site.relay.session_pid(ticket)
    status = dict(re.findall(r'^(\w+):[ \t]*(.*)$', pathlib.Path(f'/proc/{pid}/status').read_text(), re.M))
    assert status['Seccomp'] == '2' and status['NoNewPrivs'] == '1'
    if os.geteuid() == 0:
        assert status['Uid'].split() != ['0'] * 4 and int(status['CapEff'], 16) == 0
        assert status['Groups'].strip() == ''
        assert os.listdir(f'/proc/{pid}/root') == []
    links = [os.readlink(f'/proc/{pid}/fd/{fd}') for fd in os.listdir(f'/proc/{pid}/fd')]
    assert sum(link.startswith('socket:') for link in links) == 3, links
    command = b''.join(pathlib.Path(f'/proc/{p}/cmdline').read_bytes()
                       for p in [site.relay.process.pid, *site.relay.children()])
    for secret in (ticket.secret, ticket.credential['password']):
        assert secret.encode() not in command
        assert secret not in site.relay.log()
    assert client.finish() == 0


def resident_kib(pid):
    return int(re.search(r'VmRSS:\s+(\d+)', pathlib.Path(f'/proc/{pid}/status').read_text()).group(1))


def test_client_that_stops_reading_costs_no_memory_and_comes_back(site):
    ticket = site.ticket()
    client = site.connect(ticket, hold=7)
    client.wait_frame()
    pid = site.relay.session_pid(ticket)
    busy = subprocess.Popen(['ico', '-faces', '-geometry', '1024x768+0+0', '-size', '500x500'],
                            env={**os.environ, 'DISPLAY': ':90'}, stdout=subprocess.DEVNULL)
    try:
        before = resident_kib(pid)
        client.process.send_signal(signal.SIGSTOP)
        time.sleep(4)   # the guest has something new to show all the time
        assert resident_kib(pid) - before < 8 * 1024
        client.process.send_signal(signal.SIGCONT)
        assert client.finish() == 0, client.output()
    finally:
        relay_site.stop(busy)


@pytest.mark.parametrize('reason, name, told', [
    ('session_disconnected', 'revoked', 'ERRINFO_RPC_INITIATED_DISCONNECT'),
    ('session_moved', 'moved', 'ERRINFO_DISCONNECTED_BY_OTHER_CONNECTION')])
def test_broker_ends_a_session_at_once_and_no_other(site, reason, name, told):
    ended, other = site.ticket(), site.ticket()
    client, bystander = site.connect(ended, hold=60), site.connect(other, hold=60)
    client.wait_frame()
    bystander.wait_frame()
    relay_site.wait_until(lambda: {ended.session, other.session} <= set(site.broker.usage), what='both are watched')
    began = time.monotonic()
    site.broker.end_session(ended, reason)
    assert client.finish(10) == ENDED
    assert time.monotonic() - began < 2
    assert told in client.output()
    event = site.broker.wait_event(lambda e: e['session'] == ended.session and e['kind'] == 'session_ended')
    assert event['name'] == name and 'bytes to the desktop' in event['detail']
    assert bystander.process.poll() is None
    bystander.close()


def test_session_is_ended_that_began_while_the_broker_was_being_asked(site):
    """The question in flight does not list it: it is asked anew."""
    first = site.connect(site.ticket(), hold=60)
    first.wait_frame()
    ticket = site.ticket()
    site.broker.end_session(ticket)
    client = site.connect(ticket, hold=60)
    began = time.monotonic()
    assert client.finish(15) != 0
    assert time.monotonic() - began < 5
    first.close()


def test_use_of_a_session_is_told(site):
    ticket = site.ticket()
    client = site.connect(ticket, hold=60)
    client.wait_frame()
    relay_site.wait_until(lambda: site.broker.usage.get(ticket.session, {}).get('bytes_from_desktop', 0) > 100000,
                          20, 'bytes of the session')
    usage = site.broker.usage[ticket.session]
    assert 0 < usage['bytes_to_desktop'] < usage['bytes_from_desktop']
    assert 0 <= usage['idle_ms'] < 30000
    assert 0 < usage['rtt_us'] < 1000000
    client.close()


def test_stop_says_goodbye(site, tmp_path):
    relay = relay_site.Relay(tmp_path / 'second', site.broker, site.pki)
    ticket = site.ticket()
    client = relay_site.Client(tmp_path / 'client', relay.port, ticket.locator, ticket.secret, hold=30)
    try:
        client.wait_frame()
        began = time.monotonic()
        relay.process.send_signal(signal.SIGTERM)
        assert relay.process.wait(10) == 0
        assert time.monotonic() - began < 6
        assert client.finish(5) == ENDED
        event = site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_ended')
        assert event['name'] == 'shutdown'
    finally:
        client.close()
        relay.close()


def test_check_names_what_is_wrong(site, tmp_path):
    bad = tmp_path / 'relay.conf'
    bad.write_text('[relay]\nbroker = nowhere\nlisten = 127.0.0.1:0\ncolour = red\n')
    done = subprocess.run([relay_site.RELAY, '--check', '--config', bad], capture_output=True, text=True)
    assert done.returncode == 1 and 'colour' in done.stderr
    good = subprocess.run([relay_site.RELAY, '--check', '--config', site.relay.config], capture_output=True, text=True)
    assert good.returncode == 0, good.stderr
