#include "batch/backfill.h"

#include <algorithm>
#include <chrono>

#include "base/logging.h"
#include "batch/diff.h"
#include "stream/plan.h"

namespace batch {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr int kRoundsMax = 5;
constexpr int kParallelMax = 64;

// What people see: the job without the files and texts.
json shown(const Job& job, const std::vector<PartDone>& parts) {
  json tables = json::array();
  for (std::size_t i = 0; i < job.tables.size(); ++i) {
    const JobTable& table = job.tables[i];
    std::int64_t done = 0;
    std::int64_t rows = 0;
    json failed = json::array();
    for (const PartDone& part : parts) {
      if (part.table != i || part.part >= table.parts.size()) continue;  // it is planned anew
      rows += part.staged.rows;
      if (part.error.empty()) {
        ++done;
      } else {
        failed.push_back(
            {{"partition", table.parts[part.part].label(table.column)}, {"error", part.error}});
      }
    }
    tables.push_back({{"table", table.model.table},
                      {"model_version", table.model.version},
                      {"model_hash", table.model.fingerprint()},
                      {"partitions", table.parts.size()},
                      {"done", done},
                      {"rows", rows},
                      {"failed", std::move(failed)},
                      {"inputs", table.inputs}});
  }
  return {{"backfill", job.id},
          {"model", job.request.model},
          {"from", job.request.from},
          {"to", job.request.to},
          {"expect", job.request.expect},
          {"parallel", job.request.parallel},
          {"state", state_name(job.state)},
          {"error", job.error},
          {"tables", std::move(tables)},
          {"report", job.report},
          {"published", job.published},
          {"started_at", base::format_rfc3339(job.started_us)},
          {"ended_at", job.ended_us == 0 ? json() : json(base::format_rfc3339(job.ended_us))}};
}

std::unexpected<base::Error> not_now(const Job& job, std::string_view what, std::string mend) {
  return base::fail_with(
      Code::kConflict,
      fmt::format("cannot {} the backfill {}: it is {}{}{}", what, job.id, state_name(job.state),
                  job.error.empty() ? "" : ": ", job.error),
      std::move(mend));
}

std::string written_since(const std::vector<Moved>& moved) {
  return fmt::format("{} of its partitions were written since, the first is {} {}", moved.size(),
                     moved.front().table, moved.front().label);
}

std::string same_work(const Job& job) {
  std::string text = job.request.from + "|" + job.request.to + "|" + job.request.expect;
  for (const JobTable& table : job.tables)
    text += "|" + table.model.table + "@" + table.model.fingerprint();
  return text;
}

// What lies downstream is written anew as a whole: what it holds now.
Result<json> whole_tables(lake::Catalog& catalog, const Job& job) {
  json all = json::array();
  for (std::size_t i = 1; i < job.tables.size(); ++i) {
    const std::string& name = job.tables[i].model.table;
    std::int64_t rows = 0;
    std::int64_t bytes = 0;
    if (const auto there = catalog.table(name)) {
      const auto snapshot = TRY((*there)->snapshot());
      for (const lake::AddFile& file : snapshot->files())
        rows += std::max<std::int64_t>(file.rows(), 0);
      bytes = snapshot->bytes();
    }
    all.push_back({{"table", name}, {"rows_now", rows}, {"bytes_now", bytes}});
  }
  return all;
}

}  // namespace

Backfills::Backfills(stream::Services services, DailyModels& daily, BackfillOptions options)
    : services_(services), daily_(daily), options_(std::move(options)) {}

void Backfills::stop() {
  stopping_ = true;
  tasks_.stop();
}

Result<> Backfills::save(const Job& job) {
  state::WriteSet changes;
  changes.put(job_key(job.id), to_json(job).dump());
  return services_.store.apply(changes);
}

Result<Job> Backfills::find(const std::string& id) const {
  auto job = TRY(read_job(services_.store, id));
  if (job) return *std::move(job);
  return base::fail_with(Code::kNotFound, fmt::format("there is no backfill '{}'", id),
                         "'waybill backfill --list' shows them");
}

