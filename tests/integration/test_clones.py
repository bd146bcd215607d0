# SPDX-License-Identifier: Apache-2.0
"""Desktops forked from a frozen, running template: a real agent, QEMU and golden image."""
import base64
import contextlib
import hashlib
import json
import mmap
import os
import pathlib
import re
import signal
import socket
import ssl
import subprocess
import time

import pytest

import test_hostagent as host_test
from guest_exec import GuestAgent
from netns import wait_until
from test_hostagent import alive, desktop, golden_image, qemus

pytestmark = [*host_test.pytestmark, pytest.mark.slow, pytest.mark.skipif(
    golden_image() is None, reason='no golden image (GENKAN_TEST_IMAGE)')]

X224_REQUEST = bytes.fromhex('030000130ee000000000000100080001000000')


def ident(number):
    return f'{number:010x}000000'   # the port is named by the first ten digits


def entry(image, number, **changes):
    return desktop(image, ident=ident(number), memory=1024) | {
        'name': f'test-{number:03d}', 'cpus': 2} | changes


class CloneHost(host_test.Host):
    def __init__(self, folder, ram, name=None):
        super().__init__(folder, name=name or f'gk-clone-{os.getpid()}')
        self.ram = pathlib.Path(ram)
        self.numbers = []

    def configure(self, **changes):
        super().configure(**{'template_dir': f'/dev/shm/{self.folder.name}'} | changes)

    def want_numbers(self, *numbers):
        self.numbers = list(numbers)
        self.broker.want(*(entry(self.image, n) for n in numbers), images=[self.image])

    def templates(self):
        return (self.broker.newest or {}).get('templates', [])

    def wait_template(self, state, seconds=120):
        def matches():
            return [t for t in self.templates() if t['state'] == state]
        return self.broker.wait(f'a template that is {state}', matches, seconds)[0]

    def ready(self, number, seconds=60):
        try:
            return self.broker.wait_desktop(ident(number), seconds=seconds, state='ready')
        except AssertionError as why:
            log = self.run_dir / 'desktops' / ident(number) / 'serial.log'
            said = log.read_text(errors='replace')[-3000:] if log.exists() else 'nothing'
            raise AssertionError(f'{why}\nits console said last:\n{said}') from None

    def inside(self, number, script):
        with GuestAgent(self.run_dir / 'desktops' / ident(number) / 'qga.sock') as guest:
            status, out = guest.run('/bin/bash', '-c', script)
        assert status == 0, out
        return out

    def qmp(self, number, command):
        """A second client of the monitor would wait for ever: only while no agent runs."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(10)
            link.connect(str(self.run_dir / 'desktops' / ident(number) / 'qmp.sock'))
            lines = link.makefile('rwb')
            lines.readline()
            for name in ('qmp_capabilities', command):
                lines.write(json.dumps({'execute': name, 'id': name}).encode() + b'\n')
                lines.flush()
                while True:
                    answer = json.loads(lines.readline())
                    if answer.get('id') == name:
                        break
            return answer['return']

    def certificate(self, address):
        """What its RDP server shows, in DER; the way there is a plain X.224 exchange."""
        with self.ns.entered():
            link = socket.socket()
        link.settimeout(20)
        with link:
            link.connect((address, 3389))
            link.sendall(X224_REQUEST)
            answer = link.recv(19, socket.MSG_WAITALL)
            assert answer[5] == 0xd0 and answer[11] == 2, answer.hex()
            context = ssl.create_default_context()
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
            with context.wrap_socket(link) as tls:
                return tls.getpeercert(binary_form=True)

    def ram_files(self):
        return sorted(p.name for p in self.ram.glob('*'))


@contextlib.contextmanager
def host_folders(name):
    """For one host: its files, and the RAM disk of its templates."""
    short = pathlib.Path(f'/tmp/gk-{os.getpid()}-{name}')
    short.mkdir(mode=0o755)
    ram = pathlib.Path('/dev/shm') / short.name
    ram.mkdir()
    try:
        yield short, ram
    finally:
        subprocess.run(['rm', '-rf', short, ram], check=True)


@contextlib.contextmanager
def forking(host, want_first, meanwhile=lambda host: None):
    """Runs the host until desktop 1, which want_first(host) orders, has come up and been frozen."""
    try:
        host.join()
        host.image = host.add_image(golden_image())
        want_first(host)
        host.start()
        host.ready(1, seconds=180)
        meanwhile(host)
        host.wait_template('ready')
        yield host
    finally:
        done = host.close()
        print((host.folder / 'agent.log').read_text()[-8000:])
        assert done.returncode == 0, done.stdout


def order_while_it_settles(host):
    """A desktop is wanted while the template's guest comes to rest. Its machine runs in slices that
    are shorter than that takes, and stands still while we look."""
    pid = host.pid(host.wait_template('booting')['id'])

    def settles():
        os.kill(pid, signal.SIGSTOP)
        states = re.findall(r'event=template_state .* to=(\w+)', (host.folder / 'agent.log').read_text())
        if states[-1] != 'settling':
            os.kill(pid, signal.SIGCONT)
        return states[-1] == 'settling'
    wait_until('the template to settle', settles, 180, every=0.2)
    try:
        host.want_numbers(1, 2)
        host.while_it_settled = host.broker.wait('an answer', lambda: (
            report := host.broker.reported(ident(2))) and (report['reason'] or report['stage'] != 'queued')
            and report, 30)
    finally:
        os.kill(pid, signal.SIGCONT)
    host.ready(2, seconds=120)
    host.waited = clone_of(host, 2)
    host.want_numbers(1)
    host.broker.wait_gone(ident(2))


@pytest.fixture(scope='module')
def host():
    """One host for all: a template costs a boot."""
    with host_folders('clones') as (short, ram):
        with forking(CloneHost(short, ram), lambda host: host.want_numbers(1),
                     order_while_it_settles) as made:
            yield made
        assert list(ram.glob('*')) == [], 'the end of everything leaves no memory file'


STAGES = ('turn', 'disk', 'machine', 'memory', 'guest', 'rdp')


def clone_of(host, number):
    log = (host.folder / 'agent.log').read_text()
    ways = [line for line in log.splitlines()
            if 'event=desktop_ready' in line and ident(number) in line]
    return bool(ways) and 'way=clone' in ways[-1]


def test_template_is_frozen_and_sealed(host):
    template = host.wait_template('ready')
    assert template['percent'] == 100 and template['image_sha256'] == host.image['sha256']
    memory, state = (host.ram / f'{template["id"]}.{kind}' for kind in ('ram', 'state'))
    assert memory.stat().st_size == 1024 << 20 and state.stat().st_size < 4 << 20
    assert memory.stat().st_mode & 0o222 == 0 and state.stat().st_mode & 0o222 == 0
    assert host.ram.stat().st_mode & 0o077 == 0
    assert qemus(template['id']) == [], 'a template does not run'
    assert not (host.run_dir / 'desktops' / template['id']).exists()


def test_a_desktop_waits_for_a_template_that_is_coming(host):
    told = host.while_it_settled
    assert told['reason'].startswith('waits for the template of its image: settling'), told
    assert told['state'] == 'cloning' and host.waited, 'it was forked, not booted'


def test_template_knows_nobody(host):
    """What its clones wake up with is no desktop's: not the one's that came up before it."""
    template = host.wait_template('ready')
    # (its id would be: the kernel prints addresses that look like it)
    words = [b'test-001', base64.b64encode(bytes(range(32)))]
    with open(host.ram / f'{template["id"]}.ram', 'rb') as file, \
            mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as memory:
        assert memory.find(b'genkan-guest') >= 0, 'the right memory is looked at'
        assert [w for w in words if memory.find(w) >= 0] == []


def test_clones_have_read_a_session_and_know_nothing_of_whose_it_was(host):
    """The one that warmed the template: its files are in memory, and nobody is left of it."""
    host.want_numbers(1, 4)
    host.ready(4)
    assert clone_of(host, 4)
    cached = host.inside(4, 'fincore -n -r -b -o pages,file /usr/bin/icewm /usr/lib/xorg/Xorg')
    assert [int(line.split()[0]) > 20 for line in cached.splitlines()] == [True, True], cached
    uid = int(host.inside(4, 'id -u genkan-warm'))
    assert uid < 1000
    left = host.inside(4, 'ps -u genkan-warm -o pid=,comm=; find / -xdev -user genkan-warm; '
                          'find /run /tmp /dev/shm -user genkan-warm; ls -A /home /tmp/.X11-unix /run/user; '
                          'ls -d /run/genkan-warm /tmp/.X*-lock 2>/dev/null; true')
    assert left.split() == ['/home:', '/run/user:', '/tmp/.X11-unix:'], left


def standing_by(host):
    """Ids of machines that wait for the next desktop."""
    found = []
    for spec in (host.state_dir / 'desktops').glob('*/spec.json'):
        with contextlib.suppress(OSError, ValueError):
            found += [spec.parent.name] if json.loads(spec.read_text()).get('standby') else []
    return found


def wait_standby(host, but_not=(), seconds=60):
    """One that has loaded its template's state."""
    def loaded():
        log = (host.folder / 'agent.log').read_text()
        return [i for i in standing_by(host) if i not in but_not
                and re.search(f'event=standby_ready .*machine={i}', log)]
    return wait_until('a machine that stands by', loaded, seconds)[0]


