package provisioner;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.api.common.RuntimeExecutionMode;
import org.apache.flink.api.common.eventtime.WatermarkStrategy;
import org.apache.flink.api.common.functions.FlatMapFunction;
import org.apache.flink.api.common.serialization.SimpleStringEncoder;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.api.java.tuple.Tuple2;
import org.apache.flink.connector.file.sink.FileSink;
import org.apache.flink.connector.file.src.FileSource;
import org.apache.flink.connector.file.src.reader.TextLineInputFormat;
import org.apache.flink.core.fs.Path;
import org.apache.flink.streaming.api.datastream.DataStream;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.util.Collector;

/**
 * Counts words: {@code --input FILE_OR_FOLDER} (a text within the jar by default), {@code --output FOLDER} (Flink's
 * log by default). A word is a run of the letters, digits and underscores of ASCII, in lower case; a line of output is
 * the word, a space and its count. Runs on Flink 1.17 to 2.x.
 */
public final class WordCount {
    private static final String TEXT = "/wordcount.txt";

    private WordCount() {}

    public static void main(String[] args) throws Exception {
        StreamExecutionEnvironment flink = StreamExecutionEnvironment.getExecutionEnvironment();
        flink.setRuntimeMode(RuntimeExecutionMode.BATCH);
        DataStream<String> counted =
                lines(flink, option(args, "--input"))
                        .flatMap(new Words())
                        .returns(Types.TUPLE(Types.STRING, Types.INT))
                        .keyBy(word -> word.f0)
                        .sum(1)
                        .map(word -> word.f0 + " " + word.f1)
                        .returns(Types.STRING);
        write(counted, option(args, "--output"));
        flink.execute("WordCount");
    }

    private static DataStream<String> lines(StreamExecutionEnvironment flink, String input) throws IOException {
        if (input == null) {
            return flink.fromCollection(builtIn());
        }
        FileSource<String> source = FileSource.forRecordStreamFormat(new TextLineInputFormat(), new Path(input)).build();
        return flink.fromSource(source, WatermarkStrategy.noWatermarks(), "lines");
    }

    private static void write(DataStream<String> counted, String output) {
        if (output == null) {
            counted.print();
        } else {
            counted.sinkTo(FileSink.forRowFormat(new Path(output), new SimpleStringEncoder<String>("UTF-8")).build());
        }
    }

    private static List<String> builtIn() throws IOException {
        List<String> lines = new ArrayList<>();
        try (InputStream text = WordCount.class.getResourceAsStream(TEXT);
                BufferedReader reader = new BufferedReader(new InputStreamReader(text, StandardCharsets.UTF_8))) {
            for (String line = reader.readLine(); line != null; line = reader.readLine()) {
                lines.add(line);
            }
        }
        return lines;
    }

    /** The value after the option, or null. */
    private static String option(String[] args, String name) {
        for (int index = 0; index < args.length; index++) {
            if (args[index].equals(name)) {
                if (index + 1 == args.length) {
                    throw new IllegalArgumentException(name + " needs a value");
                }
                return args[index + 1];
            }
        }
        return null;
    }

    /** A line into its words. */
    static final class Words implements FlatMapFunction<String, Tuple2<String, Integer>> {
        private static final long serialVersionUID = 1L;

        @Override
        public void flatMap(String line, Collector<Tuple2<String, Integer>> out) {
            for (String word : line.toLowerCase(java.util.Locale.ROOT).split("\\W+")) {
                if (!word.isEmpty()) {
                    out.collect(Tuple2.of(word, 1));
                }
            }
        }
    }
}
