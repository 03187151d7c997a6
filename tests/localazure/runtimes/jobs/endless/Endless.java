package provisioner;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.nio.file.StandardOpenOption;
import org.apache.flink.api.common.functions.RichMapFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * A job without end: counts up. {@code FILE [CHECKPOINT_MILLISECONDS]}: each start appends a line to the file, the number
 * at which it goes on, so that a start without state writes 1.
 */
public final class Endless {
    private Endless() {}

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment flink = StreamExecutionEnvironment.getExecutionEnvironment();
        flink.setParallelism(1);
        if (args.length > 1) {
            flink.enableCheckpointing(Long.parseLong(args[1]));
        }
        flink.fromSequence(1, Long.MAX_VALUE)
                .uid("numbers")
                .map(new Slowly(args[0]))
                .uid("slowly")
                .sinkTo(new DiscardingSink<>());
        flink.execute("endless");
    }

    /** A number at a time, the first one noted. */
    static final class Slowly extends RichMapFunction<Long, Long> {
        private static final long serialVersionUID = 1L;
        private final String file;
        private transient boolean begun;

        Slowly(String file) {
            this.file = file;
        }

        @Override
        public Long map(Long number) throws Exception {
            if (!begun) {
                begun = true;
                byte[] line = (number + "\n").getBytes(StandardCharsets.UTF_8);
                Files.write(Paths.get(file), line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            }
            Thread.sleep(2);
            return number;
        }
    }
}