def wait_nothing_left(host, name):
    left = []
    with contextlib.suppress(AssertionError):
        wait_until('', lambda: left.clear() or left.extend(host.leftovers(name)) or not left)
    assert left == []


def machine_of(host, number):
    note = host.run_dir / 'desktops' / ident(number) / 'machine'
    return note.read_text() if note.exists() else None


def test_a_machine_stands_by_and_is_the_next_desktops(host):
    machine = wait_standby(host)
    pid = host.pid(machine)
    assert alive(pid) and qemus(machine)
    assert not any(d['id'] == machine for d in host.broker.newest['desktops']), 'it is nobody\'s'
    assert machine[:10] not in host.ns.run('nft', 'list', 'ruleset'), 'its port is not connected'
    address = json.loads((host.state_dir / 'desktops' / machine / 'spec.json').read_text())['address']
    host.want_numbers(1, 50)
    report = host.ready(50)
    assert host.pid(ident(50)) == pid and machine_of(host, 50) == machine
    assert report['address'] == address and clone_of(host, 50)
    assert facts_of(host, 50)['hostname'] == 'test-050'
    assert host.leftovers(machine) == [f'pid {pid}'], 'its name is only in its command line'
    other = wait_standby(host, but_not=[machine])
    # A template's worth of desktops is booted from nowhere else: the next one does not wait for it.
    host.want_numbers(1, 50, 51, 52)
    assert {machine_of(host, n) for n in (51, 52) if host.ready(n)} == {other, None}
    assert clone_of(host, 51) and clone_of(host, 52)
    host.want_numbers(1)
    for number in (50, 51, 52):
        host.broker.wait_gone(ident(number))
        assert host.leftovers(ident(number)) == []


