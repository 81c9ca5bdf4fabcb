#include "server/postgres_rewrite.h"

#include <algorithm>
#include <array>
#include <vector>

#include "protocol/postgres/lexer.h"
#include "server/sql_session_guard.h"
#include "sql/database.h"

namespace server {

namespace {

using protocol::postgres::lower;
using protocol::postgres::Token;

struct TypeRow {
  std::string_view postgres;
  std::string_view duckdb;
};
constexpr auto kTypes = std::to_array<TypeRow>({
    {"regclass", "VARCHAR"},
    {"regtype", "VARCHAR"},
    {"regproc", "VARCHAR"},
    {"regnamespace", "VARCHAR"},
    {"regrole", "VARCHAR"},
    {"name", "VARCHAR"},
    {"char", "VARCHAR"},
    {"cstring", "VARCHAR"},
    {"oid", "BIGINT"},
    {"xid", "BIGINT"},
    {"text", "VARCHAR"},
    {"int2vector", "VARCHAR"},
    {"oidvector", "VARCHAR"},
});
constexpr auto kInformationViews =
    std::to_array<std::string_view>({"tables", "columns", "schemata", "views"});

// Words that make a text worth looking at.
bool may_need_rewriting(const std::string& sql) {
  const auto text = lower(sql);
  constexpr auto kWords =
      std::to_array<std::string_view>({"pg_catalog", "information_schema", "::", "cast"});
  return std::any_of(kWords.begin(), kWords.end(),
                     [&](std::string_view word) { return text.find(word) != std::string::npos; });
}

class Rewriter {
 public:
  explicit Rewriter(const std::string& sql)
      : sql_(sql),
        tokens_(protocol::postgres::tokenize(sql)),
        asks_catalog_(lower(sql).find("pg_catalog") != std::string::npos) {}

  std::string run() {
    while (at_ < tokens_.size()) {
      if (!one()) ++at_;
    }
    out_.append(sql_, copied_);
    return std::move(out_);
  }

 private:
  const Token* token(std::size_t ahead) const {
    return at_ + ahead < tokens_.size() ? &tokens_[at_ + ahead] : nullptr;
  }
  bool word(std::size_t ahead, std::string_view expected) const {
    return token(ahead) != nullptr && token(ahead)->is_name() && name_of(*token(ahead)) == expected;
  }
  bool symbol(std::size_t ahead, char expected) const {
    return token(ahead) != nullptr && token(ahead)->is(expected);
  }
  // Whether tokens `ahead`, `ahead` + 1 are "pg_catalog.".
  std::size_t schema(std::size_t ahead) const {
    return word(ahead, "pg_catalog") && symbol(ahead + 1, '.') ? 2 : 0;
  }

  // Puts `text` in the place of the next `count` tokens.
  bool replace(std::size_t count, std::string_view text) {
    const auto& first = tokens_[at_];
    out_.append(sql_, copied_, first.offset - copied_).append(text);
    copied_ = tokens_[at_ + count - 1].end();
    at_ += count;
    return true;
  }

  bool one() {
    const auto& now = tokens_[at_];
    if (now.is_word("operator") && symbol(1, '(')) return operator_name();
    if (now.is_word("collate")) return collation();
    if (now.kind == Token::Kind::kSymbol && now.text == "::") return cast(1);
    if (now.is_word("as") && in_cast()) return cast(1);
    if (now.kind == Token::Kind::kText) return object_name() || pattern();
    if (!now.is_name()) return false;
    if (std::find(aliases_.begin(), aliases_.end(), now.offset) != aliases_.end()) {
      return replace(1, fmt::format("{0}({0})", now.text));
    }
    if (asks_catalog_ && now.is_word("generate_series")) return series();
    if (asks_catalog_ && now.is_word("json_build_object")) return replace(1, "json_object");
    if (schema(0) != 0) return replace(2, "");
    if (name_of(now) == "information_schema" && symbol(1, '.') && token(2) != nullptr)
      return information_view();
    return false;
  }

