# SPDX-License-Identifier: Apache-2.0
"""Golden images on their way: admin -> broker -> host, whatever is interrupted or damaged."""
import contextlib
import os
import re
import signal
import subprocess
import time

import pytest

import small_site
from netns import wait_until
from small_site import make_image, sha256

pytestmark = pytest.mark.skipif(small_site.why_not() is not None, reason=str(small_site.why_not()))

MB = 1 << 20


@pytest.fixture(scope='module')
def site():
    with small_site.small_site(images__rate='0', images__keep_unfinished='24h') as made:
        made.join()
        yield made


def kept(site):
    folder = site.broker.state / 'images'
    return sorted(p.name for p in folder.iterdir()) if folder.exists() else []


def begin(site, path):
    return site.broker.admin('POST', '/v1/admin/image-uploads', {
        'sha256': sha256(path), 'size_bytes': path.stat().st_size})


def put(site, path, offset, data=None):
    if data is None:
        with open(path, 'rb') as file:
            file.seek(offset)
            data = file.read(MB)
    return site.broker.http('PUT', f'/v1/admin/image-uploads/{sha256(path)}?offset={offset}',
                            raw=data, certificate=site.broker.admin_certificate)


def register(site, path, name='half'):
    return site.broker.admin('POST', '/v1/admin/images', {
        'name': name, 'sha256': sha256(path), 'size_bytes': path.stat().st_size})


def test_a_published_file_is_with_the_broker_byte_for_byte(site):
    path = make_image(site.folder / 'a.qcow2', 3)
    out = site.ctl('image', 'publish', 'plain', path, '--reason', 'first of all')
    assert out == f'plain: publication 1, stable, {sha256(path)}\n'
    assert sha256(site.broker.state / 'images' / f'{sha256(path)}.qcow2') == sha256(path)
    shown = site.publication('plain')
    assert shown['held'] and shown['hosts'] == [] and shown['size_bytes'] == path.stat().st_size
    row = next(r for r in site.broker.audit() if r['what'] == 'image_publish')
    assert row['details']['reason'] == 'first of all' and row['details']['sha256'] == sha256(path)
    # Again: nothing is sent, the number stays.
    assert 'publication 1' in site.ctl('image', 'publish', 'plain', path)


def test_progress_is_shown_on_a_terminal_only(site):
    path = make_image(site.folder / 'tty.qcow2', 3, b'tty')
    master, slave = os.openpty()
    with subprocess.Popen(site.ctl_command('image', 'publish', 'tty', path), stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=slave) as process:
        os.close(slave)
        assert process.wait(60) == 0
    shown = os.read(master, 65536).decode()
    os.close(master)
    assert 'reading 100 %' in shown and 'sending 100 %' in shown
    done = subprocess.run(site.ctl_command('image', 'publish', 'tty', path), capture_output=True,
                          timeout=60, check=True)
    assert done.stderr == b''


@pytest.mark.parametrize('content, words', [
    (b'raw disk content' * 1000, 'not a qcow2 image'),
    (bytes.fromhex('514649fb00000003000000000000000800') + bytes(5000), 'backing file'),
], ids=['raw', 'backing-file'])
def test_files_that_are_no_images_are_refused_on_both_sides(site, content, words):
    path = site.folder / 'bad.qcow2'
    path.write_bytes(content)
    assert words in site.ctl('image', 'publish', 'bad', path, check=False)
    assert begin(site, path).status == 200
    answer = put(site, path, 0)
    assert (answer.status, answer.code) == (400, 'image_refused') and words in answer.body['detail']
    assert register(site, path, 'bad').code == 'image_not_here'


def test_nothing_is_published_that_has_not_arrived(site):
    path = make_image(site.folder / 'half.qcow2', 3, b'half')
    size = path.stat().st_size
    assert begin(site, path).body['offset'] == 0
    assert put(site, path, 0).body['offset'] == MB
    # Parts that do not follow change nothing.
    for offset in (0, 2 * MB, size):
        assert put(site, path, offset, b'x').code == 'upload_offset'
    with contextlib.suppress(OSError, ValueError):   # too large: cut off, or refused without JSON
        assert put(site, path, MB, b'x' * (MB + 1)).status in (400, 413)
    assert register(site, path).code == 'image_not_here'
    assert f'{sha256(path)}.part' in kept(site)
    # The broker is killed: what it had goes on, and is whole in the end.
    site.broker.kill()
    site.broker.start(init=False)
    assert put(site, path, MB).code == 'upload_offset', 'begin again'
    assert begin(site, path).body['offset'] == MB
    offset = MB
    while offset < size:
        offset = put(site, path, offset).body['offset']
    assert register(site, path).status == 200
    assert f'{sha256(path)}.part' not in kept(site)


