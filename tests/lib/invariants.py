# SPDX-License-Identifier: Apache-2.0
"""What must hold on a site after anything (SmallSite):
I1 each desktop has at most one owner and runs at most once; I2 each acknowledged assignment exists;
I3 what runs is what the store wants, 30 s after the last disturbance at most; I4 nothing is left of what
is gone: overlay, folder, socket, tap, cgroup, filter rule; I5 the store passes its checks; I6 the audit
chain verifies; I7 no secret in logs, store, settings, core files and command lines."""
import base64
import collections
import contextlib
import json
import os
import pathlib
import re
import sqlite3
import subprocess
import tempfile

from netns import wait_until

RECONCILE_S = 30
BIG = 64 << 20      # a disk, or the memory of a template


def guests(run_dir):
    """How often each id runs as a QEMU in this thread's network, which is the site's alone. One that
    stood by was started under an id of its own: its run folder tells whose it is."""
    owner = {}
    for note in run_dir.glob('desktops/*/machine'):
        with contextlib.suppress(OSError):
            owner[note.read_text()] = note.parent.name
    found = collections.Counter()
    here = os.stat('/proc/thread-self/ns/net').st_ino
    for entry in pathlib.Path('/proc').glob('[0-9]*'):
        with contextlib.suppress(OSError):
            line = (entry / 'cmdline').read_bytes()
            name = re.search(rb'guest=genkan-([0-9a-f]{16}),', line)
            if not name or os.stat(entry / 'ns/net').st_ino != here:
                continue
            # A process that has just been killed keeps its line until it is reaped.
            if (entry / 'stat').read_text().rsplit(')')[-1].split()[0] not in 'ZX':
                machine = name.group(1).decode()
                found[owner.get(machine, machine)] += 1
    return found


def standing_by(host_state):
    """Machines that wait for the next desktop of a template."""
    found = set()
    for spec in host_state.glob('desktops/*/spec.json'):
        with contextlib.suppress(OSError, ValueError):
            if json.loads(spec.read_text()).get('standby'):
                found.add(spec.parent.name)
    return found


def names(folder, pattern='*'):
    return {p.name for p in folder.glob(pattern)} if folder.exists() else set()


def cgroups():
    """Those of all hosts on the machine."""
    return set().union(*(names(pathlib.Path(top)) for top in (
        '/sys/fs/cgroup/genkan', '/sys/fs/cgroup/unified/genkan')))


def of_store(site):
    path = site.broker.state / 'broker.db'
    with contextlib.closing(sqlite3.connect(f'file:{path}?mode=ro', uri=True, timeout=10)) as db:
        db.execute('BEGIN')     # all of it is read as it was at one moment
        wrong = [f'I5 {row}' for row in db.execute('PRAGMA integrity_check') if row != ('ok',)]
        wrong += [f'I5 foreign key {row}' for row in db.execute('PRAGMA foreign_key_check')]
        rows = {i: (want, state) for i, want, state in
                db.execute('SELECT id, want, state FROM desktop')}
        owners = db.execute('SELECT u.name, a.pool, a.desktop FROM assignment a '
                            'JOIN person u ON u.key = a.person').fetchall()
        channels = db.execute(
            'SELECT c.name, c.channel, i.sha256, i.size_bytes, k.held FROM image_channel c JOIN image i '
            'ON i.name = c.name AND i.publication = c.publication LEFT JOIN image_content k '
            'ON k.sha256 = i.sha256').fetchall()
    for what, key in (('owners', lambda o: o[2]), ('desktops', lambda o: o[:2])):
        twice = [k for k, n in collections.Counter(map(key, owners)).items() if n > 1]
        wrong += [f'I1 two {what} of {k}' for k in twice]
    wrong += [f'I1 the desktop of {o} is leaving' for o in owners if rows[o[2]][0] == 'absent']
    return wrong, rows, owners, channels


def of_images(site, channels):
    """A channel points to a file that is whole, or nothing would have been published."""
    wrong = []
    for name, channel, sha256, size, held in channels:
        path = site.broker.state / 'images' / f'{sha256}.qcow2'
        if held and (not path.exists() or path.stat().st_size != size):
            wrong.append(f'I2 {channel} of {name} points to a file that is not there: {path.name}')
    return wrong


