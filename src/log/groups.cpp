#include "log/groups.h"

#include <algorithm>

#include "base/logging.h"
#include "log/group_state.h"
#include "log/offset_store.h"

namespace eventlog {
namespace {

constexpr std::int64_t kEmptyGroupStaysMs = 600'000;
constexpr std::int64_t kExpireEveryMs = 60'000;

// What nobody waits for; the store has said why in the log if it is the disk.
void unheard(const base::Result<>& stored) {
  if (!stored) spdlog::debug("groups: {}", stored.error().to_string());
}

CoordinatorError error_of(const base::Result<>& stored) {
  return stored ? CoordinatorError::kNone : CoordinatorError::kCoordinatorNotAvailable;
}

// Takes out what cannot be stored; the errors are those of all, in order.
std::vector<CoordinatorError> take_out_refused(OffsetsToCommit& offsets) {
  std::vector<CoordinatorError> errors;
  OffsetsToCommit kept;
  for (auto& [at, committed] : offsets) {
    const bool fits = committed.metadata.size() <= kOffsetMetadataMax;
    errors.push_back(fits ? CoordinatorError::kNone : CoordinatorError::kOffsetMetadataTooLarge);
    if (fits) kept.emplace_back(at, std::move(committed));
  }
  offsets = std::move(kept);
  return errors;
}

// What the store calls when the offsets that were left are there.
OffsetStore::Done when_stored(std::vector<CoordinatorError> errors, CommitDone done) {
  return
      [errors = std::move(errors), done = std::move(done)](const base::Result<>& stored) mutable {
        for (CoordinatorError& error : errors) {
          if (error == CoordinatorError::kNone) error = error_of(stored);
        }
        done(std::move(errors));
      };
}

}  // namespace

GroupCoordinator::GroupCoordinator(const base::Clock& clock, OffsetStore& offsets,
                                   GroupOptions options)
    : clock_(clock), offsets_(offsets), options_(options), ticked_us_(clock.now_us()) {
  // Whoever was a member when the process ended is none now.
  for (const std::string& name : offsets_.all_groups()) {
    auto mark = offsets_.mark_of(name);
    if (!mark || mark->emptied_us != 0) continue;
    mark->emptied_us = ticked_us_;
    offsets_.mark(name, *mark, unheard);
  }
}

GroupCoordinator::~GroupCoordinator() { stop(); }

Group* GroupCoordinator::find(const std::string& group_id) const {
  const auto found = groups_.find(group_id);
  return found == groups_.end() ? nullptr : found->second.get();
}

// With mutex_ held. The answer to a join does not wait for it: member ids do not survive a restart,
// so no call of an earlier generation can pass for one of a later.
void GroupCoordinator::remember(const Group& group) {
  offsets_.mark(group.id(),
                {.generation_id = group.generation_id(),
                 .protocol_type = group.protocol_type(),
                 .emptied_us = group.members().empty() ? clock_.now_us() : 0},
                unheard);
}

// Runs `change` on a group under the lock, then keeps its new generation and gives the answers.
template <class F>
void GroupCoordinator::change(Group& group, F&& change, GroupAnswers& answers) {
  const std::int32_t before = group.generation_id();
  change(group, answers);
  if (group.generation_id() != before) remember(group);
}

void GroupCoordinator::join(JoinCall call, std::function<void(JoinAnswer)> done) {
  const auto refuse = [&](CoordinatorError error) {
    done({.error = error, .member_id = call.member_id});
  };
  if (call.group_id.empty()) return refuse(CoordinatorError::kInvalidGroupId);
  if (call.session_timeout_ms < options_.session_timeout_min_ms ||
      call.session_timeout_ms > options_.session_timeout_max_ms) {
    return refuse(CoordinatorError::kInvalidSessionTimeout);
  }
  GroupAnswers answers;
  {
    std::unique_lock lock(mutex_);
    if (stopped_ || (groups_.size() >= options_.groups_max && find(call.group_id) == nullptr)) {
      lock.unlock();
      return refuse(CoordinatorError::kCoordinatorNotAvailable);
    }
    auto& group = groups_[call.group_id];
    if (group == nullptr) {
      const auto mark = offsets_.mark_of(call.group_id).value_or(GroupMark{});
      group = std::make_unique<Group>(call.group_id, mark.generation_id, mark.protocol_type);
    }
    change(
        *group,
        [&](Group& joined, GroupAnswers& out) {
          joined.join(std::move(call), std::move(done), options_, now_ms_, out);
        },
        answers);
  }
  answers.give();
}

void GroupCoordinator::sync(SyncCall call, std::function<void(SyncAnswer)> done) {
  GroupAnswers answers;
  {
    std::unique_lock lock(mutex_);
    Group* const group = find(call.group_id);
    if (group == nullptr || stopped_) {
      lock.unlock();
      return done({.error = group == nullptr ? CoordinatorError::kUnknownMemberId
                                             : CoordinatorError::kCoordinatorNotAvailable});
    }
    group->sync(call, std::move(done), now_ms_, answers);
  }
  answers.give();
}

CoordinatorError GroupCoordinator::heartbeat(const MemberCall& call) {
  const std::scoped_lock lock(mutex_);
  Group* const group = find(call.group_id);
  return group == nullptr ? CoordinatorError::kUnknownMemberId : group->heartbeat(call, now_ms_);
}

LeaveAnswer GroupCoordinator::leave(const std::string& group_id,
                                    const std::vector<LeavingMember>& members) {
  LeaveAnswer left;
  GroupAnswers answers;
  {
    const std::scoped_lock lock(mutex_);
    Group* const group = find(group_id);
    for (const LeavingMember& who : members) {
      CoordinatorError error = CoordinatorError::kUnknownMemberId;
      if (group != nullptr) {
        change(
            *group, [&](Group& from, GroupAnswers& out) { error = from.leave(who, now_ms_, out); },
            answers);
      }
      left.members.push_back(error);
    }
  }
  answers.give();
  return left;
}

// With mutex_ held.
CoordinatorError GroupCoordinator::check_commit(const MemberCall& who, bool in_transaction) {
  if (who.group_id.empty()) return CoordinatorError::kInvalidGroupId;
  if (stopped_) return CoordinatorError::kCoordinatorNotAvailable;
  if (Group* const group = find(who.group_id))
    return group->check_commit(who, in_transaction, now_ms_);
  if (who.generation_id < 0) return CoordinatorError::kNone;
  return offsets_.knows(who.group_id) ? CoordinatorError::kUnknownMemberId
                                      : CoordinatorError::kIllegalGeneration;
}

void GroupCoordinator::commit(const MemberCall& who, OffsetsToCommit offsets, CommitDone done) {
  store(who, std::nullopt, std::move(offsets), std::move(done));
}

void GroupCoordinator::commit_in_transaction(const MemberCall& who, std::int64_t producer_id,
                                             OffsetsToCommit offsets, CommitDone done) {
  store(who, producer_id, std::move(offsets), std::move(done));
}

void GroupCoordinator::store(const MemberCall& who, std::optional<std::int64_t> producer_id,
                             OffsetsToCommit offsets, CommitDone done) {
  const std::size_t count = offsets.size();
  std::vector<CoordinatorError> errors = take_out_refused(offsets);
  for (auto& [at, committed] : offsets) committed.committed_us = clock_.now_us();
  CoordinatorError refused = CoordinatorError::kNone;
  {
    // The check and the place in the store's queue belong together: what a later generation reads
    // and commits comes after it.
    const std::scoped_lock lock(mutex_);
    refused = check_commit(who, producer_id.has_value());
    if (refused == CoordinatorError::kNone && !offsets.empty()) {
      auto stored = when_stored(std::move(errors), std::move(done));
      if (producer_id) {
        offsets_.commit_pending(who.group_id, *producer_id, std::move(offsets), std::move(stored));
      } else {
        offsets_.commit(who.group_id, std::move(offsets), std::move(stored));
      }
      return;
    }
  }
  if (refused != CoordinatorError::kNone) errors.assign(count, refused);
  done(std::move(errors));
}

FetchedOffset GroupCoordinator::fetch(const std::string& group_id, const TopicPartition& partition,
                                      bool require_stable) const {
  if (require_stable && offsets_.is_pending(group_id, partition))
    return {.error = CoordinatorError::kUnstableOffsetCommit};
  return {.committed = offsets_.committed(group_id, partition)};
}

std::map<TopicPartition, FetchedOffset> GroupCoordinator::fetch_all(const std::string& group_id,
                                                                    bool require_stable) const {
  std::map<TopicPartition, FetchedOffset> all;
  const std::set<TopicPartition> pending =
      require_stable ? offsets_.pending(group_id) : std::set<TopicPartition>{};
  for (auto& [at, committed] : offsets_.all_committed(group_id))
    all[at] = {.committed = std::move(committed)};
  for (const TopicPartition& at : pending)
    all[at] = {.error = CoordinatorError::kUnstableOffsetCommit};
  return all;
}

GroupDescription GroupCoordinator::describe(const std::string& group_id) const {
  {
    const std::scoped_lock lock(mutex_);
    if (const Group* const group = find(group_id)) return group->describe();
  }
  GroupDescription description{.group_id = group_id};
  if (!offsets_.knows(group_id)) return description;
  description.state = state_name(GroupState::kEmpty);
  if (const auto mark = offsets_.mark_of(group_id)) {
    description.protocol_type = mark->protocol_type;
    description.generation_id = mark->generation_id;
  }
  return description;
}

std::vector<GroupOverview> GroupCoordinator::list() const {
  std::map<std::string, GroupOverview> all;
  for (const std::string& name : offsets_.all_groups()) {
    const auto mark = offsets_.mark_of(name);
    all[name] = {.group_id = name,
                 .protocol_type = mark ? mark->protocol_type : "",
                 .state = std::string(state_name(GroupState::kEmpty))};
  }
  const std::scoped_lock lock(mutex_);
  for (const auto& [name, group] : groups_) {
    all[name] = {.group_id = name,
                 .protocol_type = group->protocol_type(),
                 .state = std::string(state_name(group->state()))};
  }
  std::vector<GroupOverview> list;
  for (auto& [name, overview] : all) list.push_back(std::move(overview));
  return list;
}

void GroupCoordinator::delete_group(const std::string& group_id,
                                    std::function<void(CoordinatorError)> done) {
  tick();  // a member whose session has ended by now does not hold the group
  CoordinatorError refused = CoordinatorError::kNone;
  {
    const std::scoped_lock lock(mutex_);
    const Group* const group = find(group_id);
    if (group_id.empty()) {
      refused = CoordinatorError::kInvalidGroupId;
    } else if (group == nullptr && !offsets_.knows(group_id)) {
      refused = CoordinatorError::kGroupIdNotFound;
    } else if (group != nullptr && (!group->idle() || group->state() != GroupState::kEmpty)) {
      refused = CoordinatorError::kNonEmptyGroup;
    } else {
      groups_.erase(group_id);
      offsets_.erase(group_id, [done](const base::Result<>& stored) { done(error_of(stored)); });
      return;
    }
  }
  done(refused);
}

void GroupCoordinator::delete_offsets(
    const std::string& group_id, std::vector<TopicPartition> partitions,
    std::function<void(CoordinatorError, std::vector<CoordinatorError>)> done) {
  CoordinatorError refused = CoordinatorError::kNone;
  std::vector<CoordinatorError> errors(partitions.size(), CoordinatorError::kNone);
  {
    const std::scoped_lock lock(mutex_);
    const Group* const group = find(group_id);
    const bool has_members = group != nullptr && !group->members().empty();
    const auto subscribed = has_members ? group->subscribed_topics() : std::set<std::string>{};
    if (group_id.empty()) {
      refused = CoordinatorError::kInvalidGroupId;
    } else if (group == nullptr && !offsets_.knows(group_id)) {
      refused = CoordinatorError::kGroupIdNotFound;
    } else if (!subscribed) {
      refused = CoordinatorError::kNonEmptyGroup;
    } else {
      std::vector<TopicPartition> kept;
      for (std::size_t i = 0; i < partitions.size(); ++i) {
        if (subscribed->contains(partitions[i].topic)) {
          errors[i] = CoordinatorError::kGroupSubscribedToTopic;
        } else {
          kept.push_back(partitions[i]);
        }
      }
      if (!kept.empty()) {
        offsets_.forget(group_id, std::move(kept),
                        [done, errors](const base::Result<>& stored) mutable {
                          for (CoordinatorError& error : errors) {
                            if (error == CoordinatorError::kNone) error = error_of(stored);
                          }
                          done(CoordinatorError::kNone, std::move(errors));
                        });
        return;
      }
    }
  }
  done(refused, std::move(errors));
}

void GroupCoordinator::tick() {
  GroupAnswers answers;
  bool expire = false;
  {
    const std::scoped_lock lock(mutex_);
    const base::TimestampUs now_us = clock_.now_us();
    const std::int64_t passed_ms = (now_us - ticked_us_) / base::kUsPerMs;
    now_ms_ += std::clamp<std::int64_t>(passed_ms, 0, kTickMaxMs);
    ticked_us_ = passed_ms < 0 ? now_us : ticked_us_ + passed_ms * base::kUsPerMs;
    for (auto& [name, group] : groups_) {
      change(*group, [&](Group& each, GroupAnswers& out) { each.tick(now_ms_, out); }, answers);
    }
    std::erase_if(groups_, [&](const auto& entry) {
      const Group& group = *entry.second;
      return group.idle() && group.state() == GroupState::kEmpty &&
             group.emptied_ms() + kEmptyGroupStaysMs <= now_ms_;
    });
    expire = expired_ms_ + kExpireEveryMs <= now_ms_;
    if (expire) expired_ms_ = now_ms_;
  }
  answers.give();
  if (expire) expire_offsets();
}

// Offsets of groups without members go some days after the last member went, and those of groups
// that never had any, some days after their commit (KIP-211).
void GroupCoordinator::expire_offsets() {
  const base::TimestampUs oldest_us = clock_.now_us() - options_.offsets_retention_us;
  for (const std::string& name : offsets_.all_groups()) {
    const std::scoped_lock lock(mutex_);
    if (find(name) != nullptr) continue;
    const auto mark = offsets_.mark_of(name);
    const OffsetStore::Committed all = offsets_.all_committed(name);
    if (!all.empty() && mark && mark->emptied_us > oldest_us) continue;
    std::vector<TopicPartition> expired;
    for (const auto& [at, committed] : all) {
      if (committed.committed_us != 0 && committed.committed_us <= oldest_us) expired.push_back(at);
    }
    if (expired.size() == all.size() && offsets_.pending(name).empty()) {
      spdlog::info("groups: {} and its {} offsets have expired", name, all.size());
      offsets_.erase(name, unheard);
    } else if (!expired.empty()) {
      offsets_.forget(name, std::move(expired), unheard);
    }
  }
}

void GroupCoordinator::stop() {
  GroupAnswers answers;
  {
    const std::scoped_lock lock(mutex_);
    stopped_ = true;
    for (auto& [name, group] : groups_) group->stop(answers);
  }
  answers.give();
}

}  // namespace eventlog
