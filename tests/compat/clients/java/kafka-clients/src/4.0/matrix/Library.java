package matrix;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.GroupListing;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.consumer.SubscriptionPattern;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;

/** What kafka-clients from 4.0 on does its own way: groups of several kinds, patterns that the broker matches. */
final class Library {
    /** The share groups of 4.0 were an early access, and speak a version that no later broker does. */
    static final Set<String> FEATURES = ConsumerConfig.configNames().contains("share.acknowledgement.mode")
            ? Set.of("static", "cooperative-sticky", "consumer-protocol", "share")
            : Set.of("static", "cooperative-sticky", "consumer-protocol");

    private Library() {}

    static TopicDescription describe(AdminClient admin, String topic) throws ExecutionException, InterruptedException {
        return admin.describeTopics(List.of(topic)).topicNameValues().get(topic).get();
    }

    static KafkaFuture<Void> setConfig(AdminClient admin, ConfigResource resource, String name, String value) {
        AlterConfigOp set = new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET);
        return admin.incrementalAlterConfigs(Map.of(resource, List.of(set))).all();
    }

    static List<String> groups(AdminClient admin) throws ExecutionException, InterruptedException {
        return admin.listGroups().all().get().stream().map(GroupListing::groupId).toList();
    }

    static String state(ConsumerGroupDescription description) {
        return description.groupState().toString();
    }

    static KafkaFuture<Void> commit(Call call, AdminClient admin, TopicPartition partition, long offset) {
        String group = call.arguments().text("group");
        return admin.alterConsumerGroupOffsets(group, Map.of(partition, new OffsetAndMetadata(offset))).all();
    }

    /** Subscribes with KIP-848's protocol. */
    static void subscribe(KafkaConsumer<?, ?> consumer, String pattern, ConsumerRebalanceListener listener) {
        consumer.subscribe(new SubscriptionPattern(pattern), listener);
    }

    static Member shareMember(Call call) {
        return new ShareMember(call);
    }
}
