#include "stream/composed_operator.h"

#include <algorithm>

#include "base/check.h"
#include "quality/dead_letter.h"
#include "stream/stage_plan.h"
#include "stream/watermark.h"

namespace stream {
namespace {

class ComposedOperator final : public Operator {
 public:
  ComposedOperator(runs::Model model, Plan plan, std::vector<Relation> inputs, Relation output,
                   StagePlan planned)
      : Operator(std::move(model), std::move(plan), std::move(inputs), std::move(output)),
        planned_(std::move(planned)),
        watermark_(model_.watermark_us),
        next_watermark_(model_.watermark_us) {
    for (auto& [table, use] : planned_.sources) {
      if (!use.streams) continue;
      ++streams_;
      if (!planned_.bounded_by_time || use.relation.changes) {
        use.late_us.clear();
      } else if (use.late_us.empty() || use.reads > 1 || planned_.stages.size() > 1) {
        use.late_us = fmt::format("epoch_us({})", sql::quote_name(model_.time));
      }
      if (use.reads > 1) use.where.clear();
      has_late_ = has_late_ || !use.late_us.empty();
    }
    late_ = "late for " + model_.table;
    dead_ = "dead rows of " + model_.table;
    changed_ = "changed " + model_.table.substr(model_.table.find('.') + 1);
    gone_ = "gone from " + model_.table;
  }

  base::Result<> prepare(sql::Connection& connection) {
    kept_as_ = fmt::format("{} by {}", TRY(connection.print(plan_.tree)), model_.time);
    Rows& rows = planned_.gives;
    rows = planned_.last == nullptr ? rows : planned_.last->gives();
    const std::string all =
        fmt::format("SELECT {} FROM {}", names_of(rows.columns), sql::quote_name(rows.table));
    const columns::Schema visible = TRY(describe(connection, model_, all));
    std::string places;
    std::string place_names;
    for (std::size_t i = visible.fields.size(); i < schema().fields.size(); ++i) {
      const std::string& name = schema().fields[i].name;
      const char* hidden = name == "_topic" ? "_wb_t" : name == "_partition" ? "_wb_p" : "_wb_o";
      places += fmt::format(", {} AS {}", hidden, name);
    }
    std::string columns = names_of(rows.columns);
    if (rows.changes) columns += fmt::format(", {}", kWeight);
    std::vector<std::string> casts;
    for (const columns::Field& field : schema().fields) {
      const std::string name = sql::quote_name(field.name);
      casts.push_back(fmt::format("CAST({0} AS {1}) AS {0}", name, columns::sql_type(field.type)));
    }
    if (rows.changes) casts.emplace_back(kWeight);
    give_ = fmt::format("SELECT {} FROM (SELECT {}{} FROM {})", fmt::join(casts, ", "), columns,
                        places, sql::quote_name(rows.table));
    return {};
  }

  bool row_for_row() const override { return planned_.gives.places; }
  void be_read() override {
    if (planned_.last == nullptr || !planned_.gives.upserts) return;
    planned_.last->be_read();
    planned_.gives = planned_.last->gives();
  }

  std::map<std::string, columns::Schema> side_tables() const override {
    if (!has_late_) return {};
    if (streams_ == 1) return {{model_.late_table(), input().schema}};
    using columns::Type;
    return {
        {model_.late_table(), {{{"source", Type::kString, true}, {"row", Type::kString, true}}}}};
  }

  base::Result<> restore(const state::Store& store, sql::Connection& connection) override {
    watermark_ = Watermark(model_.watermark_us);
    if (const auto meta = TRY(store.get(state_prefix() + "meta")))
      watermark_.load(nlohmann::json::parse(*meta), input().topics.front());
    next_watermark_ = watermark_;
    for (const auto& stage : planned_.stages) TRY(stage->restore(store, connection));
    return {};
  }

