// SQL text as tokens by PostgreSQL's lexical rules: enough to recognise session commands and to
// replace names without touching texts, quoted names and comments. Not a parser.
// Source: PostgreSQL documentation, "Lexical Structure".
//
// Threads: values. Tokens refer to the text that they came from.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace protocol::postgres {

struct Token {
  enum class Kind : unsigned char {
    kWord,        // unquoted name or keyword
    kQuotedName,  // "a ""b"""
    kText,        // 'a', E'a', $$a$$
    kNumber,
    kParameter,  // $1
    kSymbol,     // one character; "::" is one symbol
  };
  Kind kind = Kind::kSymbol;
  std::string_view text;  // as written
  std::size_t offset = 0;

  bool is_word(std::string_view word) const;  // `word` in lower case
  bool is(char symbol) const {
    return kind == Kind::kSymbol && text.size() == 1 && text[0] == symbol;
  }
  bool is_name() const { return kind == Kind::kWord || kind == Kind::kQuotedName; }
  std::size_t end() const { return offset + text.size(); }
};

// Comments and blanks are left out. A text, name or comment that is never closed reaches to the
// end.
std::vector<Token> tokenize(std::string_view sql);

// A name as it is looked up: unquoted ones in lower case, quoted ones without their quotes.
std::string name_of(const Token& token);
// What a text token says; E'' escapes \n, \t, \\ and \' are understood.
std::string text_of(const Token& token);

// The statements of a text, split at semicolons; empty ones are left out.
struct StatementText {
  std::string sql;
  std::size_t offset = 0;  // of its first byte in the text
};
std::vector<StatementText> split_statements(const std::string& sql);

std::string lower(std::string_view text);  // ASCII

}  // namespace protocol::postgres
