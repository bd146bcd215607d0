# SPDX-License-Identifier: Apache-2.0
"""Why a session ends, told to a client whose desktop is just changing its size: what is said in the
middle of that is lost on clients, so the relay waits for the end of it, if not for long."""
import struct
import time

import lawless
import pytest
import relay_site
from lawless import RECORDS, payload
from matrix_site import MatrixSite

pytestmark = pytest.mark.skipif(not relay_site.RELAY.exists(), reason=f'not built: {relay_site.RELAY}')

DEACTIVATE_ALL = struct.pack('<HHHIHB', 13, 0x16, 1002, 0x000103f1, 1, 0)
SHARE_DATA, SET_ERROR_INFO = 7, 0x2f
REASONS = {'session_moved': 5, 'session_disconnected': 1, 'idle_timeout': 3}
SERVER_SHUTDOWN = 0x19
ULTIMATUM = b'\x03\0\0\x09\x02\xf0\x80\x20\x80'     # MCS Disconnect Provider Ultimatum, MS-RDPBCGR 2.2.2.3


@pytest.fixture
def site(tmp_path):
    s = MatrixSite(tmp_path)
    yield s
    s.close()
    assert s.relay.sanitizer_reports() == []


def begin_resize(session):
    session.works()
    session.guest.send(lawless.IO, DEACTIVATE_ALL)
    session.guest.send(lawless.IO, payload(RECORDS[26]))
    assert session.client.wait(lambda: any(s[2:4] == b'\x11\0' for s in session.client.shares)), 'demand active'


def finish_resize(session):
    client, guest = session.client, session.guest
    before = len(guest.shares)
    for record in (27, 28, 30, 32, 33):
        client.send(lawless.IO, payload(RECORDS[record]))
    assert guest.wait(lambda: len(guest.shares) >= before + 5)
    for record in (29, 31, 34, 35):
        guest.send(lawless.IO, payload(RECORDS[record]))


def told(session):
    """The reasons that the client has heard."""
    return [struct.unpack_from('<I', s, 18)[0] for s in session.client.shares
            if s[2:4] == b'\x17\0' and len(s) >= 22 and s[14] == SET_ERROR_INFO]


@pytest.mark.parametrize('reason', REASONS)
def test_reason_waits_for_the_end_of_a_resize(site, reason):
    session = site.session()
    begin_resize(session)
    site.broker.end_session(session.ticket, reason)
    relay_site.wait_until(lambda: site.relay.find(f'event=session_end_wanted .*reason={reason}'), what='the wish')
    assert told(session) == [] and not session.client.over
    finish_resize(session)
    assert session.client.wait_over()
    assert told(session) == [REASONS[reason]]
    shares = len(session.client.shares)
    assert struct.unpack_from('<H', session.client.shares[shares - 1], 2)[0] == 0x17, 'the reason comes last'


def test_client_that_never_finishes_is_ended_soon(site):
    session = site.session()
    begin_resize(session)
    began = time.monotonic()
    site.broker.end_session(session.ticket, 'session_disconnected')
    assert session.client.wait_over()
    assert 1 < time.monotonic() - began < 4


def test_relay_that_stops_sends_nobody_away_for_good(site):
    """A client that cannot be told to come back hears no end either: to it the connection is lost."""
    sessions = [site.session(), site.session()]
    begin_resize(sessions[0])
    sessions[1].works()
    site.relay.process.terminate()
    for session in sessions:
        assert session.client.wait_over()
    assert told(sessions[1]) == [SERVER_SHUTDOWN]
    assert ULTIMATUM not in bytes(sessions[0].client.link.record)
    assert ULTIMATUM in bytes(sessions[1].client.link.record)
