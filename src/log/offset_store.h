// The offsets that consumer groups have committed: DIR/offsets.log, one JSON line per commit.
//
//   <crc32c of the JSON, 8 hex digits> <JSON>\n
//   {"commits":[{"group":"g","topic":"t","partition":0,"offset":42}, ...]}
//   {"dropped":"t"}                              the topic was deleted
//
// A line that does not hold is a torn tail and cut, unless a good line stands behind it (kCorrupt).
// Above kOffsetsRewriteBytes the file is rewritten durably with what is current.
// Threads: any. Commits that meet share one write and one sync.
#pragma once

#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>

#include "log/event_log.h"

namespace eventlog {

inline constexpr std::uint64_t kOffsetsRewriteBytes = 1UL << 20;

class OffsetStore {
 public:
  using Offsets = std::map<TopicPartition, Offset>;

  // The caller syncs the folder, in which the file may be new.
  static base::Result<std::unique_ptr<OffsetStore>> open(base::FileSystem& disk,
                                                         const base::Path& directory);

  base::Result<> commit(const std::string& group, const Offsets& offsets);
  base::Result<> drop_topic(const std::string& topic);
  Offsets committed(const std::string& group) const;
  // Those that have committed offsets, sorted.
  std::vector<std::string> groups() const;

 private:
  struct Change {
    std::string group;  // empty: `topic` was dropped
    std::string topic;
    Offsets offsets;
  };
  struct Waiting {
    Change change;
    bool done = false;
    base::Result<> result;
  };

  OffsetStore(base::FileSystem& disk, base::Path directory)
      : disk_(disk), directory_(std::move(directory)) {}
  base::Result<> load();
  base::Result<> apply_line(const nlohmann::json& json, std::size_t position);
  base::Result<> submit(Change change);
  base::Result<> write(const std::vector<Waiting*>& round);
  base::Result<> rewrite();
  base::Path path() const { return directory_ / "offsets.log"; }

  static std::string line_of(const Change& change);
  static void apply(const Change& change, std::map<std::string, Offsets>& groups);

  base::FileSystem& disk_;
  const base::Path directory_;
  mutable std::mutex mutex_;
  std::condition_variable round_over_;
  std::vector<Waiting*> waiting_;
  bool writing_ = false;
  std::map<std::string, Offsets> groups_;
  std::unique_ptr<base::File> file_;  // the two of whoever writes
  std::uint64_t end_ = 0;
};

}  // namespace eventlog
