#include "stream/panes.h"

#include "stream/stage.h"
#include "stream/time_bounds.h"

namespace stream {
namespace {

// Buckets of days or less begin at this Monday.
constexpr std::int64_t kBucketOriginUs = 946'857'600 * base::kUsPerSecond;

bool is_bucket(const Tree& node) {
  return text_of(node, "function_name") == "time_bucket" && list_of(node, "children").size() == 2;
}

// The SELECT's one unnest, when it is a column by itself; -1: there is none or another one.
int only_unnest(const Tree& select) {
  int count = 0;
  walk(select, [&](const Tree& at) {
    count += text_of(at, "function_name") == "unnest" ? 1 : 0;
    return true;
  });
  const Tree& items = list_of(select, "select_list");
  for (std::size_t i = 0; count == 1 && i < items.size(); ++i) {
    if (text_of(items[i], "function_name") == "unnest" && !text_of(items[i], "alias").empty())
      return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

base::Result<Tree> with_plain_buckets(sql::Connection& connection, Tree expression,
                                      const std::string& from) {
  base::Result<> done;
  const auto replace = [&](Tree& at) -> base::Result<bool> {
    if (!is_bucket(at)) return false;
    const auto width = interval_us(connection, at["children"][0]);
    if (!width || *width <= 0) return false;
    const std::string time = TRY(expression_sql(connection, at["children"][1]));
    const auto typed = columns_of(connection, fmt::format("SELECT {} AS t FROM {}", time, from));
    if (!typed || typed->front().type != "TIMESTAMPTZ") return false;
    const std::string alias = text_of(at, "alias");
    at = TRY(expression_of(
        connection, fmt::format("CASE WHEN isfinite({0}) THEN make_timestamptz(epoch_us({0}) - "
                                "(epoch_us({0}) % {1} + {2}) % {1}) ELSE {0} END",
                                time, *width, 2 * *width - kBucketOriginUs % *width)));
    at["alias"] = alias;
    return true;
  };
  walk(expression, [&](Tree& at) {
    if (!done) return false;
    const auto replaced = replace(at);
    if (!replaced) done = std::unexpected(replaced.error());
    return replaced && !*replaced;
  });
  TRY(done);
  return expression;
}

bool names_column(const Tree& expression, const std::string& column) {
  bool found = false;
  walk(expression, [&](const Tree& at) {
    const auto name = column_of(at);
    found = found || (name && name->column == column) || text_of(at, "class") == "STAR";
    return !found;
  });
  return found;
}

base::Result<std::optional<Panes>> panes_of(sql::Connection& connection, const Tree& select) {
  const int at = only_unnest(select);
  if (at < 0 || !has_node(select, "from_table")) return std::nullopt;
  Tree below = select;
  Tree& items = below["select_list"];
  Tree windows = items[static_cast<std::size_t>(at)];
  items.erase(items.begin() + at);
  Panes panes;
  panes.column = text_of(windows, "alias");
  std::vector<Tree> buckets;
  bool plain = true;
  walk(windows, [&](Tree& node) {
    if (column_of(node)) plain = false;
    if (!is_bucket(node)) return true;
    std::size_t i = 0;
    while (i < buckets.size() && !same_expression(buckets[i], node)) ++i;
    if (i == buckets.size()) buckets.push_back(node);
    node = column_ref(fmt::format("_wb_e{}", i));
    return false;
  });
  if (!plain || buckets.empty()) return std::nullopt;
  Tree from = TRY(connection.parse("SELECT 1"));
  select_node(from)["from_table"] = below["from_table"];
  constexpr std::string_view kFront = "SELECT 1 FROM ";
  std::string source = TRY(connection.print(from));
  if (!source.starts_with(kFront)) return std::nullopt;
  source.erase(0, kFront.size());
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    const std::string name = fmt::format("_wb_e{}", i);
    Tree bucket = TRY(with_plain_buckets(connection, buckets[i], source));
    bucket["alias"] = name;
    items.push_back(std::move(bucket));
    panes.panes += (i == 0 ? "" : ", ") + name;
  }
  panes.rows = TRY(connection.print(statement_of(below)));
  panes.windows = TRY(expression_sql(connection, windows));
  return panes;
}

}  // namespace stream
