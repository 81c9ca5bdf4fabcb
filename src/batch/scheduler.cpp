#include "batch/scheduler.h"

#include <algorithm>
#include <filesystem>
#include <thread>

#include "base/logging.h"
#include "batch/once.h"

namespace batch {
namespace {

constexpr std::int64_t kTimersUs = 200 * base::kUsPerMs;  // how often clocks are looked at
constexpr std::int64_t kRetryAfterUsMax = base::kUsPerDay;
constexpr std::size_t kMessageMax = 2000;

std::string alert_id(const std::string& dag) { return "dag/" + dag; }

}  // namespace

Scheduler::Scheduler(state::Store& store, TaskRunner& runner, quality::Alerts& alerts,
                     const base::Clock& clock, SchedulerOptions options)
    : runner_(runner),
      alerts_(alerts),
      clock_(clock),
      options_(std::move(options)),
      book_(store),
      random_(options_.seed) {}

Scheduler::~Scheduler() {
  {
    const std::scoped_lock lock(mutex_);
    for (auto& [ticket, running] : running_) running.stop.request_stop();
  }
  slots_.reset();
}

base::Result<> Scheduler::restore(std::vector<Dag> dags) {
  slots_.reset();
  const std::scoped_lock lock(mutex_);
  stopping_ = false;
  TRY(book_.load(std::move(dags), now_us()));
  for (auto& lane : ready_) lane.clear();
  active_.clear();
  touched_.clear();
  running_.clear();
  used_ = {};
  pools_used_.clear();
  ended_.clear();
  state::WriteSet changes;
  for (auto& [name, entry] : book_.dags()) {
    if (entry.dag->schedule && entry.cursor_us == 0 && !entry.dag->at_once) {
      begin_schedule(entry);
      book_.save_entry(entry, changes);
    }
    for (const auto& [number, run] : entry.runs) {
      if (run.state != RunState::kRunning) continue;
      active_.emplace(name, number);
      touched_.emplace(name, number);
      for (const Task& task : entry.dag->tasks) {
        if (run.tasks.at(task.name).state == TaskState::kReady)
          remember_ready(entry, run, number, task.name);
      }
    }
  }
  return keep(changes);
}

base::Result<> Scheduler::keep(const state::WriteSet& changes) { return book_.apply(changes); }

void Scheduler::remember_ready(const DagEntry& entry, const DagRun& run, RunNumber number,
                               const std::string& task) {
  const Task* const found = entry.dag->task(task);
  const auto index = static_cast<std::size_t>(found - entry.dag->tasks.data());
  ready_.at(static_cast<std::size_t>(run.capacity()))
      .insert({found->priority, number, index, run.dag});
}

base::Path Scheduler::log_path(const DagRun& run, const std::string& task, int attempt) const {
  return options_.logs / run.dag / run.id /
         fmt::format("{}-{}.{}.log", task, run.tasks.at(task).generation, attempt);
}

void Scheduler::forget_logs(const std::vector<DagRun>& runs) const {
  for (const DagRun& run : runs) {
    std::error_code error;
    if (!options_.logs.empty())
      std::filesystem::remove_all(options_.logs / run.dag / run.id, error);
  }
}

// What an attempt came to.
void Scheduler::end(const Running& running, const TaskOutcome& outcome, state::WriteSet& changes) {
  DagEntry& entry = book_.dags().at(running.dag);
  const auto it = entry.runs.find(running.number);
  if (it == entry.runs.end()) return;
  DagRun& run = it->second;
  TaskInstance& instance = run.tasks.at(running.task);
  const Task& task = *entry.dag->task(running.task);
  instance.message = outcome.message.substr(0, kMessageMax);
  switch (outcome.kind) {
    case TaskOutcome::Kind::kDone:
      instance.move_to(TaskState::kSuccess, now_us());
      book_.add_past(entry, task.name, instance.ended_us - instance.started_us, changes);
      if (std::holds_alternative<ModelTask>(task.work) ||
          std::holds_alternative<SqlTask>(task.work))
        changes.remove(Once::mark_key(run.instance_id(task.name)));
      break;
    case TaskOutcome::Kind::kNotYet: {
      const auto* sensor = std::get_if<SensorTask>(&task.work);
      instance.move_to(TaskState::kSensing, now_us());
      instance.next_us = now_us() + (sensor == nullptr ? base::kUsPerSecond : sensor->every_us);
      break;
    }
    case TaskOutcome::Kind::kFailed:
    case TaskOutcome::Kind::kCancelled: {
      ++instance.failures;
      instance.sensing_since_us = 0;
      if (outcome.final || instance.failures > task.retries) {
        instance.move_to(TaskState::kFailed, now_us());
        break;
      }
      const double dice = std::uniform_real_distribution<double>(0, 1)(random_);
      std::int64_t delay = retry_delay_us(task, instance.failures - 1, dice);
      delay = std::max(delay, std::min(outcome.retry_after_us, kRetryAfterUsMax));
      instance.move_to(TaskState::kRetry, now_us());
      instance.next_us = now_us() + delay;
      break;
    }
  }
  book_.save_task(run, running.number, running.task, changes);
  touched_.emplace(running.dag, running.number);
}

// Takes in what the task threads have ended; frees their slots.
bool Scheduler::collect(state::WriteSet& changes) {
  std::vector<Ended> ended;
  ended.swap(ended_);
  for (const Ended& e : ended) {
    const auto node = running_.extract(e.ticket);
    if (node.empty()) continue;
    const Running& running = node.mapped();
    --used_.at(static_cast<std::size_t>(running.capacity));
    if (!running.pool.empty()) pools_used_[running.pool] -= running.slots;
    if (!running.given_up) end(running, e.outcome, changes);
  }
  return !ended.empty();
}

void Scheduler::give_up_late(state::WriteSet& changes) {
  const base::TimestampUs now = now_us();
  for (auto& [ticket, running] : running_) {
    if (running.given_up || running.deadline_us == 0 || now < running.deadline_us) continue;
    running.given_up = true;
    running.stop.request_stop();
    const Task& task = *book_.dags().at(running.dag).dag->task(running.task);
    end(running,
        {.kind = TaskOutcome::Kind::kFailed,
         .message = fmt::format("it took longer than its timeout of {} and was ended",
                                base::format_duration(task.timeout_us))},
        changes);
  }
}

// The attempt that runs now, if any, no longer counts.
void Scheduler::abandon(RunNumber number, const std::string& task) {
  for (auto& [ticket, running] : running_) {
    if (running.number != number || running.task != task) continue;
    running.given_up = true;
    running.stop.request_stop();
  }
}

void Scheduler::ended_run(DagEntry& entry, const DagRun& run) {
  const std::string& name = entry.dag->name;
  alerts_.resolve(alert_id(name) + "/deadline", now_us());
  if (run.state == RunState::kSuccess) return alerts_.resolve(alert_id(name), now_us());
  for (const auto& [task, instance] : run.tasks) {
    if (instance.state != TaskState::kFailed) continue;
    alerts_.raise(
        alert_id(name), "error",
        fmt::format("DAG {}: task {} of run {} failed: {}", name, task, run.id, instance.message),
        now_us());
    return;
  }
}

void Scheduler::advance_runs(state::WriteSet& changes) {
  const auto touched = std::exchange(touched_, {});
  for (const auto& [name, number] : touched) {
    DagEntry& entry = book_.dags().at(name);
    const auto it = entry.runs.find(number);
    if (it == entry.runs.end() || it->second.state != RunState::kRunning) continue;
    DagRun& run = it->second;
    for (const std::string& task : advance(*entry.dag, run, now_us())) {
      book_.save_task(run, number, task, changes);
      if (run.tasks.at(task).state == TaskState::kReady) remember_ready(entry, run, number, task);
    }
    if (run.state == RunState::kRunning) continue;
    book_.save_run(run, number, changes);
    active_.erase({name, number});
    ended_run(entry, run);
  }
}

bool Scheduler::may_begin(const DagEntry& entry, const DagRun& run) const {
  if (entry.paused) return false;
  if (run.kind == RunKind::kManual || run.cleared || run.started_us != 0) return true;
  const int most =
      run.kind == RunKind::kBackfill ? entry.backfill_parallel : entry.dag->max_active_runs;
  int active = 0;
  for (auto it = active_.lower_bound({run.dag, 0}); it != active_.end() && it->first == run.dag;
       ++it) {
    const DagRun& other = entry.runs.at(it->second);
    active += other.kind == run.kind && other.started_us != 0 ? 1 : 0;
  }
  return active < most;
}

bool Scheduler::has_room(const Task& task) const {
  if (task.pool.empty()) return true;
  const auto pool = options_.pools.find(task.pool);
  const auto used = pools_used_.find(task.pool);
  return pool != options_.pools.end() &&
         (used == pools_used_.end() ? 0 : used->second) + task.slots <= pool->second;
}

Scheduler::Start Scheduler::start(DagEntry& entry, DagRun& run, RunNumber number, const Task& task,
                                  state::WriteSet& changes) {
  const base::TimestampUs now = now_us();
  if (run.started_us == 0) {
    run.started_us = now;
    book_.save_run(run, number, changes);
  }
  TaskInstance& instance = run.tasks.at(task.name);
  const bool looks_again = instance.sensing_since_us != 0;
  instance.state = TaskState::kRunning;
  instance.epoch = book_.epoch();
  if (!looks_again) {
    ++instance.attempt;
    instance.started_us = now;
    instance.message.clear();
  }
  if (task.work.index() == TaskWork(SensorTask{}).index() && !looks_again)
    instance.sensing_since_us = now;
  book_.save_task(run, number, task.name, changes);
  Running running{.number = number,
                  .dag = run.dag,
                  .task = task.name,
                  .ticket = next_ticket_++,
                  .capacity = run.capacity(),
                  .pool = task.pool,
                  .slots = task.slots,
                  .deadline_us = task.timeout_us == 0 ? 0 : instance.started_us + task.timeout_us,
                  .stop = {}};
  ++used_.at(static_cast<std::size_t>(running.capacity));
  if (!task.pool.empty()) pools_used_[task.pool] += task.slots;
  ++started_;
  Start begun{.capacity = running.capacity,
              .call = {.dag = entry.dag,
                       .task = &task,
                       .values = {.dag = run.dag,
                                  .run = run.id,
                                  .task = task.name,
                                  .attempt = instance.attempt,
                                  .interval = run.interval,
                                  .parameters = run.parameters},
                       .kind = run.kind,
                       .capacity = running.capacity,
                       .instance = run.instance_id(task.name),
                       .epoch = book_.epoch(),
                       .log = log_path(run, task.name, instance.attempt)},
              .ticket = running.ticket,
              .stop = running.stop.get_token()};
  running_.emplace(running.ticket, std::move(running));
  return begun;
}

// As many ready tasks as there are slots; one whose pool is full does not stand in others' way.
std::vector<Scheduler::Start> Scheduler::pick(state::WriteSet& changes) {
  std::vector<Start> starts;
  for (std::size_t lane = 0; lane < kBatchClasses; ++lane) {
    auto& ready = ready_.at(lane);
    for (auto it = ready.begin(); it != ready.end() && used_.at(lane) < options_.slots.at(lane);) {
      DagEntry& entry = book_.dags().at(it->dag);
      const auto found = entry.runs.find(it->number);
      const Task& task = entry.dag->tasks.at(it->index);
      if (found == entry.runs.end() ||
          found->second.tasks.at(task.name).state != TaskState::kReady) {
        it = ready.erase(it);  // cleared, marked or forgotten meanwhile
        continue;
      }
      if (!may_begin(entry, found->second) || !has_room(task)) {
        ++it;
        continue;
      }
      const RunNumber number = it->number;
      it = ready.erase(it);
      starts.push_back(start(entry, found->second, number, task, changes));
    }
  }
  return starts;
}

void Scheduler::dispatch(std::vector<Start> starts) {
  if (starts.empty()) return;
  if (!slots_) slots_ = std::make_unique<TaskSlots>(options_.slots, options_.begin_thread);
  for (Start& begun : starts) {
    slots_->submit(begun.capacity, [this, begun = std::move(begun)] {
      TaskOutcome outcome = runner_.run(begun.call, begun.stop);
      const std::scoped_lock lock(mutex_);
      // One that a stop of the whole has cut off is not told: it runs again after the next start.
      if (outcome.kind == TaskOutcome::Kind::kCancelled && stopping_) return;
      ended_.push_back({begun.ticket, std::move(outcome)});
      changed_.notify_all();
    });
  }
}

base::Result<bool> Scheduler::step() {
  std::vector<Start> starts;
  bool moved = false;
  {
    const std::scoped_lock lock(mutex_);
    state::WriteSet changes;
    moved = collect(changes);
    if (now_us() - timers_us_ >= kTimersUs || now_us() < timers_us_) {
      timers_us_ = now_us();
      give_up_late(changes);
      make_due_runs(changes);
      for (const auto& key : active_) touched_.insert(key);
      watch_deadlines();
    }
    advance_runs(changes);
    starts = pick(changes);
    TRY(keep(changes));
    moved = moved || !changes.empty();
  }
  dispatch(std::move(starts));
  return moved;
}

void Scheduler::wait(std::stop_token stop) {
  std::unique_lock lock(mutex_);
  changed_.wait_for(lock, stop, std::chrono::microseconds(kTimersUs),
                    [this] { return poked_ || !ended_.empty(); });
  poked_ = false;
}

void Scheduler::run(std::stop_token stop) {
  while (!stop.stop_requested()) {
    if (auto stepped = step(); !stepped) {
      alerts_.raise("dags", "error", "the scheduler: " + stepped.error().to_string(), now_us());
      if (stepped.error().code == base::Code::kConflict) break;
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
    wait(stop);
  }
  {
    const std::scoped_lock lock(mutex_);
    stopping_ = true;
    for (auto& [ticket, running] : running_) running.stop.request_stop();
  }
  slots_.reset();
  // What ended by itself need not run again.
  const std::scoped_lock lock(mutex_);
  state::WriteSet changes;
  collect(changes);
  if (auto kept = keep(changes); !kept) spdlog::warn("dags: {}", kept.error().to_string());
}

}  // namespace batch