def test_what_stands_by_has_rehearsed_and_rests(host):
    machine = wait_standby(host)
    log = (host.folder / 'agent.log').read_text()
    assert f'event=standby_unrehearsed machine={machine}' not in log, 'the guest of this tree can'
    stat = pathlib.Path(f'/proc/{host.pid(machine)}/schedstat')
    before = int(stat.read_text().split()[0])
    time.sleep(1)
    assert int(stat.read_text().split()[0]) - before < 50e6, 'a stopped machine runs'
    rehearsed = {'standby', hashlib.sha256(f'genkan machine id {machine}'.encode()).hexdigest()[:32]}
    host.want_numbers(1, 50)
    host.ready(50)
    assert machine_of(host, 50) == machine
    assert not rehearsed & set(facts_of(host, 50).values()), 'it kept nothing of that'
    host.want_numbers(1)
    host.broker.wait_gone(ident(50))


def test_a_machine_that_stands_by_outlives_no_agent(host):
    machine = wait_standby(host)
    host.kill()
    assert qemus(machine)
    host.broker.newest = None
    host.start()
    other = wait_standby(host, but_not=[machine])
    wait_nothing_left(host, machine)
    os.kill(host.pid(other), signal.SIGKILL)
    wait_nothing_left(host, other)
    wait_standby(host, but_not=[other])   # another takes its place


