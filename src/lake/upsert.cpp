#include "lake/upsert.h"

#include <algorithm>
#include <map>
#include <set>

#include "base/check.h"
#include "lake/filter_file.h"
#include "lake/rewrite.h"
#include "lake/stage.h"

namespace lake {
namespace {

using base::Code;
using base::Result;

constexpr std::size_t kSmallFilesMax = 8;  // of a partition

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
    Change change(static_cast<StoreTable&>(table_), connection_, transaction_);
    const auto updated = replace(change);
    change.clean_up(updated ? nullptr : &updated.error());
    if (!updated) return std::unexpected(updated.error());
    return Upserted{.rows_inserted = changed_rows - *updated, .rows_updated = *updated};
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
    // As the table will hold them: two keys can become one.
    std::string as_kept;
    for (const SparkField& field : *state_.fields) {
      if (std::ranges::find(keys_, field.name) == keys_.end()) continue;
      as_kept += fmt::format("{}CAST({} AS {})", as_kept.empty() ? "" : ", ",
                             sql::quote_name(field.name), field.sql_type);
    }
    const auto counts =
        TRY(connection_.query(fmt::format("SELECT (SELECT count(*) FROM {0}), "
                                          "(SELECT count(*) FROM (SELECT DISTINCT {1} FROM {0}))",
                                          changed_, as_kept)));
    if (counts->int_at(0, 0) != counts->int_at(1, 0)) {
      return base::fail_with(
          Code::kInvalid,
          fmt::format("cannot upsert into {}: {} changed rows have only {} keys ({})",
                      table_.path(), counts->int_at(0, 0), counts->int_at(1, 0), join_names(keys_)),
          "keep one row per key");
    }
    return counts->int_at(0, 0);
  }

  // The old rows go and the changed ones come; how many of them have an old row.
  Result<std::int64_t> replace(Change& change) {
    std::string columns;
    for (const SparkField& field : *state_.fields) {
      const std::string name = sql::quote_name(field.name);
      columns += fmt::format(", CAST({0} AS {1}) AS {0}", name, field.sql_type);
    }
    const std::string source = TRY(change.keep(fmt::format(
        "SELECT row_number() OVER () AS {}{} FROM {}", Rewrite::kSourceColumn, columns, changed_)));
    Files files = TRY(candidates(change, source));
    const Files small = small_files();
    for (const auto& file : small) {
      if (std::ranges::find(files, file) == files.end()) files.push_back(file);
    }
    Rewrite rewrite(change, files);
    rewrite.fold(small);
    TRY(rewrite.touch(fmt::format("SELECT {}, 1, changed.{} FROM {} JOIN {} AS changed ON {}",
                                  Rewrite::place(), Rewrite::kSourceColumn, rewrite.target(),
                                  source, same_key())));
    const auto updated = TRY(connection_.query(
        fmt::format("SELECT count(DISTINCT __waybill_touched_source) FROM {}", rewrite.touched())));
    TRY(rewrite.apply({{.deletes = true}}, "",
                      fmt::format("SELECT {} FROM {}", column_names(), source)));
    return updated->int_at(0, 0);
  }

  // The files that can have a changed key; puts what this reads on the transaction.
  Result<Files> candidates(Change& change, const std::string& source) {
    auto predicate = std::make_shared<const FilePredicate>(TRY(key_ranges(source)));
    const auto& columns = metadata_.partition_columns;
    by_partition_ =
        !columns.empty() && std::ranges::all_of(columns, [&](const std::string& column) {
          return std::ranges::find(keys_, column) != keys_.end();
        });
    if (!by_partition_) return change.read_files(std::move(predicate));
    TRY(take_partitions(source));
    transaction_.read_partitions({partitions_.begin(), partitions_.end()});
    return change.files_where([&](const AddFile& file) {
      return partitions_.contains(file.partition_values) && predicate->may_match(file);
    });
  }

  // Rows with a changed key have each of its columns between the least and the greatest.
  Result<FilePredicate> key_ranges(const std::string& source) {
    FilePredicate predicate = FilePredicate::from_tree(state_, nlohmann::json(), "");
    for (const std::string& key : keys_) {
      const auto range = TRY(connection_.query(fmt::format(
          "SELECT CAST(min({0}) AS VARCHAR), CAST(max({0}) AS VARCHAR), count(*) - count({0}) FROM "
          "{1}",
          sql::quote_name(key), source)));
      if (range->int_at(2, 0) != 0) continue;  // null is in no range
      predicate.add_range(state_, key, range->text(0, 0), range->text(1, 0));
    }
    return predicate;
  }

  // Each upsert leaves a file of its rows: those of a partition become one when they are many.
  Files small_files() const {
    const std::int64_t bytes = small_file_bytes(metadata_);
    std::map<PartitionValues, Files> small;
    state_.files.each([&](const auto& file) {
      if (file->size < bytes) small[file->partition_values].push_back(file);
    });
    Files many;
    for (const auto& [values, files] : small) {
      const bool changes = !by_partition_ || partitions_.contains(values);
      if (changes && files.size() >= kSmallFilesMax)
        many.insert(many.end(), files.begin(), files.end());
    }
    return many;
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

  std::string same_key() const {
    std::string condition;
    for (const std::string& key : keys_) {
      const std::string name = sql::quote_name(key);
      condition += fmt::format("{0}target.{1} IS NOT DISTINCT FROM changed.{1}",
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
  bool by_partition_ = false;  // the key tells a row's partition
  std::set<PartitionValues> partitions_;
};

}  // namespace

Result<Upserted> stage_upsert(Table& table, sql::Connection& connection, Transaction& transaction,
                              const std::string& changed_table,
                              const std::vector<std::string>& keys) {
  return Upsert(table, connection, transaction, changed_table, keys).run();
}

}  // namespace lake
