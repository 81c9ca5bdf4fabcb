// One figure of the lake per run, so that its time and its memory are its own.
//
// bench_lake FOLDER copy|append|commits|merge|snapshot|prepare-snapshot NUMBER
// Prints "NAME MILLISECONDS PEAK_MB".
#include <sys/resource.h>

#include <chrono>
#include <cstdlib>

#include "lake/dml.h"
#include "lake/table.h"

namespace {

using base::Code;
using base::Result;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kRows =
    "SELECT i AS id, i * 7 AS a, i % 100 AS b, 'truck-' || (i % 5000) AS truck, 'carrier ' || "
    "(i % 40) AS carrier, i * 0.25 AS load, TIMESTAMPTZ '2026-01-01 00:00:00+00' + "
    "to_microseconds(i * 1003) AS event_time FROM range({}, {}) AS r(i)";

struct Bench {
  base::Path folder;
  std::int64_t number = 0;
  std::unique_ptr<storage::ObjectStore> store;
  std::unique_ptr<sql::Database> database;
  std::unique_ptr<sql::Connection> connection;
};

std::string rows(std::int64_t first, std::int64_t last) {
  return fmt::format(fmt::runtime(kRows), first, last);
}

Result<std::shared_ptr<lake::Table>> table(Bench& bench, const std::string& path) {
  auto opened = lake::Table::open(*bench.store, *bench.database, path);
  if (opened) return opened;
  using columns::Type;
  lake::Table::CreateOptions options{.name = path, .schema = {}};
  options.schema.fields = {{"id", Type::kInt64, true},
                           {"a", Type::kInt64, true},
                           {"b", Type::kInt64, true},
                           {"truck", Type::kString, true},
                           {"carrier", Type::kString, true},
                           {"load", Type::kFloat64, true},
                           {"event_time", Type::kTimestamp, true}};
  if (std::getenv("BENCH_VECTORS")) {
    options.configuration["delta.enableDeletionVectors"] = "true";
  }
  return lake::Table::create(*bench.store, *bench.database, path, options);
}

template <class Work>
Result<> figure(const char* name, Work work) {
  const auto start = Clock::now();
  TRY(work());
  const auto took = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  rusage usage{};
  ::getrusage(RUSAGE_SELF, &usage);
  fmt::print("{} {:.1f} {}\n", name, took, usage.ru_maxrss / 1024);
  return {};
}

Result<> copy(Bench& bench) {
  return figure("copy", [&] {
    return bench.connection->execute(
        fmt::format("COPY ({}) TO '{}' (FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1)",
                    rows(0, bench.number), (bench.folder / "copy.parquet").string()));
  });
}

Result<> append(Bench& bench) {
  const auto into = TRY(table(bench, "big"));
  return figure("append", [&]() -> Result<> {
    TRY(lake::append(*into, *bench.connection, rows(0, bench.number)));
    return {};
  });
}

Result<> commits(Bench& bench) {
  const auto into = TRY(table(bench, "small"));
  return figure("commits", [&]() -> Result<> {
    for (std::int64_t i = 0; i < bench.number; ++i) {
      TRY(lake::append(*into, *bench.connection, rows(i * 10, i * 10 + 10)));
    }
    return {};
  });
}

// Scattered rows of the table "big".
Result<> merge(Bench& bench) {
  const auto into = TRY(table(bench, "big"));
  const std::int64_t step = TRY(into->snapshot())->rows() / bench.number;
  return figure("merge", [&]() -> Result<> {
    TRY(lake::merge(*into, *bench.connection,
                    {.source = fmt::format("SELECT * REPLACE (id * {0} AS id, -1.0 AS load) FROM "
                                           "({1})",
                                           step, rows(0, bench.number)),
                     .on = "target.id = source.id",
                     .clauses = {{.what = lake::MergeClause::Do::kUpdate},
                                 {.when = lake::MergeClause::When::kNotMatched,
                                  .what = lake::MergeClause::Do::kInsert}}}));
    return {};
  });
}

// A log of many files; they are never read.
Result<> prepare_snapshot(Bench& bench) {
  const auto into = TRY(table(bench, "many"));
  TRY(lake::append(*into, *bench.connection, rows(0, 10)));
  const lake::AddFile file = TRY(into->snapshot())->files().at(0);
  for (std::int64_t done = 0; done < bench.number; done += 10'000) {
    const auto transaction = TRY(into->begin());
    for (std::int64_t i = done; i < std::min(done + 10'000, bench.number); ++i) {
      lake::AddFile one = file;
      one.path = fmt::format("part-{:08}.parquet", i);
      transaction->add(std::move(one));
    }
    TRY(transaction->commit({.operation = "WRITE"}));
  }
  return {};
}

Result<> snapshot(Bench& bench) {
  return figure("snapshot", [&]() -> Result<> {
    TRY(lake::Table::open(*bench.store, *bench.database, "many"));
    return {};
  });
}

Result<> run(int count, char** values) {
  if (count < 4) return base::fail(Code::kInvalid, "usage: bench_lake FOLDER FIGURE NUMBER");
  Bench bench;
  bench.folder = values[1];
  bench.number = std::atoll(values[3]);
  bench.store = TRY(storage::local_store(base::posix_file_system(), bench.folder));
  bench.database = TRY(sql::Database::open(
      {.memory_limit = "1GB", .temporary_directory = (bench.folder / ".spill").string()}));
  bench.connection = TRY(bench.database->connect());
  const std::string figure_name = values[2];
  if (figure_name == "copy") return copy(bench);
  if (figure_name == "append") return append(bench);
  if (figure_name == "commits") return commits(bench);
  if (figure_name == "merge") return merge(bench);
  if (figure_name == "prepare-snapshot") return prepare_snapshot(bench);
  if (figure_name == "snapshot") return snapshot(bench);
  return base::fail(Code::kInvalid, "there is no figure {}", figure_name);
}

}  // namespace

int main(int count, char** values) {
  const auto done = run(count, values);
  if (done) return 0;
  fmt::print(stderr, "{}\n", done.error().to_string());
  return 1;
}
