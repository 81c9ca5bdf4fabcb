#include <array>
#include <iostream>

#include "cli/kafka_commands.h"
#include "cli/kafka_record.h"

namespace cli {
namespace {

constexpr int kFlushTimeoutMs = 60'000;
constexpr std::size_t kLineBytesMax = 64UL << 20;

// What came back for the records that were sent.
struct Counts {
  std::int64_t acknowledged = 0;
  std::int64_t failed = 0;
  std::string first_error;
};

void on_delivery(rd_kafka_t* client, const rd_kafka_message_t* message, void* self) {
  static_cast<void>(client);
  auto& counts = *static_cast<Counts*>(self);
  if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
    ++counts.acknowledged;
    return;
  }
  if (counts.failed++ == 0) counts.first_error = rd_kafka_err2str(message->err);
}

class Sender {
 public:
  static base::Result<std::unique_ptr<Sender>> open(const KafkaTarget& target,
                                                    const ProduceFlags& flags) {
    const auto url = TRY(find_kafka(target));
    auto sender = std::make_unique<Sender>();
    auto conf = TRY(eventlog::make_conf(url, {{"acks", flags.acks},
                                              {"compression.type", flags.compression},
                                              {"linger.ms", "5"},
                                              {"message.timeout.ms", "30000"}}));
    rd_kafka_conf_set_dr_msg_cb(conf.get(), on_delivery);
    rd_kafka_conf_set_opaque(conf.get(), &sender->counts_);
    sender->handle_ = TRY(eventlog::make_handle(RD_KAFKA_PRODUCER, std::move(conf)));
    return sender;
  }

  base::Result<> send(const std::string& topic, const KafkaRecord& record) {
    while (true) {
      rd_kafka_poll(handle_.get(), 0);
      const rd_kafka_resp_err_t error = try_send(topic, record);
      if (error == RD_KAFKA_RESP_ERR_NO_ERROR) return {};
      if (error != RD_KAFKA_RESP_ERR__QUEUE_FULL)
        return eventlog::kafka_fail(error, "cannot send a record to " + topic);
      rd_kafka_poll(handle_.get(), 100);
    }
  }

  const Counts& finish() {
    rd_kafka_flush(handle_.get(), kFlushTimeoutMs);
    return counts_;
  }

 private:
  rd_kafka_resp_err_t try_send(const std::string& topic, const KafkaRecord& record) {
    std::array<rd_kafka_vu_t, 7> values{};
    std::size_t count = 0;
    const auto add = [&](rd_kafka_vtype_t type) -> rd_kafka_vu_t& {
      values[count].vtype = type;
      return values[count++];
    };
    const auto add_bytes = [&](rd_kafka_vtype_t type, const std::optional<std::string>& bytes) {
      if (!bytes) return;
      // librdkafka copies them; an empty text is no null.
      auto& mem = add(type).u.mem;
      mem.ptr = const_cast<char*>(bytes->data());
      mem.size = bytes->size();
    };
    add(RD_KAFKA_VTYPE_TOPIC).u.cstr = topic.c_str();
    add(RD_KAFKA_VTYPE_MSGFLAGS).u.i = RD_KAFKA_MSG_F_COPY;
    if (record.partition >= 0) add(RD_KAFKA_VTYPE_PARTITION).u.i32 = record.partition;
    if (record.timestamp_ms >= 0) add(RD_KAFKA_VTYPE_TIMESTAMP).u.i64 = record.timestamp_ms;
    add_bytes(RD_KAFKA_VTYPE_KEY, record.key);
    add_bytes(RD_KAFKA_VTYPE_VALUE, record.value);
    rd_kafka_headers_t* headers = nullptr;
    if (!record.headers.empty()) {
      headers = rd_kafka_headers_new(record.headers.size());
      for (const auto& [name, value] : record.headers) {
        rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()),
                            value ? value->data() : nullptr,
                            value ? static_cast<ssize_t>(value->size()) : 0);
      }
      add(RD_KAFKA_VTYPE_HEADERS).u.headers = headers;
    }
    const eventlog::KafkaError error(rd_kafka_produceva(handle_.get(), values.data(), count));
    if (!error) return RD_KAFKA_RESP_ERR_NO_ERROR;
    if (headers != nullptr) rd_kafka_headers_destroy(headers);
    return rd_kafka_error_code(error.get());
  }

  Counts counts_;  // outlives the handle that reports to it
  eventlog::KafkaHandle handle_;
};

}  // namespace

base::Result<> produce(const KafkaTarget& target, const ProduceFlags& flags) {
  const InputFormat format = TRY(parse_input_format(flags.format));
  const auto sender = TRY(Sender::open(target, flags));
  base::Result<> result;
  std::int64_t number = 0;
  for (std::string line; result && std::getline(std::cin, line);) {
    ++number;
    if (line.size() > kLineBytesMax) {
      result = base::fail(base::Code::kLimit, "line {} of stdin has more than {} bytes", number,
                          kLineBytesMax);
      break;
    }
    auto record = read_record(line, format, flags.key_separator);
    if (!record) {
      result =
          std::unexpected(std::move(record).error().in(fmt::format("line {} of stdin", number)));
      break;
    }
    if (record->partition < 0) record->partition = flags.partition;
    for (const std::string& header : flags.headers) record->headers.push_back(parse_header(header));
    result = sender->send(flags.topic, *record);
  }
  const Counts& counts = sender->finish();
  const std::int64_t sent = result ? number : number - 1;
  const std::int64_t lost = sent - counts.acknowledged;
  std::cerr << fmt::format("{} record{} acknowledged", counts.acknowledged,
                           counts.acknowledged == 1 ? "" : "s")
            << (lost > 0 ? fmt::format(", {} not", lost) : "") << "\n";
  TRY(result);
  if (lost == 0) return {};
  return base::fail_with(base::Code::kUnavailable,
                         fmt::format("{} of {} records were not acknowledged: {}", lost, sent,
                                     counts.first_error.empty() ? "no answer" : counts.first_error),
                         "see that the topic and its partition exist, and send them again");
}

}  // namespace cli