Result<Job> Backfills::plan(const std::vector<runs::Model>& models, const JobRequest& request) {
  if (request.parallel < 1 || request.parallel > kParallelMax)
    return base::fail_with(Code::kInvalid, fmt::format("--parallel {}", request.parallel),
                           fmt::format("write 1 to {}", kParallelMax));
  if (request.from.empty() != request.to.empty())
    return base::fail_with(Code::kInvalid, "one of --from and --to is missing",
                           "name both, or none for the whole table");
  const auto find_model = [&](const std::string& table) {
    return std::ranges::find(models, table, &runs::Model::table);
  };
  const auto model = find_model(request.model);
  if (model == models.end()) {
    std::vector<std::string> names;
    for (const runs::Model& one : models) names.push_back(one.table);
    return base::fail_with(Code::kNotFound, fmt::format("there is no model '{}'", request.model),
                           fmt::format("the models are {}", fmt::join(names, ", ")));
  }
  if (model->mode == runs::Mode::kStreaming) {
    return std::unexpected(base::Error{
        .code = Code::kUnsupported,
        .message = fmt::format("{} is a streaming model: its pipeline holds state that "
                               "would bring the old values back",
                               model->table),
        .mend = fmt::format("'waybill models rewind {}' builds its table and state anew "
                            "from the lake, with those behind it",
                            model->table)}
                               .at(model->file, 1));
  }
  if (!request.expect.empty() && model->key.empty())
    return std::unexpected(
        base::Error{.code = Code::kInvalid,
                    .message = fmt::format("changed rows of {} cannot be told from others: the "
                                           "model has no key",
                                           model->table),
                    .mend = "write 'key:' into its header, or leave --expect out"}
            .at(model->file, 1));
  Job job{.id = {}, .request = request, .tables = {}, .error = {}, .report = {}};
  for (const std::string& table : TRY(downstream(models, model->table)))
    job.tables.push_back({.model = *find_model(table), .column = {}, .parts = {}});
  return job;
}

Result<json> Backfills::estimate(const std::vector<runs::Model>& models,
                                 const JobRequest& request) {
  Job job = TRY(plan(models, request));
  job.id = "estimate";
  Bench bench = TRY(open_bench(job, 0, {}, -1, true));
  const lake::Snapshot* base = bench.base.get();
  JobTable& table = job.tables.front();
  TRY(check_expect(*bench.connection, bench.schema, table.model.key, request.expect));
  table.column = TRY(part_column(table.model, bench.schema));
  table.parts = request.from.empty()
                    ? TRY(all_parts(*bench.connection, table.model, base, table.column))
                    : TRY(parts_between(*bench.connection, table.model, base, table.column,
                                        request.from, request.to));
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  std::int64_t input_bytes = 0;
  for (const Part& part : base == nullptr ? std::vector<Part>() : table.parts) {
    for (const lake::AddFile& file : files_of(*base, table.column, part)) {
      rows += std::max<std::int64_t>(file.rows(), 0);
      bytes += file.size;
    }
  }
  for (const auto& [name, snapshot] : bench.inputs.tables) input_bytes += snapshot->bytes();
  std::int64_t part_us = 0;
  std::int64_t part_rows = 0;
  if (!table.parts.empty()) {
    const auto before = std::chrono::steady_clock::now();
    auto ran = bench.connection->execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE sample AS SELECT * FROM ({}) WHERE {}", table.model.sql,
        part_condition(table.column, table.parts[table.parts.size() / 2])));
    if (!ran) return at_model(table.model, std::move(ran).error());
    part_rows = TRY(bench.connection->query("SELECT count(*) FROM sample"))->int_at(0, 0);
    part_us = std::chrono::duration_cast<std::chrono::microseconds>(
                  std::chrono::steady_clock::now() - before)
                  .count();
  }
  const auto side = std::min<std::int64_t>(
      {request.parallel, static_cast<std::int64_t>(table.parts.size()),
       static_cast<std::int64_t>(std::max(1U, std::thread::hardware_concurrency()))});
  json names = json::array();
  for (const JobTable& one : job.tables) names.push_back(one.model.table);
  const auto label = [&](bool first) {
    if (table.parts.empty() || table.column.name.empty()) return std::string();
    return (first ? table.parts.front() : table.parts.back()).label(table.column);
  };
  return json{{"model", request.model},
              {"tables", names},
              {"downstream", TRY(whole_tables(services_.catalog, job))},
              {"partitions", table.parts.size()},
              {"first", label(true)},
              {"last", label(false)},
              {"rows_now", rows},
              {"bytes_now", bytes},
              {"input_bytes", input_bytes},
              {"sample_rows", part_rows},
              {"estimated_seconds", static_cast<double>(part_us) / 1e6 *
                                        static_cast<double>(table.parts.size()) /
                                        static_cast<double>(std::max<std::int64_t>(side, 1))},
              {"inputs", bench.inputs.versions()}};
}

