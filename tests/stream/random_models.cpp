#include "stream/random_models.h"

#include <fmt/format.h>

namespace stream_test {

std::vector<std::string> RandomModels::make() {
  if (chance(50)) add_rows();
  const int shapes = 1 + pick(2);
  for (int i = 0; i < shapes; ++i) add_shape(i);
  if (!groups_.empty() && chance(50)) add_chain("gold.chain");
  // Topics that no model joins would be two pipelines.
  if (!joined_)
    add("silver.both", "", "SELECT id, v FROM bronze.a UNION ALL SELECT id, w FROM bronze.b");
  return models_;
}

void RandomModels::add(const std::string& table, const std::string& header,
                       const std::string& sql) {
  const bool at_times = sql.find("gold.") == std::string::npos && chance(15);
  models_.push_back(
      fmt::format("---\ntable: {}\nmode: {}\ntime: event_time\nwatermark: 5 minutes\n{}---\n{}",
                  table, at_times ? "every 3 seconds" : "streaming", header, sql));
}

RandomModels::Source RandomModels::source() {
  if (has_rows_ && chance(50)) return {"silver.rows", "x"};
  switch (pick(5)) {
    case 0:
    case 1:
      return {"bronze.b", "w"};
    case 2:
      joined_ = true;
      return {
          "(SELECT id, k, v AS x, event_time FROM bronze.a UNION ALL\n"
          "  SELECT id, k, w, event_time FROM bronze.b) u",
          "x", false};
    default:
      return {"bronze.a", "v"};
  }
}

std::string RandomModels::condition(const std::string& x, int depth) {
  if (depth < 2 && chance(35)) {
    return fmt::format("({} {} {})", condition(x, depth + 1), one_of("AND", "OR"),
                       condition(x, depth + 1));
  }
  switch (pick(9)) {
    case 0:
      return fmt::format("{} > {}", x, pick(100));
    case 1:
      return fmt::format("{} % 3 = {}", x, pick(3));
    case 2:
      return x + " IS NOT NULL";
    case 3:
      return fmt::format("{} IS DISTINCT FROM {}", x, pick(100));
    case 4:
      return fmt::format("k {} 'k{}'", one_of("<>", "=", ">="), pick(4));
    case 5:
      return "k IN ('k0', 'k2')";
    case 6:
      return fmt::format("id LIKE '%{}'", pick(10));
    case 7:
      return fmt::format("NOT ({} BETWEEN {} AND {})", x, pick(50), 50 + pick(50));
    default:
      return fmt::format("coalesce({}, 7) < {}", x, 20 + pick(80));
  }
}

std::string RandomModels::number(const std::string& x) {
  switch (pick(7)) {
    case 0:
      return fmt::format("coalesce({}, {})", x, pick(9));
    case 1:
      return fmt::format("{} % 7", x);
    case 2:
      return fmt::format("abs(50 - {})", x);
    case 3:
      return "CAST(length(id) AS BIGINT)";
    case 4:
      return fmt::format("CAST(CASE WHEN {} THEN {} ELSE 1 END AS BIGINT)", condition(x), x);
    default:
      return x;
  }
}

std::string RandomModels::aggregate(const std::string& x) {
  switch (pick(12)) {
    case 0:
      return fmt::format("count({})", number(x));
    case 1:
      return fmt::format("sum({}) FILTER (WHERE {})", number(x), condition(x));
    case 2:
      return fmt::format("min({})", number(x));
    case 3:
      return fmt::format("max({})", number(x));
    case 4:
      return fmt::format("avg({})", number(x));
    case 5:
      return fmt::format("count(DISTINCT {})", number(x));
    case 6:
      return fmt::format("{}({})", one_of("bool_or", "bool_and"), condition(x));
    case 7:
      return fmt::format("{}(id)", one_of("min", "max"));
    case 8:
      return fmt::format("{}(event_time)", one_of("min", "max"));
    case 9:
      return fmt::format("median({})", number(x));
    case 10:
      return "string_agg(id, ',' ORDER BY id)";
    default:
      return fmt::format("sum({}) + {}", number(x), pick(5));
  }
}

std::string RandomModels::where(const std::string& x) {
  return chance(50) ? "\nWHERE " + condition(x) : "";
}

void RandomModels::add_rows() {
  const bool a = chance(60);
  const std::string x = a ? "v" : "w";
  std::string more;
  std::string header;
  if (chance(40)) {
    header = "ttl: 1 day\n";
    more = "\nQUALIFY row_number() OVER (PARTITION BY id ORDER BY _offset) = 1";
  }
  add("silver.rows", header,
      fmt::format("SELECT id, k, {} AS x, event_time, _partition, _offset FROM bronze.{}{}{}",
                  number(x), a ? "a" : "b", where(x), more));
  has_rows_ = true;
}

void RandomModels::add_shape(int number_of_it) {
  const std::string n = std::to_string(number_of_it);
  switch (pick(12)) {
    case 0: {
      const Source from = source();
      add("silver.filtered" + n, "",
          fmt::format("SELECT id, k, {} AS e, event_time\nFROM {}{}", number(from.x), from.from,
                      where(from.x)));
      return;
    }
    case 1: {
      const Source from = source();
      add("gold.kinds" + n, "key: [k, e]\n",
          fmt::format("SELECT DISTINCT k, {} AS e FROM {}{}", number(from.x), from.from,
                      where(from.x)));
      return;
    }
    case 2:
    case 3:
      return add_hopping("gold.hopping" + n);
    case 4:
    case 5:
      return add_join("silver.joined" + n);
    case 6:
      return add_top("gold.top" + n);
    case 7:
      return add_sessions("gold.sessions" + n);
    default:
      return add_groups("gold.groups" + n);
  }
}

void RandomModels::add_groups(const std::string& table) {
  const Source from = source();
  std::string more;
  for (int i = pick(4); i > 0; --i) more += fmt::format(", {} AS a{}", aggregate(from.x), i);
  const std::string having = chance(25) ? fmt::format("\nHAVING count(*) <> {}", 1 + pick(3)) : "";
  std::string by = "k";
  std::string key = "k";
  std::string header;
  if (chance(60)) {
    by += fmt::format(", time_bucket(INTERVAL '{} seconds', event_time) AS start", 15 + pick(60));
    key += ", start";
  } else {
    header = "ttl: 1 day\n";  // the rows of some aggregates are kept
    if (chance(40)) {
      by += fmt::format(", {} % {} AS class", from.x, 2 + pick(4));
      key += ", class";
    } else {
      groups_.push_back(table);
    }
  }
  add(table, header + fmt::format("key: [{}]\n", key),
      fmt::format("SELECT {}, count(*) AS n, sum({}) AS total{}\nFROM {}{}\nGROUP BY ALL{}", by,
                  from.x, more, from.from, where(from.x), having));
}

void RandomModels::add_hopping(const std::string& table) {
  const Source from = source();
  const int hop = 10 + pick(20);
  add(table, "key: [start, k]\n",
      fmt::format(
          "SELECT start, k, count(*) AS n, {3} AS a FROM (\n"
          "  SELECT id, k, {0}, event_time, unnest(generate_series(\n"
          "    time_bucket(INTERVAL '{1} seconds', event_time) - INTERVAL '{2} seconds',\n"
          "    time_bucket(INTERVAL '{1} seconds', event_time), INTERVAL '{1} seconds')) AS start\n"
          "  FROM {4}) GROUP BY start, k",
          from.x, hop, hop * (1 + pick(3)), aggregate(from.x), from.from));
}

void RandomModels::add_join(const std::string& table) {
  joined_ = true;
  const std::string filter = chance(40) ? fmt::format(" WHERE a.v > {}", pick(60)) : "";
  const std::string columns = "a.id AS a_id, b.id AS b_id, a.k, a.v, b.w";
  if (chance(25)) {
    wait_for_nothing_ = false;
    return add(table, "",
               fmt::format("SELECT {} FROM bronze.a a ASOF LEFT JOIN bronze.b b\n"
                           "ON a.k = b.k AND a.event_time >= b.event_time",
                           columns));
  }
  const bool left = chance(40);
  if (left) wait_for_nothing_ = false;
  add(table, "",
      fmt::format("SELECT {} FROM bronze.a a {}JOIN bronze.b b ON a.k = b.k\n"
                  "AND b.event_time BETWEEN a.event_time - INTERVAL '{} seconds'\n"
                  "AND a.event_time + INTERVAL '{} seconds'{}",
                  columns, left ? "LEFT " : "", pick(30), pick(30), left ? "" : filter));
}

void RandomModels::add_top(const std::string& table) {
  const Source from = source();
  add(table, "key: [k, place]\n",
      fmt::format(
          "SELECT k, id, {0} AS x, row_number() OVER (PARTITION BY k ORDER BY {0} {1} NULLS "
          "LAST, id) AS\nplace FROM {2}{3} QUALIFY place <= {4}",
          from.x, one_of("DESC", "ASC"), from.from, where(from.x), 1 + pick(3)));
}

void RandomModels::add_sessions(const std::string& table) {
  const Source from = source();
  add(table, "ttl: 30 minutes\nkey: [k, start]\n",
      fmt::format(
          "SELECT k, min(event_time) AS start, max(event_time) AS stop, count(*) AS n FROM (\n"
          "  SELECT *, sum(begins) OVER (PARTITION BY k ORDER BY event_time, id) AS session FROM "
          "(\n"
          "    SELECT *, CASE WHEN event_time - lag(event_time) OVER (PARTITION BY k ORDER BY\n"
          "      event_time, id) > INTERVAL '{} seconds' THEN 1 ELSE 0 END AS begins\n"
          "    FROM {})) GROUP BY k, session",
          5 + pick(20), from.from));
}

void RandomModels::add_chain(const std::string& table) {
  const std::string& from = groups_.front();
  if (chance(50)) {
    return add(table, "key: [n]\n",
               fmt::format("SELECT n, count(*) AS keys, sum(total) AS total, max(k) AS last\n"
                           "FROM {} GROUP BY n",
                           from));
  }
  add(table, "key: [k]\n",
      fmt::format("SELECT k, total * 2 AS twice, n FROM {} WHERE n % 2 = {}", from, pick(2)));
}

}  // namespace stream_test