  base::Result<Outcome> process(Epoch& epoch) override {
    Outcome outcome;
    next_watermark_ = watermark_;
    for (auto& [table, use] : planned_.sources) TRY(take(epoch, use, outcome));
    TRY(take_dead(epoch, outcome));
    TRY(take_late(epoch, outcome));
    next_watermark_.advance(epoch.now_us, epoch.rows_wait);
    tick_ = {closing(watermark_), closing(next_watermark_)};
    const Tick tick{epoch, tick_.first, tick_.second};
    for (const auto& stage : planned_.stages) TRY(stage->process(tick));
    TRY(epoch.connection.execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}",
                                             sql::quote_name(output_table_), give_)));
    TRY(count_given(epoch, outcome));
    return outcome;
  }

  base::Result<> keep(Epoch& epoch, const state::Store&, state::WriteSet& changes) override {
    note_kept(changes);
    const Tick tick{epoch, tick_.first, tick_.second};
    for (const auto& stage : planned_.stages) TRY(stage->keep(tick, changes));
    changes.put(state_prefix() + "meta", next_watermark_.to_json().dump());
    return {};
  }

  base::Result<> committed(sql::Connection& connection) override {
    for (const auto& stage : planned_.stages) TRY(stage->committed(connection));
    watermark_ = next_watermark_;
    return {};
  }

  bool waits_for_time(base::TimestampUs now_us) const override {
    std::optional<base::TimestampUs> first;
    for (const auto& stage : planned_.stages) {
      const auto at = stage->waits_for();
      if (at && (!first || *at < *first)) first = at;
    }
    if (!first) return false;
    Watermark then = watermark_;
    then.advance(now_us);
    return closing(then) >= *first;
  }

  StateSize state_size() const override {
    StateSize size;
    for (const auto& stage : planned_.stages) size += stage->state_size();
    return size;
  }
  std::optional<base::TimestampUs> watermark() const override {
    if (!planned_.bounded_by_time || watermark_.us() == Watermark::kNone) return std::nullopt;
    return watermark_.us();
  }

  std::string current() const override {
    if (planned_.last == nullptr) return "";
    const std::string rows = planned_.last->standing();
    return rows.empty() ? "" : cast_to(schema(), rows);
  }

  nlohmann::json explain(sql::Connection&) const override {
    nlohmann::json stages = nlohmann::json::array();
    for (const auto& stage : planned_.stages) {
      stages.push_back(stage->explain());
      stages.back()["name"] = stage->gives().table;
      if (!stages.back().contains("state")) continue;
      const StateSize size = stage->state_size();
      stages.back()["rows"] = size.rows;
      stages.back()["bytes"] = size.bytes;
    }
    nlohmann::json reads = nlohmann::json::array();
    for (const auto& [table, use] : planned_.sources)
      reads.push_back({{"table", table},
                       {"as", !use.streams           ? "looked up as it stands"
                              : use.relation.changes ? "changes"
                                                     : "stream"}});
    nlohmann::json plan{{"model", model_.table}, {"reads", reads}, {"stages", stages}};
    if (planned_.bounded_by_time && watermark_.us() != Watermark::kNone)
      plan["watermark"] = base::format_rfc3339(watermark_.us());
    return plan;
  }

 private:
  // What is before this is closed.
  base::TimestampUs closing(const Watermark& watermark) const {
    return watermark.us() - model_.allowed_late_us;
  }
  std::string kept_as() const override { return kept_as_; }
  std::string is_dead(const SourceUse& use) const {
    return use.relation.table.starts_with("bronze.") ? "_error IS NOT NULL" : "false";
  }
  std::string is_late(const SourceUse& use) const {
    if (use.late_us.empty()) return "false";
    return fmt::format("coalesce({0} < {1}, true)", use.late_us, closing(watermark_));
  }
  std::string is_kept(const SourceUse& use) const {
    return use.where.empty() ? "true" : fmt::format("coalesce({}, false)", use.where);
  }

  // The views of one source for this epoch, and its counts.
  base::Result<> take(Epoch& epoch, const SourceUse& use, Outcome& outcome) {
    const std::string rows = sql::quote_name(rows_table(use.relation.table));
    if (!use.standing.empty()) TRY(look_up(epoch, use));
    if (!use.streams) return {};
    const bool places = use.relation.has_places();
    std::string hidden;
    if (places)
      hidden = fmt::format(", {} AS _wb_t, {} AS _wb_p, _offset AS _wb_o", topic_sql(use.relation),
                           partition_sql(use.relation));
    TRY(epoch.connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP VIEW {} AS SELECT *{} FROM {} WHERE NOT ({}) AND NOT ({})",
        sql::quote_name(use.input), hidden, rows, is_dead(use), is_late_unless_dropped(use))));
    const bool timed = planned_.bounded_by_time && !use.relation.changes;
    if (timed) {
      for (const std::string& topic : use.relation.topics) {
        for (eventlog::Partition p = 0; places && p < epoch.partitions.at(topic); ++p)
          next_watermark_.expect({topic, p}, epoch.now_us);
      }
      if (!places) next_watermark_.expect({use.relation.table, 0}, epoch.now_us);
    }
    const auto counts = TRY(epoch.connection.query(fmt::format(
        "SELECT {topic}, {partition}, count(*), count(*) FILTER (WHERE {dead}), count(*) FILTER "
        "(WHERE NOT ({dead}) AND {late}), count(*) FILTER (WHERE NOT ({dead}) AND NOT ({kept})), "
        "{newest} FROM {rows} GROUP BY 1, 2",
        fmt::arg("topic", topic_sql(use.relation)),
        fmt::arg("partition", partition_sql(use.relation)), fmt::arg("dead", is_dead(use)),
        fmt::arg("late", is_late_unless_dropped(use)), fmt::arg("kept", is_kept(use)),
        fmt::arg("newest", timed ? Watermark::newest_sql(
                                       fmt::format("epoch_us({})", sql::quote_name(model_.time)),
                                       epoch.now_us)
                                 : std::string("NULL::BIGINT")),
        fmt::arg("rows", rows))));
    for (std::size_t row = 0; row < counts->rows(); ++row) {
      const eventlog::TopicPartition source{
          counts->text(0, row), static_cast<eventlog::Partition>(counts->int_at(1, row))};
      runs::Counts& sum = outcome.counts[source];
      sum.in += counts->int_at(2, row);
      sum.dead += counts->int_at(3, row);
      sum.late += counts->int_at(4, row);
      const std::int64_t dropped = counts->int_at(5, row);
      if (dropped > 0) sum.filtered["where"] += dropped;
      sum.out += counts->int_at(2, row) - counts->int_at(3, row) - counts->int_at(4, row) - dropped;
      if (timed)
        next_watermark_.saw(source,
                            counts->is_null(6, row) ? Watermark::kNone : counts->int_at(6, row),
                            epoch.now_us);
    }
    return {};
  }
  std::string is_late_unless_dropped(const SourceUse& use) const {
    if (use.late_us.empty()) return "false";
    return use.where.empty() ? is_late(use)
                             : fmt::format("({} AND {})", is_kept(use), is_late(use));
  }

  base::Result<> look_up(Epoch& epoch, const SourceUse& use) {
    if (use.relation.is_static) return {};
    const auto it = epoch.standing.find(use.relation.table);
    CHECK(it != epoch.standing.end() && !it->second.empty(), "{} looks up {}, which gives no rows",
          model_.table, use.relation.table);
    return epoch.connection.execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}", sql::quote_name(use.standing + " now"),
                    it->second) +
        fmt::format("; CREATE OR REPLACE TEMP VIEW {} AS SELECT * FROM {}",
                    sql::quote_name(use.standing), sql::quote_name(use.standing + " now")));
  }

  base::Result<> take_dead(Epoch& epoch, Outcome& outcome) {
    std::string letters;
    for (const auto& [table, use] : planned_.sources) {
      if (!use.streams || is_dead(use) == "false") continue;
      if (!letters.empty()) letters += " UNION ALL ";
      letters +=
          quality::schema_letters_sql(model_.table, epoch.run_id(model_.table), rows_table(table));
    }
    std::int64_t dead = 0;
    for (const auto& [source, counts] : outcome.counts) dead += counts.dead;
    if (dead == 0) return {};
    TRY(epoch.connection.execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}", sql::quote_name(dead_), letters)));
    outcome.dead = dead_;
    return {};
  }

  // Late rows, whole, for the late table.
  base::Result<> take_late(Epoch& epoch, Outcome& outcome) {
    std::int64_t rows = 0;
    for (const auto& [source, counts] : outcome.counts) rows += counts.late;
    if (rows == 0) return {};
    std::string select;
    for (const auto& [table, use] : planned_.sources) {
      if (use.late_us.empty()) continue;
      if (!select.empty()) select += " UNION ALL ";
      select += fmt::format(
          "SELECT {} FROM {} t WHERE NOT ({}) AND {}",
          streams_ == 1 ? "*"
                        : fmt::format("{} AS source, CAST(to_json(t) AS VARCHAR) AS row",
                                      sql::quote_text(table)),
          sql::quote_name(rows_table(table)), is_dead(use), is_late_unless_dropped(use));
    }
    TRY(epoch.connection.execute(
        fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}", sql::quote_name(late_), select)));
    outcome.changes.push_back(append_rows(model_.late_table(), model_.table, late_, rows));
    return {};
  }

  // What was given, and what is to happen to the table.
  base::Result<> count_given(Epoch& epoch, Outcome& outcome) {
    if (planned_.gives.changes) return give_changes(epoch, outcome);
    std::int64_t rows = 0;
    if (row_for_row()) {
      Counts given;
      for (const auto& [source, n] :
           TRY(count_by_source(epoch.connection, output_, output_table_))) {
        given[source].out = n;
        rows += n;
      }
      // What is missing was dropped by a condition of one of the SELECTs.
      for (auto& [source, counts] : outcome.counts) {
        const std::int64_t out = given[source].out;
        if (counts.out > out) counts.filtered["where"] += counts.out - out;
        counts.out = out;
      }
    } else {
      const auto count =
          TRY(epoch.connection.query("SELECT count(*) FROM " + sql::quote_name(output_table_)));
      rows = count->int_at(0, 0);
      outcome.counts[{model_.table, 0}].made = rows;
    }
    outcome.changes.push_back(append_rows(model_.table, model_.table, output_table_, rows));
    return {};
  }

  base::Result<> give_changes(Epoch& epoch, Outcome& outcome) {
    sql::Connection& connection = epoch.connection;
    std::vector<std::string> keys;
    std::vector<std::string> same;
    for (const std::string& key : model_.key) {
      keys.push_back(sql::quote_name(key));
      same.push_back(fmt::format("g.{0} IS NOT DISTINCT FROM c.{0}", keys.back()));
    }
    TRY(connection.execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE {changed} AS SELECT * EXCLUDE ({weight}) FROM {rows} WHERE "
        "{weight} > 0; CREATE OR REPLACE TEMP TABLE {gone} AS SELECT DISTINCT {keys} FROM {rows} g "
        "ANTI JOIN {changed} c ON {same} WHERE {weight} < 0",
        fmt::arg("changed", sql::quote_name(changed_)), fmt::arg("weight", kWeight),
        fmt::arg("rows", sql::quote_name(output_table_)), fmt::arg("gone", sql::quote_name(gone_)),
        fmt::arg("keys", fmt::format("{}", fmt::join(keys, ", "))),
        fmt::arg("same", fmt::format("{}", fmt::join(same, " AND "))))));
    const auto count = TRY(connection.query(fmt::format(
        "SELECT (SELECT count(*) FROM {}), (SELECT count(*) FROM {}), (SELECT count(*) "
        "FROM {})",
        sql::quote_name(changed_), sql::quote_name(gone_), sql::quote_name(output_table_))));
    outcome.counts[{model_.table, 0}].made = count->int_at(2, 0);
    outcome.changes.push_back({.kind = TableChange::Kind::kUpsert,
                               .table = model_.table,
                               .writer = model_.table,
                               .select = "SELECT * FROM " + sql::quote_name(changed_),
                               .changed = changed_,
                               .gone = count->int_at(1, 0) > 0 ? gone_ : "",
                               .key = model_.key,
                               .rows = count->int_at(0, 0) + count->int_at(1, 0)});
    return {};
  }

  StagePlan planned_;
  Watermark watermark_;
  Watermark next_watermark_;
  std::pair<base::TimestampUs, base::TimestampUs> tick_;
  int streams_ = 0;
  bool has_late_ = false;
  std::string late_;
  std::string dead_;
  std::string changed_;
  std::string gone_;
  std::string give_;
  std::string kept_as_;
};

