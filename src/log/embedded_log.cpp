// The embedded log: topics in a folder, wired from the parts beside it.
#include <sys/file.h>

#include <cerrno>
#include <chrono>
#include <mutex>
#include <shared_mutex>

#include "base/logging.h"
#include "log/checkpoint.h"
#include "log/committer.h"
#include "log/offset_store.h"
#include "log/topic_files.h"

namespace eventlog {
namespace {

constexpr std::chrono::seconds kCheckpointEvery{5};

struct Topic {
  std::string id;
  TopicConfig config;
  std::vector<std::shared_ptr<PartitionLog>> partitions;
};

base::Error no_topic(const std::string& topic) {
  return {.code = base::Code::kNotFound,
          .message = fmt::format("there is no topic {}", topic),
          .mend = "create it, or look at the list of topics"};
}

class EmbeddedLog final : public EventLog {
 public:
  EmbeddedLog(base::FileSystem& disk, const base::Clock& clock, const EmbeddedLogOptions& options)
      : disk_(disk),
        clock_(clock),
        directory_(options.directory),
        committer_(options.queued_bytes_max) {}
  ~EmbeddedLog() override;

  base::Result<> open();

  base::Result<> create_topic(const TopicConfig& config) override;
  base::Result<> delete_topic(const std::string& topic) override;
  base::Result<TopicInfo> topic(const std::string& topic) const override;
  std::vector<TopicInfo> topics() const override;
  void append(const TopicPartition& partition, std::vector<std::byte> batch,
              AppendDone done) override;
  base::Result<ReadResult> read(const TopicPartition& partition, Offset offset,
                                std::size_t bytes_max) const override;
  bool wait_for_data(const std::vector<std::pair<TopicPartition, Offset>>& positions,
                     std::int64_t timeout_us) const override;
  base::Result<Offset> offset_at_time(const TopicPartition& partition,
                                      base::TimestampUs time_us) const override;
  base::Result<> commit_offsets(const std::string& group,
                                const std::map<TopicPartition, Offset>& offsets) override;
  base::Result<std::map<TopicPartition, Offset>> committed_offsets(
      const std::string& group) const override;
  std::optional<std::int32_t> last_sequence(const TopicPartition& partition,
                                            std::int64_t producer_id) const override;
  base::Result<int> enforce_retention(base::TimestampUs now_us) override;

 private:
  using TopicPtr = std::shared_ptr<const Topic>;

  base::Result<> lock_directory();
  base::Result<TopicPtr> open_topic(const TopicFiles& files, Checkpoint& checkpoint);
  base::Result<std::shared_ptr<PartitionLog>> find(const TopicPartition& partition) const;
  std::vector<TopicPtr> all_topics() const;
  void keep_checkpoints(const std::stop_token& stop);
  void save_checkpoint_now();
  base::Path topics_path() const { return directory_ / "topics"; }
  base::Path checkpoint_path() const { return directory_ / "checkpoint"; }

