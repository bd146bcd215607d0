# SPDX-License-Identifier: Apache-2.0
"""A short share of tests/faults/kill_storm.py: some of the points, chosen by
the seed, and a few kills at random."""
import os
import random
import subprocess

import pytest

import invariants
import kill_storm
import small_site

pytestmark = [pytest.mark.skipif(small_site.why_not() is not None, reason=str(small_site.why_not())),
              pytest.mark.slow]
SEED = int(os.environ.get('GENKAN_SEED', '20261'))
KILLS, STORM_S = 8, 15
SHARE = random.Random(SEED).sample(
    [('agent', p) for p in kill_storm.AGENT_POINTS if not p.startswith('refresh')], 2) + [
    ('agent', random.Random(SEED).choice(kill_storm.AGENT_POINTS[4:9]))] + random.Random(SEED).sample(
    [('broker', p) for p in kill_storm.BROKER_POINTS], 3)


@pytest.fixture(scope='module')
def made():
    print(f'seed {SEED}')
    with kill_storm.storm(SEED) as storm:
        yield storm


@pytest.mark.parametrize('program, point', SHARE)
def test_killed_at(made, program, point):
    made.point(program, point, 1)


def test_random_kills_under_load(made):
    done, _ = made.storm(KILLS, STORM_S)
    assert done >= 3 and made.operations > done
    made.last_look()
    leak = made.site.folder / 'leak.log'
    leak.write_text(f'password={next(iter(made.secrets))}\n')
    with pytest.raises(AssertionError, match='leak.log'):
        invariants.check_secrets(made.site, made.secrets)
    leak.unlink()


def test_points_are_not_in_what_is_installed(tmp_path):
    """The same source without sanitizers has no trace of them."""
    top = small_site.BUILD.parent if (small_site.BUILD.parent / 'common').exists() else None
    source = next(p for p in (top, kill_storm.pathlib.Path(__file__).parents[2]) if p)
    for flags, found in (([], False), (['-DGENKAN_SANITIZED=1'], True)):
        out = tmp_path / f'fault{found}.o'
        subprocess.run(['gcc', '-std=gnu17', '-D_GNU_SOURCE', '-I', source, *flags, '-c',
                        source / 'common/sys/fault.c', '-o', out], check=True)
        assert (b'GENKAN_FAULT' in out.read_bytes()) == found
