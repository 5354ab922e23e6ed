package matrix;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.Future;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;

/** The verb {@code produce}. */
final class Produce {
    private static final int EACH_IS_TOLD = 1_000;

    private final Arguments arguments;
    private final AtomicInteger delivered = new AtomicInteger();
    private final int count;

    private Produce(Arguments arguments) {
        this.arguments = arguments;
        count = arguments.has("records") ? arguments.list("records").size() : arguments.number("count");
    }

    static void run(Call call) throws InterruptedException {
        new Produce(call.arguments()).run(settings(call));
    }

    private static Settings settings(Call call) {
        Arguments arguments = call.arguments();
        Settings settings = new Settings(call)
                .from("codec", "compression.type")
                .from("acks", "acks")
                .from("linger_ms", "linger.ms")
                .from("max_bytes", "max.request.size")
                .from("transactional_id", "transactional.id");
        if (!arguments.has("transactional_id")) {
            settings.set("enable.idempotence", arguments.flag("idempotent"));
        }
        if (arguments.has("max_bytes")) {
            settings.set("buffer.memory", Math.max(32L << 20, 2 * arguments.number("max_bytes", 0)));
        }
        return settings;
    }

    private void run(Settings settings) throws InterruptedException {
        try (KafkaProducer<byte[], byte[]> producer = settings.producer()) {
            boolean transactional = arguments.has("transactional_id");
            if (transactional) {
                producer.initTransactions();
                producer.beginTransaction();
            }
            sendAll(producer);
            producer.flush();
            if (transactional && arguments.text("end", "commit").equals("abort")) {
                producer.abortTransaction();
            } else if (transactional) {
                producer.commitTransaction();
            }
        }
        if (count > EACH_IS_TOLD) {
            Events.emit("delivered-all", "count", delivered.get());
        }
    }

    private void sendAll(KafkaProducer<byte[], byte[]> producer) throws InterruptedException {
        long pauseMs = arguments.number("pause_ms", 0);
        Iterator<ProducerRecord<byte[], byte[]>> records = records();
        for (int i = 0; records.hasNext(); i++) {
            int index = i;
            Future<RecordMetadata> sent =
                    producer.send(records.next(), (metadata, exception) -> settled(index, metadata, exception));
            if (pauseMs > 0) {
                await(sent);
                Thread.sleep(pauseMs);
            }
        }
    }

    private void settled(int index, RecordMetadata metadata, Exception exception) {
        if (exception != null) {
            Events.emit("failed", "index", index, "error", Driver.name(exception), "message", exception.getMessage());
            return;
        }
        delivered.incrementAndGet();
        if (count <= EACH_IS_TOLD) {
            Events.emit("delivered", "index", index, "partition", metadata.partition(), "offset", metadata.offset());
        }
    }

    private static void await(Future<RecordMetadata> sent) throws InterruptedException {
        try {
            sent.get();
        } catch (ExecutionException told) {
            // the callback has told it
        }
    }

    private Iterator<ProducerRecord<byte[], byte[]>> records() {
        if (arguments.has("records")) {
            return arguments.list("records").stream().map(this::record).iterator();
        }
        return IntStream.range(0, count).mapToObj(this::numbered).iterator();
    }

    private ProducerRecord<byte[], byte[]> record(JsonElement element) {
        Arguments record = new Arguments(element.getAsJsonObject());
        List<Header> headers = new ArrayList<>();
        for (JsonElement header : record.list("headers")) {
            JsonArray pair = header.getAsJsonArray();
            headers.add(new RecordHeader(pair.get(0).getAsString(), Arguments.decode(pair.get(1))));
        }
        Long timestamp = record.has("timestamp") ? record.get("timestamp").getAsLong() : null;
        return new ProducerRecord<>(arguments.text("topic"), partition(record), timestamp, record.bytes("key"),
                record.bytes("value"), headers);
    }

    private ProducerRecord<byte[], byte[]> numbered(int number) {
        byte[] value = new byte[arguments.number("size")];
        Arrays.fill(value, (byte) '.');
        byte[] digits = String.format("%08d", number).getBytes(StandardCharsets.US_ASCII);
        System.arraycopy(digits, 0, value, 0, Math.min(digits.length, value.length));
        return new ProducerRecord<>(arguments.text("topic"), partition(arguments), null, value);
    }

    private static Integer partition(Arguments holder) {
        return holder.has("partition") ? holder.number("partition") : null;
    }
}
