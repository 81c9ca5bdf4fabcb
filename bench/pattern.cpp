// Events through four patterns over 100 000 keys, on one thread: DuckDB's SELECT of the conditions,
// the wait for the watermark, the matching, the matches' rows and the state in RocksDB, synced by
// epoch. Beside it the bare scan of the same columns, once, which every pattern begins with.
#include "stream/pattern.h"

#include <chrono>
#include <filesystem>
#include <random>

#include "base/check.h"
#include "base/logging.h"
#include "base/uuid.h"
#include "stream/operator.h"

namespace {

constexpr int kKeys = 100'000;
constexpr int kEpochRows = 200'000;  // two seconds at 100 000 events/s
constexpr base::TimestampUs kStartUs = 1'790'000'000LL * base::kUsPerSecond;

constexpr const char* kHead =
    "source: silver.positions\nkey: [truck_id]\ntime: event_time\nwatermark: 5 seconds\n";

std::vector<std::string> patterns() {
  return {std::string("table: gold.stuck\n") + kHead + R"(
pattern: drove not goes_on within 20 minutes
define:
  drove: speed_kmh >= 3 AND shipment_id IS NOT NULL
  goes_on: speed_kmh >= 3 OR shipment_id IS DISTINCT FROM drove.shipment_id
measures:
  shipment_id: drove.shipment_id
)",
          std::string("table: gold.harsh\n") + kHead + R"(within: 1 minute
pattern: fast slow
define:
  fast: speed_kmh > 80
  slow: speed_kmh < fast.speed_kmh - 40
measures:
  from_kmh: fast.speed_kmh
  to_kmh: slow.speed_kmh
)",
          std::string("table: gold.silent\n") + kHead + R"(within: 3 minutes
pattern: here back
define:
  back: event_time - here.event_time > INTERVAL '45 seconds'
measures:
  silent_s: date_diff('second', here.event_time, back.event_time)
)",
          std::string("table: gold.stops\n") + kHead + R"(within: 10 minutes
pattern: stands{3,} drives
define:
  stands: speed_kmh < 3 AND avg(stands.speed_kmh) < 2
  drives: speed_kmh >= 3
measures:
  rows: count(stands)
  slowest: min(stands.speed_kmh)
)"};
}

template <class T>
T must(base::Result<T> result) {
  CHECK(result.has_value(), "{}", result.error().to_string());
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

const columns::Schema& positions() {
  using columns::Type;
  static const columns::Schema kSchema{{{"truck_id", Type::kString, true},
                                        {"event_time", Type::kTimestamp, true},
                                        {"lat", Type::kFloat64, true},
                                        {"lon", Type::kFloat64, true},
                                        {"speed_kmh", Type::kFloat64, true},
                                        {"shipment_id", Type::kString, true},
                                        {"_partition", Type::kInt32, true},
                                        {"_offset", Type::kInt64, true}}};
  return kSchema;
}

// Each truck speaks about every ten seconds; some stand, few brake, few are silent for a while.
class Fleet {
 public:
  columns::Batch next(int rows) {
    columns::Batch batch(positions());
    for (int i = 0; i < rows; ++i) {
      const auto truck = static_cast<std::size_t>(count_ % kKeys);
      float& speed = speed_[truck];
      if (pick(100) < 3) speed = speed > 3 ? 0.0F : static_cast<float>(30 + pick(60));
      if (speed > 3) speed = std::max(4.0F, speed + static_cast<float>(pick(7) - 3));
      const std::int64_t ms = count_ / 10 - pick(3000);
      ++count_;
      if (pick(1000) < 5) continue;
      auto& to = batch.columns;
      to[0].append_text(fmt::format("T-{:06}", truck));
      to[1].append_int(kStartUs + ms * base::kUsPerMs);
      to[2].append_double(50.0);
      to[3].append_double(8.0);
      to[4].append_double(static_cast<double>(speed));
      to[5].append_text(fmt::format("S-{}", truck * 7));
      to[6].append_int(static_cast<std::int64_t>(truck % 4));
      to[7].append_int(count_);
    }
    return batch;
  }

 private:
  int pick(int below) { return static_cast<int>(random_() % static_cast<unsigned>(below)); }
  std::mt19937 random_{7};
  std::vector<float> speed_ = std::vector<float>(kKeys, 50.0F);
  std::int64_t count_ = 0;
};

double seconds_since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - then).count();
}

