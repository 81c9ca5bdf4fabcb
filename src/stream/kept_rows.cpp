#include "stream/kept_rows.h"

#include <set>

namespace stream {
namespace {

void collect(const nlohmann::json& node, std::set<std::string>& names, bool& star) {
  if (node.is_object()) {
    const std::string kind = node.value("class", std::string());
    if (kind == "COLUMN_REF" && !node["column_names"].empty())
      names.insert(node["column_names"].back());
    if (kind == "STAR") star = true;
  }
  if (node.is_object() || node.is_array()) {
    for (const nlohmann::json& child : node) collect(child, names, star);
  }
}

}  // namespace

columns::Schema needed_columns(const Tree& tree, const columns::Schema& input) {
  std::set<std::string> names;
  bool star = false;
  collect(tree, names, star);
  columns::Schema needed;
  for (const columns::Field& field : input.fields) {
    if (star || names.contains(field.name)) needed.fields.push_back({field.name, field.type, true});
  }
  return needed;
}

std::string column_list(const columns::Schema& schema) {
  std::vector<std::string> names;
  for (const columns::Field& field : schema.fields) names.push_back(sql::quote_name(field.name));
  return fmt::format("{}", fmt::join(names, ", "));
}

std::string same_keys(const std::vector<std::string>& keys, const std::string& left,
                      const std::string& right) {
  std::vector<std::string> terms;
  for (const std::string& key : keys) {
    terms.push_back(
        fmt::format("{0}.{2} IS NOT DISTINCT FROM {1}.{2}", left, right, sql::quote_name(key)));
  }
  return fmt::format("{}", fmt::join(terms, " AND "));
}

base::Result<> count_rows_in(Epoch& epoch, const Plan& plan, const Relation& input,
                             Outcome& outcome) {
  const std::string table = rows_table(input.table);
  for (const auto& [source, n] : TRY(count_by_source(epoch.connection, input, table))) {
    outcome.counts[source].in = n;
    outcome.counts[source].out = n;
  }
  if (plan.where.empty()) return {};
  for (const auto& [source, n] : TRY(count_by_source(
           epoch.connection, input, table, fmt::format("({}) IS NOT TRUE", plan.where)))) {
    outcome.counts[source].filtered["where"] = n;
    outcome.counts[source].out -= n;
  }
  return {};
}

}  // namespace stream
