"""kafka-consumer-groups and kafka-groups."""

from tests.compat.tools.before import Committed, File, Member, Records, Topic
from tests.compat.tools.model import Flow, Run, Tool

_GROUP_WITH_OFFSETS = (
    Topic("$topic", 2),
    Topic("$other"),
    Records(10, partitions=(0, 1)),
    Records(4, topic="$other"),
    Committed(5, partitions=(0, 1)),
    Committed(2, topic="$other"),
)
_LIVE_GROUP = (Topic("$topic", 2), Records(3, partitions=(0, 1)), Committed(1, partitions=(0, 1)), Member())
_RESET = "--reset-offsets --group $group --topic $topic"


def _reset(form: str, warned: str = "") -> list[Run]:
    """A form of --reset-offsets: what it would do, and does not; what it does, and has done."""
    return [
        Run(f"{_RESET} {form} --dry-run", refused=warned),
        Run("--describe --group $group --offsets"),
        Run(f"{_RESET} {form} --execute", refused=warned),
        Run("--describe --group $group --offsets"),
    ]


CONSUMER_GROUPS = Tool(
    "kafka-consumer-groups",
    "org.apache.kafka.tools.consumer.group.ConsumerGroupCommand",
    [
        Flow(
            "list",
            [
                *_GROUP_WITH_OFFSETS,
                Run("--list"),
                Run("--list --state"),
                Run("--list --state Empty"),
                Run("--list --state Stable"),
                Run("--list --type"),
                Run("--list --type classic --state"),
            ],
        ),
        Flow(
            "list: a live member",
            [*_LIVE_GROUP, Run("--list --state"), Run("--list --state stable"), Run("--list --type classic")],
        ),
        Flow(
            "describe: no members",
            [
                *_GROUP_WITH_OFFSETS,
                Run("--describe --group $group"),
                Run("--describe --group $group --offsets --verbose"),
                Run("--describe --group $group --members"),
                Run("--describe --group $group --state"),
                Run("--describe --group $group --state --verbose"),
                Run("--describe --all-groups"),
            ],
        ),
        Flow(
            "describe: a live member",
            [
                *_LIVE_GROUP,
                Run("--describe --group $group"),
                Run("--describe --group $group --offsets --verbose"),
                Run("--describe --group $group --members"),
                Run("--describe --group $group --members --verbose"),
                Run("--describe --group $group --state"),
                Run("--describe --group $group --state --verbose"),
                Run("--describe --all-groups --members --verbose"),
            ],
        ),
        Flow(
            "describe: two static members",
            [
                Topic("$topic", 3),
                Member(name="one", instance="first"),
                Member(name="two", instance="second"),
                Run("--describe --group $group --members --verbose", until="second", any_order=True),
                Run("--describe --group $group", any_order=True),
            ],
        ),
        Flow(
            "describe: assignors",
            [
                Topic("$topic", 2),
                Member(assignor="roundrobin"),
                Member("$other", assignor="cooperative-sticky"),
                Run("--describe --group $group --state"),
                Run("--describe --group $other --state"),
                Run("--describe --all-groups --state", any_order=True),
            ],
        ),
        Flow(
            "describe: refusals",
            [
                Run("--describe --group $group", refused="GroupIdNotFoundException"),
                Run("--describe --group $group --members", refused="GroupIdNotFoundException"),
                Run("--describe --group $group --state", refused="GroupIdNotFoundException"),
            ],
        ),
        Flow("reset to earliest", [*_GROUP_WITH_OFFSETS, *_reset("--to-earliest")]),
        Flow("reset to latest", [*_GROUP_WITH_OFFSETS, *_reset("--to-latest")]),
        Flow(
            "reset to a time",
            [
                *_GROUP_WITH_OFFSETS,
                *_reset("--to-datetime 2023-11-14T22:13:27.000"),
                *_reset("--to-datetime 2023-11-14T22:13:20.500Z"),
                *_reset("--to-datetime 2033-11-14T22:13:27.000+01:00"),
            ],
        ),
        Flow(
            "reset by a duration",
            [*_GROUP_WITH_OFFSETS, *_reset("--by-duration PT1S"), *_reset("--by-duration P15000D")],
        ),
        Flow(
            "reset by a shift",
            [
                *_GROUP_WITH_OFFSETS,
                *_reset("--shift-by 2"),
                *_reset("--shift-by -4"),
                *_reset("--shift-by 100", "is higher than latest offset"),
            ],
        ),
        Flow(
            "reset to an offset",
            [
                *_GROUP_WITH_OFFSETS,
                *_reset("--to-offset 7"),
                *_reset("--to-offset 700", "is higher than latest offset"),
            ],
        ),
        Flow("reset to the current", [*_GROUP_WITH_OFFSETS, *_reset("--to-current")]),
        Flow(
            "reset from a file",
            [
                *_GROUP_WITH_OFFSETS,
                File("offsets.csv", "$topic,0,3\n$topic,1,8\n"),
                Run("--reset-offsets --group $group --from-file $dir/offsets.csv --dry-run"),
                Run("--reset-offsets --group $group --from-file $dir/offsets.csv --execute"),
                File("groups.csv", "$group,$topic,0,1\n$group,$other,0,4\n"),
                Run(
                    "--reset-offsets --group $group --group two --from-file $dir/groups.csv --execute",
                    refused="No reset plan for group two",
                ),
                Run("--describe --group $group --offsets"),
                Run("--describe --group two --offsets", refused="GroupIdNotFoundException"),
            ],
        ),
        Flow(
            "reset: export",
            [
                *_GROUP_WITH_OFFSETS,
                Run("--reset-offsets --group $group --all-topics --to-current --dry-run --export", any_order=True),
                Run("--reset-offsets --group $group --topic $topic:0 --to-earliest --dry-run --export"),
                Run("--reset-offsets --all-groups --all-topics --to-current --dry-run --export", any_order=True),
            ],
        ),
        Flow(
            "reset: some partitions",
            [
                *_GROUP_WITH_OFFSETS,
                Run("--reset-offsets --group $group --topic $topic:1 --to-earliest --execute"),
                Run(
                    "--reset-offsets --group $group --topic $topic:0,1 --topic $other --to-offset 1 --execute",
                    any_order=True,
                ),
                Run("--describe --group $group --offsets"),
            ],
        ),
        Flow(
            "reset: a new group",
            [
                Topic("$topic", 2),
                Records(3),
                Run("--reset-offsets --group $group --topic $topic --to-latest --execute"),
                Run("--list --state"),
            ],
        ),
        Flow(
            "reset: refusals",
            [
                *_LIVE_GROUP,
                Run(f"{_RESET} --to-earliest --execute", refused="Assignments can only be reset if the group"),
                Run(f"{_RESET} --to-earliest", refused="No action will be performed"),
                Run(
                    "--reset-offsets --group two --topic $other --to-earliest --dry-run",
                    refused="UnknownTopicOrPartitionException",
                ),
            ],
        ),
        Flow(
            "delete offsets",
            [
                *_GROUP_WITH_OFFSETS,
                Run("--delete-offsets --group $group --topic $topic:0"),
                Run("--describe --group $group --offsets"),
                Run("--delete-offsets --group $group --topic $topic"),
                Run("--describe --group $group --offsets"),
            ],
        ),
        Flow(
            "delete offsets: refusals",
            [
                *_LIVE_GROUP,
                Run("--delete-offsets --group $group --topic $topic:0", refused="GroupSubscribedToTopicException"),
                Run("--delete-offsets --group nobody --topic $topic", refused="GroupIdNotFoundException"),
                Run("--delete-offsets --group $group --topic nothing:0", refused="UnknownTopicOrPartitionException"),
            ],
        ),
        Flow(
            "delete",
            [
                *_GROUP_WITH_OFFSETS,
                Committed(1, "two"),
                Run("--delete --group $group"),
                Run("--list"),
                Run("--delete --all-groups"),
                Run("--list", silent=True),
            ],
        ),
        Flow(
            "delete: refusals",
            [
                *_LIVE_GROUP,
                Run("--delete --group $group", refused="GroupNotEmptyException"),
                Run("--delete --group nobody", refused="GroupIdNotFoundException"),
                Run("--delete --group $group --group nobody", refused="GroupNotEmptyException", any_order=True),
            ],
        ),
        Flow("usage", [Run("--validate-regex '.*[a-z]+'"), Run("--version")]),
        Flow(
            "consumer protocol",
            [
                Topic("$topic", 2),
                Records(2),
                Run(
                    "--bootstrap-server $bootstrap --topic $topic --group $group"
                    " --from-beginning --max-messages 2 --timeout-ms 20000"
                    " --command-property group.protocol=consumer",
                    tool="kafka-console-consumer",
                ),
                Run("--list --type consumer --state"),
                Run("--describe --group $group --state"),
            ],
            not_yet="KIP-848 consumer groups",
        ),
    ],
)

GROUPS = Tool(
    "kafka-groups",
    "org.apache.kafka.tools.GroupsCommand",
    [
        Flow(
            "list",
            [
                *_GROUP_WITH_OFFSETS,
                Committed(1, "two"),
                Run("--list", any_order=True),
                Run("--list --consumer", any_order=True),
                Run("--list --group-type classic", any_order=True),
                Run("--list --protocol consumer"),
                Run("--list --group-type consumer"),
                Run("--list --share"),
                Run("--list --streams"),
            ],
        ),
        Flow(
            "list: a live member",
            [*_LIVE_GROUP, Run("--list"), Run("--list --consumer"), Run("--list --protocol consumer")],
        ),
        Flow(
            "usage",
            [
                Run("", status=1, refused="must include exactly one action"),
                Run("--list --group-type nonsense", status=1, refused="must be a valid group type"),
            ],
        ),
    ],
)

TOOLS = (CONSUMER_GROUPS, GROUPS)
