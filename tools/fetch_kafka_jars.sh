#!/usr/bin/env bash
# Fetch Apache Kafka's jars into a directory, through Maven as it is set up on this machine:
#   schemas/  the newest kafka-clients and its siblings, whose message schemas our declarations are compared with
#   broker/   the newest release that is there as a whole (broker, tools and everything they need), our oracle
set -euo pipefail
mkdir -p "${1:?usage: fetch_kafka_jars.sh DIRECTORY}"
target=$(cd "$1" && pwd)
schemas=4.4.0
whole=4.3.1
[ -f "$target/.complete-$schemas-$whole" ] && exit 0
mkdir -p "$target/schemas" "$target/broker"
for artifact in kafka-clients kafka-metadata kafka-group-coordinator kafka-transaction-coordinator kafka-raft kafka-storage kafka-share-coordinator; do
    mvn -B -q dependency:copy -Dartifact="org.apache.kafka:$artifact:$schemas" -DoutputDirectory="$target/schemas"
done
pom=$(mktemp -d)/pom.xml
cat > "$pom" <<EOF
<project><modelVersion>4.0.0</modelVersion>
<groupId>pykbroker</groupId><artifactId>oracle</artifactId><version>1</version><dependencies>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId><version>$whole</version></dependency>
<dependency><groupId>org.apache.kafka</groupId><artifactId>kafka-tools</artifactId><version>$whole</version></dependency>
</dependencies></project>
EOF
mvn -B -q -f "$pom" dependency:copy-dependencies -DoutputDirectory="$target/broker"
touch "$target/.complete-$schemas-$whole"
