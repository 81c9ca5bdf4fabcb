#include "runs/replicated_store.h"

#include <chrono>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "base/logging.h"
#include "log/record_batch.h"

namespace runs {
namespace {

constexpr std::size_t kReadBytes = 4UL << 20;
// Of a local copy when it is opened; the changelog's tombstones are kept for longer.
constexpr std::int64_t kCopyAgeMaxUs = base::kUsPerDay;
constexpr std::size_t kValuePrefix = 12;  // count of chunks, number of the change

std::string big_endian_32(std::uint32_t number) { return state::key_number(number).substr(4); }

std::uint32_t number_32(std::string_view bytes) {
  return static_cast<std::uint32_t>(
      state::number_of_key(std::string(4, '\0') + std::string(bytes)));
}

std::int64_t steady_us() {
  return std::chrono::duration_cast<std::chrono::microseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::uint32_t chunks_of(std::size_t bytes) {
  return static_cast<std::uint32_t>(std::max<std::size_t>(
      1, (bytes + eventlog::kChangeBytesMax - 1) / eventlog::kChangeBytesMax));
}

// The offsets that a pipeline's position names, for Kafka's own tools to show.
std::optional<eventlog::GroupOffsets> consumed_in(const state::WriteSet& changes,
                                                  const std::string& group) {
  constexpr std::string_view kPosition = "pipeline/";
  for (const state::WriteSet::Change& change : changes.changes()) {
    if (group.empty() || !change.value || !change.key.starts_with(kPosition)) continue;
    const auto json = nlohmann::json::parse(*change.value, nullptr, false);
    if (!json.is_object() || !json.contains("offsets")) continue;
    eventlog::GroupOffsets found{.group = group, .offsets = {}};
    const std::string topic = change.key.substr(kPosition.size());
    for (const auto& one : json.at("offsets"))
      found.offsets[{topic, one.at("partition")}] = one.at("to");
    if (!found.offsets.empty()) return found;
  }
  return std::nullopt;
}

}  // namespace

base::Result<std::unique_ptr<ReplicatedStore>> ReplicatedStore::open(
    const eventlog::EventLog& log, std::unique_ptr<eventlog::KafkaChangelog> writer,
    ReplicaOptions options) {
  std::unique_ptr<ReplicatedStore> store(
      new ReplicatedStore(log, std::move(writer), std::move(options)));
  TRY(store->open_local());
  return store;
}

base::Result<> ReplicatedStore::open_local() {
  {
    const std::unique_lock lock(local_mutex_);
    local_ = TRY(state::Store::open(options_.folder));
  }
  position_ = 0;
  change_ = 0;
  reading_ = {};
  reading_any_ = false;
  partial_ = {};
  const auto saved = TRY(local_->get(kReplicaKey));
  if (!saved) return {};
  const auto json = nlohmann::json::parse(*saved, nullptr, false);
  if (!json.is_object() || json.value("incarnation", "") != options_.incarnation)
    return drop_local("it is a copy of another changelog");
  // Compaction forgets after a while that a key is gone.
  if (base::SystemClock().now_us() - json.value("time_us", std::int64_t{0}) > kCopyAgeMaxUs)
    return drop_local("it is old");
  position_ = json.value("offset", std::int64_t{0});
  change_ = json.value("change", std::uint64_t{0});
  return {};
}

base::Result<> ReplicatedStore::drop_local(const std::string& why) {
  spdlog::info("state: {} is read anew from {}/{}: {}", options_.folder.string(),
               options_.changelog.topic, options_.changelog.partition, why);
  {
    const std::unique_lock lock(local_mutex_);
    local_.reset();
    std::error_code error;
    std::filesystem::remove_all(options_.folder, error);
    if (error)
      return base::fail(base::Code::kIo, "cannot remove {}: {}", options_.folder.string(),
                        error.message());
  }
  return open_local();
}

base::Result<> ReplicatedStore::apply_local(state::WriteSet changes, eventlog::Offset position,
                                            std::uint64_t change) {
  changes.put(kReplicaKey, nlohmann::json{{"incarnation", options_.incarnation},
                                          {"offset", position},
                                          {"time_us", base::SystemClock().now_us()},
                                          {"change", change}}
                               .dump());
  {
    const std::shared_lock lock(local_mutex_);
    TRY(local_->apply(changes));
  }
  position_ = position;
  change_ = change;
  changed_us_ = steady_us();
  return {};
}

base::Result<> ReplicatedStore::take_in(std::span<const std::byte> batch) {
  return eventlog::for_each_record(
      batch, [&](const eventlog::RecordView& record) -> base::Result<> {
        if (record.offset < position_) return {};
        const std::string_view key = record.key.value_or("");
        if (key == kChangeMark && record.value.size() == 8) {
          TRY(apply_local(std::exchange(reading_, {}), record.offset + 1,
                          state::number_of_key(record.value)));
          reading_any_ = false;
          return {};
        }
        if (key.size() < 4 || (!record.value.empty() && record.value.size() < kValuePrefix)) {
          return base::fail(base::Code::kCorrupt, "record {} of {}/{} is no change of state",
                            record.offset, options_.changelog.topic, options_.changelog.partition);
        }
        const std::string name(key.substr(0, key.size() - 4));
        const std::uint32_t chunk = number_32(key.substr(key.size() - 4));
        reading_any_ = true;
        if (record.value.empty()) {
          if (chunk == 0) reading_.remove(name);
          return {};
        }
        const std::uint32_t count = number_32(record.value.substr(0, 4));
        const std::uint64_t change = state::number_of_key(record.value.substr(4, 8));
        if (chunk == 0)
          partial_ = {.key = name, .next = 0, .count = count, .change = change, .value = {}};
        // What compaction left over of an older value is nobody's.
        if (partial_.key != name || partial_.next != chunk || partial_.change != change) return {};
        partial_.value += record.value.substr(kValuePrefix);
        if (++partial_.next == partial_.count) {
          reading_.put(std::move(partial_.key), std::move(partial_.value));
          partial_ = {};
        }
        return {};
      });
}

// What is read but not closed by a mark stays in memory: compaction may have dropped the mark of an
// older change, and the next one closes it as well. `position_` moves with marks only.
base::Result<> ReplicatedStore::catch_up(eventlog::Offset end) {
  const eventlog::TopicInfo info = TRY(log_.topic(options_.changelog.topic));
  const auto p = static_cast<std::size_t>(options_.changelog.partition);
  if (p >= info.end_offsets.size())
    return base::fail(base::Code::kNotFound, "there is no partition {} in {}",
                      options_.changelog.partition, options_.changelog.topic);
  if (position_ > info.end_offsets[p]) TRY(drop_local("it is ahead of its changelog"));
  reading_ = {};
  partial_ = {};
  eventlog::Offset at = std::max(position_.load(), info.start_offsets[p]);
  if (end < 0) end = info.stable_offsets[p];
  while (at < end) {
    const eventlog::ReadResult read = TRY(log_.read(options_.changelog, at, kReadBytes));
    for (const auto& batch : read.batches) TRY(take_in(batch));
    if (read.next_offset == at) {
      if (!log_.wait_for_data({{options_.changelog, at}}, 5 * base::kUsPerSecond))
        return base::fail(base::Code::kUnavailable, "{}/{} cannot be read up to its end {}",
                          options_.changelog.topic, options_.changelog.partition, end);
      continue;
    }
    at = read.next_offset;
  }
  return {};
}

base::Result<> ReplicatedStore::follow() {
  const std::scoped_lock lock(change_mutex_);
  if (owned_) return {};
  return catch_up(-1);
}

base::Result<> ReplicatedStore::own(const std::string& owner) {
  {
    const std::scoped_lock lock(change_mutex_);
    TRY(writer_->own());
    const eventlog::TopicInfo info = TRY(log_.topic(options_.changelog.topic));
    TRY(catch_up(info.end_offsets.at(static_cast<std::size_t>(options_.changelog.partition))));
    lost_ = false;
    owned_ = true;
  }
  state::WriteSet changes;
  changes.put(kOwnerKey, owner);
  return apply(changes);
}

void ReplicatedStore::disown() {
  const std::scoped_lock lock(change_mutex_);
  owned_ = false;
  lost_ = false;
}

void ReplicatedStore::on_lost(std::function<void()> call) {
  {
    const std::scoped_lock lock(lost_mutex_);
    if (!call || !lost_) {
      on_lost_ = std::move(call);
      return;
    }
  }
  call();  // it happened before
}

void ReplicatedStore::lose() {
  lost_ = true;
  owned_ = false;
  std::function<void()> call;
  {
    const std::scoped_lock lock(lost_mutex_);
    call = std::exchange(on_lost_, nullptr);
  }
  if (call) call();
}

base::Result<std::vector<eventlog::Change>> ReplicatedStore::in_records(
    const state::WriteSet& changes, std::uint64_t change) const {
  std::vector<eventlog::Change> records;
  const auto remove = [&](const std::string& key, std::uint32_t from, std::uint32_t to) {
    for (std::uint32_t i = from; i < to; ++i) records.push_back({key + big_endian_32(i), {}});
  };
  for (const auto& range : changes.ranges()) {
    TRY(local_->scan(
        "",
        [&, to = &range.second](std::string_view key, std::string_view value) {
          if (key >= *to) return false;
          remove(std::string(key), 0, chunks_of(value.size()));
          return true;
        },
        range.first));
  }
  for (const state::WriteSet::Change& one : changes.changes()) {
    const auto old = TRY(local_->get(one.key));
    const std::uint32_t had = old ? chunks_of(old->size()) : 0;
    if (!one.value) {
      remove(one.key, 0, std::max(had, 1U));
      continue;
    }
    const std::uint32_t count = chunks_of(one.value->size());
    for (std::uint32_t i = 0; i < count; ++i) {
      records.push_back(
          {one.key + big_endian_32(i),
           big_endian_32(count) + state::key_number(change) +
               one.value->substr(i * eventlog::kChangeBytesMax, eventlog::kChangeBytesMax)});
    }
    remove(one.key, count, had);
  }
  records.push_back({kChangeMark, state::key_number(change)});
  return records;
}

base::Result<> ReplicatedStore::apply(const state::WriteSet& changes) {
  const std::scoped_lock lock(change_mutex_);
  if (!owned_)
    return base::fail_with(
        base::Code::kConflict,
        fmt::format("the state in {} belongs to another worker now", options_.folder.string()),
        "the unit goes on there");
  const std::uint64_t change = change_ + 1;
  const auto records = TRY(in_records(changes, change));
  const auto position = writer_->commit(records, consumed_in(changes, options_.group));
  if (!position) {
    if (position.error().code == base::Code::kConflict) lose();
    return std::unexpected(position.error());
  }
  return apply_local(changes, *position, change);
}

base::Result<std::optional<std::string>> ReplicatedStore::get(const std::string& key) const {
  const std::shared_lock lock(local_mutex_);
  return local_->get(key);
}

base::Result<> ReplicatedStore::scan(
    const std::string& prefix, const std::function<bool(std::string_view, std::string_view)>& each,
    const std::string& from) const {
  const std::shared_lock lock(local_mutex_);
  return local_->scan(prefix, each, from);
}

base::Result<> ReplicatedStore::scan_reverse(
    const std::string& prefix,
    const std::function<bool(std::string_view, std::string_view)>& each) const {
  const std::shared_lock lock(local_mutex_);
  return local_->scan_reverse(prefix, each);
}

std::int64_t ReplicatedStore::bytes_about(const std::string& prefix) const {
  const std::shared_lock lock(local_mutex_);
  const auto* sized = dynamic_cast<const state::Sized*>(local_.get());
  return sized == nullptr ? 0 : sized->bytes_about(prefix);
}

}  // namespace runs
