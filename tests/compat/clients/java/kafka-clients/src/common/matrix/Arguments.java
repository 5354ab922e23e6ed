package matrix;

import com.google.gson.JsonArray;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;

/** A JSON object in which everything may be missing. */
record Arguments(JsonObject object) {
    static Arguments parse(String line) {
        return new Arguments(JsonParser.parseString(line).getAsJsonObject());
    }

    boolean has(String name) {
        return object.has(name) && !object.get(name).isJsonNull();
    }

    JsonElement get(String name) {
        return object.get(name);
    }

    String text(String name, String otherwise) {
        return has(name) ? object.get(name).getAsString() : otherwise;
    }

    String text(String name) {
        return object.get(name).getAsString();
    }

    long number(String name, long otherwise) {
        return has(name) ? object.get(name).getAsLong() : otherwise;
    }

    int number(String name) {
        return object.get(name).getAsInt();
    }

    boolean flag(String name) {
        return has(name) && object.get(name).getAsBoolean();
    }

    /** A base64 string as bytes; null for null and for what is missing. */
    byte[] bytes(String name) {
        return has(name) ? decode(object.get(name)) : null;
    }

    static byte[] decode(JsonElement base64) {
        return base64.isJsonNull() ? null : Base64.getDecoder().decode(base64.getAsString());
    }

    /** A list; empty when missing. */
    List<JsonElement> list(String name) {
        return has(name) ? object.get(name).getAsJsonArray().asList() : List.of();
    }

    List<String> texts(String name) {
        List<String> texts = new ArrayList<>();
        list(name).forEach(element -> texts.add(element.getAsString()));
        return texts;
    }

    /** A list of partitions; the first alone when missing. */
    List<Integer> partitions(String name) {
        JsonArray numbers = has(name) ? object.get(name).getAsJsonArray() : new JsonArray();
        List<Integer> partitions = new ArrayList<>();
        numbers.forEach(element -> partitions.add(element.getAsInt()));
        return partitions.isEmpty() ? List.of(0) : partitions;
    }

    /** An object within; empty when missing. */
    Arguments within(String name) {
        return new Arguments(has(name) ? object.get(name).getAsJsonObject() : new JsonObject());
    }
}
