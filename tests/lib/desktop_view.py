# SPDX-License-Identifier: Apache-2.0
"""What is on a desktop: its picture, and what runs in its user's session."""
import re
import subprocess


def image_facts(png):
    """(number of colours, width, height)"""
    out = subprocess.run(['identify', '-format', '%k %w %h', str(png)], check=True,
                         capture_output=True, text=True).stdout
    return tuple(int(n) for n in out.split())


def strip_colours(png, geometry):
    """Colours in a part of the picture, such as the panel: '1280x20+0+780'."""
    out = subprocess.run(['convert', str(png), '-crop', geometry, '+repage', '-format', '%k', 'info:'],
                         check=True, capture_output=True, text=True).stdout
    return int(out)


def difference(a, b):
    """Share of pixels that differ clearly between two pictures of one size."""
    done = subprocess.run(['compare', '-metric', 'AE', '-fuzz', '8%', str(a), str(b), 'null:'],
                          capture_output=True, text=True)
    assert done.returncode in (0, 1), done.stderr
    _colours, width, height = image_facts(a)
    return float(done.stderr.split()[0]) / (width * height)


def processes(site, desktop, user):
    """{pid: command name} of the user's processes in the desktop."""
    out = site.in_guest(desktop, '/usr/bin/ps', '-u', user, '-o', 'pid=,comm=', check=False)
    found = {}
    for line in out.splitlines():
        pid, _, name = line.strip().partition(' ')
        if pid.isdigit():
            found[int(pid)] = name.strip()
    return found


def start_in_session(site, desktop, user, *command):
    """Starts a program on the user's display, as if from the panel; returns its pid."""
    pids = {name: pid for pid, name in processes(site, desktop, user).items()}
    environment = site.in_guest(desktop, '/bin/cat', f'/proc/{pids["icewm"]}/environ')
    display = re.search(r'(?:^|\0)DISPLAY=([^\0]*)', environment).group(1)
    home = re.search(r'(?:^|\0)HOME=([^\0]*)', environment).group(1)
    script = (f'cd {home}; setsid runuser -u {user} -- env DISPLAY={display} HOME={home} '
              f'XAUTHORITY={home}/.Xauthority {" ".join(command)} >/dev/null 2>&1 </dev/null &')
    site.in_guest(desktop, '/bin/sh', '-c', script)
    return command[0]
