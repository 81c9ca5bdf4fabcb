// Runs Nexmark's questions on Apache Flink, one after the other in one process with one task slot:
//
//   FlinkRun TABLES.sql CHECKPOINTS QUERY=SELECT…
//
// TABLES.sql: statements that make the tables, each ended by a semicolon at the end of a line.
// Prints `QUERY WALL_SECONDS CPU_SECONDS` for each, or `QUERY failed REASON`. The first is asked twice, to warm up.
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.flink.configuration.Configuration;
import org.apache.flink.table.api.EnvironmentSettings;
import org.apache.flink.table.api.TableEnvironment;

public class FlinkRun {
  static double cpuSeconds() {
    return ((OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1e9;
  }

  static TableEnvironment environment(String checkpoints) {
    Configuration settings = new Configuration();
    settings.setString("execution.target", "local");
    settings.setString("parallelism.default", "1");
    settings.setString("execution.checkpointing.interval", "5 s");
    settings.setString("execution.checkpointing.mode", "EXACTLY_ONCE");
    settings.setString("execution.checkpointing.storage", "filesystem");
    settings.setString("execution.checkpointing.dir", checkpoints);
    settings.setString("restart-strategy.type", "none");
    settings.setString("state.backend.type", "rocksdb");
    settings.setString("table.exec.mini-batch.enabled", "true");
    settings.setString("table.exec.mini-batch.allow-latency", "2 s");
    settings.setString("table.exec.mini-batch.size", "50000");
    settings.setString("table.optimizer.distinct-agg.split.enabled", "true");
    settings.setString("table.local-time-zone", "UTC");
    settings.setString("taskmanager.memory.managed.size", "512m");
    return TableEnvironment.create(
        EnvironmentSettings.newInstance().inStreamingMode().withConfiguration(settings).build());
  }

  static void ask(String tables, String checkpoints, String name, String select) {
    double wall = System.nanoTime() / 1e9;
    double cpu = cpuSeconds();
    try {
      TableEnvironment environment = environment(checkpoints);
      for (String statement : tables.split(";\\s*\n"))
        if (!statement.isBlank()) environment.executeSql(statement);
      environment.executeSql("CREATE TABLE answer WITH ('connector' = 'blackhole') AS " + select).await();
      System.out.printf("%s %.3f %.3f%n", name, System.nanoTime() / 1e9 - wall, cpuSeconds() - cpu);
    } catch (Throwable error) {
      Throwable cause = error;
      while (cause.getCause() != null) cause = cause.getCause();
      System.out.println(name + " failed " + String.valueOf(cause.getMessage()).split("\n")[0]);
    }
    System.out.flush();
  }

  public static void main(String[] arguments) throws Exception {
    String tables = Files.readString(Path.of(arguments[0]));
    List<String> questions = new ArrayList<>(List.of(arguments).subList(2, arguments.length));
    questions.add(0, questions.get(0));
    for (String question : questions) {
      int equals = question.indexOf('=');
      ask(tables, arguments[1], question.substring(0, equals), question.substring(equals + 1));
    }
    System.exit(0);
  }
}
