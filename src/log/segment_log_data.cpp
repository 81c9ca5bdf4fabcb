// Records of the embedded log: taking them in, giving them out, telling of new ones.
#include "base/bug.h"
#include "base/check.h"
#include "log/segment_log.h"

namespace eventlog {
namespace {

Refused refused(Refusal refusal, base::Error error) {
  return {.refusal = refusal, .error = std::move(error)};
}

// What a client may append to this topic; the batch is stamped where the topic wants it.
std::expected<BatchHeader, Refused> admit(const TopicConfig& config, std::vector<std::byte>& batch,
                                          const base::Clock& clock) {
  auto header = check_batch(batch);
  if (!header) return std::unexpected(refused(Refusal::kCorrupt, std::move(header).error()));
  if (batch.size() > static_cast<std::size_t>(config.batch_bytes_max)) {
    return std::unexpected(
        refused(Refusal::kTooLarge,
                {.code = base::Code::kLimit,
                 .message = fmt::format("batch of {} bytes is too large for topic {}: at most {}",
                                        batch.size(), config.name, config.batch_bytes_max),
                 .mend = "send smaller batches, or raise the topic's limit"}));
  }
  if (header->is_control()) {
    return std::unexpected(
        refused(Refusal::kInvalidRecord, {.code = base::Code::kInvalid,
                                          .message = "a control batch came from a client",
                                          .mend = "end transactions by the call for it"}));
  }
  if (header->record_count != header->last_offset_delta + 1 || header->record_count == 0) {
    return std::unexpected(
        refused(Refusal::kInvalidRecord,
                {.code = base::Code::kCorrupt,
                 .message = fmt::format("record batch of {} records has the last offset delta {}",
                                        header->record_count, header->last_offset_delta),
                 .mend = "number the records of a batch from 0 on"}));
  }
  bool keyless = false;
  auto checked = check_records(batch, keyless);
  if (!checked) return std::unexpected(refused(Refusal::kCorrupt, std::move(checked).error()));
  if (keyless && config.cleanup != Cleanup::kDelete) {
    return std::unexpected(refused(
        Refusal::kInvalidRecord,
        {.code = base::Code::kInvalid,
         .message = fmt::format("topic {} is compacted by key, and a record has none", config.name),
         .mend = "give every record a key"}));
  }
  if (config.append_time) {
    set_append_time(batch, clock.now_us() / base::kUsPerMs);
    header = read_header(batch);
  }
  return *header;
}

class WatchOfPartitions final : public Watch {
 public:
  WatchOfPartitions(std::vector<std::shared_ptr<PartitionLog>> partitions,
                    std::function<void()> changed)
      : watcher_(std::make_shared<Watcher>(std::move(changed))),
        partitions_(std::move(partitions)) {
    for (const auto& partition : partitions_) partition->add_watcher(watcher_);
  }
  ~WatchOfPartitions() override {
    for (const auto& partition : partitions_) partition->remove_watcher(watcher_);
    watcher_->end();
  }

 private:
  const std::shared_ptr<Watcher> watcher_;
  const std::vector<std::shared_ptr<PartitionLog>> partitions_;
};

}  // namespace

void SegmentLog::append(const TopicPartition& partition, std::vector<std::byte> batch,
                        AppendDone done) {
  store(partition, std::move(batch),
        [done = std::move(done)](base::Result<AppendResult> result, Refusal) {
          done(std::move(result));
        });
}

void SegmentLog::store(const TopicPartition& partition, std::vector<std::byte> batch,
                       StoreDone done) {
  TopicPtr topic;
  auto found = find(partition, &topic);
  if (!found) {
    return committer_.refuse(refused(Refusal::kUnknownPartition, std::move(found).error()),
                             std::move(done));
  }
  auto header = admit(topic->config, batch, clock_);
  if (!header) return committer_.refuse(std::move(header).error(), std::move(done));
  committer_.submit(*std::move(found), std::move(batch), *header, std::move(done));
}

bool SegmentLog::wants_keys(const std::string& topic) const {
  const auto found = find_topic(topic);
  return found && (*found)->config.cleanup != Cleanup::kDelete;
}

void SegmentLog::end_transaction(const TopicPartition& partition, std::int64_t producer_id,
                                 std::int16_t epoch, bool commit, AppendDone done) {
  StoreDone store_done = [done = std::move(done)](base::Result<AppendResult> result, Refusal) {
    done(std::move(result));
  };
  auto found = find(partition);
  if (!found) {
    return committer_.refuse(refused(Refusal::kUnknownPartition, std::move(found).error()),
                             std::move(store_done));
  }
  if (base::bug("torn_transaction") && commit && partition.partition == 1) {
    return committer_.refuse({}, [store_done](auto, auto) { store_done(AppendResult{}, {}); });
  }
  auto marker = end_marker(producer_id, epoch, commit, clock_.now_us() / base::kUsPerMs);
  const auto header = read_header(marker);
  CHECK(header.has_value(), "a marker was built wrong");
  committer_.submit(*std::move(found), std::move(marker), *header, std::move(store_done));
}

base::Result<Offset> SegmentLog::delete_records(const TopicPartition& partition, Offset offset) {
  const auto found = TRY(find(partition));
  return found->delete_records(offset);
}

base::Result<ReadResult> SegmentLog::read(const TopicPartition& partition, Offset offset,
                                          std::size_t bytes_max) const {
  const auto found = TRY(find(partition));
  return found->read(offset, bytes_max);
}

base::Result<FetchResult> SegmentLog::fetch(const TopicPartition& partition, Offset offset,
                                            std::size_t bytes_max, Isolation isolation,
                                            bool at_least_one) const {
  const auto found = TRY(find(partition));
  return found->fetch(offset, bytes_max, isolation, at_least_one);
}

bool SegmentLog::wait_for_data(const std::vector<std::pair<TopicPartition, Offset>>& positions,
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

std::unique_ptr<Watch> SegmentLog::watch(const std::vector<TopicPartition>& partitions,
                                         std::function<void()> changed) const {
  std::vector<std::shared_ptr<PartitionLog>> found;
  for (const TopicPartition& partition : partitions) {
    if (auto each = find(partition)) found.push_back(*std::move(each));
  }
  return std::make_unique<WatchOfPartitions>(std::move(found), std::move(changed));
}

base::Result<Offset> SegmentLog::offset_at_time(const TopicPartition& partition,
                                                base::TimestampUs time_us) const {
  const auto found = TRY(find(partition));
  return found->offset_at_time(time_us);
}

base::Result<ListedOffset> SegmentLog::list_offset_at(const TopicPartition& partition,
                                                      std::int64_t time_ms) const {
  const auto found = TRY(find(partition));
  return found->list_offset_at(time_ms);
}

base::Result<ListedOffset> SegmentLog::list_greatest_time(const TopicPartition& partition) const {
  const auto found = TRY(find(partition));
  return found->list_greatest_time();
}

base::Result<> SegmentLog::commit_offsets(const std::string& group,
                                          const std::map<TopicPartition, Offset>& offsets) {
  return offsets_->commit(group, offsets);
}

base::Result<std::map<TopicPartition, Offset>> SegmentLog::committed_offsets(
    const std::string& group) const {
  return offsets_->committed(group);
}

std::vector<std::string> SegmentLog::groups() const { return offsets_->groups(); }

std::optional<std::int32_t> SegmentLog::last_sequence(const TopicPartition& partition,
                                                      std::int64_t producer_id) const {
  const auto found = find(partition);
  return found ? (*found)->last_sequence(producer_id) : std::nullopt;
}

}  // namespace eventlog
