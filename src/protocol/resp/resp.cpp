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

constexpr std::size_t kHeadBytesMax = 32;  // of a count and its kind

std::string printable(char c) {
  return c >= ' ' && c <= '~' ? std::string(1, c)
                              : fmt::format("\\x{:02x}", static_cast<unsigned char>(c));
}

bool is_space(char c) { return c == ' ' || c == '\t'; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

// What stands for `\c` between "".
char escaped(char c) {
  switch (c) {
    case 'n':
      return '\n';
    case 'r':
      return '\r';
    case 't':
      return '\t';
    case 'b':
      return '\b';
    case 'a':
      return '\a';
    default:
      return c;
  }
}

// Takes what is between quotes, from behind the first to behind the last; false when none ends it.
bool take_quoted(std::string_view line, std::size_t& at, char quote, std::string& word) {
  for (; at < line.size(); ++at) {
    const char c = line[at];
    if (c == quote) {
      ++at;
      return at == line.size() || is_space(line[at]);  // nothing may stand against it
    }
    const char next = at + 1 < line.size() ? line[at + 1] : '\0';
    if (c == '\\' && quote == '"' && next == 'x' && at + 3 < line.size() &&
        hex_digit(line[at + 2]) >= 0 && hex_digit(line[at + 3]) >= 0) {
      word += static_cast<char>(hex_digit(line[at + 2]) * 16 + hex_digit(line[at + 3]));
      at += 3;
    } else if (c == '\\' && at + 1 < line.size() && (quote == '"' || next == quote)) {
      word += quote == '"' ? escaped(next) : next;
      ++at;
    } else {
      word += c;
    }
  }
  return false;
}

// One word of an inline command from `at` on, moving it; nullopt for a quote that is not closed.
std::optional<std::string> take_word(std::string_view line, std::size_t& at) {
  std::string word;
  while (at < line.size() && !is_space(line[at])) {
    const char c = line[at++];
    if (c != '"' && c != '\'') {
      word += c;
    } else if (!take_quoted(line, at, c, word)) {
      return std::nullopt;
    }
  }
  return word;
}

}  // namespace

// The line without its end, behind which reading goes on; nullopt when it is not whole yet.
base::Result<std::optional<std::string_view>> Parser::line(std::size_t bytes_max,
                                                           std::string_view what) {
  const std::string_view left = std::string_view(buffer_).substr(start_ + at_);
  const std::size_t end = left.substr(0, bytes_max + 1).find('\n');
  if (end == std::string_view::npos) {
    if (left.size() > bytes_max) return broken(fmt::format("too big {}", what));
    return std::optional<std::string_view>();
  }
  at_ += end + 1;
  std::string_view text = left.substr(0, end);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return std::optional(text);
}

base::Result<const Arguments*> Parser::next() {
  // What was taken goes away once it is the larger part.
  if (start_ > 0 && start_ * 2 >= buffer_.size()) {
    buffer_.erase(0, start_);
    start_ = 0;
  }
  while (start_ < buffer_.size()) {
    const bool whole = TRY(buffer_[start_] == '*' ? next_array() : next_inline());
    if (!whole) return nullptr;
    start_ += at_;
    at_ = 0;
    if (!arguments_.empty()) return &arguments_;  // empty lines and arrays mean nothing
  }
  return nullptr;
}

base::Result<bool> Parser::begin_array() {
  at_ = 1;
  const auto text = TRY(line(kHeadBytesMax, "mbulk count string"));
  if (!text) return false;
  const auto count = whole_number(*text);
  if (!count || *count > static_cast<std::int64_t>(kArgumentsMax))
    return broken("invalid multibulk length");
  arguments_left_ = *count < 0 ? 0 : static_cast<std::size_t>(*count);
  words_.clear();
  in_array_ = true;
  return true;
}

// False when more bytes are needed.
base::Result<bool> Parser::read_argument() {
  if (!bulk_bytes_) {
    const std::size_t head = at_;
    if (start_ + at_ >= buffer_.size()) return false;
    const char kind = buffer_[start_ + at_];
    if (kind != '$') return broken(fmt::format("expected '$', got '{}'", printable(kind)));
    ++at_;
    const auto text = TRY(line(kHeadBytesMax, "bulk count string"));
    if (!text) {
      at_ = head;
      return false;
    }
    const auto bytes = whole_number(*text);
    if (!bytes || *bytes < 0 || *bytes > static_cast<std::int64_t>(kArgumentBytesMax))
      return broken("invalid bulk length");
    if (at_ + static_cast<std::size_t>(*bytes) > kCommandBytesMax)
      return broken(fmt::format("a command has more than {} bytes; ask in several commands",
                                kCommandBytesMax));
    bulk_bytes_ = static_cast<std::size_t>(*bytes);
  }
  const std::size_t from = start_ + at_;
  if (buffer_.size() - from < *bulk_bytes_ + 2) return false;
  if (buffer_[from + *bulk_bytes_] != '\r' || buffer_[from + *bulk_bytes_ + 1] != '\n')
    return broken("a bulk string does not end where its length says");
  words_.push_back({.offset = at_, .bytes = *bulk_bytes_});
  at_ += *bulk_bytes_ + 2;
  bulk_bytes_.reset();
  return true;
}

base::Result<bool> Parser::next_array() {
  if (!in_array_ && !TRY(begin_array())) return false;
  for (; arguments_left_ > 0; --arguments_left_) {
    if (!TRY(read_argument())) return false;
  }
  in_array_ = false;
  arguments_.clear();
  for (const Word& word : words_)
    arguments_.emplace_back(buffer_.data() + start_ + word.offset, word.bytes);
  return true;
}

base::Result<bool> Parser::next_inline() {
  const auto text = TRY(line(kInlineBytesMax, "inline request"));
  if (!text) return false;
  typed_.clear();
  for (std::size_t i = 0; i < text->size();) {
    if (is_space((*text)[i])) {
      ++i;
      continue;
    }
    auto word = take_word(*text, i);
    if (!word) return broken("unbalanced quotes in request");
    typed_.push_back(*std::move(word));
  }
  arguments_.assign(typed_.begin(), typed_.end());
  return true;
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

void Writer::null_array() { out_ += version_ >= 3 ? "_\r\n" : "*-1\r\n"; }

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
