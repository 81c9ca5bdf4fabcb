// Consumer groups: who is a member, who gets what, what is committed (Kafka's classic protocol).
//
// Members live in memory: after a restart they are unknown, are told so at their next heartbeat and
// join again; offsets and generations are durable. Fields are named as in the Kafka protocol.
// Threads: any. A `done` is called exactly once, from any thread, also before its call returns, and
// never with a lock held; after stop() what waits is answered kCoordinatorNotAvailable.
// Invariant: an answer without an error to commit(), delete_group() or delete_offsets() is durable.
// Time is the sum of what passes between ticks, at most kTickMaxMs each, so that neither a jump of
// the clock nor a pause of the process throws members out.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "log/coordinator_error.h"
#include "log/event_log.h"

namespace eventlog {

class Group;
class OffsetStore;
struct GroupAnswers;

inline constexpr std::int64_t kTickMaxMs = 5'000;
inline constexpr std::size_t kOffsetMetadataMax = 4096;

struct GroupOptions {
  std::int64_t initial_rebalance_delay_ms = 100;  // an empty group waits so long for more members
  std::int32_t session_timeout_min_ms = 100;
  std::int32_t session_timeout_max_ms = 1'800'000;
  std::size_t members_max = 10'000;                         // of one group
  std::size_t groups_max = 100'000;                         // with members
  std::int64_t offsets_retention_us = 7 * base::kUsPerDay;  // of groups without members
};

using Opaque = std::vector<std::byte>;

struct JoinCall {
  std::string group_id = {};
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  std::string client_id = {};
  std::string client_host = {};
  std::string protocol_type = {};
  std::vector<std::pair<std::string, Opaque>> protocols = {};  // name, metadata; best first
  std::int32_t session_timeout_ms = 0;
  std::int32_t rebalance_timeout_ms = -1;  // -1: the session's
  bool require_known_member_id = false;    // from version 4 on
  bool knows_skip_assignment = false;      // from version 9 on
};
struct JoinedMember {
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  Opaque metadata = {};
};
struct JoinAnswer {
  CoordinatorError error = CoordinatorError::kNone;
  std::int32_t generation_id = -1;
  std::string protocol_type = {};
  std::string protocol_name = {};
  std::string leader = {};
  bool skip_assignment = false;
  std::string member_id = {};
  std::vector<JoinedMember> members = {};  // for the leader alone
};

struct SyncCall {
  std::string group_id = {};
  std::int32_t generation_id = -1;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  std::optional<std::string> protocol_type = {};
  std::optional<std::string> protocol_name = {};
  std::vector<std::pair<std::string, Opaque>> assignments = {};  // by member id, from the leader
};
struct SyncAnswer {
  CoordinatorError error = CoordinatorError::kNone;
  std::string protocol_type = {};
  std::string protocol_name = {};
  Opaque assignment = {};
};

// Who speaks: a member in its generation. Without a member id and with generation -1 it is somebody
// who uses the group for its offsets alone.
struct MemberCall {
  std::string group_id = {};
  std::int32_t generation_id = -1;
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
};

struct LeavingMember {
  std::string member_id = {};  // may be empty with an instance id
  std::optional<std::string> group_instance_id = {};
};
struct LeaveAnswer {
  CoordinatorError error = CoordinatorError::kNone;  // of the call as a whole
  std::vector<CoordinatorError> members = {};        // in the order of the call
};

using OffsetsToCommit = std::vector<std::pair<TopicPartition, CommittedOffset>>;
// An error for each partition, in the order of the call.
using CommitDone = std::function<void(std::vector<CoordinatorError>)>;

struct FetchedOffset {
  CoordinatorError error = CoordinatorError::kNone;
  std::optional<CommittedOffset> committed = {};
};

struct GroupOverview {
  std::string group_id = {};
  std::string protocol_type = {};
  std::string state = {};  // "Empty" "PreparingRebalance" "CompletingRebalance" "Stable"
};
struct DescribedMember {
  std::string member_id = {};
  std::optional<std::string> group_instance_id = {};
  std::string client_id = {};
  std::string client_host = {};
  Opaque metadata = {};  // of the protocol that was chosen
  Opaque assignment = {};
};
struct GroupDescription {
  std::string group_id = {};
  std::string state = "Dead";  // a group that nobody knows
  std::string protocol_type = {};
  std::string protocol_name = {};
  std::int32_t generation_id = 0;
  std::vector<DescribedMember> members = {};
};

class GroupCoordinator {
 public:
  // All three outlive it.
  GroupCoordinator(const base::Clock& clock, OffsetStore& offsets, GroupOptions options = {});
  ~GroupCoordinator();

  void join(JoinCall call, std::function<void(JoinAnswer)> done);
  void sync(SyncCall call, std::function<void(SyncAnswer)> done);
  CoordinatorError heartbeat(const MemberCall& call);
  LeaveAnswer leave(const std::string& group_id, const std::vector<LeavingMember>& members);

  // Checks the caller, then stores. The time of commit is set here.
  void commit(const MemberCall& who, OffsetsToCommit offsets, CommitDone done);
  // The same for a transaction: seen when its producer's transaction commits. For the transaction
  // coordinator, which knows whether that is open.
  void commit_in_transaction(const MemberCall& who, std::int64_t producer_id,
                             OffsetsToCommit offsets, CommitDone done);
  // Partitions that a transaction may still change are kUnstableOffsetCommit with `require_stable`.
  std::map<TopicPartition, FetchedOffset> fetch_all(const std::string& group_id,
                                                    bool require_stable) const;
  FetchedOffset fetch(const std::string& group_id, const TopicPartition& partition,
                      bool require_stable) const;

  GroupDescription describe(const std::string& group_id) const;
  std::vector<GroupOverview> list() const;
  void delete_group(const std::string& group_id, std::function<void(CoordinatorError)> done);
  // The first is of the call as a whole; partitions that are subscribed are refused alone.
  void delete_offsets(const std::string& group_id, std::vector<TopicPartition> partitions,
                      std::function<void(CoordinatorError, std::vector<CoordinatorError>)> done);

  // Ends what has taken too long. To be called about every 50 ms, from one thread.
  void tick();
  // Answers whoever waits; nobody is let in any more.
  void stop();

 private:
  Group* find(const std::string& group_id) const;
  template <class F>
  void change(Group& group, F&& change, GroupAnswers& answers);
  void store(const MemberCall& who, std::optional<std::int64_t> producer_id,
             OffsetsToCommit offsets, CommitDone done);
  CoordinatorError check_commit(const MemberCall& who, bool in_transaction);
  void expire_offsets();
  void remember(const Group& group);

  const base::Clock& clock_;
  OffsetStore& offsets_;
  const GroupOptions options_;
  mutable std::mutex mutex_;
  std::map<std::string, std::unique_ptr<Group>> groups_;
  base::TimestampUs ticked_us_;
  std::int64_t now_ms_ = 0;  // of this coordinator's own time
  std::int64_t expired_ms_ = 0;
  bool stopped_ = false;
};

}  // namespace eventlog
