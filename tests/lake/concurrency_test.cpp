#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <thread>

#include "lake/fixture.h"
#include "lake/log_files.h"

namespace {

using base::Code;
using columns::Type;
using lake_test::field;
using testing::ElementsAre;
using testing::HasSubstr;

class Concurrency : public lake_test::LakeTest {
 protected:
  static lake::Table::CreateOptions simple() {
    return options({field("id", Type::kInt64, false), field("p", Type::kString)}, {"p"});
  }
  std::vector<lake::AddFile> staged(lake::Table& table, int id, const std::string& p) {
    return table.stage(*connection_, fmt::format("SELECT {} AS id, '{}' AS p", id, p)).value();
  }
  static void add_all(lake::Transaction& transaction, std::vector<lake::AddFile> files) {
    for (auto& file : files) transaction.add(std::move(file));
  }
  // Replaces partition `p`, reading and removing what is there.
  void replace(lake::Table& table, lake::Transaction& transaction, int id, const std::string& p) {
    transaction.read_partitions({{{"p", p}}});
    for (const auto& file : transaction.base().files()) {
      if (file.partition_values.at("p") == p) transaction.remove(file);
    }
    add_all(transaction, staged(table, id, p));
  }
  static base::Result<lake::Version> commit(lake::Transaction& transaction) {
    return transaction.commit({.operation = "WRITE"});
  }
};

// What each process of the race does, with a database of its own. True when all went well.
bool append_many(const std::filesystem::path& root, int first, int count) {
  auto store = storage::local_store(base::posix_file_system(), root);
  auto database = sql::Database::open({.threads = 1});
  if (!store || !database) return false;
  auto connection = (*database)->connect();
  auto table = lake::Table::open(**store, **database, "t");
  if (!connection || !table) return false;
  for (int i = first; i < first + count; ++i) {
    auto files = (*table)->stage(**connection, fmt::format("SELECT {} AS id, 'x' AS p", i));
    auto transaction = (*table)->begin();
    if (!files || !transaction) return false;
    for (auto& file : *files) (*transaction)->add(std::move(file));
    if (auto done = (*transaction)->commit({.operation = "WRITE"}); !done) {
      fmt::print(stderr, "append {}: {}\n", i, done.error().to_string());
      return false;
    }
  }
  return true;
}

TEST_F(Concurrency, OfTwoProcessesLosesNoAppendAndLeavesNoGap) {
  constexpr int kAppends = 100;
  create("t", simple());
  connection_.reset();
  database_.reset();  // a database does not survive fork()
  std::vector<pid_t> children;
  for (int child = 0; child < 2; ++child) {
    const pid_t pid = ::fork();
    ASSERT_GE(pid, 0);
    if (pid == 0) ::_exit(append_many(folder_, child * kAppends, kAppends) ? 0 : 1);
    children.push_back(pid);
  }
  for (const pid_t pid : children) {
    int status = 0;
    ASSERT_EQ(::waitpid(pid, &status, 0), pid);
    EXPECT_EQ(status, 0);
  }
  database_ = sql::Database::open({}).value();
  connection_ = database_->connect().value();
  auto table = open("t");
  const auto snapshot = table->snapshot().value();
  EXPECT_EQ(snapshot->version(), 2 * kAppends);
  EXPECT_EQ(snapshot->rows(), 2 * kAppends);
  EXPECT_THAT(
      query("SELECT count(*), count(DISTINCT id), sum(id) FROM (" + snapshot->scan_sql() + ")"),
      ElementsAre("200|200|19900"));
  for (lake::Version i = 0; i <= 2 * kAppends; ++i) {
    EXPECT_TRUE(store_->head(lake::commit_key("t", i))) << i;
  }
}

TEST_F(Concurrency, OfThreadsOnOneTableLosesNoAppend) {
  constexpr int kThreads = 4;
  constexpr int kAppends = 25;
  auto table = create("t", simple());
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        const auto connection = database_->connect().value();
        for (int i = 0; i < kAppends; ++i) {
          auto files = table->stage(
              *connection, fmt::format("SELECT {} AS id, '{}' AS p", thread * kAppends + i, i % 3));
          auto transaction = table->begin().value();
          add_all(*transaction, std::move(files).value());
          EXPECT_TRUE(commit(*transaction));
          EXPECT_GT(table->snapshot().value()->rows(), 0);
        }
      });
    }
  }
  EXPECT_EQ(table->snapshot().value()->version(), kThreads * kAppends);
  EXPECT_THAT(
      query("SELECT count(DISTINCT id) FROM (" + table->snapshot().value()->scan_sql() + ")"),
      ElementsAre("100"));
}

TEST_F(Concurrency, LetsTwoAppendsThroughInAnyOrder) {
  auto table = create("t", simple());
  auto other = open("t");
  auto first = table->begin().value();
  auto second = other->begin().value();
  add_all(*first, staged(*table, 1, "a"));
  add_all(*second, staged(*other, 2, "a"));
  EXPECT_EQ(commit(*second).value(), 1);
  EXPECT_EQ(commit(*first).value(), 2);
  EXPECT_THAT(rows(*table), ElementsAre("1|a", "2|a"));
}

