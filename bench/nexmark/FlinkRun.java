// Runs Nexmark's questions on Apache Flink, one after the other in one process with one task slot:
//
//   FlinkRun FEW.sql ALL.sql CHECKPOINTS QUERY=SELECT…
//
// FEW.sql, ALL.sql: statements that make the tables, each ended by a semicolon at the end of a line.
// Each question is asked of the few events and then of all. Prints `QUERY CPU_SECONDS_FEW CPU_SECONDS_ALL`, or
// `QUERY failed REASON`.
import com.sun.management.OperatingSystemMXBean;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
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

  static double ask(String tables, String checkpoints, String select) throws Exception {
    double before = cpuSeconds();
    TableEnvironment environment = environment(checkpoints);
    for (String statement : tables.split(";\\s*\n"))
      if (!statement.isBlank()) environment.executeSql(statement);
    environment.executeSql("CREATE TABLE answer WITH ('connector' = 'blackhole') AS " + select).await();
    return cpuSeconds() - before;
  }

  public static void main(String[] arguments) throws Exception {
    String few = Files.readString(Path.of(arguments[0]));
    String all = Files.readString(Path.of(arguments[1]));
    for (String question : List.of(arguments).subList(3, arguments.length)) {
      int equals = question.indexOf('=');
      String name = question.substring(0, equals);
      String select = question.substring(equals + 1);
      try {
        ask(few, arguments[2], select);
        double first = ask(few, arguments[2], select);
        System.out.printf("%s %.3f %.3f%n", name, first, ask(all, arguments[2], select));
      } catch (Throwable error) {
        Throwable cause = error;
        while (cause.getCause() != null) cause = cause.getCause();
        System.out.println(name + " failed " + String.valueOf(cause.getMessage()).split("\n")[0]);
      }
      System.out.flush();
    }
    System.exit(0);
  }
}
