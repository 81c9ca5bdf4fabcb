#include "protocol/kafka/decoder.h"

#include <cstring>

namespace protocol::kafka {

void Decoder::fail(std::string message) {
  if (!error_) {
    error_ = base::Error{.code = base::Code::kInvalid,
                         .message = fmt::format("{} at byte {}", message, at_),
                         .mend =
                             "the sender has to write the fields of this version as the "
                             "protocol lists them"};
  }
  at_ = end_;
}

std::uint32_t Decoder::uvarint() {
  std::uint64_t value = 0;
  for (unsigned shift = 0; shift < 35; shift += 7) {
    const std::byte* next = take(1);
    if (next == nullptr) return 0;
    const auto bits = std::to_integer<std::uint64_t>(*next);
    value |= (bits & 0x7F) << shift;
    if (bits < 0x80) {
      if (value <= UINT32_MAX) return static_cast<std::uint32_t>(value);
      break;
    }
  }
  fail("a variable-length number of more than 32 bits");
  return 0;
}

std::optional<std::string> Decoder::classic_string() {
  const bool flexible = std::exchange(flexible_, false);
  std::optional<std::string> text;
  read(text, always());
  flexible_ = flexible;
  return text;
}

void Decoder::read_sized(std::string& text, std::size_t size) {
  if (size > kStringBytesMax)
    fail(fmt::format("a string of {} bytes, at most {}", size, kStringBytesMax));
  const std::byte* bytes = take(size);
  if (bytes == nullptr || !ok()) return;
  text.resize(size);
  if (size > 0) std::memcpy(text.data(), bytes, size);
}

void Decoder::read_sized(Bytes& bytes, std::size_t size) {
  const std::byte* first = take(size);
  if (first != nullptr) bytes.assign(first, first + size);
}

void Decoder::read_sized(Records& records, std::size_t size) {
  const std::byte* first = take(size);
  if (first == nullptr) return;
  records.chunks.clear();
  if (size > 0) records.chunks.emplace_back(first, size);
}

bool Decoder::afford(std::size_t count, std::size_t element_bytes) {
  if (count > memory_left_ / element_bytes) {
    fail(fmt::format("an array of {} elements in a message that takes more than {} bytes", count,
                     kDecodedBytesMax));
    return false;
  }
  memory_left_ -= count * element_bytes;
  return true;
}

}  // namespace protocol::kafka
