#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kills broker and agent with SIGKILL, at every step and at random under load, and checks after each kill
that the site finds back to what must hold (tests/lib/invariants.py).

    sudo tests/faults/kill_storm.py --points --kills 300 --seed 1

slapd, broker, agent, QEMU and genkanctl are the real programs, built with sanitizers. The guests are real
QEMUs on a disk that boots nothing; with --guests they boot the golden image, are frozen and forked.
At the end the audit chain is verified and all that was written down is searched for secrets.
"""
import argparse
import collections
import contextlib
import http.client
import os
import pathlib
import random
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / 'lib'),
                str(pathlib.Path(__file__).resolve().parents[2] / 'deploy' / 'lib')]

import invariants                                           # noqa: E402
import small_site                                           # noqa: E402
from genkan_site import golden_image                        # noqa: E402
from netns import wait_until                                # noqa: E402
from slapd import SERVICE_PASSWORD, password_of             # noqa: E402

PUBLISH_S = 2
USERS = [f'worker{n}' for n in range(5)]
AGENT_POINTS = ['clone_folder', 'clone_spec', 'clone_overlay', 'spawned', 'refresh_begin',
                'refresh_ended', 'refresh_cleaned', 'refresh_overlay', 'refresh_folder',
                'fetch_piece', 'fetch_synced', 'fetch_named']
GUEST_POINTS = ['identity_told', 'template_disk', 'template_spawned', 'template_frozen',
                'template_blank', 'template_sealed']
BROKER_POINTS = ['order_row', 'assign_row', 'refresh_row', 'report_rows', 'commit_begin',
                 'commit_done', 'publish_part', 'publish_received', 'publish_synced', 'publish_named',
                 'publish_row']


class Storm:
    def __init__(self, site, seed, guests=False):
        self.site, self.random, self.guests = site, random.Random(seed), guests
        self.acknowledged, self.sure = {}, threading.Lock()
        self.secrets = set()    # of what was answered: tokens and the secrets of tickets
        self.kinds = collections.Counter()
        self.images, self.shape, self.shaped_for = 0, 0, None
        self.go, self.idle = threading.Event(), threading.Barrier(len(USERS) + 1)
        self.publisher, self.published, self.troubles = None, 0, collections.Counter()
        self.stopping, self.faults = False, []
        self.operations = 0

    # --- the site -----------------------------------------------------------------------------

    def begin(self):
        site = self.site
        site.seen = set()
        site.join()
        if self.guests:
            site.ctl('image', 'publish', 'gold', golden_image(), '--image-dir', site.images)
        else:
            self.publish('stable')
        self.apply_pools()
        site.configure(boot_deadline='600s')
        self.start_agent()
        wait_until('the host has the image', lambda: site.host_image('gold')['state'] == 'ready', 60, 0.1)
        if self.guests:
            wait_until('the first is ready and a template is', self.template_is_ready, 300, 0.5)

    def apply_pools(self):
        sales = small_site.gold_pool(spare=2, most=9, rollout={'canary': 0})
        if self.guests:
            sales['desktop']['memory_bytes'] = (512 + 16 * self.shape) << 20
        self.site.broker.apply(sales, small_site.gold_pool('try', spare=0, image={
            'name': 'trial', 'channel': 'stable'}, entitled={'groups': ['engineering'], 'users': []}))

    def new_shape(self, point):
        """Once for each point: desktops of another size boot, and then a template of theirs."""
        if self.shaped_for != point:
            self.shaped_for, self.shape = point, self.shape + 1
            self.apply_pools()
            self.login(USERS[0])
            self.reset(USERS[0])

    def template_is_ready(self):
        log = self.site.agent_log()
        assert 'event=template_failed' not in log, log[-2000:]
        return 'event=template_ready' in log

    def start_agent(self, **env):
        self.site.start_agent(**env)
        self.site.wait_host(60)

    def start_broker(self, **env):
        with changed_env(env):
            self.site.broker.start(init=False)

    def publish(self, channel='stable', name='gold', wait=True):
        """A publication of its own; returns the process."""
        self.images += 1
        path = small_site.make_image(self.site.folder / f'image-{self.images}.qcow2', 2,
                                     f'{self.random.random()}'.encode())
        process = subprocess.Popen(self.site.ctl_command(
            'image', 'publish', name, path, '--channel', channel), stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if wait:
            assert process.wait(90) == 0, 'publish failed'
        return process

    # --- users ----------------------------------------------------------------------------------

    def login(self, user):
        """What the broker has promised: the id of the desktop; None: nothing, or a place in line."""
        answer = self.site.broker.login(user, seconds=20)
        connect = answer.body.get('connect', {})
        self.secrets |= {s for s in (answer.body.get('token'), connect.get('secret')) if s}
        if answer.status != 200 or connect.get('code') == 'waiting_for_desktop':
            return None
        return connect.get('desktop', {}).get('id')

    def reset(self, user):
        listed = self.site.broker.admin('GET', '/v1/admin/desktops').body.get('desktops', [])
        mine = [d['id'] for d in listed if d['user'] == user]
        return bool(mine) and self.site.broker.admin(
            'POST', f'/v1/admin/desktops/{mine[0]}/reset').status in (200, 204)

    def step(self, user, dice):
        """One thing a user does. What an answer has promised is noted; what got no answer is open."""
        if dice < 0.4:
            with self.sure:             # back in line: what comes next is promised then
                have = self.acknowledged.pop(user, None)
            if have:
                self.reset(user)
                return
        found = self.login(user)
        if found:
            with self.sure:
                self.acknowledged[user] = found

    def work(self, user):
        dice = random.Random(f'{user}{self.random.random()}')
        while not self.stopping:
            if not self.go.is_set():
                self.idle.wait()        # everybody stands still
                self.go.wait()
                continue
            try:
                self.step(user, dice.random())
                self.operations += 1
            except (OSError, ValueError, http.client.HTTPException):
                time.sleep(0.05)        # the broker is down
            except Exception as why:    # shown at the end of the round
                self.faults.append(why)
            time.sleep(dice.random() * 0.2)

    def publish_again(self):
        """The next publication, when the last one has come to its end."""
        over = not self.publisher or self.publisher.poll() is not None
        if over and time.monotonic() - self.published > PUBLISH_S:
            self.published = time.monotonic()
            self.publisher = self.publish(name='trial', wait=False)

    def publish_on(self):
        while not self.stopping:
            self.publish_again()
            time.sleep(0.3)

    @contextlib.contextmanager
    def load(self):
        threads = [threading.Thread(target=self.work, args=(u,), daemon=True) for u in USERS]
        threads.append(threading.Thread(target=self.publish_on, daemon=True))
        for thread in threads:
            thread.start()
        try:
            self.idle.wait()
            yield
        finally:
            self.stopping = True
            self.go.set()
            for thread in threads:
                thread.join(60)

    # --- kills ------------------------------------------------------------------------------------

    def kill(self, who):
        self.kinds[who] += 1
        if who == 'front':
            self.kill_front()
            return
        if 'broker' in who:
            self.site.broker.kill()
        if 'agent' in who:
            self.site.kill_agent()
        if self.random.random() < 0.3:
            time.sleep(self.random.random())
        if 'broker' in who:
            self.site.broker.start(init=False)
        if 'agent' in who:
            self.site.start_agent()

    def kill_front(self):
        """One of the broker's processes that talk to clients and hosts; the broker has it started again."""
        fronts = [pid for starter in children(self.site.broker.process.pid)
                  for pid in children(starter)]
        if fronts:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.random.choice(fronts), signal.SIGKILL)

    def check(self):
        with self.sure:
            promised = dict(self.acknowledged)
        self.site.wait_host(60)
        invariants.check(self.site, promised)
        return len(promised)

    def storm(self, kills, seconds=None):
        """Kills under load, in bursts of one to six, so that many meet a site that has not found back
        from the last; what must hold is looked at after each burst. Returns how many kills there were:
        all, or those that fit in the time."""
        began = time.monotonic()
        done, slowest = 0, 0
        with self.load():
            while done < kills and not (seconds and time.monotonic() - began > seconds):
                burst = [self.random.choice(['broker', 'agent', 'agent', 'broker', 'front', 'broker and agent'])
                         for _ in range(min(self.random.randint(1, 6), kills - done))]
                self.note_troubles()
                self.go.set()
                for who in burst:
                    time.sleep(0.05 + self.random.random() * 0.8)
                    self.kill(who)
                self.go.clear()
                self.idle.wait()
                assert not self.faults, self.faults
                since = time.monotonic()
                promises = self.check()
                slowest = max(slowest, time.monotonic() - since)
                done += len(burst)
                print(f'{done} kills ({", ".join(burst)}); {promises} promises kept, right again after '
                      f'{time.monotonic() - since:.1f} s', flush=True)
        return done, slowest

    def last_look(self):
        """What is told by all that was written down until now."""
        with self.sure:
            promised = dict(self.acknowledged)
        invariants.check(self.site, promised)
        chain = invariants.check_audit(self.site)
        places = invariants.check_secrets(self.site, self.secrets | {
            password_of(u) for u in USERS} | {SERVICE_PASSWORD})
        print(f'audit: {chain}\n{len(self.secrets)} tokens and secrets are in none of {places} files '
              f'and command lines', flush=True)

    # --- each point once --------------------------------------------------------------------------

    def note_troubles(self):
        """What counted as a failed start; these guests never become ready, which alone would end it."""
        path = self.site.broker.state / 'broker.db'
        with contextlib.closing(sqlite3.connect(path, timeout=10)) as db, db:
            self.troubles.update(r for r, in db.execute('SELECT reason FROM start_trouble'))
            db.execute('DELETE FROM start_trouble')

    def provoke(self, point):
        """Something that comes to the point."""
        if point.startswith(('fetch', 'publish')):
            self.publish_again()
        elif point.startswith('template'):
            self.new_shape(point)
        elif point.startswith('refresh'):
            self.login(USERS[0])
            self.reset(USERS[0])
        else:
            user = self.random.choice(USERS)
            if not self.reset(user):
                self.login(user)

    def point(self, program, point, nth):
        """Ends the program at the point, starts it again and checks. The point must be reached."""
        site = self.site
        env = {'GENKAN_FAULT': f'{point}:{nth}'}
        self.note_troubles()
        if program == 'agent':
            site.kill_agent()
            site.start_agent(**env)
        else:
            site.broker.kill()
            with contextlib.suppress(AssertionError):   # may come to the point while it starts
                self.start_broker(**env)
        process = site.agent if program == 'agent' else site.broker.process
        began = time.monotonic()
        end = began + (240 if self.guests else 45)
        while process and process.poll() is None:
            assert time.monotonic() < end, f'{program} never came to {point}:{nth}'
            with contextlib.suppress(OSError, ValueError, AssertionError):
                self.provoke(point)
            time.sleep(0.3)
        ended = time.monotonic()
        if process:
            assert process.wait() == -signal.SIGKILL, f'{point}: ended with {process.returncode}'
        if program == 'agent':
            site.agent = None
            self.start_agent()
        else:
            site.broker.process = None
            site.broker.start(init=False)
            site.wait_host()
        self.acknowledged.clear()
        invariants.check(site, {}, 90 if self.guests else invariants.RECONCILE_S)
        print(f'{program} at {point}:{nth}: right again after {time.monotonic() - ended:.1f} s', flush=True)


