#include "log/group_state.h"

#include <algorithm>

#include "log/consumer_metadata.h"

namespace eventlog {
namespace {

void answer(GroupAnswers& answers, std::function<void(SyncAnswer)>& done, SyncAnswer synced) {
  answers.calls.push_back([done = std::move(done), synced = std::move(synced)] { done(synced); });
  done = nullptr;
}

void answer(GroupAnswers& answers, std::function<void(JoinAnswer)>& done, JoinAnswer joined) {
  answers.calls.push_back([done = std::move(done), joined = std::move(joined)] { done(joined); });
  done = nullptr;
}

}  // namespace

std::string_view state_name(GroupState state) {
  switch (state) {
    case GroupState::kEmpty:
      return "Empty";
    case GroupState::kPreparingRebalance:
      return "PreparingRebalance";
    case GroupState::kCompletingRebalance:
      return "CompletingRebalance";
    case GroupState::kStable:
      return "Stable";
  }
  return {};
}

Group::Group(std::string id, std::int32_t generation_id, std::string protocol_type)
    : id_(std::move(id)), generation_id_(generation_id), protocol_type_(std::move(protocol_type)) {}

std::int64_t Group::rebalance_timeout_ms() const {
  std::int64_t longest = 0;
  for (const auto& [id, member] : members_)
    longest = std::max<std::int64_t>(longest, member.rebalance_timeout_ms);
  return longest;
}

CoordinatorError Group::check_member(const std::string& member_id,
                                     const std::optional<std::string>& instance) const {
  if (instance) {
    const auto found = instances_.find(*instance);
    if (found == instances_.end()) return CoordinatorError::kUnknownMemberId;
    if (found->second != member_id) return CoordinatorError::kFencedInstanceId;
  }
  return members_.contains(member_id) ? CoordinatorError::kNone
                                      : CoordinatorError::kUnknownMemberId;
}

void Group::sync(const SyncCall& call, std::function<void(SyncAnswer)> done, std::int64_t now_ms,
                 GroupAnswers& answers) {
  const auto refuse = [&](CoordinatorError error) { answer(answers, done, {.error = error}); };
  if (const auto error = check_member(call.member_id, call.group_instance_id);
      error != CoordinatorError::kNone) {
    return refuse(error);
  }
  if (call.generation_id != generation_id_) return refuse(CoordinatorError::kIllegalGeneration);
  if ((call.protocol_type && *call.protocol_type != protocol_type_) ||
      (call.protocol_name && *call.protocol_name != protocol_name_)) {
    return refuse(CoordinatorError::kInconsistentGroupProtocol);
  }
  if (state_ == GroupState::kEmpty) return refuse(CoordinatorError::kUnknownMemberId);
  if (state_ == GroupState::kPreparingRebalance)
    return refuse(CoordinatorError::kRebalanceInProgress);
  GroupMember& member = members_.at(call.member_id);
  member.deadline_ms = now_ms + member.session_timeout_ms;
  unsynced_.erase(member.id);
  const auto give = [&](GroupMember& to) {
    to.deadline_ms = now_ms + to.session_timeout_ms;
    answer(answers, to.syncing,
           {.protocol_type = protocol_type_,
            .protocol_name = protocol_name_,
            .assignment = to.assignment});
  };
  if (member.syncing)
    answer(answers, member.syncing, {.error = CoordinatorError::kRebalanceInProgress});
  member.syncing = std::move(done);
  if (state_ == GroupState::kStable) return give(member);
  if (member.id != leader_) return;
  for (const auto& [id, assignment] : call.assignments) {
    if (const auto to = members_.find(id); to != members_.end()) to->second.assignment = assignment;
  }
  state_ = GroupState::kStable;
  for (auto& [id, each] : members_) {
    if (each.syncing) give(each);
  }
}

CoordinatorError Group::heartbeat(const MemberCall& call, std::int64_t now_ms) {
  if (const auto error = check_member(call.member_id, call.group_instance_id);
      error != CoordinatorError::kNone) {
    return error;
  }
  if (call.generation_id != generation_id_) return CoordinatorError::kIllegalGeneration;
  GroupMember& member = members_.at(call.member_id);
  member.deadline_ms = std::max(member.deadline_ms, now_ms + member.session_timeout_ms);
  return state_ == GroupState::kPreparingRebalance ? CoordinatorError::kRebalanceInProgress
                                                   : CoordinatorError::kNone;
}

CoordinatorError Group::check_commit(const MemberCall& call, bool in_transaction,
                                     std::int64_t now_ms) {
  if (call.generation_id < 0 && members_.empty()) return CoordinatorError::kNone;
  if (call.generation_id < 0 && call.member_id.empty() && !call.group_instance_id)
    return in_transaction ? CoordinatorError::kNone : CoordinatorError::kUnknownMemberId;
  if (const auto error = check_member(call.member_id, call.group_instance_id);
      error != CoordinatorError::kNone) {
    return error;
  }
  if (call.generation_id != generation_id_) return CoordinatorError::kIllegalGeneration;
  // Its answer to the join is on the way; it commits for what it had before.
  if (!in_transaction && state_ == GroupState::kCompletingRebalance)
    return CoordinatorError::kRebalanceInProgress;
  GroupMember& member = members_.at(call.member_id);
  member.deadline_ms = std::max(member.deadline_ms, now_ms + member.session_timeout_ms);
  return CoordinatorError::kNone;
}

CoordinatorError Group::leave(const LeavingMember& who, std::int64_t now_ms,
                              GroupAnswers& answers) {
  std::string member_id = who.member_id;
  if (who.group_instance_id) {
    const auto found = instances_.find(*who.group_instance_id);
    if (found == instances_.end()) return CoordinatorError::kUnknownMemberId;
    if (!member_id.empty() && found->second != member_id)
      return CoordinatorError::kFencedInstanceId;
    member_id = found->second;
  } else if (pending_.erase(member_id) > 0) {
    complete_join_if_all(now_ms, answers);
    return CoordinatorError::kNone;
  }
  if (!members_.contains(member_id)) return CoordinatorError::kUnknownMemberId;
  remove_member(member_id, now_ms, answers);
  return CoordinatorError::kNone;
}

void Group::remove_member(const std::string& member_id, std::int64_t now_ms,
                          GroupAnswers& answers) {
  auto node = members_.extract(member_id);
  GroupMember& member = node.mapped();
  if (member.instance) instances_.erase(*member.instance);
  unsynced_.erase(member_id);
  if (leader_ == member_id) leader_ = members_.empty() ? "" : members_.begin()->first;
  if (member.joining) {
    answer(answers, member.joining,
           {.error = CoordinatorError::kUnknownMemberId, .member_id = member_id});
  }
  if (member.syncing)
    answer(answers, member.syncing, {.error = CoordinatorError::kUnknownMemberId});
  member_left(now_ms, answers);
}

void Group::member_left(std::int64_t now_ms, GroupAnswers& answers) {
  if (members_.empty()) gathering_ = false;
  rebalance(nullptr, now_ms, answers);
}

std::optional<std::set<std::string>> Group::subscribed_topics() const {
  if (protocol_type_ != kConsumerProtocol) return std::nullopt;
  std::set<std::string> all;
  for (const auto& [id, member] : members_) {
    for (const auto& [name, metadata] : member.protocols) {
      if (!protocol_name_.empty() && name != protocol_name_) continue;
      auto topics = topics_of_subscription(metadata);
      if (!topics) return std::nullopt;
      all.merge(*topics);
    }
  }
  return all;
}

void Group::tick_members(std::int64_t now_ms, GroupAnswers& answers) {
  std::vector<std::string> gone;
  for (const auto& [id, member] : members_) {
    // A static member whose session ended while others were awaited goes as well.
    if (!member.joining && !member.syncing && member.deadline_ms <= now_ms) gone.push_back(id);
  }
  for (const std::string& id : gone) {
    if (members_.contains(id)) remove_member(id, now_ms, answers);
  }
  if (std::erase_if(pending_, [&](const auto& entry) { return entry.second <= now_ms; }) > 0)
    complete_join_if_all(now_ms, answers);
}

void Group::tick(std::int64_t now_ms, GroupAnswers& answers) {
  tick_members(now_ms, answers);
  if (state_ != GroupState::kPreparingRebalance && sync_deadline_ms_ <= now_ms &&
      !unsynced_.empty()) {
    // Who was let in and did not ask for its assignment is gone.
    const std::set<std::string> late = std::exchange(unsynced_, {});
    for (const std::string& id : late) {
      if (members_.contains(id)) remove_member(id, now_ms, answers);
    }
  }
  if (state_ != GroupState::kPreparingRebalance) return;
  if (gathering_ && gather_until_ms_ <= now_ms) {
    gathering_ = member_came_ && gather_until_ms_ < join_deadline_ms_;
    member_came_ = false;
    gather_until_ms_ = std::min(now_ms + gather_ms_, join_deadline_ms_);
    if (!gathering_) return complete_join(now_ms, answers);
  }
  if (!gathering_ && join_deadline_ms_ <= now_ms) complete_join(now_ms, answers);
}

void Group::stop(GroupAnswers& answers) {
  for (auto& [id, member] : members_) {
    if (member.joining) {
      answer(answers, member.joining,
             {.error = CoordinatorError::kCoordinatorNotAvailable, .member_id = id});
    }
    if (member.syncing) {
      answer(answers, member.syncing, {.error = CoordinatorError::kCoordinatorNotAvailable});
    }
  }
}

GroupDescription Group::describe() const {
  GroupDescription description{.group_id = id_,
                               .state = std::string(state_name(state_)),
                               .protocol_type = protocol_type_,
                               .protocol_name = {},
                               .generation_id = generation_id_,
                               .members = {}};
  // What has not been agreed on yet is not shown.
  const bool agreed = state_ == GroupState::kStable;
  if (agreed) description.protocol_name = protocol_name_;
  for (const auto& [id, member] : members_) {
    DescribedMember described{.member_id = id,
                              .group_instance_id = member.instance,
                              .client_id = member.client_id,
                              .client_host = member.client_host,
                              .metadata = {},
                              .assignment = member.assignment};
    for (const auto& [name, metadata] : member.protocols) {
      if (agreed && name == protocol_name_) described.metadata = metadata;
    }
    description.members.push_back(std::move(described));
  }
  return description;
}

}  // namespace eventlog
