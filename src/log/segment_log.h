// The embedded log: topics in a folder, wired from the parts beside it. embedded_log.h is what it
// does; segment.h has the page on its files.
//
// Threads: any. Topics change one at a time; a Topic is a value that readers keep while it is
// replaced.
#pragma once

#include <mutex>
#include <shared_mutex>

#include "log/checkpoint.h"
#include "log/committer.h"
#include "log/embedded_log.h"
#include "log/offset_store.h"
#include "log/topic_files.h"

namespace eventlog {

class SegmentLog final : public EmbeddedLog {
 public:
  SegmentLog(base::FileSystem& disk, const base::Clock& clock, const EmbeddedLogOptions& options);
  ~SegmentLog() override;

  base::Result<> open();

  base::Result<> create_topic(const TopicConfig& config) override;
  base::Result<> delete_topic(const std::string& name) override;
  base::Result<> alter_topic(const TopicConfig& config) override;
  base::Result<> add_partitions(const std::string& name, int partitions) override;
  base::Result<Offset> delete_records(const TopicPartition& partition, Offset offset) override;
  base::Result<TopicInfo> topic(const std::string& name) const override;
  std::vector<TopicInfo> topics() const override;

  void append(const TopicPartition& partition, std::vector<std::byte> batch,
              AppendDone done) override;
  void store(const TopicPartition& partition, std::vector<std::byte> batch,
             StoreDone done) override;
  bool wants_keys(const std::string& topic) const override;
  void end_transaction(const TopicPartition& partition, std::int64_t producer_id,
                       std::int16_t epoch, bool commit, AppendDone done) override;
  base::Result<std::int64_t> new_producer_id() override;

  base::Result<ReadResult> read(const TopicPartition& partition, Offset offset,
                                std::size_t bytes_max) const override;
  base::Result<FetchResult> fetch(const TopicPartition& partition, Offset offset,
                                  std::size_t bytes_max, Isolation isolation,
                                  bool at_least_one) const override;
  bool wait_for_data(const std::vector<std::pair<TopicPartition, Offset>>& positions,
                     std::int64_t timeout_us) const override;
  std::unique_ptr<Watch> watch(const std::vector<TopicPartition>& partitions,
                               std::function<void()> changed) const override;
  base::Result<Offset> offset_at_time(const TopicPartition& partition,
                                      base::TimestampUs time_us) const override;
  base::Result<ListedOffset> list_offset_at(const TopicPartition& partition,
                                            std::int64_t time_ms) const override;
  base::Result<ListedOffset> list_greatest_time(const TopicPartition& partition) const override;

  base::Result<> commit_offsets(const std::string& group,
                                const std::map<TopicPartition, Offset>& offsets) override;
  base::Result<std::map<TopicPartition, Offset>> committed_offsets(
      const std::string& group) const override;
  std::vector<std::string> groups() const override;
  std::optional<std::int32_t> last_sequence(const TopicPartition& partition,
                                            std::int64_t producer_id) const override;
  base::Result<int> enforce_retention(base::TimestampUs now_us) override;
  base::Path directory() const override { return directory_; }
  OffsetStore& offsets() override { return *offsets_; }

 private:
  struct Topic {
    std::string id = {};
    TopicConfig config = {};
    std::vector<std::shared_ptr<PartitionLog>> partitions = {};
  };
  using TopicPtr = std::shared_ptr<const Topic>;

  base::Result<> lock_directory();
  base::Result<> load_producer_ids();
  base::Result<> open_partitions(std::span<const std::shared_ptr<Topic>> topics,
                                 Checkpoint& checkpoint);
  base::Result<std::shared_ptr<PartitionLog>> open_partition(const TopicFiles& files,
                                                             Partition partition,
                                                             Checkpoint& checkpoint);
  base::Result<TopicPtr> find_topic(const std::string& name) const;
  // The topic of the partition, and the partition in it.
  base::Result<std::shared_ptr<PartitionLog>> find(const TopicPartition& partition,
                                                   TopicPtr* topic = nullptr) const;
  std::vector<TopicPtr> all_topics() const;
  void keep_checkpoints(const std::stop_token& stop);
  void save_checkpoint_now();
  base::Path topics_path() const { return directory_ / "topics"; }
  base::Path checkpoint_path() const { return directory_ / "checkpoint"; }

  base::FileSystem& disk_;
  const base::Clock& clock_;
  const base::Path directory_;
  std::unique_ptr<base::File> lock_file_;
  std::mutex changing_;  // topics, one at a time
  mutable std::shared_mutex mutex_;
  std::map<std::string, TopicPtr, std::less<>> topics_;
  std::unique_ptr<OffsetStore> offsets_;
  std::mutex producer_ids_mutex_;
  std::int64_t next_producer_id_ = 0;
  std::int64_t reserved_producer_ids_ = 0;  // up to here the file says
  Offset checkpointed_ = -1;                // the sum of the end offsets at the last checkpoint
  bool opened_ = false;
  mutable WatchCaller watches_;
  SegmentKeeper keeper_;
  Committer committer_;
  base::TaskGroup tasks_;
};

}  // namespace eventlog
