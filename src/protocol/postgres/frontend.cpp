#include "protocol/postgres/frontend.h"

namespace protocol::postgres {

namespace {

using base::Code;

constexpr std::uint32_t kCancelRequestCode = 80877102;
constexpr std::uint32_t kSslRequestCode = 80877103;
constexpr std::uint32_t kGssEncRequestCode = 80877104;

std::uint32_t read_u32(std::string_view bytes) {
  const auto at = [&](std::size_t i) {
    return static_cast<std::uint32_t>(static_cast<unsigned char>(bytes[i]));
  };
  return at(0) << 24 | at(1) << 16 | at(2) << 8 | at(3);
}

// Reads the body of one message; the first wrong read makes every later one empty.
class Reader {
 public:
  explicit Reader(std::string_view body) : rest_(body) {}

  std::uint8_t u8() {
    const auto bytes = take(1);
    return bytes.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(bytes[0]);
  }
  std::uint16_t u16() {
    const auto high = u8();
    return static_cast<std::uint16_t>(high << 8 | u8());
  }
  std::uint32_t u32() {
    const auto bytes = take(4);
    return bytes.empty() ? 0 : read_u32(bytes);
  }
  std::int32_t i32() { return static_cast<std::int32_t>(u32()); }
  std::string text() {
    const auto end = rest_.find('\0');
    if (end == std::string_view::npos) {
      good_ = false;
      return {};
    }
    std::string value(rest_.substr(0, end));
    rest_.remove_prefix(end + 1);
    return value;
  }
  std::string_view take(std::size_t size) {
    if (size > rest_.size()) {
      good_ = false;
      rest_ = {};
      return {};
    }
    const auto bytes = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return bytes;
  }
  std::string_view rest() { return take(rest_.size()); }
  bool good() const { return good_; }
  bool done() const { return good_ && rest_.empty(); }
  bool empty() const { return rest_.empty(); }
  // Whether `count` items of at least `size` bytes each can still follow.
  bool holds(std::size_t count, std::size_t size) const {
    return good_ && count * size <= rest_.size();
  }

 private:
  std::string_view rest_;
  bool good_ = true;
};

std::unexpected<base::Error> broken(std::string_view what) {
  return base::fail_with(Code::kInvalid, fmt::format("broken {} message", what),
                         "use a client that speaks the PostgreSQL protocol, version 3");
}

base::Result<std::vector<Format>> read_formats(Reader& reader) {
  std::vector<Format> formats;
  const std::size_t count = reader.u16();
  if (!reader.holds(count, 2)) return broken("Bind");
  formats.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto code = reader.u16();
    if (code > 1) return base::fail(Code::kInvalid, "unknown format code {}", code);
    formats.push_back(static_cast<Format>(code));
  }
  return formats;
}

base::Result<FrontendMessage> read_parse(Reader& reader) {
  Parse parse{.name = reader.text(), .sql = reader.text(), .types = {}};
  const std::size_t count = reader.u16();
  if (!reader.holds(count, 4)) return broken("Parse");
  for (std::size_t i = 0; i < count; ++i) parse.types.push_back(reader.u32());
  return parse;
}

base::Result<FrontendMessage> read_bind(Reader& reader) {
  Bind bind;
  bind.portal = reader.text();
  bind.statement = reader.text();
  bind.parameter_formats = TRY(read_formats(reader));
  const std::size_t count = reader.u16();
  if (!reader.holds(count, 4)) return broken("Bind");
  bind.parameters.reserve(count);
  for (std::size_t i = 0; i < count; ++i) {
    const auto size = reader.i32();
    if (size == -1) {
      bind.parameters.emplace_back(std::nullopt);
    } else if (size < 0) {
      return broken("Bind");
    } else {
      bind.parameters.emplace_back(std::string(reader.take(static_cast<std::size_t>(size))));
    }
  }
  bind.result_formats = TRY(read_formats(reader));
  const auto formats = bind.parameter_formats.size();
  if (formats > 1 && formats != count) return broken("Bind");
  return bind;
}

base::Result<Target> read_target(Reader& reader) {
  const auto kind = static_cast<char>(reader.u8());
  if (kind != 'S' && kind != 'P') return broken("Describe or Close");
  return static_cast<Target>(kind);
}

base::Result<FrontendMessage> read_body(char type, Reader& reader) {
  switch (type) {
    case 'Q':
      return Query{reader.text()};
    case 'P':
      return read_parse(reader);
    case 'B':
      return read_bind(reader);
    case 'D': {
      const auto target = TRY(read_target(reader));
      return Describe{target, reader.text()};
    }
    case 'C': {
      const auto target = TRY(read_target(reader));
      return Close{target, reader.text()};
    }
    case 'E': {
      auto portal = reader.text();
      return Execute{std::move(portal), reader.i32()};
    }
    case 'S':
      return Sync{};
    case 'H':
      return Flush{};
    case 'X':
      return Terminate{};
    case 'p':
      return Password{std::string(reader.rest())};
    default:
      break;
  }
  return base::fail(Code::kInvalid, "unknown message type {:#04x}",
                    static_cast<unsigned char>(type));
}

bool is_unspoken(char type) { return type == 'd' || type == 'c' || type == 'f' || type == 'F'; }

std::size_t bytes_max(char type) {
  const bool large = type == 'Q' || type == 'P' || type == 'B' || type == 'd' || type == 'F';
  return large ? kMessageBytesMax : kSmallMessageBytesMax;
}

}  // namespace

