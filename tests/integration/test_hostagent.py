# SPDX-License-Identifier: Apache-2.0
"""genkan-hostagent with a real QEMU in a network namespace of its own, against a fake broker.

Most tests run a desktop whose disk is empty: it never says that it is ready, which is enough to
see it start, survive, be taken up again and be destroyed. Those that need a guest use the golden
image and skip without one."""
import contextlib
import hashlib
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from certificates import Ca
from fake_sync_broker import FakeSyncBroker
from guest_exec import GuestAgent
from netns import NetNs, cable, wait_until

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('GENKAN_BUILD', TOP / 'build-tests'))
AGENT = BUILD / 'hostagent' / 'genkan-hostagent'
DESKTOP, OTHER = '00c0ffee00c0ffee', '0123456789abcdef'

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason='needs root for namespaces and taps'),
    pytest.mark.skipif(not AGENT.exists(), reason=f'{AGENT} is not built'),
    pytest.mark.skipif(not os.path.exists('/usr/bin/qemu-system-x86_64'), reason='no QEMU'),
    pytest.mark.skipif(not os.path.exists('/usr/sbin/nft'), reason='no nft'),
]


def golden_image():
    named = os.environ.get('GENKAN_TEST_IMAGE')
    if named:
        return pathlib.Path(named).resolve()    # an image is linked, and no link of links
    cache = pathlib.Path(os.environ.get('GENKAN_CACHE', '/var/cache/genkan')) / 'images'
    found = sorted(cache.glob('*.qcow2'), key=lambda p: p.stat().st_mtime)
    return found[-1] if found else None


def sha256(path):
    digest = hashlib.sha256()
    with open(path, 'rb') as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


class Host:
    """One host: namespace, folders, configuration, agent."""

    def __init__(self, folder, name=None):
        self.ns = NetNs(name or f'gk-agent-{os.getpid()}')
        self.folder = pathlib.Path(folder)
        self.run_dir = self.folder / 'run'
        self.state_dir = self.folder / 'state'
        self.images = self.folder / 'images'
        self.images.mkdir()
        self.agent = None
        self.broker = FakeSyncBroker(self.folder / 'broker')
        with self.ns.entered():
            self.broker.start()
        self.config = self.folder / 'hostagent.conf'
        self.configure()
        self.log = open(self.folder / 'agent.log', 'ab')

    def configure(self, **changes):
        settings = {
            'name': 'host-1', 'broker': '127.0.0.1:8444', 'ca_file': self.broker.ca_file,
            'state_dir': self.state_dir, 'run_dir': self.run_dir, 'image_dir': self.images,
            'relay_address': '198.18.0.2:3389', 'production': 'no', 'allow_tcg': 'yes',
            'log_level': 'debug',
        } | changes
        self.config.write_text('[hostagent]\n' +
                               ''.join(f'{k} = {v}\n' for k, v in settings.items()))

    def command(self, *options):
        return self.ns.command(AGENT, '--config', self.config, *options)

    def run(self, *options, **kwargs):
        return subprocess.run(self.command(*options), stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=60, **kwargs)

    def join(self):
        token = self.folder / 'token'
        token.write_text(self.broker.token + '\n')
        done = self.run('--join', '--token-file', token)
        assert done.returncode == 0, done.stdout

    def start(self, **env):
        self.agent = subprocess.Popen(self.command(), stdout=self.log, stderr=self.log,
                                      env=dict(os.environ, **env))

    def said(self):
        return (self.folder / 'agent.log').read_bytes()

    def kill(self, how=signal.SIGKILL):
        self.agent.send_signal(how)
        return self.agent.wait(20)

    def add_image(self, path):
        digest = sha256(path)
        target = self.images / f'{digest}.qcow2'
        with contextlib.suppress(OSError):
            os.link(os.path.realpath(path), target)
        if not target.exists():
            subprocess.run(['cp', '--reflink=auto', path, target], check=True)
        return {'name': 'test', 'sha256': digest, 'size_bytes': target.stat().st_size}

    def empty_image(self):
        made = self.folder / 'empty.qcow2'
        subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', made, '64M'], check=True)
        return self.add_image(made)

    def pid(self, desktop=DESKTOP):
        file = self.run_dir / 'desktops' / desktop / 'pid'
        return int(file.read_text()) if file.exists() else None

    def taps(self):
        return [line.split(':')[1].strip().split('@')[0]
                for line in self.ns.ip('-o', 'link', 'show').splitlines() if ': gk' in line]

    def leftovers(self, desktop=DESKTOP):
        """Everything that may not be there once a desktop is gone."""
        left = [str(p) for p in (self.state_dir / 'desktops' / desktop,
                                 self.run_dir / 'desktops' / desktop) if p.exists()]
        left += [t for t in self.taps() if t == 'gk' + desktop[:10]]
        rules = self.ns.run('nft', 'list', 'ruleset')
        left += ['nft: ' + desktop[:10]] if desktop[:10] in rules else []
        cgroups = [pathlib.Path('/sys/fs/cgroup', top, desktop) for top in ('genkan', 'unified/genkan')]
        left += [str(p) for p in cgroups if p.exists()]
        return left + qemus(desktop)

    def close(self):
        if self.agent and self.agent.poll() is None:
            self.kill(signal.SIGTERM)
        self.broker.stop()
        self.configure()
        done = self.run('--destroy-all')
        self.log.close()
        self.ns.close()
        return done