std::unexpected<base::Error> at_header(const runs::Model& model, std::string message,
                                       std::string mend) {
  return std::unexpected(base::Error{
      .code = base::Code::kInvalid, .message = std::move(message), .mend = std::move(mend)}
                             .at(model.file, 1));
}

base::Result<> check_header(const runs::Model& model, const StagePlan& planned, const Rows& rows) {
  if (rows.changes && model.key.empty())
    return at_header(model, "the rows of this model change, so it needs a 'key' in its header",
                     "add 'key: [columns that tell its rows apart]'");
  if (!rows.changes && !model.key.empty())
    return at_header(model, "the rows of this model never change, so it has no use for a 'key'",
                     "drop 'key'");
  for (const std::string& group : planned.group_names) {
    if (group.empty() || std::ranges::find(model.key, group) == model.key.end()) {
      std::vector<std::string> names;
      for (const std::string& name : planned.group_names)
        if (!name.empty()) names.push_back(name);
      return at_header(
          model,
          group.empty() ? "a column of GROUP BY is not among the columns of the SELECT"
                        : fmt::format("'{}' tells groups apart, but is not in 'key'", group),
          fmt::format("select all of them, and write 'key: [{}]'", fmt::join(names, ", ")));
    }
  }
  if (!planned.bounded_by_time && model.watermark_us > 0 && model.time.empty())
    return at_header(model, "'watermark' has no effect: the header does not say what the time is",
                     "add 'time: event_time'");
  if (!planned.bounded_by_time) return {};
  if (model.watermark_us <= 0)
    return at_header(model, "a model that is bounded by time needs a 'watermark' in its header",
                     "add 'watermark: 2 minutes' (how late rows may come)");
  for (const auto& [table, use] : planned.sources) {
    if (!use.streams || use.relation.changes || use.relation.schema.find(model.time)) continue;
    return at_header(model,
                     fmt::format("{} has no column '{}', the model's time", table, model.time),
                     "read a model that gives it this name");
  }
  return {};
}

}  // namespace

