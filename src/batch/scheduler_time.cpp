// What the clock makes the scheduler do: runs that are due, deadlines that come near.
#include <algorithm>

#include "base/edit_distance.h"
#include "base/logging.h"
#include "batch/scheduler.h"

namespace batch {
namespace {

constexpr std::size_t kRunsAtOnceMax = 100;  // made in one round
constexpr std::int64_t kDeadlinesUs = base::kUsPerSecond;

base::Result<> check_parameters(const Dag& dag, const std::map<std::string, std::string>& given) {
  for (const auto& [name, value] : given) {
    if (dag.parameters.contains(name)) continue;
    const auto near = std::ranges::min_element(dag.parameters, {}, [&](const auto& known) {
      return base::edit_distance(known.first, name);
    });
    return base::fail_with(
        base::Code::kInvalid, fmt::format("DAG '{}' has no parameter '{}'", dag.name, name),
        near == dag.parameters.end() ? "it has none"
                                     : fmt::format("did you mean '{}'?", near->first));
  }
  return {};
}

bool is_open(const DagEntry& entry, const RunInterval& interval) {
  return std::ranges::any_of(entry.runs, [&](const auto& item) {
    return item.second.state == RunState::kRunning &&
           item.second.interval.end_us == interval.end_us && item.second.kind != RunKind::kManual;
  });
}

}  // namespace

RunNumber Scheduler::make_run(DagEntry& entry, RunKind kind, const RunInterval& interval,
                              const std::string& id, std::map<std::string, std::string> parameters,
                              state::WriteSet& changes) {
  DagRun run;
  run.dag = entry.dag->name;
  run.kind = kind;
  run.interval = interval;
  run.created_us = now_us();
  run.parameters = entry.dag->parameters;
  for (auto& [name, value] : parameters) run.parameters[name] = value;
  const std::string wanted =
      id.empty() ? fmt::format("{}-{}", kind_name(kind), base::format_rfc3339(interval.end_us))
                 : id;
  run.id = wanted;
  for (int n = 2; entry.run(run.id) != nullptr; ++n) run.id = fmt::format("{}.{}", wanted, n);
  std::vector<DagRun> forgotten;
  const RunNumber number = book_.add(entry, std::move(run), changes, forgotten);
  forget_logs(forgotten);
  active_.emplace(entry.dag->name, number);
  touched_.emplace(entry.dag->name, number);
  return number;
}

// From when on a DAG that is new counts its times.
void Scheduler::begin_schedule(DagEntry& entry) const {
  const Dag& dag = *entry.dag;
  const auto newest = dag.schedule->previous(now_us() + 1, *dag.zone);
  const auto first = dag.schedule->next(dag.start_us - 1, *dag.zone);
  entry.cursor_us = (dag.catch_up ? first : newest).value_or(now_us());
}

void Scheduler::make_due_runs_of(DagEntry& entry, base::TimestampUs now, state::WriteSet& changes) {
  const Dag& dag = *entry.dag;
  const auto newest = dag.schedule->previous(now + 1, *dag.zone);
  if (!newest) return;
  const base::TimestampUs cursor_before = entry.cursor_us;
  if (entry.cursor_us == 0 && dag.at_once && entry.runs.empty()) {
    if (options_.has_inputs && !options_.has_inputs(dag)) return;
    make_run(entry, RunKind::kScheduled, interval_ending(*dag.schedule, *dag.zone, *newest), "", {},
             changes);
    entry.cursor_us = *newest;
  }
  if (entry.cursor_us == 0) begin_schedule(entry);
  for (std::size_t made = 0; made < kRunsAtOnceMax; ++made) {
    auto due = dag.schedule->next(entry.cursor_us, *dag.zone);
    if (!due || *due > now) break;
    if (!dag.catch_up) due = newest;  // missed times count once
    const RunInterval interval = interval_ending(*dag.schedule, *dag.zone, *due);
    if (interval.start_us < dag.start_us) {
      entry.cursor_us = *due;
      continue;
    }
    const auto open = std::ranges::count_if(entry.runs, [](const auto& item) {
      return item.second.kind == RunKind::kScheduled && item.second.state == RunState::kRunning;
    });
    if (open >= dag.max_active_runs) break;
    const bool complete = std::ranges::all_of(dag.when_tables, [&](const std::string& table) {
      return options_.table_has && options_.table_has(table, interval.end_us);
    });
    if (!complete) break;
    make_run(entry, RunKind::kScheduled, interval, "", {}, changes);
    entry.cursor_us = *due;
  }
  if (entry.cursor_us != cursor_before) book_.save_entry(entry, changes);
}

void Scheduler::make_due_runs(state::WriteSet& changes) {
  for (auto& [name, entry] : book_.dags()) {
    if (!entry.paused && entry.dag->schedule) make_due_runs_of(entry, now_us(), changes);
  }
}

// Says so before a deadline is missed: from what the open tasks took before.
void Scheduler::watch_deadlines() {
  const base::TimestampUs now = now_us();
  if (now - deadlines_us_ < kDeadlinesUs && now >= deadlines_us_) return;
  deadlines_us_ = now;
  for (const auto& [name, number] : active_) {
    const DagEntry& entry = book_.dags().at(name);
    const DagRun& run = entry.runs.at(number);
    if (entry.dag->deadline_us == 0 || run.kind != RunKind::kScheduled) continue;
    const base::TimestampUs deadline = run.interval.end_us + entry.dag->deadline_us;
    const auto expected = expected_end_us(*entry.dag, run, entry.past, now);
    const std::string id = "dag/" + name + "/deadline";
    const std::string due = base::format_rfc3339(deadline);
    if (now > deadline) {
      alerts_.raise(id, "error",
                    fmt::format("DAG {}: run {} missed its deadline {}", name, run.id, due), now);
    } else if (expected && *expected > deadline) {
      alerts_.raise(id, "warning",
                    fmt::format("DAG {}: run {} will miss its deadline {}: it is expected to end "
                                "at {}, by what its tasks took before",
                                name, run.id, due, base::format_rfc3339(*expected)),
                    now);
    } else {
      alerts_.resolve(id, now);
    }
  }
}

base::Result<std::string> Scheduler::trigger(const std::string& dag,
                                             const TriggerRequest& request) {
  const std::scoped_lock lock(mutex_);
  DagEntry& entry = *TRY(book_.dag(dag));
  TRY(check_parameters(*entry.dag, request.parameters));
  if (!request.id.empty() && entry.run(request.id) != nullptr) return request.id;
  if (request.id.size() > 100 || request.id.find_first_of("/\\\n") != std::string::npos ||
      request.id.starts_with("."))
    return base::fail_with(base::Code::kInvalid, "the run's id cannot be a name",
                           "use up to 100 letters, digits, '-', '_' and '.'");
  const base::TimestampUs now = now_us();
  RunInterval interval{.start_us = now, .end_us = now};
  if (entry.dag->schedule) {
    const auto newest = entry.dag->schedule->previous(now + 1, *entry.dag->zone).value_or(now);
    interval = interval_ending(*entry.dag->schedule, *entry.dag->zone, newest);
  }
  if (request.interval) interval = *request.interval;
  state::WriteSet changes;
  const std::string id =
      request.id.empty() ? fmt::format("manual-{}", base::format_rfc3339(now)) : request.id;
  const RunNumber number =
      make_run(entry, RunKind::kManual, interval, id, request.parameters, changes);
  TRY(keep(changes));
  poked_ = true;
  changed_.notify_all();
  return entry.runs.at(number).id;
}

base::Result<std::vector<std::string>> Scheduler::backfill(const std::string& dag,
                                                           const BackfillRequest& request) {
  const std::scoped_lock lock(mutex_);
  DagEntry& entry = *TRY(book_.dag(dag));
  TRY(check_parameters(*entry.dag, request.parameters));
  if (!entry.dag->schedule)
    return base::fail_with(base::Code::kInvalid,
                           fmt::format("DAG '{}' has no schedule, so no intervals", dag),
                           "run it by hand: waybill dags run");
  if (request.parallel < 1 || request.parallel > kParallelMax)
    return base::fail_with(base::Code::kInvalid, "runs side by side are 1 to 100",
                           "write --parallel 10");
  state::WriteSet changes;
  std::vector<std::string> ids;
  std::vector<RunInterval> intervals;
  base::TimestampUs at = request.from_us - 1;
  auto begin = entry.dag->schedule->next(at, *entry.dag->zone);
  while (begin && *begin < request.to_us) {
    const auto until = entry.dag->schedule->next(*begin, *entry.dag->zone);
    if (!until || *until > now_us()) break;
    intervals.push_back({.start_us = *begin, .end_us = *until});
    if (intervals.size() > kBackfillRunsMax)
      return base::fail_with(base::Code::kLimit,
                             fmt::format("the range has more than {} intervals", kBackfillRunsMax),
                             "ask for a shorter one");
    begin = until;
  }
  if (intervals.empty())
    return base::fail_with(base::Code::kInvalid, "no interval of the schedule lies in the range",
                           "ask for a longer one that has passed");
  entry.backfill_parallel = request.parallel;
  book_.save_entry(entry, changes);
  for (const RunInterval& interval : intervals) {
    if (is_open(entry, interval)) continue;
    const RunNumber number =
        make_run(entry, RunKind::kBackfill, interval, "", request.parameters, changes);
    ids.push_back(entry.runs.at(number).id);
  }
  TRY(keep(changes));
  poked_ = true;
  changed_.notify_all();
  return ids;
}

}  // namespace batch
