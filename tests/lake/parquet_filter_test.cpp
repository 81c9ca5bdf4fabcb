#include "lake/parquet_filter.h"

#include <fstream>
#include <random>

#include "lake/fixture.h"

namespace {

using base::Code;
using testing::HasSubstr;

class ParquetFilter : public lake_test::LakeTest {
 protected:
  std::string file(const std::string& name) const { return (folder_ / name).string(); }

  // Everything that differs between rows: nulls, runs, long and short texts, dictionaries and not.
  void write(int rows, const std::string& options) {
    const auto written = connection_->execute(fmt::format(
        "COPY (SELECT i AS id, CASE WHEN i % 3 = 0 THEN NULL ELSE i * 0.5::DOUBLE END AS half, "
        "CAST(i % 7 AS INTEGER) AS small, 'name ' || (i % 50) AS name, i % 5 = 0 AS flag, "
        "CASE WHEN i % 1000 < 900 THEN NULL ELSE repeat('x', CAST(i % 40 AS INTEGER)) || i END AS "
        "rare, CAST(NULL AS BIGINT) AS nothing, DATE '2026-01-01' + CAST(i % 300 AS INTEGER) AS "
        "day, TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_microseconds(i * 1001) AS at, "
        "CAST(i AS DECIMAL(30, 3)) AS exact, CAST(i % 11 AS FLOAT) AS ratio, uuid_or.u AS code "
        "FROM range({}) AS r(i), (SELECT md5('a')::BLOB AS u) AS uuid_or) TO '{}' (FORMAT parquet, "
        "{})",
        rows, file("in.parquet"), options));
    ASSERT_TRUE(written) << written.error().to_string();
  }

  base::Result<lake::FilteredFile> filter(const std::vector<std::uint64_t>& gone) {
    return lake::filter_parquet(file("in.parquet"), file("out.parquet"), gone);
  }

  void expect_filtered(const std::vector<std::uint64_t>& gone) {
    const auto filtered = filter(gone);
    ASSERT_TRUE(filtered) << filtered.error().to_string();
    EXPECT_EQ(static_cast<std::uintmax_t>(filtered->bytes),
              std::filesystem::file_size(file("out.parquet")));
    ASSERT_TRUE(connection_->execute(fmt::format(
        "CREATE OR REPLACE TEMP TABLE gone AS SELECT unnest(CAST('[{}]' AS BIGINT[])) AS row",
        fmt::join(gone, ","))));
    const std::string expected = fmt::format(
        "SELECT * EXCLUDE (file_row_number) FROM read_parquet('{}', file_row_number = true) WHERE "
        "file_row_number NOT IN (FROM gone)",
        file("in.parquet"));
    const std::string got = fmt::format("FROM read_parquet('{}')", file("out.parquet"));
    for (const auto& [a, b] : {std::pair(expected, got), std::pair(got, expected)}) {
      EXPECT_EQ(query(fmt::format("SELECT count(*) FROM (({}) EXCEPT ALL ({}))", a, b)),
                std::vector<std::string>{"0"});
    }
    EXPECT_EQ(query("SELECT count(*) FROM (" + got + ")"),
              std::vector<std::string>{std::to_string(filtered->rows)});
    expect_true_statistics();
  }

  // Those of the footer are those of the rows.
  void expect_true_statistics() {
    for (const auto& [column, type] :
         {std::pair("id", "BIGINT"), std::pair("half", "DOUBLE"), std::pair("name", "VARCHAR"),
          std::pair("day", "DATE"), std::pair("rare", "VARCHAR")}) {
      EXPECT_EQ(
          query(fmt::format("SELECT min(CAST(stats_min_value AS {1})), max(CAST(stats_max_value AS "
                            "{1})), sum(stats_null_count) FROM parquet_metadata('{2}') WHERE "
                            "path_in_schema = '{0}'",
                            column, type, file("out.parquet"))),
          query(fmt::format("SELECT min({0}), max({0}), count(*) - count({0}) FROM '{1}'", column,
                            file("out.parquet"))))
          << column;
    }
  }

