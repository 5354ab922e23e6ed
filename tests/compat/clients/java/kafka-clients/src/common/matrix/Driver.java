package matrix;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Map;
import java.util.concurrent.ExecutionException;
import org.apache.kafka.common.errors.TimeoutException;
import org.apache.kafka.common.errors.UnknownServerException;
import org.apache.kafka.common.protocol.Errors;

/**
 * Kafka's own client behind the matrix's protocol: {@code Driver VERB BOOTSTRAP}, tests/compat/clients/README.md.
 *
 * <p>One source serves all versions. What a version does its own way is in {@link Library}, of which there is one for
 * each generation of the library, in a source directory named after the first version that it is for.
 */
public final class Driver {
    /** One of the protocol's verbs. */
    interface Verb {
        void run(Call call) throws Exception;
    }

    /** The library cannot do what was asked. */
    static final class Unsupported extends RuntimeException {
        Unsupported(String what) {
            super(what);
        }
    }

    private static final Map<String, Verb> VERBS = Map.of(
            "features", Features::run,
            "produce", Produce::run,
            "consume", Consume::run,
            "group", Group::run,
            "list-offsets", Offsets::list,
            "committed", Offsets::committed,
            "admin", Administer::run);

    private Driver() {}

    public static void main(String[] arguments) throws Exception {
        BufferedReader stdin = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        Call call = new Call(arguments[1], Arguments.parse(stdin.readLine()), stdin);
        String verb = arguments[0];
        endAfter(Duration.ofMillis(call.arguments().number("timeout_ms", verb.equals("group") ? 120_000 : 30_000)));
        end(outcome(VERBS.get(verb), call));
    }

    private static int outcome(Verb verb, Call call) {
        try {
            verb.run(call);
            Events.emit("done");
            return 0;
        } catch (Unsupported unsupported) {
            Events.emit("unsupported", "what", unsupported.getMessage());
            return 3;
        } catch (Exception exception) {
            exception.printStackTrace();
            Throwable cause = cause(exception);
            Events.emit("error", "error", name(cause), "message", String.valueOf(cause.getMessage()));
            return 1;
        }
    }

    /** Ends the process when the verb has had its time, whatever the library is busy with. */
    private static void endAfter(Duration limit) {
        Thread watch = new Thread(() -> {
            try {
                Thread.sleep(limit.toMillis());
            } catch (InterruptedException e) {
                return;
            }
            Events.emit("error", "error", "TIMEOUT", "message", "the verb's time is up");
            end(1);
        });
        watch.setDaemon(true);
        watch.start();
    }

    /** Ends at once: a closed client has nothing left to do, and threads of a failed verb must not keep the process. */
    private static void end(int status) {
        System.err.flush();
        Runtime.getRuntime().halt(status);
    }

    /** Kafka's name of an error, if the library's exception stands for one, else the exception's own. */
    static String name(Throwable failure) {
        Throwable cause = cause(failure);
        if (cause instanceof TimeoutException) {
            return "TIMEOUT";
        }
        Errors error = Errors.forException(cause);
        if (error != Errors.UNKNOWN_SERVER_ERROR || cause instanceof UnknownServerException) {
            return error.name();
        }
        if (cause instanceof org.apache.kafka.clients.consumer.OffsetOutOfRangeException) {
            return Errors.OFFSET_OUT_OF_RANGE.name(); // the consumer's own class, which Errors does not know
        }
        return cause.getClass().getSimpleName();
    }

    private static Throwable cause(Throwable failure) {
        return failure instanceof ExecutionException && failure.getCause() != null ? failure.getCause() : failure;
    }
}
