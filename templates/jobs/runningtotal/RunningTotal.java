package provisioner;

import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardOpenOption;
import org.apache.flink.api.common.functions.MapFunction;
import org.apache.flink.api.common.state.ListState;
import org.apache.flink.api.common.state.ListStateDescriptor;
import org.apache.flink.api.common.typeinfo.Types;
import org.apache.flink.runtime.state.FunctionInitializationContext;
import org.apache.flink.runtime.state.FunctionSnapshotContext;
import org.apache.flink.streaming.api.checkpoint.CheckpointedFunction;
import org.apache.flink.streaming.api.environment.StreamExecutionEnvironment;
import org.apache.flink.streaming.api.functions.sink.v2.DiscardingSink;

/**
 * A job without end: adds up the numbers from 1 on. {@code --output FILE} gets a line for each number, the number and the
 * total so far; {@code --pause MILLISECONDS} comes after each, 5 by default. Source and total are state: a start without
 * it begins at 1 again, a second job beside this one repeats numbers, and a gap shows a state that was too old or too new.
 */
public final class RunningTotal {
    private RunningTotal() {}

    public static void main(String[] args) throws Exception {
        String output = null;
        long pause = 5;
        for (int i = 0; i + 1 < args.length; i += 2) {
            if (args[i].equals("--output")) {
                output = args[i + 1];
            } else if (args[i].equals("--pause")) {
                pause = Long.parseLong(args[i + 1]);
            } else {
                throw new IllegalArgumentException("There is no argument " + args[i] + "; write --output FILE [--pause MS]");
            }
        }
        if (output == null) {
            throw new IllegalArgumentException("Write --output FILE");
        }
        StreamExecutionEnvironment flink = StreamExecutionEnvironment.getExecutionEnvironment();
        flink.setParallelism(1);
        flink.fromSequence(1, Long.MAX_VALUE)
                .uid("numbers")
                .map(new Adder(output, pause))
                .uid("adder")
                .sinkTo(new DiscardingSink<>());
        flink.execute("running total");
    }

    /** Adds each number to the total that its state holds. */
    static final class Adder implements MapFunction<Long, Long>, CheckpointedFunction {
        private static final long serialVersionUID = 1L;
        private final String output;
        private final long pause;
        private transient ListState<Long> state;
        private transient long total;

        Adder(String output, long pause) {
            this.output = output;
            this.pause = pause;
        }

        @Override
        public Long map(Long number) throws Exception {
            total += number;
            byte[] line = (number + " " + total + "\n").getBytes(StandardCharsets.UTF_8);
            Path file = Paths.get(output);
            Files.write(file, line, StandardOpenOption.CREATE, StandardOpenOption.APPEND);
            Thread.sleep(pause);
            return total;
        }

        @Override
        public void initializeState(FunctionInitializationContext context) throws Exception {
            state = context.getOperatorStateStore().getListState(new ListStateDescriptor<>("total", Types.LONG));
            total = 0;
            for (Long part : state.get()) {
                total += part;
            }
        }

        @Override
        public void snapshotState(FunctionSnapshotContext context) throws Exception {
            state.clear();
            state.add(total);
        }
    }
}
