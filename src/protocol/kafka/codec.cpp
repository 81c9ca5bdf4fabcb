#include "protocol/kafka/codec.h"

#include <algorithm>

#include "protocol/kafka/decoder.h"
#include "protocol/kafka/encoder.h"

namespace protocol::kafka {

base::Result<FramedRequest> decode_request_header(std::span<const std::byte> frame) {
  Decoder decoder(frame, 0, false);
  RequestHeader header;
  header.api_key = decoder.integer<std::int16_t>();
  header.api_version = decoder.integer<std::int16_t>();
  header.correlation_id = decoder.integer<std::int32_t>();
  header.client_id = decoder.classic_string();
  const CallShape* call = call_shape(header.api_key);
  if (call != nullptr && call->flexible(header.api_version)) decoder.skip_tags();
  if (!decoder.ok()) return std::unexpected(decoder.take_error().in("Kafka request header"));
  return FramedRequest{.header = std::move(header), .body = frame.subspan(decoder.at())};
}

base::Result<FramedResponse> decode_response_header(std::span<const std::byte> frame,
                                                    const CallShape& call, std::int16_t version) {
  Decoder decoder(frame, 0, false);
  const auto correlation_id = decoder.integer<std::int32_t>();
  if (call.flexible_response_header(version)) decoder.skip_tags();
  if (!decoder.ok()) return std::unexpected(decoder.take_error().in("Kafka response header"));
  return FramedResponse{.correlation_id = correlation_id, .body = frame.subspan(decoder.at())};
}

std::size_t EncodedFrame::size() const {
  std::size_t total = bytes.size();
  for (const Splice& splice : splices) total += splice.records.size();
  return total;
}

std::vector<std::span<const std::byte>> EncodedFrame::chunks() const {
  std::vector<std::span<const std::byte>> chunks;
  chunks.reserve((splices.size() * 2) + 1);
  const std::span<const std::byte> all(bytes);
  std::size_t done = 0;
  for (const Splice& splice : splices) {
    if (splice.at > done) chunks.push_back(all.subspan(done, splice.at - done));
    chunks.push_back(splice.records);
    done = splice.at;
  }
  if (done < all.size()) chunks.push_back(all.subspan(done));
  return chunks;
}

void EncodedFrame::begin() { bytes.resize(kFrameLengthBytes); }

void EncodedFrame::finish() {
  auto length = static_cast<std::uint32_t>(size() - kFrameLengthBytes);
  for (std::size_t i = kFrameLengthBytes; i-- > 0; length >>= 8)
    bytes[i] = static_cast<std::byte>(length & 0xFF);
}

void begin_request(const CallShape& call, std::int16_t version, std::int32_t correlation_id,
                   const std::optional<std::string>& client_id, EncodedFrame& out) {
  out.begin();
  Encoder encoder(version, call.flexible(version), out);
  encoder.integer(call.api_key);
  encoder.integer(version);
  encoder.integer(correlation_id);
  encoder.classic_string(client_id);
  if (call.flexible(version)) encoder.uvarint(0);
}

void begin_response(const CallShape& call, std::int16_t version, std::int32_t correlation_id,
                    EncodedFrame& out) {
  out.begin();
  Encoder encoder(version, call.flexible(version), out);
  encoder.integer(correlation_id);
  if (call.flexible_response_header(version)) encoder.uvarint(0);
}

}  // namespace protocol::kafka
