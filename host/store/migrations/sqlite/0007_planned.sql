-- SPDX-License-Identifier: Apache-2.0
-- Versions of policies for which a time is set. They are looked for every second, among all that ever were.
CREATE INDEX policy_version_planned ON policy_version (name, version)
    WHERE content ->> '$.activateAt' IS NOT NULL OR content ->> '$.expiresAt' IS NOT NULL;