def qemus(desktop):
    """Those that were started under this id, and those that hold its overlay open."""
    found = []
    for entry in pathlib.Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):
            line = (entry / 'cmdline').read_bytes()
            if b'guest=genkan-' in line and (
                    f'guest=genkan-{desktop}'.encode() in line or
                    any(os.readlink(fd).endswith((f'desktops/{desktop}/overlay.qcow2', f'/{desktop}.qcow2'))
                        for fd in (entry / 'fd').iterdir())):
                found.append(f'pid {entry.name}')
    return found


def alive(pid):
    try:
        return pathlib.Path(f'/proc/{pid}/stat').read_text().rsplit(')')[-1].split()[0] != 'Z'
    except OSError:
        return False


def desktop(image, ident=DESKTOP, epoch=1, want='running', memory=256):
    return {'id': ident, 'epoch': epoch, 'name': 'test-001', 'image_sha256': image['sha256'],
            'cpus': 1, 'memory_bytes': memory << 20, 'want': want}


@pytest.fixture
def host(tmp_path):
    # Unix socket names are short, and pytest's folders are long.
    short = pathlib.Path(f'/tmp/gk-{os.getpid()}-{time.monotonic_ns() % 1000000}')
    short.mkdir(mode=0o755)
    made = Host(short)
    try:
        yield made
    finally:
        done = made.close()
        print((short / 'agent.log').read_text()[-6000:])
        subprocess.run(['rm', '-rf', short], check=True)
        assert done.returncode == 0, done.stdout


@pytest.fixture
def joined(host):
    host.join()
    return host


@pytest.fixture
def booting(joined):
    """A host whose one desktop boots from an empty disk."""
    image = joined.empty_image()
    joined.image = image
    joined.broker.want(desktop(image), images=[image])
    joined.start()
    joined.broker.wait_desktop(DESKTOP, stage='booting')
    return joined


def test_check_names_what_is_wrong(host):
    host.configure(bridge_address='10.77.0.1/99', production='yes')
    done = host.run('--check')
    assert done.returncode == 2
    assert 'bridge_address' in done.stdout and 'allow_tcg' in done.stdout


def test_production_refuses_emulation(host):
    probe = host.run('--probe')
    assert probe.returncode == 0, probe.stdout
    if probe.stdout.strip().endswith('kvm'):
        pytest.skip('KVM works here')
    host.configure(production='yes', allow_tcg='no')
    done = host.run()
    assert done.returncode == 1
    assert 'KVM cannot run a 64-bit guest here' in done.stdout


