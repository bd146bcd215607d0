# SPDX-License-Identifier: Apache-2.0
"""Runs tests/browser/console.mjs: a real Chromium at the web console."""
import json
import pathlib
import shutil
import subprocess

from broker import TOP

FOLDER = TOP / 'tests' / 'browser'
CHROMIUM = pathlib.Path('/usr/bin/chromium')


def prepare():
    """Never skipped: a console that nobody looked at is not tested."""
    assert CHROMIUM.exists() and shutil.which('node'), 'chromium and nodejs: deploy/install-deps test'
    if not (FOLDER / 'node_modules' / 'playwright-core').exists():
        subprocess.run(['npm', 'ci', '--no-audit', '--no-fund', '--ignore-scripts'], cwd=FOLDER, check=True,
                       timeout=180, stdout=subprocess.DEVNULL)


def drive(folder, deeds, **config):
    """Runs `stories` and does what they ask for ({name: function}); returns what they took."""
    prepare()
    config.setdefault('profile', str(pathlib.Path(folder) / 'browser'))
    with open(pathlib.Path(folder) / 'browser.log', 'wb') as log:
        process = subprocess.Popen(['node', str(FOLDER / 'console.mjs')], cwd=FOLDER, text=True, stderr=log,
                                   stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        print(json.dumps(config), file=process.stdin, flush=True)
        for line in process.stdout:
            said = json.loads(line)
            if said.get('done'):
                break
            print(json.dumps(deeds[said['do']](said) or {}), file=process.stdin, flush=True)
        else:
            raise AssertionError((pathlib.Path(folder) / 'browser.log').read_text()[-4000:])
        process.wait(30)
    finally:
        process.kill()
        process.wait()
        process.stdin.close()
        process.stdout.close()
    assert not said['failure'], said['failure']
    assert not said['faults'], '\n'.join(said['faults'])
    return said['took']