struct Bench {
  std::unique_ptr<sql::Database> database = must(sql::Database::open({.threads = 1}));
  std::unique_ptr<sql::Connection> connection = must(database->connect());
  std::vector<std::unique_ptr<stream::Operator>> operators;
  std::unique_ptr<state::Store> store;
  std::string input = stream::rows_table("silver.positions");
  std::int64_t matches = 0;

  void epoch(std::int64_t number, std::shared_ptr<const columns::Batch> rows) {
    must(connection->share(input, std::move(rows)));
    stream::Epoch epoch{.connection = *connection,
                        .number = number,
                        .now_us = kStartUs + number * 20 * base::kUsPerSecond,
                        .partitions = {{"positions", 4}}};
    state::WriteSet changes;
    for (const auto& op : operators) {
      for (const stream::TableChange& change : must(op->process(epoch)).changes)
        if (change.table == op->model().table) matches += change.rows;
      must(op->keep(epoch, *store, changes));
    }
    must(store->apply(changes));
    for (const auto& op : operators) must(op->committed(*connection));
  }
};

void run(int epochs) {
  const auto folder =
      std::filesystem::temp_directory_path() / ("bench-pattern-" + base::new_uuid());
  Bench bench;
  bench.store = must(state::Store::open(folder));
  const std::map<std::string, stream::Relation> known{
      {"silver.positions",
       {.table = "silver.positions", .schema = positions(), .topics = {"positions"}}}};
  for (const std::string& text : patterns())
    bench.operators.push_back(must(stream::make_operator(
        *bench.connection, must(stream::pattern_model(text, "bench.yaml")), known, nullptr)));
  Fleet fleet;
  std::vector<std::shared_ptr<const columns::Batch>> batches;
  std::size_t events = 0;
  for (int i = 0; i < epochs; ++i) {
    batches.push_back(std::make_shared<const columns::Batch>(fleet.next(kEpochRows)));
    events += batches.back()->rows();
  }
  auto started = std::chrono::steady_clock::now();
  for (const auto& batch : batches) {
    must(bench.connection->share(bench.input, batch));
    const auto rows = must(
        must(bench.connection->query("SELECT event_time, _partition, _offset, truck_id, speed_kmh, "
                                     "shipment_id FROM " +
                                     sql::quote_name(bench.input)))
            ->batch());
    CHECK(rows.rows() == batch->rows(), "all rows are read");
  }
  const double scan_s = seconds_since(started);
  started = std::chrono::steady_clock::now();
  for (std::size_t i = 0; i < batches.size(); ++i)
    bench.epoch(static_cast<std::int64_t>(i) + 1, batches[i]);
  const double patterns_s = seconds_since(started);
  const auto rate = [&](double seconds) { return static_cast<double>(events) / seconds; };
  fmt::print("figure pattern_scan {:.0f} events/s\n", rate(scan_s));
  fmt::print("figure pattern_four {:.0f} events/s\n", rate(patterns_s));
  fmt::print("figure pattern_four_matches {} rows\n", bench.matches);
  started = std::chrono::steady_clock::now();
  for (const auto& op : bench.operators) must(op->restore(*bench.store, *bench.connection));
  fmt::print("figure pattern_four_restore {:.2f} s\n", seconds_since(started));
  bench.operators.clear();
  bench.store.reset();
  std::filesystem::remove_all(folder);
}

}  // namespace

// bench_pattern [EPOCHS of 200 000 events]
int main(int argc, char** argv) {
  base::start_logging("warn");
  run(argc > 1 ? std::atoi(argv[1]) : 20);
  return 0;
}
