# SPDX-License-Identifier: Apache-2.0
"""A golden image with xrdp as the guest of a relay."""
import os

import guest_vm

ACCEL = 'kvm' if os.environ.get('GENKAN_KVM') else 'tcg,thread=multi'
USER = 'hanako'


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
