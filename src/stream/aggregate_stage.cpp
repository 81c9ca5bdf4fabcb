#include "stream/aggregate_stage.h"

#include "stream/panes.h"
#include "stream/partial_aggregates.h"
#include "stream/state_log.h"

namespace stream {
namespace {

std::string comma(const std::vector<std::string>& parts) {
  return fmt::format("{}", fmt::join(parts, ", "));
}

base::Result<std::vector<std::string>> types_of(sql::Connection& connection,
                                                const std::string& select) {
  const auto statement = TRY(connection.prepare(select));
  std::vector<std::string> types;
  for (const sql::ColumnInfo& column : statement->columns()) types.push_back(column.type);
  return types;
}

// State: parts of the aggregates by group (and by the values of DISTINCT) in `parts_`; what was
// given of each group in `given_`, when somebody needs the rows that go.
class AggregateStage final : public Stage {
 public:
  AggregateStage(AggregateParts parts, PartialAggregates aggregates)
      : parts_(std::move(parts)),
        aggregates_(std::move(aggregates)),
        log_(parts_.state + "p/", parts_.name + " parts"),
        given_(parts_.state + "o/", parts_.name + " given") {
    gives_.table = parts_.name;
    gives_.columns = parts_.columns;
    read_ = parts_.input.changes || parts_.having.is_object();
    set_kind();
    for (std::size_t i = 0; i < parts_.groups.size(); ++i) {
      const auto lag = parts_.lags.find(i);
      if (lag != parts_.lags.end() && !parts_.group_names[i].empty())
        gives_.lags[parts_.group_names[i]] = lag->second;
    }
  }

  base::Result<> prepare(sql::Connection& connection) {
    std::vector<std::pair<Tree, Tree>> names = aggregates_.wholes;
    for (std::size_t i = 0; i < parts_.groups.size(); ++i) {
      keys_.push_back(fmt::format("_wb_g{}", i));
      names.emplace_back(parts_.groups[i], column_ref(keys_.back()));
    }
    if (parts_.input.changes) {
      aggregates_.parts.push_back(fmt::format("sum({}) AS _wb_n", kWeight));
      aggregates_.merges.emplace_back("sum(_wb_n) AS _wb_n");
    }
    TRY(make_partial(connection));
    TRY(log_.create(connection, partial_));
    TRY(make_whole(connection, names));
    TRY(given_.create(connection, fmt::format("SELECT *, CAST(1 AS BIGINT) AS {} FROM ({})",
                                              kWeight, whole_of(log_.kept()))));
    return connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {}{} FROM {}", sql::quote_name(gives_.table),
        names_of(gives_.columns), std::string(", ") + kWeight, sql::quote_name(given_.kept())));
  }

  void be_read() override {
    read_ = true;
    set_kind();
  }

  base::Result<> restore(const state::Store& store, sql::Connection& connection) override {
    TRY(log_.restore(store, connection));
    TRY(given_.restore(store, connection));
    given_is_new_ = false;
    if (!read_ || given_.rows() > 0 || log_.rows() == 0) return {};
    // Nobody needed it before: from now on what is given is what the parts say.
    TRY(given_.add(connection, fmt::format("SELECT *, CAST(1 AS BIGINT) AS {} FROM ({})", kWeight,
                                           whole_of(log_.kept()))));
    given_is_new_ = true;
    return given_.committed(connection);
  }