base::Result<std::unique_ptr<Operator>> make_composed_operator(
    sql::Connection& connection, const runs::Model& model, Plan plan,
    const std::map<std::string, Relation>& known) {
  StagePlanner planner(connection, model, known);
  StagePlan planned = TRY(planner.plan(plan.tree));
  const Rows rows = planned.last == nullptr ? planned.gives : planned.last->gives();
  TRY(check_header(model, planned, rows));
  Relation output{.table = model.table,
                  .schema = {},
                  .changes = rows.changes,
                  .is_static = false,
                  .key = model.key,
                  .topics = {}};
  std::vector<Relation> inputs;
  for (const auto& [table, use] : planned.sources) {
    if (!use.streams) continue;
    inputs.push_back(use.relation);
    for (const std::string& topic : use.relation.topics) {
      if (std::ranges::find(output.topics, topic) == output.topics.end())
        output.topics.push_back(topic);
    }
  }
  std::ranges::sort(output.topics);
  output.schema = TRY(describe(
      connection, model,
      fmt::format("SELECT {} FROM {}", names_of(rows.columns), sql::quote_name(rows.table))));
  if (rows.places) {
    using columns::Type;
    if (output.topics.size() > 1 && !output.schema.find("_topic"))
      output.schema.fields.push_back({"_topic", Type::kString, true});
    if (!output.schema.find("_partition"))
      output.schema.fields.push_back({"_partition", Type::kInt32, true});
    if (!output.schema.find("_offset"))
      output.schema.fields.push_back({"_offset", Type::kInt64, true});
  }
  auto made = std::make_unique<ComposedOperator>(model, std::move(plan), std::move(inputs),
                                                 std::move(output), std::move(planned));
  TRY(made->prepare(connection));
  return made;
}

}  // namespace stream