Result<std::string> Backfills::begin(const std::vector<runs::Model>& models,
                                     const JobRequest& request) {
  Job job = TRY(plan(models, request));
  const std::scoped_lock lock(mutex_);
  for (Job& other : TRY(read_jobs(services_.store))) {
    const bool open = other.state == Job::State::kRunning || other.state == Job::State::kFailed;
    if (!open || other.request.model != request.model) continue;
    const bool same = same_work(other) == same_work(job);
    if (active_.contains(other.id) && !same)
      return base::fail_with(
          Code::kConflict, fmt::format("the backfill {} of {} is running", other.id, request.model),
          "wait for it, or cancel it");
    if (!same) continue;
    if (active_.contains(other.id)) return other.id;
    other.state = Job::State::kRunning;
    other.error.clear();
    other.request = request;
    TRY(save(other));
    start(other.id);
    return other.id;
  }
  job.id = fmt::format("b{:06}", TRY(next_number(services_.store)));
  job.started_us = services_.clock.now_us();
  TRY(save(job));
  start(job.id);
  return job.id;
}

// With mutex_ held.
void Backfills::start(const std::string& id) {
  active_.insert(id);
  tasks_.run("backfill", [this, id](std::stop_token) {
    if (options_.begin_thread) options_.begin_thread();
    Result<> done;
    if (auto job = find(id)) {
      if (job->state == Job::State::kRunning) done = work(*job);
      if (!done && !stopping_) {
        job->state = Job::State::kFailed;
        job->error = done.error().to_string();
        done = save(*job);
      } else if (done && job->state == Job::State::kReady && job->request.publish && !stopping_) {
        if (auto out = publish(id); !out)
          spdlog::warn("backfill {}: {}", id, out.error().to_string());
      }
    }
    if (!done && !stopping_) spdlog::warn("backfill {}: {}", id, done.error().to_string());
    const std::scoped_lock lock(mutex_);
    active_.extract(id);
  });
}

Result<> Backfills::restore() {
  return finish_swaps(services_.catalog, services_.store,
                      [this](const Swap& swap, const SwapDone& done) -> Result<> {
                        Job job = TRY(find(swap.owner));
                        spdlog::info("backfill {}: finished its swap, which was cut off", job.id);
                        return finish(job, swap, done.moved);
                      });
}

Result<> Backfills::resume() {
  for (const Job& known : TRY(read_jobs(services_.store))) {
    const std::scoped_lock lock(publishing_, mutex_);
    if (active_.contains(known.id)) continue;
    Job job = TRY(find(known.id));
    if (job.state == Job::State::kPublishing) {  // cut off before it was decided
      job.state = Job::State::kReady;
      TRY(save(job));
    }
    if (job.state == Job::State::kRunning ||
        (job.state == Job::State::kReady && job.request.publish))
      start(job.id);
  }
  return {};
}

