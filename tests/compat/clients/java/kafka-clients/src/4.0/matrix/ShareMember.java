package matrix;

import java.time.Duration;
import java.util.Optional;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaShareConsumer;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** A member of a share group (KIP-932), which acknowledges implicitly: what was polled, at the next poll or commit. */
final class ShareMember implements Member {
    private final KafkaShareConsumer<byte[], byte[]> consumer;

    ShareMember(Call call) {
        Arguments arguments = call.arguments();
        setReset(call, arguments.text("reset", "earliest"));
        Settings settings = new Settings(call)
                .from("group", "group.id")
                .set("metadata.max.age.ms", arguments.number("metadata_ms", 1_000));
        consumer = new KafkaShareConsumer<>(settings.all(), new ByteArrayDeserializer(), new ByteArrayDeserializer());
        consumer.subscribe(arguments.texts("topics"));
    }

    /** Where a share group starts is a config of the group, not of its members. */
    private static void setReset(Call call, String reset) {
        ConfigResource group = new ConfigResource(ConfigResource.Type.GROUP, call.arguments().text("group"));
        try (AdminClient admin = new Settings(call).admin()) {
            Library.setConfig(admin, group, "share.auto.offset.reset", reset).get();
        } catch (ExecutionException | InterruptedException exception) {
            throw exception.getCause() instanceof KafkaException refused ? refused : new KafkaException(exception);
        }
    }

    @Override
    public Iterable<ConsumerRecord<byte[], byte[]>> poll(Duration limit) {
        return consumer.poll(limit);
    }

    @Override
    public void commit(String metadata) {
        for (Optional<KafkaException> refused : consumer.commitSync().values()) {
            refused.ifPresent(exception -> {
                throw exception;
            });
        }
    }

    @Override
    public void close() {
        consumer.close();
    }
}
