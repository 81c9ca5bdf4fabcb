#include "protocol/http/records.h"

#include <algorithm>
#include <cstring>

namespace protocol::http {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::unexpected<base::Error> too_many() {
  return base::fail_with(base::Code::kLimit,
                         fmt::format("more than {} records in one request", kRecordsMax),
                         "send them in several requests");
}

// Where the JSON value that starts at `at` ends: behind its closing bracket, or at the comma,
// bracket or end that follows a scalar. npos when it is cut short.
std::size_t end_of_value(std::string_view text, std::size_t at) {
  int depth = 0;
  for (std::size_t i = at; i < text.size(); ++i) {
    switch (text[i]) {
      case '"':
        for (++i; i < text.size() && text[i] != '"'; ++i) {
          if (text[i] == '\\') ++i;
        }
        if (i >= text.size()) return std::string_view::npos;
        break;
      case '{':
      case '[':
        ++depth;
        break;
      case '}':
      case ']':
        if (depth == 0) return i;
        if (--depth == 0) return i + 1;
        break;
      case ',':
        if (depth == 0) return i;
        break;
      default:
        break;
    }
  }
  return depth == 0 ? text.size() : std::string_view::npos;
}

class ArrayReader {
 public:
  explicit ArrayReader(std::string_view body) : body_(body) {}

  base::Result<std::vector<std::string_view>> read(std::size_t at) {
    std::vector<std::string_view> elements;
    at = skip_space(at + 1);
    if (at < body_.size() && body_[at] == ']') return finish(at + 1, std::move(elements));
    for (;;) {
      const std::size_t end = end_of_value(body_, at);
      if (end == std::string_view::npos) return malformed(at, "an element is cut short");
      const std::string_view element = trim(body_.substr(at, end - at));
      if (element.empty()) return malformed(std::min(at, body_.size()), "an element is missing");
      if (elements.size() == kRecordsMax) return too_many();
      elements.push_back(element);
      at = skip_space(end);
      if (at >= body_.size()) return malformed(body_.size(), "the array is cut short");
      if (body_[at] == ']') return finish(at + 1, std::move(elements));
      if (body_[at] != ',') return malformed(at, "a comma or ']' is expected behind an element");
      at = skip_space(at + 1);
    }
  }

  base::Result<std::vector<std::string_view>> finish(std::size_t at,
                                                     std::vector<std::string_view> found) {
    at = skip_space(at);
    if (at < body_.size()) return malformed(at, "there is text behind the end");
    return found;
  }

  std::unexpected<base::Error> malformed(std::size_t at, std::string_view what) const {
    base::Error error{.code = base::Code::kInvalid, .message = fmt::format("not JSON: {}", what)};
    error.mend = "send one JSON object, or an array of objects";
    error.line = line_of(body_, body_.substr(at));
    return std::unexpected(std::move(error));
  }

  std::size_t skip_space(std::size_t at) const {
    while (at < body_.size() && is_space(body_[at])) ++at;
    return at;
  }

 private:
  std::string_view body_;
};

}  // namespace

base::Result<std::vector<std::string_view>> split_ndjson(std::string_view body) {
  std::vector<std::string_view> records;
  records.reserve(std::min<std::size_t>(body.size() / 64 + 1, 4096));
  while (!body.empty()) {
    const auto* const end = static_cast<const char*>(std::memchr(body.data(), '\n', body.size()));
    const std::size_t length =
        end == nullptr ? body.size() : static_cast<std::size_t>(end - body.data());
    const std::string_view line = trim(body.substr(0, length));
    body.remove_prefix(std::min(length + 1, body.size()));
    if (line.empty()) continue;
    if (records.size() == kRecordsMax) return too_many();
    records.push_back(line);
  }
  return records;
}

base::Result<std::vector<std::string_view>> split_json(std::string_view body) {
  ArrayReader reader(body);
  const std::size_t at = reader.skip_space(0);
  if (at == body.size()) return std::vector<std::string_view>{};
  if (body[at] == '[') return reader.read(at);
  if (body[at] != '{') return reader.malformed(at, "an object or an array of objects is expected");
  const std::size_t end = end_of_value(body, at);
  if (end == std::string_view::npos)
    return reader.malformed(body.size(), "the object is cut short");
  return reader.finish(end, {body.substr(at, end - at)});
}

int line_of(std::string_view body, std::string_view part) {
  return static_cast<int>(1 + std::count(body.data(), part.data(), '\n'));
}

}  // namespace protocol::http
