// Models that do not run with every epoch: paused ones, those that run at times, and those that are
// built anew. They are given from the lake's tables what they have not taken in.
#include <algorithm>

#include "base/check.h"
#include "base/logging.h"
#include "lake/dml.h"
#include "stream/pipeline.h"

namespace stream {
namespace {

std::string end_of(std::string prefix) {
  prefix.back() = static_cast<char>(prefix.back() + 1);
  return prefix;
}

eventlog::Offset offset_in(const Offsets& offsets, const eventlog::TopicPartition& source) {
  const auto it = offsets.find(source);
  return it == offsets.end() ? 0 : it->second;
}

bool has_more(const Offsets& to, const Offsets& from) {
  return std::ranges::any_of(
      to, [&](const auto& place) { return place.second > offset_in(from, place.first); });
}

}  // namespace

base::Result<Operator*> Pipeline::find(const std::string& table) const {
  for (const auto& op : operators_) {
    if (op->model().table == table) return op.get();
  }
  return base::fail_with(base::Code::kNotFound, fmt::format("{} has no model {}", name_, table),
                         fmt::format("its models are {}", fmt::join(status_.models, ", ")));
}

// Whether a table's rows can be given again by offsets: they are there as soon as their records are
// taken in.
bool Pipeline::gives_places(const std::string& table) const {
  if (table.starts_with("bronze.")) return true;
  const auto op = find(table);
  return op && (*op)->output().has_places() && (*op)->row_for_row();
}

// The first table that it takes in and that cannot be given piece by piece; "" when there is none.
std::string Pipeline::source_without_places(const Operator& op) const {
  for (const Relation& source : op.inputs()) {
    if (!gives_places(source.table)) return source.table;
  }
  return "";
}

base::Result<> Pipeline::check_pace(const Operator& op) const {
  const std::string source = op.model().every_us > 0 ? source_without_places(op) : "";
  if (source.empty()) return {};
  return std::unexpected(base::Error{
      .code = base::Code::kInvalid,
      .message = fmt::format("'every' over {}: what it gives meanwhile would be lost", source),
      .mend = fmt::format("write 'mode: streaming' here and 'every' in {}", source)}
                             .at(op.model().file, 1));
}

// Up to where a table with places has the rows of its topics.
Offsets Pipeline::reach_of(const std::string& table) const {
  Offsets to = committed_;
  std::vector<std::string> topics{table.substr(table.find('.') + 1)};
  if (const auto op = find(table)) {
    const auto pace = paces_.find(table);
    to = pace == paces_.end() ? reach(**op) : pace->second.offsets;
    topics = (*op)->output().topics;
  }
  Offsets its;
  for (const auto& [place, end] : committed_) {
    if (std::ranges::count(topics, place.topic) > 0) its[place] = offset_in(to, place);
  }
  return its;
}

// Up to where the tables that it takes in all have their rows.
Offsets Pipeline::reach(const Operator& op) const {
  Offsets to = committed_;
  for (const Relation& source : op.inputs()) {
    if (!gives_places(source.table)) continue;
    for (const auto& [place, end] : reach_of(source.table)) to[place] = std::min(to[place], end);
  }
  return to;
}

// Whether one offset of each partition says what it has been given when it runs with every epoch.
bool Pipeline::sources_agree(const Operator& op) const {
  const Offsets least = reach(op);
  return std::ranges::all_of(op.inputs(), [&](const Relation& source) {
    if (!gives_places(source.table)) return true;
    const auto from = find(source.table);
    if (from && is_live(**from) && !sources_agree(**from)) return false;
    return std::ranges::all_of(reach_of(source.table),
                               [&](const auto& its) { return its.second == least.at(its.first); });
  });
}

std::set<std::string> Pipeline::topics_of(const Operator& op) const {
  std::set<std::string> topics;
  for (const Relation& source : op.inputs()) {
    if (const auto from = find(source.table)) {
      topics.merge(topics_of(**from));
    } else {
      topics.insert(source.table.substr(source.table.find('.') + 1));
    }
  }
  return topics;
}

// Whether the epoch leaves records behind that a model, or one before it, has not taken in: then
// nothing follows from the silence of its sources.
bool Pipeline::rows_wait(const Operator& op, const EpochPlan& plan) const {
  const std::string& table = op.model().table;
  if (const auto pace = paces_.find(table); pace != paces_.end()) {
    Offsets to = committed_;
    Offsets at = pace->second.offsets;
    Offsets& moved = plan.model == table ? at : to;
    if (plan.model == table || plan.model.empty())
      for (const runs::Interval& interval : plan.intervals) moved[interval.source] = interval.to;
    const std::set<std::string> topics = topics_of(op);
    std::erase_if(to, [&](const auto& place) { return !topics.contains(place.first.topic); });
    if (has_more(to, at)) return true;
  }
  return std::ranges::any_of(op.inputs(), [&](const Relation& source) {
    const auto from = find(source.table);
    return from && rows_wait(**from, plan);
  });
}

std::vector<std::string> Pipeline::with_readers(const std::string& table) const {
  std::vector<std::string> all{table};
  for (const auto& op : operators_) {
    const bool reads = std::ranges::any_of(op->plan().sources, [&](const std::string& source) {
      return std::ranges::count(all, source) > 0;
    });
    if (reads && op->model().table != table) all.push_back(op->model().table);
  }
  return all;
}

// What a start finds: models whose state is another text's or that are new to a running pipeline
// are built anew, models that do not run with every epoch stand where they stood.
base::Result<> Pipeline::restore_paces() {
  std::map<std::string, Pace> found;
  std::vector<std::string> anew;
  for (const auto& op : operators_) {
    const std::string& table = op->model().table;
    if (auto pace = TRY(read_pace(services_.store, table))) found[table] = *std::move(pace);
    const bool is_new =
        epoch_ > 0 && !TRY(services_.store.get("beginning/" + table)) && !found.contains(table);
    if (is_new || !TRY(op->fits(services_.store))) {
      for (const std::string& reader : with_readers(table)) {
        if (std::ranges::count(anew, reader) == 0) anew.push_back(reader);
      }
    }
  }
  {
    const std::scoped_lock lock(mutex_);
    paces_ = std::move(found);
  }
  if (anew.empty()) return {};
  return build_anew(anew, "it is new, or its text is");
}

// Models that run at times from this start on have what the last epoch left them.
base::Result<> Pipeline::begin_paces() {
  for (const auto& op : operators_) {
    const std::string& table = op->model().table;
    if (op->model().every_us == 0 || !is_live(*op)) continue;
    if (!sources_agree(*op)) {
      TRY(build_anew_now(table, "it runs at times now, and its sources stand at different places"));
      continue;
    }
    Pace pace{.offsets = reach(*op)};
    state::WriteSet changes;
    changes.put(pace_key(table), to_text(pace));
    TRY(services_.store.apply(changes));
    const std::scoped_lock lock(mutex_);
    paces_[table] = std::move(pace);
  }
  return {};
}

base::Result<> Pipeline::build_anew(const std::vector<std::string>& tables,
                                    const std::string& why) {
  const Pace anew{.paused = false, .anew = true, .ran_us = 0, .offsets = {}};
  state::WriteSet changes;
  for (const std::string& table : tables) {
    spdlog::info("{}: {} is built anew from the lake: {}", name_, table, why);
    const Operator* op = TRY(find(table));
    changes.remove_range(op->state_prefix(), end_of(op->state_prefix()));
    changes.remove_range("ledger/" + table + "/", end_of("ledger/" + table + "/"));
    changes.put("beginning/" + table, "[]");
    changes.put(pace_key(table), to_text(anew));
  }
  TRY(services_.store.apply(changes));
  const std::scoped_lock lock(mutex_);
  for (const std::string& table : tables) paces_[table] = anew;
  return {};
}

void Pipeline::retire(const std::unique_lock<std::mutex>& hold) {
  CHECK(hold.owns_lock() && hold.mutex() == &running_, "{} is retired without its lock", name_);
  retired_ = true;
}

base::Result<> Pipeline::check_in_charge() const {
  if (!retired_) return {};
  return base::fail_with(base::Code::kUnavailable,
                         fmt::format("{} was made anew just now, with new columns", name_),
                         "ask again");
}

base::Result<> Pipeline::pause(const std::string& table) {
  const std::scoped_lock running(running_);
  TRY(check_in_charge());
  const Operator* op = TRY(find(table));
  if (const std::string source = source_without_places(*op); !source.empty()) {
    return base::fail_with(
        base::Code::kUnsupported,
        fmt::format("{} cannot be paused: what {} gives meanwhile would be lost", table, source),
        fmt::format("pause {}", source));
  }
  if (is_live(*op) && !sources_agree(*op)) {
    return base::fail_with(
        base::Code::kUnsupported,
        fmt::format("{} cannot be paused: its sources stand at different places", table),
        "try again when the models that it reads have caught up");
  }
  Pace pace = is_live(*op) ? Pace{.offsets = reach(*op)} : paces_.at(table);
  pace.paused = true;
  state::WriteSet changes;
  changes.put(pace_key(table), to_text(pace));
  TRY(services_.store.apply(changes));
  const std::scoped_lock lock(mutex_);
  paces_[table] = pace;
  return {};
}

base::Result<> Pipeline::resume(const std::string& table) {
  const std::scoped_lock running(running_);
  TRY(check_in_charge());
  TRY(find(table));
  const auto it = paces_.find(table);
  if (it == paces_.end() || !it->second.paused) return {};
  Pace pace = it->second;
  pace.paused = false;
  consent(table, pace);
  state::WriteSet changes;
  changes.put(pace_key(table), to_text(pace));
  TRY(services_.store.apply(changes));
  const std::scoped_lock lock(mutex_);
  it->second = pace;
  return {};
}

base::Result<> Pipeline::rewind(const std::string& table) {
  const std::scoped_lock running(running_);
  TRY(check_in_charge());
  TRY(find(table));
  return build_anew_now(table, "somebody asked for it");
}

base::Result<> Pipeline::build_anew_now(const std::string& table, const std::string& why) {
  const std::vector<std::string> tables = with_readers(table);
  TRY(build_anew(tables, why));
  for (const std::string& one : tables) {
    Operator* op = TRY(find(one));
    TRY(op->restore(services_.store, connection_of(*op)));
  }
  return {};
}

bool Pipeline::is_behind(const std::string& table) const {
  const std::scoped_lock lock(mutex_);
  return paces_.contains(table);
}

bool Pipeline::is_due(const Operator& op, base::TimestampUs now_us) const {
  const auto it = paces_.find(op.model().table);
  if (it == paces_.end() || it->second.paused) return false;
  const Pace& pace = it->second;
  for (const std::string& source : op.plan().sources) {
    const auto behind = paces_.find(source);
    if (behind != paces_.end() && behind->second.anew) return false;
  }
  // A table without places is given as a whole, once.
  if (pace.anew) return source_without_places(op).empty() || sources_agree(op);
  const bool more = has_more(reach(op), pace.offsets);
  if (op.model().every_us == 0) return more || sources_agree(op);
  return (more || (!rows_wait(op, {}) && op.waits_for_time(now_us))) &&
         now_us - pace.ran_us >= op.model().every_us;
}

// The next piece of what a model has not taken in.
EpochPlan Pipeline::plan_behind(const Operator& op, base::TimestampUs now_us) const {
  EpochPlan plan{.number = epoch_ + 1, .now_us = now_us, .model = op.model().table};
  const Pace& pace = paces_.at(op.model().table);
  const bool whole = !source_without_places(op).empty();
  const auto most =
      static_cast<std::int64_t>(options_.rows_max / std::max<std::size_t>(1, committed_.size()));
  for (const auto& [source, to] : reach(op)) {
    const eventlog::Offset from = offset_in(pace.offsets, source);
    if (to > from) plan.intervals.push_back({source, from, whole ? to : std::min(to, from + most)});
  }
  return plan;
}

base::Result<bool> Pipeline::run_behind(base::TimestampUs now_us) {
  for (const auto& op : operators_) {
    if (!is_due(*op, now_us)) continue;
    EpochPlan plan = plan_behind(*op, now_us);
    TRY(pin_statics(plan));
    state::WriteSet changes;
    changes.put(plan_key(name_), to_text(plan));
    TRY(services_.store.apply(changes));
    const auto done = execute(plan, {}, name_);
    if (done) return true;
    if (!TRY(hold_back(plan))) return std::unexpected(done.error());
    TRY(restore_now());
    return true;
  }
  return false;
}

// The operators of an epoch: all that keep pace, or one and those that read what it gives.
base::Result<> Pipeline::find_active(const EpochPlan& plan) {
  active_.clear();
  std::vector<std::string> reached;
  if (!plan.model.empty()) reached = with_readers(plan.model);
  for (const auto& op : operators_) {
    const bool runs = plan.model.empty() ? is_live(*op)
                                         : op->model().table == plan.model ||
                                               (is_live(*op) &&
                                                std::ranges::count(reached, op->model().table) > 0);
    if (runs) {
      active_.push_back(op.get());
    } else {
      if (!side_by_side()) TRY(connection_->execute(rows_table_sql(op->output())));
    }
  }
  return {};
}

bool Pipeline::is_active(const Operator& op) const { return std::ranges::count(active_, &op) > 0; }

// The first rows of a model that is built anew take the place of its tables.
base::Result<> Pipeline::replace_table(const EpochPlan& plan, std::vector<TableChange>& changes) {
  const auto it = paces_.find(plan.model);
  if (it == paces_.end() || !it->second.anew) return {};
  const Operator& op = *TRY(find(plan.model));
  std::vector<std::string> tables{plan.model};
  for (const auto& [side, schema] : op.side_tables()) tables.push_back(side);
  for (const std::string& table : tables) {
    bool has = false;
    for (TableChange& change : changes) {
      if (change.table != table || change.writer != plan.model) continue;
      has = true;
      change.kind = TableChange::Kind::kReplace;
      change.gone.clear();
      change.rows = std::max<std::int64_t>(change.rows, 1);
    }
    if (!has)
      changes.push_back(
          {.kind = TableChange::Kind::kReplace,
           .table = table,
           .writer = plan.model,
           .select = fmt::format("SELECT * FROM ({}) LIMIT 0",
                                 TRY(targets_.at(table).table->snapshot())->scan_sql()),
           .changed = {},
           .gone = {},
           .key = {},
           .rows = 1});
  }
  auto forgotten = lake::delete_where(
      *targets_.at(kDeadLetters).table, *connection_, "model = " + sql::quote_text(plan.model),
      {.app_id = app_id(plan.model, "letters of before"), .app_version = plan.number});
  if (!forgotten && forgotten.error().code != base::Code::kAlreadyExists)
    return std::unexpected(std::move(forgotten).error());
  return {};
}

void Pipeline::keep_pace(const EpochPlan& plan, state::WriteSet& changes) {
  if (plan.model.empty()) return;
  const Operator* op = *find(plan.model);
  Pace pace = paces_.at(plan.model);
  pace.anew = false;
  if (pace.offsets.empty())
    for (const auto& [source, to] : committed_) pace.offsets[source] = 0;
  for (const runs::Interval& interval : plan.intervals) pace.offsets[interval.source] = interval.to;
  const bool caught_up = !has_more(reach(*op), pace.offsets);
  const bool keeps_up = caught_up && op->model().every_us == 0 && sources_agree(*op);
  if (caught_up) pace.ran_us = plan.now_us;
  const std::scoped_lock lock(mutex_);
  if (keeps_up && !pace.paused) {
    paces_.erase(plan.model);
    changes.remove(pace_key(plan.model));
  } else {
    paces_[plan.model] = pace;
    changes.put(pace_key(plan.model), to_text(pace));
  }
}

base::Result<nlohmann::json> Pipeline::explain(const std::string& table) {
  const std::scoped_lock running(running_);
  return explained(*TRY(find(table)));
}

nlohmann::json Pipeline::explained(const Operator& op) const {
  nlohmann::json plan = op.explain(connection_of(op));
  plan["pipeline"] = name_;
  plan["shape"] = std::string(shape_name(op.plan().shape));
  plan["mode"] = op.model().every_us == 0 ? "streaming"
                                          : "every " + base::format_duration(op.model().every_us);
  const auto it = paces_.find(op.model().table);
  plan["state_of_work"] = it == paces_.end()         ? "with every epoch"
                          : !it->second.held.empty() ? "held back: " + it->second.held
                          : it->second.paused        ? "paused"
                          : it->second.anew          ? "to be built anew from the lake"
                                                     : "behind, by the lake";
  return plan;
}

}  // namespace stream
