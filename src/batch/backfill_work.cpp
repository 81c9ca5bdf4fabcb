// The work of a backfill: parts staged side by side, then held against production.
#include <algorithm>
#include <chrono>
#include <thread>

#include "base/logging.h"
#include "batch/backfill.h"
#include "batch/diff.h"
#include "lake/stage.h"
#include "lake/store_table.h"
#include "stream/plan.h"

namespace batch {
namespace {

using base::Code;
using base::Result;
using nlohmann::json;

constexpr std::size_t kFailuresShown = 10;

// One partition column and one value: rows go straight into a file, without a look at their
// partitions.
Result<Staged> stage_straight(lake::Table& table, const lake::Snapshot& base,
                              sql::Connection& connection, const runs::Model& model,
                              const columns::Schema& schema, const PartColumn& column,
                              const Part& part) {
  auto& store_table = static_cast<lake::StoreTable&>(table);
  const auto& state = static_cast<const lake::StateSnapshot&>(base).state();
  const std::string select =
      fmt::format("SELECT * FROM ({}) WHERE {}", stream::cast_to(schema, model.sql),
                  part_condition(column, part));
  auto files = lake::stage_partition(store_table.store(), connection, table.path(), state, select,
                                     {{column.name, part.value}});
  if (!files) return at_model(model, std::move(files).error());
  return Staged(*std::move(files));
}

}  // namespace

// The daily models that read the table, directly or through others, in reading order.
Result<std::vector<std::string>> Backfills::downstream(const std::vector<runs::Model>& models,
                                                       const std::string& table) const {
  const auto connection = TRY(services_.database.connect());
  std::map<std::string, std::vector<std::string>> reads;
  for (const runs::Model& model : models) {
    if (model.mode != runs::Mode::kDaily) continue;
    const auto tree = connection->parse(model.sql);
    if (tree) reads[model.table] = stream::tables_of(*tree);
  }
  std::vector<std::string> found{table};
  for (bool grew = true; grew;) {
    grew = false;
    for (const auto& [name, sources] : reads) {
      if (std::ranges::count(found, name) > 0) continue;
      if (std::ranges::none_of(sources,
                               [&](const auto& s) { return std::ranges::count(found, s) > 0; }))
        continue;
      found.push_back(name);
      grew = true;
    }
  }
  // After all of its sources that are written anew, too.
  std::vector<std::string> order{table};
  while (order.size() < found.size()) {
    const std::size_t before = order.size();
    for (const std::string& name : found) {
      if (std::ranges::count(order, name) > 0) continue;
      if (std::ranges::all_of(reads[name], [&](const auto& s) {
            return std::ranges::count(found, s) == 0 || std::ranges::count(order, s) > 0;
          }))
        order.push_back(name);
    }
    if (order.size() == before)
      return base::fail(Code::kInvalid, "the models downstream of {} read each other in a circle",
                        table);
  }
  return order;
}

Result<std::unique_ptr<sql::Database>> Backfills::open_database() const {
  // One thread: a query runs on the thread that asks it, at its priority.
  return sql::Database::open(
      {.memory_limit = options_.memory, .threads = 1, .temporary_directory = options_.spill});
}

// What the table at `index` of the job will hold once the swap is done, as a SELECT.
Result<std::string> Backfills::candidate(const Job& job, std::size_t index) const {
  const JobTable& table = job.tables.at(index);
  const auto now = TRY(TRY(services_.catalog.table(table.model.table))->snapshot());
  std::vector<lake::AddFile> files;
  for (const lake::AddFile& file : now->files()) {
    const bool replaced =
        table.column.name.empty() || std::ranges::any_of(table.parts, [&](const Part& part) {
          return part.value == value_in(file, table.column);
        });
    if (!replaced) files.push_back(file);
  }
  for (PartDone& done : TRY(read_parts(services_.store, job.id))) {
    if (done.table == index) std::ranges::move(done.staged.files, std::back_inserter(files));
  }
  return rows_of(*now, files);
}

// `base` and `inputs` as they were pinned; -1: now, the table before its inputs, so that what a run
// writes in between is seen as a change. A dry one changes nothing; without a table it has no base.
Result<Backfills::Bench> Backfills::open_bench(const Job& job, std::size_t index,
                                               const json& inputs, lake::Version base, bool dry) {
  const runs::Model& model = job.tables.at(index).model;
  Bench bench;
  bench.database = TRY(open_database());
  bench.connection = TRY(bench.database->connect());
  if (const auto there = services_.catalog.table(model.table)) {
    bench.table = *there;
    bench.base = TRY(base < 0 ? bench.table->snapshot() : bench.table->snapshot_at(base));
  }
  bench.inputs = TRY(pin_inputs(services_.catalog, *bench.connection, model, inputs));
  for (std::size_t i = 0; i < index; ++i) {
    const std::string& above = job.tables[i].model.table;
    if (bench.inputs.tables.contains(above)) bench.inputs.instead[above] = TRY(candidate(job, i));
  }
  bench.held = TRY(bind_inputs(*bench.connection, bench.inputs));
  bench.schema = TRY(stream::describe(*bench.connection, model, model.sql));
  if (dry) {
    if (bench.base) TRY(check_target(model, bench.base->metadata(), bench.schema));
    return bench;
  }
  bench.table = TRY(open_target(services_.catalog, model, bench.schema, false));
  const auto now = TRY(bench.table->snapshot());
  if (!bench.base || bench.base->metadata().schema != now->metadata().schema) bench.base = now;
  return bench;
}

// Which parts a table has to write, remembered with what they are pinned to.
Result<> Backfills::plan_parts(Job& job, std::size_t index, Bench& bench) {
  JobTable& table = job.tables.at(index);
  if (index == 0)
    TRY(check_expect(*bench.connection, bench.schema, table.model.key, job.request.expect));
  if (table.base >= 0) return {};
  const auto pinned = [&] {
    table.base = bench.base->version();
    table.inputs = bench.inputs.versions();
    return save(job);
  };
  if (!table.parts.empty()) return pinned();
  table.column = TRY(part_column(table.model, bench.schema));
  const bool some = index == 0 && !job.request.from.empty();
  if (some && table.column.name.empty()) {
    return std::unexpected(base::Error{
        .code = Code::kInvalid,
        .message =
            fmt::format("{} has no partitions, so --from and --to name nothing", table.model.table),
        .mend = "leave them out to write the whole table anew, or give the model a "
                "'partition:'"}
                               .at(table.model.file, 1));
  }
  const lake::Snapshot* base = bench.base.get();
  table.parts = some ? TRY(parts_between(*bench.connection, table.model, base, table.column,
                                         job.request.from, job.request.to))
                     : TRY(all_parts(*bench.connection, table.model, base, table.column));
  return pinned();
}

PartDone Backfills::run_part(const Job& job, std::size_t index, Bench& bench,
                             sql::Connection& connection, std::size_t part) const {
  const JobTable& table = job.tables.at(index);
  const auto before = std::chrono::steady_clock::now();
  PartDone done{.table = index,
                .part = part,
                .out = files_of(*bench.base, table.column, table.parts[part]),
                .staged = {},
                .inputs = bench.inputs.versions(),
                .error = {}};
  const bool straight = table.model.partition.size() == 1;
  auto staged = straight ? stage_straight(*bench.table, *bench.base, connection, table.model,
                                          bench.schema, table.column, table.parts[part])
                         : stage_part(*bench.table, connection, table.model, bench.schema,
                                      table.column, &table.parts[part]);
  if (staged) {
    done.staged = *std::move(staged);
  } else {
    done.error = staged.error().to_string();
  }
  done.elapsed_us = std::chrono::duration_cast<std::chrono::microseconds>(
                        std::chrono::steady_clock::now() - before)
                        .count();
  return done;
}

// Side by side; one that fails leaves the others alone.
Result<> Backfills::run_parts(const Job& job, std::size_t index, Bench& bench,
                              const std::vector<std::size_t>& todo) {
  std::atomic<std::size_t> next = 0;
  std::mutex failing;
  Result<> failed;
  const auto work = [&] {
    if (options_.begin_thread) options_.begin_thread();
    const auto connection = bench.database->connect();
    for (std::size_t i = next++; connection && i < todo.size() && !stopping_; i = next++) {
      const PartDone done = run_part(job, index, bench, **connection, todo[i]);
      state::WriteSet changes;
      changes.put(part_key(job.id, index, todo[i]), to_text(done));
      if (auto saved = services_.store.apply(changes); !saved) {
        const std::scoped_lock lock(failing);
        failed = std::move(saved);
      }
    }
    if (!connection) {
      const std::scoped_lock lock(failing);
      failed = std::unexpected(connection.error());
    }
  };
  const std::size_t threads =
      std::min<std::size_t>(todo.size(), static_cast<std::size_t>(job.request.parallel));
  std::vector<std::jthread> crew;
  for (std::size_t i = 0; i < threads; ++i) crew.emplace_back(work);
  crew.clear();
  if (stopping_)
    return base::fail(Code::kCancelled, "the backfill {} was stopped and goes on later", job.id);
  return failed;
}

// From where it stands to its validation.
Result<> Backfills::work(Job& job) {
  for (std::size_t index = 0; index < job.tables.size(); ++index) {
    std::set<std::size_t> have;
    for (const PartDone& done : TRY(read_parts(services_.store, job.id)))
      if (done.table == index && done.error.empty()) have.insert(done.part);
    const JobTable& table = job.tables[index];
    if (table.base >= 0 && have.size() == table.parts.size()) continue;
    Bench bench = TRY(open_bench(job, index, table.inputs, table.base));
    TRY(plan_parts(job, index, bench));
    std::vector<std::size_t> todo;
    for (std::size_t part = 0; part < table.parts.size(); ++part)
      if (!have.contains(part)) todo.push_back(part);
    TRY(run_parts(job, index, bench, todo));
    std::vector<std::string> failures;
    std::size_t failed = 0;
    for (const PartDone& done : TRY(read_parts(services_.store, job.id))) {
      if (done.table != index || done.error.empty()) continue;
      if (++failed <= kFailuresShown)
        failures.push_back(
            fmt::format("{}: {}", table.parts[done.part].label(table.column), done.error));
    }
    if (failed > 0) {
      job.state = Job::State::kFailed;
      job.error = fmt::format("{} of {} partitions of {} failed, the others are done. {}", failed,
                              table.parts.size(), table.model.table, fmt::join(failures, "; "));
      return save(job);
    }
  }
  TRY(validate(job));
  return save(job);
}

// Forgets the parts that others wrote meanwhile and all that lies downstream, so that the job runs
// them from what there is then.
void Backfills::reopen(Job& job, const std::vector<Moved>& moved, state::WriteSet& changes) const {
  std::size_t first = job.tables.size();
  for (std::size_t index = 0; index < job.tables.size(); ++index) {
    JobTable& table = job.tables[index];
    std::size_t forgotten = 0;
    for (const Moved& one : moved) {
      if (one.table != table.model.table || index > first) continue;
      changes.remove(part_key(job.id, index, one.index));
      ++forgotten;
    }
    if (index > first) {
      forget_parts(job.id, index, changes);
      table.parts.clear();
    } else if (forgotten == 0) {
      continue;
    }
    first = std::min(first, index);
    table.base = -1;
    table.inputs = json::object();
    spdlog::info("backfill {}: {} of {} changed meanwhile and run again", job.id,
                 index == first ? fmt::format("{} partitions", forgotten) : "all partitions",
                 table.model.table);
  }
  job.state = Job::State::kRunning;
  job.error.clear();
  changes.put(job_key(job.id), to_json(job).dump());
}

// kConflict names a part that failed or was never run: its rows would be missing.
Result<Swap> Backfills::swap_of(const Job& job) const {
  Swap swap{.number = 0, .operation = "BACKFILL", .owner = job.id, .tables = {}};
  for (const JobTable& table : job.tables)
    swap.tables.push_back(
        {.table = table.model.table, .column = table.column, .parts = {}, .metadata = {}});
  std::set<std::pair<std::size_t, std::size_t>> missing;
  for (std::size_t i = 0; i < job.tables.size(); ++i) {
    swap.tables[i].parts.resize(job.tables[i].parts.size());
    for (std::size_t part = 0; part < job.tables[i].parts.size(); ++part) missing.emplace(i, part);
  }
  for (PartDone& done : TRY(read_parts(services_.store, job.id))) {
    if (!done.error.empty()) continue;
    swap.tables.at(done.table).parts.at(done.part) = {
        job.tables[done.table].parts[done.part], std::move(done.out), std::move(done.staged.files)};
    missing.erase({done.table, done.part});
  }
  if (missing.empty()) return swap;
  const JobTable& table = job.tables[missing.begin()->first];
  return base::fail_with(
      Code::kConflict,
      fmt::format("{} partitions of the backfill {} have no rows to publish, the first is {} {}",
                  missing.size(), job.id, table.model.table,
                  table.parts[missing.begin()->second].label(table.column)),
      "run the same backfill again: it runs those alone");
}

Result<json> Backfills::validate_table(const Job& job, const TableSwap& swap, std::size_t index,
                                       std::vector<std::string>& problems) {
  const JobTable& table = job.tables.at(index);
  const auto now = TRY(TRY(services_.catalog.table(swap.table))->snapshot());
  std::vector<lake::AddFile> out;
  std::vector<lake::AddFile> in;
  std::int64_t staged = 0;
  for (const PartSwap& part : swap.parts) {
    out.insert(out.end(), part.out.begin(), part.out.end());
    in.insert(in.end(), part.in.begin(), part.in.end());
  }
  for (const lake::AddFile& file : in) staged += file.rows();
  const auto database = TRY(open_database());
  const auto connection = TRY(database->connect());
  const std::string rows = rows_of(*now, in);
  const Diff diff =
      TRY(diff_rows(*connection, {.old_rows = rows_of(*now, out),
                                  .new_rows = rows,
                                  .old_schema = now->metadata().schema,
                                  .new_schema = now->metadata().schema,
                                  .key = table.model.key,
                                  .expect = index == 0 ? job.request.expect : std::string()}));
  if (diff.unexpected > 0)
    problems.push_back(
        fmt::format("{} changed rows of {} do not satisfy what is expected ({}); the first: {}",
                    diff.unexpected, swap.table, job.request.expect,
                    diff.samples.empty() ? "" : diff.samples.front().dump()));
  if (diff.new_doubled > diff.old_doubled)
    problems.push_back(fmt::format(
        "{} rows of {} have a key ({}) that another row has, {} had before", diff.new_doubled,
        swap.table, fmt::join(table.model.key, ", "), diff.old_doubled));
  if (diff.new_rows != staged || diff.new_rows != diff.old_rows - diff.removed + diff.added)
    problems.push_back(fmt::format(
        "the totals of {} do not reconcile: {} rows written, {} read, {} before - {} removed + {} "
        "added",
        swap.table, staged, diff.new_rows, diff.old_rows, diff.removed, diff.added));
  json report{{"table", swap.table}, {"partitions", swap.parts.size()}, {"diff", to_json(diff)}};
  if (const auto suite = options_.suites.find(table.model.quality);
      suite != options_.suites.end()) {
    const QualityVerdict verdict = TRY(check_quality(*connection, suite->second, rows));
    report["quality"] = {{"suite", suite->second.name},
                         {"expectations", verdict.expectations},
                         {"failed", verdict.failed},
                         {"warnings", verdict.warnings}};
    if (!verdict.failed.empty())
      problems.push_back(
          fmt::format("the rows of {} do not meet {} of {} expectations of the suite {}: {}",
                      swap.table, verdict.failed.size(), verdict.expectations, suite->second.name,
                      fmt::join(verdict.failed, "; ")));
  }
  return report;
}

Result<> Backfills::validate(Job& job) {
  const Swap swap = TRY(swap_of(job));
  std::vector<std::string> problems;
  json tables = json::array();
  std::int64_t work_us = 0;
  std::int64_t rows = 0;
  std::int64_t bytes = 0;
  for (const PartDone& done : TRY(read_parts(services_.store, job.id))) {
    work_us += done.elapsed_us;
    rows += done.staged.rows;
    bytes += done.staged.bytes;
  }
  for (std::size_t i = 0; i < job.tables.size(); ++i)
    tables.push_back(TRY(validate_table(job, swap.tables[i], i, problems)));
  job.report = {{"tables", std::move(tables)},
                {"problems", problems},
                {"rows", rows},
                {"bytes", bytes},
                {"work_ms", work_us / base::kUsPerMs}};
  job.state = problems.empty() ? Job::State::kReady : Job::State::kRefused;
  job.error = problems.empty() ? "" : problems.front();
  return {};
}

}  // namespace batch
