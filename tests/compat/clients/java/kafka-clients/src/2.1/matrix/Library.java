package matrix;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** What kafka-clients from 2.1 on does its own way: it has no incremental configs yet, and no admin that commits. */
final class Library {
    static final Set<String> FEATURES = Set.of();

    private Library() {}

    static TopicDescription describe(AdminClient admin, String topic) throws ExecutionException, InterruptedException {
        return admin.describeTopics(List.of(topic)).values().get(topic).get();
    }

    /** This generation can only replace all of a topic's configs. */
    static KafkaFuture<Void> setConfig(AdminClient admin, ConfigResource resource, String name, String value)
            throws ExecutionException, InterruptedException {
        List<ConfigEntry> entries = new ArrayList<>();
        for (ConfigEntry entry : admin.describeConfigs(List.of(resource)).all().get().get(resource).entries()) {
            if (entry.source() == ConfigEntry.ConfigSource.DYNAMIC_TOPIC_CONFIG && !entry.name().equals(name)) {
                entries.add(entry);
            }
        }
        entries.add(new ConfigEntry(name, value));
        return admin.alterConfigs(Map.of(resource, new Config(entries))).all();
    }

    static List<String> groups(AdminClient admin) throws ExecutionException, InterruptedException {
        return admin.listConsumerGroups().all().get().stream().map(ConsumerGroupListing::groupId).toList();
    }

    static String state(ConsumerGroupDescription description) {
        return description.state().toString();
    }

    /** Commits for a group without members, as a consumer that is none either. */
    static KafkaFuture<Void> commit(Call call, AdminClient admin, TopicPartition partition, long offset) {
        Settings settings = new Settings(call).from("group", "group.id").set("enable.auto.commit", false);
        try (KafkaConsumer<byte[], byte[]> consumer = settings.consumer()) {
            consumer.assign(List.of(partition));
            consumer.commitSync(Map.of(partition, new OffsetAndMetadata(offset)));
        }
        return KafkaFuture.completedFuture(null);
    }

    static void subscribe(KafkaConsumer<?, ?> consumer, String pattern, ConsumerRebalanceListener listener) {
        throw new Driver.Unsupported("consumer-protocol");
    }

    static Member shareMember(Call call) {
        throw new Driver.Unsupported("share");
    }
}
