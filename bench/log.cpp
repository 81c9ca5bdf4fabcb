// The event log's figures: durable appends per second, latency at a moderate load, processor time
// per batch, reading, opening, many partitions.
//
//   bench_log [folder] [seconds]
// Two producers send batches of 500 records of 170 bytes to four partitions, each keeping a few
// batches under way, as listeners do. An append counts when it was acknowledged, that is, synced.
#include <fmt/format.h>
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <mutex>
#include <semaphore>
#include <thread>

#include "log/embedded_log.h"
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
constexpr int kManyPartitions = 2000;
constexpr std::chrono::microseconds kPace{2000};  // of the moderate load: 500 batches of 16 KB/s

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

double processor_seconds() {
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) / 1e6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

double resident_kib() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    if (word == "RssAnon:") {
      double kib = 0;
      status >> kib;
      return kib;
    }
  }
  return 0;
}

std::vector<std::byte> batch_of_16_kb() {
  eventlog::BatchBuilder builder;
  while (builder.bytes() < 16'000) builder.add("truck-0001", std::string(100, 'x'), 1);
  return builder.finish();
}

void measure_moderate_load(eventlog::EventLog& log, double seconds) {
  const auto batch = batch_of_16_kb();
  std::mutex mutex;
  std::vector<double> took_ms;
  int sent = 0;
  const double processor = processor_seconds();
  const auto start = SteadyClock::now();
  for (; seconds_since(start) < seconds; ++sent) {
    std::this_thread::sleep_until(start + sent * kPace);
    const auto now = SteadyClock::now();
    log.append({"bench", sent % kPartitions}, batch, [&, now](const auto& result) {
      if (!result) stop_on(result.error());
      const std::scoped_lock lock(mutex);
      took_ms.push_back(seconds_since(now) * 1e3);
    });
  }
  for (std::unique_lock lock(mutex); took_ms.size() < static_cast<std::size_t>(sent);) {
    lock.unlock();
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    lock.lock();
  }
  const double used_us = (processor_seconds() - processor) * 1e6;
  std::sort(took_ms.begin(), took_ms.end());
  const auto at = [&](double part) {
    return took_ms[static_cast<std::size_t>(part * static_cast<double>(took_ms.size() - 1))];
  };
  fmt::print(
      "figure log_append_16kb p50 {:.2f} ms p99 {:.2f} ms p99.9 {:.2f} ms, {:.1f} us of "
      "processor per batch\n",
      at(0.5), at(0.99), at(0.999), used_us / sent);
}

void measure_many_partitions(const base::Path& folder, const base::Clock& clock) {
  const double before = resident_kib();
  {
    const auto log = open(folder, clock);
    if (auto made = log->create_topic({.name = "many", .partitions = kManyPartitions}); !made)
      stop_on(made.error());
    const auto start = SteadyClock::now();
    std::counting_semaphore<> done{0};
    for (int p = 0; p < kManyPartitions; ++p) {
      log->append({"many", p}, batch_of_16_kb(), [&](const auto& result) {
        if (!result) stop_on(result.error());
        done.release();
      });
    }
    for (int p = 0; p < kManyPartitions; ++p) done.acquire();
    fmt::print("figure log_many_first_append {:.1f} ms for {} partitions\n",
               seconds_since(start) * 1e3, kManyPartitions);
    const auto again = SteadyClock::now();
    for (int p = 0; p < kManyPartitions; ++p) {
      log->append({"many", p}, batch_of_16_kb(), [&](const auto& result) {
        if (!result) stop_on(result.error());
        done.release();
      });
    }
    for (int p = 0; p < kManyPartitions; ++p) done.acquire();
    fmt::print("figure log_many_append {:.1f} ms for {} partitions\n", seconds_since(again) * 1e3,
               kManyPartitions);
    std::this_thread::sleep_for(std::chrono::milliseconds(100));
    fmt::print("figure log_partition_memory {:.1f} KiB\n",
               (resident_kib() - before) / kManyPartitions);
  }
  const auto start = SteadyClock::now();
  const auto log = open(folder, clock);
  fmt::print("figure log_many_open {:.1f} ms\n", seconds_since(start) * 1e3);
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
    measure_moderate_load(*log, seconds);
    measure_appends(*log, seconds);
    measure_reads(*log, "log_read_after_append");
  }
  const auto start = SteadyClock::now();
  {
    const auto log = open(folder, clock);
    fmt::print("figure log_open {:.1f} ms\n", seconds_since(start) * 1e3);
    measure_reads(*log, "log_read_first_time");
    measure_reads(*log, "log_read_again");
  }
  measure_many_partitions(folder / "many", clock);
  std::filesystem::remove_all(folder);
  return 0;
}
