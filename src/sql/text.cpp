#include "sql/text.h"

#include <array>
#include <cctype>

namespace sql {
namespace {

bool is_word(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_' ||
         (static_cast<unsigned char>(c) & 0x80) != 0;
}

bool is_space(char c) { return std::isspace(static_cast<unsigned char>(c)) != 0; }

enum class TokenKind { kSpace, kWord, kQuoted, kSymbol };

struct Token {
  TokenKind kind;
  std::string_view text;
};

// Reads the text token by token; comments count as space.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}

  std::optional<Token> next() {
    if (at_ >= text_.size()) return std::nullopt;
    const std::size_t from = at_;
    const TokenKind kind = advance();
    return Token{kind, text_.substr(from, at_ - from)};
  }

  // The next token that is not space.
  std::optional<Token> next_solid() {
    auto token = next();
    while (token && token->kind == TokenKind::kSpace) token = next();
    return token;
  }

  std::size_t position() const { return at_; }

 private:
  bool looking_at(std::string_view what) const { return text_.substr(at_).starts_with(what); }

  TokenKind advance() {
    const char c = text_[at_];
    if (is_space(c)) {
      while (at_ < text_.size() && is_space(text_[at_])) ++at_;
      return TokenKind::kSpace;
    }
    if (looking_at("--")) {
      at_ = std::min(text_.find('\n', at_), text_.size());
      return TokenKind::kSpace;
    }
    if (looking_at("/*")) return skip_comment();
    if ((c == 'e' || c == 'E') && at_ + 1 < text_.size() && text_[at_ + 1] == '\'') {
      ++at_;
      return skip_quoted('\'', true);
    }
    if (c == '\'' || c == '"') return skip_quoted(c, false);
    if (c == '$') return skip_dollar();
    if (is_word(c)) {
      while (at_ < text_.size() && (is_word(text_[at_]) || text_[at_] == '$')) ++at_;
      return TokenKind::kWord;
    }
    ++at_;
    return TokenKind::kSymbol;
  }

  // Comments nest, as in PostgreSQL.
  TokenKind skip_comment() {
    int depth = 0;
    while (at_ < text_.size()) {
      if (looking_at("/*")) {
        ++depth;
        at_ += 2;
      } else if (looking_at("*/")) {
        at_ += 2;
        if (--depth == 0) break;
      } else {
        ++at_;
      }
    }
    return TokenKind::kSpace;
  }

  TokenKind skip_quoted(char quote, bool backslashes) {
    for (++at_; at_ < text_.size(); ++at_) {
      if (backslashes && text_[at_] == '\\') {
        ++at_;
      } else if (text_[at_] == quote) {
        if (at_ + 1 < text_.size() && text_[at_ + 1] == quote) {
          ++at_;
          continue;
        }
        ++at_;
        return TokenKind::kQuoted;
      }
    }
    at_ = text_.size();
    return TokenKind::kQuoted;
  }

