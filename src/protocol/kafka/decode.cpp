#include "protocol/kafka/codec.h"
#include "protocol/kafka/decoder.h"

namespace protocol::kafka {
namespace {

// Kafka's servers do not look at what stands behind the last field of a request, and there are
// clients that write something there (librdkafka 2.16, Metadata 9 of all topics).
template <class Message>
constexpr bool kIgnoresMore = false;
#define WAYBILL_KAFKA_IGNORES_MORE(Name) \
  template <>                            \
  constexpr bool kIgnoresMore<Name##Request> = true;
WAYBILL_KAFKA_CALLS(WAYBILL_KAFKA_IGNORES_MORE)
#undef WAYBILL_KAFKA_IGNORES_MORE

}  // namespace

template <class Message>
base::Result<Message> decode(std::span<const std::byte> body, std::int16_t version) {
  const CallShape& call = Message::kCall;
  if (!call.knows(version)) {
    return base::fail_with(
        base::Code::kUnsupported,
        fmt::format("Kafka call {} has no version {}", call.name, version),
        fmt::format("use a version from {} to {}", call.version_min, call.version_max));
  }
  Decoder decoder(body, version, call.flexible(version));
  Message message;
  decoder.structure(message);
  if (decoder.ok() && decoder.left() > 0 && !kIgnoresMore<Message>)
    decoder.fail(fmt::format("{} bytes are left over", decoder.left()));
  if (!decoder.ok()) {
    return std::unexpected(decoder.take_error().in(
        fmt::format("Kafka call {} version {} cannot be read", call.name, version)));
  }
  return message;
}

#define WAYBILL_KAFKA_DECODE(Name)                                                         \
  template base::Result<Name##Request> decode<Name##Request>(std::span<const std::byte>,   \
                                                             std::int16_t);                \
  template base::Result<Name##Response> decode<Name##Response>(std::span<const std::byte>, \
                                                               std::int16_t);
WAYBILL_KAFKA_CALLS(WAYBILL_KAFKA_DECODE)
#undef WAYBILL_KAFKA_DECODE

}  // namespace protocol::kafka
