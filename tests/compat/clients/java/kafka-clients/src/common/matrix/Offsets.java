package matrix;

import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.OffsetAndTimestamp;
import org.apache.kafka.common.TopicPartition;

/** The verbs {@code list-offsets} and {@code committed}. */
final class Offsets {
    private Offsets() {}

    static void list(Call call) {
        try (KafkaConsumer<byte[], byte[]> consumer = new Settings(call).consumer()) {
            Events.emit("offset", "offset", offset(consumer, call.arguments()));
        }
    }

    private static long offset(KafkaConsumer<?, ?> consumer, Arguments arguments) {
        TopicPartition partition = new TopicPartition(arguments.text("topic"), arguments.number("partition"));
        String at = arguments.text("at");
        return switch (at) {
            case "earliest" -> consumer.beginningOffsets(List.of(partition)).get(partition);
            case "latest" -> consumer.endOffsets(List.of(partition)).get(partition);
            default -> {
                OffsetAndTimestamp found = consumer.offsetsForTimes(Map.of(partition, Long.valueOf(at))).get(partition);
                yield found == null ? -1 : found.offset();
            }
        };
    }

    static void committed(Call call) throws ExecutionException, InterruptedException {
        Arguments arguments = call.arguments();
        try (AdminClient admin = new Settings(call).admin()) {
            Map<TopicPartition, OffsetAndMetadata> committed =
                    admin.listConsumerGroupOffsets(arguments.text("group")).partitionsToOffsetAndMetadata().get();
            for (int partition : arguments.partitions("partitions")) {
                OffsetAndMetadata found = committed.get(new TopicPartition(arguments.text("topic"), partition));
                Events.emit("committed", "partition", partition, "offset", found == null ? -1 : found.offset(),
                        "metadata", found == null ? "" : found.metadata());
            }
        }
    }
}