// The swap's runs, the job's state and the end of the swap's record, in one change. What a swap had
// to leave to others is run again; the word to publish it was given.
Result<> Backfills::finish(Job& job, const Swap& swap, const std::vector<Moved>& moved) {
  state::WriteSet changes;
  const bool back = swap.operation == "UNDO BACKFILL";
  const base::TimestampUs now_us = services_.clock.now_us();
  for (std::size_t i = 0; i < swap.tables.size(); ++i) {
    const TableSwap& table = swap.tables[i];
    runs::Counts counts;
    for (const PartSwap& part : table.parts)
      for (const lake::AddFile& file : part.in) counts.in += std::max<std::int64_t>(file.rows(), 0);
    counts.out = counts.in;
    const auto known =
        std::ranges::find(job.tables, table.table, [](const JobTable& t) { return t.model.table; });
    runs::Run run{.id = fmt::format("{}/swap-{:06}", table.table, swap.number),
                  .model = table.table,
                  .model_version = known == job.tables.end() ? 0 : known->model.version,
                  .mode = back ? "undo" : "backfill",
                  .pipeline = job.id,
                  .epoch = swap.number,
                  .inputs = {},
                  .by_source = {{{"backfill", 0}, counts}},
                  .table_version = table.version,
                  .started_us = now_us,
                  .elapsed_us = now_us - job.started_us};
    if (known != job.tables.end())
      for (const auto& [name, version] : known->inputs.items())
        run.inputs.push_back({{name, 0}, 0, version.get<std::int64_t>()});
    TRY(runs::record_run(services_.store, run, changes));
    job.published.push_back(
        {{"table", table.table}, {"version", table.version}, {"operation", swap.operation}});
  }
  if (swap.operation == "BACKFILL") remember_swap(job.id, swap, changes);
  job.ended_us = now_us;
  if (swap.operation == "BACKFILL" && !moved.empty()) {
    job.request.publish = true;
    reopen(job, moved, changes);
  } else {
    job.state = back ? Job::State::kUndone : Job::State::kDone;
    job.error = moved.empty() ? "" : written_since(moved);
    changes.put(job_key(job.id), to_json(job).dump());
  }
  forget_swap(swap, changes);
  return services_.store.apply(changes);
}

// Until nothing moved between the look and the commit.
Result<> Backfills::publish_job(Job& job) {
  for (int round = 0; round < kRoundsMax; ++round) {
    auto planned = swap_of(job);
    if (!planned) {
      job.state = Job::State::kFailed;
      return std::unexpected(std::move(planned).error());
    }
    Swap swap = *std::move(planned);
    if (const auto moved = TRY(moved_parts(services_.catalog, swap)); !moved.empty()) {
      state::WriteSet changes;
      reopen(job, moved, changes);
      TRY(services_.store.apply(changes));
      TRY(work(job));
      if (job.state != Job::State::kReady)
        return not_now(job, "publish", "see its report; the tables stay as they were");
      continue;
    }
    TRY(check_files(services_.catalog, swap));
    swap.number = TRY(next_number(services_.store));
    for (std::size_t i = 0; i < swap.tables.size(); ++i) {
      const JobTable& table = job.tables[i];
      Inputs inputs;
      swap.tables[i].metadata =
          run_metadata(table.model, fmt::format("{}/swap-{:06}", table.model.table, swap.number),
                       "backfill", inputs);
      swap.tables[i].metadata["inputs"] = table.inputs.dump();
      swap.tables[i].metadata["backfill"] = job.id;
    }
    job.state = Job::State::kPublishing;
    TRY(save(job));
    const SwapDone done = TRY(apply_swap(services_.catalog, services_.store, swap));
    TRY(finish(job, swap, done.moved));
    if (done.moved.empty()) return {};
    TRY(work(job));  // a second swap takes what the first one had to leave
    if (job.state != Job::State::kReady)
      return not_now(job, "finish", "see its report; partitions that others wrote stay as theirs");
  }
  return base::fail_with(Code::kConflict,
                         fmt::format("others write the partitions of {} faster than the backfill "
                                     "{} can run them",
                                     job.request.model, job.id),
                         "stop those writers, or leave out the newest partitions");
}

Result<json> Backfills::publish(const std::string& id) {
  const std::scoped_lock publishing(publishing_);
  {
    const std::scoped_lock lock(mutex_);
    active_.insert(id);
  }
  auto done = publish_now(id);
  const std::scoped_lock lock(mutex_);
  active_.extract(active_.find(id));
  return done;
}

