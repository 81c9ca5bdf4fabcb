// Static members (KIP-345) and offsets of groups.
#include "log/group_fixture.h"

namespace eventlog {
namespace {

TEST_F(GroupTest, LetsAStaticMemberComeBackWithoutARebalance) {
  Member a{.instance = "one"};
  Member b{.instance = "two"};
  settle(a, b);
  Member again{.instance = "two"};
  join(again);
  ASSERT_TRUE(again.joined);
  EXPECT_EQ(again.joined->error, E::kNone);
  EXPECT_EQ(again.joined->generation_id, 2);
  EXPECT_NE(again.id, b.id);
  sync(again);
  ASSERT_TRUE(again.synced);
  EXPECT_EQ(text_of(again.synced->assignment), b.id) << "what the former one had";
  EXPECT_EQ(beat(a), E::kNone);
  EXPECT_EQ(beat(b), E::kFencedInstanceId);
  EXPECT_EQ(commit_one(call_of(b), 1), E::kFencedInstanceId);
}

TEST_F(GroupTest, LetsAStaticLeaderComeBackWithoutAssigningAgain) {
  for (const bool knows : {false, true}) {
    open({.initial_rebalance_delay_ms = 0});
    Member a{.instance = "one"};
    Member b{.instance = "two"};
    settle(a, b);
    Member again{.instance = "one"};
    join(again, true, knows);
    ASSERT_TRUE(again.joined);
    EXPECT_EQ(again.joined->skip_assignment, knows);
    EXPECT_EQ(again.joined->leader == again.id, knows);
    EXPECT_EQ(again.joined->members.size(), knows ? 2U : 0U);
    sync(again);
    EXPECT_EQ(text_of(again.synced->assignment), a.id);
    EXPECT_EQ(beat(b), E::kNone);
    groups_->leave("g", {{"", "one"}, {"", "two"}});
  }
}

TEST_F(GroupTest, RebalancesWhenAStaticMemberComesBackForOtherTopics) {
  Member a{.instance = "one"};
  Member b{.instance = "two"};
  settle(a, b);
  Member same{.instance = "two", .protocols = {{"range", subscription("scans", "owned before")}}};
  join(same);
  ASSERT_TRUE(same.joined) << "what it owned is not what it wants";
  Member other{.instance = "two", .protocols = {{"range", subscription("other")}}};
  join(other);
  EXPECT_FALSE(other.joined);
  EXPECT_EQ(beat(a), E::kRebalanceInProgress);
}

TEST_F(GroupTest, KeepsAStaticMemberThatIsAwayForAsLongAsItsSession) {
  Member a{.instance = "one"};
  Member b{.instance = "two"};
  settle(a, b);
  pass_ms(9'000);
  beat(a);
  Member again{.instance = "two"};
  join(again);
  ASSERT_TRUE(again.joined);
  EXPECT_EQ(again.joined->generation_id, 2);
  pass_ms(9'000);
  beat(a);
  pass_ms(2'000);
  EXPECT_EQ(beat(a), E::kRebalanceInProgress);
  join(a);
  assign({&a});
}

TEST_F(GroupTest, AnswersTheFormerSelfOfAStaticMemberThatStillWaits) {
  Member a{.instance = "one"};
  Member b{.instance = "two"};
  settle(a, b);
  join(a);  // the leader asks for a rebalance and waits
  Member again{.instance = "one"};
  join(again);
  ASSERT_TRUE(a.joined);
  EXPECT_EQ(a.joined->error, E::kFencedInstanceId);
  EXPECT_FALSE(again.joined);
  join(b);
  ASSERT_TRUE(again.joined);
  EXPECT_EQ(again.joined->error, E::kNone);
}

TEST_F(GroupTest, RemovesStaticMembersByTheirInstance) {
  Member a{.instance = "one"};
  Member b{.instance = "two"};
  settle(a, b);
  const auto left =
      groups_->leave("g", {{"", "none"}, {"wrong", "one"}, {"", "one"}, {b.id, "two"}});
  EXPECT_EQ(left.members,
            (std::vector<E>{E::kUnknownMemberId, E::kFencedInstanceId, E::kNone, E::kNone}));
  EXPECT_EQ(groups_->describe("g").state, "Empty");
}

TEST_F(GroupTest, TakesOffsetsFromMembersInTheirGenerationAlone) {
  Member a;
  Member b;
  settle(a, b);
  EXPECT_EQ(commit_one(call_of(a), 1), E::kNone);
  EXPECT_EQ(commit_one({"g", 1, a.id, {}}, 2), E::kIllegalGeneration);
  EXPECT_EQ(commit_one({"g", 2, "who", {}}, 2), E::kUnknownMemberId);
  EXPECT_EQ(commit_one({"g", -1, "", {}}, 2), E::kUnknownMemberId) << "it has members";
  EXPECT_EQ(commit_one({"none", 3, "who", {}}, 2), E::kIllegalGeneration);
  EXPECT_EQ(commit_one({"", -1, "", {}}, 2), E::kInvalidGroupId);
  EXPECT_EQ(commit_one({"simple", -1, "", {}}, 2), E::kNone);
  Member c;
  come(c);
  EXPECT_EQ(commit_one(call_of(a), 3), E::kNone) << "before it joins again";
  join(a);
  join(b);
  EXPECT_EQ(commit_one(call_of(a), 4), E::kRebalanceInProgress);
  EXPECT_EQ(groups_->fetch("g", {"scans", 0}, true).committed->offset, 3);
}

TEST_F(GroupTest, RefusesMetadataThatIsTooLongForItsPartitionAlone) {
  const auto errors = commit({"g", -1, "", {}},
                             {{{"scans", 0}, {1, -1, std::string(kOffsetMetadataMax + 1, 'x'), 0}},
                              {{"scans", 1}, {2, 7, std::string(kOffsetMetadataMax, 'x'), 0}}});
  EXPECT_EQ(errors, (std::vector<E>{E::kOffsetMetadataTooLarge, E::kNone}));
  EXPECT_FALSE(groups_->fetch("g", {"scans", 0}, true).committed);
  EXPECT_EQ(groups_->fetch("g", {"scans", 1}, true).committed->leader_epoch, 7);
}

TEST_F(GroupTest, SaysThatOffsetsOfAnOpenTransactionAreUnstable) {
  const TopicPartition scans{"scans", 0};
  ASSERT_EQ(commit_one({"g", -1, "", {}}, 1), E::kNone);
  std::promise<std::vector<E>> stored;
  groups_->commit_in_transaction({"g", -1, "", {}}, 9, {{scans, {5, -1, "", 0}}},
                                 [&](std::vector<E> errors) { stored.set_value(errors); });
  EXPECT_EQ(groups_->fetch("g", scans, true).error, E::kUnstableOffsetCommit)
      << "from the moment in which it was taken, durable or not";
  EXPECT_EQ(stored.get_future().get(), std::vector<E>{E::kNone});
  EXPECT_EQ(groups_->fetch("g", scans, true).error, E::kUnstableOffsetCommit);
  EXPECT_EQ(groups_->fetch_all("g", true).at(scans).error, E::kUnstableOffsetCommit);
  EXPECT_EQ(groups_->fetch("g", scans, false).committed->offset, 1);
  std::promise<void> ended;
  store_->end_pending(9, true, [&](const base::Result<>&) { ended.set_value(); });
  ended.get_future().get();
  EXPECT_EQ(groups_->fetch("g", scans, true).committed->offset, 5);
}

TEST_F(GroupTest, FencesATransactionByTheGroupsGeneration) {
  Member a;
  Member b;
  settle(a, b);
  const auto in_transaction = [&](const MemberCall& who) {
    std::promise<std::vector<E>> stored;
    groups_->commit_in_transaction(who, 9, {{{"scans", 0}, {5, -1, "", 0}}},
                                   [&](std::vector<E> errors) { stored.set_value(errors); });
    return stored.get_future().get().at(0);
  };
  EXPECT_EQ(in_transaction(call_of(a)), E::kNone);
  EXPECT_EQ(in_transaction({"g", 1, a.id, {}}), E::kIllegalGeneration);
  EXPECT_EQ(in_transaction({"g", 2, "zombie", {}}), E::kUnknownMemberId);
  EXPECT_EQ(in_transaction({"g", -1, "", {}}), E::kNone) << "a client of before KIP-447";
}

TEST_F(GroupTest, DeletesGroupsWithoutMembersAndOffsetsOfTopicsThatNobodyReads) {
  Member a;
  come(a);
  assign({&a});
  ASSERT_EQ(commit_one(call_of(a), 1), E::kNone);
  ASSERT_EQ(commit(call_of(a), {{{"other", 0}, {2, -1, "", 0}}}).at(0), E::kNone);
  EXPECT_EQ(remove_group("g"), E::kNonEmptyGroup);
  EXPECT_EQ(remove_group("none"), E::kGroupIdNotFound);
  std::promise<std::vector<E>> deleted;
  groups_->delete_offsets("g", {{"scans", 0}, {"other", 0}}, [&](E whole, std::vector<E> errors) {
    EXPECT_EQ(whole, E::kNone);
    deleted.set_value(std::move(errors));
  });
  EXPECT_EQ(deleted.get_future().get(), (std::vector<E>{E::kGroupSubscribedToTopic, E::kNone}));
  EXPECT_TRUE(groups_->fetch("g", {"scans", 0}, false).committed);
  EXPECT_FALSE(groups_->fetch("g", {"other", 0}, false).committed);
  groups_->leave("g", {{a.id, {}}});
  EXPECT_EQ(remove_group("g"), E::kNone);
  EXPECT_EQ(groups_->describe("g").state, "Dead");
  EXPECT_TRUE(groups_->list().empty());
}

TEST_F(GroupTest, DropsOffsetsADayAfterTheLastMemberWentOrAfterTheCommit) {
  open({.initial_rebalance_delay_ms = 0, .offsets_retention_us = base::kUsPerDay});
  Member a;
  come(a);
  assign({&a});
  ASSERT_EQ(commit_one(call_of(a), 1), E::kNone);
  ASSERT_EQ(commit_one({"simple", -1, "", {}}, 2), E::kNone);
  ASSERT_OK(store_->commit("platform", OffsetStore::Offsets{{{"scans", 0}, 3}}));
  const auto wait_hours = [&](int hours, bool alive) {
    clock_.advance_us(hours * 3'600 * base::kUsPerSecond);
    for (int i = 0; i < 13; ++i) {  // ticks of at most five seconds count
      clock_.advance_us(5 * base::kUsPerSecond);
      groups_->tick();
      if (alive) beat(a);
    }
    flush();
  };
  wait_hours(25, true);
  EXPECT_TRUE(groups_->fetch("g", {"scans", 0}, false).committed) << "it has a member";
  EXPECT_FALSE(groups_->fetch("simple", {"scans", 0}, false).committed);
  groups_->leave("g", {{a.id, {}}});
  open({.initial_rebalance_delay_ms = 0, .offsets_retention_us = base::kUsPerDay});
  wait_hours(23, false);
  EXPECT_TRUE(groups_->fetch("g", {"scans", 0}, false).committed);
  wait_hours(2, false);
  EXPECT_FALSE(groups_->fetch("g", {"scans", 0}, false).committed);
  EXPECT_TRUE(groups_->fetch("platform", {"scans", 0}, false).committed);
}

}  // namespace
}  // namespace eventlog
