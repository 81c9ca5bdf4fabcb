#include "stream/row_operator.h"

#include <cstring>

#include "quality/dead_letter.h"
#include "stream/seen_keys.h"
#include "stream/watermark.h"

namespace stream {
namespace {

class RowOperator final : public Operator {
 public:
  RowOperator(runs::Model model, Plan plan, Relation input, Relation output,
              std::string failed_rules, std::string stop_rules)
      : Operator(std::move(model), std::move(plan), {std::move(input)}, std::move(output)),
        failed_rules_(std::move(failed_rules)),
        stop_rules_(std::move(stop_rules)),
        from_bronze_(plan_.source().starts_with("bronze.")),
        seen_(std::max<std::int64_t>(model_.ttl_us, base::kUsPerSecond)) {}

  // The texts that every epoch runs, made once.
  base::Result<> prepare(sql::Connection& connection, const columns::Schema& selected) {
    good_ = "good rows for " + model_.table;
    dead_ = "dead rows of " + model_.table;
    if (from_bronze_) {
      TRY(connection.execute(
          fmt::format("CREATE OR REPLACE TEMP VIEW {} AS SELECT * FROM {} WHERE _error IS NULL",
                      sql::quote_name(good_), sql::quote_name(input_table_))));
    }
    std::vector<std::string> extra;
    for (std::size_t i = selected.fields.size(); i < schema().fields.size(); ++i)
      extra.push_back(schema().fields[i].name);
    std::string more;
    for (std::size_t i = 0; i < plan_.partitions.size() && plan_.shape == Shape::kDeduplicated;
         ++i) {
      extra.push_back(fmt::format("{} AS _wb_k{}", plan_.partitions[i], i));
      more += fmt::format(", _wb_k{}", i);
    }
    if (plan_.shape == Shape::kDeduplicated && !schema().find(model_.time)) {
      extra.push_back(sql::quote_name(model_.time) + " AS _wb_time");
      more += ", _wb_time";
    }
    const std::string select =
        TRY(select_from(connection, plan_, from_bronze_ ? good_ : input_table_, false, extra));
    std::string casted = cast_to(schema(), "\2");
    casted.replace(casted.find(" FROM ("), 0, more);
    casted.replace(casted.find('\2'), 1, select);
    select_ =
        failed_rules_.empty()
            ? casted
            : fmt::format("SELECT *, {} AS _wb_failed{} FROM ({})", failed_rules_,
                          stop_rules_.empty() ? std::string()
                                              : fmt::format(", {} AS _wb_stopped", stop_rules_),
                          casted);
    return {};
  }

  base::Result<> restore(const state::Store& store, sql::Connection&) override {
    seen_ = SeenKeys(std::max<std::int64_t>(model_.ttl_us, base::kUsPerSecond));
    if (plan_.shape != Shape::kDeduplicated) return {};
    const std::string prefix = state_prefix() + "k/";
    return store.scan(prefix, [&](std::string_view key, std::string_view value) {
      seen_.load(generation_of_key(key.substr(prefix.size())), value);
      return true;
    });
  }