def children(pid):
    with contextlib.suppress(OSError):
        return [int(p) for p in pathlib.Path(f'/proc/{pid}/task/{pid}/children').read_text().split()]
    return []


@contextlib.contextmanager
def changed_env(env):
    before = {k: os.environ.get(k) for k in env}
    os.environ.update(env)
    try:
        yield
    finally:
        for key, value in before.items():
            if value is None:
                del os.environ[key]
            else:
                os.environ[key] = value


@contextlib.contextmanager
def storm(seed, guests=False):
    people = [(u, u.title(), None, ['sales']) for u in USERS]
    with contextlib.ExitStack() as last, small_site.small_site(
            'gk-storm', people=people, images__rate='0') as site:
        if guests:      # the memory of templates wants a RAM disk
            site.run_dir = pathlib.Path(last.enter_context(
                tempfile.TemporaryDirectory(prefix='gk-storm-', dir='/dev/shm')))
            site.run_dir.chmod(0o755)
            site.configure()
        made = Storm(site, seed, guests)
        try:
            made.begin()
            yield made
            for name, log in (('agent', site.agent_log()), ('broker', site.broker.log())):
                assert 'Sanitizer' not in log and 'runtime error' not in log, f'{name}:\n{log[-4000:]}'
        except BaseException:
            keep = pathlib.Path('/tmp') / f'kill-storm-{os.getpid()}'
            keep.mkdir(exist_ok=True)
            (keep / 'agent.log').write_text(site.agent_log())
            (keep / 'broker.log').write_text(site.broker.log())
            print(f'logs: {keep}', flush=True)
            raise


