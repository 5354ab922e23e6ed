import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.BufferedReader;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.OutputStream;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.lang.reflect.InvocationTargetException;
import java.net.URL;
import java.net.URLClassLoader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.StreamSupport;
import javax.management.ObjectName;
import org.apache.kafka.common.utils.Exit;

/**
 * Runs Kafka's command-line tools one after the other in one JVM, each as if it had one of its own.
 *
 * <p>Every line on stdin is a run: {@code {"main": CLASS, "arguments": [...], "stdin": TEXT, "limit_ms": N}}. Every line
 * on stdout is its outcome: {@code {"status": N, "out": TEXT, "err": TEXT}}, or {@code {"hung": STACKS, "out", "err"}} when
 * the limit passed; then the caller must start another host, because a thread cannot be stopped. A tool that ends the JVM
 * itself, by {@code System.exit}, has an outcome without a status: that of this process is meant.
 *
 * <p>What a JVM of its own means: the tool's classes are loaded afresh (the argument is their jar, which must not be on the
 * class path), so that no static state is left; it has a thread group, whose threads alone write to its output, and whose
 * last thread that is no daemon ends it; shutdown hooks run; nothing that comes after {@code Exit.exit} is seen.
 */
public final class Host {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final long HOOK_LIMIT_MS = 10_000;
    private static volatile Run current;

    public static void main(String[] arguments) throws Exception {
        URL[] toolsJar = {Path.of(arguments[0]).toUri().toURL()};
        PrintStream replies = System.out;
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            if (current != null) {
                replies.println(json(Map.of("out", text(current.out), "err", text(current.err))));
            }
        }));
        var requests = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = requests.readLine()) != null; ) {
            JsonNode request = JSON.readTree(line);
            try (var tools = new URLClassLoader(toolsJar, Host.class.getClassLoader())) {
                current = new Run(tools, request);
                String outcome = json(current.outcome());
                current = null;
                replies.println(outcome);
            }
            forgetMetrics();
        }
        Runtime.getRuntime().halt(0); // threads that tools left behind keep nobody waiting
    }

    /** Clients that were not closed leave their names behind, and the next of that name would warn of it. */
    private static void forgetMetrics() throws Exception {
        var server = ManagementFactory.getPlatformMBeanServer();
        for (ObjectName name : server.queryNames(new ObjectName("kafka.*:*"), null)) {
            server.unregisterMBean(name);
        }
    }

    private static String text(ByteArrayOutputStream written) {
        return written.toString(StandardCharsets.UTF_8);
    }

    private static String json(Map<String, ?> outcome) {
        try {
            return JSON.writeValueAsString(outcome);
        } catch (JsonProcessingException e) {
            throw new IllegalStateException(e);
        }
    }

    /** Thrown where a real exit would not return. */
    private static final class Exited extends Error {}

    private static final class Run {
        private final ClassLoader tools;
        private final JsonNode request;
        private final ByteArrayOutputStream out = new ByteArrayOutputStream();
        private final ByteArrayOutputStream err = new ByteArrayOutputStream();
        private final List<Thread> hooks = new ArrayList<>();
        private volatile boolean ended;
        private int status;

        private final ThreadGroup threads = new ThreadGroup("tool") {
            @Override
            public void uncaughtException(Thread thread, Throwable thrown) {
                if (!(thrown instanceof Exited)) {
                    super.uncaughtException(thread, thrown);
                }
            }
        };

        Run(ClassLoader tools, JsonNode request) {
            this.tools = tools;
            this.request = request;
        }

        Map<String, ?> outcome() throws Exception {
            System.setOut(streamInto(out));
            System.setErr(streamInto(err));
            System.setIn(new ByteArrayInputStream(request.get("stdin").asText().getBytes(StandardCharsets.UTF_8)));
            Exit.setExitProcedure((code, message) -> exit(code));
            Exit.setHaltProcedure((code, message) -> exit(code));
            Exit.setShutdownHookAdder((name, hook) -> hooks.add(new Thread(threads, hook, name)));
            var virtualMachine = new Thread(threads, this::live, "virtual-machine");
            virtualMachine.setContextClassLoader(tools);
            virtualMachine.start();
            virtualMachine.join(request.get("limit_ms").asLong());
            String hung = virtualMachine.isAlive() && !ended ? stacks() : "";
            ended = true;
            return hung.isEmpty()
                    ? Map.of("status", status, "out", text(out), "err", text(err))
                    : Map.of("hung", hung, "out", text(out), "err", text(err));
        }

        /** From the start of `main` to the end of the shutdown hooks. */
        private void live() {
            try {
                var main = new Thread(threads, this::runMain, "main");
                main.start();
                for (List<Thread> left; !ended && !(left = alive()).isEmpty(); ) {
                    left.get(0).join(50);
                }
                exit(status);
            } catch (InterruptedException | Exited end) {
                // either way it is over
            }
        }

        private void runMain() {
            try {
                String[] arguments = StreamSupport.stream(request.get("arguments").spliterator(), false)
                        .map(JsonNode::asText).toArray(String[]::new);
                tools.loadClass(request.get("main").asText()).getMethod("main", String[].class)
                        .invoke(null, (Object) arguments);
            } catch (InvocationTargetException thrown) {
                if (!(thrown.getCause() instanceof Exited)) {
                    status = 1;
                    threads.uncaughtException(Thread.currentThread(), thrown.getCause());
                }
            } catch (ReflectiveOperationException missing) {
                status = 1;
                missing.printStackTrace();
            }
        }

        private List<Thread> alive() {
            var found = new Thread[threads.activeCount() + 10];
            return Arrays.stream(found, 0, threads.enumerate(found))
                    .filter(thread -> !thread.isDaemon() && !thread.getName().equals("virtual-machine")).toList();
        }

        private void exit(int code) {
            synchronized (this) {
                if (!ended) {
                    status = code;
                    runHooks();
                    System.out.flush();
                    System.err.flush();
                    ended = true;
                }
            }
            throw new Exited();
        }

        private void runHooks() {
            try {
                List<Thread> now = List.copyOf(hooks);
                now.forEach(Thread::start);
                for (Thread hook : now) {
                    hook.join(HOOK_LIMIT_MS);
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
            }
        }

        private String stacks() {
            var text = new StringBuilder();
            Thread.getAllStackTraces().forEach((thread, stack) -> {
                if (thread.getThreadGroup() == threads) {
                    text.append(thread.getName()).append('\n');
                    Arrays.stream(stack).forEach(frame -> text.append("\tat ").append(frame).append('\n'));
                }
            });
            return text.toString();
        }

        /** Takes what this run's threads write, until it has ended. */
        private PrintStream streamInto(ByteArrayOutputStream sink) {
            return new PrintStream(new OutputStream() {
                @Override
                public void write(int value) {
                    if (!ended && Thread.currentThread().getThreadGroup() == threads) {
                        sink.write(value);
                    }
                }

                @Override
                public void write(byte[] values, int from, int count) {
                    if (!ended && Thread.currentThread().getThreadGroup() == threads) {
                        sink.write(values, from, count);
                    }
                }
            }, true, StandardCharsets.UTF_8);
        }
    }
}
