# SPDX-License-Identifier: Apache-2.0
"""A golden image with xrdp as the guest of a relay."""
import base64
import os
import pathlib
import shutil

import guest_vm
from netns import wait_until

ACCEL = 'kvm' if os.environ.get('GENKAN_KVM') else 'tcg,thread=multi'
USER = 'hanako'
# Asks chansrv for channels as a program of the desktop does with the library that xrdp has for it:
# arguments FLAGS=NAME=TEXT, with flags 0 for a static channel; says status and answer of each.
ASK_FOR_CHANNELS = r'''
use IO::Socket::UNIX;
sub heard {
	my ($from, $seconds) = @_; my ($set, $got) = ('', '');
	vec($set, fileno($from), 1) = 1;
	sysread($from, $got, 4096) if select($set, undef, undef, $seconds);
	return $got;
}
for (@ARGV) {
	my ($flags, $name, $text) = split /=/, $_, 3;
	my $chansrv = IO::Socket::UNIX->new(Peer => "/run/xrdp/sockdir/xrdpapi_$ENV{DISPLAY}") or die "chansrv: $!";
	syswrite $chansrv, pack('VVV/a*V', 16 + length $name, 0, $name, $flags);
	my $status = heard($chansrv, 10);
	$status = length $status == 4 ? unpack('V', $status) : 'none';
	syswrite $chansrv, $text if $text ne '' && $status eq '0';
	print "$status=", ($flags && $text ne '' && $status eq '0' ? heard($chansrv, 10) : ''), "\n";
	push @open, $chansrv;
}
'''


class Desktop:
    def __init__(self, folder, image):
        folder.mkdir()
        self.key = guest_vm.SigningKey(str(folder))
        self.vm = guest_vm.GuestVM(image, str(folder), accel=ACCEL).start()
        self.vm.wait_event('ready', 180)
        answer = self.vm.request(self.vm.identity(self.key), 180)
        assert answer['ok'], answer
        self.pin = answer['rdp_certificate_sha256']
        self.agent = self.vm.agent

    @property
    def address(self):
        return '127.0.0.1', self.vm.rdp_port

    def password(self, **changes):
        return self.key.credential(self.vm.desktop, 1, USER, display_name='Yamada Hanako', **changes)

    def journal(self):
        """Everything xrdp, sesman and chansrv have said."""
        return self.agent.shell('journalctl -q --no-pager -b -o cat')

    def processes(self, name):
        return self.agent.shell(f'pgrep -u {USER} -x {name} || true').split()

    def xclip(self, arguments):
        """xclip inside the desktop, as the user, on the display of the session."""
        if 'xclip' not in self.agent.shell('ls /usr/local/bin'):
            binary = base64.b64encode(pathlib.Path(shutil.which('xclip')).read_bytes()).decode()
            for at in range(0, len(binary), 60000):
                self.agent.shell(f'echo {binary[at:at + 60000]} >> /tmp/xclip.b64')
            self.agent.shell('base64 -d /tmp/xclip.b64 > /usr/local/bin/xclip; chmod 755 /usr/local/bin/xclip')
        return self.in_session(f'xclip {arguments}')

    def display(self):
        """The number of the session's X display."""
        return wait_until('X display', lambda: self.agent.shell('ls /tmp/.X11-unix').split(), 10)[-1][1:]

    def ask_for_channels(self, *wanted):
        """[(status, answer)] of (flags, name, text to say on it) each; '0' is an open channel."""
        arguments = ' '.join(f"'{flags}={name}={text}'" for flags, name, text in wanted)
        out = self.agent.shell(f"cat >/tmp/ask.pl <<'END'\n{ASK_FOR_CHANNELS}\nEND\n"
                               f'DISPLAY={self.display()} perl /tmp/ask.pl {arguments}')
        return [tuple(line.split('=', 1)) for line in out.splitlines()]

    def in_session(self, command):
        """What a command says, as the user on the display of the session."""
        display = self.display()
        return self.agent.shell(f"runuser -u {USER} -- sh -c 'DISPLAY=:{display} XAUTHORITY=/home/{USER}/.Xauthority "
                                f"timeout 10 {command}' 2>&1 || true")
