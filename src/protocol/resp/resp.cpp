#include "protocol/resp/resp.h"

#include <fmt/format.h>

#include <charconv>
#include <cmath>

namespace protocol::resp {
namespace {

std::unexpected<base::Error> broken(std::string_view why) {
  return base::fail(base::Code::kInvalid, "Protocol error: {}", why);
}

std::optional<std::int64_t> whole_number(std::string_view text) {
  std::int64_t value = 0;
  const char* const end = text.data() + text.size();
  const auto parsed = std::from_chars(text.data(), end, value);
  if (text.empty() || parsed.ec != std::errc{} || parsed.ptr != end) return std::nullopt;
  return value;
}

bool is_space(char c) { return c == ' ' || c == '\t'; }

// One word of an inline command from `at` on, moving it; nullopt for a quote that is not closed.
std::optional<std::string> take_word(std::string_view line, std::size_t& at) {
  std::string word;
  char quote = '\0';
  for (; at < line.size(); ++at) {
    const char c = line[at];
    if (quote != '\0') {
      if (c == '\\' && quote == '"' && at + 1 < line.size()) {
        word += line[++at];
      } else if (c == quote) {
        quote = '\0';
      } else {
        word += c;
      }
    } else if (c == '"' || c == '\'') {
      quote = c;
    } else if (is_space(c)) {
      break;
    } else {
      word += c;
    }
  }
  if (quote != '\0') return std::nullopt;
  return word;
}

}  // namespace

// The line at `at` without its end, which `at` moves behind; nullopt when it is not whole yet.
base::Result<std::optional<std::string_view>> Parser::line(std::size_t& at,
                                                           std::size_t bytes_max) const {
  const std::string_view left = std::string_view(buffer_).substr(at);
  const std::size_t end = left.substr(0, bytes_max + 2).find('\n');
  if (end == std::string_view::npos) {
    if (left.size() > bytes_max) return broken("too big inline request");
    return std::optional<std::string_view>();
  }
  at += end + 1;
  std::string_view text = left.substr(0, end);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return std::optional(text);
}

base::Result<std::optional<Arguments>> Parser::next() {
  // What was taken goes away once it is the larger part.
  if (position_ > 0 && position_ * 2 >= buffer_.size()) {
    buffer_.erase(0, position_);
    position_ = 0;
  }
  while (position_ < buffer_.size()) {
    std::size_t at = position_;
    auto command = TRY(buffer_[at] == '*' ? next_array(at) : next_inline(at));
    if (!command) return std::optional<Arguments>();
    position_ = at;
    if (!command->empty()) return command;  // empty lines and arrays mean nothing
  }
  return std::optional<Arguments>();
}

base::Result<std::optional<Arguments>> Parser::next_array(std::size_t& at) {
  ++at;
  const auto count_text = TRY(line(at, 32));
  if (!count_text) return std::optional<Arguments>();
  const auto count = whole_number(*count_text);
  if (!count || *count > static_cast<std::int64_t>(kArgumentsMax))
    return broken("invalid multibulk length");
  Arguments arguments;
  for (std::int64_t i = 0; i < *count; ++i) {
    if (at >= buffer_.size()) return std::optional<Arguments>();
    if (buffer_[at] != '$') return broken(fmt::format("expected '$', got '{}'", buffer_[at]));
    ++at;
    const auto size_text = TRY(line(at, 32));
    if (!size_text) return std::optional<Arguments>();
    const auto size = whole_number(*size_text);
    if (!size || *size < 0 || *size > static_cast<std::int64_t>(kArgumentBytesMax))
      return broken("invalid bulk length");
    const auto bytes = static_cast<std::size_t>(*size);
    if (buffer_.size() - at < bytes + 2) return std::optional<Arguments>();
    if (buffer_[at + bytes] != '\r' || buffer_[at + bytes + 1] != '\n')
      return broken("a bulk string does not end where its length says");
    arguments.emplace_back(buffer_.data() + at, bytes);
    at += bytes + 2;
  }
  return std::optional(std::move(arguments));
}

base::Result<std::optional<Arguments>> Parser::next_inline(std::size_t& at) {
  const auto text = TRY(line(at, kInlineBytesMax));
  if (!text) return std::optional<Arguments>();
  words_.clear();
  for (std::size_t i = 0; i < text->size();) {
    if (is_space((*text)[i])) {
      ++i;
      continue;
    }
    auto word = take_word(*text, i);
    if (!word) return broken("unbalanced quotes in request");
    words_.push_back(*std::move(word));
  }
  return std::optional(Arguments(words_.begin(), words_.end()));
}

void Writer::header(char kind, std::int64_t value) {
  out_ += kind;
  char digits[24];
  const auto end = std::to_chars(std::begin(digits), std::end(digits), value).ptr;
  out_.append(digits, end);
  out_ += "\r\n";
}

void Writer::simple(std::string_view text) {
  out_ += '+';
  out_ += text;
  out_ += "\r\n";
}

void Writer::error(std::string_view text) {
  out_ += '-';
  for (const char c : text) out_ += c == '\r' || c == '\n' ? ' ' : c;
  out_ += "\r\n";
}

void Writer::integer(std::int64_t value) { header(':', value); }

void Writer::bulk(std::string_view data) {
  header('$', static_cast<std::int64_t>(data.size()));
  out_ += data;
  out_ += "\r\n";
}

void Writer::null() { out_ += version_ >= 3 ? "_\r\n" : "$-1\r\n"; }

void Writer::array(std::size_t elements) { header('*', static_cast<std::int64_t>(elements)); }

void Writer::map(std::size_t pairs) {
  if (version_ >= 3) {
    header('%', static_cast<std::int64_t>(pairs));
  } else {
    header('*', static_cast<std::int64_t>(2 * pairs));
  }
}

void Writer::number(double value) {
  const std::string text =
      std::isinf(value) ? (value > 0 ? "inf" : "-inf") : fmt::format("{}", value);
  if (version_ < 3) return bulk(text);
  out_ += ',';
  out_ += text;
  out_ += "\r\n";
}

namespace {

// Whether `c` is in the set that begins behind the '[' at `at`; moves behind its ']'.
bool set_holds(std::string_view pattern, std::size_t& at, char c) {
  const bool negated = at < pattern.size() && pattern[at] == '^';
  if (negated) ++at;
  bool found = false;
  for (; at < pattern.size() && pattern[at] != ']'; ++at) {
    if (pattern[at] == '\\' && at + 1 < pattern.size()) ++at;
    char from = pattern[at];
    char to = from;
    if (at + 2 < pattern.size() && pattern[at + 1] == '-' && pattern[at + 2] != ']') {
      to = pattern[at + 2];
      at += 2;
    }
    if (from > to) std::swap(from, to);
    found |= c >= from && c <= to;
  }
  if (at < pattern.size()) ++at;
  return found != negated;
}

}  // namespace

// Without recursion: a '*' remembers where to go back to, so the time is at most the product of the
// two lengths.
bool glob_matches(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t star_text = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      star_text = t;
      continue;
    }
    std::size_t next = p;
    bool same = false;
    if (p < pattern.size()) {
      const char c = pattern[next++];
      if (c == '[') {
        same = set_holds(pattern, next, text[t]);
      } else if (c == '\\' && next < pattern.size()) {
        same = pattern[next++] == text[t];
      } else {
        same = c == '?' || c == text[t];
      }
    }
    if (same) {
      p = next;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star;
      t = ++star_text;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

}  // namespace protocol::resp