  base::Result<Outcome> process(Epoch& epoch) override {
    sql::Connection& connection = epoch.connection;
    TRY(connection.execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}",
                                       sql::quote_name(output_table_), select_)));
    Outcome outcome;
    if (epoch.stops) TRY(find_stopped(connection, outcome));
    if (!outcome.stopped_by.empty()) return outcome;
    TRY(count_input(epoch, outcome));
    TRY(split_dead(epoch, outcome));
    if (plan_.shape == Shape::kDeduplicated) TRY(drop_duplicates(epoch, outcome));
    std::int64_t rows = 0;
    for (const auto& [source, n] : TRY(count_by_source(connection, output_, output_table_))) {
      outcome.counts[source].out = n;
      rows += n;
    }
    std::vector<std::string> names;
    for (const columns::Field& field : schema().fields)
      names.push_back(sql::quote_name(field.name));
    TableChange change = append_rows(model_.table, model_.table, output_table_, rows);
    change.select =
        fmt::format("SELECT {} FROM {}", fmt::join(names, ", "), sql::quote_name(output_table_));
    outcome.changes.push_back(std::move(change));
    return outcome;
  }

  base::Result<> keep(Epoch& epoch, const state::Store&, state::WriteSet& changes) override {
    if (plan_.shape != Shape::kDeduplicated) return {};
    note_kept(changes);
    const std::string prefix = state_prefix() + "k/";
    for (auto& [generation, packed] : seen_.take_added()) {
      changes.put(prefix + key_of_generation(generation) +
                      state::key_number(static_cast<std::uint64_t>(epoch.number)),
                  std::move(packed));
    }
    seen_.forget();
    changes.remove_range(prefix, prefix + key_of_generation(seen_.oldest()));
    return {};
  }

  base::Result<> committed(sql::Connection&) override { return {}; }

  StateSize state_size() const override {
    const auto keys = static_cast<std::int64_t>(seen_.size());
    return {keys, keys * 16};
  }

  nlohmann::json explain(sql::Connection&) const override {
    nlohmann::json stage{{"stage", std::string(shape_name(plan_.shape))},
                         {"reads", plan_.source()},
                         {"sql", select_}};
    if (plan_.shape == Shape::kDeduplicated) {
      stage["state"] = fmt::format("{} keys, 16 bytes each", seen_.size());
      stage["rows"] = state_size().rows;
      stage["bytes"] = state_size().bytes;
      stage["bounded_by"] = "ttl " + base::format_duration(model_.ttl_us);
    }
    return {{"model", model_.table}, {"stages", {stage}}};
  }

 private:
  std::string kept_as() const override {
    return fmt::format("{}", fmt::join(plan_.partitions, ", "));
  }

  static std::string key_of_generation(std::int64_t generation) {
    return state::key_number(static_cast<std::uint64_t>(generation) ^ (1ULL << 63));
  }
  static std::int64_t generation_of_key(std::string_view key) {
    return static_cast<std::int64_t>(state::number_of_key(key) ^ (1ULL << 63));
  }

  base::Result<> count_input(Epoch& epoch, Outcome& outcome) {
    for (const auto& [source, n] : TRY(count_by_source(epoch.connection, input(), input_table_)))
      outcome.counts[source].in = n;
    if (plan_.where.empty()) return {};
    const std::string rejected = fmt::format("({}) IS NOT TRUE", plan_.where);
    for (const auto& [source, n] : TRY(count_by_source(
             epoch.connection, input(), from_bronze_ ? good_ : input_table_, rejected))) {
      outcome.counts[source].filtered["where"] = n;
    }
    return {};
  }

  // The rule with `severity: stop` that most rows break.
  base::Result<> find_stopped(sql::Connection& connection, Outcome& outcome) const {
    if (stop_rules_.empty()) return {};
    const auto found = TRY(connection.query(
        fmt::format("SELECT _wb_stopped, count(*), min(_offset) FROM {} WHERE _wb_stopped IS NOT "
                    "NULL GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT 1",
                    sql::quote_name(output_table_))));
    if (found->rows() == 0) return {};
    outcome.stopped_by =
        fmt::format("{} {} the rule '{}', which stops (the first at offset {} of {})",
                    found->int_at(1, 0), found->int_at(1, 0) == 1 ? "row breaks" : "rows break",
                    found->text(0, 0), found->int_at(2, 0), input().topics.front());
    return {};
  }

  // Rows that do not fit the schema (bronze `_error`) and rows that break a rule of the suite.
  base::Result<> split_dead(Epoch& epoch, Outcome& outcome) {
    std::string letters;
    if (from_bronze_)
      letters = quality::schema_letters_sql(model_.table, epoch.run_id(model_.table), input_table_);
    if (!failed_rules_.empty()) {
      if (!letters.empty()) letters += " UNION ALL ";
      letters += quality::rule_letters_sql(model_.table, epoch.run_id(model_.table),
                                           input().topics.front(), output_table_,
                                           from_bronze_ ? input_table_ : "", epoch.now_us);
    }
    if (letters.empty()) return {};
    TRY(epoch.connection.execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}", sql::quote_name(dead_), letters)));
    const auto count = TRY(epoch.connection.query(fmt::format(
        "SELECT topic, partition, count(*) FROM {} GROUP BY 1, 2", sql::quote_name(dead_))));
    for (std::size_t row = 0; row < count->rows(); ++row) {
      outcome.counts[{count->text(0, row), static_cast<eventlog::Partition>(count->int_at(1, row))}]
          .dead = count->int_at(2, row);
    }
    if (count->rows() == 0) return {};
    outcome.dead = dead_;
    if (failed_rules_.empty()) return {};
    return epoch.connection.execute(
        fmt::format("DELETE FROM {} WHERE _wb_failed IS NOT NULL", sql::quote_name(output_table_)));
  }

  base::Result<> drop_duplicates(Epoch& epoch, Outcome& outcome) {
    std::string keys;
    for (std::size_t i = 0; i < plan_.partitions.size(); ++i) keys += fmt::format("_wb_k{}, ", i);
    const std::string time = schema().find(model_.time) ? sql::quote_name(model_.time) : "_wb_time";
    const auto result = TRY(epoch.connection.query(
        fmt::format("SELECT {}epoch_us({}), rowid, _partition, {} FROM {}", keys, time,
                    topic_sql(output_), sql::quote_name(output_table_))));
    const columns::Batch rows = TRY(result->batch());
    const std::size_t n = plan_.partitions.size();
    columns::Batch duplicates(columns::Schema{{{"r", columns::Type::kInt64, false}}});
    for (std::size_t row = 0; row < rows.rows(); ++row) {
      KeyHash hash;
      for (std::size_t k = 0; k < n; ++k) hash = hash_value(hash, rows.columns[k], row);
      const columns::Column& times = rows.columns[n];
      const base::TimestampUs time_us = times.is_null(row) ? epoch.now_us : times.int_at(row);
      if (seen_.insert(hash, std::min(time_us, epoch.now_us + Watermark::kFutureAllowedUs)))
        continue;
      duplicates.columns[0].append_int(rows.columns[n + 1].int_at(row));
      ++outcome
            .counts[{std::string(rows.columns[n + 3].text_at(row)),
                     static_cast<eventlog::Partition>(rows.columns[n + 2].int_at(row))}]
            .filtered["duplicate"];
    }
    if (duplicates.rows() == 0) return {};
    TRY(epoch.connection.put("duplicates", duplicates));
    return epoch.connection.execute(
        fmt::format("DELETE FROM {} WHERE rowid IN (SELECT r FROM duplicates)",
                    sql::quote_name(output_table_)));
  }

  static KeyHash hash_value(KeyHash hash, const columns::Column& column, std::size_t row) {
    if (column.is_null(row)) return hash_field(hash, {}, true);
    if (column.is_text()) return hash_field(hash, column.text_at(row), false);
    const std::int64_t value = column.int_at(row);
    return hash_field(hash, std::string_view(reinterpret_cast<const char*>(&value), sizeof(value)),
                      false);
  }

  std::string failed_rules_;
  std::string stop_rules_;  // of them
  bool from_bronze_;
  std::string good_;
  std::string dead_;
  std::string select_;
  SeenKeys seen_;
};

}  // namespace

