package provisioner;

import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.Paths;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.CountDownLatch;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.configuration.GlobalConfiguration;
import org.apache.flink.configuration.TaskManagerOptions;
import org.apache.flink.core.fs.FileSystem;
import org.apache.flink.runtime.minicluster.MiniCluster;
import org.apache.flink.runtime.minicluster.MiniClusterConfiguration;

/** A Flink session cluster in one JVM: {@code CONFIGURATION_FOLDER ADDRESS_FILE}; the file appears when it is up. */
public final class Cluster {
    private Cluster() {}

    public static void main(String[] args) throws Exception {
        Configuration settings = GlobalConfiguration.loadConfiguration(args[0]);
        FileSystem.initialize(settings, null);
        MiniCluster cluster =
                new MiniCluster(
                        new MiniClusterConfiguration.Builder()
                                .setConfiguration(settings)
                                .setNumTaskManagers(1)
                                .setNumSlotsPerTaskManager(settings.get(TaskManagerOptions.NUM_TASK_SLOTS))
                                .build());
        cluster.start();
        tell(Paths.get(args[1]), cluster.getRestAddress().get().toString());
        new CountDownLatch(1).await();
    }

    /** Written aside and renamed, so that nobody reads half of it. */
    private static void tell(Path file, String text) throws IOException {
        Path aside = file.resolveSibling(file.getFileName() + ".new");
        Files.write(aside, text.getBytes(StandardCharsets.UTF_8));
        Files.move(aside, file, StandardCopyOption.ATOMIC_MOVE);
    }
}
