// How long an event takes through a window: from the log to the commit of the window's row in the
// lake, at a steady rate, and how fast a pipeline of one window is when it has all events at once.
//
//   bench_stream_latency [RATE [SECONDS]]     10 000 events a second, 20 s
//
// Prints figure lines. The window's model reads JSON from the log; its rows, bronze and the state
// are committed with every epoch, of 50 ms or as soon as the one before is done.
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <sstream>
#include <thread>

#include "base/logging.h"
#include "base/metrics.h"
#include "base/yaml.h"
#include "log/embedded_log.h"
#include "log/record_batch.h"
#include "schema/topic_schema.h"
#include "stream/pipeline.h"

namespace {

constexpr std::int64_t kStepUs = 10'000;  // events are appended in steps of this
constexpr std::int64_t kEpochUs = 50'000;
constexpr std::int64_t kWarmUpUs = 2 * base::kUsPerSecond;
constexpr std::int64_t kPatienceUs = 30 * base::kUsPerSecond;

constexpr const char* kTopic = R"(topic: scans
partitions: 1
key: hub
format: json
schema:
  id: string not null
  event_time: timestamp not null
  hub: string
  amount: bigint
)";
constexpr const char* kModel = R"(---
table: gold.by_hub
mode: streaming
time: event_time
watermark: 1 second
key: [hub, start]
---
SELECT hub, time_bucket(INTERVAL '10 seconds', event_time) AS start, count(*) AS scans,
       sum(amount) AS amount, max(event_time) AS newest
FROM bronze.scans GROUP BY ALL)";

std::int64_t now_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

template <class T>
T must(base::Result<T> result) {
  if (!result) {
    std::cerr << result.error().to_string() << "\n";
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

struct Sent {
  eventlog::Offset end = 0;  // of the log behind it
  std::int64_t at_us = 0;
};

std::vector<Sent> send(eventlog::EventLog& log, const base::Clock& clock, std::int64_t rate,
                       std::int64_t seconds) {
  std::vector<Sent> sent;
  const std::int64_t steps = seconds * base::kUsPerSecond / kStepUs;
  const std::int64_t each = rate * kStepUs / base::kUsPerSecond;
  std::int64_t number = 0;
  const std::int64_t start_us = now_us();
  eventlog::BatchBuilder builder;
  for (std::int64_t step = 0; step < steps; ++step) {
    const std::int64_t due_us = start_us + step * kStepUs;
    std::this_thread::sleep_for(std::chrono::microseconds(due_us - now_us()));
    const base::TimestampUs time_us = clock.now_us();
    const std::string time = base::format_rfc3339(time_us);
    for (std::int64_t i = 0; i < each; ++i, ++number) {
      const std::string hub = fmt::format("HUB{}", number * 7919 % 200);
      builder.add(hub,
                  fmt::format(R"({{"id":"S-{}","event_time":"{}","hub":"{}","amount":{}}})", number,
                              time, hub, number % 1000),
                  time_us / 1000);
    }
    // The latency counts from when it was due: a log that holds the sender up does not hide it.
    log.append({"scans", 0}, builder.finish(),
               [](base::Result<eventlog::AppendResult> done) { must(std::move(done)); });
    sent.push_back({number, due_us});
  }
  return sent;
}

// When each offset was committed, as far as `end`.
std::vector<Sent> watch(const stream::Pipeline& pipeline, std::stop_token stop) {
  std::vector<Sent> seen;
  while (!stop.stop_requested()) {
    const auto consumed = must(pipeline.consumed());
    const auto it = consumed.find({"scans", 0});
    if (it != consumed.end() && (seen.empty() || seen.back().end < it->second))
      seen.push_back({it->second, now_us()});
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return seen;
}

void print(const std::vector<Sent>& sent, const std::vector<Sent>& seen, std::int64_t rate) {
  std::vector<double> milliseconds;
  auto at = seen.begin();
  for (const Sent& one : sent) {
    while (at != seen.end() && at->end < one.end) ++at;
    if (at == seen.end()) {
      std::cerr << "events were not committed in time: offset " << one.end << "\n";
      std::exit(1);
    }
    if (one.at_us - sent.front().at_us < kWarmUpUs) continue;
    milliseconds.push_back(static_cast<double>(at->at_us - one.at_us) / 1e3);
  }
  std::ranges::sort(milliseconds);
  const auto share = [&](double part) {
    return milliseconds[static_cast<std::size_t>(part *
                                                 static_cast<double>(milliseconds.size() - 1))];
  };
  for (const auto& [name, part] : {std::pair{"p50", 0.5}, {"p99", 0.99}, {"max", 1.0}})
    std::cout << fmt::format("figure window_latency_{}_at_{}_per_s {:.1f} ms\n", name, rate,
                             share(part));
  std::cout << fmt::format("# {} epochs\n", seen.size());
  // Where the time went, by step.
  std::istringstream metrics(base::metrics_text());
  for (std::string line; std::getline(metrics, line);) {
    if (line.starts_with("waybill_pipeline_step_seconds_sum") ||
        line.starts_with("waybill_pipeline_step_cpu_seconds_total{"))
      std::cout << "# " << line << "\n";
  }
}

void run(const base::Path& folder, std::int64_t rate, std::int64_t seconds) {
  const auto topic =
      must(schema::parse_topic_schema(must(base::Yaml::parse(kTopic, "scans.yaml"))));
  const auto model = must(runs::parse_model(kModel, "by_hub.sql"));
  base::FileSystem& disk = base::posix_file_system();
  const base::SystemClock clock;
  const auto log = must(eventlog::open_embedded_log(disk, clock, {.directory = folder / "log"}));
  must(log->create_topic(topic.topic));
  const auto store = must(state::Store::open(folder / "state"));
  const auto objects = must(storage::local_store(disk, folder / "lake"));
  const auto database = must(sql::Database::open(
      {.memory_limit = "1GB", .threads = 2, .temporary_directory = (folder / "spill").string()}));
  const auto catalog = lake::make_catalog(*objects, *database);
  quality::Alerts alerts;
  const stream::Services services{*log, *catalog, *database, *store, alerts, clock};
  const auto planner = must(database->connect());
  const auto components = must(stream::components(*planner, {topic}, {model}, {}));
  auto pipeline =
      must(stream::Pipeline::make(services, components.front(), {}, {.epoch_us = kEpochUs}));
  must(pipeline->restore());
  {
    std::vector<Sent> seen;
    std::jthread watcher([&](std::stop_token stop) { seen = watch(*pipeline, stop); });
    std::jthread running([&](std::stop_token stop) { pipeline->run(stop); });
    const std::vector<Sent> sent = send(*log, clock, rate, seconds);
    for (const std::int64_t until_us = now_us() + kPatienceUs; now_us() < until_us;) {
      if (must(pipeline->consumed())[{"scans", 0}] >= sent.back().end) break;
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    watcher.request_stop();
    watcher.join();
    running.request_stop();
    running.join();
    print(sent, seen, rate);
  }
}

}  // namespace

int main(int count, char** arguments) {
  base::start_logging("warn");
  const std::int64_t rate = count > 1 ? std::atoll(arguments[1]) : 10'000;
  const std::int64_t seconds = count > 2 ? std::atoll(arguments[2]) : 20;
  std::string pattern = (std::filesystem::temp_directory_path() / "waybill-bench-XXXXXX").string();
  const base::Path folder = ::mkdtemp(pattern.data());
  run(folder, rate, seconds);
  std::filesystem::remove_all(folder);
  return 0;
}
