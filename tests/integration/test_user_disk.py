# SPDX-License-Identifier: Apache-2.0
"""A user's own disk beside forked desktops: real agents, QEMU, golden image and file systems."""
import concurrent.futures
import contextlib
import os
import signal
import subprocess

import pytest

import test_clones as clone_test
from test_clones import CloneHost, entry, forking, host_folders, ident

pytestmark = clone_test.pytestmark

DISK, OTHER_DISK = '0000d15c0000d15c', '0000d15c0000d15d'
USER, UID = 'hanako', 20001
HOME = f'/home/{USER}'


def disk(epoch, fresh=False, ident=DISK, size_mib=256):
    return {'id': ident, 'epoch': epoch, 'size_bytes': size_mib << 20, 'fresh': fresh, 'user': USER,
            'uid': UID}


class DiskHost(CloneHost):
    @property
    def disks(self):
        return self.folder / 'user-disks'

    def configure(self, **changes):
        super().configure(**{'user_disk_dir': self.disks} | changes)

    def want_disks(self, **disks):
        """Desktops by number; each with the disk it is to have, or None. want_disks(d1=disk(1))"""
        wanted = [(int(name[1:]), held) for name, held in disks.items()]
        self.broker.want(entry(self.image, 1),
                         *(entry(self.image, n, **({'user_disk': held} if held else {}))
                           for n, held in wanted if n != 1), images=[self.image])

    def disk_state(self, number, *states, seconds=60, **fields):
        def matches():
            found = self.broker.reported(ident(number)) or {}
            held = found.get('user_disk') or {}
            return held if held.get('state') in states and all(
                held[k] == v for k, v in fields.items()) else None
        return self.broker.wait(f'the disk of desktop {number} being {states}', matches, seconds)

    def login(self, number):
        """What PAM does at a login, without RDP: the account, then the session."""
        self.inside(number, f'''
            id {USER} 2>/dev/null || /usr/sbin/useradd -m -u {UID} -s /bin/bash {USER}
            PAM_USER={USER} PAM_TYPE=open_session /usr/sbin/genkan-guest pam-session''')

    def logoff(self, number):
        self.inside(number, f'PAM_USER={USER} PAM_TYPE=close_session /usr/sbin/genkan-guest pam-session')

    def as_user(self, number, script):
        return self.inside(number, f"runuser -u {USER} -- /bin/bash -c 'cd && {script}'")

    def took_ms(self, number):
        """From the order to the mounted home, as the agent has logged it last."""
        lines = [line for line in (self.folder / 'agent.log').read_text().splitlines()
                 if 'event=user_disk ' in line and ident(number) in line and 'to=mounted' in line]
        return int(lines[-1].split(' ms=')[1].split()[0])


@pytest.fixture(scope='module')
def host():
    """One host for all: a template costs a boot."""
    with host_folders('disks') as (short, ram), \
            forking(DiskHost(short, ram), lambda host: host.want_disks()) as made:
        yield made


def test_first_login_makes_the_disk_and_the_next_desktop_has_the_file(host):
    host.want_disks(d2=None)
    host.ready(2)
    host.want_disks(d2=disk(1, fresh=True))
    host.disk_state(2, 'mounted')
    print('first time:', host.took_ms(2), 'ms')
    file = host.disks / f'{DISK}.qcow2'
    assert file.stat().st_mode & 0o777 == 0o600
    host.login(2)
    listing = host.as_user(2, 'ls -A; stat -c "%U %G %a" .; pwd')
    assert '.bashrc' in listing and f'{USER} {USER} 700' in listing and HOME in listing, listing
    assert 'lost+found' not in listing
    host.as_user(2, 'echo 日本語 > Ünïcode.txt; setsid sleep 600 < /dev/null > /dev/null 2>&1 &')
    # Who logs off leaves no process behind that would keep the file system open.
    host.logoff(2)
    assert f' {HOME} ' not in host.inside(2, 'cat /proc/mounts')
    assert host.inside(2, f'pgrep -c -u {USER} || true').strip() == '0'
    host.want_disks(d3=None)
    host.broker.wait_gone(ident(2))
    host.ready(3)
    host.want_disks(d3=disk(2))
    host.disk_state(3, 'mounted')
    print('next time:', host.took_ms(3), 'ms',
          host.inside(3, 'journalctl -o cat -u genkan-guest | grep home_mounted'))
    host.login(3)
    assert host.as_user(3, 'cat Ünïcode.txt') == '日本語\n'


def test_it_survives_the_agents_end_and_is_closed_by_the_next_one(host):
    host.want_disks(d3=disk(2))
    host.disk_state(3, 'mounted')
    pid = host.pid(ident(3))
    host.kill()
    assert host.as_user(3, 'echo on > while-away; cat while-away') == 'on\n'
    host.broker.newest = None
    host.start()
    host.disk_state(3, 'mounted')
    assert host.pid(ident(3)) == pid, 'the same machine'
    assert host.as_user(3, 'cat while-away') == 'on\n'
    # An agent that finds the desktop unwanted closes a disk that it has not plugged itself.
    host.kill()
    host.want_disks()
    host.broker.newest = None
    host.start()
    host.broker.wait_gone(ident(3))
    log = (host.folder / 'agent.log').read_text()
    ends = [line for line in log.splitlines() if ident(3) in line and 'to=closing' in line]
    assert ends, 'it was unplugged before the machine ended'


