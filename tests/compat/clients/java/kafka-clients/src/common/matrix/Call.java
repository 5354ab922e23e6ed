package matrix;

import java.io.BufferedReader;

/** What a verb is called with; {@code commands} are the lines of stdin after the arguments. */
record Call(String bootstrap, Arguments arguments, BufferedReader commands) {}
