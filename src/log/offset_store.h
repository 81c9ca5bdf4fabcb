// What consumer groups have committed, and what is kept of the groups themselves: DIR/offsets.log
// (log/journal.h), of changes
//
//   {"group":"g","offsets":[["topic",0,42,-1,"metadata",1700000000000000], ...]}   committed:
//   topic,
//       partition, offset, leader epoch, metadata, time in microseconds (0: it never expires)
//   the same with "producer":7              waits for the end of that producer's transaction
//   {"producer":7,"ended":true}             it was committed (false: aborted)
//   {"group":"g","forgotten":[["topic",0], ...]}
//   {"group":"g","generation":3,"type":"consumer","emptied":0}   how far it has come; emptied: when
//       the last member left, 0 while there are some
//   {"group":"g","deleted":true}
//   {"dropped":"t"}                         the topic was deleted
//   {"commits":[{"group":"g","topic":"t","partition":0,"offset":42}, ...]}    as it was written
//   once
//
// Threads: any; commits that meet share one write and one sync. Invariant: what is read here is
// durable.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "log/event_log.h"
#include "log/journal.h"

namespace eventlog {

// What is kept of a group over restarts beside its offsets.
struct GroupMark {
  std::int32_t generation_id = 0;
  std::string protocol_type = {};
  base::TimestampUs emptied_us = 0;  // 0: it has members
  bool operator==(const GroupMark&) const = default;
};

class OffsetStore {
 public:
  using Offsets = std::map<TopicPartition, Offset>;
  using Committed = std::vector<std::pair<TopicPartition, CommittedOffset>>;
  using Done = Journal::Done;

  // The caller syncs the folder, in which the file may be new.
  static base::Result<std::unique_ptr<OffsetStore>> open(base::FileSystem& disk,
                                                         const base::Path& directory);

  // For the platform's own groups: they wait, and their offsets never expire.
  base::Result<> commit(const std::string& group, const Offsets& offsets);
  Offsets committed(const std::string& group) const;
  base::Result<> drop_topic(const std::string& topic);

  // The rest calls `done` from the store's thread when the change is durable and seen.
  void commit(const std::string& group, Committed offsets, Done done);
  // Seen when the producer's transaction ends with a commit.
  void commit_pending(const std::string& group, std::int64_t producer_id, Committed offsets,
                      Done done);
  // A success also when nothing is pending.
  void end_pending(std::int64_t producer_id, bool commit, Done done);
  void forget(const std::string& group, std::vector<TopicPartition> partitions, Done done);
  void mark(const std::string& group, GroupMark mark, Done done);
  // Everything of a group.
  void erase(const std::string& group, Done done);

  std::optional<CommittedOffset> committed(const std::string& group,
                                           const TopicPartition& partition) const;
  Committed all_committed(const std::string& group) const;
  // Whether an open transaction may still change it.
  bool is_pending(const std::string& group, const TopicPartition& partition) const;
  std::set<TopicPartition> pending(const std::string& group) const;
  std::vector<std::int64_t> producers_with_pending() const;
  std::optional<GroupMark> mark_of(const std::string& group) const;
  // Those that have committed offsets, sorted.
  std::vector<std::string> groups() const;
  // The same and those that have a mark or offsets of an open transaction.
  std::vector<std::string> all_groups() const;
  bool knows(const std::string& group) const;

 private:
  struct Change;
  struct Stored {
    CommittedOffset committed;
    std::uint64_t order = 0;  // of all commits: the later one holds
  };
  using StoredOffsets = std::map<TopicPartition, Stored>;
  struct Group {
    StoredOffsets offsets;
    std::map<std::int64_t, StoredOffsets> pending;  // by producer id
    std::optional<GroupMark> mark;
    bool empty() const { return offsets.empty() && pending.empty() && !mark; }
  };

  OffsetStore() = default;
  void submit(Change change, Done done);
  base::Result<> submit_and_wait(Change change);
  void apply(const Change& change);  // with mutex_ held
  void apply_offsets(const Change& change);
  void apply_end(std::int64_t producer_id, bool commit);
  void apply_dropped(const std::string& topic);
  std::vector<nlohmann::json> current() const;
  const Group* find(const std::string& group) const;

  static nlohmann::json json_of(const Change& change);
  static base::Result<Change> change_of(const nlohmann::json& json);

  mutable std::mutex mutex_;
  std::map<std::string, Group> groups_;
  std::map<std::int64_t, std::set<std::string>> pending_groups_;         // by producer id
  std::map<std::pair<std::string, TopicPartition>, int> being_written_;  // pending ones
  std::uint64_t order_ = 0;
  std::unique_ptr<Journal> journal_;  // last: its thread uses the others
};

}  // namespace eventlog
