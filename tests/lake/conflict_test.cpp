// Two transactions on one table, begun at the same version: which of them the second may commit.
// The pairs are those that Delta's own suite names.
#include "lake/conflict.h"

#include <functional>

#include "lake/dml.h"
#include "lake/failing_store.h"
#include "lake/fixture.h"

namespace {

using base::Code;
using columns::Type;
using lake_test::FailingStore;
using lake_test::field;
using testing::ElementsAre;

class Pairs : public lake_test::LakeTest {
 protected:
  using Act = std::function<void(lake::Transaction&)>;

  // A table with the files "a" (part 1) and "b" (part 2).
  std::shared_ptr<lake::Table> make() {
    auto table =
        create("t", options({field("id", Type::kInt64), field("part", Type::kInt32)}, {"part"}));
    auto transaction = table->begin().value();
    transaction->add(file("a", 1));
    transaction->add(file("b", 2));
    EXPECT_TRUE(transaction->commit({.operation = "WRITE"}));
    return table;
  }

  static lake::AddFile file(const std::string& path, int part) {
    return {.path = path, .partition_values = {{"part", std::to_string(part)}}, .size = 1};
  }
  static Act add(const std::string& path, int part) {
    return [=](lake::Transaction& one) { one.add(file(path, part)); };
  }
  static Act remove(const std::string& path) {
    return [=](lake::Transaction& one) {
      for (const auto& known : one.base().files()) {
        if (known.path == path) one.remove(known);
      }
    };
  }
  static Act read_part(int part) {
    return [=](lake::Transaction& one) {
      one.read_partitions({{{"part", std::to_string(part)}}});
      for (const auto& known : one.base().files()) {
        if (known.partition_values.at("part") == std::to_string(part)) one.read_files({known.path});
      }
    };
  }
  static Act read_all() {
    return [](lake::Transaction& one) { one.read_whole_table(); };
  }
  static Act application(const std::string& id) {
    return [=](lake::Transaction& one) { one.set_transaction(id, 1); };
  }
  static Act new_column(const std::string& name) {
    return [=](lake::Transaction& one) {
      lake::Metadata metadata = one.base().metadata();
      metadata.schema.fields.push_back(field(name, Type::kString));
      one.set_metadata(std::move(metadata));
    };
  }
};

TEST_F(Pairs, CommitOrConflictAsDeltaSays) {
  struct Case {
    const char* name;
    std::vector<Act> first;   // commits first
    std::vector<Act> second;  // then this one
    bool allowed;
  };
  const std::vector<Case> cases = {
      {"append and append", {add("x", 1)}, {add("y", 1)}, true},
      {"disjoint applications",
       {application("p"), add("x", 1)},
       {application("q"), add("y", 1)},
       true},
      {"disjoint delete and read", {remove("b")}, {read_part(1), add("y", 1)}, true},
      {"disjoint add and read", {add("x", 2)}, {read_part(1), add("y", 1)}, true},
      {"delete and delete of one file", {remove("a")}, {remove("a")}, false},
      {"add to what was read and written", {add("x", 1)}, {read_part(1), add("y", 1)}, false},
      {"add where nothing was read", {add("x", 1)}, {read_part(2), add("y", 2)}, true},
      {"add to a part of what was read",
       {add("x", 2)},
       {read_part(1), read_part(2), add("y", 1)},
       false},
      {"delete of what was read", {remove("a")}, {read_part(1), add("y", 1)}, false},
      {"schema change", {new_column("n")}, {add("y", 1)}, false},
      {"one application twice", {application("p")}, {application("p")}, false},
      {"two schema changes", {new_column("n")}, {new_column("m")}, false},
      {"whole table read, add", {add("x", 2)}, {read_all(), add("y", 1)}, false},
      {"whole table read, delete", {remove("b")}, {read_all(), add("y", 1)}, false},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    const auto table = make();
    // The second one begins in another process, as it were: it does not see the first.
    const auto other = open("t");
    const auto second = other->begin().value();
    const auto first = table->begin().value();
    for (const Act& act : one.first) act(*first);
    ASSERT_TRUE(first->commit({.operation = "WRITE"}));
    for (const Act& act : one.second) act(*second);
    const auto committed = second->commit({.operation = "WRITE"});
    EXPECT_EQ(committed.has_value(), one.allowed)
        << (committed ? "" : committed.error().to_string());
    std::filesystem::remove_all(folder_ / "t");
  }
}

TEST_F(Pairs, CompactionLeavesWaybillsAppendsAlone) {
  auto table = create("t", options({field("id", Type::kInt64)}));
  for (int i = 0; i < 3; ++i) append(*table, fmt::format("SELECT {} AS id", i));
  auto other = open("t");
  auto writer = other->begin().value();
  writer->read_whole_table();
  for (auto& one : other->stage(*connection_, "SELECT 9 AS id").value()) {
    writer->add(std::move(one));
  }
  EXPECT_EQ(table->compact(1 << 20, 2).value(), 3);
  EXPECT_TRUE(writer->commit({.operation = "WRITE"})) << "moved rows are no changed rows";
  EXPECT_THAT(rows(*table), ElementsAre("0", "1", "2", "9"));
}

// A winner that breaks every rule is told by the first of them, in the order of Delta's own check:
// protocol, metadata, application transactions, added files, removed files, files removed by both.
TEST(Conflicts, AreToldInDeltasOrder) {
  const lake::AddFile added{.path = "x", .partition_values = {{"p", "1"}}, .size = 1};
  const lake::RemoveFile removed{.path = "a",
                                 .partition_values = lake::PartitionValues{{"p", "1"}}};
  lake::Intent mine;
  mine.reads_whole_table = true;
  mine.removed_paths = {"a"};
  mine.app_ids = {"app"};
  lake::Commit winner;
  winner.protocol = lake::Protocol{};
  winner.metadata = lake::Metadata{};
  winner.transactions = {{.app_id = "app", .version = 7}};
  winner.adds = {added};
  winner.removes = {removed};
  const auto says = [&] {
    const auto holds = lake::check_conflict(mine, 5, winner);
    if (!holds) EXPECT_EQ(holds.error().code, Code::kConflict);
    return holds ? std::string("nothing") : holds.error().message;
  };
  EXPECT_EQ(says(), "version 5 changed the table's protocol");
  winner.protocol.reset();
  EXPECT_EQ(says(), "version 5 changed the table's schema or properties");
  winner.metadata.reset();
  EXPECT_EQ(says(), "version 5 is of the same application app, at its version 7");
  winner.transactions.clear();
  EXPECT_EQ(says(), "version 5 added x to what was read");
  winner.adds.clear();
  EXPECT_EQ(says(), "version 5 removed a from what was read");
  mine.reads_whole_table = false;
  EXPECT_EQ(says(), "version 5 removed a, too");
  mine.removed_paths.clear();
  EXPECT_EQ(says(), "nothing");
}

TEST(Conflicts, AreThoseOfTheRowsThatWereRead) {
  using Values = lake::PartitionValues;
  struct Case {
    const char* name;
    std::function<void(lake::Intent&)> reads;
    bool adds;  // or removes
    bool data_change;
    std::optional<Values> partition;
    bool conflicts;
  };
  const auto nothing = [](lake::Intent&) {};
  const auto whole = [](lake::Intent& mine) { mine.reads_whole_table = true; };
  const auto part_1 = [](lake::Intent& mine) { mine.read_partitions = {{{"p", "1"}}}; };
  const auto null_part = [](lake::Intent& mine) { mine.read_partitions = {{{"p", std::nullopt}}}; };
  const auto both = [](lake::Intent& mine) { mine.read_partitions = {{{"p", "1"}, {"q", "2"}}}; };
  const auto some = [](lake::Intent& mine) {
    mine.read_where = {[](const lake::AddFile& file) { return file.size == 1; }};
  };
  const auto path = [](lake::Intent& mine) { mine.read_paths = {"f"}; };
  const auto removes = [](lake::Intent& mine) { mine.removed_paths = {"f"}; };
  const Values in_1{{"p", "1"}, {"q", "2"}};
  const Values in_2{{"p", "2"}, {"q", "2"}};
  const std::vector<Case> cases = {
      {"a blind append meets an append", nothing, true, true, in_1, false},
      {"a blind append meets a delete", nothing, false, true, in_1, false},
      {"the whole table, an append", whole, true, true, in_1, true},
      {"the whole table, a delete", whole, false, true, in_1, true},
      {"the whole table, moved rows come", whole, true, false, in_1, false},
      {"the whole table, moved rows go", whole, false, false, in_1, false},
      {"a partition, an append to it", part_1, true, true, in_1, true},
      {"a partition, an append to another", part_1, true, true, in_2, false},
      {"a partition, a delete in it", part_1, false, true, in_1, true},
      {"a partition, a delete in another", part_1, false, true, in_2, false},
      {"a partition, a delete of who knows where", part_1, false, true, std::nullopt, true},
      {"nothing, a delete of who knows where", nothing, false, true, std::nullopt, false},
      {"the null partition, an append to 1", null_part, true, true, in_1, false},
      {"the null partition, an append to it", null_part, true, true, Values{{"p", std::nullopt}},
       true},
      {"a partition of two columns, both match", both, true, true, in_1, true},
      {"a partition of two columns, one matches", both, true, true, in_2, false},
      {"a condition that the new file satisfies", some, true, true, in_1, true},
      {"a file, its removal", path, false, true, in_1, true},
      {"a file, it moves", path, false, false, in_1, false},
      {"a removed file, its removal", removes, false, true, in_1, true},
      {"a removed file, it moves", removes, false, false, in_1, true},
      {"a removed file, an append beside it", removes, true, true, in_1, false},
  };
  for (const Case& one : cases) {
    SCOPED_TRACE(one.name);
    lake::Intent mine;
    one.reads(mine);
    lake::Commit winner;
    if (one.adds) {
      winner.adds = {{.path = "f",
                      .partition_values = *one.partition,
                      .size = 1,
                      .data_change = one.data_change}};
    } else {
      winner.removes = {
          {.path = "f", .data_change = one.data_change, .partition_values = one.partition}};
    }
    EXPECT_EQ(!lake::check_conflict(mine, 3, winner), one.conflicts);
  }
}

// What the store answers, and whether the write took effect: the table has the rows of every
// acknowledged change, once, and all or nothing of the others.
TEST_F(Pairs, AnswersThatGetLostNeitherLoseNorDoubleRows) {
  FailingStore failing(*store_);
  auto table = lake::Table::create(failing, *database_, "t",
                                   options({field("id", Type::kInt64), field("v", Type::kInt64)}))
                   .value();
  std::int64_t number = 0;
  std::map<std::int64_t, std::int64_t> model;
  for (const Code code : {Code::kIo, Code::kUnavailable, Code::kConflict, Code::kAlreadyExists}) {
    for (const auto mode : {FailingStore::Mode::kBefore, FailingStore::Mode::kAfter}) {
      for (int at = 0; at < 6; ++at) {
        ++number;
        failing.fail_after(at, mode, code);
        const bool merges = number % 2 == 0;
        const std::string rows_sql = fmt::format("SELECT {} AS id, {} AS v", number / 2, number);
        const lake::WriteOptions options{.app_id = "test", .app_version = number};
        const auto done =
            merges ? lake::merge(*table, *connection_,
                                 {.source = rows_sql,
                                  .on = "target.id = source.id",
                                  .clauses = {{.what = lake::MergeClause::Do::kUpdate},
                                              {.when = lake::MergeClause::When::kNotMatched,
                                               .what = lake::MergeClause::Do::kInsert}}},
                                 options)
                   : lake::delete_where(*table, *connection_, fmt::format("id = {}", number / 2),
                                        options);
        failing.heal();
        const auto snapshot = table->snapshot().value();
        const bool took_effect = snapshot->transaction_version("test") == number;
        if (done) EXPECT_TRUE(took_effect);
        if (took_effect && merges) model[number / 2] = number;
        if (took_effect && !merges) model.erase(number / 2);
        std::vector<std::string> wanted;
        for (const auto& [id, v] : model) wanted.push_back(fmt::format("{}|{}", id, v));
        std::ranges::sort(wanted);
        ASSERT_EQ(rows(*table), wanted) << "change " << number;
        ASSERT_EQ(rows(*open("t")), wanted) << "change " << number;
      }
    }
  }
  EXPECT_FALSE(model.empty());
}

}  // namespace
