# SPDX-License-Identifier: Apache-2.0
"""docs/quick-start.md, command by command, from packages on a fresh machine with a real systemd and a
real directory to a desktop on the screen; then what the machine of such a site has to survive: an upgrade
under a running session, a downgrade that is refused, faults that `genkanctl doctor` finds, removal.
The commands are those of the document, there is no second copy of them here. One machine is broker, host
and client. Desktops have an empty disk and nobody logs in to them, unless that is asked for, because it takes
minutes: GENKAN_QUICK_START=guests takes the golden image, =full builds that by the packaged recipe, too.
GENKAN_PACKAGES names a folder of packages that are built already."""
import contextlib
import ctypes
import datetime
import json
import os
import pathlib
import re
import shutil
import sqlite3
import stat
import subprocess
import sys
import time

import pytest

import genkan_site
from booted import NSPAWN, Booted
from desktop_view import image_facts
from netns import wait_until
from slapd import SERVICE_PASSWORD, SLAPD, Slapd, password_of

TOP = genkan_site.TOP
GUIDE = TOP / 'docs' / 'quick-start.md'
NAMES = ('broker.example.com', 'host-1.example.com', 'ldap.example.com')
TIME_ERROR, STA_UNSYNC = 5, 0x40
NEWER = '9.0.0'
UNITS = ('genkan-broker', 'genkan-hostagent', 'genkan-relay')
PACKAGES = ('genkan-broker', 'genkan-client', 'genkan-ctl', 'genkan-hostagent', 'genkan-image')
ASKED = os.environ.get('GENKAN_QUICK_START', '')
FULL, GUESTS = ASKED == 'full', ASKED in ('guests', 'full')
EMULATED_SECONDS = 300      # for the first picture of a desktop that is emulated on a busy machine
NEEDS_A_DESKTOP = ('--headless', 'policy verify')
needs_guests = pytest.mark.skipif(not GUESTS, reason='set GENKAN_QUICK_START=guests: desktops take minutes')

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason='needs root'),
    pytest.mark.skipif(not NSPAWN, reason='systemd-nspawn is not installed'),
    pytest.mark.skipif(not SLAPD, reason='slapd is not installed'),
    pytest.mark.skipif(not shutil.which('dpkg-buildpackage') or not shutil.which('dh'),
                       reason='debhelper is not installed'),
    pytest.mark.skipif(GUESTS and genkan_site.golden_image() is None, reason='no golden image'),
]


def blocks():
    """(where, commands) of each fenced block that is to be given, in order."""
    return re.findall(r'^```sh (\w+)\n(.*?)^```$', GUIDE.read_text(), re.M | re.S)


def test_every_command_of_the_guide_is_in_a_block_that_is_run():
    assert {where for where, _ in blocks()} == {'build', 'broker', 'host', 'image', 'client'}
    others = re.findall(r'^```([^\n]*)\n(.*?)^```$', GUIDE.read_text(), re.M | re.S)
    assert [text for kind, text in others if not kind.startswith('sh ')] == ['sudo deploy/demo\n']


# ------------------------------------------------------------------------------------- the machine

@pytest.fixture(scope='module')
def packages(tmp_path_factory):
    """Built as the guide says, but quickly."""
    given = os.environ.get('GENKAN_PACKAGES')
    if given:
        return pathlib.Path(given)
    out = tmp_path_factory.mktemp('packages')
    build = next(text for where, text in blocks() if where == 'build')
    script = re.sub(r'^deploy/package --out packages$', f'deploy/package --fast --out {out}', build, flags=re.M)
    assert script != build
    done = subprocess.run(['bash', '-ec', script], cwd=TOP, text=True, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=900)
    assert done.returncode == 0, done.stdout[-6000:]
    return out