base::Result<std::unique_ptr<Operator>> make_row_operator(sql::Connection& connection,
                                                          const runs::Model& model, Plan plan,
                                                          const Relation& input,
                                                          columns::Schema selected,
                                                          const quality::Suite* suite) {
  if (suite != nullptr && input.topics.size() > 1) {
    return std::unexpected(base::Error{
        .code = base::Code::kInvalid,
        .message = fmt::format("'quality' over the rows of {} topics", input.topics.size()),
        .mend = "put the suite on the models that each read one of them"}
                               .at(model.file, 1));
  }
  Relation output{.table = model.table,
                  .schema = selected,
                  .changes = false,
                  .is_static = false,
                  .key = {},
                  .topics = input.topics};
  for (const char* place : {"_topic", "_partition", "_offset"}) {
    if (place == std::string_view("_topic") && input.topics.size() == 1) continue;
    const auto at = input.schema.find(place);
    if (at && !selected.find(place)) output.schema.fields.push_back(input.schema.fields[*at]);
  }
  auto made = std::make_unique<RowOperator>(
      model, std::move(plan), input, std::move(output),
      suite == nullptr ? "" : suite->failed_rules_sql(),
      suite == nullptr ? "" : suite->failed_rules_sql(quality::Severity::kStop));
  TRY(made->prepare(connection, selected));
  return made;
}

}  // namespace stream
