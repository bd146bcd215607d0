# SPDX-License-Identifier: Apache-2.0
"""What the documents point to exists: files, anchors, commands, and words with a meaning (codes, keys, events, metrics)."""
import os
import pathlib
import re
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('GENKAN_BUILD', TOP / 'build-tests'))
CTL = BUILD / 'ctl' / 'genkanctl'
PAGES = [TOP / 'README.md', *sorted((TOP / 'docs').glob('*.md'))]


def anchors(page):
    return {re.sub(r'[^\w\- ]', '', title.lower()).strip().replace(' ', '-')
            for title in re.findall(r'^#+ (.*)$', page.read_text(), re.M)}


@pytest.mark.parametrize('page', PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page):
    for target in re.findall(r'\]\(([^)\s]+)\)', page.read_text()):
        if re.match(r'https?:', target):
            continue
        path, _, anchor = target.partition('#')
        there = (page.parent / path) if path else page
        assert there.exists(), f'{page.name}: {target}'
        assert not anchor or anchor in anchors(there), f'{page.name}: {target}'


def commands():
    """The first words behind each genkanctl in code."""
    found = {}
    for page in PAGES:
        text = page.read_text()
        code = re.findall(r'```.*?```', text, re.S) + re.findall(r'`[^`]+`', re.sub(r'```.*?```', '', text, flags=re.S))
        for part in code:
            for words in re.findall(r'genkanctl((?:\s+[a-z][a-z-]*)+)', part):
                found.setdefault(tuple(words.split()[:2]), page.name)
    return found


@pytest.mark.skipif(not CTL.exists(), reason='genkanctl is not built')
def test_commands_exist():
    known = subprocess.run([CTL, '--help'], text=True, capture_output=True, check=True).stdout
    lines = [line.split() for line in known.split('Options:')[0].split('\n') if line.startswith('  ')]
    nouns = {line[0] for line in lines}
    both = {tuple(line[:2]) for line in lines}
    # a noun that is a command by itself: what stands behind it is a value, or the help text
    alone = {'init', 'doctor', 'apply', 'diff', 'backup', 'restore', 'login', 'logout', 'whoami', 'revoke', 'password'}
    for words, page in commands().items():
        assert words[0] in nouns, f'{page}: genkanctl {" ".join(words)}'
        assert len(words) == 1 or words[0] in alone or words[:2] in both, f'{page}: genkanctl {" ".join(words)}'


OTHERS_WORDS = {'http_proxy', 'root_squash'}
SOURCES = ['meson.build', '*.c', '*.h', '*.scd', '*.conf', '*.js', '*.yaml', '*.service', '*.sysusers', '*.py']


def test_codes_keys_events_and_metrics_exist():
    """`word_word` in code is a word of the programs, too."""
    tops = ['broker', 'common', 'ctl', 'db', 'deploy', 'guest', 'hostagent', 'pool', 'thinclient',
            'tests/hostile']
    known = set()
    for top in tops:
        for pattern in SOURCES:
            for path in (TOP / top).rglob(pattern):
                known.update(re.findall(r'[a-z][a-z0-9]*(?:_[a-z0-9]+)+', path.read_text(errors='replace')))
    for page in PAGES:
        text = re.sub(r'```.*?```', '', page.read_text(), flags=re.S)
        words = {word for part in re.findall(r'`([^`]+)`', text)
                 for word in re.findall(r'^[a-z][a-z0-9]*(?:_[a-z0-9]+)+(?=$|[{ =:])', part)
                 if not word.startswith('test_')} - OTHERS_WORDS
        assert words <= known, f'{page.name}: {words - known}'


def test_settings_of_the_client_are_all_in_its_guide():
    manual = (TOP / 'thinclient/genkan-client.conf.5.scd').read_text().split('# EXAMPLE')[0]
    guide = (TOP / 'docs/thin-client-guide.md').read_text()
    keys = re.findall(r'^\*([a-z_]+)\*$', manual, re.M)
    assert len(keys) >= 8
    assert [key for key in keys if not re.search(rf'^\| `{key}` \|', guide, re.M)] == []