def test_join_needs_the_right_token_and_ca(host):
    (host.folder / 'token').write_text('wrong')
    done = host.run('--join', '--token-file', host.folder / 'token')
    assert done.returncode == 1 and 'this token is not known' in done.stdout
    assert not (host.state_dir / 'host.crt').exists()
    other = FakeSyncBroker(host.folder / 'other')
    host.configure(ca_file=other.ca_file)
    (host.folder / 'token').write_text(host.broker.token)
    done = host.run('--join', '--token-file', host.folder / 'token')
    assert done.returncode == 1 and not (host.state_dir / 'host.crt').exists()
    host.configure()
    host.join()
    assert (host.state_dir / 'host.key').stat().st_mode & 0o777 == 0o600


def test_desktop_starts_with_nothing_shared(booting):
    pid = booting.pid()
    cmdline = pathlib.Path(f'/proc/{pid}/cmdline').read_bytes()
    assert b'-nodefaults' in cmdline and b'spawn=deny' in cmdline
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    uid = int(status.split('Uid:')[1].split()[0])
    assert uid > 1900000000, 'each desktop has a uid of its own'
    assert 'NoNewPrivs:\t1' in status and 'Seccomp:\t2' in status
    assert 'PPid:\t1\n' in status or f'PPid:\t{booting.agent.pid}' not in status
    assert os.getsid(pid) != os.getsid(booting.agent.pid)
    # It was handed descriptors; by name it can open neither its disk nor its sockets.
    probe = subprocess.run(['setpriv', '--reuid', str(uid), '--regid', str(uid), '--clear-groups',
                            'find', booting.state_dir / 'desktops' / DESKTOP,
                            booting.run_dir / 'desktops' / DESKTOP],
                           stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert probe.stdout.count('Permission denied') == 2, probe.stdout
    report = booting.broker.newest
    assert report['host']['accel'] in ('tcg', 'kvm')
    assert len(report['host']['relay']['certificate_sha256']) == 64


def test_desktop_survives_agent_and_is_taken_up(booting):
    pid = booting.pid()
    booting.kill()
    booting.broker.newest = None
    booting.start()
    booting.broker.wait_desktop(DESKTOP, stage='booting')
    assert booting.pid() == pid and alive(pid)
    assert booting.kill(signal.SIGTERM) == 0
    assert alive(pid), 'the end of the agent is not the end of its desktops'


@pytest.mark.parametrize('point', ['clone_folder', 'clone_overlay'])
def test_start_cut_off_by_the_agents_end_is_no_failure(joined, point):
    if b'GENKAN_FAULT' not in AGENT.read_bytes():
        pytest.skip('built without points to be killed at')
    image = joined.empty_image()
    joined.broker.want(desktop(image), images=[image])
    joined.start(GENKAN_FAULT=f'{point}:1')
    assert joined.agent.wait(60) == -signal.SIGKILL
    joined.start()
    joined.broker.wait_desktop(DESKTOP, stage='booting')
    log = (joined.folder / 'agent.log').read_text()
    assert 'event=desktop_cut_off' in log and 'event=desktop_failed' not in log


def test_unlisted_desktop_leaves_nothing(booting):
    assert booting.leftovers()
    booting.broker.want()
    booting.broker.wait_gone(DESKTOP)
    assert booting.leftovers() == []


def test_wanted_absent_leaves_nothing(booting):
    booting.broker.want(desktop(booting.image, epoch=2, want='absent'))
    booting.broker.wait_gone(DESKTOP)
    assert booting.leftovers() == []


def test_desktop_removed_while_the_agent_was_away(booting):
    booting.kill()
    booting.broker.want()
    booting.broker.newest = None
    booting.start()
    booting.broker.wait_gone(DESKTOP)
    wait_until('nothing left', lambda: booting.leftovers() == [])
    # There was no user's disk: a guest that does not answer is not asked for one.
    assert b'event=user_disk_late' not in booting.said()


def test_older_epoch_is_refused(booting):
    booting.broker.want(desktop(booting.image, epoch=5))
    booting.broker.wait_desktop(DESKTOP, epoch=5)
    pid = booting.pid()
    seen = len(booting.broker.reports)
    booting.broker.want(desktop(booting.image, epoch=3, want='absent'))
    booting.broker.wait('an answer to the older order', lambda: any(
        r['generation'] == booting.broker.generation for r in booting.broker.reports[seen:]))
    assert booting.broker.reported(DESKTOP)['epoch'] == 5
    assert booting.pid() == pid and alive(pid)


def test_killed_qemu_is_seen_and_started_again(booting):
    pid, began = booting.pid(), time.monotonic()
    os.kill(pid, signal.SIGKILL)
    report = booting.broker.wait_desktop(DESKTOP, seconds=2, state='error')
    assert time.monotonic() - began < 2
    assert 'QEMU ended' in report['reason']
    booting.broker.wait_desktop(DESKTOP, stage='booting')
    assert booting.pid() != pid and alive(booting.pid())


def test_broker_away_changes_nothing(booting):
    pid = booting.pid()
    began = len(booting.said())
    booting.broker.stop()
    wait_until('it has asked in vain', lambda: b'event=broker_away' in booting.said()[began:], 60)
    assert alive(pid) and booting.agent.poll() is None
    with booting.ns.entered():
        booting.broker.start()
    second = desktop(booting.image, ident=OTHER)
    booting.broker.want(desktop(booting.image), second)
    booting.broker.wait_desktop(OTHER, stage='booting')
    addresses = {booting.broker.reported(d)['address'] for d in (DESKTOP, OTHER)}
    assert len(addresses) == 2 and '10.77.0.1' not in addresses
    assert booting.pid() == pid and alive(pid)


def test_image_that_is_not_itself_is_never_started(joined):
    image = joined.empty_image()
    path = joined.images / f'{image["sha256"]}.qcow2'
    with open(path, 'r+b') as file:
        file.seek(-1, os.SEEK_END)
        file.write(b'!')
    joined.broker.want(desktop(image), images=[image, {
        'name': 'missing', 'sha256': 'ab' * 32, 'size_bytes': 1}])
    joined.start()
    report = joined.broker.wait_desktop(DESKTOP, state='error')
    assert 'hash' in report['reason']
    states = {i['sha256']: i['state'] for i in joined.broker.newest['images']}
    joined.broker.wait('both images told', lambda: {
        i['sha256']: i['state'] for i in joined.broker.newest['images']} == {
            image['sha256']: 'bad', 'ab' * 32: 'missing'})
    assert qemus(DESKTOP) == [], states


def test_image_with_a_backing_file_is_refused(joined):
    secret = joined.folder / 'base.qcow2'
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', secret, '64M'], check=True)
    bad = joined.folder / 'bad.qcow2'
    subprocess.run(['qemu-img', 'create', '-q', '-f', 'qcow2', '-b', secret, '-F', 'qcow2', bad],
                   check=True)
    image = joined.add_image(bad)
    joined.broker.want(desktop(image), images=[image])
    joined.start()
    report = joined.broker.wait_desktop(DESKTOP, state='error')
    assert 'backing file' in report['reason']


def test_destroy_all_leaves_nothing(booting):
    booting.kill()
    done = booting.run('--cleanup')
    assert done.returncode == 1 and '--destroy-all' in done.stdout
    assert booting.run('--destroy-all').returncode == 0
    assert booting.leftovers() == []
    assert 'genkan' not in booting.ns.run('nft', 'list', 'ruleset')
    assert 'genkan0' not in booting.ns.ip('link', 'show')


def test_drops_its_rights(joined):
    joined.configure(user='nobody')
    image = joined.empty_image()
    joined.broker.want(desktop(image), images=[image])
    joined.start()
    joined.broker.wait_desktop(DESKTOP, stage='booting')
    status = pathlib.Path(f'/proc/{joined.agent.pid}/status').read_text()
    uid = int(status.split('Uid:')[1].split()[0])
    assert uid != 0 and 'CapEff:\t0000000000000000' in status
    joined.broker.want()
    joined.broker.wait_gone(DESKTOP)
    assert joined.leftovers() == []


def test_without_its_helper_the_agent_ends_and_desktops_do_not(booting):
    pid = booting.pid()
    helpers = [int(p.parent.name) for p in pathlib.Path('/proc').glob('[0-9]*/comm')
               if p.read_text() == 'genkan-priv\n' and
               f'PPid:\t{booting.agent.pid}\n' in (p.parent / 'status').read_text()]
    assert len(helpers) == 1
    os.kill(helpers[0], signal.SIGKILL)
    assert booting.agent.wait(10) == 1
    assert alive(pid)
    booting.broker.newest = None
    booting.start()
    booting.broker.wait_desktop(DESKTOP, stage='booting')
    assert booting.pid() == pid


def test_hostile_lines_on_the_guest_link_change_nothing(booting):
    """A socket of the test takes the place of the guest's."""
    pid = booting.pid()
    booting.kill()
    path = booting.run_dir / 'desktops' / DESKTOP / 'guest.sock'
    path.unlink()
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen(8)
        booting.broker.newest = None
        booting.start()
        for attack in (b'x' * 100000, b'{"event":"ready"}\n' * 5000, b'\xff\x00\n' * 1000,
                       b'{"id":1,"ok":true,"rdp_certificate_sha256":"' + b'a' * 64 + b'"}\n'):
            listener.settimeout(20)
            guest, _ = listener.accept()
            with guest, contextlib.suppress(OSError):
                guest.sendall(attack)
                guest.settimeout(1)
                while guest.recv(65536):
                    pass
    report = booting.broker.wait_desktop(DESKTOP, epoch=1)
    assert report['state'] != 'ready', 'an answer nobody asked for is none'
    assert alive(pid) and booting.agent.poll() is None


class ToldGuest:
    """Takes the place of a guest's socket and says what the test tells it to. Its RDP server, which
    the agent looks for, is on the host itself."""

    def __init__(self, host, address):
        path = host.run_dir / 'desktops' / DESKTOP / 'guest.sock'
        path.unlink()
        made = Ca(host.folder / 'guest').self_signed('guest', 'DNS:guest')
        self.tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.tls.load_cert_chain(made.crt, made.key)
        self.sha256 = hashlib.sha256(ssl.PEM_cert_to_DER_cert(made.crt.read_text())).hexdigest()
        host.ns.ip('addr', 'add', f'{address}/32', 'dev', 'lo')
        with host.ns.entered():
            self.rdp = socket.create_server((address, 3389))
        threading.Thread(target=self._serve_rdp, daemon=True).start()
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(path))
        self.listener.listen(8)
        self.link, self.user, self.logoffs, self.boot = None, '', 0, 'boot-1'
        self.repeats = True         # tells how it stands on each connection, as ours does
        threading.Thread(target=self._serve, daemon=True).start()

    def say(self, **message):
        with contextlib.suppress(OSError, AttributeError):
            self.link.sendall(json.dumps(message).encode() + b'\n')

    def say_sessions(self):
        self.say(event='sessions', user=self.user, logoffs=self.logoffs, boot=self.boot)

    def logon(self, user):
        self.user = user
        self.say(event='logon', user=user)
        self.say_sessions()

    def logoff(self):
        user, self.user = self.user, ''
        self.logoffs += 1
        self.say(event='logoff', user=user)
        self.say_sessions()

    def _serve(self):
        while True:
            try:
                self.link, _ = self.listener.accept()
            except OSError:
                return
            self.say(event='ready')
            if self.repeats:
                self.say_sessions()
            with contextlib.suppress(OSError, ValueError):
                for line in self.link.makefile('rb'):
                    request = json.loads(line)
                    more = {'rdp_certificate_sha256': self.sha256} \
                        if request['cmd'] == 'identity' else {}
                    self.say(id=request['id'], ok=True, **more)

    def _serve_rdp(self):
        """Chooses TLS and shows the certificate: MS-RDPBCGR 2.2.1.2."""
        while True:
            try:
                client, _ = self.rdp.accept()
            except OSError:
                return
            with client, contextlib.suppress(OSError):
                client.settimeout(10)
                client.recv(19, socket.MSG_WAITALL)
                client.sendall(bytes.fromhex('030000130ed000001234000200080001000000'))
                self.tls.wrap_socket(client, server_side=True).close()

    def close(self):
        self.listener.close()
        self.rdp.close()
        if self.link:
            self.link.close()


