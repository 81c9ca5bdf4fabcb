#include "lake/upsert.h"

#include <algorithm>
#include <set>

#include "base/check.h"
#include "lake/actions.h"
#include "lake/snapshot.h"
#include "lake/stage.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

std::string join_names(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + sql::quote_name(name);
  return text;
}

class Upsert {
 public:
  Upsert(Table& table, sql::Connection& connection, Transaction& transaction,
         const std::string& changed_table, const std::vector<std::string>& keys)
      : table_(table),
        connection_(connection),
        transaction_(transaction),
        metadata_(transaction.base().metadata()),
        state_(static_cast<const StateSnapshot&>(transaction.base()).state()),
        changed_(sql::quote_table(changed_table)),
        keys_(keys) {}

  Result<Upserted> run() {
    const std::int64_t changed_rows = TRY(check_changed());
    if (changed_rows == 0) return Upserted{};
    TRY(find_partitions());
    const std::int64_t old_rows = TRY(remove_old_files());
    std::int64_t new_rows = 0;
    for (AddFile& file : TRY(table_.stage(connection_, new_rows_sql()))) {
      new_rows += file.rows();
      transaction_.add(std::move(file));
    }
    const std::int64_t updated = old_rows + changed_rows - new_rows;
    return Upserted{.rows_inserted = changed_rows - updated, .rows_updated = updated};
  }

 private:
  Result<std::int64_t> check_changed() {
    if (keys_.empty()) return base::fail(Code::kInvalid, "an upsert needs key columns");
    for (const std::string& key : keys_) {
      if (metadata_.schema.find(key)) continue;
      return base::fail_with(Code::kInvalid,
                             fmt::format("the key {} is no column of {}", key, table_.path()),
                             "use its columns: " + column_names());
    }
    const auto counts =
        TRY(connection_.query(fmt::format("SELECT (SELECT count(*) FROM {0}), "
                                          "(SELECT count(*) FROM (SELECT DISTINCT {1} FROM {0}))",
                                          changed_, join_names(keys_))));
    if (counts->int_at(0, 0) != counts->int_at(1, 0)) {
      return base::fail_with(
          Code::kInvalid,
          fmt::format("cannot upsert into {}: {} changed rows have only {} keys ({})",
                      table_.path(), counts->int_at(0, 0), counts->int_at(1, 0), join_names(keys_)),
          "keep one row per key");
    }
    return counts->int_at(0, 0);
  }

  // The partitions to rewrite, and what this reads.
  Result<> find_partitions() {
    const auto& columns = metadata_.partition_columns;
    const bool in_keys = std::ranges::all_of(columns, [&](const std::string& column) {
      return std::ranges::find(keys_, column) != keys_.end();
    });
    if (columns.empty() || !in_keys) transaction_.read_whole_table();
    if (columns.empty()) return {};
    TRY(take_partitions(changed_));
    if (!in_keys) {
      TRY(take_partitions(fmt::format("({}) AS old SEMI JOIN {} AS changed ON {}",
                                      transaction_.base().scan_sql(), changed_, same_key())));
    } else {
      transaction_.read_partitions({partitions_.begin(), partitions_.end()});
    }
    return {};
  }

  Result<> take_partitions(const std::string& from) {
    const auto& columns = metadata_.partition_columns;
    std::string values;
    for (const std::string& column : columns) {
      const auto field = std::ranges::find(*state_.fields, column, &SparkField::name);
      CHECK(field != state_.fields->end(), "partition column {}", column);
      values += (values.empty() ? "" : ", ") + partition_value_sql(*field);
    }
    const auto rows = TRY(connection_.query("SELECT DISTINCT " + values + " FROM " + from));
    for (std::size_t row = 0; row < rows->rows(); ++row) {
      PartitionValues partition;
      for (std::size_t i = 0; i < columns.size(); ++i) {
        partition[physical_name(state_, columns[i])] =
            rows->is_null(i, row) ? std::nullopt : std::optional(rows->text(i, row));
      }
      partitions_.insert(std::move(partition));
    }
    return {};
  }

  // Returns how many rows they hold.
  Result<std::int64_t> remove_old_files() {
    std::int64_t rows = 0;
    bool known = true;
    for (const AddFile& file : transaction_.base().files()) {
      if (!metadata_.partition_columns.empty() && !partitions_.contains(file.partition_values)) {
        continue;
      }
      known = known && file.rows() >= 0;
      rows += file.rows();
      transaction_.remove(file);
      anything_old_ = true;
    }
    if (known) return rows;
    const auto counted = TRY(connection_.query("SELECT count(*) FROM (" + old_rows_sql() + ")"));
    return counted->int_at(0, 0);
  }

  std::string old_rows_sql() const {
    Files files;
    state_.files.each([&](const auto& file) {
      if (metadata_.partition_columns.empty() || partitions_.contains(file->partition_values)) {
        files.push_back(file);
      }
    });
    return static_cast<const StateSnapshot&>(transaction_.base()).scan_files_sql(files);
  }

  std::string new_rows_sql() const {
    const std::string columns = column_names();
    const std::string changed = fmt::format("SELECT {} FROM {}", columns, changed_);
    if (!anything_old_) return changed;
    return fmt::format("SELECT {} FROM ({}) AS old ANTI JOIN {} AS changed ON {} UNION ALL {}",
                       columns, old_rows_sql(), changed_, same_key(), changed);
  }

  std::string same_key() const {
    std::string condition;
    for (const std::string& key : keys_) {
      const std::string name = sql::quote_name(key);
      condition += fmt::format("{0}old.{1} IS NOT DISTINCT FROM changed.{1}",
                               condition.empty() ? "" : " AND ", name);
    }
    return condition;
  }

  std::string column_names() const {
    std::vector<std::string> names;
    for (const auto& field : metadata_.schema.fields) names.push_back(field.name);
    return join_names(names);
  }

  Table& table_;
  sql::Connection& connection_;
  Transaction& transaction_;
  const Metadata& metadata_;
  const State& state_;
  const std::string changed_;  // quoted
  const std::vector<std::string>& keys_;
  std::set<PartitionValues> partitions_;
  bool anything_old_ = false;
};

}  // namespace

Result<Upserted> stage_upsert(Table& table, sql::Connection& connection, Transaction& transaction,
                              const std::string& changed_table,
                              const std::vector<std::string>& keys) {
  return Upsert(table, connection, transaction, changed_table, keys).run();
}

}  // namespace lake