@pytest.fixture(scope='module')
def newer(packages, tmp_path_factory):
    """The same packages under a higher version."""
    out = tmp_path_factory.mktemp('newer')
    for deb in packages.glob('*.deb'):
        tree = out / 'tree'
        subprocess.run(['dpkg-deb', '-R', deb, tree], check=True)
        control = tree / 'DEBIAN/control'
        old = re.search(r'^Version: (.*)$', control.read_text(), re.M)[1]
        control.write_text(control.read_text().replace(f'Version: {old}', f'Version: {NEWER}')
                           .replace(f'(= {old})', f'(= {NEWER})'))
        subprocess.run(['dpkg-deb', '-Znone', '-b', tree, out], check=True, stdout=subprocess.DEVNULL)
        shutil.rmtree(tree)
    return out


@pytest.fixture(scope='module')
def machine(tmp_path_factory, packages, newer):
    folder = pathlib.Path('/var/tmp') / f'gk-quick-{os.getpid()}'
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        (folder / 'state').mkdir()
        binds = {'/var/lib/genkan': folder / 'state', '/root/packages': packages, '/root/newer': newer}
        if GUESTS:
            binds['/root/image'] = genkan_site.golden_image().resolve().parent
        booted = stack.enter_context(Booted(folder / 'machine', f'gkquick{os.getpid() % 10000}', binds))
        with booted.ns.entered():
            slapd = Slapd(folder)
            slapd.port, slapd.uri = 636, 'ldaps://127.0.0.1:636'
            slapd.use_certificate(slapd.ca.issue('ldap', 'DNS:ldap.example.com'))
            stack.enter_context(slapd)
        booted.state, booted.slapd = folder / 'state', slapd
        prepare(booted, slapd)
        yield booted


def prepare(machine, slapd):
    """What the guide takes for granted: names, and the files of the directory."""
    root = machine.root / 'root'
    machine.run('hostname host-1.example.com; rm -rf /etc/genkan; echo "127.0.0.1 localhost" > /etc/hosts\n'
                + '\n'.join(f'echo "127.0.0.1 {name}" >> /etc/hosts' for name in NAMES))
    (root / 'directory-ca.crt').write_text(slapd.ca.crt.read_text())
    (root / 'directory-password').write_text(SERVICE_PASSWORD + '\n')
    (root / 'password').write_text(password_of('hanako') + '\n')
    for name in ('directory-password', 'password'):
        (root / name).chmod(0o600)


@pytest.fixture(scope='module')
def site(machine):
    """The guide from its first command to its last."""
    given = {'build': lambda *_: None, 'broker': give, 'host': on_host, 'image': on_image, 'client': on_client}
    for number, (where, text) in enumerate(blocks(), 1):
        began = time.monotonic()
        if not GUESTS and any(word in text for word in NEEDS_A_DESKTOP):
            continue
        given[where](machine, text)
        print(f'block {number}, {where}: {time.monotonic() - began:.1f} s', flush=True)
    return machine


# ------------------------------------------------------------------------------------ giving commands

def give(machine, text, seconds=300, network=True, **env):
    """A block of the guide. When it fails: which command, and what the services said meanwhile."""
    script = "set -E; trap 'echo \"THIS COMMAND FAILED: $BASH_COMMAND\"' ERR\n" + text
    status, out = machine.run(script, check=False, seconds=seconds, network=network, **env)
    assert status == 0, f'{text}\n--- it said:\n{out}\n' + journals(machine)
    return out


def journals(machine):
    return '\n'.join(f'--- journal of {unit}:\n{machine.journal(unit)}' for unit in UNITS)


def kvm_works(machine):
    return machine.run('genkan-hostagent --probe --config /dev/null', check=False)[1].strip() == 'kvm'


def on_host(machine, text):
    lines = text.rstrip().split('\n')
    assert lines[-1] == 'genkanctl doctor', 'the guide ends a host with the doctor'
    install, rest = lines[0], lines[1:-1]
    give(machine, install)
    if not kvm_works(machine):      # as the guide says of a trial
        give(machine, "sed -i 's/host join/host join --trial/' invitation")
    give(machine, '\n'.join(rest))
    wait_until('the host is active', lambda: re.search(r' (kvm|tcg) ', machine.run('genkanctl host list')[1]), 120, 0.3)
    wait_until('the relay listens', lambda: machine.run('ss -Hltn sport = :3389')[1].strip(), 60, 0.3)
    status, out = machine.run(lines[-1], check=False)
    bad = wrong(machine)
    assert not bad, out + journals(machine)
    assert status == any(f['level'] == 'bad' for f in findings(machine))


