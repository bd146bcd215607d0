# SPDX-License-Identifier: Apache-2.0
"""A machine of the tests' own: this system's files under a layer that is thrown away, its own network,
and a real systemd as its first process (systemd-nspawn)."""
import os
import pathlib
import shutil
import subprocess
import time

from netns import NetNs, run

NSPAWN = shutil.which('systemd-nspawn')

TARGET = '''[Unit]
Description=What the test needs and nothing else
Requires=basic.target
After=basic.target
AllowIsolate=yes
'''


class Booted:
    """`binds`: folders of ours to be seen there, {inside: outside}."""

    def __init__(self, folder, name, binds):
        self.folder, self.name, self.binds = pathlib.Path(folder), name, binds
        self.root, self.layer = self.folder / 'root', self.folder / 'layer'
        self.ns, self.process, self.leader = None, None, None

    def __enter__(self):
        try:
            return self._boot()
        except BaseException:
            self.close()
            raise

    def _boot(self):
        for path in (self.root, self.layer):
            path.mkdir(parents=True)
        run('mount', '-t', 'tmpfs', '-o', 'size=2g', 'genkan-test', self.layer)
        for part in ('upper', 'work'):
            (self.layer / part).mkdir()
        run('mount', '-t', 'overlay', 'genkan-test', '-o',
            f'lowerdir=/,upperdir={self.layer}/upper,workdir={self.layer}/work', self.root)
        self.ns = NetNs(self.name)
        self._furnish()
        with open(self.folder / 'console', 'wb') as console:
            self.process = subprocess.Popen(
                [NSPAWN, '-D', self.root, f'--network-namespace-path={self.ns.path}',
                 '--register=no', '--keep-unit', '--link-journal=no', '--capability=all', '-M', self.name,
                 *[f'--bind={device}' for device in ('/dev/kvm', '/dev/net/tun', '/dev/vhost-net')
                   if os.path.exists(device)],
                 *[f'--bind={outside}:{inside}' for inside, outside in self.binds.items()],
                 '--boot', 'systemd.unit=genkan-test.target'],
                stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True)
        self._wait()
        return self

    def _furnish(self):
        (self.root / 'etc/systemd/system/genkan-test.target').write_text(TARGET)
        (self.root / 'etc/machine-id').unlink(missing_ok=True)
        # nobody's mail, timers and dust
        for unit in ('systemd-networkd.service', 'networking.service', 'ifupdown-pre.service'):
            (self.root / 'etc/systemd/system' / unit).unlink(missing_ok=True)
            (self.root / 'etc/systemd/system' / unit).symlink_to('/dev/null')

    def _wait(self):
        end = time.monotonic() + 120
        while time.monotonic() < end:
            assert self.process.poll() is None, self.console()
            children = run('pgrep', '-P', self.process.pid, check=False).split()
            if children:
                self.leader = children[0]
                if self.run('systemctl is-active basic.target', check=False)[1].strip() == 'active':
                    return
            time.sleep(0.1)
        raise AssertionError('it does not boot:\n' + self.console())

    def console(self):
        return (self.folder / 'console').read_text(errors='replace')[-4000:]

    def command(self, script, cwd='/root', network=True):
        """The command line of a shell script in there; `network`: in its network, or in ours."""
        return ['nsenter', '-t', str(self.leader), '-m', '-u', '-i', *['-n'] * network, '-p', '--', 'bash', '-ec',
                f'cd {cwd}\n{script}']

    @staticmethod
    def environment(**env):
        return {'PATH': '/usr/sbin:/usr/bin:/sbin:/bin', 'HOME': '/root', 'LC_ALL': 'C.UTF-8',
                'DEBIAN_FRONTEND': 'noninteractive', **env}

    def popen(self, script, stdin=None, stdout=None, stderr=None, **env):
        return subprocess.Popen(self.command(script), env=self.environment(**env), stdin=stdin, stdout=stdout,
                                stderr=stderr)

    def run(self, script, check=True, cwd='/root', seconds=300, network=True, **env):
        """A shell script in there: (status, output)."""
        done = subprocess.run(self.command(script, cwd, network), stdin=subprocess.DEVNULL, text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=seconds,
                              env=self.environment(**env), errors='replace')
        assert not check or done.returncode == 0, f'{script}\n{done.stdout}'
        return done.returncode, done.stdout

    def journal(self, unit):
        return self.run(f'journalctl -u {unit} -o cat -n 60', check=False)[1]

    def close(self):
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(40)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
        if self.ns:
            self.ns.close()
        for path in (self.root, self.layer):
            run('umount', '-l', path, check=False)

    def __exit__(self, *why):
        self.close()
