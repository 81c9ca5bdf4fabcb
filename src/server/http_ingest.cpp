#include "server/http_ingest.h"

#include <algorithm>
#include <atomic>
#include <charconv>

#include "log/record_batch.h"

namespace server {
namespace {

constexpr std::size_t kInlineBytesMax = 1UL << 20;
constexpr std::size_t kBatchBytesMax = eventlog::kBatchSizeMax - (1UL << 20);

std::optional<std::int64_t> whole_number(std::string_view text, std::int64_t max) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < 0 || value > max)
    return std::nullopt;
  return value;
}

Response too_large_batch() {
  return problem(413, "the records of one partition exceed a batch",
                 "send fewer records in a request");
}

Response append_problem(const base::Error& error) {
  if (error.code != base::Code::kUnavailable) return problem(error);
  // Not now: the log's words tell a full disk from a full queue.
  if (error.mend.find("free space") != std::string::npos) return problem(507, error);
  Response response = problem(429, error);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

std::int32_t next_sequence(std::int32_t last, std::size_t records) {
  constexpr std::int64_t kWrap = std::int64_t{1} << 31;
  return static_cast<std::int32_t>((std::int64_t{last} + static_cast<std::int64_t>(records)) %
                                   kWrap);
}

std::vector<eventlog::HeaderView> headers_of(const TopicReader& topic, const Records& records) {
  if (topic.is_json() || records.in_wire_format) return {};
  return {{.key = schema::kFormatHeader, .value = "json"}};
}

}  // namespace

struct Ingest::Flight {
  struct Batch {
    eventlog::Partition partition = 0;
    std::size_t records = 0;
    std::vector<std::byte> bytes = {};
    base::Result<eventlog::AppendResult> result = {};
  };
  TopicReader* topic = nullptr;
  std::vector<Batch> batches;
  std::size_t records = 0;
  std::size_t duplicates = 0;
  std::atomic<std::size_t> waiting{0};
  std::function<void(Flight&)> landed;

  // What is on disk now, for the producer.
  void settle(const ProducerNote& note, ProducerProgress& progress) const {
    bool all = true;
    for (const Batch& batch : batches) {
      all = all && batch.result.has_value();
      if (!batch.result) continue;
      const auto p = static_cast<std::size_t>(batch.partition);
      progress.high[p] = note.end() - 1;
      progress.last_sequence[p] = next_sequence(progress.last_sequence[p], batch.records);
      progress.complete_to = note.complete_to;
      progress.known = true;
      progress.first = note.first;
    }
    if (all && progress.known) progress.complete_to = std::max(progress.complete_to, note.end());
  }

  Response answer() const {
    for (const Batch& batch : batches) {
      if (!batch.result) return append_problem(batch.result.error());
    }
    topic->taken().Increment(static_cast<double>(records - duplicates));
    std::string body =
        fmt::format(R"({{"topic":"{}","records":{},"partitions":{{)", topic->name(), records);
    for (const Batch& batch : batches) {
      fmt::format_to(std::back_inserter(body), R"({}"{}":{{"base_offset":{},"last_offset":{}}})",
                     &batch == batches.data() ? "" : ",", batch.partition,
                     batch.result->base_offset, batch.result->last_offset);
    }
    body += R"(},"durability":"disk")";
    if (duplicates > 0) fmt::format_to(std::back_inserter(body), R"(,"duplicates":{})", duplicates);
    body += '}';
    return {.body = std::move(body)};
  }
};

Ingest::Ingest(Platform& platform, const base::Clock& clock, WorkerPool& workers)
    : platform_(platform), clock_(clock), workers_(workers) {
  for (const schema::TopicSchema& topic : platform.topics()) {
    const auto info = platform.log().topic(topic.topic.name);
    const int partitions = info ? info->config.partitions : topic.topic.partitions;
    topics_.emplace(topic.topic.name, std::make_unique<TopicReader>(topic, partitions));
  }
}

Ingest::~Ingest() = default;