def on_image(machine, text):
    """Unless all of it is asked for, something else stands for what the recipe would make."""
    install, build = text.strip().split('\n')
    give(machine, install)
    if FULL:
        give(machine, build, seconds=1800, network=False)
        return
    recipe, guest, made = build.split()[0], build.split()[-1], '/var/lib/genkan/built/debian-desktop-sample.qcow2'
    give(machine, f'test -x {recipe}\ntest -f {guest}\nmkdir /var/lib/genkan/built')
    if GUESTS:
        give(machine, f'ln -s /root/image/{genkan_site.golden_image().resolve().name} {made}')
    else:
        give(machine, f'qemu-img create -q -f qcow2 {made} 1M')


def on_client(machine, text):
    machine.run('test -e ca.crt || cp /etc/genkan/ca.crt ca.crt')
    if '--fullscreen' in text:
        install, client = text.strip().split('\n')
        give(machine, install)
        status, out = machine.run(f'timeout 8 xvfb-run -a {client}', check=False, SDL_AUDIODRIVER='dummy')
        assert status == 124, f'the login screen did not stay: {out}'
        return
    wait_until('sales has a spare desktop that is ready', lambda: spares(machine), 300, 1)
    if '--headless' in text and not kvm_works(machine):    # the client's own minute is for real machines
        text = text.replace('--headless', f'--headless --max-frames-wait {EMULATED_SECONDS}')
    give(machine, text, seconds=EMULATED_SECONDS + 100, SDL_VIDEODRIVER='dummy', SDL_AUDIODRIVER='dummy')


def pools(machine):
    return json.loads(machine.run('genkanctl --json pool list')[1])['pools']


def spares(machine):
    return any(p['counts']['spare_ready'] for p in pools(machine))


def sessions(machine):
    return json.loads(machine.run('genkanctl --json session list --all')[1])['sessions']


def findings(machine):
    return json.loads(machine.run('genkanctl doctor --json 2>/dev/null', check=False)[1])['findings']


def wrong(machine):
    """What the doctor calls bad, but for what the machine of the tests itself may lack."""
    return {f['check'] for f in findings(machine) if f['level'] == 'bad'} - {'virtualization', 'version'}


# ---------------------------------------------------------------------------------------- the tests

def test_the_guide_ends_with_two_pools(site):
    assert {p['pool'] for p in pools(site)} == {'sales', 'engineering'}
    assert 'engineering' in site.run('genkanctl explain user joerg')[1]


@needs_guests
def test_the_guide_ends_with_a_desktop_and_a_refused_drive(site):
    desktops = json.loads(site.run('genkanctl --json desktop list')[1])['desktops']
    assert 'hanako' in {d['user'] for d in desktops}
    assert image_facts(site.root / 'root/desktop.png')[0] > 20
    denied = site.run('genkanctl audit list --denied')[1]
    assert re.search(r'device.*drive', denied), denied


def test_init_again_changes_nothing(site):
    listing = "cd / && find etc/genkan var/lib/genkan/broker -name '*.c*' -o -name '*.key' | sort | xargs sha256sum"
    before = site.run(listing)[1]
    init = next(text for where, text in blocks() if 'genkanctl init' in text)
    give(site, '\n'.join(line for line in init.split('\n')[1:] if not line.startswith('systemctl')))
    assert site.run(listing)[1] == before


def test_units_are_hardened(site):
    for unit, most in (('genkan-broker', 2.5), ('genkan-relay', 4.5), ('genkan-hostagent', 6.0)):
        out = site.run(f'systemd-analyze security {unit} --no-pager', check=False)[1]
        level = float(re.search(r'exposure level for .*: ([0-9.]+)', out)[1])
        assert level <= most, out


