# SPDX-License-Identifier: Apache-2.0
"""What bash, zsh and fish offer for genkanctl is what genkanctl knows."""
import os
import pathlib
import shutil
import subprocess

import pytest

TOP = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get('GENKAN_BUILD', TOP / 'build-tests'))
CTL = BUILD / 'ctl' / 'genkanctl'
LOADER = '/usr/share/bash-completion/bash_completion'
# zsh's own functions want a terminal; ours calls three of them.
STUBS = '''
_describe() { [[ $1 == -o ]] && shift; print -l -- ${${(P)2}%%:*} }
_files() { print -l -- "FILES${1:+ $1}" }
compadd() { print -l -- $@ }
'''
pytestmark = pytest.mark.skipif(not CTL.exists(), reason='genkanctl is not built')


def run(*command):
    return subprocess.run(command, text=True, capture_output=True, check=True).stdout


def lines_of(shell, script, words):
    """What `shell` offers behind genkanctl and `words`, of which the last one is being typed."""
    line = ' '.join(['genkanctl', *words])
    if shell == 'bash':
        ask = (f'. {LOADER}; . {script}; COMP_WORDS=({" ".join(["genkanctl", *words[:-1]])} "{words[-1]}");'
               f'COMP_CWORD={len(words)}; COMP_LINE="{line}"; COMP_POINT={len(line)};'
               '_filedir() { COMPREPLY=("FILES${1:+ $1}"); };'
               '_genkanctl; printf "%s\\n" "${COMPREPLY[@]}"')
        return run('bash', '--norc', '-c', ask)
    if shell == 'zsh':
        quoted = ' '.join(f"'{word}'" for word in ['genkanctl', *words])
        return run('zsh', '-f', '-c', f'{STUBS} words=({quoted}); CURRENT={len(words) + 1}; . {script}')
    return run('fish', '--no-config', '-c', f"source {script}; complete -C '{line}'")


@pytest.fixture(params=['bash', 'zsh', 'fish'])
def offered(request, tmp_path):
    if not shutil.which(request.param) or (request.param == 'bash' and not os.path.exists(LOADER)):
        pytest.skip(f'{request.param} is not installed')
    script = tmp_path / 'completion'
    script.write_text(run(CTL, 'completion', request.param))
    (tmp_path / 'a-file').touch()

    def ask(*words):
        said = lines_of(request.param, script, words)
        return {line.split('\t')[0] for line in said.splitlines() if line}
    ask.shell, ask.folder = request.param, tmp_path
    return ask


def known_commands():
    """{('pool', 'list'): {'--json', ...}} as --help has them."""
    def words(line):
        return [w for w in line.split('  ')[1].split() if w[0].islower() and '|' not in w]
    found = {}
    for line in run(CTL, '--help').split('Options:')[0].split('\n'):
        if line.startswith('  '):
            command = tuple(words(line)[:2])
            text = run(CTL, *command, '--help')
            found[command] = {part.split()[0] for part in text.split('\n') if part.startswith('  --')}
    return found


def test_every_command_and_each_of_its_options_is_offered(offered):
    known = known_commands()
    assert len(known) > 50
    assert offered('') == {command[0] for command in known}
    for noun in {command[0] for command in known if len(command) == 2}:
        assert offered(noun, '') == {c[1] for c in known if c[0] == noun}, noun
    for command, options in known.items():
        assert offered(*command, '--') == options, command


def test_values_of_options_are_no_words_of_the_command(offered):
    assert {'list', 'show'} <= offered('--broker', 'pool:8443', 'image', '')
    assert '--channel' in offered('--site', 'tokyo', 'image', 'publish', '--')
    assert offered('image', 'publish', '--channel', '') == {'stable', 'canary'}
    assert offered('completion', '') == {'bash', 'zsh', 'fish'}


def test_files_are_offered_where_files_are_meant(offered, monkeypatch):
    monkeypatch.chdir(offered.folder)
    for words in [('apply', ''), ('pool', 'check', ''), ('image', 'publish', 'deb', ''),
                  ('--ca', ''), ('login', 'hanako', '--password-file', '')]:
        assert offered(*words) & {'FILES', 'a-file'}, words
    assert not offered('host', 'show', '') & {'FILES', 'a-file'}
    assert not offered('pool', 'apply', '--reason', '') & {'FILES', 'a-file'}