void Ingest::take(const Request& request, Done done) {
  const auto at = topics_.find(request.captured.at(0));
  if (at == topics_.end()) {
    std::vector<std::string> known;
    for (const auto& [name, topic] : topics_) known.push_back(name);
    return done(problem(404, fmt::format("there is no topic '{}'", request.captured.at(0)),
                        fmt::format("send to one of: {}", fmt::join(known, ", "))));
  }
  TopicReader& topic = *at->second;
  const std::string_view producer = request.header("Waybill-Producer");
  const std::string_view sequence = request.header("Waybill-Sequence");
  std::function<void()> work;
  if (producer.empty() && sequence.empty()) {
    work = [this, &request, &topic, done] { take_plain(request, topic, done); };
  } else {
    const auto id = whole_number(producer, kProducerMax);
    const auto first = whole_number(sequence, INT64_MAX / 2);
    if (!id || !first) {
      return done(
          problem(400, "Waybill-Producer and Waybill-Sequence are not two whole numbers",
                  "send both: the producer's number, and the number of the first record, from 0"));
    }
    const Numbered number{.producer = *id, .sequence = *first};
    work = [this, &request, &topic, number, done] { take_numbered(request, topic, number, done); };
  }
  const std::string_view encoding = request.header("Content-Encoding");
  const bool heavy =
      request.body.size() > kInlineBytesMax || !(encoding.empty() || encoding == "identity");
  if (!heavy) return work();
  if (!workers_.submit(work)) done(too_many_requests("too many large requests are waiting"));
}

void Ingest::take_plain(const Request& request, TopicReader& topic, const Done& done) {
  Records records;
  if (auto refusal = topic.read(request, records)) return done(std::move(*refusal));
  std::vector<eventlog::BatchBuilder> builders(static_cast<std::size_t>(topic.partitions()));
  const std::int64_t now_ms = clock_.now_us() / base::kUsPerMs;
  const auto headers = headers_of(topic, records);
  for (std::size_t i = 0; i < records.values.size(); ++i) {
    auto& builder = builders[static_cast<std::size_t>(records.routes[i].partition)];
    builder.add(records.key(i), records.values[i], now_ms, headers);
    if (builder.bytes() > kBatchBytesMax) return done(too_large_batch());
  }
  auto flight = std::make_shared<Flight>();
  flight->topic = &topic;
  flight->records = records.values.size();
  for (std::size_t p = 0; p < builders.size(); ++p) {
    if (builders[p].records() == 0) continue;
    flight->batches.push_back(
        {.partition = static_cast<eventlog::Partition>(p), .bytes = builders[p].finish()});
  }
  flight->landed = [done](Flight& landed) { done(landed.answer()); };
  append(flight);
}

void Ingest::take_numbered(const Request& request, TopicReader& topic, const Numbered& number,
                           const Done& done) {
  const Producers::Key key{topic.name(), number.producer};
  const bool queued =
      producers_.acquire(key, [=, this, &request, &topic](Producers::Entry& entry, bool waited) {
        if (entry.loaded && !waited) return append_new(request, topic, number, entry, false, done);
        // Reading the log back blocks, and whoever released the entry is not to work for its
        // successor.
        auto work = [=, this, &request, &topic, &entry] {
          load_and_append(request, topic, number, entry, done);
        };
        if (workers_.submit(work)) return;
        producers_.release(key);
        done(too_many_requests("too many requests are waiting"));
      });
  if (!queued) done(too_many_requests("too many requests of this producer are waiting"));
}

void Ingest::load_and_append(const Request& request, TopicReader& topic, const Numbered& number,
                             Producers::Entry& entry, const Done& done) {
  const bool fresh = !entry.loaded;
  if (fresh) {
    auto progress =
        recover_progress(platform_.log(), topic.name(), topic.partitions(), number.producer);
    if (!progress) {
      producers_.release({topic.name(), number.producer});
      return done(problem(progress.error()));
    }
    entry.progress = std::move(*progress);
    entry.loaded = true;
  }
  append_new(request, topic, number, entry, fresh, done);
}

// The refusal of numbers that would step over records or that are no longer known.
static std::optional<Response> check_numbers(const ProducerProgress& progress,
                                             std::int64_t sequence) {
  if (!progress.known) return std::nullopt;
  if (sequence > progress.complete_to) {
    return problem(
        409,
        fmt::format("record {} is expected next of this producer, found {}", progress.complete_to,
                    sequence),
        fmt::format("repeat from Waybill-Sequence {}: what is there already is not doubled",
                    progress.complete_to));
  }
  if (sequence < progress.first) {
    return problem(
        409, fmt::format("this producer's records below {} are not remembered", progress.first),
        "use a new producer number");
  }
  return std::nullopt;
}

static bool is_new(const ProducerProgress& progress, const Records& records, std::int64_t sequence,
                   std::size_t i) {
  const auto partition = static_cast<std::size_t>(records.routes[i].partition);
  return sequence + static_cast<std::int64_t>(i) > progress.high[partition];
}

static ProducerNote note_of(const ProducerProgress& progress, const Records& records,
                            std::int64_t sequence) {
  ProducerNote note{.first = progress.known ? progress.first : sequence,
                    .start = sequence,
                    .count = static_cast<std::int64_t>(records.values.size()),
                    .complete_to = progress.known ? progress.complete_to : sequence,
                    .partitions = {}};
  std::vector<bool> touched(progress.high.size());
  for (std::size_t i = 0; i < records.values.size(); ++i) {
    if (is_new(progress, records, sequence, i)) {
      touched[static_cast<std::size_t>(records.routes[i].partition)] = true;
    }
  }
  for (std::size_t p = 0; p < touched.size(); ++p) {
    if (touched[p]) note.partitions.push_back(static_cast<eventlog::Partition>(p));
  }
  return note;
}