FAKE_KVM = ('mount -t tmpfs none /sys/module && mkdir -p /sys/module/kvm_intel/parameters && '
            'cd /sys/module/kvm_intel/parameters && ')
NO_FAKE_KVM = 'umount /sys/module'


def processor(flags):
    return f'echo "flags : fpu {flags}" > /root/cpuinfo && mount --bind /root/cpuinfo /proc/cpuinfo'


def own_certificate(days):
    return ('mv /etc/genkan/ca.crt /root/kept && openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes '
            f'-keyout /dev/null -subj /CN=x -days {days} -out /etc/genkan/ca.crt 2>/dev/null')


def rules(table, *lines):
    """A packet filter as a site may have one, all of it at once: no moment without its exceptions."""
    chain = f'table inet {table} {{ chain input {{ type filter hook input priority 5; {"; ".join(lines)}; }}; }}'
    return f"echo '{chain}' | nft -f -", f'nft delete table inet {table}'


NO_THIN_CLIENTS = rules('site', 'policy accept', 'iif lo accept', 'tcp dport { 3389, 8443 } drop')
NO_STRANGERS = rules('site', 'policy drop', 'iif lo accept', 'ct state established,related accept', 'tcp dport 22 accept')

# (check, level, what it says, how it is spoilt, how it is mended)
FAULTS = [
    ('key', 'bad', r'ca\.key can be read by others \(mode 0644\)',
     'chmod 0644 /var/lib/genkan/broker/ca.key', 'chmod 0600 /var/lib/genkan/broker/ca.key'),
    ('service', 'bad', 'genkan-relay.service is inactive', 'systemctl stop genkan-relay', 'systemctl start genkan-relay'),
    ('dns', 'bad', 'nowhere.invalid: ', "sed -i 's/^names.*/names = nowhere.invalid/' /etc/genkan/broker.conf",
     "sed -i 's/^names.*/names = broker.example.com/' /etc/genkan/broker.conf"),
    ('dns', 'bad', 'gone.invalid: ', "sed -i 's/^broker = .*/broker = gone.invalid:8444/' /etc/genkan/hostagent.conf",
     "sed -i 's/^broker = .*/broker = broker.example.com:8444/' /etc/genkan/hostagent.conf"),
    ('directory', 'bad', 'ldaps://127.0.0.1:9: Connection refused',
     "sed -i 's/^uri.*/uri = ldaps:\\/\\/127.0.0.1:9/' /etc/genkan/broker.conf",
     "sed -i 's/^uri.*/uri = ldaps:\\/\\/ldap.example.com/' /etc/genkan/broker.conf"),
    ('settings', 'bad', 'listen', "sed -i 's/^listen.*/listen = 99/' /etc/genkan/broker.conf",
     "sed -i 's/^listen.*/listen = 0.0.0.0:8443/' /etc/genkan/broker.conf"),
    ('firewall', 'bad', "desktops' bridge are gone", 'nft delete table inet genkan', 'systemctl restart genkan-hostagent'),
    ('firewall', 'bad', r'broker\.listen: .*port 8443, chain "inet site input"', *NO_THIN_CLIENTS),
    ('firewall', 'bad', r'relay\.listen: .*port 3389, chain "inet site input"', *NO_THIN_CLIENTS),
    ('firewall', 'bad', r'broker\.agent_listen: .*port 8444, chain "inet site input"', *NO_STRANGERS),
    ('bridge', 'bad', 'has a port that is no desktop: gstray',
     'ip link add gstray type veth peer name gspeer && ip link set gstray master genkan0', 'ip link del gstray'),
    ('bridge', 'bad', 'genkan0 is not there', 'ip link del genkan0', 'systemctl restart genkan-hostagent'),
    ('certificate', 'bad', r'ca\.crt ends in [45] days', own_certificate(5), 'mv /root/kept /etc/genkan/ca.crt'),
    ('certificate', 'warning', r'ca\.crt ends in (19|20) days', own_certificate(20), 'mv /root/kept /etc/genkan/ca.crt'),
    ('disk', 'bad', r'overlay_dir /root/small: 6\d MiB free', 'mkdir /root/small && mount -t tmpfs -o size=64m none /root/small && '
     "sed -i '/^.hostagent.$/a overlay_dir = /root/small' /etc/genkan/hostagent.conf",
     "umount /root/small && rmdir /root/small && sed -i '/^overlay_dir/d' /etc/genkan/hostagent.conf"),
    ('disk', 'warning', r'image_dir /root/full: \d+ MiB free', 'mkdir /root/full && '
     'mount -t tmpfs -o size=3g none /root/full && cp /etc/genkan/hostagent.conf /root/settings && '
     "sed -i '/^image_dir/d; /^.hostagent.$/a image_dir = /root/full' /etc/genkan/hostagent.conf",
     'umount /root/full && rmdir /root/full && cp /root/settings /etc/genkan/hostagent.conf'),
    ('version', 'bad', r'qemu-system-x86 1:7\.2\+dfsg-7 is below the floor of 1:8\.2',
     "cp /var/lib/dpkg/status /root/status && sed -i "
     "'/^Package: qemu-system-x86$/,/^$/s/^Version: .*/Version: 1:7.2+dfsg-7/' /var/lib/dpkg/status",
     'cp /root/status /var/lib/dpkg/status'),
    ('kvm', 'bad', 'no guest runs here', "sed -i 's/^allow_tcg.*/allow_tcg = no/' /etc/genkan/hostagent.conf && "
     'touch /dev/kvm && mount --bind /dev/null /dev/kvm',
     "umount /dev/kvm; sed -i 's/^allow_tcg.*/allow_tcg = yes/' /etc/genkan/hostagent.conf"),
    ('virtualization', 'bad', 'no hardware virtualization', processor('sse2'), 'umount /proc/cpuinfo'),
    ('virtualization', 'bad', 'EPT is missing', processor('vmx'), 'umount /proc/cpuinfo'),
    ('virtualization', 'bad', 'NPT is missing', processor('svm'), 'umount /proc/cpuinfo'),
    ('virtualization', 'bad', 'EPT is missing or switched off', f'{processor("vmx ept")} && {FAKE_KVM} echo N > ept',
     f'umount /proc/cpuinfo; {NO_FAKE_KVM}'),
    ('nested', 'warning', 'virtual machines of their own', f'{processor("vmx ept")} && {FAKE_KVM} echo Y > nested',
     f'umount /proc/cpuinfo; {NO_FAKE_KVM}'),
    ('huge_pages', 'warning', 'transparent huge pages are off', 'echo "always madvise [never]" > /root/never && '
     'mount --bind /root/never /sys/kernel/mm/transparent_hugepage/enabled',
     'umount /sys/kernel/mm/transparent_hugepage/enabled'),
]


