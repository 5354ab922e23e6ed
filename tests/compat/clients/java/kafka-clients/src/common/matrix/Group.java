package matrix;

import java.io.BufferedReader;
import java.io.UncheckedIOException;
import java.time.Duration;
import java.util.concurrent.BlockingQueue;
import java.util.concurrent.LinkedBlockingQueue;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.common.KafkaException;

/** The verb {@code group}: polls, and between two polls does what stdin says. */
final class Group {
    private static final Duration POLL = Duration.ofMillis(50);
    private static final String STOP = "{\"do\": \"stop\"}";

    private Group() {}

    static void run(Call call) {
        BlockingQueue<String> commands = read(call.commands());
        try (Member member = member(call)) {
            while (true) {
                for (ConsumerRecord<byte[], byte[]> record : member.poll(POLL)) {
                    Events.record(record);
                }
                String line = commands.poll();
                if (line == null) {
                    continue;
                }
                Arguments command = Arguments.parse(line);
                if (command.text("do").equals("stop")) {
                    return;
                }
                commit(member, command.text("metadata", null));
            }
        }
    }

    private static Member member(Call call) {
        return switch (call.arguments().text("protocol", "classic")) {
            case "share" -> Library.shareMember(call);
            case "consumer" -> ConsumerMember.ofConsumerProtocol(call);
            default -> ConsumerMember.ofClassicProtocol(call);
        };
    }

    private static void commit(Member member, String metadata) {
        try {
            member.commit(metadata);
            Events.emit("committed");
        } catch (KafkaException exception) {
            Events.emit("commit-failed", "error", Driver.name(exception), "message", exception.getMessage());
        }
    }

    /** Reads commands in a thread of its own; the end of stdin is the command to stop. */
    private static BlockingQueue<String> read(BufferedReader stdin) {
        BlockingQueue<String> commands = new LinkedBlockingQueue<>();
        Thread reader = new Thread(() -> {
            try {
                stdin.lines().filter(line -> !line.isBlank()).forEach(commands::add);
            } catch (UncheckedIOException closed) {
                // as good as the end
            }
            commands.add(STOP);
        });
        reader.setDaemon(true);
        reader.start();
        return commands;
    }
}
