#include "log/kafka_writer.h"

#include <algorithm>
#include <array>

#include "base/check.h"
#include "base/logging.h"
#include "log/kafka_records.h"

namespace eventlog {
namespace {

constexpr std::size_t kQueuedBytesMax = 256UL << 20;
constexpr int kQueuedRecordsMax = 1'000'000;
constexpr std::int64_t kReadBytes = 4 << 20;
constexpr std::int64_t kSequences = std::int64_t{1} << 31;

// How far `to` lies behind `from` in the ring of sequences; negative when before it.
std::int64_t distance(std::int32_t from, std::int32_t to) {
  const std::int64_t ahead = (std::int64_t{to} - from + kSequences) % kSequences;
  return ahead < kSequences / 2 ? ahead : ahead - kSequences;
}

std::int32_t after(std::int32_t sequence, std::int64_t records) {
  return static_cast<std::int32_t>((std::int64_t{sequence} + records) % kSequences);
}

}  // namespace

struct KafkaWriter::Flight {
  std::atomic<std::int64_t> left;
  std::mutex mutex;
  AppendResult result{.base_offset = INT64_MAX, .last_offset = -1};
  std::optional<base::Error> error;
  AppendDone done;

  void end_of(std::int64_t records) {
    if (left.fetch_sub(records) != records) return;
    const std::unique_ptr<Flight> self(this);
    if (error) {
      done(std::unexpected(std::move(*error)));
    } else {
      done(result);
    }
  }
};

base::Result<std::unique_ptr<KafkaWriter>> KafkaWriter::open(const KafkaUrl& url, KafkaAdmin& admin,
                                                             KafkaReader& reader) {
  std::unique_ptr<KafkaWriter> writer(new KafkaWriter(admin, reader));
  KafkaConf conf =
      TRY(make_conf(url, {{"enable.idempotence", "true"},
                          {"linger.ms", "1"},
                          {"batch.size", "900000"},
                          {"message.max.bytes", std::to_string(16 << 20)},
                          {"message.timeout.ms", "30000"},
                          {"queue.buffering.max.messages", std::to_string(kQueuedRecordsMax)},
                          {"queue.buffering.max.kbytes", std::to_string(kQueuedBytesMax / 1024)}}));
  rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
  writer->producer_ = TRY(make_handle(RD_KAFKA_PRODUCER, std::move(conf)));
  writer->tasks_.run("kafka answers", [w = writer.get()](std::stop_token stop) { w->poll(stop); });
  writer->tasks_.run("kafka compare",
                     [w = writer.get()](std::stop_token stop) { w->compare_and_send(stop); });
  return writer;
}

KafkaWriter::~KafkaWriter() {
  tasks_.stop();
  // What is on its way gets its answer, one way or the other.
  rd_kafka_flush(producer_.get(), 10'000);
  rd_kafka_purge(producer_.get(), RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
  rd_kafka_poll(producer_.get(), 0);
  for (Waiting& waiting : queue_)
    waiting.done(base::fail(base::Code::kUnavailable, "the log is being closed"));
  topics_.clear();
}

void KafkaWriter::poll(std::stop_token stop) {
  while (!stop.stop_requested()) rd_kafka_poll(producer_.get(), 50);
}

void KafkaWriter::on_delivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* self) {
  static_cast<void>(client);
  static_cast<void>(self);
  auto* flight = static_cast<Flight*>(message->_private);
  {
    const std::scoped_lock lock(flight->mutex);
    if (message->err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      if (!flight->error) {
        flight->error = kafka_fail(message->err, fmt::format("cannot append to {}/{}",
                                                             rd_kafka_topic_name(message->rkt),
                                                             message->partition))
                            .error();
      }
    } else {
      flight->result.base_offset = std::min(flight->result.base_offset, message->offset);
      flight->result.last_offset = std::max(flight->result.last_offset, message->offset);
    }
  }
  flight->end_of(1);
}

rd_kafka_topic_t* KafkaWriter::topic(const std::string& name) {
  KafkaTopic& handle = topics_[name];
  if (!handle) handle.reset(rd_kafka_topic_new(producer_.get(), name.c_str(), nullptr));
  return handle.get();
}

void KafkaWriter::append(const TopicPartition& partition, std::vector<std::byte> batch,
                         AppendDone done) {
  const auto header = check_batch(batch);
  if (!header) return done(std::unexpected(header.error()));
  if (header->producer_id < 0) return send(partition, batch, *header, 0, std::move(done));
  {
    const std::scoped_lock lock(queue_mutex_);
    if (queued_bytes_ + batch.size() > kQueuedBytesMax)
      return done(base::fail_with(base::Code::kUnavailable, "too much waits for Kafka",
                                  "send again a little later"));
    queued_bytes_ += batch.size();
    queue_.push_back({partition, std::move(batch), *header, std::move(done)});
  }
  queued_.notify_one();
}

namespace {

// One record as the arguments of rd_kafka_produceva.
class Arguments {
 public:
  Arguments(rd_kafka_topic_t* topic, std::int32_t partition, const RecordView& record,
            rd_kafka_headers_t* headers, void* opaque) {
    add(RD_KAFKA_VTYPE_RKT).u.rkt = topic;
    add(RD_KAFKA_VTYPE_PARTITION).u.i32 = partition;
    add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
    auto& value = add(RD_KAFKA_VTYPE_VALUE).u.mem;
    value.ptr = const_cast<char*>(record.value.data());
    value.size = record.value.size();
    if (record.key) {
      auto& key = add(RD_KAFKA_VTYPE_KEY).u.mem;
      key.ptr = const_cast<char*>(record.key->data());
      key.size = record.key->size();
    }
    add(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = record.timestamp_ms;
    add(RD_KAFKA_VTYPE_OPAQUE).u.ptr = opaque;
    if (headers != nullptr) add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers;
  }
  const rd_kafka_vu_t* data() const { return values_.data(); }
  std::size_t size() const { return size_; }

 private:
  rd_kafka_vu_t& add(rd_kafka_vtype_t type) {
    values_[size_].vtype = type;
    return values_[size_++];
  }
  std::array<rd_kafka_vu_t, 8> values_{};
  std::size_t size_ = 0;
};

rd_kafka_headers_t* headers_of(const RecordView& record, const RecordSequence& sequence) {
  if (record.headers.empty() && sequence.producer < 0) return nullptr;
  rd_kafka_headers_t* headers = rd_kafka_headers_new(record.headers.size() + 1);
  for (const HeaderView& one : record.headers) {
    rd_kafka_header_add(headers, one.key.data(), static_cast<ssize_t>(one.key.size()),
                        one.value.data(), static_cast<ssize_t>(one.value.size()));
  }
  if (sequence.producer >= 0) {
    std::array<char, 16> value{};
    store_sequence(sequence, value);
    rd_kafka_header_add(headers, kSequenceHeader, -1, value.data(), 16);
  }
  return headers;
}

}  // namespace

void KafkaWriter::send(const TopicPartition& partition, std::span<const std::byte> batch,
                       const BatchHeader& header, std::int32_t skip, AppendDone done) {
  const std::scoped_lock lock(send_mutex_);
  if (rd_kafka_outq_len(producer_.get()) + header.record_count > kQueuedRecordsMax)
    return done(base::fail_with(base::Code::kUnavailable, "too much waits for Kafka",
                                "send again a little later"));
  auto* flight = new Flight;
  flight->done = std::move(done);
  std::int64_t left = header.record_count - skip;
  flight->left = left + 1;  // the last one is this call's
  rd_kafka_topic_t* to = topic(partition.topic);
  std::int32_t index = 0;
  const auto sent = for_each_record(batch, [&](const RecordView& record) -> base::Result<> {
    const std::int32_t at = index++;
    if (at < skip) return {};
    const RecordSequence sequence{
        .producer = header.producer_id, .base = header.base_sequence, .index = at};
    rd_kafka_headers_t* headers = headers_of(record, sequence);
    const Arguments arguments(to, partition.partition, record, headers, flight);
    const KafkaError error(rd_kafka_produceva(producer_.get(), arguments.data(), arguments.size()));
    if (!error) {
      --left;
      return {};
    }
    if (headers != nullptr) rd_kafka_headers_destroy(headers);
    return kafka_fail(rd_kafka_error_code(error.get()),
                      fmt::format("cannot append to {}/{}", partition.topic, partition.partition),
                      rd_kafka_error_string(error.get()));
  });
  if (!sent) {
    const std::scoped_lock guard(flight->mutex);
    if (!flight->error) flight->error = sent.error();
  }
  flight->end_of(left + 1);
}

// Reads what has come into the partition up to `end` for the numbers of idempotent producers.
base::Result<> KafkaWriter::learn(const TopicPartition& partition, Known& known, Offset end) {
  if (known.to >= end) return {};
  Offset at = known.to;
  if (at < 0) {
    const TopicInfo info = TRY(admin_.topic(partition.topic));
    const auto p = static_cast<std::size_t>(partition.partition);
    if (partition.partition < 0 || p >= info.start_offsets.size())
      return base::fail(base::Code::kNotFound, "there is no partition {} in {}",
                        partition.partition, partition.topic);
    at = std::max(info.start_offsets[p], end - kSequenceTailMax);
  }
  while (at < end) {
    const ReadResult read = TRY(reader_.read(partition, at, kReadBytes));
    for (const std::span<const std::byte> batch : read.batches) {
      const BatchHeader header = TRY(read_header(batch));
      if (header.producer_id < 0) continue;
      known.last[header.producer_id] = after(header.base_sequence, header.record_count - 1);
    }
    if (read.next_offset == at)
      return base::fail(base::Code::kUnavailable, "{}/{} cannot be read up to its end {}",
                        partition.topic, partition.partition, end);
    at = read.next_offset;
  }
  reader_.finish(partition, at);
  known.to = at;
  return {};
}

void KafkaWriter::landed(const TopicPartition& partition, std::int64_t producer,
                         std::int32_t sequence, std::int64_t records,
                         const base::Result<AppendResult>& result) {
  const std::scoped_lock lock(known_mutex_);
  Known& known = known_[partition];
  const auto flying = known.flying.find(producer);
  if (flying != known.flying.end() && flying->second == sequence) known.flying.erase(flying);
  if (!result) return;  // whether it is there shows when the partition is read again
  if (result->base_offset != known.to) return;
  if (result->last_offset - result->base_offset + 1 != records) return;
  known.to = result->last_offset + 1;
  known.last[producer] = sequence;
}

void KafkaWriter::send_compared(Waiting waiting, base::Result<Offset> end) {
  const BatchHeader& header = waiting.header;
  std::int32_t skip = 0;
  const std::int32_t last_sequence = after(header.base_sequence, header.record_count - 1);
  {
    const std::scoped_lock lock(known_mutex_);
    Known& known = known_[waiting.partition];
    base::Result<> learned =
        !end ? base::Result<>(std::unexpected(end.error())) : learn(waiting.partition, known, *end);
    if (!learned) return waiting.done(std::unexpected(learned.error()));
    std::optional<std::int32_t> last;
    if (const auto it = known.last.find(header.producer_id); it != known.last.end())
      last = it->second;
    if (const auto it = known.flying.find(header.producer_id); it != known.flying.end())
      last = it->second;
    const std::int64_t there = last ? distance(header.base_sequence, *last) + 1 : 0;
    if (there < 0) {
      return waiting.done(base::fail_with(
          base::Code::kInvalid,
          fmt::format("producer {} goes on at sequence {} in {}/{}, which has it up to {}",
                      header.producer_id, header.base_sequence, waiting.partition.topic,
                      waiting.partition.partition, *last),
          "send the records between first"));
    }
    if (there >= header.record_count)
      return waiting.done(AppendResult{
          .base_offset = known.to - 1, .last_offset = known.to - 1, .duplicate = true});
    skip = static_cast<std::int32_t>(there);
    known.flying[header.producer_id] = last_sequence;
  }
  send(waiting.partition, waiting.batch, header, skip,
       [this, partition = waiting.partition, producer = header.producer_id, last_sequence,
        records = header.record_count - skip,
        done = std::move(waiting.done)](base::Result<AppendResult> result) {
         landed(partition, producer, last_sequence, records, result);
         done(std::move(result));
       });
}

void KafkaWriter::compare_and_send(std::stop_token stop) {
  while (!stop.stop_requested()) {
    std::vector<Waiting> taken;
    {
      std::unique_lock lock(queue_mutex_);
      queued_.wait(lock, stop, [&] { return !queue_.empty(); });
      taken = std::exchange(queue_, {});
      queued_bytes_ = 0;
    }
    std::vector<TopicPartition> partitions;
    for (const Waiting& waiting : taken) partitions.push_back(waiting.partition);
    std::ranges::sort(partitions);
    partitions.erase(std::ranges::unique(partitions).begin(), partitions.end());
    const auto ends =
        partitions.empty() ? std::map<TopicPartition, Offset>{} : admin_.ends(partitions);
    for (Waiting& waiting : taken) {
      base::Result<Offset> end = 0;
      if (ends) end = ends->at(waiting.partition);
      if (!ends) end = std::unexpected(ends.error());
      send_compared(std::move(waiting), std::move(end));
    }
  }
}

base::Result<std::optional<std::int32_t>> KafkaWriter::last_sequence(
    const TopicPartition& partition, std::int64_t producer_id) {
  const auto ends = TRY(admin_.ends({partition}));
  const std::scoped_lock lock(known_mutex_);
  Known& known = known_[partition];
  TRY(learn(partition, known, ends.at(partition)));
  const auto it = known.last.find(producer_id);
  return it == known.last.end() ? std::optional<std::int32_t>() : it->second;
}

}  // namespace eventlog
