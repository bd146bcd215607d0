# SPDX-License-Identifier: Apache-2.0
"""genkan-relay in front of a golden image with xrdp: one login for all, and text of the clipboard.
What does not get in: tests/hostile/test_matrix_xrdp.py."""
import base64
import os
import pathlib
import shutil
import subprocess

import pytest
import relay_site
from xrdp_desktop import USER, Desktop

IMAGE = os.environ.get('GENKAN_TEST_IMAGE') or os.environ.get('GENKAN_IMAGE')
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(relay_site.why_not() is not None, reason=str(relay_site.why_not())),
    pytest.mark.skipif(not IMAGE or not os.path.exists(IMAGE), reason='no golden image: GENKAN_IMAGE'),
]

@pytest.fixture(scope='module')
def site(tmp_path_factory):
    folder = tmp_path_factory.mktemp('relay-xrdp')
    s = relay_site.RelaySite(folder, display=93)
    s.desktop = Desktop(folder / 'desktop', IMAGE)
    yield s
    s.desktop.vm.stop()
    s.close()
    assert s.relay.sanitizer_reports() == []


def ticket_for(site, password=None, **keys):
    return site.broker.ticket(site.desktop.address, site.desktop.pin, user=USER,
                              password=password or site.desktop.password(), lifetime_s=120, **keys)


def colours(png):
    return int(subprocess.run(['identify', '-format', '%k', png], check=True, capture_output=True, text=True).stdout)


def test_one_login_opens_the_desktop(site):
    ticket = ticket_for(site)
    client = site.connect(ticket, '/size:1280x800', colours=64, hold=1, wait=150)
    client.wait_frame(200)
    assert client.finish(30) == 0, client.output() + (client.folder / 'err').read_text()[-3000:]
    # The user of the credential is logged in; the name the client sent ("ticket") is nobody.
    assert site.desktop.processes('Xorg'), site.desktop.journal()[-3000:]
    assert site.desktop.agent.shell('id ticket 2>/dev/null || echo nobody').strip() == 'nobody'
    assert colours(client.png) > 50
    site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_active')


def test_credential_opens_once(site):
    password = site.desktop.password()
    assert site.connect(ticket_for(site, password), hold=5, wait=90).finish(180) == 0
    used = site.desktop.agent.shell('ls /run/genkan/used').split()
    again = site.connect(ticket_for(site, password), colours=64, hold=30, wait=60)
    assert again.finish(120) != 0
    assert site.desktop.agent.shell('ls /run/genkan/used').split() == used


def guest_clipboard(site):
    """xclip inside the desktop, as the user: a function of its arguments."""
    agent = site.desktop.agent
    if 'xclip' not in agent.shell('ls /usr/local/bin'):
        binary = base64.b64encode(pathlib.Path(shutil.which('xclip')).read_bytes()).decode()
        for at in range(0, len(binary), 60000):
            agent.shell(f'echo {binary[at:at + 60000]} >> /tmp/xclip.b64')
        agent.shell('base64 -d /tmp/xclip.b64 > /usr/local/bin/xclip; chmod 755 /usr/local/bin/xclip')
    display = relay_site.wait_until(lambda: agent.shell('ls /tmp/.X11-unix').split(), what='X display')[-1][1:]

    def run(command):
        return agent.shell(f"runuser -u {USER} -- sh -c 'DISPLAY=:{display} XAUTHORITY=/home/{USER}/.Xauthority "
                           f"timeout 10 {command}' 2>&1 || true")
    return run


def test_clipboard_is_text_in_the_allowed_directions(site):
    """A client that offers text, HTML and a file, and asks for whatever the desktop offers. The other
    policies: test_matrix_xrdp.py."""
    inside, outside = 'from the desktop 内', 'from the client 外'
    for policy, to_desktop, from_desktop in (('text-to-desktop', True, False), ('text-both', True, True)):
        ticket = ticket_for(site, policy={'clipboard': policy})
        client = site.connect(ticket, '+clipboard', '/size:1280x800', colours=64, hold=600, wait=150,
                              clip_text=outside)
        client.wait_frame(200)
        xclip = guest_clipboard(site)
        if to_desktop:
            relay_site.wait_until(lambda: 'UTF8_STRING' in xclip('xclip -selection clipboard -o -t TARGETS'),
                                  60, 'text inside the desktop')
        targets = xclip('xclip -selection clipboard -o -t TARGETS')
        assert 'uri-list' not in targets and 'html' not in targets and 'copied-files' not in targets, targets
        pasted = xclip('xclip -selection clipboard -o -t UTF8_STRING')
        assert (outside in pasted) == to_desktop, (policy, pasted)

        # xclip stays behind to serve it, and must not keep our pipe open
        site.desktop.agent.shell(f"printf '{inside}' > /tmp/inside")
        xclip('xclip -selection clipboard -i /tmp/inside >/dev/null 2>/dev/null')
        if from_desktop:
            relay_site.wait_until(lambda: inside.encode('utf-16le').hex() in client.output(), 60,
                                  f'text outside the desktop: {client.output()}')
        else:
            relay_site.wait_until(lambda: any(e['what'] == 'clipboard' and e['name'] == 'CF_UNICODETEXT'
                                              and 'guest' in e['detail'] for e in site.broker.of_session(ticket)),
                                  60, 'refusal of text from the desktop')
            assert inside.encode('utf-16le').hex() not in client.output()
            assert 'clip-offered 13' not in client.output()
        denied = {(e['what'], e['name']) for e in site.broker.of_session(ticket) if e['kind'] == 'denied'}
        assert {('clipboard', 'FileGroupDescriptorW'), ('clipboard', 'HTML Format')} <= denied, denied
        client.close()
        site.broker.wait_event(lambda e: e['session'] == ticket.session and e['kind'] == 'session_ended', 20)
