// Keyed state that outlives its process: a local store, and behind it a changelog on Kafka.
//
// A unit of work has one. The process that owns it writes each change first to the changelog, as
// one transaction, then to the local store; every other process follows the changelog, so that it
// can show the state and take over quickly. own() fences the owner before it off and catches up to
// the last committed change.
//
// Records of the changelog: key = the state's key + number of the chunk (u32, big-endian); value =
// count of chunks (u32) + number of the change (u64) + the bytes; no value = the key is gone. The
// last record of a change has the key kChangeMark; its value is the number of the change. The local
// store keeps, under kReplicaKey, how far it is and of which changelog it is a copy; another one's
// copy, or one that is ahead of its changelog, is dropped and read anew.
// Threads: any. get and scan see whole changes.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "log/event_log.h"
#include "log/kafka_changelog.h"
#include "state/size.h"
#include "state/store.h"

namespace runs {

inline constexpr const char* kChangeMark = "\x01mark";
inline constexpr const char* kReplicaKey = "\x01replica";
// How long the changelog must show that a key is gone.
inline constexpr std::int64_t kTombstonesKeptUs = 2 * base::kUsPerDay;
inline constexpr const char* kOwnerKey = "owner";  // JSON of who works on the unit

struct ReplicaOptions {
  base::Path folder;                   // of the local store
  eventlog::TopicPartition changelog;  // a topic that is compacted
  std::string incarnation;             // of the unit: another one's copy is dropped
  std::string group;  // consumer group that shows the consumed offsets; may be empty
};

class ReplicatedStore final : public state::Store, public state::Sized {
 public:
  static base::Result<std::unique_ptr<ReplicatedStore>> open(
      const eventlog::EventLog& log, std::unique_ptr<eventlog::KafkaChangelog> writer,
      ReplicaOptions options);

  // Becomes the writer, with everything that was committed. `owner` is written for others to see.
  base::Result<> own(const std::string& owner);
  // Follows again.
  void disown();
  bool owned() const { return owned_; }
  // Called once, from the thread that met it (or at once, when it happened already), when another
  // process took over or a change's fate is not known: nothing is written any more until own().
  void on_lost(std::function<void()> call);

  // Takes in what the changelog has; nothing while owned.
  base::Result<> follow();
  eventlog::TopicPartition changelog() const { return options_.changelog; }
  eventlog::Offset position() const { return position_; }
  std::uint64_t change() const { return change_; }         // number of the last change
  std::int64_t changed_us() const { return changed_us_; }  // steady clock, of the last change here

  base::Result<std::optional<std::string>> get(const std::string& key) const override;
  base::Result<> scan(const std::string& prefix,
                      const std::function<bool(std::string_view, std::string_view)>& each,
                      const std::string& from = "") const override;
  base::Result<> scan_reverse(
      const std::string& prefix,
      const std::function<bool(std::string_view, std::string_view)>& each) const override;
  std::int64_t bytes_about(const std::string& prefix) const override;
  // kConflict when this process is not, or no longer, the owner.
  base::Result<> apply(const state::WriteSet& changes) override;

 private:
  ReplicatedStore(const eventlog::EventLog& log, std::unique_ptr<eventlog::KafkaChangelog> writer,
                  ReplicaOptions options)
      : log_(log), writer_(std::move(writer)), options_(std::move(options)) {}
  base::Result<> open_local();
  base::Result<> drop_local(const std::string& why);
  base::Result<> catch_up(eventlog::Offset end);
  base::Result<> take_in(std::span<const std::byte> batch);
  base::Result<> apply_local(state::WriteSet changes, eventlog::Offset position,
                             std::uint64_t change);
  base::Result<std::vector<eventlog::Change>> in_records(const state::WriteSet& changes,
                                                         std::uint64_t change) const;
  void lose();

  struct Partial {  // a value whose chunks are not all there yet
    std::string key;
    std::uint32_t next = 0;
    std::uint32_t count = 0;
    std::uint64_t change = 0;
    std::string value;
  };

  const eventlog::EventLog& log_;
  std::unique_ptr<eventlog::KafkaChangelog> writer_;
  ReplicaOptions options_;
  mutable std::shared_mutex local_mutex_;  // guards the pointer
  std::unique_ptr<state::Store> local_;
  std::mutex change_mutex_;  // one change, or one catching up, at a time
  state::WriteSet reading_;  // of a change that is being read
  bool reading_any_ = false;
  Partial partial_;
  std::atomic<eventlog::Offset> position_ = 0;
  std::atomic<std::uint64_t> change_ = 0;
  std::atomic<std::int64_t> changed_us_ = 0;
  std::atomic<bool> owned_ = false;
  std::atomic<bool> lost_ = false;
  std::mutex lost_mutex_;
  std::function<void()> on_lost_;
};

}  // namespace runs