  // $tag$ … $tag$; a dollar without a second one is a parameter.
  TokenKind skip_dollar() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && is_word(text_[end])) ++end;
    const bool digit =
        at_ + 1 < text_.size() && std::isdigit(static_cast<unsigned char>(text_[at_ + 1])) != 0;
    if (end >= text_.size() || text_[end] != '$' || digit) {
      at_ = end;
      return TokenKind::kSymbol;
    }
    const std::string_view tag = text_.substr(at_, end + 1 - at_);
    const std::size_t close = text_.find(tag, end + 1);
    at_ = close == std::string_view::npos ? text_.size() : close + tag.size();
    return TokenKind::kQuoted;
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string upper(std::string_view word) {
  std::string text(word);
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

struct Keyword {
  std::string_view word;
  StatementKind kind;
};

constexpr std::array<Keyword, 35> kKeywords{
    {{"SELECT", StatementKind::kSelect},     {"FROM", StatementKind::kSelect},
     {"VALUES", StatementKind::kSelect},     {"TABLE", StatementKind::kSelect},
     {"PIVOT", StatementKind::kSelect},      {"UNPIVOT", StatementKind::kSelect},
     {"SUMMARIZE", StatementKind::kSelect},  {"DESCRIBE", StatementKind::kSelect},
     {"DESC", StatementKind::kSelect},       {"SHOW", StatementKind::kSelect},
     {"INSERT", StatementKind::kInsert},     {"UPDATE", StatementKind::kUpdate},
     {"MERGE", StatementKind::kUpdate},      {"DELETE", StatementKind::kDelete},
     {"TRUNCATE", StatementKind::kDelete},   {"COPY", StatementKind::kCopy},
     {"EXPORT", StatementKind::kCopy},       {"IMPORT", StatementKind::kCopy},
     {"CREATE", StatementKind::kCreate},     {"DROP", StatementKind::kDrop},
     {"ALTER", StatementKind::kAlter},       {"SET", StatementKind::kSet},
     {"RESET", StatementKind::kSet},         {"BEGIN", StatementKind::kTransaction},
     {"START", StatementKind::kTransaction}, {"COMMIT", StatementKind::kTransaction},
     {"END", StatementKind::kTransaction},   {"ROLLBACK", StatementKind::kTransaction},
     {"ABORT", StatementKind::kTransaction}, {"EXPLAIN", StatementKind::kExplain},
     {"PRAGMA", StatementKind::kPragma},     {"ATTACH", StatementKind::kAttach},
     {"DETACH", StatementKind::kAttach},     {"LOAD", StatementKind::kLoad},
     {"INSTALL", StatementKind::kLoad}}};

StatementKind kind_of_word(std::string_view word) {
  const std::string text = upper(word);
  for (const Keyword& keyword : kKeywords) {
    if (keyword.word == text) return keyword.kind;
  }
  return text == "CALL" ? StatementKind::kCall : StatementKind::kOther;
}

bool changes(StatementKind kind) {
  return kind == StatementKind::kInsert || kind == StatementKind::kUpdate ||
         kind == StatementKind::kDelete;
}

// What stands behind the WITH list: the first word outside of parentheses that changes something.
StatementKind kind_after_with(Scanner& scanner) {
  int depth = 0;
  while (const auto token = scanner.next_solid()) {
    if (token->text == "(") ++depth;
    if (token->text == ")") --depth;
    if (token->kind != TokenKind::kWord || depth > 0) continue;
    const StatementKind kind = kind_of_word(token->text);
    if (changes(kind)) return kind;
    if (kind == StatementKind::kSelect) return kind;
  }
  return StatementKind::kSelect;
}

}  // namespace

std::vector<std::string> split_statements(std::string_view sql) {
  std::vector<std::string> statements;
  Scanner scanner(sql);
  std::size_t from = 0;
  bool solid = false;
  const auto finish = [&](std::size_t to) {
    std::string_view text = sql.substr(from, to - from);
    while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
    while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
    if (solid) statements.emplace_back(text);
    solid = false;
  };
  while (true) {
    const std::size_t at = scanner.position();
    const auto token = scanner.next();
    if (!token) break;
    if (token->text == ";") {
      finish(at);
      from = scanner.position();
    } else if (token->kind != TokenKind::kSpace) {
      solid = true;
    }
  }
  finish(sql.size());
  return statements;
}

StatementKind kind_by_words(std::string_view statement) {
  Scanner scanner(statement);
  auto token = scanner.next_solid();
  while (token && token->text == "(") token = scanner.next_solid();
  if (!token) return StatementKind::kOther;
  if (upper(token->text) == "WITH") return kind_after_with(scanner);
  return kind_of_word(token->text);
}

std::optional<StatementKind> explained_kind(std::string_view statement) {
  Scanner scanner(statement);
  auto token = scanner.next_solid();
  if (!token || upper(token->text) != "EXPLAIN") return std::nullopt;
  std::size_t behind = scanner.position();
  token = scanner.next_solid();
  while (token && (upper(token->text) == "ANALYZE" || upper(token->text) == "VERBOSE")) {
    behind = scanner.position();
    token = scanner.next_solid();
  }
  if (token && token->text == "(") {  // options: EXPLAIN (ANALYZE, FORMAT json) …
    Scanner inside = scanner;
    const auto option = inside.next_solid();
    const bool options =
        option && (upper(option->text) == "ANALYZE" || upper(option->text) == "FORMAT");
    while (options && token && token->text != ")") token = scanner.next_solid();
    if (options) behind = scanner.position();
  }
  return kind_by_words(statement.substr(behind));
}

}  // namespace sql
