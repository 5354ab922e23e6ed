"""Which metrics there are: under the names that the Prometheus JMX exporter gives those of Apache Kafka.

The exporter makes a name of an MBean by rules. These are the names that its own example (`kafka-2_0_0.yml`) and
Strimzi's `kafka-metrics` give; the connections have Confluent's name beside Strimzi's, for they differ. As the rules
do, names are in small letters and labels are not. docs/metrics.md says which dashboards use what; a test keeps that
table, this one and the output equal.
"""

from __future__ import annotations

from typing import Final

from pykbroker.metrics import COUNTER, GAUGE, SUMMARY, Family

TOPICS: Final = "kafka_server_brokertopicmetrics_"
REQUESTS: Final = "kafka_network_requestmetrics_"
PURGATORY: Final = "kafka_server_delayedoperationpurgatory_"
GROUPS: Final = "kafka_coordinator_group_groupmetadatamanager_"
REPLICAS: Final = "kafka_server_replicamanager_"
PARTITIONS: Final = "kafka_cluster_partition_"
CONTROLLER: Final = "kafka_controller_kafkacontroller_"
LOGS: Final = "kafka_log_log_"
SOCKETS: Final = ("kafka_server_socket_server_metrics_", "kafka_server_socketservermetrics_")

# Attribute of `TopicTraffic` -> what its metric is called behind TOPICS.
TOPIC_COUNTERS: Final = {
    "messages_in": "messagesin_total",
    "bytes_in": "bytesin_total",
    "bytes_out": "bytesout_total",
    "bytes_rejected": "bytesrejected_total",
    "produces": "totalproducerequests_total",
    "fetches": "totalfetchrequests_total",
    "failed_produces": "failedproducerequests_total",
    "failed_fetches": "failedfetchrequests_total",
}