  // OPERATOR(pg_catalog.!~)
  bool operator_name() {
    std::size_t ahead = 2 + schema(2);
    std::string name;
    while (token(ahead) != nullptr && !symbol(ahead, ')')) name += token(ahead++)->text;
    if (token(ahead) == nullptr) return false;
    ended_in_operator_ = name.ends_with('~');
    return replace(ahead + 1, " " + name + " ");
  }

  bool collation() {
    const auto skip = schema(1);
    if (!word(1 + skip, "default")) return false;
    return replace(2 + skip, "");
  }

  // Whether AS stands in CAST( … AS type).
  bool in_cast() const {
    int depth = 0;
    for (std::size_t i = at_; i-- > 0;) {
      if (tokens_[i].is(')')) ++depth;
      if (tokens_[i].is('(') && depth-- == 0) return i > 0 && tokens_[i - 1].is_word("cast");
    }
    return false;
  }

  bool cast(std::size_t ahead) {
    const auto skip = schema(ahead);
    const auto* type = token(ahead + skip);
    if (type == nullptr || !type->is_name()) return false;
    const auto name = name_of(*type);
    const auto row = std::find_if(kTypes.begin(), kTypes.end(),
                                  [&](const TypeRow& r) { return r.postgres == name; });
    // "char" in quotes is PostgreSQL's one-byte type; CHAR(n) is another.
    const bool plain_char = name == "char" && type->kind == Token::Kind::kWord;
    const auto before = std::string(tokens_[at_].text) + " ";
    if (row != kTypes.end() && !plain_char)
      return replace(ahead + skip + 1, before + std::string(row->duckdb));
    if (skip == 0) return false;
    return replace(ahead + skip + 1, before + std::string(type->text));
  }

  // 'silver.scans'::regclass, and what follows it: ::oid changes nothing then.
  bool object_name() {
    if (token(1) == nullptr || token(1)->text != "::") return false;
    const auto skip = schema(2);
    if (!word(2 + skip, "regclass")) return false;
    return replace(3 + skip, "to_regclass_oid(" + std::string(tokens_[at_].text) + ")");
  }

  // DuckDB's ~ matches a whole text, PostgreSQL's a part of it. Data queries keep DuckDB's meaning.
  bool pattern() {
    if (!asks_catalog_ || at_ == 0) return false;
    const bool plain = tokens_[at_ - 1].is('~');
    const bool qualified = tokens_[at_ - 1].is(')') && ended_in_operator_;
    ended_in_operator_ = false;
    if (!plain && !qualified) return false;
    return replace(1, sql::quote_text(".*(?:" + text_of(tokens_[at_]) + ").*"));
  }

  // generate_series(…) s: PostgreSQL names the column like the table.
  bool series() {
    std::size_t ahead = 1;
    int depth = 0;
    do {
      if (token(ahead) == nullptr) return false;
      if (symbol(ahead, '(')) ++depth;
      if (symbol(ahead, ')')) --depth;
      ++ahead;
    } while (depth > 0);
    const auto* alias = token(ahead);
    if (alias == nullptr || alias->kind != Token::Kind::kWord || alias->is_word("as") ||
        symbol(ahead + 1, '(')) {
      return false;
    }
    aliases_.push_back(alias->offset);
    return false;
  }

  bool information_view() {
    const auto view = name_of(*token(2));
    if (std::find(kInformationViews.begin(), kInformationViews.end(), view) ==
        kInformationViews.end())
      return false;
    return replace(3, std::string(kCompatDatabase) + ".information." + view);
  }

  const std::string& sql_;
  std::vector<Token> tokens_;
  bool asks_catalog_;
  std::size_t at_ = 0;
  std::string out_;
  std::size_t copied_ = 0;
  bool ended_in_operator_ = false;
  std::vector<std::size_t> aliases_;  // offsets of aliases of generate_series
};

}  // namespace

std::string rewrite_for_duckdb(const std::string& sql) {
  return may_need_rewriting(sql) ? Rewriter(sql).run() : sql;
}

}  // namespace server
