// The streaming models of a project over what its log has, in this process alone:
//
//   nexmark_run PROJECT [ROWS_MAX [MEMORY]]        ROWS_MAX: of one epoch (400 000); MEMORY: 2GB
//
// Reads PROJECT/data/log, writes the lake and the state beside it, and prints
// `EVENTS CPU_SECONDS WALL_SECONDS`, then `step NAME CPU_SECONDS` for where the processor time
// went. With a refused model it prints why and ends with status 1.
#include <malloc.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <ctime>
#include <iostream>
#include <sstream>
#include <stop_token>

#include "base/logging.h"
#include "base/metrics.h"
#include "log/embedded_log.h"
#include "stream/pipeline.h"

namespace {

constexpr std::size_t kRowsMax = 400'000;

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }
double wall_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

base::Result<std::vector<runs::Model>> streaming_models(const base::Path& project) {
  std::vector<runs::Model> models = TRY(runs::load_models(project));
  std::erase_if(models, [](const runs::Model& m) { return m.mode == runs::Mode::kDaily; });
  return models;
}

base::Result<std::int64_t> run_to_the_end(stream::Pipeline& pipeline, eventlog::EventLog& log) {
  std::int64_t ends = 0;
  for (const schema::TopicSchema& topic : pipeline.topics()) {
    for (const eventlog::Offset end : TRY(log.topic(topic.topic.name)).end_offsets) ends += end;
  }
  for (std::int64_t done = 0; done < ends;) {
    if (!TRY(pipeline.run_epoch())) ::usleep(1000);
    done = 0;
    for (const auto& [partition, offset] : TRY(pipeline.consumed())) done += offset;
  }
  return ends;
}

void print_steps() {
  constexpr std::string_view kName = "waybill_pipeline_step_cpu_seconds_total{";
  std::istringstream metrics(base::metrics_text());
  for (std::string line; std::getline(metrics, line);) {
    const std::size_t from = line.find("step=\"");
    if (!line.starts_with(kName) || from == std::string::npos) continue;
    const std::size_t end = line.find('"', from + 6);
    std::cout << "step " << line.substr(from + 6, end - from - 6) << line.substr(line.rfind(' '))
              << '\n';
  }
}

// What the state is, on disk and in the engine.
std::string memory_used(sql::Connection& connection, const std::string& limit) {
  const auto used = connection.query(
      "SELECT sum(memory_usage_bytes), sum(temporary_storage_bytes) FROM duckdb_memory()");
  rusage own{};
  ::getrusage(RUSAGE_SELF, &own);
  if (!used) return used.error().to_string() + "\n";
  return fmt::format("memory limit {}, engine {} MB and {} MB spilled, process at most {} MB\n",
                     limit, (*used)->int_at(0, 0) >> 20, (*used)->int_at(1, 0) >> 20,
                     own.ru_maxrss >> 10);
}

base::Result<> run(const base::Path& project, std::size_t rows_max, const std::string& memory) {
  const auto topics = TRY(schema::load_topic_schemas(project));
  const auto models = TRY(streaming_models(project));
  const base::Path data = project / "data";
  base::FileSystem& disk = base::posix_file_system();
  const base::SystemClock clock;
  const auto log = TRY(eventlog::open_embedded_log(disk, clock, {.directory = data / "log"}));
  const auto store = TRY(state::Store::open(data / "state"));
  const auto objects = TRY(storage::local_store(disk, data / "lake"));
  const auto database = TRY(sql::Database::open(
      {.memory_limit = memory, .threads = 1, .temporary_directory = (data / "spill").string()}));
  const auto catalog = lake::make_catalog(*objects, *database);
  quality::Alerts alerts;
  const stream::Services services{*log, *catalog, *database, *store, alerts, clock};
  const auto connection = TRY(database->connect());
  const double cpu = cpu_seconds();
  const double wall = wall_seconds();
  std::int64_t events = 0;
  std::string used;
  for (const stream::Component& component :
       TRY(stream::components(*connection, topics, models, {}))) {
    const auto pipeline =
        TRY(stream::Pipeline::make(services, component, {}, {.rows_max = rows_max}));
    TRY(pipeline->restore());
    events += TRY(run_to_the_end(*pipeline, *log));
    used += memory_used(*connection, memory);
    std::stop_source stop;  // it writes what it has put off, and ends
    stop.request_stop();
    pipeline->run(stop.get_token());
  }
  std::cout << fmt::format("{} {:.3f} {:.3f}\n", events, cpu_seconds() - cpu,
                           wall_seconds() - wall);
  print_steps();
  std::cout << used;
  return {};
}

}  // namespace

int main(int count, char** arguments) {
  if (count < 2 || count > 4) {
    std::cerr << "usage: nexmark_run PROJECT [ROWS_MAX [MEMORY]]\n";
    return 2;
  }
  mallopt(M_ARENA_MAX, 4);
  base::start_logging("warn");
  const auto rows = count > 2 ? static_cast<std::size_t>(std::atoll(arguments[2])) : kRowsMax;
  const auto done = run(arguments[1], rows, count > 3 ? arguments[3] : "2GB");
  if (!done) std::cout << done.error().to_string() << '\n';
  return done ? 0 : 1;
}
