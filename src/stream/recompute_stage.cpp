#include "stream/recompute_stage.h"

#include "stream/panes.h"
#include "stream/state_log.h"

namespace stream {
namespace {

// State: the needed columns of the input's rows with their keys in `log_`, and what was given of
// each key in `given_`. Both are written anew together, so that what a key has lost it has lost in
// both.
class RecomputeStage final : public Stage {
 public:
  explicit RecomputeStage(RecomputeParts parts)
      : parts_(std::move(parts)),
        log_(parts_.state + "r/", parts_.name + " rows"),
        given_(parts_.state + "o/", parts_.name + " given"),
        touched_(sql::quote_name(touched_table(parts_.name))) {
    gives_.table = parts_.name;
    gives_.columns = parts_.columns;
    gives_.changes = true;
    gives_.lags = parts_.lags;
    for (std::size_t i = 0; i < parts_.keys.size(); ++i)
      key_names_.push_back(fmt::format("_wb_k{}", i));
  }

  base::Result<> prepare(sql::Connection& connection) {
    TRY(make_arrive(connection));
    TRY(log_.create(connection, arrive_));
    TRY(connection.execute("DROP VIEW IF EXISTS " + touched_));
    TRY(connection.execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}", touched_,
                                       rows_of("SELECT * FROM " + sql::quote_name(log_.kept())))));
    TRY(given_.create(connection, weighted(parts_.select)));
    return connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {}, {} FROM {}", sql::quote_name(gives_.table),
        names_of(gives_.columns), kWeight, sql::quote_name(given_.kept())));
  }

  base::Result<> restore(const state::Store& store, sql::Connection& connection) override {
    TRY(log_.restore(store, connection));
    return given_.restore(store, connection);
  }

  base::Result<> process(const Tick& tick) override {
    sql::Connection& connection = tick.epoch.connection;
    TRY(log_.add(connection, arrive_));
    const std::string same = same_numbered("_wb_k", parts_.keys.size(), "s", "a");
    TRY(connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS {}", touched_,
        rows_of(fmt::format("SELECT s.* FROM {} s SEMI JOIN {} a ON {}",
                            sql::quote_name(log_.whole()), sql::quote_name(log_.added()), same)))));
    const std::string before =
        fmt::format("SELECT s.* REPLACE (-s.{0} AS {0}) FROM {1} s SEMI JOIN {2} a ON {3}", kWeight,
                    sql::quote_name(given_.kept()), sql::quote_name(log_.added()), same);
    TRY(given_.add(connection, net_changes(weighted(parts_.select) + " UNION ALL " + before)));
    return connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {}, {} FROM {}", sql::quote_name(gives_.table),
        names_of(gives_.columns), kWeight, sql::quote_name(given_.added())));
  }

  base::Result<> keep(const Tick& tick, state::WriteSet& changes) override {
    sql::Connection& connection = tick.epoch.connection;
    if (!log_.is_long() && !given_.is_long()) {
      TRY(log_.keep(connection, tick.epoch.number, "", changes));
      return given_.keep(connection, tick.epoch.number, "", changes);
    }
    TRY(find_forgotten(connection, tick.next_watermark_us));
    const std::string alive = fmt::format("ANTI JOIN {} f ON {}", forgotten(),
                                          same_numbered("_wb_k", parts_.keys.size(), "s", "f"));
    const auto whole = [&](const StateLog& log) {
      return fmt::format("SELECT s.* FROM {} s {}", sql::quote_name(log.whole()), alive);
    };
    std::string rows = whole(log_);
    if (parts_.input.changes) rows = net_changes(rows);
    if (!parts_.best.empty())
      rows = fmt::format("SELECT * FROM ({}) AS {} {}", rows, sql::quote_name(parts_.alias),
                         parts_.best);
    TRY(log_.keep(connection, tick.epoch.number, rows, changes));
    return given_.keep(connection, tick.epoch.number, net_changes(whole(given_)), changes);
  }

  base::Result<> committed(sql::Connection& connection) override {
    TRY(log_.committed(connection));
    return given_.committed(connection);
  }

  std::string standing() const override {
    return fmt::format("SELECT {} FROM ({})", names_of(gives_.columns),
                       net_changes("SELECT * FROM " + sql::quote_name(given_.whole())));
  }

  StateSize state_size() const override {
    StateSize size = log_.size();
    return size += given_.size();
  }

  nlohmann::json explain() const override {
    return {{"stage", "computed anew by key"},
            {"reads", parts_.input.table},
            {"sql", parts_.select},
            {"state", fmt::format("{} rows kept, {} given", log_.rows(), given_.rows())},
            {"bounded_by", bound()}};
  }

 private:
  // The SELECT of the epoch's rows that are kept: of those that the best n of a key are asked of,
  // its own best n alone.
  base::Result<> make_arrive(sql::Connection& connection) {
    const std::string input =
        fmt::format("{} AS {}", sql::quote_name(parts_.input.table), sql::quote_name(parts_.alias));
    const std::string where = parts_.where.empty() ? "" : " WHERE " + parts_.where;
    std::string columns = names_of(parts_.needed, sql::quote_name(parts_.alias));
    std::string firsts;
    std::string same = fmt::format("{} IS NOT DISTINCT FROM _wb_m", parts_.best_value);
    for (std::size_t i = 0; i < parts_.keys.size(); ++i) {
      const Tree key = TRY(with_plain_buckets(connection, parts_.keys[i], input));
      const std::string sql = TRY(expression_sql(connection, key));
      columns += fmt::format("{}{} AS {}", columns.empty() ? "" : ", ", sql, key_names_[i]);
      firsts += fmt::format("{} AS _wb_b{}, ", sql, i);
      same += fmt::format(" AND {} IS NOT DISTINCT FROM _wb_b{}", sql, i);
    }
    if (parts_.input.changes) columns += fmt::format(", {}", kWeight);
    arrive_ = fmt::format("SELECT {} FROM {}", columns, input);
    if (!parts_.input.changes && !parts_.best_of.empty())
      arrive_ += fmt::format(" SEMI JOIN (SELECT {}{} AS _wb_m FROM {}{} GROUP BY ALL) ON {}",
                             firsts, parts_.best_of, input, where, same);
    arrive_ += where;
    if (!parts_.input.changes && !parts_.best.empty()) arrive_ += " " + parts_.best;
    return {};
  }

  std::string forgotten() const { return sql::quote_name(parts_.name + " forgotten"); }
  static std::string weighted(const std::string& select) {
    return fmt::format("SELECT *, CAST(1 AS BIGINT) AS {} FROM ({})", kWeight, select);
  }

  // Kept rows as the SELECT is to see them: each as often as its weights say.
  std::string rows_of(const std::string& select) const {
    if (!parts_.input.changes) return select;
    return fmt::format(
        "SELECT * EXCLUDE ({0}, _wb_i) FROM (SELECT *, unnest(range({0})) AS _wb_i "
        "FROM ({1}) WHERE {0} > 0)",
        kWeight, net_changes(select));
  }

  // Keys whose rows nothing can change any more.
  base::Result<> find_forgotten(sql::Connection& connection, base::TimestampUs watermark_us) {
    std::string closed;
    for (const auto& [i, lag] : parts_.key_lags)
      closed += fmt::format("{}epoch_us(_wb_k{}) + {} < {}", closed.empty() ? "" : " OR ", i, lag,
                            watermark_us);
    if (closed.empty() && parts_.ttl_us > 0 && !parts_.time.empty())
      closed = fmt::format("max(epoch_us({})) + {} < {}", sql::quote_name(parts_.time),
                           parts_.ttl_us, watermark_us);
    const std::string keys =
        parts_.keys.empty() ? "1" : fmt::format("{}", fmt::join(key_names_, ", "));
    return connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {} FROM {} GROUP BY ALL HAVING {}", forgotten(),
        keys, sql::quote_name(log_.whole()), closed.empty() ? "false" : closed));
  }

  std::string bound() const {
    if (!parts_.key_lags.empty())
      return fmt::format("keys close {} behind the watermark",
                         base::format_duration(parts_.key_lags.begin()->second + 1));
    if (parts_.ttl_us > 0)
      return "ttl: keys that are silent for " + base::format_duration(parts_.ttl_us);
    return "the number of different keys, and the best rows of each";
  }

  RecomputeParts parts_;
  StateLog log_;
  StateLog given_;
  std::string touched_;
  std::vector<std::string> key_names_;
  std::string arrive_;
};

}  // namespace

std::string touched_table(const std::string& stage) { return stage + " touched"; }

base::Result<std::unique_ptr<Stage>> make_recompute_stage(sql::Connection& connection,
                                                          RecomputeParts parts) {
  auto made = std::make_unique<RecomputeStage>(std::move(parts));
  TRY(made->prepare(connection));
  return made;
}

}  // namespace stream
