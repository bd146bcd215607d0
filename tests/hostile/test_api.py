# SPDX-License-Identifier: Apache-2.0
"""A short run of api_fuzz.py; GENKAN_FUZZ_SECONDS makes it a longer one."""
import os
import time

import api_fuzz
from needs import NEEDS_BROKER

pytestmark = NEEDS_BROKER


def test_whatever_is_asked_is_answered_or_refused(tmp_path):
    seed = int(time.time())
    print('seed', seed)
    count, statuses, grown, faults = api_fuzz.run(tmp_path, float(os.environ.get('GENKAN_FUZZ_SECONDS', '10')), seed)
    print(count, statuses, grown)
    assert not faults, '\n'.join(faults)
    assert count > 50 and {200, 400, 401, 403, 404} <= set(statuses)
    assert grown < 64 << 20