def test_what_is_not_what_was_announced_is_thrown_away(site):
    path = make_image(site.folder / 'other.qcow2', 2, b'other')
    data = path.read_bytes()
    assert begin(site, path).status == 200
    changed = data[:-1] + bytes([data[-1] ^ 1])
    offset, answer = 0, None
    while offset < len(data):
        answer = put(site, path, offset, changed[offset:offset + MB])
        offset += MB
    assert (answer.status, answer.code) == (400, 'image_refused'), answer
    assert not [name for name in kept(site) if name.startswith(sha256(path))]


def test_no_room_is_said_before_anything_is_sent(site):
    answer = site.broker.admin('POST', '/v1/admin/image-uploads', {
        'sha256': 'ab' * 32, 'size_bytes': 250 << 30})
    if answer.status == 200:
        pytest.skip('there is room for 250 GiB here')
    assert (answer.status, answer.code) == (507, 'image_no_space')
    assert re.search(r'\d+ MiB are missing', answer.body['detail'])


def test_a_publish_that_is_interrupted_goes_on(site):
    """The command is killed in the middle, then the broker under the next one; old stays current."""
    site.ctl('image', 'publish', 'long', make_image(site.folder / 'old.qcow2', 1, b'old'))
    path = make_image(site.folder / 'new.qcow2', 48, b'new')
    part = site.broker.state / 'images' / f'{sha256(path)}.part'
    first = subprocess.Popen(site.ctl_command('image', 'publish', 'long', path))
    wait_until('something has arrived', lambda: part.exists() and part.stat().st_size > 4 * MB, 30,
               0.005)
    first.kill()
    first.wait()
    assert site.publication('long')['publication'] == 1
    before = part.stat().st_size
    second = subprocess.Popen(site.ctl_command('image', 'publish', 'long', path))
    wait_until('more has arrived', lambda: not part.exists() or part.stat().st_size > before + 2 * MB,
               30, 0.005)
    site.broker.kill()
    site.broker.start(init=False)
    assert second.wait(60) == 0
    shown = site.publication('long')
    assert shown['publication'] == 2 and shown['stable'] and shown['sha256'] == sha256(path)
    assert sha256(site.broker.state / 'images' / f'{sha256(path)}.qcow2') == sha256(path)


def test_leftovers_are_removed_in_the_end(site):
    folder = site.broker.state / 'images'
    old, new = folder / ('cd' * 32 + '.part'), folder / ('ef' * 32 + '.part')
    old.write_bytes(b'x')
    new.write_bytes(b'x')
    os.utime(old, (time.time() - 90000,) * 2)
    site.broker.kill()
    site.broker.start(init=False)
    wait_until('the old one is gone', lambda: not old.exists(), 20)
    assert new.exists()
    new.unlink()


# --- hosts ----------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def fetching(site):
    """The site with its agent and a pool whose image has three pieces."""
    path = make_image(site.folder / 'gold.qcow2', 40, b'gold')
    site.ctl('image', 'publish', 'gold', path)
    site.broker.apply(small_site.gold_pool())
    site.start_agent()
    site.wait_host()
    site.path = path
    return site


def ready(site):
    return wait_until('the host has the image',
                      lambda: site.host_image('gold')['state'] == 'ready', 60, 0.1)


def copy_of(site):
    return site.images / f'{sha256(site.path)}.qcow2'


def test_hosts_fetch_what_they_need(fetching):
    ready(fetching)
    assert sha256(copy_of(fetching)) == sha256(fetching.path)
    assert copy_of(fetching).stat().st_mode & 0o777 == 0o444
    assert [p.name for p in fetching.images.iterdir()] == [copy_of(fetching).name]


def flip(path, at):
    os.chmod(path, 0o644)
    with open(path, 'r+b') as file:
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1]))


