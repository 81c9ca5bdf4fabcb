#include "server/http_producers.h"

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "log/record_batch.h"

namespace server {
namespace {

using eventlog::Offset;
using eventlog::Partition;
using eventlog::TopicPartition;

constexpr std::size_t kReadBytes = 4UL << 20;
constexpr Offset kFirstWindow = 4096;

bool take_number(std::string_view& text, char end, std::int64_t& into) {
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), into);
  if (error != std::errc{} || into < 0) return false;
  text.remove_prefix(static_cast<std::size_t>(at - text.data()));
  if (end == '\0') return true;
  if (text.empty() || text.front() != end) return false;
  text.remove_prefix(1);
  return true;
}

std::string group_of(std::int64_t producer) { return fmt::format("http-producer-{}", producer); }

// The note on the first record of a batch; nullopt when it is the rest of one.
base::Result<std::optional<ProducerNote>> note_of(std::span<const std::byte> batch) {
  std::string found;
  bool first = true;
  TRY(eventlog::for_each_record(batch, [&](const eventlog::RecordView& record) {
    if (!first) return;
    first = false;
    for (const eventlog::HeaderView& header : record.headers) {
      if (header.key == kProducerHeader) found = header.value;
    }
  }));
  if (found.empty()) return std::optional<ProducerNote>();
  return std::optional(TRY(ProducerNote::parse(found)));
}

// The producer's last batch of a partition, as far as the log has it: a log that takes record by
// record may have kept only the first ones, and gives a batch in pieces.
struct LastBatch {
  ProducerNote note;
  std::int32_t base_sequence = 0;
  std::int64_t records = 0;
  bool whole() const { return note.own < 0 || records >= note.own; }
};

// In [from, end); nullopt when it is not there.
base::Result<std::optional<LastBatch>> find_note(const eventlog::EventLog& log,
                                                 const TopicPartition& at, Offset from, Offset end,
                                                 std::int64_t producer) {
  std::optional<LastBatch> found;
  while (from < end) {
    const eventlog::ReadResult read = TRY(log.read(at, from, kReadBytes));
    for (const std::span<const std::byte> batch : read.batches) {
      const eventlog::BatchHeader header = TRY(eventlog::read_header(batch));
      if (header.producer_id != log_producer_id(producer)) continue;
      if (auto note = TRY(note_of(batch))) {
        found = LastBatch{*std::move(note), header.base_sequence, header.record_count};
      } else if (found) {
        found->records += header.record_count;
      }
    }
    if (read.next_offset <= from) break;
    from = read.next_offset;
  }
  return found;
}

// Looks from the end backwards, in windows that double: the batch is near the end, or gone.
base::Result<std::optional<LastBatch>> last_batch(const eventlog::EventLog& log,
                                                  const TopicPartition& at, Offset start,
                                                  Offset end, std::int64_t producer) {
  Offset from = end;
  for (Offset window = kFirstWindow; from > start; window *= 2) {
    from = std::max(start, end - window);
    auto batch = TRY(find_note(log, at, from, end, producer));
    if (batch) return batch;
  }
  return std::optional<LastBatch>{};
}

}  // namespace

std::string ProducerNote::text() const {
  std::string text =
      fmt::format("{} {} {} {} {}", first, start, count, complete_to, fmt::join(partitions, ","));
  if (own >= 0) text += fmt::format(" {}", own);
  return text;
}

base::Result<ProducerNote> ProducerNote::parse(std::string_view text) {
  ProducerNote note;
  const std::string whole(text);
  bool good = take_number(text, ' ', note.first) && take_number(text, ' ', note.start) &&
              take_number(text, ' ', note.count) && take_number(text, ' ', note.complete_to);
  while (good) {
    std::int64_t partition = 0;
    good = take_number(text, '\0', partition) && partition <= INT32_MAX;
    note.partitions.push_back(static_cast<Partition>(partition));
    if (text.empty()) break;
    const char next = text.front();
    text.remove_prefix(1);
    if (next == ' ') {
      good = good && take_number(text, '\0', note.own) && text.empty();
      break;
    }
    good = good && next == ',';
  }
  if (!good)
    return base::fail(base::Code::kCorrupt, "a batch's producer note is unreadable: '{}'", whole);
  return note;
}