def test_two_desktops_never_have_it_at_once(host):
    host.want_disks(d4=disk(3), d5=None)
    host.disk_state(4, 'mounted')
    host.ready(5)
    host.want_disks(d4=disk(3), d5=disk(4))
    held = host.disk_state(5, 'locked', epoch=4)
    assert 'has it open' in held['reason'], held
    assert host.inside(5, 'lsblk -dno SERIAL | grep -c d15c || true').strip() == '0'
    host.disk_state(4, 'mounted')
    # The moment the first is gone the other has it, with all that was written.
    host.login(4)
    host.as_user(4, 'echo from 4 > handed-over')
    host.want_disks(d5=disk(4))
    host.disk_state(5, 'mounted')
    host.login(5)
    assert host.as_user(5, 'cat handed-over') == 'from 4\n'
    # An order of the past is refused by the epoch on the storage, also once nobody has it.
    host.want_disks(d6=None)
    host.broker.wait_gone(ident(5))
    host.ready(6)
    host.want_disks(d6=disk(2))
    late = host.disk_state(6, 'failed')
    assert 'was given to host' in late['reason'], late


def test_quota_is_an_ordinary_full_disk(host):
    host.want_disks(d7=disk(1, fresh=True, ident=OTHER_DISK, size_mib=64))
    host.disk_state(7, 'mounted')
    host.login(7)
    out = host.as_user(7, 'LC_ALL=C dd if=/dev/zero of=big bs=1M count=100 2>&1; cat /dev/zero > rest 2>/dev/null; df --output=avail . | tail -1')
    assert 'No space left on device' in out and int(out.split()[-1]) < 64, out
    assert host.broker.reported(ident(7))['state'] == 'ready', 'the desktop goes on'
    host.as_user(7, 'rm big rest')


def test_killed_while_attached_the_journal_brings_it_back(host):
    host.login(7)
    host.as_user(7, 'for i in $(seq 200); do echo $i > file$i; done; sync; echo kept > last; sync -f last')
    os.kill(host.pid(ident(7)), signal.SIGKILL)
    host.broker.wait_desktop(ident(7), seconds=10, state='error')
    host.disk_state(7, 'mounted', seconds=180)
    assert not clone_test.clone_of(host, 7), 'it has booted'
    assert host.inside(7, f'cat {HOME}/last; ls {HOME} | grep -c file').split() == ['kept', '200']
    # A reboot of the guest's own mounts it again as well. Who asked for it gets an answer from the next
    # boot at the earliest, which may be too late to see the disk on its way.
    def reboot():
        with contextlib.suppress(OSError, ValueError, AssertionError, RuntimeError):
            host.inside(7, 'systemctl reboot --force --force')

    with concurrent.futures.ThreadPoolExecutor(1) as aside:
        aside.submit(reboot)
        host.disk_state(7, 'attaching', seconds=60)
        host.disk_state(7, 'mounted', seconds=180)
    assert host.inside(7, f'cat {HOME}/last') == 'kept\n'
    host.want_disks()
    host.broker.wait_gone(ident(7))


def change_inside(file, change):
    """Damages what is on a disk: `change` gets it as a raw file. Only tests ever look at one."""
    raw, made = file.with_suffix('.raw'), file.with_suffix('.made')
    subprocess.run(['qemu-img', 'convert', '-f', 'qcow2', '-O', 'raw', file, raw], check=True)
    with open(raw, 'r+b') as content:
        change(content)
        content.seek(0)
        all_of_it = content.read()
    subprocess.run(['qemu-img', 'convert', '-f', 'raw', '-O', 'qcow2', raw, made], check=True)
    raw.unlink()
    os.replace(made, file)
    return all_of_it


def test_a_clean_one_that_cannot_be_mounted_is_repaired(host):
    file = host.disks / f'{OTHER_DISK}.qcow2'

    def damage(content):    # the checksum of the first group; a check of what calls itself clean skips it
        content.seek(2048 + 0x1e)
        content.write(b'\x12\x34')
    host.want_disks()
    host.broker.wait_gone(ident(7))
    change_inside(file, damage)
    host.want_disks(d8=disk(2, ident=OTHER_DISK))
    host.disk_state(8, 'mounted')
    assert 'home_checked_whole' in host.inside(8, 'journalctl -o cat -u genkan-guest')
    assert '.bashrc' in host.inside(8, f'ls -A {HOME}')


def test_a_broken_file_system_is_told_kept_and_replaced_for_the_day(host):
    file = host.disks / f'{OTHER_DISK}.qcow2'

    def damage(content):    # group descriptors, bitmaps and inodes are gone; a check repairs some of it
        content.seek(2048)
        content.write(b'\x5a' * (1 << 20))
    host.want_disks()
    host.broker.wait_gone(ident(8))
    before = change_inside(file, damage)
    host.want_disks(d9=disk(3, ident=OTHER_DISK))
    told = host.disk_state(9, 'broken')
    assert 'damaged' in told['reason'], told
    host.login(9)
    assert f' {HOME} ' not in host.inside(9, 'cat /proc/mounts')
    assert host.as_user(9, 'echo x > y && stat -c "%U %a" . && ls -A').startswith(f'{USER} 700\n')
    assert 'could not be opened' in host.inside(9, 'cat /run/genkan/notice')
    host.want_disks()
    host.broker.wait_gone(ident(9))
    assert change_inside(file, lambda content: None) == before, 'what was tried is undone'
    # One that was in use is never formatted, even when nothing of it is left.
    change_inside(file, lambda content: content.write(bytes(64 << 20)))
    host.want_disks(d10=disk(4, ident=OTHER_DISK))
    assert 'no file system' in host.disk_state(10, 'broken')['reason']
