#include "measure.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <vector>

#include "lake/upsert.h"

namespace lake_tool {
namespace {

using base::Result;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kRows =
    "SELECT i AS id, i * 7 AS a, i % 100 AS b, 'truck-' || (i % 5000) AS truck, "
    "'carrier ' || (i % 40) AS carrier, CASE i % 3 WHEN 0 THEN 'moving' ELSE 'stopped' END AS "
    "status, "
    "random() * 180 AS lat, random() * 90 AS lon, random() AS speed, "
    "TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_microseconds(i * 1003) AS event_time, "
    "TIMESTAMPTZ '2026-01-02 00:00:00+00' + to_microseconds(i) AS ingest_time, "
    "DATE '2026-01-01' + CAST(i * {0} // {1} AS INTEGER) AS day FROM range({1}) AS r(i)";

lake::Table::CreateOptions options(std::vector<std::string> partitions) {
  using columns::Type;
  lake::Table::CreateOptions result;
  result.name = "measure";
  result.schema.fields = {{"id", Type::kInt64, false},
                          {"a", Type::kInt64, true},
                          {"b", Type::kInt64, true},
                          {"truck", Type::kString, true},
                          {"carrier", Type::kString, true},
                          {"status", Type::kString, true},
                          {"lat", Type::kFloat64, true},
                          {"lon", Type::kFloat64, true},
                          {"speed", Type::kFloat64, true},
                          {"event_time", Type::kTimestamp, true},
                          {"ingest_time", Type::kTimestamp, true},
                          {"day", Type::kDate, true}};
  result.partition_columns = std::move(partitions);
  return result;
}

// Best, median and worst of the runs: on a busy machine the best tells what the work costs.
Result<> figure(const std::string& name, int runs, const std::function<Result<>()>& work) {
  std::vector<double> times;
  for (int i = 0; i < runs; ++i) {
    const auto start = Clock::now();
    TRY(work());
    times.push_back(std::chrono::duration<double, std::milli>(Clock::now() - start).count());
  }
  std::ranges::sort(times);
  fmt::print("figure {} {:.2f} ms best, {:.2f} median, {:.2f} worst of {}\n", name, times.front(),
             times[times.size() / 2], times.back(), runs);
  return {};
}

class Measure {
 public:
  Measure(storage::ObjectStore& store, sql::Database& database, std::string path)
      : store_(store), database_(database), path_(std::move(path)) {}

  Result<> run() {
    connection_ = TRY(database_.connect());
    TRY(stage());
    TRY(commits());
    return upserts();
  }

 private:
  Result<std::shared_ptr<lake::Table>> create(const std::string& name,
                                              std::vector<std::string> partitions) {
    return lake::Table::create(store_, database_, path_ + "/" + name,
                               options(std::move(partitions)));
  }

  Result<> rows(const std::string& name, int days, int count) {
    return connection_->execute("CREATE OR REPLACE TEMP TABLE " + name + " AS " +
                                fmt::format(fmt::runtime(kRows), days, count));
  }

  Result<> stage() {
    const auto table = TRY(create("flat", {}));
    const auto parted = TRY(create("parted", {"day"}));
    const auto one = [&](lake::Table& into, const std::string& name, int runs) {
      return figure("stage_" + name, runs, [&]() -> Result<> {
        TRY(into.stage(*connection_, "FROM batch"));
        return {};
      });
    };
    for (const int count : {1'000, 100'000, 300'000}) {
      TRY(rows("batch", 1, count));
      const int runs = count == 1'000 ? 50 : 5;
      TRY(one(*table, fmt::format("{}_rows", count), runs));
      TRY(figure(fmt::format("duckdb_copy_{}_rows", count), runs, [&] {
        return connection_->execute("COPY batch TO " +
                                    sql::quote_text(store_.url(path_ + "/x.parquet")) +
                                    " (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)");
      }));
      TRY(rows("batch", 3, count));
      TRY(one(*parted, fmt::format("{}_rows_3_partitions", count), runs));
    }
    TRY(rows("batch", 365, 300'000));
    return one(*parted, "300000_rows_365_partitions", 1);
  }

  // A streaming table: one small file per commit, until there are thousands.
  Result<> commits() {
    const auto table = TRY(create("stream", {}));
    TRY(rows("batch", 1, 100));
    const auto file = TRY(table->stage(*connection_, "FROM batch")).at(0);
    const std::string bytes = TRY(store_.get(path_ + "/stream/" + file.path));
    int number = 0;
    const auto commit = [&](int files) -> Result<> {
      const auto transaction = TRY(table->begin());
      for (int i = 0; i < files; ++i) {
        lake::AddFile copy = file;
        copy.path = fmt::format("part-{}.parquet", number++);
        TRY(store_.put(path_ + "/stream/" + copy.path, bytes));
        transaction->add(std::move(copy));
      }
      TRY(transaction->commit({.operation = "STREAMING UPDATE"}));
      return {};
    };
    const auto look = [&](int files) -> Result<> {
      TRY(figure(fmt::format("commit_at_{}_files", files), 30, [&] { return commit(1); }));
      TRY(figure(fmt::format("scan_sql_of_{}_files", files), 5, [&]() -> Result<> {
        static_cast<void>(TRY(table->snapshot())->scan_sql());
        return {};
      }));
      TRY(figure(fmt::format("scan_{}_files", files), 3, [&] {
        return connection_->execute("SELECT sum(a), max(truck) FROM (" +
                                    table->snapshot().value()->scan_sql() + ")");
      }));
      return figure(fmt::format("open_{}_files", files), 3, [&]() -> Result<> {
        TRY(lake::Table::open(store_, database_, path_ + "/stream"));
        return {};
      });
    };
    TRY(look(0));
    TRY(commit(970));
    TRY(look(1'000));
    TRY(commit(3'970));
    return look(5'000);
  }

  Result<> upserts() {
    for (const int count : {1'000, 100'000}) {
      for (const int changes : {count / 100, count}) {
        const auto table = TRY(create(fmt::format("keyed_{}_{}", count, changes), {}));
        const auto upsert = [&](const std::string& changed) -> Result<> {
          const auto transaction = TRY(table->begin());
          TRY(lake::stage_upsert(*table, *connection_, *transaction, changed, {"id"}));
          TRY(transaction->commit({.operation = "MERGE"}));
          return {};
        };
        TRY(rows("batch", 1, count));
        TRY(upsert("batch"));
        TRY(connection_->execute(
            fmt::format("CREATE OR REPLACE TEMP TABLE changed AS FROM batch LIMIT {} OFFSET {}",
                        changes, (count - changes) / 2)));
        TRY(figure(fmt::format("upsert_{}_into_{}_rows", changes, count), 7,
                   [&] { return upsert("changed"); }));
      }
    }
    return {};
  }

  storage::ObjectStore& store_;
  sql::Database& database_;
  const std::string path_;
  std::unique_ptr<sql::Connection> connection_;
};

}  // namespace

Result<> measure(storage::ObjectStore& store, sql::Database& database, const std::string& path) {
  return Measure(store, database, path).run();
}

}  // namespace lake_tool
