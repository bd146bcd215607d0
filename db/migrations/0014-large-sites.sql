-- SPDX-License-Identifier: Apache-2.0
-- Asked at every answer to a host, and for every desktop with a user's disk that goes: at a large site
-- neither may look at all desktops. No desktop's row is written to these more than once or twice.
CREATE INDEX desktop_by_image ON desktop (image_sha256);
CREATE INDEX desktop_by_user_disk ON desktop (user_disk) WHERE user_disk <> '';
