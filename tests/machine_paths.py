"""Paths that exist on one machine alone."""

import re

ABSOLUTE = re.compile(
    r"""(?:^|[\s"'`(=])(?:/(?:home|root|tmp|usr|var|work|opt|mnt|Users)\b|~/|[A-Z]:\\|file://)""",
    re.MULTILINE,
)
