#include "stream/join_stage.h"

#include "stream/state_log.h"

namespace stream {
namespace {

void replace_all(std::string& text, const std::string& what, const std::string& by) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + by.size()))
    text.replace(at, what.size(), by);
}

// State: the needed columns of each side's rows, in `logs_` (null for standing tables).
class JoinStage final : public Stage {
 public:
  using Kind = JoinParts::Kind;

  explicit JoinStage(JoinParts parts) : parts_(std::move(parts)) {
    gives_.table = parts_.name;
    gives_.columns = parts_.columns;
    gives_.lags = parts_.lags;
    for (std::size_t i = 0; i < parts_.sides.size(); ++i) {
      const JoinSide& side = parts_.sides[i];
      gives_.changes = gives_.changes || side.rows.changes;
      if (side.rows.standing) {
        logs_.push_back(nullptr);
        continue;
      }
      const std::string number = std::to_string(i);
      logs_.push_back(std::make_unique<StateLog>(parts_.state + "j" + number + "/",
                                                 parts_.name + " side " + number + " rows"));
    }
  }

  base::Result<> prepare(sql::Connection& connection) {
    for (std::size_t i = 0; i < logs_.size(); ++i) {
      if (!logs_[i]) continue;
      TRY(logs_[i]->create(connection, arrive(i)));
      TRY(connection.execute(fmt::format(
          "CREATE OR REPLACE TEMP VIEW {} AS SELECT *, true AS _wb_partner FROM {}",
          sql::quote_name(logs_[i]->whole() + " marked"), sql::quote_name(logs_[i]->whole()))));
    }
    if (parts_.kind == Kind::kAsOf && is_kept(1))
      TRY(connection.execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT * FROM {}",
                                         sql::quote_name(ready()),
                                         sql::quote_name(logs_[0]->kept()))));
    return give(connection, {with_all_kept()});
  }

  base::Result<> restore(const state::Store& store, sql::Connection& connection) override {
    for (const auto& log : logs_) {
      if (log) TRY(log->restore(store, connection));
    }
    return find_waiting(connection);
  }

  base::Result<> process(const Tick& tick) override {
    sql::Connection& connection = tick.epoch.connection;
    for (std::size_t i = 0; i < logs_.size(); ++i) {
      if (logs_[i]) TRY(logs_[i]->add(connection, arrive(i)));
    }
    switch (parts_.kind) {
      case Kind::kInner:
        return give(connection, differences());
      case Kind::kLeft:
        return process_left(tick);
      case Kind::kAsOf:
        return process_as_of(tick);
    }
    return {};
  }

  base::Result<> keep(const Tick& tick, state::WriteSet& changes) override {
    sql::Connection& connection = tick.epoch.connection;
    for (std::size_t i = 0; i < logs_.size(); ++i) {
      if (!logs_[i]) continue;
      const std::string anew = logs_[i]->is_long() ? still_needed(i, tick.next_watermark_us) : "";
      TRY(logs_[i]->keep(connection, tick.epoch.number, anew, changes));
    }
    watermark_us_ = tick.next_watermark_us;
    return {};
  }

  base::Result<> committed(sql::Connection& connection) override {
    for (const auto& log : logs_) {
      if (log) TRY(log->committed(connection));
    }
    return find_waiting(connection);
  }

  std::optional<base::TimestampUs> waits_for() const override { return waits_for_; }

  StateSize state_size() const override {
    StateSize size;
    for (const auto& log : logs_) {
      if (log) size += log->size();
    }
    return size;
  }

  nlohmann::json explain() const override {
    nlohmann::json sides = nlohmann::json::array();
    std::string state;
    std::string bounds;
    for (std::size_t i = 0; i < logs_.size(); ++i) {
      const JoinSide& side = parts_.sides[i];
      if (!state.empty()) state += ", ";
      if (!bounds.empty()) bounds += "; ";
      state += logs_[i] ? fmt::format("{} rows of {}", logs_[i]->rows(), side.alias)
                        : fmt::format("{} as it stands", side.alias);
      bounds += side.alias + ": " + (logs_[i] ? side.bound : "its table");
    }
    static constexpr std::array kNames{"inner join", "left join", "as-of join"};
    return {{"stage", kNames.at(static_cast<std::size_t>(parts_.kind))},
            {"reads", names()},
            {"sql", parts_.select},
            {"state", state},
            {"bounded_by", bounds}};
  }

 private:
  std::string names() const {
    std::vector<std::string> names;
    for (const JoinSide& side : parts_.sides) names.push_back(side.rows.table);
    return fmt::format("{}", fmt::join(names, ", "));
  }
  bool is_kept(std::size_t side) const { return logs_[side] != nullptr; }
  std::string ready() const { return parts_.name + " ready"; }

  std::string arrive(std::size_t i) const {
    const JoinSide& side = parts_.sides[i];
    std::string columns = names_of(side.needed);
    if (side.rows.changes) columns += (columns.empty() ? "" : ", ") + std::string(kWeight);
    if (columns.empty()) columns = "1 AS _wb_row";
    return fmt::format("SELECT {} FROM {} AS {}{}", columns, sql::quote_name(side.rows.table),
                       sql::quote_name(side.alias),
                       side.where.empty() ? "" : " WHERE " + side.where);
  }

  // The SELECT with tables in the place of its sides.
  std::string select_over(std::string select, const std::vector<std::string>& tables) const {
    for (std::size_t i = 0; i < tables.size(); ++i)
      replace_all(select, sql::quote_name(side_table(parts_.name, i)), sql::quote_name(tables[i]));
    return select;
  }

  std::string with_all_kept() const {
    std::vector<std::string> tables;
    for (std::size_t i = 0; i < logs_.size(); ++i)
      tables.push_back(is_kept(i) ? logs_[i]->kept() : parts_.sides[i].rows.table);
    return select_over(parts_.select, tables);
  }

  // New rows of each side against the others: those before it with their new rows, those after it
  // without.
  std::vector<std::string> differences() const {
    std::vector<std::string> selects;
    for (std::size_t i = 0; i < logs_.size(); ++i) {
      if (!is_kept(i) || logs_[i]->rows_added() == 0) continue;
      std::vector<std::string> tables;
      for (std::size_t j = 0; j < logs_.size(); ++j) {
        if (!is_kept(j)) {
          tables.push_back(parts_.sides[j].rows.table);
        } else {
          tables.push_back(j < i    ? logs_[j]->whole()
                           : j == i ? logs_[j]->added()
                                    : logs_[j]->kept());
        }
      }
      selects.push_back(select_over(parts_.select, tables));
    }
    return selects;
  }

  base::Result<> give(sql::Connection& connection, const std::vector<std::string>& selects) {
    if (selects.empty()) {
      return connection.execute(
          fmt::format("CREATE OR REPLACE TEMP TABLE {0} AS SELECT * FROM {0} LIMIT 0",
                      sql::quote_name(gives_.table)));
    }
    std::string all = fmt::format("{}", fmt::join(selects, " UNION ALL "));
    if (gives_.changes) all = net_changes(all);
    return connection.execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}", sql::quote_name(gives_.table), all));
  }

  // Pairs at once; left rows alone when the watermark has passed the last time of a partner.
  base::Result<> process_left(const Tick& tick) {
    std::vector<std::string> selects = differences();
    const JoinSide& left = parts_.sides[0];
    TRY(tick.epoch.connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT * FROM {} WHERE {drop} < {next} AND {drop} >= "
        "{before} UNION ALL SELECT * FROM {} WHERE {drop} < {next} AND {drop} < {before}",
        sql::quote_name(ready()), sql::quote_name(logs_[0]->whole()),
        sql::quote_name(logs_[0]->added()), fmt::arg("drop", left.drop_us),
        fmt::arg("next", tick.next_watermark_us), fmt::arg("before", tick.watermark_us))));
    selects.push_back(select_over(parts_.unmatched, {ready(), logs_[1]->whole() + " marked"}));
    return give(tick.epoch.connection, selects);
  }

  base::Result<> process_as_of(const Tick& tick) {
    sql::Connection& connection = tick.epoch.connection;
    TRY(connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT * FROM {} WHERE {time} < {} AND {time} >= {}",
        sql::quote_name(ready()), sql::quote_name(logs_[0]->whole()), tick.next_watermark_us,
        tick.watermark_us, fmt::arg("time", parts_.left_time))));
    return give(connection, {select_over(parts_.select, {ready(), logs_[1]->whole()})});
  }

  // The rows of a side that may still find a partner.
  std::string still_needed(std::size_t i, base::TimestampUs watermark_us) const {
    std::string rows = "SELECT * FROM " + sql::quote_name(logs_[i]->whole());
    if (parts_.sides[i].rows.changes) rows = net_changes(rows);
    if (parts_.kind == Kind::kAsOf && i == 1) {
      return fmt::format(
          "SELECT * FROM ({0}) QUALIFY {1} >= {2} OR row_number() OVER (PARTITION BY {3}{1} >= {2} "
          "ORDER BY {1} DESC) = 1",
          rows, parts_.right_time, watermark_us,
          parts_.right_key.empty() ? "" : fmt::format("{}, ", fmt::join(parts_.right_key, ", ")));
    }
    const std::string& drop = parts_.sides[i].drop_us;
    if (drop.empty()) return rows;
    return fmt::format("SELECT * FROM ({}) WHERE {} >= {}", rows, drop, watermark_us);
  }

  // The first of the left rows that wait for the watermark.
  base::Result<> find_waiting(sql::Connection& connection) {
    waits_for_.reset();
    if (parts_.kind == Kind::kInner) return {};
    const std::string& time =
        parts_.kind == Kind::kLeft ? parts_.sides[0].drop_us : parts_.left_time;
    const auto first =
        TRY(connection.query(fmt::format("SELECT min({0}) FROM {1} WHERE {0} >= {2}", time,
                                         sql::quote_name(logs_[0]->kept()), watermark_us_)));
    if (!first->is_null(0, 0)) waits_for_ = first->int_at(0, 0) + 1;
    return {};
  }

  JoinParts parts_;
  std::vector<std::unique_ptr<StateLog>> logs_;
  std::optional<base::TimestampUs> waits_for_;
  base::TimestampUs watermark_us_ = -(1LL << 60);
};

}  // namespace

std::string side_table(const std::string& stage, std::size_t side) {
  return fmt::format("{} side {}", stage, side);
}

base::Result<std::unique_ptr<Stage>> make_join_stage(sql::Connection& connection, JoinParts parts) {
  auto made = std::make_unique<JoinStage>(std::move(parts));
  TRY(made->prepare(connection));
  return made;
}

}  // namespace stream
