package matrix;

import java.time.Duration;
import org.apache.kafka.clients.consumer.ConsumerRecord;

/** A member of a group, of whichever kind. */
interface Member extends AutoCloseable {
    Iterable<ConsumerRecord<byte[], byte[]>> poll(Duration limit);

    /** Commits what was polled, with {@code metadata} if it is not null. */
    void commit(String metadata);

    @Override
    void close();
}
