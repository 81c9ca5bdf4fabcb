#include "lake/change.h"

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

#include "base/uuid.h"
#include "lake/evolution.h"
#include "lake/stage.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

constexpr const char* kChangeType = "_change_type";

// Writers of other processes: a random pause lets one of them be first.
void pause(int attempt) {
  thread_local std::mt19937 random(std::random_device{}());
  std::uniform_int_distribution<std::int64_t> milliseconds(0, std::min(attempt * 10, 200));
  std::this_thread::sleep_for(std::chrono::milliseconds(milliseconds(random)));
}

bool is_true(const State& state, const char* property) {
  const auto it = state.metadata->configuration.find(property);
  return it != state.metadata->configuration.end() && it->second == "true";
}

}  // namespace

Change::Change(StoreTable& table, sql::Connection& connection, Transaction& transaction)
    : table_(table),
      connection_(connection),
      transaction_(transaction),
      base_(static_cast<const StateSnapshot&>(transaction.base())),
      state_(base_.state()) {}

bool Change::feeds_changes() const {
  return is_true(state_, "delta.enableChangeDataFeed") &&
         has_feature(state_.protocol, "changeDataFeed");
}

bool Change::writes_vectors() const {
  return is_true(state_, "delta.enableDeletionVectors") &&
         has_feature(state_.protocol, "deletionVectors");
}

Result<Changed> Change::run(Table& table, sql::Connection& connection, const WriteOptions& options,
                            const CommitInfo& info, const Body& body) {
  auto& store_table = static_cast<StoreTable&>(table);
  CommitInfo described = info;
  described.user_metadata = options.user_metadata;
  for (int attempt = 1;; ++attempt) {
    const auto transaction = TRY(table.begin());
    Change change(store_table, connection, *transaction);
    if (!options.app_id.empty()) {
      transaction->set_transaction(options.app_id, options.app_version);
      change.anything_ = true;
    }
    Result<Version> done = -1;
    if (auto made = body(change); !made) {
      done = std::unexpected(std::move(made).error());
    } else if (change.anything_) {
      done = transaction->commit(described);
    }
    change.clean_up(done ? nullptr : &done.error());
    if (done) {
      change.counts_.version = *done;
      store_table.compact_if_due();
      return change.counts_;
    }
    if (done.error().code == Code::kConflict && attempt < kAttemptsMax) {
      pause(attempt);
      continue;
    }
    return std::unexpected(std::move(done).error());
  }
}

void Change::clean_up(const base::Error* error) {
  for (const std::string& name : kept_) {
    static_cast<void>(connection_.execute("DROP TABLE IF EXISTS " + name));
  }
  // The files of a commit whose outcome is not known may be needed.
  if (!error || error->code == Code::kUnavailable) return;
  for (const std::string& key : staged_) static_cast<void>(table_.store().remove(key));
}

Result<> Change::set_metadata(Metadata metadata) {
  if (state_.mapping != ColumnMapping::kNone) TRY(assign_mapping(metadata));
  metadata.schema = to_schema(TRY(parse_spark_schema(metadata.schema_string)));
  state_ = TRY(with_metadata(state_, metadata));
  transaction_.set_metadata(std::move(metadata));
  anything_ = true;
  return {};
}

void Change::add_staged(AddFile file) {
  staged(table_.path() + "/" + file.path);
  transaction_.add_unsynced(std::move(file));
  anything_ = true;
}

void Change::add(AddFile file) {
  transaction_.add(std::move(file));
  anything_ = true;
}

void Change::remove(const AddFile& file) {
  transaction_.remove(file);
  anything_ = true;
}

Result<std::int64_t> Change::stage(const std::string& select) {
  std::int64_t rows = 0;
  for (AddFile& file : TRY(stage_rows(table_.store(), connection_, table_.path(), state_, select,
                                      "", Sync::kWithCommit))) {
    rows += file.rows();
    add_staged(std::move(file));
  }
  return rows;
}

Result<> Change::stage_changes(const std::string& select) {
  if (state_.mapping != ColumnMapping::kNone) {
    return base::fail_with(
        Code::kUnsupported,
        fmt::format("cannot change rows of {}: it uses changeDataFeed with columnMapping",
                    table_.path()),
        "set delta.enableChangeDataFeed to false, or use an engine that writes both");
  }
  Metadata metadata = *state_.metadata;
  metadata.schema_string = TRY(add_columns(metadata, {{.name = kChangeType, .type = "VARCHAR"}}));
  // What a constraint forbids may be what is deleted.
  std::erase_if(metadata.configuration,
                [](const auto& one) { return one.first.starts_with("delta.constraints."); });
  const State with_type = TRY(with_metadata(state_, metadata));
  const auto files = TRY(
      stage_rows(table_.store(), connection_, table_.path(), with_type, select, "_change_data/"));
  for (const AddFile& file : files) {
    staged(table_.path() + "/" + file.path);
    transaction_.add_change(
        {.path = file.path, .partition_values = file.partition_values, .size = file.size});
  }
  return {};
}

Files Change::files_where(const std::function<bool(const AddFile&)>& may_match) const {
  Files files;
  base_.state().files.each([&](const auto& file) {
    if (may_match(*file)) files.push_back(file);
  });
  return files;
}

Result<Files> Change::read_files(std::shared_ptr<const FilePredicate> predicate) {
  Files files = files_where([&](const AddFile& file) { return predicate->may_match(file); });
  std::vector<std::string> paths;
  for (const auto& file : files) paths.push_back(file->path);
  transaction_.read_files(paths);
  transaction_.read_where([predicate = std::move(predicate)](const AddFile& file) {
    return predicate->may_match(file);
  });
  return files;
}

Result<Files> Change::read_where(const std::string& condition, const std::string& qualifier) {
  if (condition.empty()) {
    transaction_.read_whole_table();
    return files_where([](const AddFile&) { return true; });
  }
  return read_files(std::make_shared<const FilePredicate>(
      TRY(FilePredicate::parse(base_.state(), connection_, condition, qualifier))));
}

Result<std::string> Change::keep(const std::string& select) {
  std::string name = sql::quote_name("change_" + base::new_uuid());
  TRY(connection_.execute("CREATE TEMP TABLE " + name + " AS " + select));
  kept_.push_back(name);
  return name;
}

}  // namespace lake
