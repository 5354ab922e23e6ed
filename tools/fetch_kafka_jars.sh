#!/usr/bin/env bash
# Fetch Apache Kafka's jars into a directory, through Maven as it is set up on this machine:
#   schemas/  the newest kafka-clients and its siblings, whose message schemas our declarations are compared with
#   broker/   the newest release that is there as a whole (broker, tools and everything they need), our oracle
#   logging/  what makes that one log to stderr, so that tests see what it warns of
set -euo pipefail
mkdir -p "${1:?usage: fetch_kafka_jars.sh DIRECTORY}"
target=$(cd "$1" && pwd)
schemas=4.4.0
whole=4.3.1
logging=1.7.36
complete="$target/.complete-$schemas-$whole-$logging"
[ -f "$complete" ] && exit 0
mkdir -p "$target/schemas" "$target/broker" "$target/logging"
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
mvn -B -q dependency:copy -Dartifact="org.slf4j:slf4j-simple:$logging" -DoutputDirectory="$target/logging"
touch "$complete"
