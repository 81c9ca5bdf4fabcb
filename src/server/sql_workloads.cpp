#include "server/sql_workloads.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

namespace server {
namespace {

using std::chrono::milliseconds;

constexpr std::uint64_t kMemoryMin = 64UL << 20;
constexpr int kNiceMax = 19;
constexpr double kWeightPerNice = 1.25;  // the kernel's: one step is a quarter less

struct Unit {
  std::string_view name;
  std::uint64_t bytes;
};
constexpr auto kUnits = std::to_array<Unit>({{"KB", 1000},
                                             {"MB", 1'000'000},
                                             {"GB", 1'000'000'000},
                                             {"TB", 1'000'000'000'000},
                                             {"KiB", 1UL << 10},
                                             {"MiB", 1UL << 20},
                                             {"GiB", 1UL << 30},
                                             {"TiB", 1UL << 40}});

base::Result<std::int64_t> number(const base::Yaml& yaml, const std::string& key,
                                  std::int64_t otherwise, std::int64_t least, std::int64_t most) {
  const auto value = TRY(yaml.integer_or(key, otherwise));
  if (value >= least && value <= most) return value;
  return TRY(yaml.child(key))
      .fail_here(fmt::format("'{}' is from {} to {}", key, least, most),
                 fmt::format("write '{}: {}'", key, otherwise));
}

base::Result<milliseconds> duration(const base::Yaml& yaml, const std::string& key,
                                    milliseconds otherwise) {
  const auto us = TRY(yaml.duration_us_or(key, otherwise.count() * 1000));
  if (us >= 0) return milliseconds(us / 1000);
  return TRY(yaml.child(key))
      .fail_here(fmt::format("'{}' is a time", key), fmt::format("write '{}: 30 seconds'", key));
}

base::Result<Workload> parse_workload(const base::Yaml& yaml, Workload workload) {
  TRY(yaml.only({"slots", "memory", "threads", "cpu", "timeout", "queue", "queue_time", "idle"}));
  workload.slots = static_cast<std::size_t>(
      TRY(number(yaml, "slots", static_cast<std::int64_t>(workload.slots), 1, kSlotsMax)));
  workload.threads =
      static_cast<int>(TRY(number(yaml, "threads", workload.threads, 1, kThreadsMax)));
  workload.cpu = static_cast<int>(TRY(number(yaml, "cpu", workload.cpu, 1, 100)));
  workload.queue = static_cast<std::size_t>(
      TRY(number(yaml, "queue", static_cast<std::int64_t>(workload.queue), 0, kQueueMax)));
  workload.memory = TRY(yaml.text_or("memory", workload.memory));
  if (const auto bytes = memory_bytes(workload.memory); !bytes || *bytes < kMemoryMin) {
    return TRY(yaml.child("memory"))
        .fail_here(bytes ? "a query needs 64MiB at least" : bytes.error().message,
                   "write 'memory: 1GB'");
  }
  workload.timeout = TRY(duration(yaml, "timeout", workload.timeout));
  workload.queue_time = TRY(duration(yaml, "queue_time", workload.queue_time));
  workload.idle = TRY(duration(yaml, "idle", workload.idle));
  return workload;
}

}  // namespace

std::string Workload::profile() const { return fmt::format("{} {} {}", memory, threads, cpu); }

std::uint64_t Workload::resident_bytes_max() const {
  // DuckDB's own limit does not hold everything that it takes.
  return memory_bytes(memory).value_or(1UL << 30) / 2 * 3 + (64UL << 20);
}

int Workload::nice() const {
  const double steps = std::log(100.0 / cpu) / std::log(kWeightPerNice);
  return std::min(kNiceMax, static_cast<int>(std::lround(steps)));
}

Workloads default_workloads() { return {{"default", {.slots = 3}}, {"page", {.slots = 2}}}; }

base::Result<std::uint64_t> memory_bytes(const std::string& text) {
  double value = 0;
  const char* const end = text.data() + text.size();
  const auto read = std::from_chars(text.data(), end, value);
  std::string_view unit(read.ptr, static_cast<std::size_t>(end - read.ptr));
  while (unit.starts_with(' ')) unit.remove_prefix(1);
  const auto* const found = std::ranges::find(kUnits, unit, &Unit::name);
  if (read.ec != std::errc{} || !(value > 0) || value > 1e6 || found == kUnits.end()) {
    return base::fail_with(base::Code::kInvalid, fmt::format("'{}' is no size of memory", text),
                           "write it as '512MB' or '2GiB'");
  }
  return static_cast<std::uint64_t>(value * static_cast<double>(found->bytes));
}

base::Result<Workloads> parse_workloads(const base::Yaml& yaml) {
  Workloads workloads = default_workloads();
  std::size_t slots = 0;
  for (const auto& [name, entry] : yaml.entries()) {
    const auto known = workloads.find(name);
    workloads[name] =
        TRY(parse_workload(entry, known == workloads.end() ? Workload{} : known->second));
  }
  for (const auto& [name, workload] : workloads) slots += workload.slots;
  if (slots <= kSlotsMax) return workloads;
  return yaml.fail_here(fmt::format("the workloads have {} slots, more than {}", slots, kSlotsMax),
                        "give each workload fewer slots");
}

}  // namespace server
