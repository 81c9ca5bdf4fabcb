// The rows that a model gets from the lake's tables, which it has not taken in with an epoch.
#include <algorithm>

#include "stream/pipeline.h"

namespace stream {

// Makes the rows of a SELECT those of a table that an operator reads.
base::Result<> Pipeline::give_rows(sql::Connection& from, const std::string& select,
                                   const std::string& table, const Operator& op) const {
  if (!side_by_side() && !table.starts_with("bronze."))
    return from.execute(fmt::format("CREATE OR REPLACE TEMP TABLE {} AS {}",
                                    sql::quote_name(rows_table(table)), select));
  const auto result = TRY(from.query(select));
  return connection_of(op).share(rows_table(table),
                                 std::make_shared<const columns::Batch>(TRY(result->batch())));
}

// The rows of a table of the lake that the plan's intervals name.
base::Result<std::string> Pipeline::select_planned(const EpochPlan& plan,
                                                   const std::string& source) const {
  std::vector<std::string> topics;
  columns::Schema schema;
  for (const schema::TopicSchema& topic : topics_) {
    if (source == "bronze." + topic.topic.name) schema = schema::bronze_schema(topic);
  }
  if (const auto from = find(source)) {
    schema = (*from)->schema();
    topics = (*from)->output().topics;
  } else {
    topics = {source.substr(source.find('.') + 1)};
  }
  std::string where = "false";
  for (const runs::Interval& i : plan.intervals) {
    if (std::ranges::count(topics, i.source.topic) == 0) continue;
    where += fmt::format(
        " OR ({}_partition = {} AND _offset >= {} AND _offset < {})",
        topics.size() > 1 ? fmt::format("_topic = {} AND ", sql::quote_text(i.source.topic)) : "",
        i.source.partition, i.from, i.to);
  }
  std::vector<std::string> names;
  for (const columns::Field& field : schema.fields) names.push_back(sql::quote_name(field.name));
  return fmt::format("SELECT {} FROM ({}) WHERE {} ORDER BY {}_partition, _offset",
                     fmt::join(names, ", "), TRY(targets_.at(source).table->snapshot())->scan_sql(),
                     where, topics.size() > 1 ? "_topic, " : "");
}

// Puts what the plan names of the sources into the places where the model reads them.
base::Result<> Pipeline::give_from_lake(const EpochPlan& plan, const Operator& op) {
  for (const std::string& source : op.plan().sources) {
    if (statics_.contains(source)) continue;
    if (gives_places(source)) {
      TRY(give_rows(connection_of(op), TRY(select_planned(plan, source)), source, op));
      continue;
    }
    const Operator& whole = *TRY(find(source));
    if (whole.output().changes) {
      TRY(give_rows(
          connection_of(whole),
          fmt::format("SELECT *, CAST(1 AS BIGINT) AS {} FROM ({})", kWeight, standing_of(whole)),
          source, op));
    } else {
      TRY(give_rows(connection_of(op), TRY(targets_.at(source).table->snapshot())->scan_sql(),
                    source, op));
    }
  }
  return {};
}

// So that models behind it do not take them for rows of this epoch.
base::Result<> Pipeline::take_back_sources(const Operator& op) {
  sql::Connection& connection = connection_of(op);
  for (const std::string& source : op.plan().sources) {
    if (statics_.contains(source)) continue;
    if (const auto from = find(source)) {
      TRY(side_by_side() ? connection.share(rows_table(source), no_rows((*from)->output()))
                         : connection.execute(rows_table_sql((*from)->output())));
      continue;
    }
    for (const schema::TopicSchema& topic : topics_) {
      if (source == "bronze." + topic.topic.name)
        TRY(connection.share(
            rows_table(source),
            std::make_shared<const columns::Batch>(columns::Batch(schema::bronze_schema(topic)))));
    }
  }
  return {};
}

}  // namespace stream
