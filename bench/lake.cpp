// One figure of the lake per run, so that its time and its memory are its own.
//
// bench_lake FOLDER FIGURE NUMBER; the figures are at the end of this file.
// Prints "NAME MILLISECONDS PEAK_MB".
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <map>

#include "lake/checkpoint.h"
#include "lake/dml.h"
#include "lake/snapshot.h"
#include "lake/table.h"

namespace {

using base::Code;
using base::Result;
using Clock = std::chrono::steady_clock;

constexpr std::string_view kRows =
    "SELECT i AS id, i * 7 AS a, i % 100 AS b, 'truck-' || (i % 5000) AS truck, 'carrier ' || "
    "(i % 40) AS carrier, i * 0.25::DOUBLE AS load, TIMESTAMPTZ '2026-01-01 00:00:00+00' + "
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

double ms_since(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start).count();
}

template <class Work>
Result<> figure(const char* name, Work work) {
  const auto start = Clock::now();
  TRY(work());
  const double took = ms_since(start);
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

// What the disk asks for one small file: its median, and a thousand of them.
Result<> sync(Bench& bench) {
  std::vector<double> took;
  const std::string path = (bench.folder / "sync").string();
  for (std::int64_t i = 0; i < bench.number; ++i) {
    const int file = ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC, 0644);
    const auto start = Clock::now();
    if (::write(file, path.data(), path.size()) < 0 || ::fdatasync(file) != 0) {
      return base::fail(Code::kIo, "cannot sync {}", path);
    }
    took.push_back(ms_since(start));
    ::close(file);
    ::unlink(path.c_str());
  }
  std::ranges::sort(took);
  fmt::print("sync {:.2f} 0\n", took[took.size() / 2]);
  return {};
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

// Scattered rows of the table "big"; BENCH_OFFSET tells one run's from another's.
Result<> merge(Bench& bench) {
  const auto into = TRY(table(bench, "big"));
  const std::int64_t step = TRY(into->snapshot())->rows() / bench.number;
  const char* offset = std::getenv("BENCH_OFFSET");
  return figure("merge", [&]() -> Result<> {
    TRY(lake::merge(*into, *bench.connection,
                    {.source = fmt::format("SELECT * REPLACE (id * {0} + {2} AS id, -1.0 AS load) "
                                           "FROM ({1})",
                                           step, rows(0, bench.number), offset ? offset : "0"),
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
    const auto opened = TRY(lake::Table::open(*bench.store, *bench.database, "many"));
    const auto files = std::ssize(TRY(opened->snapshot(false))->files());
    if (files >= bench.number) return {};
    return base::fail(Code::kCorrupt, "the table has {} files", files);
  });
}

// The table "many" as a checkpoint, too.
Result<> checkpoint(Bench& bench) {
  const auto opened = TRY(lake::Table::open(*bench.store, *bench.database, "many"));
  const auto snapshot = TRY(opened->snapshot());
  return figure("checkpoint", [&] {
    return lake::write_checkpoint(*bench.store, *bench.database, "many",
                                  static_cast<const lake::StateSnapshot&>(*snapshot).state());
  });
}

Result<> commit_one(lake::Table& table, const std::string& name) {
  const auto transaction = TRY(table.begin());
  lake::AddFile file = transaction->base().files().at(0);
  file.path = name;
  transaction->add(std::move(file));
  TRY(transaction->commit({.operation = "WRITE"}));
  return {};
}

// Another process's commit seen by one that has the table open: the median of some.
Result<> update(Bench& bench) {
  const auto reader = TRY(lake::Table::open(*bench.store, *bench.database, "many"));
  const auto writer = TRY(lake::Table::open(*bench.store, *bench.database, "many"));
  std::vector<double> took;
  for (std::int64_t i = 0; i < bench.number; ++i) {
    TRY(commit_one(*writer, fmt::format("one-{}-{}.parquet", ::getpid(), i)));
    const auto start = Clock::now();
    TRY(reader->snapshot(true));
    took.push_back(ms_since(start));
  }
  std::ranges::sort(took);
  fmt::print("update {:.3f} 0\n", took[took.size() / 2]);
  return {};
}

Result<> commit_one_more(Bench& bench) {
  return commit_one(*TRY(lake::Table::open(*bench.store, *bench.database, "many")),
                    fmt::format("more-{}.parquet", ::getpid()));
}

// Ten million rows in `number` files.
Result<> prepare_scan(Bench& bench) {
  const auto into = TRY(table(bench, "files"));
  const std::int64_t rows_per_file = 10'000'000 / bench.number;
  for (std::int64_t i = 0; i < bench.number; ++i) {
    TRY(lake::append(*into, *bench.connection, rows(i * rows_per_file, (i + 1) * rows_per_file)));
  }
  return {};
}

Result<> count_rows(Bench& bench) {
  return figure("count", [&]() -> Result<> {
    const auto opened = TRY(lake::Table::open(*bench.store, *bench.database, "files"));
    const auto counted = TRY(bench.connection->query(
        "SELECT count(*) FROM (" + TRY(opened->snapshot(false))->scan_sql() + ")"));
    if (counted->int_at(0, 0) == 10'000'000) return {};
    return base::fail(Code::kCorrupt, "it has {} rows", counted->int_at(0, 0));
  });
}

Result<> filtered_rows(Bench& bench) {
  return figure("filtered", [&]() -> Result<> {
    const auto opened = TRY(lake::Table::open(*bench.store, *bench.database, "files"));
    const std::string condition =
        fmt::format("id BETWEEN {} AND {}", bench.number, bench.number + 999);
    const std::string scan =
        TRY(lake::scan_where(*TRY(opened->snapshot(false)), *bench.connection, condition));
    const auto found = TRY(bench.connection->query(
        fmt::format("SELECT count(*), sum(load) FROM ({}) WHERE {}", scan, condition)));
    if (found->int_at(0, 0) == 1'000) return {};
    return base::fail(Code::kCorrupt, "{} rows were found", found->int_at(0, 0));
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
  const std::map<std::string, Result<> (*)(Bench&)> figures{{"copy", copy},
                                                            {"sync", sync},
                                                            {"append", append},
                                                            {"commits", commits},
                                                            {"merge", merge},
                                                            {"prepare-snapshot", prepare_snapshot},
                                                            {"checkpoint", checkpoint},
                                                            {"snapshot", snapshot},
                                                            {"update", update},
                                                            {"commit-one", commit_one_more},
                                                            {"prepare-scan", prepare_scan},
                                                            {"count", count_rows},
                                                            {"filtered", filtered_rows}};
  const std::string figure_name = values[2];
  if (const auto it = figures.find(figure_name); it != figures.end()) return it->second(bench);
  return base::fail(Code::kInvalid, "there is no figure {}", figure_name);
}

}  // namespace

int main(int count, char** values) {
  const auto done = run(count, values);
  if (done) return 0;
  fmt::print(stderr, "{}\n", done.error().to_string());
  return 1;
}
