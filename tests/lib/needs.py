# SPDX-License-Identifier: Apache-2.0
"""What tests need of the machine, and are skipped without: values of pytestmark."""
import pytest

from broker import PROGRAM
from slapd import SLAPD

NEEDS_BROKER = [
    pytest.mark.skipif(not SLAPD, reason='slapd is not installed'),
    pytest.mark.skipif(not PROGRAM.exists(), reason=f'not built: {PROGRAM}'),
]
