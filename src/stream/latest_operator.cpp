#include "stream/latest_operator.h"

#include "stream/kept_rows.h"

namespace stream {
namespace {

constexpr std::int64_t kChunkRows = 50'000;

// State: the winning source row of every key, in a table of the engine's database (`kept_`). The
// new state of an epoch is built beside it (`next_`) and takes its place when the epoch is
// committed.
class LatestOperator final : public Operator {
 public:
  LatestOperator(runs::Model model, Plan plan, Relation input, Relation output)
      : Operator(std::move(model), std::move(plan), {std::move(input)}, std::move(output)),
        needed_(needed_columns(plan_.tree, inputs_.front().schema)),
        kept_("state of " + model_.table),
        next_("next state of " + model_.table),
        served_("served " + model_.table) {
    for (std::size_t i = 0; i < plan_.partitions.size(); ++i)
      keys_.push_back(fmt::format("_wb_k{}", i));
  }

  base::Result<> prepare(sql::Connection& connection) {
    std::vector<std::string> keys;
    for (std::size_t i = 0; i < keys_.size(); ++i)
      keys.push_back(fmt::format("{} AS {}", plan_.partitions[i], keys_[i]));
    key_columns_ = fmt::format("{}", fmt::join(keys, ", "));
    TRY(create_state(connection, kept_));
    candidates_ = "candidates for " + model_.table;
    winners_ = "winners of " + model_.table;
    replaced_ = "replaced rows of " + model_.table;
    // The winners among the candidates, as source rows: the model's own QUALIFY over plain columns.
    Plan rows = plan_;
    auto& node = rows.tree["statements"][0]["node"];
    node["where_clause"] = nullptr;
    node["select_list"] = nlohmann::json::array();
    std::vector<std::string> columns;
    for (const columns::Field& field : needed_.fields)
      columns.push_back(sql::quote_name(field.name));
    for (const std::string& key : keys_) columns.push_back(key);
    winners_sql_ = TRY(select_from(connection, rows, candidates_, true, columns));
    const std::string from_kept = TRY(select_of_state(connection, kept_));
    from_next_ = TRY(select_of_state(connection, next_));
    from_winners_ = TRY(select_of_state(connection, winners_));
    from_replaced_ = TRY(select_of_state(connection, replaced_));
    TRY(create_state(connection, winners_));
    TRY(connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP VIEW {} AS SELECT * FROM {} s WHERE EXISTS (SELECT 1 FROM {} w "
        "WHERE {})",
        sql::quote_name(replaced_), sql::quote_name(kept_), sql::quote_name(winners_),
        same_keys(keys_, "s", "w"))));
    return connection.execute(
        fmt::format("CREATE OR REPLACE VIEW {} AS {}", sql::quote_name(served_), from_kept));
  }

  base::Result<> restore(const state::Store& store, sql::Connection& connection) override {
    TRY(create_state(connection, kept_));
    chunk_rows_ = 0;
    base::Result<> loaded;
    // Chunks in the order of their epochs: a later row of a key replaces the earlier.
    TRY(store.scan(state_prefix() + "c/", [&](std::string_view, std::string_view value) {
      loaded = load_chunk(connection, value);
      return loaded.has_value();
    }));
    TRY(std::move(loaded));
    rows_ = TRY(connection.query("SELECT count(*) FROM " + sql::quote_name(kept_)))->int_at(0, 0);
    return {};
  }

