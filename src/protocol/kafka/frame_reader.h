// Cuts a stream of bytes into Kafka's frames: four bytes of length, then so many bytes.
//
// The owner reads from its socket straight into buffer(), says how much came with commit(), and
// takes whole frames with next() until there is none. A frame that does not fit into the small
// buffer gets memory of its own, which the socket then fills without a copy.
// Threads: one at a time.
// Invariant: at most one frame is in memory beside the small buffer and what the owner has taken.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "base/result.h"

namespace protocol::kafka {

inline constexpr std::size_t kReadBufferBytes = 16UL << 10;

// One frame without its length. Spans into it stay valid when it is moved.
class Frame {
 public:
  explicit Frame(std::size_t size)
      : bytes_(std::make_unique_for_overwrite<std::byte[]>(size)), size_(size) {}

  std::span<const std::byte> bytes() const { return {bytes_.get(), size_}; }
  std::span<std::byte> writable() { return {bytes_.get(), size_}; }

 private:
  std::unique_ptr<std::byte[]> bytes_;
  std::size_t size_;
};

class FrameReader {
 public:
  explicit FrameReader(std::size_t frame_bytes_max) : frame_bytes_max_(frame_bytes_max) {}

  // Where the next bytes of the stream belong; never empty after next() has answered "none".
  std::span<std::byte> buffer();
  // So many bytes, from the front of buffer(), have come.
  void commit(std::size_t size);

  // The next whole frame, or nullopt while it is not there. kInvalid when the stream cannot be
  // Kafka's, kLimit for a frame above the maximum: then the stream is at its end, and every
  // further call answers the same.
  base::Result<std::optional<Frame>> next();

  // Bytes that have come and belong to no whole frame yet: not 0 when a peer ends in the middle.
  std::size_t pending() const { return large_ ? large_filled_ : end_ - begin_; }

 private:
  std::vector<std::byte> small_;
  std::size_t begin_ = 0;  // in small_: what has come and is not taken yet
  std::size_t end_ = 0;
  std::optional<Frame> large_;  // the frame that is being filled
  std::size_t large_filled_ = 0;
  std::size_t frame_bytes_max_;
};

}  // namespace protocol::kafka