  base::Result<> process(const Tick& tick) override {
    sql::Connection& connection = tick.epoch.connection;
    TRY(log_.add(connection, partial_));
    const std::string touched =
        fmt::format("(SELECT s.* FROM {} s SEMI JOIN {} a ON {})", sql::quote_name(log_.whole()),
                    sql::quote_name(log_.added()), same_numbered("_wb_g", keys_.size(), "s", "a"));
    const std::string now =
        fmt::format("SELECT *, CAST(1 AS BIGINT) AS {} FROM ({})", kWeight, whole_from(touched));
    if (!read_) {
      return connection.execute(
          fmt::format("CREATE OR REPLACE TEMP TABLE {} AS SELECT {}, {} FROM ({})",
                      sql::quote_name(gives_.table), names_of(gives_.columns), kWeight, now));
    }
    const std::string before =
        fmt::format("SELECT o.* REPLACE (-o.{0} AS {0}) FROM {1} o SEMI JOIN {2} a ON {3}", kWeight,
                    sql::quote_name(given_.kept()), sql::quote_name(log_.added()),
                    same_numbered("_wb_g", keys_.size(), "o", "a"));
    TRY(given_.add(connection, net_changes(now + " UNION ALL " + before)));
    return connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {} AS SELECT {}, {} FROM {}", sql::quote_name(gives_.table),
        names_of(gives_.columns), kWeight, sql::quote_name(given_.added())));
  }

  base::Result<> keep(const Tick& tick, state::WriteSet& changes) override {
    sql::Connection& connection = tick.epoch.connection;
    const std::string open = still_open(tick.next_watermark_us);
    std::string parts;
    if (log_.is_long()) {
      std::vector<std::string> columns = keys_;
      for (std::size_t i = 0; i < aggregates_.values.size(); ++i)
        columns.push_back(fmt::format("_wb_d{}", i));
      for (const std::string& merge : aggregates_.merges) columns.push_back(merge);
      if (columns.size() == keys_.size() + aggregates_.values.size() && aggregates_.merges.empty())
        parts = fmt::format("SELECT DISTINCT {} FROM {} WHERE {}",
                            columns.empty() ? "*" : comma(columns), sql::quote_name(log_.whole()),
                            open);
      else
        parts = fmt::format("SELECT {} FROM {} WHERE {} GROUP BY ALL{}", comma(columns),
                            sql::quote_name(log_.whole()), open,
                            parts_.input.changes ? " HAVING sum(_wb_n) <> 0" : "");
    }
    TRY(log_.keep(connection, tick.epoch.number, parts, changes));
    if (!read_) return {};
    return given_.keep(connection, tick.epoch.number,
                       given_is_new_ || given_.is_long()
                           ? net_changes(fmt::format("SELECT * FROM {} WHERE {}",
                                                     sql::quote_name(given_.whole()), open))
                           : "",
                       changes);
  }

  base::Result<> committed(sql::Connection& connection) override {
    TRY(log_.committed(connection));
    if (!read_) return {};
    given_is_new_ = false;
    return given_.committed(connection);
  }

  std::string standing() const override {
    if (!read_) return "";
    return fmt::format("SELECT {} FROM ({})", names_of(gives_.columns),
                       net_changes("SELECT * FROM " + sql::quote_name(given_.whole())));
  }

  StateSize state_size() const override {
    StateSize size = log_.size();
    return size += given_.size();
  }

  nlohmann::json explain() const override {
    std::string bound;
    for (const auto& [i, lag] : parts_.lags)
      bound = fmt::format("groups close {} after {}", base::format_duration(lag + 1),
                          parts_.group_names[i].empty() ? "their time" : parts_.group_names[i]);
    return {{"stage", "aggregate by parts"},
            {"reads", parts_.input.table},
            {"sql", partial_},
            {"state", fmt::format("{} parts of groups", log_.rows())},
            {"bounded_by", bound.empty() ? fmt::format("the number of different groups") : bound}};
  }

 private:
  void set_kind() {
    gives_.changes = true;
    gives_.upserts = !read_;
  }

  std::string input_sql() const {
    return fmt::format("{} AS {}", sql::quote_name(parts_.input.table),
                       sql::quote_name(parts_.alias));
  }

  // The SELECT of what an epoch's rows add.
  base::Result<> make_partial(sql::Connection& connection) {
    std::vector<std::string> columns;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const Tree group = TRY(with_plain_buckets(connection, parts_.groups[i], input_sql()));
      columns.push_back(fmt::format("{} AS {}", TRY(expression_sql(connection, group)), keys_[i]));
    }
    for (const auto* more : {&aggregates_.values, &aggregates_.parts})
      columns.insert(columns.end(), more->begin(), more->end());
    if (columns.empty()) columns.emplace_back("count(*) AS _wb_p0");
    partial_ = fmt::format("SELECT {} FROM {}{} GROUP BY ALL HAVING count(*) > 0", comma(columns),
                           input_sql(), parts_.where.empty() ? "" : " WHERE " + parts_.where);
    const std::vector<std::string> types = TRY(types_of(connection, partial_));
    // What is added up keeps its type: a sum of counts is a count.
    for (std::size_t i = 0; i < aggregates_.merges.size(); ++i) {
      std::string& merge = aggregates_.merges[i];
      const std::size_t name = merge.rfind(" AS ");
      merge = fmt::format("CAST({} AS {}){}", merge.substr(0, name),
                          types[keys_.size() + aggregates_.values.size() + i], merge.substr(name));
    }
    return use_panes(connection, types);
  }

  // Where the input gives each row once for every window over it: rows of one pane are added up
  // first, and what they come to is given to the windows.
  base::Result<> use_panes(sql::Connection& connection, const std::vector<std::string>& types) {
    if (!parts_.map.is_object() || aggregates_.merges.empty()) return {};
    const auto panes = TRY(panes_of(connection, parts_.map));
    if (!panes) return {};
    for (const auto& [aggregate, whole] : aggregates_.wholes) {
      if (names_column(aggregate, panes->column)) return {};
    }
    if (!parts_.where.empty()) return {};
    std::vector<std::string> below;
    std::vector<std::string> above;
    for (std::size_t i = 0; i < keys_.size(); ++i) {
      const Tree& group = parts_.groups[i];
      const bool window = names_column(group, panes->column);
      const std::string sql = TRY(expression_sql(connection, group));
      if (!window) below.push_back(fmt::format("{} AS {}", sql, keys_[i]));
      above.push_back(window ? fmt::format("{} AS {}", sql, keys_[i]) : keys_[i]);
    }
    for (std::size_t i = 0; i < aggregates_.values.size(); ++i) {
      below.push_back(aggregates_.values[i]);
      above.push_back(fmt::format("_wb_d{}", i));
    }
    below.insert(below.end(), aggregates_.parts.begin(), aggregates_.parts.end());
    above.insert(above.end(), aggregates_.merges.begin(), aggregates_.merges.end());
    const std::string sql = fmt::format(
        "SELECT {0} FROM (SELECT *, {1} AS {2} FROM (SELECT {3}, {4} FROM ({5}) AS {6} GROUP BY "
        "ALL)) AS {6} GROUP BY ALL HAVING count(*) > 0",
        comma(above), panes->windows, sql::quote_name(panes->column), panes->panes, comma(below),
        panes->rows, sql::quote_name(parts_.alias));
    const auto same = types_of(connection, sql);
    if (same && *same == types) partial_ = sql;
    return {};
  }

  // The SELECT over the parts of some groups.
  base::Result<> make_whole(sql::Connection& connection,
                            const std::vector<std::pair<Tree, Tree>>& names) {
    std::vector<std::string> items;
    for (std::size_t i = 0; i < parts_.items.size(); ++i) {
      items.push_back(fmt::format("CAST({} AS {}) AS {}",
                                  TRY(expression_sql(connection, replaced(parts_.items[i], names))),
                                  parts_.columns[i].type, sql::quote_name(parts_.columns[i].name)));
    }
    for (const std::string& key : keys_) items.push_back(key);
    whole_front_ = "SELECT " + comma(items) + " FROM ";
    std::vector<std::string> having;
    if (parts_.having.is_object())
      having.push_back(
          fmt::format("({})", TRY(expression_sql(connection, replaced(parts_.having, names)))));
    if (parts_.input.changes) having.emplace_back("sum(_wb_n) > 0");
    whole_back_ = keys_.empty() ? "" : " GROUP BY " + comma(keys_);
    if (keys_.empty()) having.emplace_back("count(*) > 0");
    if (!having.empty()) whole_back_ += " HAVING " + fmt::format("{}", fmt::join(having, " AND "));
    return {};
  }
  std::string whole_from(const std::string& from) const {
    return whole_front_ + from + whole_back_;
  }
  std::string whole_of(const std::string& table) const {
    return whole_from(sql::quote_name(table));
  }

  std::string still_open(base::TimestampUs watermark_us) const {
    std::string open = "TRUE";
    for (const auto& [i, lag] : parts_.lags)
      open +=
          fmt::format(" AND coalesce(epoch_us(_wb_g{}) + {} >= {}, true)", i, lag, watermark_us);
    return open;
  }

  AggregateParts parts_;
  PartialAggregates aggregates_;
  StateLog log_;
  StateLog given_;
  std::vector<std::string> keys_;
  std::string partial_;
  std::string whole_front_;
  std::string whole_back_;
  bool read_ = false;
  bool given_is_new_ = false;  // and not yet in the store
};

}  // namespace

base::Result<std::unique_ptr<Stage>> make_aggregate_stage(sql::Connection& connection,
                                                          AggregateParts parts) {
  std::vector<Tree> expressions = parts.items;
  if (parts.having.is_object()) expressions.push_back(parts.having);
  auto aggregates = TRY(take_apart(connection, expressions, parts.input.changes));
  if (!aggregates) return nullptr;
  auto made = std::make_unique<AggregateStage>(std::move(parts), *std::move(aggregates));
  // What DuckDB does not take in parts (a sum of intervals, say) is left to the rows.
  if (!made->prepare(connection)) return nullptr;
  return made;
}

}  // namespace stream
