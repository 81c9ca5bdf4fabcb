// How an epoch's changes reach the lake's tables, each exactly once.
#include "lake/dml.h"
#include "lake/upsert.h"
#include "stream/pipeline.h"
#include "stream/step.h"

namespace stream {
namespace {

constexpr std::int64_t kRewriteShare = 20;  // a rewrite may take 1/20 of the time

}  // namespace

// A rewrite of a large keyed table is put off so that rewriting takes a small share of the time;
// the table then shows the state of a somewhat older epoch until the next rewrite.
bool Pipeline::put_off(const TableChange& change, const Target& target) const {
  if (change.kind != TableChange::Kind::kReplace || is_behind(change.table)) return false;
  return steady_us() - target.last_replace_us < kRewriteShare * target.last_replace_cost_us;
}

base::Result<lake::Version> Pipeline::commit_change(Epoch& epoch, const TableChange& change) {
  if (change.rows == 0) return -1;
  Target& target = targets_.at(change.table);
  if (put_off(change, target)) {
    target.behind = true;
    return -1;
  }
  const Step step(name_, "commit " + change.table);
  const std::int64_t before_us = steady_us();
  auto version = stage_and_commit(epoch, change, target);
  if (!version) return std::unexpected(std::move(version).error().in(change.table));
  if (change.kind == TableChange::Kind::kReplace) {
    target.last_replace_us = steady_us();
    target.last_replace_cost_us = target.last_replace_us - before_us;
    target.behind = false;
  }
  return version;
}

std::string Pipeline::app_id(const std::string& writer, const std::string& table) const {
  return fmt::format("waybill/{}/{}/{}", committing_as_, writer, table);
}

// Rows that came or changed, and keys that went, in one commit.
base::Result<lake::Version> Pipeline::merge_and_commit(Epoch& epoch, const TableChange& change,
                                                       Target& target) {
  using Clause = lake::MergeClause;
  std::vector<std::string> keys;
  std::vector<std::string> same;
  for (const std::string& key : change.key) {
    keys.push_back(sql::quote_name(key));
    same.push_back(fmt::format("target.{0} IS NOT DISTINCT FROM source.{0}", keys.back()));
  }
  const lake::Merge merge{
      .source = fmt::format("{} UNION ALL BY NAME SELECT {}, true AS _wb_gone FROM {}",
                            fmt::format("SELECT *, false AS _wb_gone FROM ({})", change.select),
                            fmt::join(keys, ", "), sql::quote_name(change.gone)),
      .on = fmt::format("{}", fmt::join(same, " AND ")),
      .clauses = {{.when = Clause::When::kMatched,
                   .what = Clause::Do::kDelete,
                   .condition = "source._wb_gone"},
                  {.when = Clause::When::kMatched, .what = Clause::Do::kUpdate},
                  {.when = Clause::When::kNotMatched,
                   .what = Clause::Do::kInsert,
                   .condition = "NOT source._wb_gone"}}};
  auto done =
      lake::merge(*target.table, epoch.connection, merge,
                  {.app_id = app_id(change.writer, change.table),
                   .app_version = epoch.number,
                   .user_metadata = {{"run", epoch.run_id(change.writer)}, {"pipeline", name_}}});
  if (done && done->version >= 0) return done->version;
  if (!done && done.error().code != base::Code::kAlreadyExists)
    return std::unexpected(std::move(done).error());
  return TRY(target.table->snapshot(true))->version();
}

base::Result<lake::Version> Pipeline::stage_and_commit(Epoch& epoch, const TableChange& change,
                                                       Target& target) {
  if (!change.gone.empty()) return merge_and_commit(epoch, change, target);
  const std::string app = app_id(change.writer, change.table);
  auto transaction = TRY(target.table->begin());
  if (transaction->base().transaction_version(app) >= epoch.number)
    return transaction->base().version();
  lake::CommitInfo info{
      .operation = "STREAMING UPDATE",
      .parameters = {{"epochId", std::to_string(epoch.number)}},
      .user_metadata = {{"run", epoch.run_id(change.writer)}, {"pipeline", name_}}};
  transaction->set_transaction(app, epoch.number);
  switch (change.kind) {
    case TableChange::Kind::kAppend:
      for (lake::AddFile& file : TRY(target.table->stage(epoch.connection, change.select)))
        transaction->add(std::move(file));
      break;
    case TableChange::Kind::kUpsert:
      info.operation = "MERGE";
      TRY(lake::stage_upsert(*target.table, epoch.connection, *transaction, change.changed,
                             change.key));
      break;
    case TableChange::Kind::kReplace:
      info.operation = "WRITE";
      info.parameters["mode"] = "Overwrite";
      transaction->read_whole_table();
      for (const lake::AddFile& file : transaction->base().files()) transaction->remove(file);
      for (lake::AddFile& file : TRY(target.table->stage(epoch.connection, change.select)))
        transaction->add(std::move(file));
      break;
  }
  auto version = transaction->commit(info);
  if (!version && version.error().code == base::Code::kAlreadyExists)
    return TRY(target.table->snapshot(true))->version();
  return version;
}

// Tables whose last rewrite is of an earlier epoch than the state, found when a pipeline is
// restored.
base::Result<> Pipeline::find_behind() {
  for (const auto& op : operators_) {
    if (op->served().empty()) continue;
    Target& target = targets_.at(op->model().table);
    const auto snapshot = TRY(target.table->snapshot());
    target.behind =
        snapshot->transaction_version(app_id(op->model().table, op->model().table)) < epoch_;
  }
  return {};
}

base::Result<> Pipeline::catch_up_rewrites(bool at_once) {
  const std::scoped_lock running(running_);
  for (const auto& op : operators_) {
    Target& target = targets_.at(op->model().table);
    if (!target.behind || op->served().empty()) continue;
    if (at_once) target.last_replace_cost_us = 0;
    Epoch epoch = epoch_on(
        *connection_,
        {.number = epoch_, .now_us = services_.clock.now_us(), .intervals = {}, .versions = {}});
    const TableChange change{.kind = TableChange::Kind::kReplace,
                             .table = op->model().table,
                             .writer = op->model().table,
                             .select = "SELECT * FROM " + sql::quote_name(op->served()),
                             .changed = {},
                             .gone = {},
                             .key = {},
                             .rows = 1};
    TRY(commit_change(epoch, change));
  }
  return {};
}

std::vector<const Operator*> Pipeline::followed() const {
  std::vector<const Operator*> found;
  if (services_.served == nullptr) return found;
  for (const auto& op : operators_) {
    if (!op->served().empty() && services_.served->follows(op->model().table))
      found.push_back(op.get());
  }
  return found;
}

base::Result<> Pipeline::give_out_served() {
  for (const Operator* op : followed()) {
    const auto rows = TRY(connection_->query("SELECT * FROM " + sql::quote_name(op->served())));
    services_.served->replaced(op->model().table, op->model().key.front(), TRY(rows->batch()));
  }
  return {};
}

}  // namespace stream