base::Result<ProducerProgress> recover_progress(const eventlog::EventLog& log,
                                                const std::string& topic, int partitions,
                                                std::int64_t producer) {
  const auto count = static_cast<std::size_t>(partitions);
  ProducerProgress progress;
  progress.high.assign(count, -1);
  progress.last_sequence.assign(count, -1);
  std::map<Partition, ProducerNote> notes;
  const eventlog::TopicInfo info = TRY(log.topic(topic));
  for (std::size_t p = 0; p < count; ++p) {
    const TopicPartition at{.topic = topic, .partition = static_cast<Partition>(p)};
    const auto sequence = log.last_sequence(at, log_producer_id(producer));
    if (!sequence) continue;
    progress.last_sequence[p] = *sequence;
    auto batch = TRY(last_batch(log, at, info.start_offsets[p], info.stable_offsets[p], producer));
    if (!batch) continue;  // retention took it
    if (batch->whole()) {
      progress.high[p] = batch->note.end() - 1;
    } else {  // the repeat sends all of it; the log takes what it lacks
      progress.high[p] = batch->note.start - 1;
      progress.last_sequence[p] = batch->base_sequence - 1;
    }
    notes.emplace(at.partition, std::move(batch->note));
  }
  if (notes.empty()) return progress;
  for (const auto& [partition, note] : notes) {
    const bool complete =
        std::all_of(note.partitions.begin(), note.partitions.end(), [&](Partition p) {
          const auto at = static_cast<std::size_t>(p);
          return at < count && progress.high[at] >= note.end() - 1;
        });
    progress.known = true;
    progress.first = note.first;
    progress.complete_to =
        std::max({progress.complete_to, note.complete_to, complete ? note.end() : 0});
  }
  const auto kept = TRY(log.committed_offsets(group_of(producer)));
  if (const auto at = kept.find({.topic = topic, .partition = 0}); at != kept.end()) {
    progress.complete_to = std::max(progress.complete_to, at->second);
  }
  return progress;
}

base::Result<> keep_complete(eventlog::EventLog& log, const std::string& topic,
                             std::int64_t producer, std::int64_t complete_to) {
  return log.commit_offsets(group_of(producer), {{{.topic = topic, .partition = 0}, complete_to}});
}

bool Producers::acquire(const Key& key, std::function<void(Entry&, bool)> go) {
  Entry* entry = nullptr;
  {
    const std::scoped_lock lock(mutex_);
    if (entries_.size() >= kProducersInMemoryMax && !entries_.contains(key)) forget_oldest();
    entry = &entries_[key];
    entry->used = ++uses_;
    if (entry->busy) {
      if (entry->waiters.size() >= kProducerWaitersMax) return false;
      entry->waiters.push_back([entry, go = std::move(go)] { go(*entry, true); });
      return true;
    }
    entry->busy = true;
  }
  go(*entry, false);
  return true;
}

void Producers::release(const Key& key) {
  std::function<void()> next;
  {
    const std::scoped_lock lock(mutex_);
    Entry& entry = entries_.at(key);
    CHECK(entry.busy);
    if (entry.waiters.empty()) {
      entry.busy = false;
      return;
    }
    next = std::move(entry.waiters.front());
    entry.waiters.pop_front();
  }
  next();
}

// A forgotten producer is read back from the log when it comes again.
void Producers::forget_oldest() {
  auto oldest = entries_.end();
  for (auto at = entries_.begin(); at != entries_.end(); ++at) {
    if (at->second.busy) continue;
    if (oldest == entries_.end() || at->second.used < oldest->second.used) oldest = at;
  }
  if (oldest != entries_.end()) entries_.erase(oldest);
}

}  // namespace server