def examined(machine):
    """The doctor's exit status, and what it does not find well: (check, level, text)."""
    status, out = machine.run('genkanctl doctor --json 2>/dev/null', check=False)
    found = json.loads(out)['findings']
    assert all(f['mend'] for f in found if f['level'] != 'ok'), found
    assert status == any(f['level'] == 'bad' for f in found), (status, found)
    return {(f['check'], f['level'], f['text']) for f in found if f['level'] != 'ok'}


def kinds(found):
    return {(check, level, re.sub(r'\d+', 'N', text)) for check, level, text in found}


def is_told(found, check, level, says):
    return any((c, b) == (check, level) and re.search(says, text) for c, b, text in found)


def problem_with(machine, well, check, level, says, spoil, mend):
    """Makes the fault, asks the doctor, mends it; why the doctor did not do well, or None."""
    machine.run(spoil)
    try:
        found = examined(machine)
    finally:
        machine.run(mend)
    # what this machine itself may lack is there before and after
    wait_until(f'{check} is mended: {mend}', lambda: kinds(examined(machine)) <= kinds(well), 60, 0.3)
    return None if is_told(found, check, level, says) else f'{check} ({level}) "{says}" was not found: {spoil}\n{found}'


def test_doctor_finds_what_is_wrong(site):
    well = examined(site)
    problems = [problem_with(site, well, *fault) for fault in FAULTS]
    assert not any(problems), '\n'.join(filter(None, problems))