Format format_at(const std::vector<Format>& formats, std::size_t index) {
  if (formats.empty()) return Format::kText;
  if (formats.size() == 1) return formats.front();
  return index < formats.size() ? formats[index] : Format::kText;
}

void FrontendDecoder::feed(std::string_view bytes) {
  if (taken_ > 0 && (taken_ == buffer_.size() || taken_ >= kSmallMessageBytesMax)) {
    buffer_.erase(0, taken_);
    taken_ = 0;
  }
  buffer_.append(bytes);
}

base::Result<std::optional<FrontendMessage>> FrontendDecoder::next_startup() {
  const auto rest = std::string_view(buffer_).substr(taken_);
  if (rest.size() < 4) return std::nullopt;
  const std::size_t size = read_u32(rest);
  if (size < 8 || size > kStartupBytesMax) {
    return base::fail(Code::kInvalid, "startup message of {} bytes; 8 to {} are allowed", size,
                      kStartupBytesMax);
  }
  if (rest.size() < size) return std::nullopt;
  taken_ += size;
  Reader reader(rest.substr(4, size - 4));
  const auto code = reader.u32();
  if (code == kSslRequestCode) return SslRequest{};
  if (code == kGssEncRequestCode) return GssEncRequest{};
  if (code == kCancelRequestCode) {
    const auto process_id = reader.i32();
    const auto secret_key = reader.i32();
    if (!reader.done()) return broken("CancelRequest");
    return CancelRequest{process_id, secret_key};
  }
  Startup startup{static_cast<int>(code >> 16), static_cast<int>(code & 0xFFFF), {}};
  if (startup.major != 3) {
    return base::fail_with(
        Code::kUnsupported,
        fmt::format("protocol version {}.{} is not spoken", startup.major, startup.minor),
        "connect with protocol version 3.0");
  }
  while (true) {
    auto name = reader.text();
    if (!reader.good()) return broken("startup");
    if (name.empty()) break;
    auto value = reader.text();
    startup.parameters.insert_or_assign(std::move(name), std::move(value));
  }
  if (!reader.done()) return broken("startup");
  started_ = true;
  return startup;
}

base::Result<std::optional<FrontendMessage>> FrontendDecoder::next() {
  if (!started_) return next_startup();
  const auto rest = std::string_view(buffer_).substr(taken_);
  if (rest.size() < 5) return std::nullopt;
  const char type = rest[0];
  const std::size_t size = read_u32(rest.substr(1));
  if (size < 4) return broken("frontend");
  const auto most = trusted_ ? bytes_max(type) : kSmallMessageBytesMax;
  if (size > most) {
    return base::fail_with(Code::kLimit,
                           fmt::format("message of {} bytes; at most {} are taken", size, most),
                           "send a shorter statement or fewer parameters");
  }
  if (rest.size() < size + 1) return std::nullopt;
  taken_ += size + 1;
  if (is_unspoken(type)) return Unspoken{type};
  Reader reader(rest.substr(5, size - 4));
  auto message = TRY(read_body(type, reader));
  if (!reader.done()) return broken("frontend");
  return message;
}

}  // namespace protocol::postgres
