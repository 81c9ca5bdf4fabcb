// Opening, topics and house-keeping of the embedded log; segment_log_data.cpp has records.
#include "log/segment_log.h"

#include <sys/file.h>

#include <atomic>
#include <charconv>
#include <chrono>

#include "base/logging.h"

namespace eventlog {
namespace {

constexpr std::chrono::seconds kCheckpointEvery{5};
constexpr std::size_t kOpenAloneMax = 8;  // partitions that are opened by one thread
constexpr int kOpeners = 4;
constexpr int kHouseEvery = 6;  // checkpoints
constexpr std::int64_t kProducerIdsAtOnce = 1000;

base::Error no_topic(const std::string& topic) {
  return {.code = base::Code::kNotFound,
          .message = fmt::format("there is no topic {}", topic),
          .mend = "create it, or look at the list of topics"};
}

}  // namespace

SegmentLog::SegmentLog(base::FileSystem& disk, const base::Clock& clock,
                       const EmbeddedLogOptions& options)
    : disk_(disk),
      clock_(clock),
      directory_(options.directory),
      keeper_(disk, options.directory),
      committer_(options.queued_bytes_max) {}

SegmentLog::~SegmentLog() {
  tasks_.stop();
  committer_.stop();
  keeper_.stop();
  if (opened_) save_checkpoint_now();
}

base::Result<> SegmentLog::lock_directory() {
  lock_file_ = TRY(disk_.open(directory_ / "lock", true));
  if (lock_file_->descriptor() >= 0 && ::flock(lock_file_->descriptor(), LOCK_EX | LOCK_NB) != 0) {
    return base::fail_with(
        base::Code::kUnavailable,
        fmt::format("the event log in {} is in use by another process", directory_.string()),
        "stop that process, or give this one another data folder");
  }
  return {};
}

base::Result<> SegmentLog::open() {
  TRY(disk_.create_directories(topics_path()));
  TRY(lock_directory());
  offsets_ = TRY(OffsetStore::open(disk_, directory_));
  TRY(load_producer_ids());
  TRY(keeper_.open());
  // Every time: who created them may have been killed before these syncs. Clean ones are cheap.
  TRY(disk_.sync_directory(directory_));
  TRY(disk_.sync_directory(directory_.has_parent_path() ? directory_.parent_path() : "."));
  Checkpoint checkpoint = load_checkpoint(disk_, checkpoint_path());
  checkpointed_ = 0;
  for (const auto& [key, partition] : checkpoint) checkpointed_ += partition.state.end_offset;
  std::vector<std::shared_ptr<Topic>> topics;
  for (const TopicFiles& files : TRY(load_topic_files(disk_, topics_path()))) {
    topics.push_back(std::make_shared<Topic>(Topic{.id = files.id, .config = files.config}));
  }
  TRY(open_partitions(topics, checkpoint));
  for (auto& topic : topics) topics_[topic->config.name] = std::move(topic);
  opened_ = true;
  tasks_.run("log-checkpoint", [this](const std::stop_token& stop) { keep_checkpoints(stop); });
  return {};
}

// Opens all partitions of the topics, several at a time.
base::Result<> SegmentLog::open_partitions(std::span<const std::shared_ptr<Topic>> topics,
                                           Checkpoint& checkpoint) {
  std::vector<std::pair<Topic*, Partition>> jobs;
  for (const auto& topic : topics) {
    topic->partitions.resize(static_cast<std::size_t>(topic->config.partitions));
    for (Partition p = 0; p < topic->config.partitions; ++p) jobs.emplace_back(topic.get(), p);
  }
  std::atomic<std::size_t> next{0};
  std::mutex mutex;
  base::Result<> all;
  const auto work = [&](const std::stop_token&) {
    for (std::size_t i = next++; i < jobs.size(); i = next++) {
      const auto [topic, partition] = jobs[i];
      auto opened = open_partition({topic->id, topic->config}, partition, checkpoint);
      if (opened) {
        topic->partitions[static_cast<std::size_t>(partition)] = *std::move(opened);
        continue;
      }
      const std::scoped_lock lock(mutex);
      if (all) all = std::unexpected(std::move(opened).error());
      next = jobs.size();
    }
  };
  if (jobs.size() < kOpenAloneMax) {
    work({});
    return all;
  }
  base::TaskGroup openers;
  for (int i = 0; i < kOpeners; ++i) openers.run("log-open", work);
  openers.stop();
  return all;
}

base::Result<std::shared_ptr<PartitionLog>> SegmentLog::open_partition(const TopicFiles& files,
                                                                       Partition partition,
                                                                       Checkpoint& checkpoint) {
  const base::Path directory = partition_directory(topics_path(), files.config.name, partition);
  std::optional<PartitionCheckpoint> known;
  if (const auto entry = checkpoint.find({files.id, partition}); entry != checkpoint.end()) {
    known = std::move(entry->second);
  }
  const std::string id = fmt::format("{}/{}", files.id, partition);
  auto recovered = TRY(recover_partition(disk_, directory, id, known, clock_.now_us()));
  return std::make_shared<PartitionLog>(
      PartitionServices{.disk = disk_, .clock = clock_, .watches = watches_, .keeper = keeper_},
      directory, id, fmt::format("{}/{}", files.config.name, partition), files.config,
      std::move(recovered));
}

std::vector<SegmentLog::TopicPtr> SegmentLog::all_topics() const {
  const std::shared_lock lock(mutex_);
  std::vector<TopicPtr> all;
  all.reserve(topics_.size());
  for (const auto& [name, topic] : topics_) all.push_back(topic);
  return all;
}

void SegmentLog::keep_checkpoints(const std::stop_token& stop) {
  std::mutex mutex;
  std::condition_variable_any never;
  std::unique_lock lock(mutex);
  for (int rounds = 0; !stop.stop_requested();) {
    never.wait_for(lock, stop, kCheckpointEvery, [] { return false; });
    if (stop.stop_requested()) return;
    save_checkpoint_now();
    if (++rounds % kHouseEvery != 0) continue;
    if (auto kept = enforce_retention(clock_.now_us()); !kept) {
      spdlog::warn("log: keeping house: {}", kept.error().to_string());
    }
  }
}

// From one thread at a time: open, then the task, then the destructor.
void SegmentLog::save_checkpoint_now() {
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

base::Result<> SegmentLog::create_topic(const TopicConfig& config) {
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
  const auto topic = std::make_shared<Topic>(Topic{.id = id, .config = config});
  TRY(open_partitions(std::span(&topic, 1), none));
  const std::unique_lock lock(mutex_);
  topics_[config.name] = topic;
  return {};
}

base::Result<> SegmentLog::delete_topic(const std::string& name) {
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
  keeper_.drain();
  TRY(offsets_->drop_topic(name));
  return delete_topic_files(disk_, topics_path(), name);
}

base::Result<> SegmentLog::alter_topic(const TopicConfig& config) {
  TRY(check_config(config));
  const std::scoped_lock changing(changing_);
  const TopicPtr before = TRY(find_topic(config.name));
  if (config.partitions != before->config.partitions) {
    return base::fail_with(base::Code::kInvalid,
                           fmt::format("the partitions of topic {} cannot be set: it has {}",
                                       config.name, before->config.partitions),
                           "add partitions by the call for it; fewer are not possible");
  }
  TRY(change_topic_files(disk_, topics_path(), {before->id, config}));
  const auto after = std::make_shared<Topic>(*before);
  after->config = config;
  committer_.run_between([this, &after] {
    keeper_.drain();
    for (const auto& partition : after->partitions) partition->set_config(after->config);
  });
  const std::unique_lock lock(mutex_);
  topics_[config.name] = after;
  return {};
}

base::Result<> SegmentLog::add_partitions(const std::string& name, int partitions) {
  const std::scoped_lock changing(changing_);
  const TopicPtr before = TRY(find_topic(name));
  if (partitions < before->config.partitions) {
    return base::fail_with(base::Code::kInvalid,
                           fmt::format("topic {} has {} partitions already, {} were asked for",
                                       name, before->config.partitions, partitions),
                           "ask for more than there are");
  }
  const auto after = std::make_shared<Topic>(*before);
  after->config.partitions = partitions;
  TRY(check_config(after->config));
  const TopicFiles files{after->id, after->config};
  TRY(change_topic_files(disk_, topics_path(), files));
  Checkpoint none;
  for (Partition p = before->config.partitions; p < partitions; ++p) {
    after->partitions.push_back(TRY(open_partition(files, p, none)));
  }
  const std::unique_lock lock(mutex_);
  topics_[name] = after;
  return {};
}

base::Result<std::int64_t> SegmentLog::new_producer_id() {
  const std::scoped_lock lock(producer_ids_mutex_);
  const base::Path path = directory_ / "producer_ids";
  if (next_producer_id_ == reserved_producer_ids_) {
    const std::int64_t reserved = reserved_producer_ids_ + kProducerIdsAtOnce;
    TRY(base::write_file_durably(disk_, path, fmt::format("{}\n", reserved)));
    reserved_producer_ids_ = reserved;
  }
  return next_producer_id_++;
}

base::Result<> SegmentLog::load_producer_ids() {
  const base::Path path = directory_ / "producer_ids";
  const auto text = base::read_file(disk_, path);
  if (!text && text.error().code == base::Code::kNotFound) return {};
  if (!text) return std::unexpected(text.error());
  std::int64_t reserved = -1;
  const auto [end, error] = std::from_chars(text->data(), text->data() + text->size(), reserved);
  if (error != std::errc{} || *end != '\n' || reserved < 0) {
    return base::fail_with(
        base::Code::kCorrupt,
        fmt::format("event log is damaged: {} does not hold a producer id", path.string()),
        "write a number above every producer id in use into it");
  }
  next_producer_id_ = reserved_producer_ids_ = reserved;
  return {};
}

base::Result<SegmentLog::TopicPtr> SegmentLog::find_topic(const std::string& name) const {
  const std::shared_lock lock(mutex_);
  const auto found = topics_.find(name);
  if (found == topics_.end()) return std::unexpected(no_topic(name));
  return found->second;
}

base::Result<std::shared_ptr<PartitionLog>> SegmentLog::find(const TopicPartition& partition,
                                                             TopicPtr* topic) const {
  const std::shared_lock lock(mutex_);
  const auto found = topics_.find(partition.topic);
  if (found == topics_.end()) return std::unexpected(no_topic(partition.topic));
  const auto& partitions = found->second->partitions;
  if (partition.partition < 0 ||
      static_cast<std::size_t>(partition.partition) >= partitions.size()) {
    return base::fail_with(base::Code::kNotFound,
                           fmt::format("topic {} has no partition {}, only 0 to {}",
                                       partition.topic, partition.partition, partitions.size() - 1),
                           "add partitions, or use one of those");
  }
  if (topic != nullptr) *topic = found->second;
  return partitions[static_cast<std::size_t>(partition.partition)];
}

base::Result<TopicInfo> SegmentLog::topic(const std::string& name) const {
  const TopicPtr topic = TRY(find_topic(name));
  TopicInfo info{.config = topic->config, .id = topic->id};
  for (const auto& partition : topic->partitions) {
    info.stable_offsets.push_back(partition->stable_offset());
    info.start_offsets.push_back(partition->start_offset());
    info.end_offsets.push_back(partition->end_offset());
  }
  return info;
}

std::vector<TopicInfo> SegmentLog::topics() const {
  std::vector<TopicInfo> infos;
  for (const TopicPtr& each : all_topics()) {
    if (auto info = topic(each->config.name)) infos.push_back(*std::move(info));
  }
  return infos;
}

base::Result<int> SegmentLog::enforce_retention(base::TimestampUs now_us) {
  int dropped = 0;
  for (const TopicPtr& topic : all_topics()) {
    for (const auto& partition : topic->partitions)
      dropped += TRY(partition->enforce_retention(now_us));
  }
  return dropped;
}

base::Result<std::unique_ptr<EmbeddedLog>> open_embedded_log(base::FileSystem& disk,
                                                             const base::Clock& clock,
                                                             const EmbeddedLogOptions& options) {
  auto log = std::make_unique<SegmentLog>(disk, clock, options);
  TRY(log->open());
  return log;
}

}  // namespace eventlog
