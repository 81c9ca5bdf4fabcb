#include "stream/window_operator.h"

#include <algorithm>

#include "stream/kept_rows.h"

namespace stream {
namespace {

constexpr std::int64_t kFutureAllowedUs = 3600 * base::kUsPerSecond;
constexpr std::int64_t kIdleAfterUs = 30 * base::kUsPerSecond;
constexpr std::int64_t kNoWatermark = -(1LL << 60);

std::string key_of_time(std::int64_t us) {
  return state::key_number(static_cast<std::uint64_t>(us) ^ (1ULL << 63));
}

// What one source partition has shown of event time.
struct Seen {
  base::TimestampUs newest_us = kNoWatermark;
  base::TimestampUs at_us = 0;  // when it last brought rows
};

// State: the source rows of all open windows (`kept_`) and the watermark. A group is computed anew
// from its rows whenever one arrives, by the model's own SELECT.
class WindowOperator final : public Operator {
 public:
  WindowOperator(runs::Model model, Plan plan, columns::Schema input, columns::Schema schema)
      : Operator(std::move(model), std::move(plan), std::move(input), std::move(schema)),
        needed_(needed_columns(plan_, input_)),
        kept_("open windows of " + model_.table),
        arrived_("arrived for " + model_.table),
        late_("late for " + model_.table),
        changed_("changed " + model_.table.substr(model_.table.find('.') + 1)) {}

  base::Result<> prepare(sql::Connection& connection) {
    TRY(create_state(connection));
    Plan rows = plan_;
    rows.tree["statements"][0]["node"]["where_clause"] = nullptr;
    from_kept_ = cast_to(
        schema_,
        TRY(select_from(connection, rows, "touched windows of " + model_.table, false, {})));
    from_arrived_ = cast_to(schema_, TRY(select_from(connection, rows, arrived_, false, {})));
    return {};
  }

  std::map<std::string, columns::Schema> side_tables() const override {
    return {{model_.late_table(), input_}};
  }

  base::Result<> restore(const state::Store& store, sql::Connection& connection) override {
    TRY(check_kept(store, column_list(needed_) + " by " + plan_.bucket));
    TRY(create_state(connection));
    seen_.clear();
    watermark_us_ = kNoWatermark;
    if (const auto meta = TRY(store.get(state_prefix() + "meta"))) {
      const auto json = nlohmann::json::parse(*meta);
      watermark_us_ = json.at("watermark_us");
      for (const auto& p : json.at("partitions"))
        seen_[p.at("partition")] = {p.at("newest_us"), p.at("at_us")};
    }
    base::Result<> loaded;
    TRY(store.scan(state_prefix() + "w/", [&](std::string_view, std::string_view value) {
      loaded = load_chunk(connection, value);
      return loaded.has_value();
    }));
    return loaded;
  }

  base::Result<Outcome> process(Epoch& epoch) override {
    Outcome outcome;
    TRY(count_rows_in(epoch, plan_, input_table_, outcome));
    TRY(split_late(epoch, outcome));
    TRY(take_arrived(epoch));
    TRY(compute_changed(epoch, outcome));
    TRY(advance(epoch));
    return outcome;
  }

  base::Result<> keep(Epoch& epoch, const state::Store&, state::WriteSet& changes) override {
    note_kept(column_list(needed_) + " by " + plan_.bucket, changes);
    const std::string prefix = state_prefix() + "w/";
    const auto rows = TRY(epoch.connection.query("SELECT * FROM " + sql::quote_name(arrived_)));
    if (rows->rows() > 0) {
      const columns::Batch batch = TRY(rows->batch());
      const columns::Column& windows = batch.columns.back();
      std::int64_t newest = windows.int_at(0);
      for (std::size_t row = 1; row < windows.size(); ++row)
        newest = std::max(newest, windows.int_at(row));
      changes.put(prefix + key_of_time(newest) +
                      state::key_number(static_cast<std::uint64_t>(epoch.number)),
                  columns::encode(batch));
    }
    changes.remove_range(prefix, prefix + key_of_time(next_watermark_us_ - plan_.width_us + 1));
    nlohmann::json meta{{"watermark_us", next_watermark_us_},
                        {"partitions", nlohmann::json::array()}};
    for (const auto& [partition, seen] : next_seen_) {
      meta["partitions"].push_back(
          {{"partition", partition}, {"newest_us", seen.newest_us}, {"at_us", seen.at_us}});
    }
    changes.put(state_prefix() + "meta", meta.dump());
    return {};
  }

  base::Result<> committed(sql::Connection& connection) override {
    TRY(connection.execute(fmt::format("INSERT INTO {} SELECT * FROM {}", sql::quote_name(kept_),
                                       sql::quote_name(arrived_))));
    const bool closes = next_watermark_us_ / plan_.width_us != watermark_us_ / plan_.width_us;
    watermark_us_ = next_watermark_us_;
    seen_ = next_seen_;
    if (!closes) return {};
    // Built anew rather than deleted from: deleted rows of a memory table keep their memory.
    return connection.execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE \"still open\" AS SELECT * FROM {0} WHERE "
                    "_wb_window + {1} > {2};"
                    "CREATE OR REPLACE TEMP TABLE {0} AS SELECT * FROM \"still open\"; DROP TABLE "
                    "\"still open\"",
                    sql::quote_name(kept_), plan_.width_us, watermark_us_));
  }

 private:
  std::string window_us() const { return fmt::format("epoch_us({})", plan_.bucket); }
  std::string is_late() const {
    return fmt::format("({0} IS NULL OR {0} + {1} <= {2})", window_us(), plan_.width_us,
                       watermark_us_);
  }
  std::string and_where(const std::string& condition) const {
    return plan_.where.empty() ? condition : fmt::format("({}) AND {}", plan_.where, condition);
  }

