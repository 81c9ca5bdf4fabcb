// Bronze to gold: how fast one pipeline moves records from the log through every layer of the lake,
// exactly once, beside DuckDB's own speed on the same SQL.
//
//   bench_stream PROJECT [RECORDS]   prints figure lines
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>

#include "base/logging.h"
#include "base/metrics.h"
#include "log/embedded_log.h"
#include "log/record_batch.h"
#include "schema/topic_schema.h"
#include "stream/pipeline.h"

namespace {

double now_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

[[noreturn]] void give_up(const base::Error& error) {
  std::cerr << error.to_string() << "\n";
  std::exit(1);
}

template <class T>
T must(base::Result<T> result) {
  if (!result) give_up(result.error());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

// Scans of a day like the simulated fleet's: 1 in 50 is a duplicate.
std::string scan(std::int64_t i, base::TimestampUs start_us) {
  static const char* const kTypes[] = {"pickup", "departure", "arrival", "out_for_delivery",
                                       "delivered"};
  const std::int64_t event = i % 50 == 49 ? i - 1 : i;
  return fmt::format(
      R"({{"event_id":"E-{}","event_time":"{}","shipment_id":"S-{}","scan_type":"{}","hub_id":"HUB{:02}","truck_id":"T-{:06}","carrier":"Rhein-Spedition"}})",
      event, base::format_rfc3339(start_us + event * 300), event * 7919 % 400'000,
      kTypes[event % 5], event % 70, event % 100'000);
}

void fill(eventlog::EventLog& log, const schema::TopicSchema& topic, std::int64_t records) {
  must(log.create_topic(topic.topic));
  std::vector<eventlog::BatchBuilder> builders(static_cast<std::size_t>(topic.topic.partitions));
  const base::TimestampUs start_us = 1'790'000'000LL * base::kUsPerSecond;
  for (std::int64_t i = 0; i < records; ++i) {
    const std::string value = scan(i, start_us);
    const std::string key = fmt::format("S-{}", i * 7919 % 400'000);
    const auto partition = eventlog::partition_of_key(key, topic.topic.partitions);
    eventlog::BatchBuilder& builder = builders[static_cast<std::size_t>(partition)];
    builder.add(key, value, (start_us + i * 300) / 1000);
    if (builder.records() == 500 || i + static_cast<std::int64_t>(builders.size()) >= records) {
      must(log.append_and_wait({topic.topic.name, partition}, builder.finish()));
    }
  }
  for (std::size_t p = 0; p < builders.size(); ++p) {
    if (builders[p].records() > 0) {
      must(log.append_and_wait({topic.topic.name, static_cast<eventlog::Partition>(p)},
                               builders[p].finish()));
    }
  }
}

// The silver and gold SELECTs over the bronze table's files, written to Parquet: DuckDB alone.
double duckdb_alone(sql::Database& database, lake::Catalog& catalog,
                    const std::vector<runs::Model>& models, const base::Path& folder) {
  const auto connection = must(database.connect());
  const auto bronze = must(must(catalog.table("bronze.scans"))->snapshot());
  must(connection->execute(
      fmt::format("CREATE SCHEMA bronze; CREATE SCHEMA silver; CREATE VIEW bronze.scans AS {}",
                  bronze->scan_sql())));
  const double start = now_seconds();
  for (const runs::Model& model : models) {
    if (model.table != "silver.scans") continue;
    must(connection->execute(fmt::format("CREATE TABLE silver.scans AS {}", model.sql)));
    must(connection->execute(
        fmt::format("COPY silver.scans TO '{}' (FORMAT parquet, COMPRESSION zstd)",
                    (folder / "silver.parquet").string())));
  }
  for (const runs::Model& model : models) {
    if (!model.table.starts_with("gold.")) continue;
    must(connection->execute(fmt::format("COPY ({}) TO '{}' (FORMAT parquet, COMPRESSION zstd)",
                                         model.sql,
                                         (folder / (model.table + ".parquet")).string())));
  }
  return now_seconds() - start;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::cerr << "usage: bench_stream PROJECT [RECORDS]\n";
    return 2;
  }
  base::start_logging("warn");
  const base::Path project = argv[1];
  const std::int64_t records = argc > 2 ? std::atoll(argv[2]) : 2'000'000;
  std::string pattern = (std::filesystem::temp_directory_path() / "waybill-bench-XXXXXX").string();
  const base::Path folder = ::mkdtemp(pattern.data());

  const auto topics = must(schema::load_topic_schemas(project));
  const auto topic = *std::find_if(topics.begin(), topics.end(),
                                   [](const auto& t) { return t.topic.name == "scans"; });
  std::vector<runs::Model> models;
  for (const runs::Model& model : must(runs::load_models(project))) {
    for (const char* table : {"silver.scans", "gold.hub_throughput", "gold.shipment_status"}) {
      if (model.table == table) models.push_back(model);
    }
  }
  const auto suites = must(quality::load_suites(project));
  base::FileSystem& disk = base::posix_file_system();
  const base::SystemClock clock;
  const auto log = must(eventlog::open_embedded_log(disk, clock, {.directory = folder / "log"}));
  fill(*log, topic, records);
  const auto store = must(state::Store::open(folder / "state"));
  const auto objects = must(storage::local_store(disk, folder / "lake"));
  const auto database = must(sql::Database::open(
      {.memory_limit = "2GB", .threads = 2, .temporary_directory = (folder / "spill").string()}));
  const auto catalog = lake::make_catalog(*objects, *database);
  quality::Alerts alerts;
  const stream::Services services{*log, *catalog, *database, *store, alerts, clock};
  const auto planner = must(database->connect());
  const auto components = must(stream::components(*planner, {topic}, models, {}));
  auto pipeline = must(stream::Pipeline::make(services, components.front(), suites, {}));
  const double start = now_seconds();
  must(pipeline->restore());
  std::int64_t done = 0;
  for (double last = now_seconds(); done < records;) {
    // As the running pipeline: an epoch when its rows are there, at the latest after a second.
    while (!pipeline->ready() && now_seconds() - last < 1) ::usleep(1000);
    last = now_seconds();
    must(pipeline->run_epoch());
    done = 0;
    for (const auto& [partition, offset] : must(pipeline->consumed())) done += offset;
  }
  const double seconds = now_seconds() - start;
  const double alone = duckdb_alone(*database, *catalog, models, folder);
  std::cout << fmt::format(
      "figure bronze_to_gold {:.0f} events/s peer duckdb_silver_to_gold {:.0f} ratio {:.2f}\n",
      static_cast<double>(records) / seconds, static_cast<double>(records) / alone,
      alone / seconds);
  // Where the time went, by step.
  std::istringstream metrics(base::metrics_text());
  for (std::string line; std::getline(metrics, line);) {
    if (line.starts_with("waybill_pipeline_step_seconds_sum")) std::cout << "  " << line << "\n";
  }
  pipeline.reset();
  std::filesystem::remove_all(folder);
  return 0;
}