  base::Result<Outcome> process(Epoch& epoch) override {
    sql::Connection& connection = epoch.connection;
    Outcome outcome;
    TRY(count_rows_in(epoch, plan_, input(), outcome));
    const std::string columns = column_list(needed_);
    const std::string where = plan_.where.empty() ? "" : " WHERE " + plan_.where;
    TRY(connection.execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT {}, {} FROM {}{}",
                                       sql::quote_name(candidates_), columns, key_columns_,
                                       sql::quote_name(input_table_), where)));
    TRY(connection.execute(fmt::format(
        "INSERT INTO {0} SELECT {1}, {2} FROM {3} s WHERE EXISTS (SELECT 1 FROM {0} c WHERE {4})",
        sql::quote_name(candidates_), columns, fmt::join(keys_, ", "), sql::quote_name(kept_),
        same_keys(keys_, "s", "c"))));
    TRY(connection.execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}",
                                       sql::quote_name(winners_), winners_sql_)));
    TRY(connection.execute(
        fmt::format("CREATE OR REPLACE TABLE {0} AS SELECT * FROM {1} s WHERE NOT EXISTS (SELECT 1 "
                    "FROM {2} w WHERE {3}) "
                    "UNION ALL SELECT {4}, {5} FROM {2}",
                    sql::quote_name(next_), sql::quote_name(kept_), sql::quote_name(winners_),
                    same_keys(keys_, "s", "w"), columns, fmt::join(keys_, ", "))));
    const auto rows = TRY(connection.query("SELECT count(*) FROM " + sql::quote_name(next_)));
    rows_ = rows->int_at(0, 0);
    if (read_) TRY(give_changes(epoch, outcome));
    outcome.changes.push_back({.kind = TableChange::Kind::kReplace,
                               .table = model_.table,
                               .writer = model_.table,
                               .select = from_next_,
                               .changed = {},
                               .gone = {},
                               .key = {},
                               .rows = rows_});
    return outcome;
  }

  base::Result<> keep(Epoch& epoch, const state::Store&, state::WriteSet& changes) override {
    note_kept(changes);
    const std::string prefix = state_prefix() + "c/";
    const std::string number = state::key_number(static_cast<std::uint64_t>(epoch.number));
    const auto winners = TRY(epoch.connection.query("SELECT * FROM " + sql::quote_name(winners_)));
    chunk_rows_ += static_cast<std::int64_t>(winners->rows());
    if (chunk_rows_ <= 2 * rows_ + 10'000) {
      changes.put(prefix + number, columns::encode(TRY(winners->batch())));
      return {};
    }
    // More chunks than state: write the state whole and drop them.
    changes.remove_range(prefix, prefix + number);
    for (std::int64_t from = 0; from < rows_; from += kChunkRows) {
      const auto part = TRY(epoch.connection.query(fmt::format(
          "SELECT * FROM {} LIMIT {} OFFSET {}", sql::quote_name(next_), kChunkRows, from)));
      changes.put(prefix + number + state::key_number(static_cast<std::uint64_t>(from)),
                  columns::encode(TRY(part->batch())));
    }
    chunk_rows_ = rows_;
    return {};
  }

  base::Result<> committed(sql::Connection& connection) override {
    return connection.execute(
        fmt::format("BEGIN; DROP TABLE {0}; ALTER TABLE {1} RENAME TO {0}; COMMIT",
                    sql::quote_name(kept_), sql::quote_name(next_)));
  }

  void be_read() override { read_ = true; }
  std::string current() const override { return from_next_; }
  std::string served() const override { return served_; }
  StateSize state_size() const override { return {.rows = rows_}; }
  nlohmann::json explain(sql::Connection&) const override {
    return {{"model", model_.table},
            {"stages",
             {{{"stage", std::string(shape_name(plan_.shape))},
               {"reads", plan_.source()},
               {"sql", winners_sql_},
               {"state", fmt::format("{} rows", rows_)},
               {"rows", rows_},
               {"bounded_by",
                fmt::format("the number of different {}", fmt::join(model_.key, ", "))}}}}};
  }
  std::string changed_rows() const override { return from_winners_; }

 private:
  std::string kept_as() const override { return column_list(needed_) + " by " + key_columns_; }

  // What models after it read: winners come, and the rows that they replace go.
  base::Result<> give_changes(Epoch& epoch, Outcome& outcome) {
    TRY(epoch.connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT * EXCLUDE ({weight}), CAST(sum({weight}) AS "
        "BIGINT) AS {weight} FROM (SELECT *, 1 AS {weight} FROM ({new}) UNION ALL SELECT *, -1 "
        "FROM ({old})) GROUP BY ALL HAVING sum({weight}) <> 0",
        sql::quote_name(output_table_), fmt::arg("weight", kWeight), fmt::arg("new", from_winners_),
        fmt::arg("old", from_replaced_))));
    const auto made =
        TRY(epoch.connection.query("SELECT count(*) FROM " + sql::quote_name(output_table_)));
    outcome.counts[{model_.table, 0}].made = made->int_at(0, 0);
    return {};
  }

  base::Result<> create_state(sql::Connection& connection, const std::string& name) {
    return connection.execute(fmt::format(
        "CREATE OR REPLACE TABLE {} AS SELECT {}, {} FROM {} LIMIT 0", sql::quote_name(name),
        column_list(needed_), key_columns_, sql::quote_name(input_table_)));
  }

  base::Result<std::string> select_of_state(sql::Connection& connection, const std::string& table) {
    Plan all = plan_;
    all.tree["statements"][0]["node"]["where_clause"] = nullptr;
    return cast_to(schema(), TRY(select_from(connection, all, table, false, {})));
  }

  base::Result<> load_chunk(sql::Connection& connection, std::string_view value) {
    const columns::Batch chunk = TRY(columns::decode(value));
    chunk_rows_ += static_cast<std::int64_t>(chunk.rows());
    TRY(connection.put("chunk", chunk));
    TRY(connection.execute(
        fmt::format("DELETE FROM {} s WHERE EXISTS (SELECT 1 FROM chunk c WHERE {})",
                    sql::quote_name(kept_), same_keys(keys_, "s", "c"))));
    return connection.execute(
        fmt::format("INSERT INTO {} SELECT * FROM chunk", sql::quote_name(kept_)));
  }

  columns::Schema needed_;
  std::vector<std::string> keys_;  // _wb_k0, …
  std::string key_columns_;        // expr AS _wb_k0, …
  std::string kept_;
  std::string next_;
  std::string served_;
  std::string candidates_;
  std::string winners_;
  std::string replaced_;
  std::string winners_sql_;
  std::string from_next_;
  std::string from_winners_;
  std::string from_replaced_;
  bool read_ = false;
  std::int64_t rows_ = 0;
  std::int64_t chunk_rows_ = 0;
};

}  // namespace

base::Result<std::unique_ptr<Operator>> make_latest_operator(sql::Connection& connection,
                                                             const runs::Model& model, Plan plan,
                                                             const Relation& input,
                                                             columns::Schema selected) {
  Relation output{.table = model.table,
                  .schema = std::move(selected),
                  .changes = true,
                  .is_static = false,
                  .key = model.key,
                  .topics = input.topics};
  auto made = std::make_unique<LatestOperator>(model, std::move(plan), input, std::move(output));
  TRY(made->prepare(connection));
  return made;
}

}  // namespace stream
