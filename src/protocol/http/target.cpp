#include "protocol/http/target.h"

#include <algorithm>
#include <cctype>

namespace protocol::http {
namespace {

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

base::Result<std::string> decode(std::string_view text, bool plus_is_space) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out.push_back(plus_is_space && text[i] == '+' ? ' ' : text[i]);
      continue;
    }
    const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
    const int low = high >= 0 ? hex_value(text[i + 2]) : -1;
    if (low < 0 || (high == 0 && low == 0)) {
      return base::fail_with(base::Code::kInvalid, "the address has a broken %-escape",
                             "write each special byte as % and two hex digits");
    }
    out.push_back(static_cast<char>(high * 16 + low));
    i += 2;
  }
  return out;
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

// Calls `each` for the parts between separators.
template <class F>
base::Result<> split(std::string_view text, char separator, F&& each) {
  for (;;) {
    const std::size_t end = text.find(separator);
    TRY(each(text.substr(0, end)));
    if (end == std::string_view::npos) return {};
    text.remove_prefix(end + 1);
  }
}

}  // namespace

base::Result<Target> parse_target(std::string_view target) {
  if (target.empty() || target.front() != '/') {
    return base::fail_with(base::Code::kInvalid, "the request's address does not start with '/'",
                           "send the path only, as in 'GET /v1/status'");
  }
  Target out;
  const std::size_t question = target.find('?');
  const std::string_view path = target.substr(0, question);
  out.path = TRY(decode(path, false));
  TRY(split(path.substr(1), '/', [&out](std::string_view part) -> base::Result<> {
    out.segments.push_back(TRY(decode(part, false)));
    return {};
  }));
  if (question == std::string_view::npos) return out;
  TRY(split(target.substr(question + 1), '&', [&out](std::string_view part) -> base::Result<> {
    if (part.empty()) return {};
    const std::size_t equals = part.find('=');
    std::string name = TRY(decode(part.substr(0, equals), true));
    const std::string_view value = equals == std::string_view::npos ? "" : part.substr(equals + 1);
    out.query.insert_or_assign(std::move(name), TRY(decode(value, true)));
    return {};
  }));
  return out;
}

std::string media_type(std::string_view content_type) {
  return lower(trim(content_type.substr(0, content_type.find(';'))));
}

bool lists_token(std::string_view value, std::string_view token) {
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    const std::string_view item = value.substr(0, comma);
    value.remove_prefix(comma == std::string_view::npos ? value.size() : comma + 1);
    const std::size_t semicolon = item.find(';');
    if (lower(trim(item.substr(0, semicolon))) != token) continue;
    if (semicolon == std::string_view::npos) return true;
    const std::string weight = lower(trim(item.substr(semicolon + 1)));
    return weight != "q=0" && weight != "q=0.0" && weight != "q=0.00" && weight != "q=0.000";
  }
  return false;
}

HostPort parse_host(std::string_view value) {
  value = trim(value);
  HostPort out;
  if (value.starts_with('[')) {
    const std::size_t end = value.find(']');
    out.host = lower(value.substr(1, end == std::string_view::npos ? end : end - 1));
    if (end != std::string_view::npos && value.substr(end + 1).starts_with(':'))
      out.port = value.substr(end + 2);
    return out;
  }
  const std::size_t colon = value.rfind(':');
  out.host = lower(value.substr(0, colon));
  if (colon != std::string_view::npos) out.port = value.substr(colon + 1);
  return out;
}

}  // namespace protocol::http