// With publishing_ held.
Result<json> Backfills::publish_now(const std::string& id) {
  const bool decided = TRY(find(id)).state == Job::State::kPublishing;  // cut off by an error
  TRY(restore());
  Job job = TRY(find(id));
  if (decided && job.state == Job::State::kRunning) TRY(work(job));
  if (decided && job.state == Job::State::kPublishing) job.state = Job::State::kReady;
  if (!decided || job.state != Job::State::kDone) {
    if (job.state != Job::State::kReady)
      return not_now(job, "publish", "only a validated one can be published");
    if (auto done = publish_job(job); !done) {
      const bool says = job.state == Job::State::kRefused || !job.error.empty();
      if (!says && !stopping_ && job.state != Job::State::kPublishing) {
        if (job.state == Job::State::kRunning) job.state = Job::State::kFailed;
        job.error = done.error().to_string();
        TRY(save(job));
      }
      return std::unexpected(std::move(done).error());
    }
  }
  // The fixed version is what runs from now on.
  std::vector<runs::Model> models = daily_.models();
  for (runs::Model& model : models)
    if (model.table == job.request.model) model = job.tables.front().model;
  daily_.set_models(std::move(models));
  return show(id);
}

Result<json> Backfills::turn(const std::string& id, Job::State from, bool back) {
  const std::scoped_lock publishing(publishing_);
  TRY(restore());
  Job job = TRY(find(id));
  const std::string word = back ? "undo" : "redo";
  if (job.state != from)
    return not_now(job, word,
                   back ? "only one that is done can be undone"
                        : "only one that was undone can be done again");
  Swap swap = TRY(swaps_of(services_.store, id));
  if (back) swap = reversed(std::move(swap));
  if (const auto moved = TRY(moved_parts(services_.catalog, swap)); !moved.empty()) {
    return base::fail_with(
        Code::kConflict,
        fmt::format("cannot {} the backfill {}: {}; {} is at version {}", word, id,
                    written_since(moved), moved.front().table, moved.front().version),
        "run a new backfill: it takes what was written since into account");
  }
  TRY(check_files(services_.catalog, swap));
  swap.number = TRY(next_number(services_.store));
  swap.operation = back ? "UNDO BACKFILL" : "REDO BACKFILL";
  swap.owner = id;
  for (TableSwap& table : swap.tables)
    table.metadata = {{"run", fmt::format("{}/swap-{:06}", table.table, swap.number)},
                      {"mode", word},
                      {"backfill", id}};
  const SwapDone done = TRY(apply_swap(services_.catalog, services_.store, swap));
  TRY(finish(job, swap, done.moved));
  if (done.moved.empty()) return show(id);
  return base::fail_with(Code::kConflict,
                         fmt::format("the {} of the backfill {} left out what others wrote while "
                                     "it went on: {}",
                                     word, id, written_since(done.moved)),
                         "run a new backfill over those: it takes what was written into account");
}

Result<json> Backfills::undo(const std::string& id) { return turn(id, Job::State::kDone, true); }
Result<json> Backfills::redo(const std::string& id) { return turn(id, Job::State::kUndone, false); }

Result<json> Backfills::cancel(const std::string& id) {
  const std::scoped_lock lock(publishing_, mutex_);
  Job job = TRY(find(id));
  if (active_.contains(id)) return not_now(job, "cancel", "wait until its partitions are done");
  if (job.state == Job::State::kDone || job.state == Job::State::kPublishing)
    return not_now(job, "cancel", "undo it instead");
  job.state = Job::State::kCancelled;
  TRY(save(job));
  return shown(job, TRY(read_parts(services_.store, id)));
}

Result<json> Backfills::show(const std::string& id) const {
  const Job job = TRY(find(id));
  return shown(job, TRY(read_parts(services_.store, id)));
}

Result<json> Backfills::list() const {
  json all = json::array();
  for (const Job& job : TRY(read_jobs(services_.store))) {
    json one = shown(job, TRY(read_parts(services_.store, job.id)));
    one.erase("report");
    all.insert(all.begin(), std::move(one));
  }
  return all;
}

}  // namespace batch