@pytest.mark.parametrize('point', ['standby_spec', 'standby_overlay', 'standby_spawned',
                                   'standby_rehearsing', 'standby_wanted', 'standby_overlay_taken', 'standby_taken'])
def test_agent_killed_around_what_stands_by(host, point):
    if b'GENKAN_FAULT' not in host_test.AGENT.read_bytes():
        pytest.skip('built without points to be killed at')
    number = 60
    host.kill(signal.SIGTERM)
    host.broker.newest = None
    old = standing_by(host)
    host.start(GENKAN_FAULT=f'{point}:1')
    if point in ('standby_wanted', 'standby_overlay_taken', 'standby_taken'):
        wait_standby(host, but_not=old)
        host.want_numbers(1, number)
    assert host.agent.wait(60) == -signal.SIGKILL
    before = {p.name for kind in (host.state_dir, host.run_dir) for p in (kind / 'desktops').iterdir()}
    host.broker.newest = None
    host.want_numbers(1)
    old = standing_by(host)
    host.start()
    wait_standby(host, but_not=old)
    for name in before - {ident(1)} - set(standing_by(host)):
        wait_nothing_left(host, name)
    ours = [p for p in host.ns.pids() if b'guest=genkan-' in pathlib.Path(f'/proc/{p}/cmdline').read_bytes()]
    assert len(ours) == 2, 'desktop 1 and one that stands by'
    host.want_numbers(1, number)
    host.ready(number, seconds=180)
    assert clone_of(host, number)
    host.want_numbers(1)
    host.broker.wait_gone(ident(number))


FACTS = '''
    echo machine-id=$(cat /etc/machine-id)
    echo hostname=$(uname -n)
    echo hosts=$(grep -c " $(uname -n)$" /etc/hosts)-$(uname -n)
    card=$(ls /sys/class/net | grep -v lo)
    echo mac=$(cat /sys/class/net/$card/address)
    echo address=$(ip -4 -o addr show dev $card | awk '{print $4}')
    echo random=$(head -c 32 /dev/urandom | od -An -tx1 | tr -d ' \\n')
    for key in /etc/ssh/ssh_host_*_key; do
        [ ! -e $key ] || echo $key=$(sha256sum < $key)
    done
    echo clock=$(date +%s)'''
SSH_KEYS = ['/etc/ssh/ssh_host_ecdsa_key', '/etc/ssh/ssh_host_ed25519_key']
SSH_SECONDS = 240   # its keys are made behind everything else; all clones do it at the same time


def wait_ssh(host, number):
    """In an image with an SSH server (deploy/image/build --add openssh-server) until it runs."""
    def runs():
        return host.inside(number, 'if [ -x /usr/sbin/sshd ]; then systemctl is-active ssh; '
                                   'else echo none; fi; true').strip() in ('active', 'none')
    wait_until(f'the SSH server of {number}', runs, SSH_SECONDS, every=1)


