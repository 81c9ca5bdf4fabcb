#include "protocol/kafka/frame_reader.h"

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "base/check.h"
#include "protocol/kafka/codec.h"

namespace protocol::kafka {

namespace {

std::uint32_t length_at(const std::byte* bytes) {
  std::uint32_t length = 0;
  for (std::size_t i = 0; i < kFrameLengthBytes; ++i)
    length = (length << 8) | std::to_integer<std::uint32_t>(bytes[i]);
  return length;
}

// What a peer that does not speak Kafka sends first, read as a length, is absurd.
base::Error refuse(std::uint32_t length, std::size_t bytes_max) {
  const auto first = static_cast<std::uint8_t>(length >> 24);
  constexpr std::uint8_t kTlsHandshake = 0x16;
  if (first == kTlsHandshake) {
    return {.code = base::Code::kInvalid,
            .message = "TLS on a connection that takes plain Kafka",
            .mend = "set the client's security.protocol to PLAINTEXT"};
  }
  constexpr std::string_view kMethodLetters =
      "GPHDOC";  // GET, POST, HEAD, DELETE, OPTIONS, CONNECT
  if (kMethodLetters.contains(static_cast<char>(first))) {
    return {.code = base::Code::kInvalid,
            .message = "HTTP on a connection that takes Kafka",
            .mend = "send HTTP requests to the HTTP listener's port"};
  }
  return {.code = length > INT32_MAX ? base::Code::kInvalid : base::Code::kLimit,
          .message = fmt::format("a Kafka frame of {} bytes, at most {}",
                                 static_cast<std::int32_t>(length), bytes_max),
          .mend = "send smaller requests: lower the client's max.request.size or batch.size"};
}

}  // namespace

std::span<std::byte> FrameReader::buffer() {
  if (large_) return large_->writable().subspan(large_filled_);
  if (small_.empty()) small_.resize(kReadBufferBytes);
  if (begin_ == end_) {
    begin_ = end_ = 0;
  } else if (end_ == small_.size()) {
    std::memmove(small_.data(), small_.data() + begin_, end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  return std::span(small_).subspan(end_);
}

void FrameReader::commit(std::size_t size) {
  if (large_) {
    large_filled_ += size;
    CHECK(large_filled_ <= large_->bytes().size(), "bytes are committed that were not offered");
  } else {
    end_ += size;
    CHECK(end_ <= small_.size(), "bytes are committed that were not offered");
  }
}

base::Result<std::optional<Frame>> FrameReader::next() {
  if (large_) {
    if (large_filled_ < large_->bytes().size()) return std::nullopt;
    std::optional<Frame> frame = std::move(large_);
    large_.reset();
    large_filled_ = 0;
    return frame;
  }
  if (end_ - begin_ < kFrameLengthBytes) return std::nullopt;
  const std::uint32_t length = length_at(small_.data() + begin_);
  if (length > frame_bytes_max_) return std::unexpected(refuse(length, frame_bytes_max_));

  const std::byte* body = small_.data() + begin_ + kFrameLengthBytes;
  const std::size_t came = std::min<std::size_t>(length, end_ - begin_ - kFrameLengthBytes);
  std::optional<Frame> frame{Frame(length)};
  if (came > 0) std::memcpy(frame->writable().data(), body, came);
  begin_ += kFrameLengthBytes + came;
  if (came == length) return frame;
  large_ = std::move(frame);
  large_filled_ = came;
  return std::nullopt;
}

}  // namespace protocol::kafka
