// How members come into a group, again and again.
#include <algorithm>

#include "base/uuid.h"
#include "log/consumer_metadata.h"
#include "log/group_state.h"

namespace eventlog {
namespace {

constexpr std::int64_t kNewMemberWaitMs = 300'000;  // for others that have to join

void refuse(GroupAnswers& answers, std::function<void(JoinAnswer)>& done, CoordinatorError error,
            std::string member_id) {
  answers.calls.push_back([done = std::move(done), error, id = std::move(member_id)] {
    done({.error = error, .member_id = id});
  });
}

void answer(GroupAnswers& answers, std::function<void(JoinAnswer)>& done, JoinAnswer joined) {
  answers.calls.push_back([done = std::move(done), joined = std::move(joined)] { done(joined); });
  done = nullptr;
}

std::string new_member_id(const JoinCall& call) {
  return call.group_instance_id.value_or(call.client_id) + "-" + base::new_uuid();
}

const Opaque* metadata_of(const GroupMember& member, const std::string& protocol) {
  for (const auto& [name, metadata] : member.protocols) {
    if (name == protocol) return &metadata;
  }
  return nullptr;
}

// Whether a static member that comes back wants the same as before it went.
bool same_wishes(const GroupMember& member, const JoinCall& call, const std::string& type) {
  if (member.protocols.size() != call.protocols.size()) return false;
  for (std::size_t i = 0; i < call.protocols.size(); ++i) {
    const auto& [name, metadata] = call.protocols[i];
    if (member.protocols[i].first != name) return false;
    const Opaque& before = member.protocols[i].second;
    if (before == metadata) continue;
    // What a consumer says it owned changes with every start, its topics need not.
    if (type != kConsumerProtocol) return false;
    const auto topics = topics_of_subscription(metadata);
    if (!topics || topics != topics_of_subscription(before)) return false;
  }
  return true;
}

void take_over(GroupMember& member, JoinCall& call) {
  member.client_id = std::move(call.client_id);
  member.client_host = std::move(call.client_host);
  member.session_timeout_ms = call.session_timeout_ms;
  member.rebalance_timeout_ms =
      call.rebalance_timeout_ms >= 0 ? call.rebalance_timeout_ms : call.session_timeout_ms;
  member.protocols = std::move(call.protocols);
}

}  // namespace

bool Group::accepts_protocols(const JoinCall& call) const {
  if (call.protocol_type.empty() || call.protocols.empty()) return false;
  if (members_.empty()) return true;
  if (call.protocol_type != protocol_type_) return false;
  return std::ranges::any_of(call.protocols, [&](const auto& offered) {
    return std::ranges::all_of(members_, [&](const auto& entry) {
      return metadata_of(entry.second, offered.first) != nullptr;
    });
  });
}

// The protocol that most members like best of those that all can.
std::string Group::vote() const {
  std::vector<std::string> candidates;
  for (const auto& [name, metadata] : members_.begin()->second.protocols) {
    if (std::ranges::all_of(members_, [&](const auto& entry) {
          return metadata_of(entry.second, name) != nullptr;
        })) {
      candidates.push_back(name);
    }
  }
  std::vector<std::size_t> votes(candidates.size());
  for (const auto& [id, member] : members_) {
    for (const auto& [name, metadata] : member.protocols) {
      const auto found = std::ranges::find(candidates, name);
      if (found == candidates.end()) continue;
      ++votes[static_cast<std::size_t>(found - candidates.begin())];
      break;
    }
  }
  if (candidates.empty()) return {};
  return candidates[static_cast<std::size_t>(std::ranges::max_element(votes) - votes.begin())];
}

void Group::join(JoinCall call, JoinDone done, const GroupOptions& options, std::int64_t now_ms,
                 GroupAnswers& answers) {
  if (call.member_id.empty()) return join_unknown(call, done, options, now_ms, answers);
  join_known(call, done, options, now_ms, answers);
}

void Group::join_unknown(JoinCall& call, JoinDone& done, const GroupOptions& options,
                         std::int64_t now_ms, GroupAnswers& answers) {
  const bool comes_back = call.group_instance_id && instances_.contains(*call.group_instance_id);
  if (!comes_back && members_.size() + pending_.size() >= options.members_max)
    return refuse(answers, done, CoordinatorError::kGroupMaxSizeReached, {});
  if (!accepts_protocols(call))
    return refuse(answers, done, CoordinatorError::kInconsistentGroupProtocol, {});
  if (comes_back) return rejoin_static(call, done, options, now_ms, answers);
  const std::string member_id = new_member_id(call);
  if (call.require_known_member_id && !call.group_instance_id) {
    pending_[member_id] = now_ms + call.session_timeout_ms;
    member_came_ = true;  // it will be back in a moment
    return refuse(answers, done, CoordinatorError::kMemberIdRequired, member_id);
  }
  add_member(call, done, member_id, options, now_ms, answers);
}

void Group::join_known(JoinCall& call, JoinDone& done, const GroupOptions& options,
                       std::int64_t now_ms, GroupAnswers& answers) {
  const std::string member_id = call.member_id;
  if (pending_.contains(member_id)) {
    if (!accepts_protocols(call))
      return refuse(answers, done, CoordinatorError::kInconsistentGroupProtocol, member_id);
    pending_.erase(member_id);
    return add_member(call, done, member_id, options, now_ms, answers);
  }
  if (const auto error = check_member(member_id, call.group_instance_id);
      error != CoordinatorError::kNone) {
    return refuse(answers, done, error, member_id);
  }
  GroupMember& member = members_.at(member_id);
  if (!accepts_protocols(call))
    return refuse(answers, done, CoordinatorError::kInconsistentGroupProtocol, member_id);
  const bool same = member.protocols == call.protocols;
  // It may have missed the answer; the leader of a stable group asks for a new round by joining.
  const bool missed = same && (state_ == GroupState::kCompletingRebalance ||
                               (state_ == GroupState::kStable && member_id != leader_));
  if (!missed) return update_and_rebalance(member, call, done, options, now_ms, answers);
  member.deadline_ms = now_ms + member.session_timeout_ms;
  answer(answers, done, joined(member));
}

void Group::add_member(JoinCall& call, JoinDone& done, const std::string& member_id,
                       const GroupOptions& options, std::int64_t now_ms, GroupAnswers& answers) {
  if (members_.empty()) protocol_type_ = call.protocol_type;
  GroupMember& member = members_[member_id];
  member.id = member_id;
  member.instance = call.group_instance_id;
  if (member.instance) instances_[*member.instance] = member_id;
  take_over(member, call);
  member.joining = std::move(done);
  member.deadline_ms = now_ms + kNewMemberWaitMs;
  if (leader_.empty()) leader_ = member_id;
  member_came_ = true;
  rebalance(&options, now_ms, answers);
}

void Group::update_and_rebalance(GroupMember& member, JoinCall& call, JoinDone& done,
                                 const GroupOptions& options, std::int64_t now_ms,
                                 GroupAnswers& answers) {
  take_over(member, call);
  // The same member asks again, over another connection: the first answer has nobody to hear it.
  if (member.joining)
    refuse(answers, member.joining, CoordinatorError::kRebalanceInProgress, member.id);
  member.joining = std::move(done);
  rebalance(&options, now_ms, answers);
}

// KIP-345: a static member that starts anew takes the place of its former self.
void Group::rejoin_static(JoinCall& call, JoinDone& done, const GroupOptions& options,
                          std::int64_t now_ms, GroupAnswers& answers) {
  const std::string before = instances_.at(*call.group_instance_id);
  const std::string leader_before = leader_;
  const std::string member_id = new_member_id(call);
  auto node = members_.extract(before);
  node.key() = member_id;
  node.mapped().id = member_id;
  GroupMember& member = members_.insert(std::move(node)).position->second;
  instances_[*call.group_instance_id] = member_id;
  if (leader_ == before) leader_ = member_id;
  if (unsynced_.erase(before) > 0) unsynced_.insert(member_id);
  if (member.joining) {
    refuse(answers, member.joining, CoordinatorError::kFencedInstanceId, before);
    member.joining = nullptr;
  }
  if (member.syncing) {
    answers.calls.push_back([waited = std::move(member.syncing)] {
      waited({.error = CoordinatorError::kFencedInstanceId});
    });
    member.syncing = nullptr;
  }
  const bool same = same_wishes(member, call, protocol_type_);
  const bool knows_skip = call.knows_skip_assignment;
  if (state_ != GroupState::kStable || !same)
    return update_and_rebalance(member, call, done, options, now_ms, answers);
  take_over(member, call);
  member.deadline_ms = now_ms + member.session_timeout_ms;
  JoinAnswer now = joined(member);
  // The leader that comes back must not assign again: it is told to skip that (KIP-814), or, when
  // it does not know the word, that somebody else leads.
  if (leader_ == member_id) {
    now.skip_assignment = knows_skip;
    if (!knows_skip) {
      now.leader = leader_before;
      now.members.clear();
    } else {
      for (const auto& [id, each] : members_) {
        const Opaque* const metadata = metadata_of(each, protocol_name_);
        now.members.push_back({id, each.instance, metadata == nullptr ? Opaque{} : *metadata});
      }
    }
  }
  answer(answers, done, std::move(now));
}

JoinAnswer Group::joined(const GroupMember& member) const {
  JoinAnswer now{.generation_id = generation_id_,
                 .protocol_type = protocol_type_,
                 .protocol_name = protocol_name_,
                 .leader = leader_,
                 .member_id = member.id};
  if (member.id != leader_ || state_ == GroupState::kStable) return now;
  for (const auto& [id, each] : members_) {
    const Opaque* const metadata = metadata_of(each, protocol_name_);
    now.members.push_back({id, each.instance, metadata == nullptr ? Opaque{} : *metadata});
  }
  return now;
}

// Only while the group is not waiting for members already.
void Group::rebalance(const GroupOptions* initial, std::int64_t now_ms, GroupAnswers& answers) {
  if (state_ == GroupState::kPreparingRebalance) return complete_join_if_all(now_ms, answers);
  for (auto& [id, member] : members_) {
    member.assignment.clear();
    if (!member.syncing) continue;
    answers.calls.push_back([waited = std::move(member.syncing)] {
      waited({.error = CoordinatorError::kRebalanceInProgress});
    });
    member.syncing = nullptr;
    member.deadline_ms = now_ms + member.session_timeout_ms;
  }
  unsynced_.clear();
  const bool was_empty = state_ == GroupState::kEmpty;
  state_ = GroupState::kPreparingRebalance;
  join_deadline_ms_ = now_ms + rebalance_timeout_ms();
  gathering_ = was_empty && initial != nullptr && initial->initial_rebalance_delay_ms > 0;
  if (gathering_) {
    gather_ms_ = initial->initial_rebalance_delay_ms;
    gather_until_ms_ = std::min(now_ms + gather_ms_, join_deadline_ms_);
    member_came_ = false;
    return;
  }
  complete_join_if_all(now_ms, answers);
}

bool Group::all_joined() const {
  return pending_.empty() && std::ranges::all_of(members_, [](const auto& entry) {
           return static_cast<bool>(entry.second.joining);
         });
}

void Group::complete_join_if_all(std::int64_t now_ms, GroupAnswers& answers) {
  if (state_ == GroupState::kPreparingRebalance && !gathering_ && all_joined())
    complete_join(now_ms, answers);
}

bool Group::elect_joined_leader() {
  const auto leader = members_.find(leader_);
  if (leader != members_.end() && leader->second.joining) return true;
  for (const auto& [id, member] : members_) {
    if (!member.joining) continue;
    leader_ = id;
    return true;
  }
  return false;
}

void Group::complete_join(std::int64_t now_ms, GroupAnswers& answers) {
  gathering_ = false;
  // Who did not come is out, but for static members: their session decides.
  std::erase_if(members_,
                [&](const auto& entry) { return !entry.second.joining && !entry.second.instance; });
  if (!members_.empty() && !elect_joined_leader()) {
    join_deadline_ms_ = now_ms + rebalance_timeout_ms();
    return;
  }
  next_generation(now_ms, answers);
}

void Group::next_generation(std::int64_t now_ms, GroupAnswers& answers) {
  ++generation_id_;
  unsynced_.clear();
  if (members_.empty()) {
    state_ = GroupState::kEmpty;
    leader_.clear();
    protocol_name_.clear();
    emptied_ms_ = now_ms;
    return;
  }
  protocol_name_ = vote();
  state_ = GroupState::kCompletingRebalance;
  sync_deadline_ms_ = now_ms + rebalance_timeout_ms();
  for (auto& [id, member] : members_) {
    if (!member.joining) continue;
    member.deadline_ms = now_ms + member.session_timeout_ms;
    unsynced_.insert(id);
    answer(answers, member.joining, joined(member));
  }
}

}  // namespace eventlog