def facts_of(host, number):
    report = host.ready(number)
    wait_ssh(host, number)
    der = host.certificate(report['address'])
    assert hashlib.sha256(der).hexdigest() == report['rdp_certificate_sha256']
    public = subprocess.run(['openssl', 'x509', '-inform', 'DER', '-pubkey', '-noout'],
                            input=der, capture_output=True, check=True).stdout
    asked_at = time.time()
    facts = dict(line.split('=', 1) for line in host.inside(number, FACTS).splitlines())
    assert asked_at - 5 < int(facts.pop('clock')) < time.time() + 5
    assert facts['hostname'] == f'test-{number:03d}' and facts['hosts'].startswith('1-')
    assert facts['address'] == report['address'] + '/24'
    assert [name for name in facts if name.startswith('/etc/ssh')] in ([], SSH_KEYS)
    return facts | {'certificate': der, 'public key': public,
                    'fingerprint': report['rdp_certificate_sha256']}


def test_clones_share_nothing_that_tells_them_apart(host):
    """GENKAN_TEST_CLONES=20 and an image with an SSH server show it of twenty (docs/golden-image.md)."""
    numbers = range(2, 2 + int(os.environ.get('GENKAN_TEST_CLONES', '3')))
    host.want_numbers(1, *numbers)
    for number in numbers:
        host.ready(number, seconds=180)
        assert clone_of(host, number)
        start = next(d['start'] for d in host.broker.newest['desktops'] if d['id'] == ident(number))
        assert start['way'] == 'clone' and start['guest_ms'] > 0
        assert sum(start[f'{stage}_ms'] for stage in STAGES) == start['total_ms'], start
    assert not clone_of(host, 1)
    seen = [facts_of(host, number) for number in numbers]
    for fact in seen[0]:
        assert len({facts[fact] for facts in seen}) == len(seen), f'{fact} is shared'
    print(f'{len(seen)} clones, distinct in: {", ".join(seen[0])}')
    for number in numbers:
        text = pathlib.Path(f'/proc/{host.pid(ident(number))}/smaps').read_text()
        # Memory is shared all the same: what a clone has of its own is a fraction of it.
        own = sum(int(line.split()[1]) for line in text.splitlines()
                  if line.startswith(('Private_Clean', 'Private_Dirty')))
        assert own < 400 << 10, f'{own} KiB of 1 GiB are private'
        # Merging equal pages would tell one desktop about another.
        assert not any(' mg' in line for line in text.splitlines() if line.startswith('VmFlags'))


def test_generation_ids_differ_and_the_card_keeps_its_address_over_a_reboot(host):
    host.want_numbers(1, 2, 3)
    reports = {n: host.ready(n) for n in (2, 3)}
    host.kill()
    ids = {n: host.qmp(n, 'query-vm-generation-id')['guid'] for n in (2, 3)}
    assert ids[2] != ids[3]
    host.broker.newest = None
    host.start()
    again = {n: host.ready(n) for n in (2, 3)}
    for n in (2, 3):
        assert again[n]['rdp_certificate_sha256'] == reports[n]['rdp_certificate_sha256']
    assert host.wait_template('ready'), 'a restarted agent takes up its template'
    before = host.inside(2, 'cat /sys/class/net/*/address | grep -v 00:00:00')
    seen = len(host.broker.reports)
    with contextlib.suppress(OSError, ValueError, AssertionError, RuntimeError):
        host.inside(2, 'systemctl reboot --force --force')
    host.broker.wait('the reboot seen', lambda: any(
        d['id'] == ident(2) and d['stage'] == 'booting'
        for report in host.broker.reports[seen:] for d in report['desktops']), 60)
    host.ready(2, seconds=180)
    assert host.inside(2, 'cat /sys/class/net/*/address | grep -v 00:00:00') == before


def test_a_clone_that_died_boots_from_its_own_disk(host):
    host.want_numbers(1, 3)
    host.ready(3)
    host.inside(3, 'echo kept > /root/note; sync')
    os.kill(host.pid(ident(3)), signal.SIGKILL)
    host.broker.wait_desktop(ident(3), seconds=10, state='error')
    host.ready(3, seconds=180)
    assert not clone_of(host, 3)
    assert host.inside(3, 'cat /root/note') == 'kept\n'