def main():
    flags = argparse.ArgumentParser(description=__doc__,
                                    formatter_class=argparse.RawDescriptionHelpFormatter)
    flags.add_argument('--kills', type=int, default=300)
    flags.add_argument('--seed', type=int, default=int(time.time()))
    flags.add_argument('--points', nargs='?', const='', metavar='PREFIX',
                       help='each point (that begins so) once, before the storm')
    flags.add_argument('--guests', action='store_true', help='guests that boot, freeze and fork')
    args = flags.parse_args()
    why = small_site.why_not()
    if why:
        sys.exit(why)
    print(f'seed {args.seed}', flush=True)
    with storm(args.seed, args.guests) as made:
        points = [('agent', p) for p in AGENT_POINTS + (GUEST_POINTS if args.guests else [])]
        for program, point in points + [('broker', p) for p in BROKER_POINTS]:
            if args.points is not None and point.startswith(args.points):
                made.point(program, point, 1)
        done, slowest = made.storm(args.kills) if args.kills else (0, 0)
        made.last_look()
        print('failed starts:', dict(made.troubles))
        print('kills:', dict(made.kinds))
        print(f'{done} kills, {made.operations} operations between them, {made.images} publications; '
              f'slowest way back {slowest:.1f} s')


if __name__ == '__main__':
    main()
