package matrix;

import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.Map;
import java.util.regex.Pattern;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.TopicPartition;

/** A member of a consumer group, with the classic protocol or KIP-848's. */
final class ConsumerMember implements Member, ConsumerRebalanceListener {
    private static final Map<String, String> ASSIGNORS = Map.of(
            "range", "org.apache.kafka.clients.consumer.RangeAssignor",
            "roundrobin", "org.apache.kafka.clients.consumer.RoundRobinAssignor",
            "sticky", "org.apache.kafka.clients.consumer.StickyAssignor",
            "cooperative-sticky", "org.apache.kafka.clients.consumer.CooperativeStickyAssignor");

    private final KafkaConsumer<byte[], byte[]> consumer;

    private ConsumerMember(Settings settings) {
        consumer = settings.consumer();
    }

    static Member ofClassicProtocol(Call call) {
        Arguments arguments = call.arguments();
        Settings settings = settings(call)
                .set("session.timeout.ms", (int) arguments.number("session_timeout_ms", 6_000))
                .set("heartbeat.interval.ms", (int) arguments.number("heartbeat_ms", 500));
        if (arguments.has("assignor")) {
            String assignor = arguments.text("assignor");
            need(assignor);
            settings.set("partition.assignment.strategy", ASSIGNORS.get(assignor));
        }
        ConsumerMember member = new ConsumerMember(settings);
        if (arguments.has("pattern")) {
            member.consumer.subscribe(Pattern.compile(arguments.text("pattern")), member);
        } else {
            member.consumer.subscribe(arguments.texts("topics"), member);
        }
        return member;
    }

    /** The session's and the heartbeat's times are the broker's business in this protocol. */
    static Member ofConsumerProtocol(Call call) {
        need("consumer-protocol");
        Arguments arguments = call.arguments();
        ConsumerMember member = new ConsumerMember(
                settings(call).set("group.protocol", "consumer").from("assignor", "group.remote.assignor"));
        if (arguments.has("pattern")) {
            Library.subscribe(member.consumer, arguments.text("pattern"), member);
        } else {
            member.consumer.subscribe(arguments.texts("topics"), member);
        }
        return member;
    }

    private static Settings settings(Call call) {
        Arguments arguments = call.arguments();
        if (arguments.has("instance")) {
            need("static");
        }
        return new Settings(call)
                .from("group", "group.id")
                .from("instance", "group.instance.id")
                .from("isolation", "isolation.level")
                .set("enable.auto.commit", arguments.flag("auto_commit"))
                .set("auto.commit.interval.ms", 200)
                .set("auto.offset.reset", arguments.text("reset", "earliest"))
                .set("metadata.max.age.ms", arguments.number("metadata_ms", 1_000));
    }

    private static void need(String feature) {
        if (!Features.all().contains(feature)) {
            throw new Driver.Unsupported(feature);
        }
    }

    @Override
    public Iterable<ConsumerRecord<byte[], byte[]>> poll(Duration limit) {
        return consumer.poll(limit);
    }

    @Override
    public void commit(String metadata) {
        if (metadata == null) {
            consumer.commitSync();
            return;
        }
        Map<TopicPartition, OffsetAndMetadata> positions = new HashMap<>();
        for (TopicPartition partition : consumer.assignment()) {
            positions.put(partition, new OffsetAndMetadata(consumer.position(partition), metadata));
        }
        consumer.commitSync(positions);
    }

    @Override
    public void close() {
        consumer.close();
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        Events.partitions("assigned", partitions);
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        Events.partitions("revoked", partitions);
    }
}