def test_one_flipped_byte_is_named_and_replaced_once(fetching):
    ready(fetching)
    flip(copy_of(fetching), 20 * MB)
    fetching.broker.apply(fetching_pool := small_site.gold_pool(title='look again'))
    wait_until('it was seen', lambda: 'event=image_damaged' in fetching.agent_log(), 40, 0.1)
    line = next(l for l in fetching.agent_log().splitlines() if 'event=image_damaged' in l)
    assert f'bytes {16 * MB} to {32 * MB - 1}' in line and 'replaced=yes' in line
    wait_until('it is whole again', lambda: sha256(copy_of(fetching)) == sha256(fetching.path), 40, 0.1)
    ready(fetching)
    # The second time it is an error that stays, with its place.
    flip(copy_of(fetching), 33 * MB)
    fetching.broker.apply(dict(fetching_pool, title='and again'))
    shown = wait_until('it stays an error', lambda: (h := fetching.host_image('gold'))['state'] == 'bad'
                       and 'again' in h['reason'] and h, 40, 0.1)
    assert f'bytes {32 * MB} to ' in shown['reason']
    assert f'bytes {32 * MB} to ' in fetching.ctl('image', 'show', 'gold')


def test_an_interrupted_fetch_keeps_what_it_has(fetching):
    site = fetching
    site.kill_agent()
    for path in site.images.iterdir():
        path.unlink()
    log = site.folder / 'points'
    site.start_agent(GENKAN_FAULT='fetch_piece:2', GENKAN_FAULT_LOG=str(log))
    assert site.agent.wait(60) == -signal.SIGKILL
    assert not copy_of(site).exists(), 'a part never has the name of the whole'
    log.unlink()
    site.start_agent(GENKAN_FAULT_LOG=str(log))
    ready(site)
    assert sha256(copy_of(site)) == sha256(site.path)
    assert log.read_text().split().count('fetch_piece') == 1, 'only what was missing is fetched'


def test_a_broker_with_a_damaged_copy_is_told_with_the_place(fetching):
    site = fetching
    path = make_image(site.folder / 'rotten.qcow2', 20, b'rotten')
    site.ctl('image', 'publish', 'rotten', path)
    flip(site.broker.state / 'images' / f'{sha256(path)}.qcow2', 17 * MB)
    site.broker.apply(small_site.gold_pool(),
                      small_site.gold_pool('rotten', image={'name': 'rotten', 'channel': 'stable'}))
    shown = wait_until('the host says so', lambda: 'bytes' in (h := site.host_image('rotten'))['reason']
                       and h, 40, 0.1)
    assert shown['state'] != 'ready' and f'bytes {16 * MB} to ' in shown['reason']
    # Publishing again mends it.
    site.ctl('image', 'publish', 'rotten', path)
    wait_until('the host has it', lambda: site.host_image('rotten')['state'] == 'ready', 90, 0.2)


def test_a_publication_overtaken_while_it_is_fetched_stops_no_later_one(fetching):
    site = fetching
    site.broker.stop()
    site.broker.write_config(images__rate='4M')
    site.broker.start(init=False)
    try:
        first = make_image(site.folder / 'first.qcow2', 40, b'first')
        site.ctl('image', 'publish', 'overtaken', first)
        site.broker.apply(small_site.gold_pool(), small_site.gold_pool(
            'overtaken', image={'name': 'overtaken', 'channel': 'stable'}))
        wait_until('it is under way', lambda: site.host_image('overtaken')['state'] == 'fetching', 40, 0.05)
        site.ctl('image', 'publish', 'overtaken', make_image(site.folder / 'second.qcow2', 2, b'second'))
        wait_until('the next is there', lambda: site.host_image('overtaken')['state'] == 'ready', 40, 0.1)
        assert not (site.images / f'{sha256(first)}.qcow2').exists()
    finally:
        site.broker.stop()
        site.broker.write_config(images__rate='0')
        site.broker.start(init=False)


def test_files_of_images_are_for_hosts_only(site):
    path = f'/agent/v1/images/{sha256(site.folder / "a.qcow2")}'
    for certificate in (None, site.broker.admin_certificate):
        answer = site.broker.agent_http('GET', path, certificate=certificate)
        assert answer.status == 403
