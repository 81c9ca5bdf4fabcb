#include "protocol/postgres/lexer.h"

#include <algorithm>
#include <optional>

namespace protocol::postgres {

namespace {

bool is_blank(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f' || c == '\v';
}
bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_word_start(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
         static_cast<unsigned char>(c) >= 0x80;
}
bool is_word_part(char c) { return is_word_start(c) || is_digit(c) || c == '$'; }

class Lexer {
 public:
  explicit Lexer(std::string_view sql) : sql_(sql) {}

  std::vector<Token> all() {
    std::vector<Token> tokens;
    while (skip_blank()) {
      const auto start = at_;
      const auto kind = one();
      tokens.push_back({kind, sql_.substr(start, at_ - start), start});
    }
    return tokens;
  }

 private:
  char peek(std::size_t ahead = 0) const {
    return at_ + ahead < sql_.size() ? sql_[at_ + ahead] : '\0';
  }

  // False at the end of the text.
  bool skip_blank() {
    while (at_ < sql_.size()) {
      if (is_blank(peek())) {
        ++at_;
      } else if (peek() == '-' && peek(1) == '-') {
        at_ = std::min(sql_.find('\n', at_), sql_.size());
      } else if (peek() == '/' && peek(1) == '*') {
        skip_comment();
      } else {
        return true;
      }
    }
    return false;
  }

  void skip_comment() {  // they nest
    int depth = 0;
    while (at_ < sql_.size()) {
      if (peek() == '/' && peek(1) == '*') {
        ++depth;
        at_ += 2;
      } else if (peek() == '*' && peek(1) == '/') {
        at_ += 2;
        if (--depth == 0) return;
      } else {
        ++at_;
      }
    }
  }

  Token::Kind one() {
    const char c = peek();
    if (c == '\'') return quoted('\'', false), Token::Kind::kText;
    if (c == '"') return quoted('"', false), Token::Kind::kQuotedName;
    if ((c == 'e' || c == 'E') && peek(1) == '\'') {
      ++at_;
      quoted('\'', true);
      return Token::Kind::kText;
    }
    if (c == '$' && is_digit(peek(1))) {
      ++at_;
      while (is_digit(peek())) ++at_;
      return Token::Kind::kParameter;
    }
    if (c == '$' && dollar_quoted()) return Token::Kind::kText;
    if (is_word_start(c)) {
      while (at_ < sql_.size() && is_word_part(peek())) ++at_;
      return Token::Kind::kWord;
    }
    if (is_digit(c) || (c == '.' && is_digit(peek(1)))) return number(), Token::Kind::kNumber;
    at_ += c == ':' && peek(1) == ':' ? 2 : 1;
    return Token::Kind::kSymbol;
  }

  void quoted(char quote, bool escapes) {
    ++at_;
    while (at_ < sql_.size()) {
      if (escapes && peek() == '\\') {
        at_ = std::min(at_ + 2, sql_.size());
      } else if (peek() == quote && peek(1) == quote) {
        at_ += 2;
      } else if (sql_[at_++] == quote) {
        return;
      }
    }
  }

  // $tag$ … $tag$
  bool dollar_quoted() {
    auto end = at_ + 1;
    while (end < sql_.size() &&
           (is_word_start(sql_[end]) || (end > at_ + 1 && is_digit(sql_[end]))))
      ++end;
    if (end >= sql_.size() || sql_[end] != '$') return false;
    const auto tag = sql_.substr(at_, end + 1 - at_);
    const auto close = sql_.find(tag, end + 1);
    at_ = close == std::string_view::npos ? sql_.size() : close + tag.size();
    return true;
  }

  void number() {
    while (is_digit(peek()) || peek() == '.' || peek() == '_') ++at_;
    const bool exponent = peek() == 'e' || peek() == 'E';
    const bool sign = exponent && (peek(1) == '+' || peek(1) == '-');
    if (exponent && is_digit(peek(sign ? 2 : 1))) {
      at_ += sign ? 2 : 1;
      while (is_digit(peek())) ++at_;
    }
  }

  std::string_view sql_;
  std::size_t at_ = 0;
};

std::string unquote(std::string_view body, char quote, bool escapes) {
  std::string text;
  for (std::size_t i = 0; i < body.size(); ++i) {
    if (escapes && body[i] == '\\' && i + 1 < body.size()) {
      const char c = body[++i];
      text.push_back(c == 'n' ? '\n' : c == 't' ? '\t' : c == 'r' ? '\r' : c);
      continue;
    }
    text.push_back(body[i]);
    if (body[i] == quote && i + 1 < body.size() && body[i + 1] == quote) ++i;
  }
  return text;
}

std::string_view inner(std::string_view quoted) {
  quoted.remove_prefix(1);
  if (!quoted.empty()) quoted.remove_suffix(1);
  return quoted;
}

}  // namespace

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

bool Token::is_word(std::string_view word) const {
  return kind == Kind::kWord && text.size() == word.size() && lower(text) == word;
}

std::vector<Token> tokenize(std::string_view sql) { return Lexer(sql).all(); }

std::string name_of(const Token& token) {
  if (token.kind != Token::Kind::kQuotedName) return lower(token.text);
  return unquote(inner(token.text), '"', false);
}

std::string text_of(const Token& token) {
  const auto text = token.text;
  if (text.starts_with('\'')) return unquote(inner(text), '\'', false);
  if (text.starts_with('$')) {
    const auto tag = text.find('$', 1) + 1;
    return std::string(text.substr(tag, text.size() >= 2 * tag ? text.size() - 2 * tag : 0));
  }
  return unquote(inner(text.substr(1)), '\'', true);
}

std::vector<StatementText> split_statements(const std::string& sql) {
  std::vector<StatementText> statements;
  std::size_t start = std::string::npos;
  std::size_t end = 0;
  for (const auto& token : tokenize(sql)) {
    if (token.is(';')) {
      if (start != std::string::npos) statements.push_back({sql.substr(start, end - start), start});
      start = std::string::npos;
      continue;
    }
    if (start == std::string::npos) start = token.offset;
    end = token.end();
  }
  if (start != std::string::npos) statements.push_back({sql.substr(start, end - start), start});
  return statements;
}

}  // namespace protocol::postgres
