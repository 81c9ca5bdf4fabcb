#include "base/check.h"
#include "protocol/kafka/codec.h"
#include "protocol/kafka/encoder.h"

namespace protocol::kafka {

template <class Message>
void encode(const Message& message, std::int16_t version, EncodedFrame& out) {
  CHECK(Message::kCall.knows(version), "a message is encoded in a version that the codec knows");
  Encoder encoder(version, Message::kCall.flexible(version), out);
  encoder.structure(message);
}

#define WAYBILL_KAFKA_ENCODE(Name)                                                        \
  template void encode<Name##Request>(const Name##Request&, std::int16_t, EncodedFrame&); \
  template void encode<Name##Response>(const Name##Response&, std::int16_t, EncodedFrame&);
WAYBILL_KAFKA_CALLS(WAYBILL_KAFKA_ENCODE)
#undef WAYBILL_KAFKA_ENCODE

}  // namespace protocol::kafka
