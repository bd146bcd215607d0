# SPDX-License-Identifier: Apache-2.0
"""A host whose disk runs full, desktops at their quota, and what is told of both: a small file system,
real agents, QEMU and a golden image."""
import contextlib
import os
import pathlib
import signal
import subprocess

import pytest

import test_clones as clone_test
from netns import wait_until
from test_clones import CloneHost, entry, forking, host_folders, ident
from test_hostagent import qemus

pytestmark = clone_test.pytestmark

DISK_MIB = 400


class SmallHost(CloneHost):
    @property
    def overlays(self):
        return self.folder / 'overlays'

    def configure(self, **changes):
        super().configure(**{'overlay_dir': self.overlays, 'disk_reserve': '1M'} | changes)

    def want_all(self, *entries):
        self.broker.want(entry(self.image, 1), *entries, images=[self.image])

    def fill(self, leave_mib):
        """Takes what is free of the small file system but for so much."""
        fs = os.statvfs(self.overlays)
        free = fs.f_bavail * fs.f_frsize
        with open(self.overlays / 'ballast', 'wb') as file:
            os.posix_fallocate(file.fileno(), 0, max(free - (leave_mib << 20), 1))

    def empty(self):
        (self.overlays / 'ballast').unlink()

    def write(self, number, mib, then=''):
        """Begins to write inside the guest; its disk is what stops it."""
        self.inside(number, f'setsid sh -c "dd if=/dev/urandom of=/root/big{then} bs=1M count={mib} '
                            f'conv=fsync && echo done > /root/{then or "ended"}" < /dev/null > /dev/null 2>&1 &')


@contextlib.contextmanager
def small_disk(folder):
    folder.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={DISK_MIB}M,mode=711', 'tmpfs', folder],
                   check=True)
    try:
        yield
    finally:
        subprocess.run(['umount', folder], check=True)


@pytest.fixture(scope='module')
def host():
    with host_folders('full') as (short, ram), small_disk(short / 'overlays'), \
            forking(SmallHost(short, ram), lambda host: host.want_all()) as made:
        yield made


def test_what_desktops_take_is_measured(host):
    host.want_all(entry(host.image, 2))
    host.ready(2)
    def weighed():
        found = host.broker.reported(ident(2)) or {}
        if not found.get('pss_bytes') or not found.get('overlay_bytes'):
            return None
        # A clone that has just begun grows: the next weighing, a moment later, tells how it is now.
        rollup = pathlib.Path(f'/proc/{host.pid(ident(2))}/smaps_rollup').read_text()
        real = int(rollup.split('\nPss:')[1].split()[0]) << 10
        return found if 0.7 < found['pss_bytes'] / real < 1.5 else None
    # Numbers alone are no news: they come with the next report.
    host.want_all(entry(host.image, 2), entry(host.image, 3))
    host.ready(3)
    def with_news():
        host.want_all(entry(host.image, 2), entry(host.image, 3))
        return weighed()
    found = wait_until('a clone that weighs what it weighs', with_news, 90, every=2)
    assert found['pss_bytes'] < 400 << 20 < 1 << 30, 'a clone shares most of its 1 GiB'
    told = host.broker.newest['host']
    assert told['disk_bytes'] == DISK_MIB << 20
    assert 0 < told['disk_free_bytes'] < told['disk_bytes']
    assert 100 << 20 < told['templates_bytes'] <= 1100 << 20, told


def test_a_full_disk_is_told_before_a_clone_starts(host):
    host.fill(leave_mib=40)
    host.want_all(entry(host.image, 2), entry(host.image, 4))
    report = host.broker.wait_desktop(ident(4), seconds=20, state='error')
    assert "the host's disk is full" in report['reason'] and qemus(ident(4)) == []
    host.want_all(entry(host.image, 2))
    host.broker.wait_gone(ident(4))
    host.broker.wait_gone(ident(3))
    host.empty()


def test_a_desktop_pauses_when_the_disk_is_full_and_goes_on_by_itself(host):
    host.ready(2)
    host.fill(leave_mib=20)
    host.write(2, 60)
    report = host.broker.wait_desktop(ident(2), seconds=60, state='suspended')
    assert "the host's disk is full" in report['reason'], report
    # Nothing of it is lost with the agent, and no other desktop is hurt.
    pid = host.pid(ident(2))
    host.kill()
    host.broker.newest = None
    host.start()
    host.broker.wait_desktop(ident(2), seconds=30, state='suspended')
    assert host.broker.reported(ident(1))['state'] == 'ready'
    host.empty()
    host.broker.wait_desktop(ident(2), seconds=30, state='ready')
    assert host.pid(ident(2)) == pid
    wait_until('all is written', lambda: host.inside(2, 'cat /root/ended || true') == 'done\n', 60)
    assert host.inside(2, 'stat -c %s /root/big').strip() == str(60 << 20)
    assert 'error' not in host.inside(2, 'dmesg | grep -iE "I/O error|ext4.*error" || true')
    host.inside(2, 'rm /root/big; sync; fstrim / || true')


def test_an_overlay_at_its_quota_pauses_until_there_is_more(host):
    # What the test before has deleted is written over first: only then does the file grow.
    size = (host.overlays / f'{ident(2)}.qcow2').stat().st_size
    quota = (size >> 20) + 60 << 20
    limited = entry(host.image, 2, overlay_max_bytes=quota)
    host.want_all(limited)
    host.write(2, 108, 'first')
    report = host.broker.wait('a word before the quota', lambda: (
        lambda d: d if d and '% of its quota' in d['reason'] else None)(host.broker.reported(ident(2))), 60)
    assert report['state'] in ('ready', 'suspended')
    host.write(2, 120, 'second')
    report = host.broker.wait_desktop(ident(2), seconds=60, state='suspended')
    assert 'its quota of' in report['reason'], report
    file = host.overlays / f'{ident(2)}.qcow2'
    sizes = [-1]
    wait_until('what was on its way is written', lambda: (
        sizes.append(file.stat().st_size) or sizes[-1] == sizes[-2]), 30, every=1)
    at_quota = sizes[-1]
    assert at_quota < quota + (8 << 20), 'it was stopped there'
    # The agent's restart does not let it go on.
    host.kill(signal.SIGTERM)
    host.broker.newest = None
    host.start()
    host.broker.wait_desktop(ident(2), seconds=30, state='suspended')
    assert file.stat().st_size == at_quota
    host.want_all(entry(host.image, 2, overlay_max_bytes=quota + (200 << 20)))
    host.broker.wait_desktop(ident(2), seconds=30, state='ready')
    wait_until('all is written', lambda: host.inside(2, 'cat /root/second || true') == 'done\n', 60)
