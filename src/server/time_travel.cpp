#include "server/time_travel.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>

#include "protocol/postgres/lexer.h"
#include "sql/database.h"

namespace server {
namespace {

using protocol::postgres::Token;

// Words that may follow a table without an alias, or stand in front of one.
constexpr auto kNotAliases = std::to_array<std::string_view>(
    {"from",   "join",        "where",      "left",   "right",  "inner",   "full",
     "cross",  "natural",     "on",         "using",  "group",  "order",   "limit",
     "having", "union",       "intersect",  "except", "window", "offset",  "fetch",
     "for",    "asof",        "positional", "semi",   "anti",   "qualify", "sample",
     "select", "tablesample", "lateral",    "outer",  "pivot",  "unpivot", "returning",
     "set",    "when",        "as"});

bool is_alias(const Token& token) {
  return token.kind == Token::Kind::kQuotedName ||
         (token.kind == Token::Kind::kWord &&
          std::ranges::find(kNotAliases, name_of(token)) == kNotAliases.end());
}

class Finder {
 public:
  explicit Finder(const std::string& sql) : sql_(sql), tokens_(protocol::postgres::tokenize(sql)) {}

  std::vector<TimeTravel> run() {
    std::vector<TimeTravel> found;
    for (std::size_t i = 0; i < tokens_.size(); ++i) {
      if (auto travel = at(i)) found.push_back(std::move(*travel));
    }
    return found;
  }

 private:
  bool symbol(std::size_t i, char expected) const {
    return i < tokens_.size() && tokens_[i].is(expected);
  }

  // The clause that begins at token `i`.
  std::optional<TimeTravel> at(std::size_t i) const {
    if (!tokens_[i].is_word("at") || !symbol(i + 1, '(') || i + 4 >= tokens_.size() || i == 0)
      return std::nullopt;
    TimeTravel travel;
    travel.by_time = tokens_[i + 2].is_word("timestamp");
    if (!travel.by_time && !tokens_[i + 2].is_word("version")) return std::nullopt;
    if (!symbol(i + 3, '=') || !symbol(i + 4, '>')) return std::nullopt;
    const auto close = closing(i + 1);
    if (!close || *close < i + 6) return std::nullopt;
    travel.value =
        sql_.substr(tokens_[i + 5].offset, tokens_[*close - 1].end() - tokens_[i + 5].offset);
    travel.end = tokens_[*close].end();
    if (!take_table(i - 1, travel)) return std::nullopt;
    const bool named = *close + 1 < tokens_.size() &&
                       (tokens_[*close + 1].is_word("as") || is_alias(tokens_[*close + 1]));
    if (travel.alias.empty() && !named) travel.alias = sql::quote_name(travel.name.back());
    return travel;
  }

  // The token of the bracket that closes the one at `open`.
  std::optional<std::size_t> closing(std::size_t open) const {
    int depth = 0;
    for (std::size_t i = open; i < tokens_.size(); ++i) {
      if (tokens_[i].is('(')) ++depth;
      if (tokens_[i].is(')') && --depth == 0) return i;
    }
    return std::nullopt;
  }

  // "silver.scans", "silver.scans s", "silver.scans AS s", the last token of which is `last`.
  bool take_table(std::size_t last, TimeTravel& travel) const {
    if (!tokens_[last].is_name() || !is_alias(tokens_[last])) return false;
    std::size_t end = last;
    if (last >= 2 && tokens_[last - 1].is_word("as")) {
      end = last - 2;
    } else if (last >= 1 && tokens_[last - 1].is_name() && is_alias(tokens_[last - 1])) {
      end = last - 1;
    }
    if (end != last) travel.alias = std::string(tokens_[last].text);
    if (!tokens_[end].is_name()) return false;
    std::size_t begin = end;
    while (begin >= 2 && tokens_[begin - 1].is('.') && tokens_[begin - 2].is_name()) begin -= 2;
    for (std::size_t i = begin; i <= end; i += 2) travel.name.push_back(name_of(tokens_[i]));
    travel.begin = tokens_[begin].offset;
    return true;
  }

  const std::string& sql_;
  const std::vector<Token> tokens_;
};

}  // namespace

std::vector<TimeTravel> find_time_travels(const std::string& sql) {
  if (sql.find("=>") == std::string::npos) return {};
  return Finder(sql).run();
}

std::string replace_time_travels(const std::string& sql, const std::vector<TimeTravel>& travels,
                                 const std::vector<std::string>& views) {
  std::string out;
  std::size_t copied = 0;
  for (std::size_t i = 0; i < travels.size(); ++i) {
    out.append(sql, copied, travels[i].begin - copied).append(views[i]);
    if (!travels[i].alias.empty()) out.append(" AS ").append(travels[i].alias);
    copied = travels[i].end;
  }
  return out.append(sql, copied);
}

}  // namespace server
