package matrix;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonNull;
import com.google.gson.JsonObject;
import com.google.gson.JsonPrimitive;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.Base64;
import java.util.Collection;
import java.util.Map;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.header.Header;

/** What the driver tells: a JSON object per line on stdout. */
final class Events {
    private static final PrintStream OUT =
            new PrintStream(new FileOutputStream(FileDescriptor.out), false, StandardCharsets.UTF_8);

    private Events() {}

    /** Writes one event; {@code fields} are names and values in turn. */
    static synchronized void emit(String event, Object... fields) {
        JsonObject line = new JsonObject();
        line.addProperty("event", event);
        for (int i = 0; i < fields.length; i += 2) {
            line.add((String) fields[i], json(fields[i + 1]));
        }
        OUT.print(line + "\n");
        OUT.flush();
    }

    static void record(ConsumerRecord<byte[], byte[]> record) {
        JsonArray headers = new JsonArray();
        for (Header header : record.headers()) {
            JsonArray pair = new JsonArray();
            pair.add(header.key());
            pair.add(base64(header.value()));
            headers.add(pair);
        }
        emit("record", "topic", record.topic(), "partition", record.partition(), "offset", record.offset(),
                "timestamp", record.timestamp(), "key", base64(record.key()), "value", base64(record.value()),
                "headers", headers);
    }

    /** Partitions as a list of pairs, in order. */
    static void partitions(String event, Collection<TopicPartition> partitions) {
        JsonArray pairs = new JsonArray();
        partitions.stream().map(TopicPartition::toString).sorted().forEach(name -> {
            int dash = name.lastIndexOf('-');
            JsonArray pair = new JsonArray();
            pair.add(name.substring(0, dash));
            pair.add(Integer.valueOf(name.substring(dash + 1)));
            pairs.add(pair);
        });
        emit(event, "partitions", pairs);
    }

    private static JsonElement base64(byte[] bytes) {
        return bytes == null ? JsonNull.INSTANCE : new JsonPrimitive(Base64.getEncoder().encodeToString(bytes));
    }

    private static JsonElement json(Object value) {
        if (value == null) {
            return JsonNull.INSTANCE;
        } else if (value instanceof JsonElement element) {
            return element;
        } else if (value instanceof Number number) {
            return new JsonPrimitive(number);
        } else if (value instanceof Collection<?> collection) {
            JsonArray array = new JsonArray();
            collection.forEach(element -> array.add(json(element)));
            return array;
        } else if (value instanceof Map<?, ?> map) {
            JsonObject object = new JsonObject();
            map.forEach((name, element) -> object.add((String) name, json(element)));
            return object;
        }
        return new JsonPrimitive((String) value);
    }
}
