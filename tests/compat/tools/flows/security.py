"""kafka-acls and kafka-delegation-tokens, against brokers without an authorizer and without SASL."""

from tests.compat.tools.before import File
from tests.compat.tools.model import Flow, Run, Tool

_DISABLED = "SecurityDisabledException"

ACLS = Tool(
    "kafka-acls",
    "org.apache.kafka.tools.AclCommand",
    [
        Flow(
            "without an authorizer",
            [
                Run("--list", refused=_DISABLED, status=1),
                Run("--add --allow-principal User:ann --operation Read --topic $topic", refused=_DISABLED, status=1),
                Run(
                    "--remove --force --allow-principal User:ann --operation Read --topic $topic",
                    refused=_DISABLED,
                    status=1,
                ),
            ],
        ),
    ],
)

_CONFIG = (File("client.properties", "client.id=tokens\n"),)
_WITH = "--command-config $dir/client.properties"
_NOT_ALLOWED = "UnsupportedByAuthenticationException"

DELEGATION_TOKENS = Tool(
    "kafka-delegation-tokens",
    "org.apache.kafka.tools.DelegationTokenCommand",
    [
        Flow(
            "without SASL",
            [
                *_CONFIG,
                Run(
                    f"--create --max-life-time-period -1 {_WITH} --renewer-principal User:ann",
                    refused=_NOT_ALLOWED,
                    status=1,
                ),
                Run(f"--describe {_WITH}", refused=_NOT_ALLOWED, status=1),
                Run(f"--renew --renew-time-period -1 --hmac aGFsbG8= {_WITH}", refused=_NOT_ALLOWED, status=1),
                Run(f"--expire --expiry-time-period -1 --hmac aGFsbG8= {_WITH}", refused=_NOT_ALLOWED, status=1),
            ],
        ),
        Flow("usage", [Run("--create", status=1, refused="Missing required argument")]),
    ],
)

TOOLS = (ACLS, DELEGATION_TOKENS)