std::optional<Response> Ingest::build_new(const Records& records, const Numbered& number,
                                          const ProducerProgress& progress,
                                          const ProducerNote& note, Flight& flight) const {
  const std::int64_t now_ms = clock_.now_us() / base::kUsPerMs;
  const auto plain = headers_of(*flight.topic, records);
  flight.records = records.values.size();
  std::vector<eventlog::BatchBuilder> builders(progress.high.size());
  std::vector<std::int64_t> counts(builders.size());
  for (std::size_t i = 0; i < records.values.size(); ++i) {
    if (is_new(progress, records, number.sequence, i))
      ++counts[static_cast<std::size_t>(records.routes[i].partition)];
  }
  for (std::size_t i = 0; i < records.values.size(); ++i) {
    if (!is_new(progress, records, number.sequence, i)) {
      ++flight.duplicates;
      continue;
    }
    const auto p = static_cast<std::size_t>(records.routes[i].partition);
    auto& builder = builders[p];
    if (builder.records() > 0) {
      builder.add(records.key(i), records.values[i], now_ms, plain);
    } else {
      ProducerNote own = note;
      own.own = counts[p];
      const std::string text = own.text();
      auto noted = plain;
      noted.push_back({.key = kProducerHeader, .value = text});
      builder.add(records.key(i), records.values[i], now_ms, noted);
    }
    if (builder.bytes() > kBatchBytesMax) return too_large_batch();
  }
  for (std::size_t p = 0; p < builders.size(); ++p) {
    if (builders[p].records() == 0) continue;
    const auto size = static_cast<std::size_t>(builders[p].records());
    builders[p].set_producer(log_producer_id(number.producer), 0,
                             next_sequence(progress.last_sequence[p], 1));
    flight.batches.push_back({.partition = static_cast<eventlog::Partition>(p),
                              .records = size,
                              .bytes = builders[p].finish()});
  }
  return std::nullopt;
}

void Ingest::append_new(const Request& request, TopicReader& topic, const Numbered& number,
                        Producers::Entry& entry, bool fresh, const Done& done) {
  const Producers::Key key{topic.name(), number.producer};
  const auto refuse = [this, key, done](Response refusal) {
    producers_.release(key);
    done(std::move(refusal));
  };
  ProducerProgress& progress = entry.progress;
  if (auto refusal = check_numbers(progress, number.sequence)) {
    if (fresh) return refuse(std::move(*refusal));
    entry.loaded = false;  // another worker may have gone on with this producer
    const auto again = [=, this, &request, &topic, &entry] {
      load_and_append(request, topic, number, entry, done);
    };
    if (!workers_.submit(again)) refuse(too_many_requests("too many requests are waiting"));
    return;
  }
  Records records;
  if (auto refusal = topic.read(request, records)) return refuse(std::move(*refusal));
  const ProducerNote note = note_of(progress, records, number.sequence);
  auto flight = std::make_shared<Flight>();
  flight->topic = &topic;
  if (auto refusal = build_new(records, number, progress, note, *flight)) {
    return refuse(std::move(*refusal));
  }
  flight->landed = [this, key, &progress, note, done](Flight& landed) {
    landed.settle(note, progress);
    Response answer = landed.answer();
    producers_.release(key);
    done(std::move(answer));
  };
  if (!flight->batches.empty() || note.end() <= progress.complete_to) return append(flight);
  // All of it is there, but no batch on disk says so: a repeat that was cut anew.
  const auto keep = [this, key, note, flight, refuse] {
    const auto kept = keep_complete(platform_.log(), key.first, key.second, note.end());
    if (!kept) return refuse(problem(kept.error()));
    append(flight);
  };
  if (!workers_.submit(keep)) refuse(too_many_requests("too many requests are waiting"));
}

void Ingest::append(const std::shared_ptr<Flight>& flight) {
  if (flight->batches.empty()) return flight->landed(*flight);
  flight->waiting = flight->batches.size();
  for (Flight::Batch& batch : flight->batches) {
    platform_.log().append({.topic = flight->topic->name(), .partition = batch.partition},
                           std::move(batch.bytes),
                           [flight, &batch](base::Result<eventlog::AppendResult> result) {
                             batch.result = std::move(result);
                             if (flight->waiting.fetch_sub(1) == 1) flight->landed(*flight);
                           });
  }
}

}  // namespace server
