// Kafka messages between bytes and values. No socket, no policy.
// Source: the Apache Kafka protocol guide.
//
// Threads: values, no state.
// Invariant: whatever the bytes are, decoding ends in a value or in an error: no length is believed
// before it is held against what is left, and a message never takes more memory than
// kDecodedBytesMax.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/result.h"
#include "protocol/kafka/messages.h"

namespace protocol::kafka {

// What a decoded message may take in memory beside its records, which stay in the frame.
inline constexpr std::size_t kDecodedBytesMax = 32UL << 20;
inline constexpr std::size_t kFrameLengthBytes = 4;
inline constexpr std::size_t kTagsMax = 1024;  // in one tag buffer

struct RequestHeader {
  std::int16_t api_key = 0;
  std::int16_t api_version = 0;
  std::int32_t correlation_id = 0;
  std::optional<std::string> client_id = {};
};

struct FramedRequest {
  RequestHeader header;
  std::span<const std::byte> body;  // into the frame
};

// Reads the header of a request; `frame` is without its length. A call or a version that the codec
// does not know is not an error here: its header is read as the nearest known version has it, so
// that the caller can answer (ApiVersions: UNSUPPORTED_VERSION in version 0).
base::Result<FramedRequest> decode_request_header(std::span<const std::byte> frame);

// Reads the header of the response to a request of this shape and version.
struct FramedResponse {
  std::int32_t correlation_id = 0;
  std::span<const std::byte> body;
};
base::Result<FramedResponse> decode_response_header(std::span<const std::byte> frame,
                                                    const CallShape& call, std::int16_t version);

// Reads the whole body as a Message (any NameRequest or NameResponse). Records point into `body`.
// kUnsupported for a version that the codec does not know; kInvalid, with the byte's place, where
// the body ends early or holds a length that cannot be, or where a response has bytes left over;
// what stands behind a request is ignored, as Kafka does.
template <class Message>
base::Result<Message> decode(std::span<const std::byte> body, std::int16_t version);

// Bytes to be sent: what was encoded, with records spliced in that stay where they are.
struct EncodedFrame {
  struct Splice {
    std::size_t at = 0;  // in `bytes`: the records come before this byte
    std::span<const std::byte> records;
  };
  std::vector<std::byte> bytes;
  std::vector<Splice> splices;
  std::vector<std::shared_ptr<const void>> holds;  // keep the spliced records alive

  void begin();   // leaves room for the length; the frame must be empty
  void finish();  // fills the length in
  std::size_t size() const;
  // In the order of the wire, none empty; valid while the frame lives and is not changed.
  std::vector<std::span<const std::byte>> chunks() const;
};

// Appends the body. A field that the version does not have is left out, null is written as empty
// where the version has no null, and a string is cut at kStringBytesMax. CHECKs that the codec
// knows the version.
template <class Message>
void encode(const Message& message, std::int16_t version, EncodedFrame& out);

// The length and the header of a frame; the body follows, then finish().
void begin_request(const CallShape& call, std::int16_t version, std::int32_t correlation_id,
                   const std::optional<std::string>& client_id, EncodedFrame& out);
void begin_response(const CallShape& call, std::int16_t version, std::int32_t correlation_id,
                    EncodedFrame& out);

// A whole frame, with its length in front.
template <class Request>
EncodedFrame encode_request(const Request& request, std::int16_t version,
                            std::int32_t correlation_id,
                            const std::optional<std::string>& client_id) {
  EncodedFrame frame;
  begin_request(Request::kCall, version, correlation_id, client_id, frame);
  encode(request, version, frame);
  frame.finish();
  return frame;
}
template <class Response>
EncodedFrame encode_response(const Response& response, std::int16_t version,
                             std::int32_t correlation_id) {
  EncodedFrame frame;
  begin_response(Response::kCall, version, correlation_id, frame);
  encode(response, version, frame);
  frame.finish();
  return frame;
}

}  // namespace protocol::kafka
