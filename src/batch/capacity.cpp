#include "batch/capacity.h"

#include <pthread.h>
#include <sched.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <optional>
#include <thread>

#include "base/logging.h"

namespace batch {
namespace {

constexpr int kTasksMax = 256;
constexpr int kThreadsMax = 1024;
constexpr double kWeightStep = 1.25;  // between two nice values

int machine_cores() { return std::max(1, static_cast<int>(std::thread::hardware_concurrency())); }

int threads_of(const CapacityShare& share) {
  return share.threads > 0 ? share.threads : machine_cores();
}

base::Result<CapacityShare> parse_share(const base::Yaml& yaml, CapacityShare share) {
  TRY(yaml.only({"cores", "threads", "memory", "tasks"}));
  share.cores = TRY(yaml.number_or("cores", share.cores));
  if (!(share.cores >= 0) || share.cores > kThreadsMax)
    return TRY(yaml.child("cores"))
        .fail_here("a share has 0 cores (only idle ones) or more", "write 'cores: 0.5'");
  const auto threads = TRY(yaml.integer_or("threads", share.threads));
  if (threads < 0 || threads > kThreadsMax)
    return TRY(yaml.child("threads"))
        .fail_here(fmt::format("threads are 0 (as many as cores) to {}", kThreadsMax),
                   "write 'threads: 2'");
  share.threads = static_cast<int>(threads);
  share.memory = TRY(yaml.text_or("memory", share.memory));
  const auto tasks = TRY(yaml.integer_or("tasks", share.tasks));
  if (tasks < 1 || tasks > kTasksMax)
    return TRY(yaml.child("tasks"))
        .fail_here(fmt::format("tasks side by side are 1 to {}", kTasksMax), "write 'tasks: 4'");
  share.tasks = static_cast<int>(tasks);
  return share;
}

}  // namespace

base::Result<CapacitySettings> parse_capacity(const base::Yaml& yaml) {
  TRY(yaml.only({"daily", "backfill"}));
  CapacitySettings settings;
  for (std::size_t i = 0; i < kBatchClasses; ++i) {
    const std::string name(class_name(static_cast<CapacityClass>(i)));
    if (yaml.has(name))
      settings.shares.at(i) = TRY(parse_share(TRY(yaml.child(name)), settings.shares.at(i)));
  }
  return settings;
}

int nice_of(double cores, int threads, int machine) {
  const double share = std::clamp(cores / machine, 0.001, 0.999);
  // Against `machine` threads of weight 1: share = threads * w / (threads * w + machine).
  const double weight = share / (1 - share) * machine / std::max(1, threads);
  return std::clamp(static_cast<int>(std::lround(-std::log(weight) / std::log(kWeightStep))), 0,
                    19);
}

void Capacity::begin_thread(CapacityClass capacity) const {
  const CapacityShare& share = settings_.of(capacity);
  const bool idle = share.cores == 0;
  const sched_param none{};
  const int failed =
      ::pthread_setschedparam(::pthread_self(), idle ? SCHED_IDLE : SCHED_BATCH, &none);
  const int nice = idle ? 19 : nice_of(share.cores, threads_of(share), machine_cores());
  // Of this thread alone: for Linux a thread's id is a process.
  if (::setpriority(PRIO_PROCESS, static_cast<id_t>(::gettid()), nice) != 0 || failed != 0)
    spdlog::warn("capacity: threads of class {} keep their priority: the kernel refuses",
                 class_name(capacity));
}

base::Result<std::unique_ptr<Capacity>> Capacity::open(const CapacitySettings& settings,
                                                       const base::Path& spill) {
  std::unique_ptr<Capacity> capacity(new Capacity(settings));
  for (std::size_t i = 0; i < kBatchClasses; ++i) {
    const auto name = static_cast<CapacityClass>(i);
    const base::Path folder = spill / class_name(name);
    TRY(base::posix_file_system().create_directories(folder));
    std::optional<base::Result<std::unique_ptr<sql::Database>>> opened;
    // DuckDB's threads inherit the priority of the one that opens it.
    std::jthread([&] {
      capacity->begin_thread(name);
      opened = sql::Database::open({.memory_limit = settings.of(name).memory,
                                    .threads = threads_of(settings.of(name)),
                                    .temporary_directory = folder.string()});
    }).join();
    capacity->databases_.at(i) = TRY(std::move(*opened));
  }
  return capacity;
}

}  // namespace batch
