package matrix;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.Map;

/** The settings for the argument {@code security}. */
final class Security {
    private static final String PASSWORD = "changeit"; // a trust store has no secrets, but must have a password

    private Security() {}

    static Map<String, Object> settings(Arguments security) {
        Map<String, Object> settings = new HashMap<>();
        settings.put("security.protocol", security.text("protocol"));
        if (security.has("mechanism")) {
            String mechanism = security.text("mechanism");
            settings.put("sasl.mechanism", mechanism);
            settings.put("sasl.jaas.config", String.format("%s required username=\"%s\" password=\"%s\";",
                    mechanism.equals("PLAIN")
                            ? "org.apache.kafka.common.security.plain.PlainLoginModule"
                            : "org.apache.kafka.common.security.scram.ScramLoginModule",
                    security.text("username"), security.text("password")));
        }
        if (security.has("ca")) {
            settings.put("ssl.truststore.type", "PKCS12");
            settings.put("ssl.truststore.password", PASSWORD);
            settings.put("ssl.truststore.location", trustStore(Path.of(security.text("ca"))).toString());
        }
        return settings;
    }

    /** A trust store beside a PEM file, with its authority; the library reads PEM itself from 2.7 on only. */
    private static Path trustStore(Path pem) {
        try (InputStream in = Files.newInputStream(pem)) {
            KeyStore store = KeyStore.getInstance("PKCS12");
            store.load(null, null);
            store.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(in));
            Path file = Files.createTempFile(pem.toAbsolutePath().getParent(), "truststore", ".p12");
            try (OutputStream out = Files.newOutputStream(file)) {
                store.store(out, PASSWORD.toCharArray());
            }
            return file;
        } catch (IOException exception) {
            throw new UncheckedIOException(exception);
        } catch (GeneralSecurityException exception) {
            throw new IllegalStateException(exception);
        }
    }
}
