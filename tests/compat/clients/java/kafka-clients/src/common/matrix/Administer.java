package matrix;

import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.admin.Config;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.ConsumerGroupDescription;
import org.apache.kafka.clients.admin.DeletedRecords;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.admin.TopicDescription;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.TopicPartitionInfo;
import org.apache.kafka.common.config.ConfigResource;

/** The verb {@code admin}. */
final class Administer {
    private final Call call;
    private final Arguments arguments;
    private final AdminClient admin;

    private Administer(Call call, AdminClient admin) {
        this.call = call;
        this.arguments = call.arguments();
        this.admin = admin;
    }

    static void run(Call call) throws ExecutionException, InterruptedException {
        try (AdminClient admin = new Settings(call).admin()) {
            Events.emit("result", new Administer(call, admin).result());
        }
    }

    /** Does the action; returns the result's fields, names and values in turn. */
    private Object[] result() throws ExecutionException, InterruptedException {
        String action = arguments.text("do");
        return switch (action) {
            case "create-topic" -> createTopic();
            case "delete-topic" -> done(admin.deleteTopics(List.of(topic())).all());
            case "describe-topic" -> describeTopic();
            case "grow-topic" -> done(admin.createPartitions(
                    Map.of(topic(), NewPartitions.increaseTo(arguments.number("partitions")))).all());
            case "delete-records" -> deleteRecords();
            case "get-configs" -> configs();
            case "set-config" -> done(Library.setConfig(
                    admin, resource(), arguments.text("name"), arguments.text("value")));
            case "list-groups" -> new Object[] {"groups", Library.groups(admin)};
            case "describe-group" -> describeGroup();
            case "delete-group" -> done(admin.deleteConsumerGroups(List.of(arguments.text("group"))).all());
            case "reset-group" -> done(Library.commit(call, admin, partition(), arguments.number("offset", 0)));
            default -> throw new Driver.Unsupported(action);
        };
    }

    /** Waits for what has no result of its own. */
    private static Object[] done(KafkaFuture<Void> future) throws ExecutionException, InterruptedException {
        future.get();
        return new Object[0];
    }

    private Object[] createTopic() throws ExecutionException, InterruptedException {
        Map<String, String> configs = new HashMap<>();
        arguments.within("configs").object().entrySet()
                .forEach(entry -> configs.put(entry.getKey(), entry.getValue().getAsString()));
        NewTopic topic = new NewTopic(topic(), (int) arguments.number("partitions", 1), (short) 1).configs(configs);
        return done(admin.createTopics(List.of(topic)).all());
    }

    private Object[] describeTopic() throws ExecutionException, InterruptedException {
        TopicDescription description = Library.describe(admin, topic());
        List<Integer> leaders = description.partitions().stream()
                .sorted(Comparator.comparing(TopicPartitionInfo::partition))
                .map(partition -> partition.leader() == null ? -1 : partition.leader().id())
                .toList();
        return new Object[] {"partitions", leaders.size(), "leaders", leaders};
    }

    private Object[] deleteRecords() throws ExecutionException, InterruptedException {
        TopicPartition partition = partition();
        RecordsToDelete before = RecordsToDelete.beforeOffset(arguments.number("before", 0));
        DeletedRecords deleted = admin.deleteRecords(Map.of(partition, before)).lowWatermarks().get(partition).get();
        return new Object[] {"low_watermark", deleted.lowWatermark()};
    }

    private Object[] configs() throws ExecutionException, InterruptedException {
        Config config = admin.describeConfigs(List.of(resource())).all().get().get(resource());
        Map<String, Object> values = new HashMap<>();
        for (ConfigEntry entry : config.entries()) {
            values.put(entry.name(), entry.value());
        }
        return new Object[] {"configs", values};
    }

    private Object[] describeGroup() throws ExecutionException, InterruptedException {
        String group = arguments.text("group");
        ConsumerGroupDescription description = admin.describeConsumerGroups(List.of(group)).all().get().get(group);
        return new Object[] {"state", Library.state(description), "members", description.members().size()};
    }

    private String topic() {
        return arguments.text("topic");
    }

    private TopicPartition partition() {
        return new TopicPartition(topic(), arguments.number("partition"));
    }

    private ConfigResource resource() {
        return new ConfigResource(ConfigResource.Type.TOPIC, topic());
    }
}