FAMILIES: Final = (
    Family(f"{TOPICS}messagesin_total", COUNTER, "Records that clients wrote; without topic: all topics together"),
    Family(f"{TOPICS}bytesin_total", COUNTER, "Bytes of batches that clients wrote"),
    Family(f"{TOPICS}bytesout_total", COUNTER, "Bytes of batches that clients read"),
    Family(f"{TOPICS}bytesrejected_total", COUNTER, "Bytes of batches that were too large"),
    Family(f"{TOPICS}totalproducerequests_total", COUNTER, "Partitions in Produce requests"),
    Family(f"{TOPICS}totalfetchrequests_total", COUNTER, "Partitions in Fetch requests"),
    Family(f"{TOPICS}failedproducerequests_total", COUNTER, "Partitions in Produce requests that failed"),
    Family(f"{TOPICS}failedfetchrequests_total", COUNTER, "Partitions in Fetch requests that failed"),
    Family(f"{REQUESTS}requests_total", COUNTER, "Requests, by API and version"),
    Family(f"{REQUESTS}errors_total", COUNTER, "Error codes in answers, by API and code; NONE is no error"),
    Family(f"{REQUESTS}totaltimems", SUMMARY, "Milliseconds from a request's last byte to its answer"),
    Family(f"{PURGATORY}purgatorysize", GAUGE, "Requests, or rebalances, that wait for something"),
    Family(f"{PURGATORY}numdelayedoperations", GAUGE, "The same: here, what is over does not stay in purgatory"),
    Family("kafka_server_fetchsessioncache_numincrementalfetchsessions", GAUGE, "Fetch sessions of consumers"),
    Family(f"{GROUPS}numgroups", GAUGE, "Consumer groups"),
    Family(f"{GROUPS}numgroupsempty", GAUGE, "Groups without members"),
    Family(f"{GROUPS}numgroupspreparingrebalance", GAUGE, "Groups that wait for their members to join"),
    Family(f"{GROUPS}numgroupscompletingrebalance", GAUGE, "Groups that wait for their leader's assignment"),
    Family(f"{GROUPS}numgroupsstable", GAUGE, "Groups whose members have their partitions"),
    Family(f"{GROUPS}numgroupsdead", GAUGE, "Groups about to be removed"),
    Family(f"{GROUPS}numoffsets", GAUGE, "Committed offsets, one for each group and partition"),
    Family(f"{REPLICAS}leadercount", GAUGE, "Partitions that this broker leads"),
    Family(f"{REPLICAS}partitioncount", GAUGE, "Partitions that this broker has"),
    Family(f"{REPLICAS}offlinereplicacount", GAUGE, "Partitions of this broker in log directories that failed"),
    Family(f"{REPLICAS}underreplicatedpartitions", GAUGE, "Partitions with replicas that are not in sync"),
    Family(f"{REPLICAS}underminisrpartitioncount", GAUGE, "Partitions with fewer replicas in sync than they need"),
    Family(f"{REPLICAS}atminisrpartitioncount", GAUGE, "Partitions with no more replicas in sync than they need"),
    Family(f"{PARTITIONS}replicascount", GAUGE, "Replicas of a partition"),
    Family(f"{PARTITIONS}underminisr", GAUGE, "1 if a partition has fewer replicas in sync than it needs"),
    Family(f"{PARTITIONS}atminisr", GAUGE, "1 if a partition has no more replicas in sync than it needs"),
    Family(f"{CONTROLLER}activecontrollercount", GAUGE, "1, as this broker is the controller"),
    Family(f"{CONTROLLER}activebrokercount", GAUGE, "Brokers that take part"),
    Family(f"{CONTROLLER}fencedbrokercount", GAUGE, "Brokers that are registered, and do not take part"),
    Family(f"{CONTROLLER}offlinepartitionscount", GAUGE, "Partitions without a leader"),
    Family(f"{CONTROLLER}preferredreplicaimbalancecount", GAUGE, "Partitions not led by their first replica"),
    Family(f"{CONTROLLER}globaltopiccount", GAUGE, "Topics"),
    Family(f"{CONTROLLER}globalpartitioncount", GAUGE, "Partitions of all topics"),
    Family(f"{LOGS}size", GAUGE, "Bytes of a partition's log"),
    Family(f"{LOGS}logstartoffset", GAUGE, "The first offset that may be read"),
    Family(f"{LOGS}logendoffset", GAUGE, "The offset that the next record gets"),
    Family(f"{LOGS}numlogsegments", GAUGE, "Segments of a partition's log"),
    Family("kafka_log_logmanager_offlinelogdirectorycount", GAUGE, "Log directories that failed"),
    Family("kafka_log_logmanager_logdirectoryoffline", GAUGE, "1 if a log directory failed"),
    Family("kafka_log_logcleaner_cleaner_recopy_percent", GAUGE, "What the last compaction left, in percent of bytes"),
    Family("kafka_log_logcleanermanager_uncleanable_partitions_count", GAUGE, "Partitions that cannot be compacted"),
    *(
        family
        for name in SOCKETS
        for family in (
            Family(f"{name}connection_count", GAUGE, "Connections of clients, by listener"),
            Family(f"{name}connection_creation_total", COUNTER, "Connections that were accepted"),
            Family(f"{name}connection_close_total", COUNTER, "Connections that were accepted, and are over"),
        )
    ),
    Family("kafka_server_kafkaserver_brokerstate", GAUGE, "3 while the broker runs, 6 while it stops"),
    Family("process_cpu_seconds_total", COUNTER, "CPU time of the process, in seconds"),
    Family("process_start_time_seconds", GAUGE, "When the process started, in seconds since 1970"),
    Family("process_resident_memory_bytes", GAUGE, "Memory of the process"),
    Family("process_virtual_memory_bytes", GAUGE, "Address space of the process"),
    Family("process_open_fds", GAUGE, "Files and sockets that are open"),
    Family("process_max_fds", GAUGE, "How many may be open"),
)
