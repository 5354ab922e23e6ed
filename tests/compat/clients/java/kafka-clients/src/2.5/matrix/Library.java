package matrix;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.regex.Pattern;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.ConsumerGroupListing;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** What kafka-clients from 2.5 on does its own way: groups are consumer groups, and clients match patterns. */
final class Library {
    static final Set<String> FEATURES = ConsumerConfig.configNames().contains("group.protocol")
            ? Set.of("static", "cooperative-sticky", "consumer-protocol")
            : Set.of("static", "cooperative-sticky");

    private Library() {}

    static TopicDescription describe(AdminClient admin, String topic) throws ExecutionException, InterruptedException {
        return admin.describeTopics(List.of(topic)).values().get(topic).get();
    }

    static KafkaFuture<Void> setConfig(AdminClient admin, ConfigResource resource, String name, String value) {
        AlterConfigOp set = new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
        return admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all();
    }

    static List<String> groups(AdminClient admin) throws ExecutionException, InterruptedException {
        return admin.listConsumerGroups().all().get().stream().map(ConsumerGroupListing::groupId).toList();
    }

    static String state(ConsumerGroupDescription description) {
        return description.state().toString();
    }

    static KafkaFuture<Void> commit(Call call, AdminClient admin, TopicPartition partition, long offset) {
        String group = call.arguments().text("group");
        return admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(offset))).all();
    }

    /** Subscribes with KIP-848's protocol, which has no patterns of its own yet: the client matches. */
    static void subscribe(KafkaConsumer<?, ?> consumer, String pattern, ConsumerRebalanceListener listener) {
        consumer.subscribe(Pattern.compile(pattern), listener);
    }

    static Member shareMember(Call call) {
        throw new Driver.Unsupported("share");
    }
}
