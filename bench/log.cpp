// The event log's figures: durable appends per second, reading, opening.
//
//   bench_log [folder] [seconds]
// Two producers send batches of 500 records of 170 bytes to four partitions, each keeping a few
// batches under way, as listeners do. An append counts when it was acknowledged, that is, synced.
#include <fmt/format.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <semaphore>
#include <thread>

#include "log/event_log.h"
#include "log/record_batch.h"

namespace {

using SteadyClock = std::chrono::steady_clock;
constexpr int kPartitions = 4;
constexpr int kProducers = 2;
constexpr int kRecords = 500;
constexpr std::size_t kRecordBytes = 170;
constexpr std::ptrdiff_t kUnderWay = 8;  // batches per producer
constexpr std::size_t kReadBytes = 4UL << 20;

double seconds_since(SteadyClock::time_point start) {
  return std::chrono::duration<double>(SteadyClock::now() - start).count();
}

void stop_on(const base::Error& error) {
  fmt::print(stderr, "{}\n", error.to_string());
  std::exit(1);
}

std::unique_ptr<eventlog::EventLog> open(const base::Path& folder, const base::Clock& clock) {
  auto log = eventlog::open_embedded_log(base::posix_file_system(), clock, {.directory = folder});
  if (!log) stop_on(log.error());
  return *std::move(log);
}

std::vector<std::byte> one_batch() {
  eventlog::BatchBuilder builder;
  const std::string value(kRecordBytes, 'x');
  for (int i = 0; i < kRecords; ++i) builder.add("truck-0001", value, 1'700'000'000'000 + i);
  return builder.finish();
}

struct Totals {
  std::atomic<std::int64_t> batches{0};
  std::atomic<std::int64_t> latency_us_max{0};
  std::atomic<std::int64_t> latency_us_sum{0};
};

void produce(eventlog::EventLog& log, int producer, double seconds, Totals& totals) {
  const auto batch = one_batch();
  const auto start = SteadyClock::now();
  std::counting_semaphore<> free{kUnderWay};
  for (int i = producer; seconds_since(start) < seconds; ++i) {
    free.acquire();
    const auto sent = SteadyClock::now();
    log.append({"bench", i % kPartitions}, batch, [&, sent](const auto& result) {
      if (!result) stop_on(result.error());
      const auto us = static_cast<std::int64_t>(seconds_since(sent) * 1e6);
      totals.latency_us_sum += us;
      if (us > totals.latency_us_max) totals.latency_us_max = us;
      ++totals.batches;
      free.release();
    });
  }
  for (std::ptrdiff_t i = 0; i < kUnderWay; ++i) free.acquire();
}

void measure_appends(eventlog::EventLog& log, double seconds) {
  Totals totals;
  const auto start = SteadyClock::now();
  {
    std::vector<std::jthread> producers;
    for (int p = 0; p < kProducers; ++p) {
      producers.emplace_back([&, p] { produce(log, p, seconds, totals); });
    }
  }
  const double took = seconds_since(start);
  const auto batches = static_cast<double>(totals.batches);
  fmt::print("figure log_durable_append {:.0f} records/s {:.0f} batches/s {:.1f} MB/s\n",
             batches * kRecords / took, batches / took,
             batches * static_cast<double>(one_batch().size()) / took / 1e6);
  fmt::print("figure log_append_latency_mean {:.2f} ms max {:.2f} ms\n",
             static_cast<double>(totals.latency_us_sum) / batches / 1e3,
             static_cast<double>(totals.latency_us_max) / 1e3);
}

void measure_one_at_a_time(eventlog::EventLog& log) {
  const auto start = SteadyClock::now();
  int appends = 0;
  for (; seconds_since(start) < 1; ++appends) {
    eventlog::BatchBuilder builder;
    builder.add("truck-0001", std::string(kRecordBytes, 'x'), 1);
    if (auto done = log.append_and_wait({"bench", 0}, builder.finish()); !done)
      stop_on(done.error());
  }
  fmt::print("figure log_append_alone {:.2f} ms\n", seconds_since(start) * 1e3 / appends);
}

void measure_reads(const eventlog::EventLog& log, const char* name) {
  std::int64_t records = 0;
  std::size_t bytes = 0;
  std::size_t value_bytes = 0;
  const auto start = SteadyClock::now();
  for (int p = 0; p < kPartitions; ++p) {
    for (eventlog::Offset next = 0;;) {
      const auto result = log.read({"bench", p}, next, kReadBytes);
      if (!result) stop_on(result.error());
      if (result->batches.empty()) break;
      for (const auto batch : result->batches) {
        bytes += batch.size();
        const auto read = eventlog::for_each_record(batch, [&](const eventlog::RecordView& record) {
          ++records;
          value_bytes += record.value.size();
        });
        if (!read) stop_on(read.error());
      }
      next = result->next_offset;
    }
  }
  const double took = seconds_since(start);
  fmt::print("figure {} {:.0f} MB/s {:.0f} records/s (every record decoded, {:.0f} MB)\n", name,
             static_cast<double>(bytes) / took / 1e6, static_cast<double>(records) / took,
             static_cast<double>(bytes) / 1e6);
  if (value_bytes == 0) std::exit(1);
}

}  // namespace

int main(int argc, char** argv) {
  const base::Path folder = argc > 1 ? argv[1] : "bench-log";
  const double seconds = argc > 2 ? std::atof(argv[2]) : 5;
  std::filesystem::remove_all(folder);
  const base::SystemClock clock;
  {
    const auto log = open(folder, clock);
    if (auto made = log->create_topic({.name = "bench", .partitions = kPartitions}); !made)
      stop_on(made.error());
    measure_one_at_a_time(*log);
    measure_appends(*log, seconds);
    measure_reads(*log, "log_read_after_append");
  }
  const auto start = SteadyClock::now();
  const auto log = open(folder, clock);
  fmt::print("figure log_open {:.1f} ms\n", seconds_since(start) * 1e3);
  measure_reads(*log, "log_read_first_time");
  measure_reads(*log, "log_read_again");
  std::filesystem::remove_all(folder);
  return 0;
}