@pytest.fixture
def told(booting):
    """A desktop that is ready by the word of the test's own guest."""
    address = booting.broker.reported(DESKTOP)['address']
    booting.kill()
    booting.guest = ToldGuest(booting, address)
    booting.broker.newest = None
    booting.start()
    booting.broker.wait_desktop(DESKTOP, state='ready')
    yield booting
    booting.guest.close()


def test_logoffs_are_counted_once_each_whatever_happens_between(told):
    told.guest.logon('hanako')
    told.broker.wait_desktop(DESKTOP, logged_on='hanako', logoffs=0)
    told.guest.logoff()
    told.broker.wait_desktop(DESKTOP, logged_on='', logoffs=1)
    told.guest.logon('hanako')
    told.broker.wait_desktop(DESKTOP, logged_on='hanako', logoffs=1)

    told.kill()
    told.guest.logoff()         # nobody listens
    told.broker.newest = None
    told.start()
    told.broker.wait_desktop(DESKTOP, state='ready', logged_on='', logoffs=2)
    for _ in range(3):
        told.guest.say_sessions()
    told.kill()
    told.broker.newest = None
    told.start()
    told.broker.wait_desktop(DESKTOP, state='ready', logged_on='', logoffs=2, resets=0)


def test_a_reboot_that_no_agent_saw_counts_once(told):
    def noted(boot):
        folder = told.state_dir / 'desktops' / DESKTOP
        wait_until('the boot is noted', lambda: any(
            boot.encode() in p.read_bytes() for p in folder.iterdir() if p.stat().st_size < 1 << 16), 20)

    told.guest.logon('hanako')
    told.broker.wait_desktop(DESKTOP, logged_on='hanako', resets=0)
    noted('boot-1')
    told.kill()
    told.guest.boot, told.guest.user, told.guest.logoffs = 'boot-2', '', 0
    told.broker.newest = None
    told.start()
    told.broker.wait_desktop(DESKTOP, state='ready', logged_on='', resets=1)
    told.guest.say_sessions()
    noted('boot-2')
    told.kill()
    told.broker.newest = None
    told.start()
    told.guest.logon('hanako')
    told.broker.wait_desktop(DESKTOP, state='ready', logged_on='hanako', resets=1)