  base::FileSystem& disk_;
  const base::Clock& clock_;
  const base::Path directory_;
  std::unique_ptr<base::File> lock_file_;
  std::mutex changing_;  // creating and deleting topics, one at a time
  mutable std::shared_mutex mutex_;
  std::map<std::string, TopicPtr, std::less<>> topics_;
  std::unique_ptr<OffsetStore> offsets_;
  Offset checkpointed_ = -1;  // the sum of the end offsets at the last checkpoint
  bool opened_ = false;
  Committer committer_;
  base::TaskGroup tasks_;
};

EmbeddedLog::~EmbeddedLog() {
  tasks_.stop();
  committer_.stop();
  if (opened_) save_checkpoint_now();
}

base::Result<> EmbeddedLog::lock_directory() {
  lock_file_ = TRY(disk_.open(directory_ / "lock", true));
  if (lock_file_->descriptor() >= 0 && ::flock(lock_file_->descriptor(), LOCK_EX | LOCK_NB) != 0) {
    return base::fail_with(
        base::Code::kUnavailable,
        fmt::format("the event log in {} is in use by another process", directory_.string()),
        "stop that process, or give this one another data folder");
  }
  return {};
}

base::Result<> EmbeddedLog::open() {
  TRY(disk_.create_directories(topics_path()));
  TRY(lock_directory());
  offsets_ = TRY(OffsetStore::open(disk_, directory_));
  // Every time: who created them may have been killed before these syncs. Clean ones are cheap.
  TRY(disk_.sync_directory(directory_));
  TRY(disk_.sync_directory(directory_.has_parent_path() ? directory_.parent_path() : "."));
  Checkpoint checkpoint = load_checkpoint(disk_, checkpoint_path());
  checkpointed_ = 0;
  for (const auto& [key, partition] : checkpoint) checkpointed_ += partition.state.end_offset;
  for (const TopicFiles& files : TRY(load_topic_files(disk_, topics_path()))) {
    topics_[files.config.name] = TRY(open_topic(files, checkpoint));
  }
  opened_ = true;
  tasks_.run("log-checkpoint", [this](const std::stop_token& stop) { keep_checkpoints(stop); });
  return {};
}

base::Result<EmbeddedLog::TopicPtr> EmbeddedLog::open_topic(const TopicFiles& files,
                                                            Checkpoint& checkpoint) {
  auto topic =
      std::make_shared<Topic>(Topic{.id = files.id, .config = files.config, .partitions = {}});
  for (Partition p = 0; p < files.config.partitions; ++p) {
    const base::Path directory = partition_directory(topics_path(), files.config.name, p);
    std::optional<PartitionCheckpoint> known;
    if (const auto entry = checkpoint.find({files.id, p}); entry != checkpoint.end()) {
      known = std::move(entry->second);
    }
    auto recovered = TRY(recover_partition(disk_, directory, known, clock_.now_us()));
    topic->partitions.push_back(std::make_shared<PartitionLog>(
        disk_, clock_, directory, fmt::format("{}/{}", files.config.name, p), files.config,
        std::move(recovered)));
  }
  return topic;
}

std::vector<EmbeddedLog::TopicPtr> EmbeddedLog::all_topics() const {
  const std::shared_lock lock(mutex_);
  std::vector<TopicPtr> all;
  all.reserve(topics_.size());
  for (const auto& [name, topic] : topics_) all.push_back(topic);
  return all;
}

void EmbeddedLog::keep_checkpoints(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  while (!stop.stop_requested()) {
    never.wait_for(lock, stop, kCheckpointEvery, [] { return false; });
    if (!stop.stop_requested()) save_checkpoint_now();
  }
}

// From one thread at a time: open, then the task, then the destructor.
void EmbeddedLog::save_checkpoint_now() {
  Checkpoint checkpoint;
  Offset sum = 0;
  for (const TopicPtr& topic : all_topics()) {
    for (std::size_t p = 0; p < topic->partitions.size(); ++p) {
      auto partition = topic->partitions[p]->checkpoint();
      if (!partition) continue;
      sum += partition->state.end_offset;
      checkpoint[{topic->id, static_cast<Partition>(p)}] = *std::move(partition);
    }
  }
  if (sum == checkpointed_) return;
  if (auto saved = save_checkpoint(disk_, checkpoint_path(), checkpoint); !saved) {
    spdlog::warn("log: no checkpoint was written, the next start reads more: {}",
                 saved.error().to_string());
    return;
  }
  checkpointed_ = sum;
}

base::Result<> EmbeddedLog::create_topic(const TopicConfig& config) {
  TRY(check_config(config));
  const std::scoped_lock changing(changing_);
  {
    const std::shared_lock lock(mutex_);
    if (topics_.contains(config.name)) {
      return base::fail(base::Code::kAlreadyExists, "topic {} exists", config.name);
    }
  }
  const std::string id = TRY(create_topic_files(disk_, topics_path(), config));
  Checkpoint none;
  const TopicPtr topic = TRY(open_topic({id, config}, none));
  const std::unique_lock lock(mutex_);
  topics_[config.name] = topic;
  return {};
}

base::Result<> EmbeddedLog::delete_topic(const std::string& name) {
  const std::scoped_lock changing(changing_);
  TopicPtr topic;
  {
    const std::unique_lock lock(mutex_);
    const auto found = topics_.find(name);
    if (found == topics_.end()) return std::unexpected(no_topic(name));
    topic = found->second;
    topics_.erase(found);
  }
  committer_.run_between([&topic] {
    for (const auto& partition : topic->partitions) partition->close();
  });
  TRY(offsets_->drop_topic(name));
  return delete_topic_files(disk_, topics_path(), name);
}

base::Result<std::shared_ptr<PartitionLog>> EmbeddedLog::find(
    const TopicPartition& partition) const {
  const std::shared_lock lock(mutex_);
  const auto found = topics_.find(partition.topic);
  if (found == topics_.end()) return std::unexpected(no_topic(partition.topic));
  const auto& partitions = found->second->partitions;
  if (partition.partition < 0 ||
      static_cast<std::size_t>(partition.partition) >= partitions.size()) {
    return base::fail(base::Code::kNotFound, "topic {} has no partition {}, only 0 to {}",
                      partition.topic, partition.partition, partitions.size() - 1);
  }
  return partitions[static_cast<std::size_t>(partition.partition)];
}

base::Result<TopicInfo> EmbeddedLog::topic(const std::string& name) const {
  TopicPtr topic;
  {
    const std::shared_lock lock(mutex_);
    const auto found = topics_.find(name);
    if (found == topics_.end()) return std::unexpected(no_topic(name));
    topic = found->second;
  }
  TopicInfo info{.config = topic->config, .start_offsets = {}, .end_offsets = {}};
  for (const auto& partition : topic->partitions) {
    info.start_offsets.push_back(partition->start_offset());
    info.end_offsets.push_back(partition->end_offset());
  }
  return info;
}

std::vector<TopicInfo> EmbeddedLog::topics() const {
  std::vector<TopicInfo> infos;
  for (const TopicPtr& each : all_topics()) {
    if (auto info = topic(each->config.name)) infos.push_back(*std::move(info));
  }
  return infos;
}

void EmbeddedLog::append(const TopicPartition& partition, std::vector<std::byte> batch,
                         AppendDone done) {
  auto found = find(partition);
  if (!found) return committer_.refuse(std::move(found).error(), std::move(done));
  auto header = check_batch(batch);
  if (!header) return committer_.refuse(std::move(header).error(), std::move(done));
  committer_.submit(*std::move(found), std::move(batch), *header, std::move(done));
}

base::Result<ReadResult> EmbeddedLog::read(const TopicPartition& partition, Offset offset,
                                           std::size_t bytes_max) const {
  const auto found = TRY(find(partition));
  return found->read(offset, bytes_max);
}

bool EmbeddedLog::wait_for_data(const std::vector<std::pair<TopicPartition, Offset>>& positions,
                                std::int64_t timeout_us) const {
  const auto waiter = std::make_shared<Waiter>();
  std::vector<std::shared_ptr<PartitionLog>> waiting;
  bool ready = false;
  for (const auto& [partition, offset] : positions) {
    const auto found = find(partition);
    if (!found) continue;
    ready = (*found)->add_waiter(offset, waiter);
    if (ready) break;
    waiting.push_back(*found);
  }
  if (!ready) ready = waiter->wait_us(timeout_us);
  for (const auto& partition : waiting) partition->remove_waiter(waiter);
  return ready;
}

base::Result<Offset> EmbeddedLog::offset_at_time(const TopicPartition& partition,
                                                 base::TimestampUs time_us) const {
  const auto found = TRY(find(partition));
  return found->offset_at_time(time_us);
}

base::Result<> EmbeddedLog::commit_offsets(const std::string& group,
                                           const std::map<TopicPartition, Offset>& offsets) {
  return offsets_->commit(group, offsets);
}

base::Result<std::map<TopicPartition, Offset>> EmbeddedLog::committed_offsets(
    const std::string& group) const {
  return offsets_->committed(group);
}

std::optional<std::int32_t> EmbeddedLog::last_sequence(const TopicPartition& partition,
                                                       std::int64_t producer_id) const {
  const auto found = find(partition);
  return found ? (*found)->last_sequence(producer_id) : std::nullopt;
}

base::Result<int> EmbeddedLog::enforce_retention(base::TimestampUs now_us) {
  int dropped = 0;
  for (const TopicPtr& topic : all_topics()) {
    for (const auto& partition : topic->partitions)
      dropped += TRY(partition->enforce_retention(now_us));
  }
  return dropped;
}

}  // namespace

base::Result<std::unique_ptr<EventLog>> open_embedded_log(base::FileSystem& disk,
                                                          const base::Clock& clock,
                                                          const EmbeddedLogOptions& options) {
  auto log = std::make_unique<EmbeddedLog>(disk, clock, options);
  TRY(log->open());
  return log;
}

}  // namespace eventlog