  base::Result<> create_state(sql::Connection& connection) {
    return connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {}, {} AS _wb_window FROM {} LIMIT 0",
        sql::quote_name(kept_), column_list(needed_), window_us(), sql::quote_name(input_table_)));
  }

  base::Result<> load_chunk(sql::Connection& connection, std::string_view value) {
    TRY(connection.put("chunk", TRY(columns::decode(value))));
    return connection.execute(
        fmt::format("INSERT INTO {} SELECT * FROM chunk WHERE _wb_window + {} > {}",
                    sql::quote_name(kept_), plan_.width_us, watermark_us_));
  }

  // Rows of closed windows, whole, for the late table.
  base::Result<> split_late(Epoch& epoch, Outcome& outcome) {
    std::int64_t rows = 0;
    for (const auto& [partition, n] :
         TRY(count_by_partition(epoch.connection, input_table_, and_where(is_late())))) {
      outcome.counts[partition].late = n;
      outcome.counts[partition].out -= n;
      rows += n;
    }
    if (rows == 0) return {};
    TRY(epoch.connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {} WHERE {}", sql::quote_name(late_),
        column_list(input_), sql::quote_name(input_table_), and_where(is_late()))));
    outcome.changes.push_back({.kind = TableChange::Kind::kAppend,
                               .table = model_.late_table(),
                               .writer = model_.table,
                               .select = "SELECT * FROM " + sql::quote_name(late_),
                               .changed = {},
                               .key = {},
                               .rows = rows});
    return {};
  }

  base::Result<> take_arrived(Epoch& epoch) {
    return epoch.connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {}, {} AS _wb_window FROM {} WHERE {}",
        sql::quote_name(arrived_), column_list(needed_), window_us(), sql::quote_name(input_table_),
        and_where("NOT " + is_late())));
  }

  // The groups that this epoch's rows belong to, computed from all rows of their windows.
  base::Result<> compute_changed(Epoch& epoch, Outcome& outcome) {
    const std::string touched = "touched windows of " + model_.table;
    TRY(epoch.connection.execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE {0} AS SELECT * FROM {1} WHERE _wb_window IN "
                    "(SELECT _wb_window FROM {2}) "
                    "UNION ALL SELECT * FROM {2}",
                    sql::quote_name(touched), sql::quote_name(kept_), sql::quote_name(arrived_))));
    TRY(epoch.connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT g.* FROM ({}) g WHERE EXISTS (SELECT 1 FROM "
        "({}) a WHERE {})",
        sql::quote_name(changed_), from_kept_, from_arrived_, same_keys(model_.key, "g", "a"))));
    const auto count =
        TRY(epoch.connection.query("SELECT count(*) FROM " + sql::quote_name(changed_)));
    outcome.changes.push_back({.kind = TableChange::Kind::kUpsert,
                               .table = model_.table,
                               .writer = model_.table,
                               .select = "SELECT * FROM " + sql::quote_name(changed_),
                               .changed = changed_,
                               .key = model_.key,
                               .rows = count->int_at(0, 0)});
    return {};
  }

  // The next watermark: the oldest of what the partitions have shown, idle ones left out, less the
  // lateness that the model allows. It never goes back.
  base::Result<> advance(Epoch& epoch) {
    next_seen_ = seen_;
    // A partition that has not spoken yet holds the watermark until it counts as idle.
    for (eventlog::Partition p = 0; p < epoch.partitions; ++p) {
      next_seen_.try_emplace(p, Seen{kNoWatermark, epoch.now_us});
    }
    const auto newest = TRY(epoch.connection.query(
        fmt::format("SELECT _partition, max(epoch_us({})) FROM {} GROUP BY 1", plan_.bucket_time,
                    sql::quote_name(input_table_))));
    for (std::size_t row = 0; row < newest->rows(); ++row) {
      Seen& seen = next_seen_[static_cast<eventlog::Partition>(newest->int_at(0, row))];
      seen.at_us = epoch.now_us;
      if (newest->is_null(1, row)) continue;
      seen.newest_us = std::max(seen.newest_us,
                                std::min(newest->int_at(1, row), epoch.now_us + kFutureAllowedUs));
    }
    std::int64_t oldest = 1LL << 62;
    for (const auto& [partition, seen] : next_seen_) {
      if (seen.at_us + kIdleAfterUs >= epoch.now_us) oldest = std::min(oldest, seen.newest_us);
    }
    next_watermark_us_ =
        oldest == 1LL << 62 ? watermark_us_ : std::max(watermark_us_, oldest - model_.watermark_us);
    return {};
  }

  columns::Schema needed_;
  std::string kept_;
  std::string arrived_;
  std::string late_;
  std::string changed_;
  std::string from_kept_;
  std::string from_arrived_;
  std::map<eventlog::Partition, Seen> seen_;
  std::map<eventlog::Partition, Seen> next_seen_;
  std::int64_t watermark_us_ = kNoWatermark;
  std::int64_t next_watermark_us_ = kNoWatermark;
};

}  // namespace

base::Result<std::unique_ptr<Operator>> make_window_operator(sql::Connection& connection,
                                                             const runs::Model& model, Plan plan,
                                                             const columns::Schema& input,
                                                             columns::Schema selected) {
  auto made = std::make_unique<WindowOperator>(model, std::move(plan), input, std::move(selected));
  TRY(made->prepare(connection));
  return made;
}

}  // namespace stream