def test_restart_by_order_is_carried_out_once_and_is_no_reboot_of_the_guest(told):
    pid = told.pid()
    order = dict(desktop(told.image), incarnation=1)
    told.broker.want(order)
    told.broker.wait_desktop(DESKTOP, stage='booting', resets=0)
    assert told.pid() == pid and alive(pid), 'the machine is reset, not replaced'
    time.sleep(1.1)             # a guest is heard once a second
    told.guest.say(event='ready')
    told.broker.wait_desktop(DESKTOP, state='ready', resets=0)

    seen = len(told.broker.reports)
    told.broker.want(order)     # the same again, and to an agent that has begun anew
    told.kill()
    told.broker.newest = None
    told.start()
    told.broker.wait('some reports', lambda: len(told.broker.reports) > seen + 4)
    assert told.broker.reported(DESKTOP)['state'] == 'ready'
    assert (told.state_dir / 'desktops' / DESKTOP / 'spec.json').read_text().count(
        '"incarnation":1') == 1


# --- with a guest that answers ---

needs_image = pytest.mark.skipif(golden_image() is None,
                                 reason='no golden image (GENKAN_TEST_IMAGE)')


def connects(ns, address, port=3389, seconds=3):
    with ns.entered():
        s = socket.socket()
    s.settimeout(seconds)
    with s:
        try:
            s.connect((address, port))
            return True
        except OSError:
            return False


