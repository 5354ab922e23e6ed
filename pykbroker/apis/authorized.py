"""Authorized operations: the bit field that describe APIs answer with. Bit n stands for the ACL operation of code n.

Without an authorizer everybody may do everything that a resource of the type allows
(`AclEntry.supportedOperations`, KIP-430).
"""

from __future__ import annotations

from typing import Final

READ: Final = 3
WRITE: Final = 4
CREATE: Final = 5
DELETE: Final = 6
ALTER: Final = 7
DESCRIBE: Final = 8
CLUSTER_ACTION: Final = 9
DESCRIBE_CONFIGS: Final = 10
ALTER_CONFIGS: Final = 11
IDEMPOTENT_WRITE: Final = 12


def bit_field(*operations: int) -> int:
    """Return the field with these operations' bits set."""
    field = 0
    for operation in operations:
        field |= 1 << operation
    return field


NOT_ASKED: Final = -2147483648  # what a response says when the request did not ask
TOPIC: Final = bit_field(READ, WRITE, CREATE, DELETE, ALTER, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS)
GROUP: Final = bit_field(READ, DELETE, DESCRIBE, DESCRIBE_CONFIGS, ALTER_CONFIGS)
CLUSTER: Final = bit_field(
    CREATE, ALTER, DESCRIBE, CLUSTER_ACTION, DESCRIBE_CONFIGS, ALTER_CONFIGS, IDEMPOTENT_WRITE
)