def test_agent_killed_while_cloning_leaves_no_orphan(host):
    for number, pause in enumerate((0.0, 0.02, 0.05, 0.1, 0.2), start=10):
        host.want_numbers(1, number)
        host.broker.wait('the agent to hear of it',
                         lambda n=number: host.broker.reported(ident(n)), 10)
        time.sleep(pause)   # the moment of the kill is what varies
        host.kill()
        host.broker.newest = None
        host.want_numbers(1)
        host.start()
        host.broker.wait_gone(ident(number))
        try:
            wait_until('nothing left', lambda n=number: host.leftovers(ident(n)) == [])
        except AssertionError:
            raise AssertionError(f'killed {pause} s after the order: {host.leftovers(ident(number))} is left')
    host.want_numbers(1, 20)
    host.ready(20)
    assert clone_of(host, 20), 'the template outlived all of it'


def test_a_full_host_says_so_before_a_clone_starts(host):
    host.want_numbers(1)
    host.broker.wait_gone(ident(20))
    host.kill(signal.SIGTERM)
    host.configure(memory_reserve='1000G')
    host.broker.newest = None
    host.start()
    host.want_numbers(1, 21)
    report = host.broker.wait_desktop(ident(21), seconds=20, state='error')
    assert 'the host is full' in report['reason']
    assert qemus(ident(21)) == []
    host.want_numbers(1)
    host.broker.wait_gone(ident(21))
    host.kill(signal.SIGTERM)
    host.configure()
    host.broker.newest = None
    host.start()


def waits(pid):
    """How often its threads have waited for something to happen. Does not depend on the load."""
    lines = (line for status in pathlib.Path(f'/proc/{pid}/task').glob('*/status')
             for line in status.read_text().splitlines())
    return sum(int(line.split()[1]) for line in lines if line.startswith('voluntary_ctxt'))


def wait_asleep(pid):
    """Until it wakes up less than 30 times a second: an unused one does so some 10 times, one that
    looks after something by the clock hundreds of times."""
    def sleeps(seconds=5):
        before = waits(pid)
        time.sleep(seconds)
        return waits(pid) - before < 30 * seconds
    wait_until('the guest to sleep', sleeps, 60)


def test_a_clone_that_nobody_uses_sleeps(host):
    host.want_numbers(1, 35)
    host.ready(35)
    wait_asleep(host.pid(ident(35)))
    # QEMU's guest agent runs when it is asked, each time, and wakes nothing afterwards.
    for _ in range(2):
        assert host.inside(35, 'systemctl is-active qemu-ga.service').strip() == 'active'
    wait_asleep(host.pid(ident(35)))
    host.want_numbers(1)
    host.broker.wait_gone(ident(35))


def test_template_is_dropped_when_unused_and_clones_go_on(host):
    host.want_numbers(1, 30)
    host.ready(30)
    host.wait_template('ready')
    pid = host.pid(ident(30))
    # Its memory file may go while clones run: they hold what they mapped.
    for file in host.ram.glob('*.ram'):
        file.unlink()
    assert host.inside(30, 'uname -n').strip() == 'test-030' and alive(pid)
    host.kill(signal.SIGTERM)
    host.configure(template_keep='100ms')
    host.broker.newest = None
    host.start()
    # Without its memory it is kept for its disk only, and another one is made.
    host.broker.wait('the old one retired', lambda: any(
        t['state'] == 'retired' for t in host.templates()), 30)
    host.wait_template('ready')
    host.want_numbers(30, 34)
    host.ready(34)
    assert clone_of(host, 34)
    assert host.inside(30, 'uname -n').strip() == 'test-030' and alive(pid)
    host.want_numbers()
    for number in (30, 34):
        host.broker.wait_gone(ident(number))
    host.broker.wait('no template', lambda: host.templates() == [], 30)
    assert host.ram_files() == []
    assert list((host.state_dir / 'templates').iterdir()) == []
