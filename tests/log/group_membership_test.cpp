#include "log/group_fixture.h"

namespace eventlog {
namespace {

TEST_F(GroupTest, AsksANewMemberToComeAgainWithTheIdItIsGiven) {
  Member a;
  join(a);
  ASSERT_TRUE(a.joined);
  EXPECT_EQ(a.joined->error, E::kMemberIdRequired);
  EXPECT_TRUE(a.id.starts_with("client-"));
  join(a);
  ASSERT_TRUE(a.joined);
  EXPECT_EQ(a.joined->error, E::kNone);
  EXPECT_EQ(a.joined->generation_id, 1);
  EXPECT_EQ(a.joined->leader, a.id);
  EXPECT_EQ(a.joined->members.size(), 1U);
  Member old;
  join(old, false);  // a client of before version 4 is let in at once
  EXPECT_FALSE(old.joined);
}

TEST_F(GroupTest, AnswersWhatNoClientShouldSendByItsError) {
  Member a;
  const auto refused = [&](const std::function<void(JoinCall&)>& spoil) {
    JoinCall call{.group_id = "g",
                  .protocol_type = "consumer",
                  .protocols = a.protocols,
                  .session_timeout_ms = kSessionMs};
    spoil(call);
    std::optional<E> error;
    groups_->join(call, [&](const JoinAnswer& answer) { error = answer.error; });
    return error.value_or(E::kNone);
  };
  EXPECT_EQ(refused([](JoinCall& call) { call.group_id = ""; }), E::kInvalidGroupId);
  EXPECT_EQ(refused([](JoinCall& call) { call.session_timeout_ms = 0; }),
            E::kInvalidSessionTimeout);
  EXPECT_EQ(refused([](JoinCall& call) { call.session_timeout_ms = INT32_MAX; }),
            E::kInvalidSessionTimeout);
  EXPECT_EQ(refused([](JoinCall& call) { call.protocols.clear(); }), E::kInconsistentGroupProtocol);
  EXPECT_EQ(refused([](JoinCall& call) { call.protocol_type = ""; }),
            E::kInconsistentGroupProtocol);
  EXPECT_EQ(refused([](JoinCall& call) { call.member_id = "who"; }), E::kUnknownMemberId);
  come(a);
  assign({&a});
  EXPECT_EQ(refused([](JoinCall& call) { call.protocols = {{"other", {}}}; }),
            E::kInconsistentGroupProtocol);
  EXPECT_EQ(groups_->heartbeat({"g", 7, a.id, {}}), E::kIllegalGeneration);
  EXPECT_EQ(groups_->heartbeat({"g", 1, "who", {}}), E::kUnknownMemberId);
  EXPECT_EQ(groups_->heartbeat({"none", 1, a.id, {}}), E::kUnknownMemberId);
  EXPECT_EQ(beat(a), E::kNone);
}

TEST_F(GroupTest, GathersMembersOfANewGroupIntoOneGeneration) {
  open({.initial_rebalance_delay_ms = 100});
  Member a;
  Member b;
  Member c;
  come(a);
  pass_ms(60);
  come(b);
  pass_ms(60);
  EXPECT_FALSE(a.joined && a.joined->error == E::kNone) << "one came, so it waits again";
  come(c);
  pass_ms(100);
  EXPECT_FALSE(a.joined);
  pass_ms(100);
  ASSERT_TRUE(a.joined && b.joined && c.joined);
  EXPECT_EQ(a.joined->generation_id, 1);
  EXPECT_EQ(c.joined->generation_id, 1);
  assign({&a, &b, &c});
}

TEST_F(GroupTest, RebalancesWhenAMemberComesAndGivesEachItsShare) {
  Member a;
  Member b;
  settle(a, b);
  EXPECT_EQ(a.joined->generation_id, 2);
  EXPECT_EQ(b.joined->generation_id, 2);
  EXPECT_EQ(a.joined->leader, a.id);
  EXPECT_EQ(a.joined->members.size(), 2U);
  EXPECT_TRUE(b.joined->members.empty()) << "the others' wishes are the leader's to know";
  EXPECT_EQ(beat(a), E::kNone);
  EXPECT_EQ(beat(b), E::kNone);
}

TEST_F(GroupTest, WaitsForOneThatWasGivenAnIdBeforeItEndsARebalance) {
  Member a;
  Member b;
  Member c;
  come(a);
  assign({&a});
  join(b);  // given an id
  join(c);
  join(c);  // in: the rebalance begins
  join(a);
  EXPECT_FALSE(a.joined) << "b will be back in a moment, and would need one more rebalance";
  join(b);
  ASSERT_TRUE(a.joined && b.joined && c.joined);
  assign({&a, &b, &c});
  EXPECT_EQ(a.joined->generation_id, 2);
}

TEST_F(GroupTest, GivesTheSameAnswerToAMemberThatMissedIt) {
  Member a;
  Member b;
  settle(a, b);
  join(b);
  ASSERT_TRUE(b.joined);
  EXPECT_EQ(b.joined->error, E::kNone);
  EXPECT_EQ(b.joined->generation_id, 2) << "no rebalance";
  sync(b);
  ASSERT_TRUE(b.synced);
  EXPECT_EQ(text_of(b.synced->assignment), b.id);
  EXPECT_EQ(beat(a), E::kNone);
}

TEST_F(GroupTest, RebalancesWhenTheLeaderAsksOrWishesChange) {
  Member a;
  Member b;
  settle(a, b);
  join(a);
  EXPECT_FALSE(a.joined);
  EXPECT_EQ(beat(b), E::kRebalanceInProgress);
  join(b);
  assign({&a, &b});
  b.protocols = {{"range", subscription("other")}};
  join(b);
  EXPECT_FALSE(b.joined);
  join(a);
  assign({&a, &b});
  EXPECT_EQ(b.joined->generation_id, 4);
}

TEST_F(GroupTest, SendsThoseWhoWaitForTheLeaderBackWhenAMemberComesInBetween) {
  Member a;
  Member b;
  Member c;
  come(a);
  assign({&a});
  come(b);
  join(a);
  sync(b);  // waits for a's assignment
  EXPECT_FALSE(b.synced);
  come(c);
  ASSERT_TRUE(b.synced);
  EXPECT_EQ(b.synced->error, E::kRebalanceInProgress);
  sync(a, {});
  ASSERT_TRUE(a.synced);
  EXPECT_EQ(a.synced->error, E::kRebalanceInProgress);
  join(a);
  join(b);
  assign({&a, &b, &c});
  EXPECT_EQ(c.joined->generation_id, 3);
}

TEST_F(GroupTest, ThrowsOutWhoIsSilentAndLetsTheOthersGoOn) {
  Member a;
  Member b;
  settle(a, b);
  for (int i = 0; i < 9; ++i) {
    pass_ms(1'000);
    EXPECT_EQ(beat(a), E::kNone) << i;
  }
  pass_ms(2'000);
  EXPECT_EQ(beat(a), E::kRebalanceInProgress);
  EXPECT_EQ(groups_->heartbeat({"g", 2, b.id, {}}), E::kUnknownMemberId);
  join(a);
  assign({&a});
  EXPECT_EQ(a.joined->generation_id, 3);
}

TEST_F(GroupTest, EndsARebalanceWithoutThoseWhoDoNotComeInTime) {
  Member a;
  Member b;
  Member c;
  settle(a, b);
  come(c);
  join(a);
  for (int i = 0; i < 29; ++i) {
    pass_ms(1'000);
    EXPECT_EQ(beat(b), E::kRebalanceInProgress) << "it lives, but does not come";
  }
  EXPECT_FALSE(a.joined);
  pass_ms(2'000);
  ASSERT_TRUE(a.joined && c.joined);
  assign({&a, &c});
  EXPECT_EQ(groups_->heartbeat({"g", 3, b.id, {}}), E::kUnknownMemberId);
}

TEST_F(GroupTest, ThrowsOutAMemberThatNeverAsksForItsAssignment) {
  Member a;
  Member b;
  settle(a, b);
  join(a);
  join(b);
  sync(a, {{a.id, opaque("all")}, {b.id, opaque("none")}});
  for (int i = 0; i < 31; ++i) {
    pass_ms(1'000);
    beat(a);
    beat(b);
  }
  EXPECT_EQ(beat(b), E::kUnknownMemberId);
  EXPECT_EQ(beat(a), E::kRebalanceInProgress);
}

TEST_F(GroupTest, KeepsItsMembersWhenTheClockJumpsOrTheProcessSleeps) {
  Member a;
  Member b;
  settle(a, b);
  clock_.advance_us(3'600 * base::kUsPerSecond);
  groups_->tick();
  EXPECT_EQ(beat(a), E::kNone);
  clock_.advance_us(-7'200 * base::kUsPerSecond);
  groups_->tick();
  EXPECT_EQ(beat(b), E::kNone);
}

TEST_F(GroupTest, LetsMembersLeaveTogetherAndEmptiesTheGroup) {
  Member a;
  Member b;
  settle(a, b);
  const auto left = groups_->leave("g", {{a.id, {}}, {"who", {}}, {b.id, {}}});
  EXPECT_EQ(left.members, (std::vector<E>{E::kNone, E::kUnknownMemberId, E::kNone}));
  EXPECT_EQ(groups_->describe("g").state, "Empty");
  EXPECT_EQ(groups_->leave("none", {{a.id, {}}}).members, std::vector<E>{E::kUnknownMemberId});
  Member c;
  come(c);
  assign({&c});
  EXPECT_GT(c.joined->generation_id, 2);
}

TEST_F(GroupTest, TellsAMemberThatLeavesWhileItWaitsAndCompletesForTheOthers) {
  Member a;
  Member b;
  settle(a, b);
  join(b);
  b.protocols = {{"range", subscription("other")}};
  join(b);  // waits for a
  EXPECT_FALSE(b.joined);
  groups_->leave("g", {{b.id, {}}});
  ASSERT_TRUE(b.joined);
  EXPECT_EQ(b.joined->error, E::kUnknownMemberId);
  join(a);
  assign({&a});
}

TEST_F(GroupTest, VotesForTheProtocolThatMostLikeBestOfThoseThatAllKnow) {
  Member a{.protocols = {{"sticky", {}}, {"range", {}}, {"own", {}}}};
  Member b{.protocols = {{"range", {}}, {"sticky", {}}}};
  Member c{.protocols = {{"range", {}}, {"sticky", {}}}};
  settle(a, b);
  come(c);
  join(a);
  join(b);
  ASSERT_TRUE(a.joined);
  EXPECT_EQ(a.joined->protocol_name, "range");
}

TEST_F(GroupTest, RefusesMoreMembersThanItHolds) {
  open({.initial_rebalance_delay_ms = 0, .members_max = 1});
  Member a;
  Member b;
  come(a);
  come(b);
  ASSERT_TRUE(b.joined);
  EXPECT_EQ(b.joined->error, E::kGroupMaxSizeReached);
}

TEST_F(GroupTest, AnswersWhoWaitsWhenItStops) {
  Member a;
  Member b;
  settle(a, b);
  join(a);
  groups_->stop();
  ASSERT_TRUE(a.joined);
  EXPECT_EQ(a.joined->error, E::kCoordinatorNotAvailable);
  join(b);
  ASSERT_TRUE(b.joined);
  EXPECT_EQ(b.joined->error, E::kCoordinatorNotAvailable);
}

TEST_F(GroupTest, RaisesTheGenerationOverARestartAndDoesNotKnowItsMembers) {
  Member a;
  Member b;
  settle(a, b);
  ASSERT_EQ(commit_one(call_of(a), 5), E::kNone);
  open({.initial_rebalance_delay_ms = 0});
  EXPECT_EQ(beat(a), E::kUnknownMemberId);
  EXPECT_EQ(commit_one(call_of(a), 6), E::kUnknownMemberId);
  EXPECT_EQ(groups_->fetch("g", {"scans", 0}, true).committed->offset, 5);
  EXPECT_EQ(groups_->describe("g").state, "Empty");
  EXPECT_EQ(groups_->describe("g").protocol_type, "consumer");
  Member c;
  come(c);
  ASSERT_TRUE(c.joined);
  EXPECT_EQ(c.joined->generation_id, 3);
}

// Many come at once, again and again, in any order: nobody is told that it is unknown, and all end
// in one generation.
TEST_F(GroupTest, BringsAnyOrderOfJoinsIntoOneGenerationWithoutLosingAMember) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    open({.initial_rebalance_delay_ms = seed % 2 == 0 ? 0 : 100});
    std::mt19937 random(seed);
    std::deque<Member> members(6);
    for (int step = 0; step < 400; ++step) {
      Member& member = members[random() % members.size()];
      const bool waits = !member.id.empty() && !member.joined;
      if (step % 20 == 0) pass_ms(50);
      if (waits) continue;
      if (member.joined && member.joined->error == E::kNone && beat(member) == E::kNone) {
        const bool leads = member.joined->leader == member.id;
        std::vector<std::pair<std::string, Opaque>> shares;
        if (leads) {
          for (const auto& each : member.joined->members)
            shares.emplace_back(each.member_id, opaque(each.member_id));
        }
        if (!member.synced || member.synced->error != E::kNone) sync(member, shares);
        continue;
      }
      member.synced.reset();
      join(member);
      if (!member.joined) continue;
      EXPECT_TRUE(member.joined->error == E::kNone || member.joined->error == E::kMemberIdRequired)
          << "seed " << seed << " error " << static_cast<int>(member.joined->error);
    }
    const auto described = groups_->describe("g");
    EXPECT_EQ(described.members.size(), members.size()) << "seed " << seed;
    EXPECT_EQ(described.state, "Stable") << "seed " << seed;
    groups_->stop();
  }
}

}  // namespace
}  // namespace eventlog
