package matrix;

import com.google.gson.JsonElement;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.ConsumerRecords;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.TopicPartition;

/** The verb {@code consume}: partitions assigned by hand. */
final class Consume {
    private static final Duration POLL = Duration.ofMillis(100);

    private Consume() {}

    static void run(Call call) {
        Arguments arguments = call.arguments();
        List<TopicPartition> partitions = arguments.partitions("partitions").stream()
                .map(partition -> new TopicPartition(arguments.text("topic"), partition))
                .toList();
        try (KafkaConsumer<byte[], byte[]> consumer = settings(call).consumer()) {
            consumer.assign(partitions);
            start(consumer, partitions, arguments);
            partitions.forEach(consumer::position);
            Events.emit("ready");
            read(consumer, arguments.number("count", Long.MAX_VALUE), arguments.number("quiet_ms", Long.MAX_VALUE));
        }
    }

    private static Settings settings(Call call) {
        Arguments arguments = call.arguments();
        return new Settings(call)
                .set("enable.auto.commit", false)
                .set("auto.offset.reset", arguments.text("reset", "earliest"))
                .from("isolation", "isolation.level")
                .from("max_bytes", "fetch.max.bytes")
                .from("max_bytes", "max.partition.fetch.bytes")
                .set("group.id", groupOf(arguments));
    }

    /** The group whose commits are the start, or null. */
    private static String groupOf(Arguments arguments) {
        JsonElement from = arguments.get("from");
        return from != null && from.isJsonObject() ? arguments.within("from").text("committed", null) : null;
    }

    private static void start(KafkaConsumer<?, ?> consumer, List<TopicPartition> partitions, Arguments arguments) {
        JsonElement from = arguments.get("from");
        if (from == null || !from.isJsonObject()) {
            if (arguments.text("from", "beginning").equals("end")) {
                consumer.seekToEnd(partitions);
            } else {
                consumer.seekToBeginning(partitions);
            }
            return;
        }
        Arguments where = arguments.within("from");
        if (where.has("offset")) {
            partitions.forEach(partition -> consumer.seek(partition, where.number("offset", 0)));
        } else if (where.has("time")) {
            seekToTime(consumer, partitions, where.number("time", 0));
        } // else the library asks for the group's commits by itself
    }

    private static void seekToTime(KafkaConsumer<?, ?> consumer, List<TopicPartition> partitions, long time) {
        Map<TopicPartition, Long> times = new HashMap<>();
        partitions.forEach(partition -> times.put(partition, time));
        consumer.offsetsForTimes(times).forEach((partition, found) -> {
            if (found != null) {
                consumer.seek(partition, found.offset());
            } else {
                consumer.seekToEnd(List.of(partition));
            }
        });
    }

    private static void read(KafkaConsumer<byte[], byte[]> consumer, long count, long quietMs) {
        long seen = 0;
        long lastNanos = System.nanoTime();
        while (seen < count && (System.nanoTime() - lastNanos) / 1_000_000 < quietMs) {
            ConsumerRecords<byte[], byte[]> records = consumer.poll(POLL);
            for (ConsumerRecord<byte[], byte[]> record : records) {
                if (seen == count) {
                    break;
                }
                Events.record(record);
                seen++;
                lastNanos = System.nanoTime();
            }
        }
    }
}
