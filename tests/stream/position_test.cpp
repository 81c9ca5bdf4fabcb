// What a pipeline takes over of others whose topics are its own now.
#include "stream/position.h"

#include "stream/world.h"

namespace stream {
namespace {

using stream_test::must;

class Adopting : public testing::Test {
 protected:
  void has(const std::string& pipeline, const Position& position,
           const std::optional<EpochPlan>& plan = std::nullopt) {
    state::WriteSet changes;
    changes.put(position_key(pipeline), to_text(position));
    if (plan) changes.put(plan_key(pipeline), to_text(*plan));
    must(store_->apply(changes));
  }

  std::filesystem::path folder_ = stream_test::fresh_folder();
  std::unique_ptr<state::Store> store_ = must(state::Store::open(folder_));
  ~Adopting() override {
    store_.reset();
    std::filesystem::remove_all(folder_);
  }
};

TEST_F(Adopting, AnEpochThatWasCutOffGoesAlongThroughTwoChanges) {
  has("a", {.epoch = 4, .offsets = {{{"a", 0}, 10}}},
      EpochPlan{.number = 5, .intervals = {{{"a", 0}, 10, 20}}});
  const auto joined = must(adopt(*store_, "a+b", {"a", "b"}));
  ASSERT_TRUE(joined);
  must(store_->apply(joined->changes));
  const auto again = must(adopt(*store_, "a+b+c", {"a", "b", "c"}));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->position.unfinished, std::set<std::string>{"a"});
  EXPECT_EQ(again->position.epoch, 5);
  must(store_->apply(again->changes));
  const auto parted = must(adopt(*store_, "a", {"a"}));
  ASSERT_TRUE(parted);
  EXPECT_EQ(parted->position.unfinished, std::set<std::string>{"a"});
  EXPECT_EQ(parted->position.offsets.at({"a", 0}), 10);
}

TEST_F(Adopting, AnEpochOfTopicsThatAreApartNowIsRefused) {
  has("a+b", {.epoch = 4, .offsets = {{{"a", 0}, 10}, {{"b", 0}, 3}}},
      EpochPlan{.number = 5, .intervals = {{{"a", 0}, 10, 20}, {{"b", 0}, 3, 4}}});
  const auto parted = adopt(*store_, "a", {"a"});
  ASSERT_FALSE(parted);
  EXPECT_NE(parted.error().to_string().find("a+b"), std::string::npos);
}

}  // namespace
}  // namespace stream