@needs_image
@pytest.mark.slow
def test_guest_to_ready_and_back(joined):
    image = joined.add_image(golden_image())
    joined.broker.want(desktop(image, memory=1024), images=[image])
    joined.start()
    ready = joined.broker.wait_desktop(DESKTOP, seconds=180, state='ready')
    pid, address = joined.pid(), ready['address']
    assert ready['percent'] == 100 and len(ready['rdp_certificate_sha256']) == 64
    stages = [d['stage'] for r in joined.broker.reports for d in r['desktops']]
    assert [s for i, s in enumerate(stages) if s not in stages[:i]][-3:] == [
        'booting', 'identity', 'ready']

    # The host reaches its RDP port and nothing else does.
    assert connects(joined.ns, address)
    assert not connects(joined.ns, address, port=22, seconds=1)
    stranger = NetNs('gk-agent-s')
    try:
        cable(joined.ns, 'up0', stranger, 'up0')
        joined.ns.ip('addr', 'add', '198.18.0.2/24', 'dev', 'up0')
        joined.ns.ip('link', 'set', 'up0', 'up')
        stranger.ip('addr', 'add', '198.18.0.3/24', 'dev', 'up0')
        stranger.ip('link', 'set', 'up0', 'up')
        stranger.ip('route', 'add', '10.77.0.0/24', 'via', '198.18.0.2')
        joined.ns.run('sysctl', '-qw', 'net.ipv4.ip_forward=1')
        assert not connects(stranger, address)
        # The filter did that: without it the same connection works.
        joined.ns.run('nft', 'flush', 'chain', 'inet', 'genkan', 'forward')
        assert connects(stranger, address)
    finally:
        stranger.close()

    # The agent dies and comes back: same machine, same certificate, ready at once.
    joined.kill()
    assert alive(pid) and connects(joined.ns, address)
    joined.broker.newest = None
    joined.start()
    again = joined.broker.wait_desktop(DESKTOP, seconds=10, state='ready')
    rules = joined.ns.run('nft', 'list', 'chain', 'inet', 'genkan', 'forward')
    assert rules.count('drop') == 2, 'an agent that starts restores the filter'
    assert joined.pid() == pid
    assert again['rdp_certificate_sha256'] == ready['rdp_certificate_sha256']

    # QEMU dies: seen at once, started again with its overlay, ready with a new certificate.
    os.kill(pid, signal.SIGKILL)
    joined.broker.wait_desktop(DESKTOP, seconds=2, state='error')
    back = joined.broker.wait_desktop(DESKTOP, seconds=180, state='ready')
    assert joined.pid() != pid and back['address'] == address
    assert connects(joined.ns, address)

    joined.broker.want()
    joined.broker.wait_gone(DESKTOP)
    assert joined.leftovers() == []


