// What the tests of groups share: a coordinator on a disk in memory, under a clock that stands
// still, and members that keep what they were answered.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <future>
#include <random>

#include "base/clock.h"
#include "log/groups.h"
#include "log/log_fixture.h"
#include "log/offset_store.h"
#include "log/simulated_disk.h"

namespace eventlog {

using E = CoordinatorError;

inline Opaque opaque(std::string_view text) {
  const auto bytes = std::as_bytes(std::span(text));
  return {bytes.begin(), bytes.end()};
}
inline std::string text_of(const Opaque& bytes) {
  std::string text;
  for (const std::byte each : bytes) text += static_cast<char>(each);
  return text;
}
// ConsumerProtocolSubscription of one topic, with something behind it.
inline Opaque subscription(std::string_view topic, std::string_view owned = "") {
  std::string text{"\0\1\0\0\0\1\0", 7};
  text += static_cast<char>(topic.size());
  text += topic;
  text += owned;
  return opaque(text);
}

struct Member {
  std::string id = {};
  std::optional<std::string> instance = {};
  std::vector<std::pair<std::string, Opaque>> protocols = {{"range", subscription("scans")}};
  std::optional<JoinAnswer> joined = {};
  std::optional<SyncAnswer> synced = {};
  std::shared_ptr<int> alive = std::make_shared<int>(0);  // some answers come when it is over
};

class GroupTest : public testing::Test {
 protected:
  static constexpr std::int32_t kSessionMs = 10'000;
  static constexpr std::int32_t kRebalanceMs = 30'000;

  void SetUp() override {
    ASSERT_OK(disk_.create_directories("log"));
    open({.initial_rebalance_delay_ms = 0});
  }
  void open(const GroupOptions& options) {
    groups_.reset();
    store_.reset();
    auto opened = OffsetStore::open(disk_, "log");
    ASSERT_OK(opened);
    store_ = *std::move(opened);
    groups_ = std::make_unique<GroupCoordinator>(clock_, *store_, options);
  }
  void pass_ms(std::int64_t ms) {
    for (; ms > 0; ms -= 1'000) {
      clock_.advance_us(std::min<std::int64_t>(ms, 1'000) * base::kUsPerMs);
      groups_->tick();
    }
  }
  // Sends the join; the answer may come later.
  void join(Member& member, bool from_version_4 = true, bool skips = false) {
    member.joined.reset();
    groups_->join({.group_id = "g",
                   .member_id = member.id,
                   .group_instance_id = member.instance,
                   .client_id = "client",
                   .client_host = "/127.0.0.1",
                   .protocol_type = "consumer",
                   .protocols = member.protocols,
                   .session_timeout_ms = kSessionMs,
                   .rebalance_timeout_ms = kRebalanceMs,
                   .require_known_member_id = from_version_4,
                   .knows_skip_assignment = skips},
                  [&member, alive = std::weak_ptr(member.alive)](JoinAnswer answer) {
                    if (alive.expired()) return;
                    member.joined = answer;
                    if (!answer.member_id.empty() && answer.error != E::kFencedInstanceId)
                      member.id = answer.member_id;
                  });
  }
  // As a client does: again with the id that it is given.
  void come(Member& member) {
    join(member);
    if (member.joined && member.joined->error == E::kMemberIdRequired) join(member);
  }
  void sync(Member& member, std::vector<std::pair<std::string, Opaque>> assignments = {}) {
    member.synced.reset();
    groups_->sync({.group_id = "g",
                   .generation_id = member.joined->generation_id,
                   .member_id = member.id,
                   .group_instance_id = member.instance,
                   .protocol_type = {},
                   .protocol_name = {},
                   .assignments = std::move(assignments)},
                  [&member, alive = std::weak_ptr(member.alive)](SyncAnswer answer) {
                    if (!alive.expired()) member.synced = std::move(answer);
                  });
  }
  E beat(const Member& member) {
    return groups_->heartbeat({"g", member.joined->generation_id, member.id, member.instance});
  }
  // All have joined: the leader assigns each its own id.
  void assign(std::vector<Member*> members) {
    std::vector<std::pair<std::string, Opaque>> assignments;
    for (Member* const each : members) assignments.emplace_back(each->id, opaque(each->id));
    for (Member* const each : members) {
      ASSERT_TRUE(each->joined);
      ASSERT_EQ(each->joined->error, E::kNone);
      const bool leads = each->joined->leader == each->id;
      sync(*each, leads ? assignments : decltype(assignments){});
    }
    for (Member* const each : members) {
      ASSERT_TRUE(each->synced);
      EXPECT_EQ(each->synced->error, E::kNone);
      EXPECT_EQ(text_of(each->synced->assignment), each->id);
    }
  }
  // Two members in a stable group.
  void settle(Member& a, Member& b) {
    come(a);
    assign({&a});
    come(b);
    EXPECT_EQ(beat(a), E::kRebalanceInProgress);
    join(a);
    assign({&a, &b});
  }
  std::vector<E> commit(const MemberCall& who, OffsetsToCommit offsets) {
    std::promise<std::vector<E>> promise;
    groups_->commit(who, std::move(offsets),
                    [&promise](std::vector<E> errors) { promise.set_value(std::move(errors)); });
    return promise.get_future().get();
  }
  E commit_one(const MemberCall& who, Offset offset) {
    return commit(who, {{{"scans", 0}, {offset, -1, "", 0}}}).at(0);
  }
  MemberCall call_of(const Member& member) const {
    return {"g", member.joined->generation_id, member.id, member.instance};
  }
  E remove_group(const std::string& name) {
    std::promise<E> promise;
    groups_->delete_group(name, [&promise](E error) { promise.set_value(error); });
    return promise.get_future().get();
  }

  // Until what was handed to the store is there.
  void flush() { ASSERT_OK(store_->drop_topic("no such topic")); }

  SimulatedDisk disk_{1};
  base::ManualClock clock_{1'700'000'000 * base::kUsPerSecond};
  std::unique_ptr<OffsetStore> store_;
  std::unique_ptr<GroupCoordinator> groups_;
};

}  // namespace eventlog
