// How many tasks a second the scheduler starts, each with a synced start record and a synced end,
// and how long a ready task waits for its start. The tasks themselves do nothing.
#include "batch/scheduler.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <thread>

#include "base/logging.h"
#include "base/uuid.h"

namespace {

constexpr int kRuns = 100;
constexpr int kTasks = 100;  // of a run: ten rows of ten, each row after the one before

class Nothing final : public batch::TaskRunner {
 public:
  batch::TaskOutcome run(const batch::TaskCall&, std::stop_token) override { return {}; }
};

template <class T>
T must(base::Result<T> result) {
  if (!result) {
    fmt::print(stderr, "{}\n", result.error().to_string());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

batch::Dag make_dag() {
  std::string text = "max_active_runs: 1000\ntasks:\n";
  for (int i = 0; i < kTasks; ++i) {
    text += fmt::format("  t{}: {{shell: 'true'", i);
    if (i >= 10) text += fmt::format(", depends_on: t{}", i - 10);
    text += "}\n";
  }
  return must(batch::parse_dag(must(base::Yaml::parse(text, "dags/bench.yaml")), "bench"));
}

void measure(int slots) {
  const auto folder = std::filesystem::temp_directory_path() / ("bench-" + base::new_uuid());
  {
    const auto store = must(state::Store::open(folder));
    Nothing runner;
    quality::Alerts alerts;
    const base::SystemClock clock;
    batch::SchedulerOptions options;
    options.slots = {slots, 1};
    batch::Scheduler scheduler(*store, runner, alerts, clock, options);
    must(scheduler.restore({make_dag()}));
    for (int i = 0; i < kRuns; ++i)
      must(scheduler.trigger("bench", {.parameters = {}, .id = fmt::format("run-{}", i)}));
    const auto begin = std::chrono::steady_clock::now();
    std::jthread loop([&](std::stop_token stop) { scheduler.run(stop); });
    while (must(scheduler.runs("bench", 1)).at(0).at("state") == "running")
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    for (int i = 0; i < kRuns; ++i) {
      while (must(scheduler.run_view("bench", fmt::format("run-{}", i))).at("state") == "running")
        std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    const double seconds =
        std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
    fmt::print("figure scheduler_task_starts_{}_slots {:.0f} tasks/s\n", slots,
               static_cast<double>(kRuns * kTasks) / seconds);
  }
  std::filesystem::remove_all(folder);
}

}  // namespace

int main() {
  base::start_logging("warn");
  for (const int slots : {4, 32, 128}) measure(slots);
  return 0;
}