@needs_image
@pytest.mark.slow
def test_guest_is_kept_in_its_place(joined):
    image = joined.add_image(golden_image())
    joined.broker.want(desktop(image, memory=1024), images=[image])
    joined.start()
    joined.broker.wait_desktop(DESKTOP, seconds=180, state='ready')
    socket_path = joined.run_dir / 'desktops' / DESKTOP / 'qga.sock'

    def in_guest(script):
        with GuestAgent(socket_path) as guest:
            return guest.run('/bin/bash', '-c', script)[0]

    # It cannot open a connection to the host, which itself can.
    with joined.ns.entered():
        listener = socket.create_server(('10.77.0.1', 9999))
    with listener:
        assert connects(joined.ns, '10.77.0.1', port=9999)
        reach = 'timeout 3 bash -c "echo > /dev/tcp/10.77.0.1/9999"'
        assert in_guest(reach) != 0
        joined.ns.run('nft', 'flush', 'chain', 'inet', 'genkan', 'input')
        assert in_guest(reach) == 0, 'the filter did that, nothing else'

    # It cannot take another address: nobody hears it under one.
    assert in_guest('ip addr add 10.77.0.200/24 dev $(ls /sys/class/net | grep -v lo)') == 0
    assert not connects(joined.ns, '10.77.0.200')
    joined.ns.run('nft', 'flush', 'chain', 'bridge', 'genkan', 'guest')
    joined.ns.run('ip', 'neigh', 'flush', 'all')
    assert connects(joined.ns, '10.77.0.200')