def of_host(site, wanted):
    templates = names(site.host_state / 'templates') | standing_by(site.host_state)
    running = guests(site.run_dir)
    wrong = [f'I1 {i} runs {n} times' for i, n in running.items() if n > 1]
    if set(running) - templates != wanted:
        wrong.append(f'I3 running {sorted(set(running) - templates)}, wanted {sorted(wanted)}')
    known = wanted | templates
    for what, there in (
            ('folder', names(site.host_state / 'desktops')),
            ('run folder', names(site.run_dir / 'desktops')),
            ('cgroup', cgroups() & site.seen)):
        if there - known:
            wrong.append(f'I4 {what} of nothing: {sorted(there - known)}')
    try:
        links = json.loads(site.ns.run('ip', '-j', 'link', check=False))
    except ValueError:      # one went away while ip listed it
        return [*wrong, 'I4 links are still going']
    taps = {link['ifname'] for link in links if re.fullmatch(r'gk[0-9a-f]{10}', link['ifname'])}
    if taps - {'gk' + i[:10] for i in known}:
        wrong.append(f'I4 taps of nothing: {sorted(taps - {"gk" + i[:10] for i in known})}')
    rules = set(re.findall(r'gk[0-9a-f]{10}', site.ns.run('nft', 'list', 'ruleset')))
    if rules - {'gk' + i[:10] for i in known}:
        wrong.append(f'I4 filter rules of nothing: {sorted(rules)}')
    return wrong


def problems(site, acknowledged):
    """Lines that say what does not hold. `acknowledged`: user -> desktop id."""
    wrong, rows, owners, channels = of_store(site)
    site.seen |= set(rows)
    wrong += [f'I3 {i} is still leaving' for i, (want, _) in rows.items() if want == 'absent']
    has = {user: desktop for user, _, desktop in owners}
    for user, desktop in acknowledged.items():
        if has.get(user) != desktop:
            wrong.append(f'I2 {user} was given {desktop} and has {has.get(user)}')
    wanted = {i for i, (want, _) in rows.items() if want == 'running'}
    return wrong + of_host(site, wanted) + of_images(site, channels)


def check(site, acknowledged, seconds=RECONCILE_S):
    """Waits for the reconciliation; fails with what does not hold after it."""
    left = []

    def holds():
        left[:] = problems(site, acknowledged)
        return not left
    try:
        wait_until('the invariants hold', holds, seconds, 0.1)
    except AssertionError as why:
        raise AssertionError('\n'.join([str(why), *left])) from None


def check_audit(site):
    """I6; returns what genkanctl says of the chain."""
    return site.ctl('audit', 'verify').strip()


def written(site):
    """Files anything of the site may have written to, but for disks and what is meant to hold secrets."""
    for path in site.folder.rglob('*'):
        with contextlib.suppress(OSError):
            if (path.is_file() and not path.is_symlink() and path.suffix not in ('.qcow2', '.raw')
                    and (path.stat().st_size < BIG or path.suffix == '.log')
                    and site.slapd.folder not in path.parents):
                yield path


def check_secrets(site, secrets):
    """I7; returns how many places were looked at."""
    plain = [s.encode() for s in secrets]
    needles = plain + [base64.b64encode(s).rstrip(b'=')[:-1] for s in plain]
    lines = b''
    for pid in site.ns.pids():
        with contextlib.suppress(OSError):
            lines += pathlib.Path(f'/proc/{pid}/cmdline').read_bytes() + b'\n'
    files = [str(path) for path in written(site)]
    with tempfile.TemporaryDirectory() as beside:
        wanted, argv = pathlib.Path(beside, 'wanted'), pathlib.Path(beside, 'argv')
        wanted.write_bytes(b'\n'.join(needles) + b'\n')
        argv.write_bytes(lines)
        # many secrets in long logs: grep looks for all of them at once
        done = subprocess.run(['grep', '-l', '-a', '-s', '-F', '-f', wanted, '--', argv, *files],
                              env={'LC_ALL': 'C'}, stdout=subprocess.PIPE, text=True)
    assert not done.stdout, f'I7 a secret is in\n{done.stdout}'
    return len(files) + 1
