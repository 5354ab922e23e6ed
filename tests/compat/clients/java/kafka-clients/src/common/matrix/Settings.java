package matrix;

import java.util.HashMap;
import java.util.Map;
import org.apache.kafka.clients.admin.AdminClient;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** A client's settings: the library's defaults, but for what a verb's arguments say. */
final class Settings {
    private final Map<String, Object> values = new HashMap<>();
    private final Arguments arguments;

    Settings(Call call) {
        arguments = call.arguments();
        values.put("bootstrap.servers", call.bootstrap());
        if (arguments.has("security")) {
            values.putAll(Security.settings(arguments.within("security")));
        }
    }

    Settings set(String name, Object value) {
        values.put(name, value);
        return this;
    }

    /** Sets what the argument says, if it is there. */
    Settings from(String argument, String name) {
        return arguments.has(argument) ? set(name, arguments.text(argument)) : this;
    }

    /** The settings, with {@code config} from the arguments as the last word. */
    Map<String, Object> all() {
        arguments.within("config").object().entrySet().forEach(
                entry -> values.put(entry.getKey(), entry.getValue().getAsString()));
        return values;
    }

    KafkaProducer<byte[], byte[]> producer() {
        return new KafkaProducer<>(all(), new ByteArraySerializer(), new ByteArraySerializer());
    }

    KafkaConsumer<byte[], byte[]> consumer() {
        return new KafkaConsumer<>(all(), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    AdminClient admin() {
        return AdminClient.create(all());
    }
}
