package matrix;

import java.io.IOException;
import java.io.InputStream;
import java.util.List;
import java.util.Properties;
import java.util.Set;
import java.util.TreeSet;
import org.apache.kafka.clients.producer.KafkaProducer;

/** The verb {@code features}. */
final class Features {
    private static final List<String> SINCE_2_1 = List.of(
            "none", "gzip", "snappy", "lz4", "zstd",
            "headers", "null-headers", "null-keys", "empty-keys", "tombstones", "timestamps", "acks", "reports-offsets",
            "idempotence", "transactions",
            "seek", "seek-time", "offset-reset-none",
            "group", "range", "roundrobin", "sticky", "regex", "auto-commit", "manual-commit", "commit-metadata",
            "list-offsets", "committed",
            "create-topic", "delete-topic", "describe-topic", "grow-topic", "delete-records",
            "get-configs", "set-config",
            "list-groups", "describe-group", "delete-group", "reset-group",
            "sasl-plain", "sasl-scram", "tls");

    private Features() {}

    static void run(Call call) throws IOException {
        Events.emit("features", "client", "kafka-clients", "version", version(), "library", "", "can", all());
    }

    /** The words for what this version can do. */
    static Set<String> all() {
        Set<String> can = new TreeSet<>(SINCE_2_1);
        can.addAll(Library.FEATURES);
        return can;
    }

    /** What the running library says of itself; the class that tells it to programs has moved between versions. */
    private static String version() throws IOException {
        try (InputStream stream = KafkaProducer.class.getResourceAsStream("/kafka/kafka-version.properties")) {
            Properties properties = new Properties();
            properties.load(stream);
            return properties.getProperty("version");
        }
    }
}
