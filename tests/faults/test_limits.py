# SPDX-License-Identifier: Apache-2.0
"""F19: a broker whose descriptors or memory run out. It does not die of many connections; those that wait
are served when others have gone; what was promised is kept. Memory that runs out may end it: then it is
started again, as systemd does."""
import contextlib
import http.client
import os
import resource
import socket

import pytest

from broker import NO_PLAIN_PROGRAM, PLAIN_PROGRAM, Broker, PlainBroker
from needs import NEEDS_BROKER
from netns import wait_until
from promises import check, check_host, check_secrets, people, serving, try_login
from slapd import Slapd

FULL = os.environ.get('GENKAN_FAULTS') == 'full'
pytestmark = NEEDS_BROKER


@contextlib.contextmanager
def site_of(program, folder):
    with Slapd(folder, people=people(80)) as slapd, \
            serving(program(folder, slapd, directory__threads=1), folder) as broker:
        broker.users = iter(f'u{n:03}' for n in range(80))
        yield broker


@pytest.fixture(scope='module')
def site(tmp_path_factory):
    with site_of(Broker, tmp_path_factory.mktemp('limits')) as broker:
        yield broker


@pytest.fixture(scope='module')
def plain_site(tmp_path_factory):
    if not PLAIN_PROGRAM:
        pytest.skip(NO_PLAIN_PROGRAM)
    with site_of(PlainBroker, tmp_path_factory.mktemp('plain')) as broker:
        yield broker


def processes(pid):
    """The core, its starter and its fronts."""
    with open(f'/proc/{pid}/task/{pid}/children') as f:
        return [pid, *(p for child in f.read().split() for p in processes(int(child)))]


def limit(broker, which, of=None):
    """Of each process of the running broker, from now on: of(pid), or no more."""
    for pid in processes(broker.process.pid):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            hard = resource.prlimit(pid, which)[1]
            resource.prlimit(pid, which, (of(pid) if of else hard, hard))


def descriptors(pid):
    return len(os.listdir(f'/proc/{pid}/fd'))


def memory(pid):
    with open(f'/proc/{pid}/statm') as f:
        return int(f.read().split()[0]) * resource.getpagesize()


def occupy(broker, most):
    """Connections that say nothing, more than the broker can take."""
    taken = [socket.socket() for _ in range(most)]
    for link in taken:
        link.setblocking(False)
        link.connect_ex(('127.0.0.1', broker.port))
    return taken


@pytest.mark.parametrize('room', [0, 1, 2, 3, 5, 8, 13, 21, 34] if FULL else [0, 8])
def test_F19_descriptors_run_out(site, room):
    user, other = next(site.users), next(site.users)
    promised = {user: try_login(site, user)}
    inside = http.client.HTTPSConnection('127.0.0.1', site.port, timeout=20, context=site.context())
    inside.connect()
    limit(site, resource.RLIMIT_NOFILE, lambda pid: descriptors(pid) + room)
    idle = occupy(site, room * 4 + 40)  # there are up to four fronts
    inside.request('GET', '/v1/health')
    assert inside.getresponse().status == 200, 'who has come in is served'
    try_login(site, other, seconds=2)   # perhaps there is room for it, and perhaps not
    assert site.process.poll() is None, site.log()[-3000:]
    for link in [inside, *idle]:
        link.close()
    limit(site, resource.RLIMIT_NOFILE)
    promised[other] = wait_until('others get in again', lambda: try_login(site, other), 20, 0.1)
    assert try_login(site, user) == promised[user]
    check(site, promised)
    check_host(site, site.agent)
    check_secrets(site, promised)


@pytest.mark.parametrize('room_kib', [0, 4, 16, 64, 128, 256, 512, 1024, 2048, 4096, 8192, 16384]
                         if FULL else [0, 64, 1024, 8192])
def test_F19_memory_runs_out(plain_site, room_kib):
    site = plain_site
    user = next(site.users)
    limit(site, resource.RLIMIT_AS, lambda pid: memory(pid) + room_kib * 1024)
    before = try_login(site, user, may=(200, 401, 500, 503))
    with contextlib.suppress(Exception):
        site.process.wait(0.3)          # it may be on its way out
    if site.process.poll() is None:
        limit(site, resource.RLIMIT_AS)
    else:
        site.process = None
        site.start(init=False)
    after = wait_until('logins work', lambda: try_login(site, user), 20, 0.1)
    assert before in (None, after)
    check(site, {user: after})
    check_host(site, site.agent)