TEST_F(Concurrency, LetsOnlyOneOfTwoOverwritesThrough) {
  auto table = create("t", simple());
  append(*table, "SELECT 0 AS id, 'a' AS p");
  auto first = table->begin().value();
  auto second = table->begin().value();
  replace(*table, *first, 1, "a");
  replace(*table, *second, 2, "a");
  ASSERT_TRUE(commit(*first));
  const auto lost = commit(*second);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::kConflict);
  EXPECT_THAT(lost.error().message, HasSubstr("version 2"));
  EXPECT_THAT(rows(*table), ElementsAre("1|a"));
}

TEST_F(Concurrency, LetsOverwritesOfDisjointPartitionsThrough) {
  auto table = create("t", simple());
  append(*table, "SELECT * FROM (VALUES (1, 'a'), (2, 'b')) AS v(id, p)");
  auto first = table->begin().value();
  auto second = table->begin().value();
  replace(*table, *first, 10, "a");
  replace(*table, *second, 20, "b");
  EXPECT_TRUE(commit(*first));
  EXPECT_TRUE(commit(*second));
  EXPECT_THAT(rows(*table), ElementsAre("10|a", "20|b"));
}

TEST_F(Concurrency, StopsAWriterWhoseReadPartitionGrew) {
  auto table = create("t", simple());
  auto reader = table->begin().value();
  replace(*table, *reader, 1, "a");
  append(*table, "SELECT 2 AS id, 'b' AS p");
  EXPECT_TRUE(commit(*reader));

  reader = table->begin().value();
  replace(*table, *reader, 3, "a");
  append(*table, "SELECT 4 AS id, 'a' AS p");
  EXPECT_EQ(commit(*reader).error().code, Code::kConflict);
}

TEST_F(Concurrency, StopsEveryWriterAfterASchemaChange) {
  auto table = create("t", simple());
  auto writer = table->begin().value();
  add_all(*writer, staged(*table, 1, "a"));
  auto changer = table->begin().value();
  auto metadata = changer->base().metadata();
  metadata.schema.fields.push_back(field("extra", Type::kString));
  changer->set_metadata(metadata);
  ASSERT_TRUE(commit(*changer));
  const auto lost = commit(*writer);
  ASSERT_FALSE(lost);
  EXPECT_EQ(lost.error().code, Code::kConflict);
  EXPECT_THAT(lost.error().message, HasSubstr("schema"));
}

TEST_F(Concurrency, CommitsAnApplicationsVersionOnlyOnce) {
  auto table = create("t", simple());
  const auto write = [&](lake::Transaction& transaction, std::int64_t version) {
    transaction.set_transaction("model", version);
    add_all(transaction, staged(*table, static_cast<int>(version), "a"));
    return commit(transaction);
  };
  EXPECT_TRUE(write(*table->begin().value(), 5));
  EXPECT_EQ(table->snapshot().value()->transaction_version("model"), 5);
  EXPECT_EQ(table->snapshot().value()->transaction_version("other"), -1);
  EXPECT_EQ(write(*table->begin().value(), 5).error().code, Code::kAlreadyExists);
  EXPECT_EQ(write(*table->begin().value(), 4).error().code, Code::kAlreadyExists);

  // Two processes do the same epoch: the second is told that it is done, not that it conflicts.
  auto other = open("t");
  auto first = table->begin().value();
  auto second = other->begin().value();
  EXPECT_TRUE(write(*first, 6));
  EXPECT_EQ(write(*second, 6).error().code, Code::kAlreadyExists);
  // A later epoch that did not see the one before it is a conflict.
  first = table->begin().value();
  second = other->begin().value();
  EXPECT_TRUE(write(*first, 7));
  EXPECT_EQ(write(*second, 8).error().code, Code::kConflict);
  EXPECT_THAT(rows(*open("t")), ElementsAre("5|a", "6|a", "7|a"));
}

TEST_F(Concurrency, LetsCompactionAndAppendsPassEachOther) {
  auto table = create("t", simple());
  for (int i = 0; i < 4; ++i) append(*table, fmt::format("SELECT {} AS id, 'a' AS p", i));
  auto writer = table->begin().value();
  add_all(*writer, staged(*table, 9, "a"));
  EXPECT_EQ(table->compact(1 << 20, 2).value(), 4);
  EXPECT_TRUE(commit(*writer));
  EXPECT_EQ(table->snapshot().value()->files().size(), 2U);
  EXPECT_THAT(rows(*table), ElementsAre("0|a", "1|a", "2|a", "3|a", "9|a"));
}

TEST_F(Concurrency, RefusesTransactionsThatContradictThemselves) {
  auto table = create("t", simple());
  append(*table, "SELECT 1 AS id, 'a' AS p");
  auto files = staged(*table, 2, "a");
  auto transaction = table->begin().value();
  transaction->add(files.at(0));
  transaction->add(files.at(0));
  EXPECT_EQ(commit(*transaction).error().code, Code::kInvalid);

  transaction = table->begin().value();
  transaction->remove(files.at(0));
  EXPECT_EQ(commit(*transaction).error().code, Code::kInvalid);

  transaction = table->begin().value();
  auto wrong = files.at(0);
  wrong.partition_values = {{"q", "a"}};
  transaction->add(wrong);
  EXPECT_EQ(commit(*transaction).error().code, Code::kInvalid);

  transaction = table->begin().value();
  auto metadata = transaction->base().metadata();
  metadata.partition_columns.clear();
  transaction->set_metadata(metadata);
  EXPECT_EQ(commit(*transaction).error().code, Code::kInvalid);
  EXPECT_THAT(rows(*table), ElementsAre("1|a"));
}

}  // namespace
