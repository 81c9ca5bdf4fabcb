// Kafka requests from anybody: the frame reader, the header and every request decoder. What can be
// read is written and read again, and then has to be the same.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "base/check.h"
#include "protocol/kafka/codec.h"
#include "protocol/kafka/frame_reader.h"

namespace protocol::kafka {
namespace {

constexpr std::size_t kFrameBytesMax = 64UL << 10;

template <class Request>
std::vector<std::byte> written(const Request& request, std::int16_t version) {
  EncodedFrame out;
  encode(request, version, out);
  std::vector<std::byte> bytes;
  for (const auto& chunk : out.chunks()) bytes.insert(bytes.end(), chunk.begin(), chunk.end());
  CHECK(bytes.size() == out.size(), "the size of a frame is the size of its chunks");
  return bytes;
}

template <class Request>
void read_request(std::span<const std::byte> body, std::int16_t version) {
  const auto request = decode<Request>(body, version);
  if (!request) {
    CHECK(!request.error().mend.empty(), "an error names its mend");
    return;
  }
  const auto once = written(*request, version);
  const auto again = decode<Request>(once, version);
  CHECK(again.has_value(), "what the codec writes, it reads");
  CHECK(written(*again, version) == once, "what is read again is the same");
}

void read_frame(std::span<const std::byte> frame) {
  const auto framed = decode_request_header(frame);
  if (!framed) return;
  switch (framed->header.api_key) {
#define WAYBILL_FUZZ_CALL(Name)                                            \
  case Name##Request::kCall.api_key:                                       \
    read_request<Name##Request>(framed->body, framed->header.api_version); \
    break;
    WAYBILL_KAFKA_CALLS(WAYBILL_FUZZ_CALL)
#undef WAYBILL_FUZZ_CALL
    default:
      break;
  }
}

// The stream in pieces whose size the input chooses.
void read_stream(std::span<const std::byte> stream, std::size_t piece) {
  FrameReader reader(kFrameBytesMax);
  while (!stream.empty()) {
    const auto room = reader.buffer();
    const std::size_t size = std::min({piece, room.size(), stream.size()});
    std::memcpy(room.data(), stream.data(), size);
    reader.commit(size);
    stream = stream.subspan(size);
    while (true) {
      auto frame = reader.next();
      if (!frame) return;
      if (!*frame) break;
      read_frame((*frame)->bytes());
    }
  }
}

}  // namespace
}  // namespace protocol::kafka

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto input = std::as_bytes(std::span(data, size));
  protocol::kafka::read_frame(input);
  if (!input.empty()) {
    const auto piece = std::to_integer<std::size_t>(input.front()) + 1;
    protocol::kafka::read_stream(input.subspan(1), piece);
  }
  return 0;
}