def ports(machine):
    """Devices on the desktops' bridge that are shut off from each other."""
    links = machine.run('bridge -json -details link show')[1]
    return {link['ifname'] for link in json.loads(links or '[]') if link.get('master') == 'genkan0' and link['isolated']}


def test_a_bridge_that_is_made_anew_gets_its_desktops_back(site):
    before = ports(site)
    assert before
    site.run('ip link del genkan0')
    assert not ports(site)
    site.run('systemctl restart genkan-hostagent')
    wait_until('desktops are on the bridge', lambda: ports(site) >= before, 60, 0.3)


def test_doctor_says_it_in_words(site):
    site.run('systemctl stop genkan-relay')
    try:
        status, out = site.run('genkanctl doctor', check=False)
    finally:
        site.run('systemctl start genkan-relay')
    assert status == 1
    assert re.search(r'^bad +service +genkan-relay.service is inactive\n +mend: systemctl enable --now genkan-relay',
                     out, re.M), out
    assert re.search(r'^\d+ bad, \d+ warnings, \d+ well$', out, re.M), out


def test_doctor_asks_the_kernel_about_the_clock(site):
    """Nobody may set this clock for a test: what the kernel says of it now is what the doctor has to say."""
    kernel = ctypes.create_string_buffer(256)       # struct timex: modes and offset first, status at byte 40
    state = ctypes.CDLL(None).adjtimex(kernel)
    status = int.from_bytes(kernel.raw[40:44], sys.byteorder)
    unsynchronized = state == TIME_ERROR or bool(status & STA_UNSYNC)
    assert is_told(examined(site), 'clock', 'warning', 'not synchronized') == unsynchronized


# ------------------------------------------------------------------------------------------ upgrade

class Window:
    """genkan-client in a window, on a screen of its own, signed in as hanako."""

    def __init__(self, machine):
        self.machine = machine
        self.log = machine.folder / 'client.log'

    def __enter__(self):
        client = next(text for where, text in blocks() if '--fullscreen' in text).strip().split('\n')[1]
        with open(self.log, 'wb') as out:
            self.process = self.machine.popen(
                f'exec xvfb-run -a {client} --user hanako --password-file password --verbose',
                stdin=subprocess.DEVNULL, stdout=out, stderr=out, SDL_AUDIODRIVER='dummy')
        return self

    def text(self):
        return self.log.read_text(errors='replace')

    def __exit__(self, *why):
        self.machine.run('kill $(pgrep -x genkan-client)', check=False)
        self.process.wait(30)


def active(machine):
    """hanako's session that is on a screen now."""
    found = [s for s in sessions(machine)
             if s['user'] == 'hanako' and s.get('active_at_ms') and not s.get('ended_at_ms')]
    return found[0] if found else None


def main_pids(machine):
    return {unit: machine.run(f'systemctl show -P MainPID {unit}')[1].strip() for unit in UNITS}


def installed(machine, package):
    return machine.run(f"dpkg-query -W -f='${{Version}}' {package}")[1]


def emulators(machine):
    """Those of desktops, {id: pid}; what stands by to become one is the agent's to exchange."""
    desktops = json.loads(machine.run('genkanctl --json desktop list')[1])['desktops']
    running = dict(re.findall(r'^(\d+) .*guest=genkan-(\w+),', machine.run('pgrep -ax qemu-system-x86', check=False)[1], re.M))
    ids = {d['id'] for d in desktops}
    return {desktop: pid for pid, desktop in running.items() if desktop in ids}