  static std::vector<std::uint64_t> some(int rows, double share, unsigned seed) {
    std::mt19937 random(seed);
    std::bernoulli_distribution goes(share);
    std::vector<std::uint64_t> gone;
    for (int i = 0; i < rows; ++i) {
      if (goes(random)) gone.push_back(static_cast<std::uint64_t>(i));
    }
    return gone;
  }
};

TEST_F(ParquetFilter, TakesRowsOutOfEveryLayoutThatDuckDbWrites) {
  for (const std::string codec : {"zstd", "snappy", "gzip", "uncompressed"}) {
    for (const std::string layout : {"ROW_GROUP_SIZE 4096", "ROW_GROUP_SIZE 30000",
                                     "ROW_GROUP_SIZE 4096, DICTIONARY_SIZE_LIMIT 1"}) {
      SCOPED_TRACE(codec + " " + layout);
      write(20'000, "COMPRESSION " + codec + ", " + layout);
      expect_filtered(some(20'000, 0.01, 1));
      expect_filtered(some(20'000, 0.6, 2));
    }
  }
}

TEST_F(ParquetFilter, TakesOutFirstLastAllOfARowGroupAndNothing) {
  write(10'000, "ROW_GROUP_SIZE 2048");
  expect_filtered({0});
  expect_filtered({9'999});
  expect_filtered({});
  std::vector<std::uint64_t> group;
  for (std::uint64_t i = 2048; i < 4096; ++i) group.push_back(i);
  expect_filtered(group);
  EXPECT_EQ(query("SELECT count(DISTINCT row_group_id) FROM parquet_metadata('" +
                  file("out.parquet") + "')"),
            std::vector<std::string>{"4"});
}

TEST_F(ParquetFilter, GivesAFileThatCanBeFilteredAgain) {
  write(10'000, "ROW_GROUP_SIZE 2048");
  for (unsigned seed = 0; seed < 5; ++seed) {
    expect_filtered(some(5'000, 0.1, seed));
    std::filesystem::rename(file("out.parquet"), file("in.parquet"));
  }
}

TEST_F(ParquetFilter, LeavesNestedColumnsAndUnknownEncodingsToOthers) {
  ASSERT_TRUE(connection_->execute("COPY (SELECT i, [i, i] AS list FROM range(10) r(i)) TO '" +
                                   file("in.parquet") + "' (FORMAT parquet)"));
  EXPECT_EQ(filter({1}).error().code, Code::kUnsupported);
  ASSERT_TRUE(
      connection_->execute("COPY (SELECT i * 7919 % 10007 AS i FROM range(10000) r(i)) TO '" +
                           file("in.parquet") + "' (FORMAT parquet, PARQUET_VERSION v2)"));
  EXPECT_EQ(filter({1}).error().code, Code::kUnsupported);
}

TEST_F(ParquetFilter, RefusesRowsThatTheFileDoesNotHave) {
  write(100, "ROW_GROUP_SIZE 2048");
  const auto filtered = filter({1, 100});
  ASSERT_FALSE(filtered);
  EXPECT_THAT(filtered.error().message, HasSubstr("row 100 is not in the file"));
}

TEST_F(ParquetFilter, GivesAnErrorForEveryCutAndNoCrashForAnyChangedByte) {
  write(3'000, "ROW_GROUP_SIZE 2048");
  std::string whole;
  {
    std::ifstream in(file("in.parquet"), std::ios::binary);
    whole.assign(std::istreambuf_iterator<char>(in), {});
  }
  const auto put = [&](const std::string& bytes) {
    std::ofstream(file("in.parquet"), std::ios::binary | std::ios::trunc) << bytes;
  };
  for (std::size_t size = 0; size < whole.size(); size += 997) {
    put(whole.substr(0, size));
    EXPECT_FALSE(filter({1})) << size;
  }
  std::mt19937 random(5);
  for (int round = 0; round < 150; ++round) {
    std::string broken = whole;
    for (int i = 0; i < 3; ++i) {
      // Half of them in the footer, which is at the end.
      const std::size_t from = random() % 2 == 0 ? 0 : whole.size() - whole.size() / 8;
      broken[from + random() % (whole.size() - from)] = static_cast<char>(random());
    }
    put(broken);
    static_cast<void>(filter({1, 2, 2'500}));
  }
}

}  // namespace
