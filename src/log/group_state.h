// One consumer group: its members, its generation, and what each call and each passing moment makes
// of them (Kafka's classic protocol; KIP-345 static members, KIP-394 member ids, KIP-814).
//
// A plain state machine: time comes in as milliseconds, answers go out into `GroupAnswers`, which
// the caller gives after it has let go of its lock. Threads: one at a time.
// Invariant: every `done` that came in goes out exactly once.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "log/groups.h"

namespace eventlog {

struct GroupAnswers {
  std::vector<std::function<void()>> calls = {};
  void give() {
    for (const auto& call : calls) call();
    calls.clear();
  }
};

enum class GroupState : std::uint8_t {
  kEmpty,
  kPreparingRebalance,   // members are awaited
  kCompletingRebalance,  // the leader's assignment is awaited
  kStable,
};
std::string_view state_name(GroupState state);

struct GroupMember {
  std::string id = {};
  std::optional<std::string> instance = {};
  std::string client_id = {};
  std::string client_host = {};
  std::int32_t session_timeout_ms = 0;
  std::int32_t rebalance_timeout_ms = 0;
  std::vector<std::pair<std::string, Opaque>> protocols = {};
  Opaque assignment = {};
  std::function<void(JoinAnswer)> joining = {};  // set while it waits for the others
  std::function<void(SyncAnswer)> syncing = {};  // set while it waits for the leader
  std::int64_t deadline_ms = 0;                  // of its session, unless it waits
};

class Group {
 public:
  Group(std::string id, std::int32_t generation_id, std::string protocol_type);

  const std::string& id() const { return id_; }
  GroupState state() const { return state_; }
  std::int32_t generation_id() const { return generation_id_; }
  const std::string& protocol_type() const { return protocol_type_; }
  const std::string& protocol_name() const { return protocol_name_; }
  const std::map<std::string, GroupMember>& members() const { return members_; }
  bool idle() const { return members_.empty() && pending_.empty(); }
  std::int64_t emptied_ms() const { return emptied_ms_; }

  void join(JoinCall call, std::function<void(JoinAnswer)> done, const GroupOptions& options,
            std::int64_t now_ms, GroupAnswers& answers);
  void sync(const SyncCall& call, std::function<void(SyncAnswer)> done, std::int64_t now_ms,
            GroupAnswers& answers);
  CoordinatorError heartbeat(const MemberCall& call, std::int64_t now_ms);
  CoordinatorError leave(const LeavingMember& who, std::int64_t now_ms, GroupAnswers& answers);
  // May this caller commit offsets? A member's session is prolonged.
  CoordinatorError check_commit(const MemberCall& call, bool in_transaction, std::int64_t now_ms);
  // The topics that a member has subscribed; nullopt when the members' metadata is not a
  // consumer's.
  std::optional<std::set<std::string>> subscribed_topics() const;
  // Ends sessions, waits and rebalances whose time is over.
  void tick(std::int64_t now_ms, GroupAnswers& answers);
  void stop(GroupAnswers& answers);
  GroupDescription describe() const;

 private:
  using JoinDone = std::function<void(JoinAnswer)>;

  void join_unknown(JoinCall& call, JoinDone& done, const GroupOptions& options,
                    std::int64_t now_ms, GroupAnswers& answers);
  void join_known(JoinCall& call, JoinDone& done, const GroupOptions& options, std::int64_t now_ms,
                  GroupAnswers& answers);
  void rejoin_static(JoinCall& call, JoinDone& done, const GroupOptions& options,
                     std::int64_t now_ms, GroupAnswers& answers);
  void add_member(JoinCall& call, JoinDone& done, const std::string& member_id,
                  const GroupOptions& options, std::int64_t now_ms, GroupAnswers& answers);
  void update_and_rebalance(GroupMember& member, JoinCall& call, JoinDone& done,
                            const GroupOptions& options, std::int64_t now_ms,
                            GroupAnswers& answers);
  CoordinatorError check_member(const std::string& member_id,
                                const std::optional<std::string>& instance) const;
  bool accepts_protocols(const JoinCall& call) const;
  std::string vote() const;
  JoinAnswer joined(const GroupMember& member) const;
  void remove_member(const std::string& member_id, std::int64_t now_ms, GroupAnswers& answers);
  void member_left(std::int64_t now_ms, GroupAnswers& answers);
  void rebalance(const GroupOptions* initial, std::int64_t now_ms, GroupAnswers& answers);
  bool all_joined() const;
  void complete_join_if_all(std::int64_t now_ms, GroupAnswers& answers);
  void complete_join(std::int64_t now_ms, GroupAnswers& answers);
  void next_generation(std::int64_t now_ms, GroupAnswers& answers);
  bool elect_joined_leader();
  void tick_members(std::int64_t now_ms, GroupAnswers& answers);
  std::int64_t rebalance_timeout_ms() const;

  const std::string id_;
  GroupState state_ = GroupState::kEmpty;
  std::int32_t generation_id_ = 0;
  std::string protocol_type_;
  std::string protocol_name_;
  std::string leader_;
  std::map<std::string, GroupMember> members_;
  std::map<std::string, std::string> instances_;  // instance id to member id
  std::map<std::string, std::int64_t> pending_;   // given an id, not joined yet: until when
  std::set<std::string> unsynced_;                // of this generation
  std::int64_t join_deadline_ms_ = 0;             // while preparing
  std::int64_t sync_deadline_ms_ = 0;             // while completing
  // A group that was empty waits a little for more members, and again while they keep coming.
  bool gathering_ = false;
  bool member_came_ = false;
  std::int64_t gather_ms_ = 0;
  std::int64_t gather_until_ms_ = 0;
  std::int64_t emptied_ms_ = 0;
};

}  // namespace eventlog