def owners(machine):
    """Of what the host agent keeps of its desktops."""
    listing = machine.run("find /var/lib/genkan/host/desktops /run/genkan/desktops -mindepth 1 -maxdepth 1 -printf '%u\\n'")
    return set(listing[1].split())


def relay_pause_s(machine):
    """From the relay's last stop until strangers are heard again, as it says itself."""
    said = machine.run('journalctl -u genkan-relay -o cat')[1]
    times = [re.findall(rf'^time=(\S+) .*event={event} ', said, re.M)[-1] for event in ('relay_stopping', 'relay_listening')]
    stopped, listening = (datetime.datetime.fromisoformat(t.replace('Z', '+00:00')) for t in times)
    return (listening - stopped).total_seconds()


def upgrade(machine):
    """Installs the newer packages. The services are new ones afterwards, the desktops are not."""
    before, desktops = main_pids(machine), emulators(machine)
    assert desktops and owners(machine) == {'genkan-hostagent'}
    machine.run('dpkg -i newer/genkan-*.deb')
    assert {installed(machine, package) for package in PACKAGES} == {NEWER}
    after = main_pids(machine)
    for unit, pid in after.items():
        assert pid not in ('0', before[unit]), (unit, before, after)
        assert 'deleted' not in machine.run(f'readlink /proc/{pid}/exe')[1], f'{unit} is the old one'
    wait_until('the broker answers', lambda: machine.run('genkanctl pool list', check=False)[0] == 0, 60, 0.3)
    wait_until('the host reports', lambda: ' active' in machine.run('genkanctl host list')[1], 60, 0.3)
    assert desktops.items() <= emulators(machine).items(), f'desktops did not live on\n{machine.journal("genkan-hostagent")}'
    assert owners(machine) == {'genkan-hostagent'}
    away = relay_pause_s(machine)
    print(f'the relay was away for {away:.2f} s', flush=True)
    assert 0 < away <= 3


def test_an_upgrade(site):
    """With a session on the screen where there are desktops to log in to."""
    if not GUESTS:
        upgrade(site)
    else:
        with Window(site) as window:
            first = wait_for(lambda: active(site), window, 'a session', 300)
            upgrade(site)
            second = wait_for(lambda: (s := active(site)) and s['id'] != first['id'] and s, window,
                              'the session is resumed', 120)
            assert second['desktop'] == first['desktop']
            assert 'back_to_sign_in' not in window.text()
            ended = next(s['ended_at_ms'] for s in sessions(site) if s['id'] == first['id'])
            print(f"the session was away for {second['active_at_ms'] - ended} ms", flush=True)
    site.run('genkanctl audit verify')
    assert {p['pool'] for p in pools(site)} == {'sales', 'engineering'}
    assert not wrong(site)


def wait_for(condition, window, what, seconds):
    try:
        return wait_until(what, condition, seconds, 0.1)
    except AssertionError as failed:
        raise AssertionError(f'{failed}\n{window.text()}\n{journals(window.machine)}') from None


def test_a_broker_older_than_its_store_is_refused(site):
    store = site.state / 'broker/broker.db'
    site.run('systemctl stop genkan-broker')
    with contextlib.closing(sqlite3.connect(store)) as db:
        known = db.execute('PRAGMA user_version').fetchone()[0]
        db.execute('PRAGMA user_version = 900')
    assert known == len(list((TOP / 'db/migrations').glob('*.sql')))
    there = installed(site, 'genkan-broker')
    try:
        status, out = site.run('dpkg -i packages/genkan-broker_*.deb packages/genkan-ctl_*.deb', check=False)
        assert status != 0 and 'has schema 900' in out and 'Nothing was changed' in out, out
        assert installed(site, 'genkan-broker') == there
        assert 'install ok installed' in site.run('dpkg -s genkan-broker')[1]
    finally:
        with contextlib.closing(sqlite3.connect(store)) as db:
            db.execute(f'PRAGMA user_version = {known}')
        site.run('chown genkan-broker: /var/lib/genkan/broker/broker.db*')
    site.run('dpkg -i packages/genkan-*.deb; systemctl start genkan-broker')
    wait_until('the broker is back', lambda: site.run('genkanctl pool list', check=False)[0] == 0, 30, 0.3)


# ----------------------------------------------------------------------------------------- packages

def test_packages_bring_what_belongs_to_a_program(site):
    files = {p: site.run(f'dpkg -L {p}')[1].split('\n') for p in PACKAGES}
    every = sum(files.values(), [])
    programs = {f for f in every if re.match(r'/usr/s?bin/', f)}
    pages = {re.sub(r'\.[158]\.gz$', '', os.path.basename(f)) for f in every if '/man/man' in f and f.endswith('.gz')}
    assert {os.path.basename(f) for f in programs} - {'genkan-probe'} <= pages
    for shell in ('bash-completion/completions/genkanctl', 'zsh/vendor-completions/_genkanctl',
                  'fish/vendor_completions.d/genkanctl.fish'):
        assert any(shell in f for f in files['genkan-ctl']), shell
    for path in {f for f in every if f and f != '/.'}:
        st = os.lstat(f'{site.root}{path}')
        assert (st.st_uid, st.st_gid) == (0, 0), f'{path} is not root\'s'
        assert stat.S_ISLNK(st.st_mode) or not st.st_mode & 0o6022, f'{path}: mode {st.st_mode:o}'
    for package in PACKAGES:
        assert site.run(f"dpkg-query -W -f='${{Conffiles}}' {package}")[1].strip() == '', 'settings are the admin\'s'
        assert site.run(f'dpkg --verify {package}')[1].strip() == ''
        assert not [f for f in files[package] if f.startswith('/etc/')]
        assert f'/usr/share/doc/{package}/copyright' in files[package]


def test_man_pages_and_completion_work_when_installed(site):
    if shutil.which('man'):
        assert 'genkanctl' in site.run('man -P cat genkanctl | head -n 5')[1]
    out = site.run('''set +e
. /usr/share/bash-completion/bash_completion
_completion_loader genkanctl
COMP_WORDS=(genkanctl po) COMP_CWORD=1 COMP_LINE='genkanctl po' COMP_POINT=12
$(complete -p genkanctl | sed 's/.*-F \\([^ ]*\\).*/\\1/') genkanctl po genkanctl
printf '%s\\n' "${COMPREPLY[@]}"''')[1]
    assert 'pool' in out and 'policy' in out
    out = site.run('fish -c "complete -C \'genkanctl po\'"')[1]
    assert {'pool', 'policy'} <= {line.split('\t')[0] for line in out.split('\n')}, out
    out = site.run("zsh -fc 'autoload -Uz compinit; compinit -D -u; print -r -- $_comps[genkanctl]'")[1]
    assert out.strip() == '_genkanctl'


def test_what_is_removed_leaves_what_is_the_sites(site):
    """The last one: afterwards there is no site."""
    keys = 'cd /var/lib/genkan && sha256sum broker/*.key host/*.key broker/broker.db'
    site.run('systemctl stop genkan-broker')
    before = site.run(keys)[1]
    out = site.run('apt-get remove -y genkan-broker genkan-hostagent genkan-ctl genkan-client genkan-image')[1]
    assert 'desktops run on' in out or not GUESTS
    out = site.run('apt-get purge -y genkan-broker genkan-hostagent')[1]     # nothing is left of the others
    assert '/var/lib/genkan stays' in out and '/etc/genkan stays' in out
    assert site.run(keys)[1] == before
    assert site.run('test -s /etc/genkan/broker.conf', check=False)[0] == 0
    for unit in UNITS:
        assert site.run(f'systemctl is-active {unit}', check=False)[1].strip() != 'active'
    for package in PACKAGES:
        assert site.run(f'dpkg -s {package}', check=False)[0] != 0
